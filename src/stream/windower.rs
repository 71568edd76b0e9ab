//! One stream from samples to windows. The daemon and the trainer share this code.
//!
//! A sample passes through these stages:
//!
//! 1. Samples with a value that is not finite, or absurdly large, are dropped.
//! 2. If `[window] reorder` is set, samples wait that long in a buffer, where they are sorted by time.
//! 3. The [`TimeUnwrapper`] drops duplicate and late samples. At a gap or a restart of the clock the window
//!    is emptied.
//! 4. The [`Resampler`] turns samples into steps at the model's rate.
//! 5. The [`WindowRing`] collects the steps and emits a window each hop, with the [`QualityMonitor`]'s
//!    judgement.

use std::collections::VecDeque;
use std::sync::Arc;

use super::quality::QualityOptions;
use super::quality_monitor::QualityMonitor;
use super::resampler::Resampler;
use super::ring::WindowRing;
use super::timing::{Placement, RateFault, RateMeter, TimeUnwrapper};
use super::window::{ResetReason, Window, WindowerOutput};
use crate::model::card::Card;
use crate::signal::{DropReason, Drops, Samples, Time};

/// The maximum number of samples in the reorder buffer. If there are more, the oldest leave it early.
const MAX_REORDERED: usize = 4096;

/// The largest magnitude of a value, in any unit. Squares and sums of larger ones may overflow in a model.
const MAX_VALUE: f32 = 1e15;

/// A stream with more samples than this for each step of the window is not too slow.
const MAX_SLOW_SHARE: f64 = 0.6;

/// How the windows of a stream are made.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowerOptions {
    /// The card of the model that the windows are for. It has the channels, the rate and the window length. All streams
    /// share it, because it also lists what the model was trained on.
    pub card: Arc<Card>,
    /// Steps between two windows.
    pub hop: usize,
    /// How long samples wait to be sorted by time, in nanoseconds. 0 switches sorting off.
    pub reorder: i64,
    /// When a channel has a fault.
    pub quality: QualityOptions,
}

impl WindowerOptions {
    /// The options for a model's own hop, without sorting, and with the default quality options.
    pub fn of(card: &Card) -> Self {
        Self { card: Arc::new(card.clone()), hop: card.hop, reorder: 0, quality: QualityOptions::default() }
    }
}

/// The state of one stream, from its samples to its windows.
#[derive(Clone, Debug)]
pub struct StreamWindower {
    card: Arc<Card>,
    /// Samples that wait to be sorted, oldest first, with their values.
    reorder_buffer: VecDeque<(Time, Vec<f32>)>,
    /// How long they wait, in nanoseconds.
    reorder: i64,
    /// The channels without a number in every sample since the last usable one: bit i stands for channel i.
    missing_channels: u64,
    stages: OrderedStages,
}

/// The stages that take samples in order.
#[derive(Clone, Debug)]
struct OrderedStages {
    unwrapper: TimeUnwrapper,
    resampler: Resampler,
    ring: WindowRing,
    monitor: QualityMonitor,
    rate: RateMeter,
}

impl StreamWindower {
    /// Creates the state of a stream before its first sample.
    pub fn new(options: &WindowerOptions) -> Self {
        Self {
            card: options.card.clone(),
            reorder_buffer: VecDeque::new(),
            reorder: options.reorder,
            missing_channels: 0,
            stages: OrderedStages::new(options, TimeUnwrapper::new(max_gap(&options.card))),
        }
    }

    /// Continues with other options. The window is kept if the new model takes the same kind of window.
    /// Returns whether a window that was not empty had to be emptied.
    pub fn reconfigure(
        &mut self,
        options: &WindowerOptions,
        drops: &mut Drops,
        emit: impl FnMut(WindowerOutput),
    ) -> bool {
        if options.reorder == 0 {
            self.finish(drops, emit);
        }
        self.reorder = options.reorder;
        let card = std::mem::replace(&mut self.card, options.card.clone());
        let window_format = |card: &Card| (card.channels.len(), card.rate, card.window, card.resample);
        if window_format(&card) == window_format(&options.card) {
            self.stages.ring.set_hop(options.hop);
            self.stages.monitor.reconfigure(&options.card, options.quality);
            return false;
        }
        let mut unwrapper = self.stages.unwrapper.clone();
        unwrapper.set_max_gap(max_gap(&options.card));
        let mut previous = std::mem::replace(&mut self.stages, OrderedStages::new(options, unwrapper));
        previous.clear()
    }

    /// Adds samples with the card's channels, and emits the windows and resets that follow from them.
    pub fn push(&mut self, samples: &Samples, drops: &mut Drops, mut emit: impl FnMut(WindowerOutput)) {
        self.stages.monitor.set_limits(samples.limits());
        for (time, row) in samples.iter() {
            if row.iter().any(|value| !is_usable(*value)) {
                let missing = row.iter().enumerate().filter(|(_, value)| !is_usable(**value));
                let missing = missing.fold(0, |bits, (index, _)| bits | 1u64 << (index % 64));
                self.missing_channels =
                    if self.missing_channels == 0 { missing } else { self.missing_channels & missing };
                drops.add(DropReason::NotFinite, || {
                    format!(
                        "the sample at {} s has a value that is not a number, or beyond 1e15",
                        time.seconds()
                    )
                });
                continue;
            }
            self.missing_channels = 0;
            if self.reorder == 0 {
                self.stages.push(time, row, drops, &mut emit);
            } else {
                self.insert_in_order(time, row.to_vec());
                while let Some((time, row)) = self.pop_due() {
                    self.stages.push(time, &row, drops, &mut emit);
                }
            }
        }
    }

    /// Handles the samples that still wait to be sorted, because no further ones are expected.
    pub fn finish(&mut self, drops: &mut Drops, mut emit: impl FnMut(WindowerOutput)) {
        for (time, row) in std::mem::take(&mut self.reorder_buffer) {
            self.stages.push(time, &row, drops, &mut emit);
        }
    }

    /// The channels without a number in every sample since the last usable one: bit i stands for channel i.
    pub fn missing_channels(&self) -> u64 {
        self.missing_channels
    }

    /// The longest time between two samples that is not a gap, in nanoseconds.
    pub fn max_gap(&self) -> i64 {
        max_gap(&self.card)
    }

    /// The stream's time at its newest sample, without wraps. `None` before the first sample.
    pub fn newest(&self) -> Option<Time> {
        self.stages.unwrapper.newest()
    }

    /// Empties the window and the reorder buffer. Returns whether the window held any step.
    pub fn clear(&mut self) -> bool {
        self.reorder_buffer.clear();
        self.stages.clear()
    }

    /// Inserts a sample into the reorder buffer by its time. A sample that is older than the others by more
    /// than `reorder`, as after a restart of the clock, is appended instead.
    fn insert_in_order(&mut self, time: Time, row: Vec<f32>) {
        let is_before = |other: &(Time, _)| !(1..=self.reorder).contains(&other.0.since(time));
        let index = self.reorder_buffer.iter().rposition(is_before).map_or(0, |index| index + 1);
        self.reorder_buffer.insert(index, (time, row));
    }

    /// Removes the first sample of the reorder buffer if it has waited long enough.
    fn pop_due(&mut self) -> Option<(Time, Vec<f32>)> {
        let (first, last) = (self.reorder_buffer.front()?.0, self.reorder_buffer.back()?.0);
        let waited = last.since(first).unsigned_abs() >= self.reorder.unsigned_abs();
        if waited || self.reorder_buffer.len() > MAX_REORDERED {
            self.reorder_buffer.pop_front()
        } else {
            None
        }
    }
}

/// Whether a value can be computed with. It is false for NaN, too.
fn is_usable(value: f32) -> bool {
    value.abs() <= MAX_VALUE
}

/// The card's gap limit in nanoseconds.
fn max_gap(card: &Card) -> i64 {
    (card.resample.max_gap * 1e9) as i64
}

impl OrderedStages {
    fn new(options: &WindowerOptions, unwrapper: TimeUnwrapper) -> Self {
        let card = &options.card;
        let channels = card.channels.len();
        Self {
            unwrapper,
            resampler: Resampler::new(card.resample.method, card.rate, channels),
            ring: WindowRing::new(card.window, channels, options.hop),
            monitor: QualityMonitor::new(card, options.quality),
            rate: RateMeter::new(card.rate),
        }
    }

    /// Adds a sample with its device or arrival time `raw`.
    fn push(&mut self, raw: Time, row: &[f32], drops: &mut Drops, emit: &mut impl FnMut(WindowerOutput)) {
        let previous = self.unwrapper.newest();
        let mut measure = |time: Time| {
            if let Some(previous) = previous {
                self.rate.push(time.since(previous));
            }
            time
        };
        let (time, reset) = match self.unwrapper.place(raw) {
            Placement::Next(time) => (measure(time), None),
            Placement::AfterGap(time) => {
                let time = measure(time);
                (time, Some(self.rate.judge().map_or(ResetReason::Gap, ResetReason::Rate)))
            }
            Placement::AfterRestart(time) => (time, Some(ResetReason::Restart)),
            placement @ (Placement::Duplicate | Placement::Late) => {
                if placement == Placement::Late {
                    self.monitor.count_late();
                }
                return placement.count_drop(raw, drops);
            }
        };
        if let Some(reason) = reset {
            self.clear();
            emit(WindowerOutput::Reset { time, reason });
        }
        if self.rate.is_due()
            && let Some(fault @ RateFault::TooFast { .. }) = self.rate.judge()
        {
            // A window may never be complete, so this is not left to one.
            emit(WindowerOutput::Reset { time, reason: ResetReason::Rate(fault) });
        }
        let Self { resampler, ring, monitor, rate, .. } = self;
        monitor.push_sample(row);
        let mut has_steps = false;
        resampler.push(time, row, |step| {
            let time = step.time;
            monitor.push_step(step.values);
            has_steps = true;
            if ring.push(step) {
                let mut quality = monitor.quality(ring.measured_share());
                // A stream whose median interval is more than two periods cannot fill more than half of a window, so
                // that the median need not be computed for every window.
                if rate.has_fault() || monitor.samples_per_step() < MAX_SLOW_SHARE {
                    quality.rate = rate.judge();
                }
                emit(WindowerOutput::Window(Window { time, values: ring.window(), quality }));
            }
        });
        if has_steps {
            monitor.end_steps();
        }
    }

    fn clear(&mut self) -> bool {
        self.resampler.reset();
        self.monitor.clear();
        self.ring.clear()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn options(window: usize, hop: usize, max_gap: f64, reorder: i64) -> WindowerOptions {
        let mut card = Card::of_test(window, hop, &["a", "b"]);
        card.resample.max_gap = max_gap;
        WindowerOptions { hop, reorder, ..WindowerOptions::of(&card) }
    }

    fn run(options: &WindowerOptions, samples: &[(i64, f32)]) -> (Vec<WindowerOutput>, Drops) {
        let mut windower = StreamWindower::new(options);
        let (mut outputs, mut drops) = (Vec::new(), Drops::default());
        for (time, value) in samples {
            let mut batch = Samples::new(1);
            batch.push(Time::from_nanos(*time).unwrap(), [*value]);
            windower.push(&batch, &mut drops, |output| outputs.push(output));
        }
        windower.finish(&mut drops, |output| outputs.push(output));
        (outputs, drops)
    }

    proptest! {
        /// Each sample's value is the number of gaps before it, so a window across a gap would hold two
        /// different values.
        #[test]
        fn a_window_is_never_made_across_a_gap(
            steps in prop::collection::vec((1i64..60_000_000, prop::bool::weighted(0.05)), 1..400),
            window in 2usize..12,
            hop in 1usize..8,
        ) {
            let (mut time, mut gaps) = (0, 0.0);
            let samples: Vec<_> = steps.iter().map(|&(step, gap)| {
                if gap { time += 100_000_001; gaps += 1.0; }
                time += step;
                (time, gaps)
            }).collect();
            let (outputs, drops) = run(&options(window, hop, 0.1, 0), &samples);
            prop_assert_eq!(drops.total(), 0);
            for output in outputs {
                if let WindowerOutput::Window(window) = output {
                    prop_assert!(window.values.iter().all(|value| *value == window.values[0]));
                }
            }
        }

        #[test]
        fn samples_that_are_out_of_order_by_less_than_the_reorder_time_make_the_same_windows(
            swaps in prop::collection::vec(0usize..99, 0..30),
        ) {
            let ordered: Vec<_> = (0..100i64).map(|i| (i * 10_000_000, i as f32)).collect();
            let mut shuffled = ordered.clone();
            let mut last = 0;
            for swap in swaps {
                // Pairs that do not overlap, so that no sample moves by more than one position.
                if swap > last + 1 {
                    shuffled.swap(swap, swap + 1 - usize::from(swap + 1 > 99));
                    last = swap + 1;
                }
            }
            let reordering = options(10, 3, 0.1, 30_000_000);
            let (outputs, drops) = run(&reordering, &shuffled);
            prop_assert_eq!(drops.total(), 0);
            prop_assert_eq!(outputs, run(&options(10, 3, 0.1, 0), &ordered).0);
        }
    }

    #[test]
    fn all_streams_share_the_card() {
        let options = options(10, 5, 0.1, 0);
        let streams = [StreamWindower::new(&options), StreamWindower::new(&options)];
        assert_eq!(Arc::strong_count(&options.card), 1 + streams.len());
    }

    #[test]
    fn late_duplicate_and_broken_samples_are_counted_and_change_no_values() {
        let good: Vec<_> = (0..50i64).map(|i| (i * 10_000_000, i as f32)).collect();
        let mut bad = good.clone();
        bad.insert(20, (50_000_000, 9.0));
        bad.insert(30, bad[29]);
        bad.insert(40, (395_000_000, f32::NAN));
        let (outputs, drops) = run(&options(10, 5, 0.1, 0), &bad);
        assert_eq!(drops.to_string(), "1 not_finite, 1 duplicate, 1 late");
        let is_late = |output: &WindowerOutput| match output {
            WindowerOutput::Window(window) => window.quality.late > 0.0,
            WindowerOutput::Reset { .. } => false,
        };
        assert_eq!(
            outputs.iter().filter(|output| is_late(output)).count(),
            2,
            "the windows around the late sample report it"
        );
        let without_late = |mut outputs: Vec<WindowerOutput>| {
            for output in &mut outputs {
                if let WindowerOutput::Window(window) = output {
                    window.quality.late = 0.0;
                }
            }
            outputs
        };
        assert_eq!(without_late(outputs), run(&options(10, 5, 0.1, 0), &good).0);
    }

    #[test]
    fn a_restart_of_the_clock_empties_the_window() {
        let samples: Vec<_> = (0..40i64)
            .map(|i| (i % 20 * 10_000_000 + (1 - i / 20) * 9_000_000_000, (i / 20) as f32))
            .collect();
        let (outputs, _) = run(&options(10, 5, 0.1, 0), &samples);
        assert_eq!(
            outputs
                .iter()
                .filter(|o| matches!(o, WindowerOutput::Reset { reason: ResetReason::Restart, .. }))
                .count(),
            1
        );
        assert_eq!(outputs.len(), 3 + 1 + 3);
    }

    #[test]
    fn samples_at_the_largest_time_make_only_a_few_windows() {
        let end = i64::MAX / 2;
        let (outputs, _) = run(&options(2, 1, 0.1, 0), &[(end - 50_000_000, 1.0), (end, 1.0)]);
        assert!(outputs.len() < 10, "{}", outputs.len());
        // A hostile sender whose counter wraps with every second sample reaches the largest time as well.
        let wrap = (1i64 << 32) * 1_000_000;
        let wraps: Vec<_> = (0..4000i64).map(|i| (if i % 2 == 0 { wrap - 1 } else { 0 }, 1.0)).collect();
        assert!(run(&options(2, 1, 0.1, 0), &wraps).0.len() < 10_000);
    }

    #[test]
    fn a_change_of_the_hop_keeps_the_window_and_a_change_of_its_length_does_not() {
        let samples = |range: std::ops::Range<i64>| {
            let mut samples = Samples::new(1);
            range.for_each(|i| samples.push(Time::from_nanos(i * 10_000_000).unwrap(), [i as f32]));
            samples
        };
        let mut drops = Drops::default();
        let mut windower = StreamWindower::new(&options(10, 4, 0.1, 20_000_000));
        let mut times = Vec::new();
        let mut record = |output| match output {
            WindowerOutput::Window(window) => times.push(window.time.nanos() / 10_000_000),
            WindowerOutput::Reset { .. } => times.push(-1),
        };
        windower.push(&samples(0..20), &mut drops, &mut record);
        assert!(!windower.reconfigure(&options(10, 2, 0.1, 0), &mut drops, &mut record));
        windower.push(&samples(20..24), &mut drops, &mut record);
        assert!(windower.reconfigure(&options(5, 2, 0.1, 0), &mut drops, &mut record));
        assert_eq!(windower.newest(), Time::from_nanos(230_000_000));
        windower.push(&samples(24..30), &mut drops, &mut record);
        assert_eq!(times, [9, 13, 17, 20, 22, 28], "samples in the reorder buffer are not lost");
        assert_eq!(drops.total(), 0);
    }

    /// What a stream of steps of `millis` at a model of 100 Hz gives.
    fn outputs_of_interval(millis: f64) -> Vec<WindowerOutput> {
        let samples: Vec<_> = (0..400).map(|i| ((f64::from(i) * millis * 1e6) as i64, i as f32)).collect();
        run(&options(100, 10, 0.1, 0), &samples).0
    }

    #[test]
    fn the_windows_of_a_source_that_is_too_slow_say_so() {
        let rates = |millis: f64| -> Vec<_> {
            let rate = |output| match output {
                WindowerOutput::Window(window) => window.quality.rate,
                WindowerOutput::Reset { .. } => panic!("{output:?}"),
            };
            outputs_of_interval(millis).into_iter().map(rate).collect()
        };
        for good in [10.0, 1.0, 15.0, 20.0] {
            assert!(rates(good).iter().all(Option::is_none), "{good} ms");
        }
        for bad in [25.0, 40.0, 100.0] {
            let interval = (bad * 1e6) as i64;
            assert!(rates(bad).iter().all(|rate| *rate == Some(RateFault::TooSlow { interval })), "{bad} ms");
        }
    }

    #[test]
    fn a_source_with_an_absurd_rate_is_named_before_a_window_is_complete() {
        let outputs = outputs_of_interval(1e-4);
        let fast = ResetReason::Rate(RateFault::TooFast { interval: 100 });
        assert!(
            matches!(outputs[..], [WindowerOutput::Reset { reason, .. }] if reason == fast),
            "{outputs:?}"
        );
    }

    #[test]
    fn a_source_whose_samples_are_all_a_gap_apart_is_too_slow_and_not_full_of_gaps() {
        let outputs = outputs_of_interval(1000.0);
        let slow = ResetReason::Rate(RateFault::TooSlow { interval: 1_000_000_000 });
        let is = |reason: ResetReason| move |output: &&WindowerOutput| matches!(output, WindowerOutput::Reset { reason: given, .. } if *given == reason);
        assert_eq!(outputs.iter().filter(is(ResetReason::Gap)).count(), 7);
        assert_eq!(outputs.iter().filter(is(slow)).count(), 399 - 7);
    }

    #[test]
    fn a_wrapped_counter_loses_no_samples() {
        let wrap = (1i64 << 32) * 1000;
        let samples: Vec<_> =
            (0..100i64).map(|i| ((wrap - 500_000_000 + i * 10_000_000) % wrap, i as f32)).collect();
        let (outputs, drops) = run(&options(100, 1, 0.1, 0), &samples);
        assert_eq!((outputs.len(), drops.total()), (1, 0));
    }
}
