//! One stream's samples and steps, looked at for what [`quality`](crate::stream::quality) tells of.
//!
//! It does no I/O and reads no clock, so that a recording gives what the drive gave.

use std::sync::Arc;

use super::quality::{ChannelFault, FaultKind, Quality, QualityOptions};
use crate::model::card::{Card, Statistics};
use crate::signal::{Channel, SensorLimits};

/// Equal samples in a row at an extreme before they count as clipped.
const RUN: u32 = 5;
/// A stuck channel is well again when the share of a window's steps in which it changes is one in this many.
const MOVING: u32 = 4;
/// Drift ends below this share of what it begins at.
const DRIFT_ENDS: f64 = 0.8;
/// One wild sample counts as this many deviations at the most.
const FAR: f64 = 10.0;

/// Looks at every sample and step of one stream.
#[derive(Clone, Debug)]
pub struct QualityMonitor {
    options: QualityOptions,
    rate: f64,
    limits: Option<Arc<[SensorLimits]>>,
    channels: Vec<ChannelState>,
    /// What came since the step before.
    now: StepFlags,
    flags: Vec<StepFlags>,
    head: usize,
    /// Steps with a channel at its limits, and samples, in `flags`.
    clipped: u32,
    taken: u64,
    late: u64,
    /// Steps of the stream so far.
    steps: u64,
}

/// What came within one step; a bit a channel.
#[derive(Clone, Copy, Debug, Default)]
struct StepFlags {
    moved: u64,
    clipped: u64,
    taken: u32,
    late: u32,
}

/// One channel.
#[derive(Clone, Debug)]
struct ChannelState {
    channel: Channel,
    /// What training had; none where nothing is known, or it never changed.
    training: Option<Statistics>,
    last: f32,
    run: u32,
    /// Steps of the window in which it changed, and in which it was at its limits.
    moved: u32,
    clipped: u32,
    stuck: bool,
    saturated: bool,
    drifted: bool,
    /// The mean distance from the training's mean, and the mean square of it, in deviations.
    mean: f64,
    square: f64,
}

impl QualityMonitor {
    /// A gauge before the first sample of a stream.
    pub fn new(card: &Card, options: QualityOptions) -> Self {
        let mut monitor = Self {
            options,
            rate: card.rate,
            limits: None,
            channels: Vec::new(),
            now: StepFlags::default(),
            flags: vec![StepFlags::default(); card.window],
            head: 0,
            clipped: 0,
            taken: 0,
            late: 0,
            steps: 0,
        };
        monitor.reconfigure(card, options);
        monitor
    }

    /// Goes on for a model of the same windows. Where its training had other statistics, drift is looked at anew.
    pub fn reconfigure(&mut self, card: &Card, options: QualityOptions) {
        self.options = options;
        let known = card.training.as_ref().map(|training| training.statistics.as_slice()).unwrap_or_default();
        for (index, channel) in card.channels.iter().enumerate() {
            let training = known.get(index).filter(|statistics| statistics.deviation > 0.0).copied();
            match self.channels.get_mut(index) {
                Some(state) if state.training == training => state.channel.clone_from(channel),
                Some(state) => {
                    (state.training, state.mean, state.square, state.drifted) = (training, 0.0, 0.0, false);
                    state.channel.clone_from(channel);
                    self.steps = 0;
                }
                None => self.channels.push(ChannelState::new(channel.clone(), training)),
            }
        }
    }

    /// Says where the sensors' limits are, as far as they are known.
    pub fn limit(&mut self, limits: Option<&Arc<[SensorLimits]>>) {
        self.limits = limits.cloned();
    }

    /// Takes a sample, before the steps that it completes.
    pub fn sample(&mut self, row: &[f32]) {
        self.now.taken += 1;
        for (index, (state, &value)) in self.channels.iter_mut().zip(row).enumerate() {
            let limits = self.limits.as_ref().and_then(|limits| limits.get(index));
            let bit = 1u64 << (index % 64);
            if state.changes(value) {
                self.now.moved |= bit;
            }
            if state.is_at_limit(value, limits) {
                self.now.clipped |= bit;
            }
        }
    }

    /// Counts a sample that came too late.
    pub fn late(&mut self) {
        self.now.late += 1;
    }

    /// Takes a step. More than one may be completed by a sample: what came with it holds for all of them.
    pub fn step(&mut self, values: &[f32]) {
        let now = self.now;
        let Some(slot) = self.flags.get_mut(self.head) else { return };
        let old = std::mem::replace(slot, now);
        self.head = (self.head + 1) % self.flags.len();
        self.clipped = self.clipped + u32::from(now.clipped != 0) - u32::from(old.clipped != 0);
        self.taken = self.taken + u64::from(now.taken) - u64::from(old.taken);
        self.late = self.late + u64::from(now.late) - u64::from(old.late);
        // Samples are counted once.
        (self.now.taken, self.now.late) = (0, 0);
        self.steps = self.steps.saturating_add(1);
        let weight = (1.0 / (self.rate * self.options.drift_time.as_secs_f64())).max(1.0 / self.steps as f64);
        for (index, (state, &value)) in self.channels.iter_mut().zip(values).enumerate() {
            let bit = 1u64 << (index % 64);
            state.moved = state.moved + u32::from(now.moved & bit != 0) - u32::from(old.moved & bit != 0);
            state.clipped =
                state.clipped + u32::from(now.clipped & bit != 0) - u32::from(old.clipped & bit != 0);
            state.drift(f64::from(value), weight);
        }
    }

    /// Ends what a sample completed.
    pub fn stepped(&mut self) {
        (self.now.moved, self.now.clipped) = (0, 0);
    }

    /// Forgets the window; what was found wrong stays until a window says otherwise.
    pub fn clear(&mut self) {
        self.now = StepFlags::default();
        self.flags.fill(StepFlags::default());
        (self.clipped, self.taken, self.late) = (0, 0, 0);
        for state in &mut self.channels {
            (state.moved, state.clipped, state.run, state.last) = (0, 0, 0, f32::NAN);
        }
    }

    /// How far the full window can be trusted, of whose steps the share `measured` was measured.
    pub fn quality(&mut self, measured: f64) -> Quality {
        let steps = self.flags.len().max(1);
        let options = self.options;
        let warm = self.steps as f64 >= self.rate * options.drift_time.as_secs_f64();
        let mut quality = Quality {
            measured,
            clipped: f64::from(self.clipped) / steps as f64,
            late: self.late as f64 / (self.late + self.taken).max(1) as f64,
            ..Quality::default()
        };
        for state in &mut self.channels {
            state.judge(steps as u32, &options, warm);
            let mut add = |kind, withholds| {
                quality.faults.push(ChannelFault { channel: state.channel.clone(), kind, withholds });
            };
            if state.saturated {
                let share = f64::from(state.clipped) / steps as f64;
                add(FaultKind::Saturated { share }, options.unknown_when_saturated);
            } else if state.stuck {
                add(FaultKind::Stuck { value: state.last }, options.unknown_when_stuck);
            }
            let Some(training) = state.training.filter(|_| warm) else { continue };
            let distance = state.square.sqrt();
            quality.drift = Some(quality.drift.map_or(distance, |other: f64| other.max(distance)));
            if state.drifted {
                let mean = training.mean + training.deviation * state.mean;
                add(FaultKind::Drifted { mean, distance, training }, false);
            }
        }
        quality
    }
}

impl ChannelState {
    fn new(channel: Channel, training: Option<Statistics>) -> Self {
        Self {
            channel,
            training,
            last: f32::NAN,
            run: 0,
            moved: 0,
            clipped: 0,
            stuck: false,
            saturated: false,
            drifted: false,
            mean: 0.0,
            square: 0.0,
        }
    }

    fn changes(&mut self, value: f32) -> bool {
        let first = self.last.is_nan();
        let equal = value == self.last;
        self.run = if equal { self.run.saturating_add(1) } else { 1 };
        self.last = value;
        !equal && !first
    }

    fn is_at_limit(&self, value: f32, limits: Option<&SensorLimits>) -> bool {
        match (limits.filter(|limits| limits.are_known()), self.training) {
            (Some(limits), _) => value <= limits.min || value >= limits.max,
            (None, Some(training)) => {
                let value = f64::from(value);
                self.run >= RUN && value != 0.0 && (value <= training.min || value >= training.max)
            }
            (None, None) => false,
        }
    }

    fn drift(&mut self, value: f64, weight: f64) {
        let Some(training) = self.training else { return };
        let far = ((value - training.mean) / training.deviation).clamp(-FAR, FAR);
        self.mean += weight * (far - self.mean);
        self.square += weight * (far * far - self.square);
    }

    fn judge(&mut self, steps: u32, options: &QualityOptions, warm: bool) {
        let share = f64::from(self.clipped) / f64::from(steps);
        self.saturated = share >= options.clipped || (self.saturated && share >= options.clipped / 2.0);
        let Some(_) = self.training else { return };
        self.stuck = self.moved == 0 || (self.stuck && self.moved < steps / MOVING);
        let distance = self.square.sqrt();
        let drifts = distance > options.drift || (self.drifted && distance >= DRIFT_ENDS * options.drift);
        self.drifted = warm && drifts;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::model::card::TrainingSummary;

    fn card() -> Card {
        let mut card = Card::of_test(20, 1, &["a", "b"]);
        card.channels.push(Channel::in_ampere("right"));
        let statistics = Statistics { mean: 1.0, deviation: 0.5, min: -0.5, max: 3.0 };
        card.training = Some(TrainingSummary::of_test(vec![statistics; 2]));
        card
    }

    fn options() -> QualityOptions {
        QualityOptions { drift_time: Duration::from_secs(2), ..QualityOptions::default() }
    }

    /// One step a sample, as at the model's own rate; gives the last window.
    fn run(monitor: &mut QualityMonitor, rows: impl IntoIterator<Item = [f32; 2]>) -> Quality {
        for row in rows {
            monitor.sample(&row);
            monitor.step(&row);
            monitor.stepped();
        }
        monitor.quality(1.0)
    }

    /// The current of a motor that is well.
    fn well(from: usize, count: usize) -> impl Iterator<Item = [f32; 2]> {
        (from..from + count).map(|i| [1.0 + 0.5 * (i as f32).sin(), 1.0 + 0.5 * (0.7 * i as f32).cos()])
    }

    fn reasons(quality: &Quality) -> Vec<String> {
        quality.faults.iter().map(ChannelFault::reason).collect()
    }

    #[test]
    fn a_stuck_channel_is_named_and_is_well_again_when_it_moves() {
        let mut monitor = QualityMonitor::new(&card(), options());
        assert!(run(&mut monitor, well(0, 40)).faults.is_empty());
        let stuck = run(&mut monitor, well(40, 21).map(|[left, _]| [left, 1.25]));
        assert_eq!(reasons(&stuck), ["right is stuck"]);
        assert_eq!(
            stuck.withheld().unwrap().detail(),
            "right stays at 1.25 A; check the sensor and its wires"
        );
        assert_eq!(
            reasons(&run(&mut monitor, well(61, 2))),
            ["right is stuck"],
            "the window is still of before"
        );
        assert!(run(&mut monitor, well(63, 10)).faults.is_empty());
    }

    #[test]
    fn a_channel_that_stood_still_in_training_too_is_not_stuck() {
        let mut card = card();
        if let Some(training) = &mut card.training {
            training.statistics[1].deviation = 0.0;
        }
        let mut monitor = QualityMonitor::new(&card, options());
        assert!(run(&mut monitor, well(0, 60).map(|[left, _]| [left, 1.0])).faults.is_empty());
    }

    #[test]
    fn a_row_of_equal_extremes_is_clipped_and_rest_is_not() {
        let mut monitor = QualityMonitor::new(&card(), options());
        // Every other second half of 10 steps is cut off at the converter's end.
        let cut = |(i, [left, right]): (usize, [f32; 2])| [if i % 10 < 2 { left } else { 3.0 }, right];
        let quality = run(&mut monitor, well(0, 60).enumerate().map(cut));
        assert_eq!(reasons(&quality), ["current is saturated"]);
        assert_eq!(quality.clipped, 0.4, "from the fifth in a row on");
        assert!(run(&mut monitor, well(60, 20)).faults.is_empty());
        let mut monitor = QualityMonitor::new(&card(), options());
        let rest = run(&mut monitor, well(0, 60).map(|[_, right]| [0.0, right]));
        assert_eq!((reasons(&rest), rest.clipped), (vec!["current is stuck".to_owned()], 0.0));
    }

    #[test]
    fn known_limits_clip_at_the_first_sample() {
        let mut monitor = QualityMonitor::new(&card(), options());
        let limits: Arc<[SensorLimits]> =
            [SensorLimits { min: 0.6, max: 1.4 }, SensorLimits::default()].into();
        monitor.limit(Some(&limits));
        let quality = run(&mut monitor, well(0, 40));
        let at = |[left, _]: &[f32; 2]| *left <= 0.6 || *left >= 1.4;
        let expected = well(20, 20).filter(at).count();
        assert_eq!(quality.clipped, expected as f64 / 20.0);
        assert_eq!(reasons(&quality), ["current is saturated"]);
    }

    #[test]
    fn drift_is_told_with_its_numbers_after_a_while_and_ends() {
        let mut monitor = QualityMonitor::new(&card(), options());
        let drift = run(&mut monitor, well(0, 199)).drift;
        assert_eq!(drift, None, "not in the first two seconds");
        let quality = run(&mut monitor, well(199, 400));
        assert!(quality.drift.unwrap() < 1.1 && quality.faults.is_empty(), "{quality:?}");
        let far = |[left, right]: [f32; 2]| [left + 2.0, right];
        let quality = run(&mut monitor, well(600, 1000).map(far));
        assert_eq!(reasons(&quality), ["current has drifted"]);
        let detail = quality.faults[0].detail();
        let numbers = "A on average, 4.1 times as far from the training's 1.000 \u{b1} 0.500 A";
        assert!(detail.contains(numbers), "{detail}");
        assert!(quality.withheld().is_none(), "it is told, and no more");
        assert!(run(&mut monitor, well(1600, 1000)).faults.is_empty());
    }

    #[test]
    fn one_wild_sample_is_no_drift() {
        let mut monitor = QualityMonitor::new(&card(), options());
        run(&mut monitor, well(0, 400));
        let quality = run(&mut monitor, [[1e30, 1.0]]);
        assert!(quality.faults.is_empty(), "{quality:?}");
    }

    #[test]
    fn late_samples_are_a_share_of_the_window_and_leave_with_it() {
        let mut monitor = QualityMonitor::new(&card(), options());
        run(&mut monitor, well(0, 20));
        (0..5).for_each(|_| monitor.late());
        assert_eq!(run(&mut monitor, well(20, 1)).late, 0.2);
        assert_eq!(run(&mut monitor, well(21, 20)).late, 0.0);
    }

    #[test]
    fn a_model_with_other_statistics_looks_for_drift_anew() {
        let mut monitor = QualityMonitor::new(&card(), options());
        run(&mut monitor, well(0, 400));
        monitor.reconfigure(&card(), options());
        assert!(run(&mut monitor, well(400, 1)).drift.is_some());
        let mut other = card();
        if let Some(training) = &mut other.training {
            training.statistics[0].mean = 2.0;
        }
        monitor.reconfigure(&other, options());
        assert!(run(&mut monitor, well(401, 1)).drift.is_none());
    }

    proptest! {
        #[test]
        fn any_mix_of_parts_that_are_a_ninth_of_training_never_drifts(part in 0usize..9, noise in 0.0f64..0.1) {
            // Nine surfaces, one far from the rest: the statistics of all, and a drive on one alone.
            let means: Vec<f64> = (0..9).map(|surface| if surface == 0 { 5.0 } else { 1.0 + 0.01 * surface as f64 }).collect();
            let mean = means.iter().sum::<f64>() / 9.0;
            let variance = means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / 9.0 + 0.5 * noise * noise;
            let mut card = card();
            let statistics = Statistics { mean, deviation: variance.sqrt(), min: -9.0, max: 9.0 };
            card.training = Some(TrainingSummary::of_test(vec![statistics; 2]));
            let mut monitor = QualityMonitor::new(&card, options());
            let rows = (0..1000).map(|i| { let value = means[part] + noise * f64::from(i).sin(); [value as f32; 2] });
            let quality = run(&mut monitor, rows);
            prop_assert!(quality.faults.iter().all(|fault| fault.kind.name() != "drifted"), "{quality:?}");
        }
    }
}
