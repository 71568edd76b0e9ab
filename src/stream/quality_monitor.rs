//! Watches the samples and steps of one stream for the faults that `quality.rs` describes.

use std::sync::Arc;

use super::channel_state::ChannelState;
use super::quality::{ChannelFault, FaultKind, Quality, QualityOptions};
use super::step_bits::StepBits;
use crate::model::card::Card;
use crate::signal::SensorLimits;

/// Watches every sample and step of one stream, and judges its windows.
///
/// The caller passes each sample to [`push_sample`](Self::push_sample), then each step that the sample
/// completes to [`push_step`](Self::push_step), and calls [`end_steps`](Self::end_steps) if there was a step.
#[derive(Clone, Debug)]
pub struct QualityMonitor {
    options: QualityOptions,
    /// The steps in the time over which drift is averaged.
    drift_steps: f64,
    limits: Option<Arc<[SensorLimits]>>,
    channels: Vec<ChannelState>,
    /// The channels that changed since the previous step: bit i stands for channel i.
    changed_now: u64,
    /// The channels that were at their limits since the previous step: bit i stands for channel i.
    clipped_now: u64,
    /// The samples since the previous step.
    current: SampleCounts,
    /// The samples of each of the last W steps, as a ring.
    history: Vec<SampleCounts>,
    /// The slot of the next step in `history`.
    head: usize,
    /// The steps of the window in which any channel was at its limits.
    clipped: StepBits,
    /// The samples in `history` that were used.
    used: u64,
    /// The samples in `history` that were dropped because they were late.
    late: u64,
    /// The steps since the stream began, or since a model with other statistics was loaded.
    steps: u64,
}

/// How many samples there were within one step; at most 65,535 are counted.
#[derive(Clone, Copy, Debug, Default)]
struct SampleCounts {
    /// Those that were used.
    used: u16,
    /// Those that were dropped because they were late.
    late: u16,
}

impl QualityMonitor {
    /// Creates a monitor for a stream before its first sample. `card` is the card of the model that is
    /// served.
    pub fn new(card: &Card, options: QualityOptions) -> Self {
        let mut monitor = Self {
            options,
            drift_steps: 0.0,
            limits: None,
            channels: Vec::new(),
            changed_now: 0,
            clipped_now: 0,
            current: SampleCounts::default(),
            history: vec![SampleCounts::default(); card.window],
            head: 0,
            clipped: StepBits::new(card.window),
            used: 0,
            late: 0,
            steps: 0,
        };
        monitor.reconfigure(card, options);
        monitor
    }

    /// Continues with a model that takes the same windows, and with other options. If the statistics of the
    /// training data of a channel are different, the average that finds drift starts again.
    pub fn reconfigure(&mut self, card: &Card, options: QualityOptions) {
        self.options = options;
        self.drift_steps = card.rate * options.drift_time.as_secs_f64();
        let known = card.training.as_ref().map(|training| training.statistics.as_slice()).unwrap_or_default();
        for (index, channel) in card.channels.iter().enumerate() {
            let training = known.get(index).filter(|statistics| statistics.deviation > 0.0).copied();
            match self.channels.get_mut(index) {
                Some(state) => {
                    if state.retrain(channel, training, card.rate) {
                        self.steps = 0;
                    }
                }
                None => {
                    self.channels.push(ChannelState::new(channel.clone(), training, card.rate, card.window))
                }
            }
        }
    }

    /// Sets the limits of the sensors, one for each channel. `None` if they are not known.
    pub fn set_limits(&mut self, limits: Option<&Arc<[SensorLimits]>>) {
        self.limits = limits.cloned();
    }

    /// Adds a sample, before the steps that it completes.
    pub fn push_sample(&mut self, row: &[f32]) {
        self.current.used = self.current.used.saturating_add(1);
        for (index, (state, &value)) in self.channels.iter_mut().zip(row).enumerate() {
            let limits = self.limits.as_ref().and_then(|limits| limits.get(index));
            let bit = 1u64 << (index % 64);
            if state.push_sample(value) {
                self.changed_now |= bit;
            }
            if state.is_at_limit(value, limits) {
                self.clipped_now |= bit;
            }
        }
    }

    /// Counts a sample that was dropped because it was late.
    pub fn count_late(&mut self) {
        self.current.late = self.current.late.saturating_add(1);
    }

    /// Adds a step. A sample may complete several steps; its changes and limits then count for all of them.
    pub fn push_step(&mut self, values: &[f32]) {
        // Each sample is counted in one step only.
        let new = std::mem::take(&mut self.current);
        let slot = self.head;
        let Some(counts) = self.history.get_mut(slot) else { return };
        let old = std::mem::replace(counts, new);
        self.head = (slot + 1) % self.history.len();
        self.clipped.replace(slot, self.clipped_now != 0);
        self.used = self.used + u64::from(new.used) - u64::from(old.used);
        self.late = self.late + u64::from(new.late) - u64::from(old.late);
        self.steps = self.steps.saturating_add(1);
        // A plain mean until `drift_time` has passed, exponential weights afterwards.
        let weight = 1.0 / self.drift_steps.min(self.steps as f64);
        for (index, (state, &value)) in self.channels.iter_mut().zip(values).enumerate() {
            let bit = 1u64 << (index % 64);
            state.count(slot, self.changed_now & bit != 0, self.clipped_now & bit != 0);
            state.average(f64::from(value), weight);
        }
    }

    /// Ends the steps that a sample completed: the next step has only what comes after them.
    pub fn end_steps(&mut self) {
        (self.changed_now, self.clipped_now) = (0, 0);
    }

    /// Empties the window. Faults last until the next full window is judged.
    pub fn clear(&mut self) {
        self.current = SampleCounts::default();
        self.history.fill(SampleCounts::default());
        self.clipped.clear();
        (self.changed_now, self.clipped_now, self.used, self.late) = (0, 0, 0, 0);
        self.channels.iter_mut().for_each(ChannelState::clear);
    }

    /// The samples of the window that were used, for each of its steps.
    pub(super) fn samples_per_step(&self) -> f64 {
        self.used as f64 / self.history.len().max(1) as f64
    }

    /// Judges the full window. `measured` is the share of its steps that were measured rather than
    /// interpolated.
    pub fn quality(&mut self, measured: f64) -> Quality {
        let steps = self.history.len().max(1);
        let options = self.options;
        let drift_is_known = self.steps as f64 >= self.drift_steps;
        let mut quality = Quality {
            measured,
            clipped: f64::from(self.clipped.count()) / steps as f64,
            late: self.late as f64 / (self.late + self.used).max(1) as f64,
            ..Quality::default()
        };
        for state in &mut self.channels {
            state.judge(steps as u32, &options, drift_is_known);
            let mut add = |kind, blocks_decision| {
                quality.faults.push(ChannelFault { channel: state.channel.clone(), kind, blocks_decision });
            };
            // A saturated channel does not change either, so it is not reported as stuck as well.
            if state.saturated {
                let share = f64::from(state.clipped.count()) / steps as f64;
                add(FaultKind::Saturated { share }, options.unknown_when_saturated);
            } else if state.stuck {
                add(FaultKind::Stuck { value: state.last_value }, options.unknown_when_stuck);
            }
            let Some(training) = state.training.filter(|_| drift_is_known) else { continue };
            let distance = state.z_square.sqrt();
            quality.drift = Some(quality.drift.map_or(distance, |other: f64| other.max(distance)));
            if state.drifted {
                let mean = training.mean + training.deviation * state.z_mean;
                add(FaultKind::Drifted { mean, distance, training }, false);
            }
        }
        quality
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::model::card::{Statistics, TrainingSummary};
    use crate::signal::Channel;

    fn card() -> Card {
        let mut card = Card::of_test(20, 1, &["a", "b"]);
        card.channels.push(Channel::in_ampere("right"));
        let statistics = Statistics { mean: 1.0, deviation: 0.5, min: -0.5, max: 3.0, still: 0.0 };
        card.training = Some(TrainingSummary::of_test(vec![statistics; 2]));
        card
    }

    fn options() -> QualityOptions {
        QualityOptions { drift_time: Duration::from_secs(2), ..QualityOptions::default() }
    }

    /// Pushes one step for each sample, as at the model's own rate, and returns the quality of the last
    /// window.
    fn run(monitor: &mut QualityMonitor, rows: impl IntoIterator<Item = [f32; 2]>) -> Quality {
        for row in rows {
            monitor.push_sample(&row);
            monitor.push_step(&row);
            monitor.end_steps();
        }
        monitor.quality(1.0)
    }

    /// The currents of two motors with working sensors.
    fn healthy(from: usize, count: usize) -> impl Iterator<Item = [f32; 2]> {
        (from..from + count).map(|i| [1.0 + 0.5 * (i as f32).sin(), 1.0 + 0.5 * (0.7 * i as f32).cos()])
    }

    fn reasons(quality: &Quality) -> Vec<String> {
        quality.faults.iter().map(ChannelFault::reason).collect()
    }

    #[test]
    fn a_stuck_channel_is_reported_until_it_changes_again() {
        let mut monitor = QualityMonitor::new(&card(), options());
        assert!(run(&mut monitor, healthy(0, 40)).faults.is_empty());
        let stuck = run(&mut monitor, healthy(40, 21).map(|[left, _]| [left, 1.25]));
        assert_eq!(reasons(&stuck), ["right is stuck"]);
        assert_eq!(
            stuck.blocking_fault().unwrap().detail(),
            "right stays at 1.25 A; check the sensor and its wires"
        );
        assert_eq!(
            reasons(&run(&mut monitor, healthy(61, 2))),
            ["right is stuck"],
            "most of the window is from before"
        );
        assert!(run(&mut monitor, healthy(63, 10)).faults.is_empty());
    }

    #[test]
    fn a_channel_that_did_not_change_in_the_training_data_is_never_stuck() {
        let mut card = card();
        if let Some(training) = &mut card.training {
            training.statistics[1].deviation = 0.0;
        }
        let mut monitor = QualityMonitor::new(&card, options());
        assert!(run(&mut monitor, healthy(0, 60).map(|[left, _]| [left, 1.0])).faults.is_empty());
    }

    #[test]
    fn a_channel_that_stood_still_in_the_training_data_is_stuck_after_twice_that_time() {
        let mut card = card();
        let still = 40.0 / card.rate;
        if let Some(training) = &mut card.training {
            training.statistics[1].still = still;
        }
        let mut monitor = QualityMonitor::new(&card, options());
        run(&mut monitor, healthy(0, 40));
        let still = |from, count| healthy(from, count).map(|[left, _]| [left, 1.25]);
        // The first of them is a change.
        assert!(run(&mut monitor, still(40, 81)).faults.is_empty());
        assert_eq!(reasons(&run(&mut monitor, still(121, 1))), ["right is stuck"]);
        assert!(run(&mut monitor, healthy(122, 1)).faults.is_empty());
    }

    #[test]
    fn equal_extremes_in_a_row_are_clipped_but_a_motor_at_rest_is_not() {
        let mut monitor = QualityMonitor::new(&card(), options());
        // The last eight of every ten samples are at the end of the converter's range.
        let cut = |(i, [left, right]): (usize, [f32; 2])| [if i % 10 < 2 { left } else { 3.0 }, right];
        let quality = run(&mut monitor, healthy(0, 60).enumerate().map(cut));
        assert_eq!(reasons(&quality), ["current is saturated"]);
        assert_eq!(quality.clipped, 0.4, "from the fifth sample in a row on");
        assert!(run(&mut monitor, healthy(60, 20)).faults.is_empty());
        let mut monitor = QualityMonitor::new(&card(), options());
        let rest = run(&mut monitor, healthy(0, 60).map(|[_, right]| [0.0, right]));
        assert_eq!((reasons(&rest), rest.clipped), (vec!["current is stuck".to_owned()], 0.0));
    }

    #[test]
    fn with_known_limits_the_first_sample_at_a_limit_counts() {
        let mut monitor = QualityMonitor::new(&card(), options());
        let limits: Arc<[SensorLimits]> =
            [SensorLimits { min: 0.6, max: 1.4 }, SensorLimits::default()].into();
        monitor.set_limits(Some(&limits));
        let quality = run(&mut monitor, healthy(0, 40));
        let at = |[left, _]: &[f32; 2]| *left <= 0.6 || *left >= 1.4;
        let expected = healthy(20, 20).filter(at).count();
        assert_eq!(quality.clipped, expected as f64 / 20.0);
        assert_eq!(reasons(&quality), ["current is saturated"]);
    }

    #[test]
    fn drift_is_reported_with_its_numbers_after_the_drift_time_and_ends() {
        let mut monitor = QualityMonitor::new(&card(), options());
        let drift = run(&mut monitor, healthy(0, 199)).drift;
        assert_eq!(drift, None, "not in the first two seconds");
        let quality = run(&mut monitor, healthy(199, 400));
        assert!(quality.drift.unwrap() < 1.1 && quality.faults.is_empty(), "{quality:?}");
        let far = |[left, right]: [f32; 2]| [left + 2.0, right];
        let quality = run(&mut monitor, healthy(600, 1000).map(far));
        assert_eq!(reasons(&quality), ["current has drifted"]);
        let detail = quality.faults[0].detail();
        let numbers =
            "A on average, but 1.000 \u{b1} 0.500 A in the training data (root mean square z-score 4.1)";
        assert!(detail.contains(numbers), "{detail}");
        assert!(quality.blocking_fault().is_none(), "drift is only reported");
        assert!(run(&mut monitor, healthy(1600, 1000)).faults.is_empty());
    }

    #[test]
    fn one_absurd_sample_is_not_a_drift() {
        let mut monitor = QualityMonitor::new(&card(), options());
        run(&mut monitor, healthy(0, 400));
        let quality = run(&mut monitor, [[1e30, 1.0]]);
        assert!(quality.faults.is_empty(), "{quality:?}");
    }

    #[test]
    fn late_samples_count_until_they_leave_the_window() {
        let mut monitor = QualityMonitor::new(&card(), options());
        run(&mut monitor, healthy(0, 20));
        (0..5).for_each(|_| monitor.count_late());
        assert_eq!(run(&mut monitor, healthy(20, 1)).late, 0.2);
        assert_eq!(run(&mut monitor, healthy(21, 20)).late, 0.0);
    }

    #[test]
    fn drift_is_averaged_anew_for_a_model_with_other_statistics() {
        let mut monitor = QualityMonitor::new(&card(), options());
        run(&mut monitor, healthy(0, 400));
        monitor.reconfigure(&card(), options());
        assert!(run(&mut monitor, healthy(400, 1)).drift.is_some());
        let mut other = card();
        if let Some(training) = &mut other.training {
            training.statistics[0].mean = 2.0;
        }
        monitor.reconfigure(&other, options());
        assert!(run(&mut monitor, healthy(401, 1)).drift.is_none());
    }

    proptest! {
        #[test]
        fn a_surface_with_a_ninth_of_the_training_data_is_never_drift(
            surface in 0usize..9,
            noise in 0.0f64..0.1,
        ) {
            // The statistics of nine surfaces, one of them far from the others, and a drive over only one of
            // them.
            let mean_of = |surface: usize| if surface == 0 { 5.0 } else { 1.0 + 0.01 * surface as f64 };
            let means: Vec<f64> = (0..9).map(mean_of).collect();
            let mean = means.iter().sum::<f64>() / 9.0;
            let variance = means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / 9.0 + 0.5 * noise * noise;
            let mut card = card();
            let statistics = Statistics { mean, deviation: variance.sqrt(), min: -9.0, max: 9.0, still: 0.0 };
            card.training = Some(TrainingSummary::of_test(vec![statistics; 2]));
            let mut monitor = QualityMonitor::new(&card, options());
            let rows = (0..1000).map(|i| [(means[surface] + noise * f64::from(i).sin()) as f32; 2]);
            let quality = run(&mut monitor, rows);
            prop_assert!(quality.faults.iter().all(|fault| fault.kind.name() != "drifted"), "{quality:?}");
        }
    }
}
