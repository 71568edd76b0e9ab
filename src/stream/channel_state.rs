//! The state of one channel of a stream, from which its faults are judged.

use super::quality::QualityOptions;
use super::step_bits::StepBits;
use crate::model::card::Statistics;
use crate::signal::{Channel, SensorLimits};

/// If a sensor's limits are not known, a sample at an extreme counts as clipped from this many equal ones in
/// a row on.
const CLIPPED_RUN: u32 = 5;
/// A channel is no longer stuck when it changes in at least one out of this many steps of a window.
const RECOVERY_STEPS: u32 = 4;
/// A channel that stood still in the training data, too, is stuck after this many times the time it stood still there.
const STILL_FACTOR: f64 = 2.0;
/// A channel no longer drifts below this share of the limit at which drift begins.
const DRIFT_RECOVERY: f64 = 0.8;
/// Z-scores are limited to this, so that a single absurd sample is no drift.
const MAX_Z_SCORE: f64 = 10.0;

/// The state of one channel. The caller counts steps in and out of its window.
#[derive(Clone, Debug)]
pub(super) struct ChannelState {
    pub(super) channel: Channel,
    /// The statistics of the channel in the training data. `None` if they are not known, or if the channel
    /// did not change there.
    pub(super) training: Option<Statistics>,
    /// The value of the newest sample, NaN before the first.
    pub(super) last_value: f32,
    /// How many samples in a row had this value.
    equal_run: u32,
    /// The steps of the window in which the channel changed.
    changed: StepBits,
    /// The steps since the channel changed.
    unchanged: u64,
    /// The steps without a change that may be ordinary; 0 if it changed in each window of the training data.
    may_be_still: u64,
    /// The steps of the window in which the channel was at its limits.
    pub(super) clipped: StepBits,
    pub(super) stuck: bool,
    pub(super) saturated: bool,
    pub(super) drifted: bool,
    /// The weighted mean of the z-scores.
    pub(super) z_mean: f64,
    /// The weighted mean of the squared z-scores.
    pub(super) z_square: f64,
}

impl ChannelState {
    /// The state before the first sample, for windows of `steps` steps. `rate` is that of the steps, in Hz.
    pub(super) fn new(channel: Channel, training: Option<Statistics>, rate: f64, steps: usize) -> Self {
        Self {
            channel,
            training,
            last_value: f32::NAN,
            equal_run: 0,
            changed: StepBits::new(steps),
            unchanged: 0,
            may_be_still: may_be_still(training, rate),
            clipped: StepBits::new(steps),
            stuck: false,
            saturated: false,
            drifted: false,
            z_mean: 0.0,
            z_square: 0.0,
        }
    }

    /// Continues with the statistics of another model, and returns whether they differ. If they do, the averages of
    /// the z-score start again.
    pub(super) fn retrain(&mut self, channel: &Channel, training: Option<Statistics>, rate: f64) -> bool {
        self.channel.clone_from(channel);
        self.may_be_still = may_be_still(training, rate);
        if self.training == training {
            return false;
        }
        (self.training, self.z_mean, self.z_square, self.drifted) = (training, 0.0, 0.0, false);
        true
    }

    /// Empties the window.
    pub(super) fn clear(&mut self) {
        self.changed.clear();
        self.clipped.clear();
        (self.unchanged, self.equal_run) = (0, 0);
        self.last_value = f32::NAN;
    }

    /// Adds a sample's value and returns whether it differs from the one before.
    pub(super) fn push_sample(&mut self, value: f32) -> bool {
        let first = self.last_value.is_nan();
        let equal = value == self.last_value;
        self.equal_run = if equal { self.equal_run.saturating_add(1) } else { 1 };
        self.last_value = value;
        !equal && !first
    }

    /// Whether the sample that was added last, which has this value, is at the sensor's limits.
    pub(super) fn is_at_limit(&self, value: f32, limits: Option<&SensorLimits>) -> bool {
        match (limits.filter(|limits| limits.are_known()), self.training) {
            (Some(limits), _) => value <= limits.min || value >= limits.max,
            (None, Some(training)) => {
                let value = f64::from(value);
                self.equal_run >= CLIPPED_RUN
                    && value != 0.0
                    && (value <= training.min || value >= training.max)
            }
            (None, None) => false,
        }
    }

    /// Adds a step to the window, in which the channel changed or was at its limits, in the slot of the oldest one.
    pub(super) fn count(&mut self, slot: usize, changed: bool, clipped: bool) {
        self.changed.replace(slot, changed);
        self.clipped.replace(slot, clipped);
        self.unchanged = if changed { 0 } else { self.unchanged.saturating_add(1) };
    }

    /// Adds a step's value to the averages of the z-score, with the given weight.
    pub(super) fn average(&mut self, value: f64, weight: f64) {
        let Some(training) = self.training else { return };
        let z_score = ((value - training.mean) / training.deviation).clamp(-MAX_Z_SCORE, MAX_Z_SCORE);
        self.z_mean += weight * (z_score - self.z_mean);
        self.z_square += weight * (z_score * z_score - self.z_square);
    }

    /// Updates the faults after a window of `steps` steps.
    pub(super) fn judge(&mut self, steps: u32, options: &QualityOptions, drift_is_known: bool) {
        let share = f64::from(self.clipped.count()) / f64::from(steps);
        self.saturated = share >= options.clipped || (self.saturated && share >= options.clipped / 2.0);
        if self.training.is_none() {
            return;
        }
        // Where it is ordinary to stand still, a single change shows that the sensor works.
        let recovery = if self.may_be_still == 0 { steps / RECOVERY_STEPS } else { 1 };
        self.stuck = if self.stuck {
            self.changed.count() < recovery
        } else {
            self.changed.count() == 0 && self.unchanged > self.may_be_still
        };
        let distance = self.z_square.sqrt();
        let drifts = distance > options.drift || (self.drifted && distance >= DRIFT_RECOVERY * options.drift);
        self.drifted = drift_is_known && drifts;
    }
}

/// The steps without a change that may be ordinary.
fn may_be_still(training: Option<Statistics>, rate: f64) -> u64 {
    // A number that is too large becomes the largest integer.
    training.map_or(0.0, |training| STILL_FACTOR * training.still * rate) as u64
}
