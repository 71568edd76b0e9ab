//! One stream from samples to windows: order, clock, resampling and the ring. The daemon and the trainer share it.

use std::collections::VecDeque;

use super::quality::QualityOptions;
use super::quality_monitor::QualityMonitor;
use super::resampler::Resampler;
use super::ring::WindowRing;
use super::time_unwrapper::{Placement, TimeUnwrapper};
use super::window::{ResetReason, Window, WindowerOutput};
use crate::model::card::Card;
use crate::signal::{DropReason, Drops, Samples, Time};

/// The most samples that are held back to be put in order.
const MAX_HELD: usize = 4096;

/// How a lane works: the model's side from its card, the rest from the config.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowerOptions {
    /// The model's card.
    pub card: Card,
    /// Steps between two windows.
    pub hop: usize,
    /// How long samples are held back to be put in order, in nanoseconds; 0 for not at all.
    pub reorder: i64,
    /// When input is told to be bad.
    pub quality: QualityOptions,
}

impl WindowerOptions {
    /// The card's own way: its hop, and no sample held back.
    pub fn of(card: &Card) -> Self {
        Self { card: card.clone(), hop: card.hop, reorder: 0, quality: QualityOptions::default() }
    }
}

/// One stream's state. It does no I/O and reads no clock.
#[derive(Clone, Debug)]
pub struct StreamWindower {
    card: Card,
    held: VecDeque<(Time, Vec<f32>)>,
    reorder: i64,
    /// The channels without a number in every sample since the last that could be used.
    missing: u64,
    track: Track,
}

/// What follows the reordering.
#[derive(Clone, Debug)]
struct Track {
    unwrapper: TimeUnwrapper,
    resampler: Resampler,
    ring: WindowRing,
    monitor: QualityMonitor,
}

impl StreamWindower {
    /// A lane before its first sample.
    pub fn new(options: &WindowerOptions) -> Self {
        Self {
            card: options.card.clone(),
            held: VecDeque::new(),
            reorder: options.reorder,
            missing: 0,
            track: Track::new(options, TimeUnwrapper::new(max_gap(&options.card))),
        }
    }

    /// Goes on as these options say. The window is kept where the card takes the same ones; says whether it was not, and there
    /// was anything in it.
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
        let same = |own: &Card| (own.channels.len(), own.rate, own.window, own.resample);
        if same(&card) == same(&options.card) {
            self.track.ring.set_hop(options.hop);
            self.track.monitor.reconfigure(&options.card, options.quality);
            return false;
        }
        let mut unwrapper = self.track.unwrapper.clone();
        unwrapper.set_max_gap(max_gap(&options.card));
        let mut before = std::mem::replace(&mut self.track, Track::new(options, unwrapper));
        before.clear()
    }

    /// Takes samples with the card's channels and gives what they complete.
    pub fn push(&mut self, samples: &Samples, drops: &mut Drops, mut emit: impl FnMut(WindowerOutput)) {
        self.track.monitor.limit(samples.limits());
        for (time, row) in samples.iter() {
            if row.iter().any(|value| !value.is_finite()) {
                let bits = row.iter().enumerate().filter(|(_, value)| !value.is_finite());
                let bits = bits.fold(0, |bits, (index, _)| bits | 1u64 << (index % 64));
                self.missing = if self.missing == 0 { bits } else { self.missing & bits };
                drops.add(DropReason::NotFinite, || {
                    format!("the sample at {} s has a value that is not finite", time.seconds())
                });
                continue;
            }
            self.missing = 0;
            if self.reorder == 0 {
                self.track.push(time, row, drops, &mut emit);
            } else {
                self.hold(time, row.to_vec());
                while let Some((time, row)) = self.due() {
                    self.track.push(time, &row, drops, &mut emit);
                }
            }
        }
    }

    /// Gives what the samples held back complete, at the stream's end.
    pub fn finish(&mut self, drops: &mut Drops, mut emit: impl FnMut(WindowerOutput)) {
        for (time, row) in std::mem::take(&mut self.held) {
            self.track.push(time, &row, drops, &mut emit);
        }
    }

    /// The channels without a number in every sample since the last that could be used, a bit each.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// The newest sample that was placed, in the stream's own time with wrapped counters made whole.
    pub fn newest(&self) -> Option<Time> {
        self.track.unwrapper.newest()
    }

    /// Empties the window. Says whether there was anything in it.
    pub fn clear(&mut self) -> bool {
        self.held.clear();
        self.track.clear()
    }

    /// Puts a sample in order among those held. A jump of more than the hold, such as a clock that starts again, is
    /// not put in order.
    fn hold(&mut self, time: Time, row: Vec<f32>) {
        let before = |held: &(Time, _)| !(1..=self.reorder).contains(&held.0.since(time));
        let index = self.held.iter().rposition(before).map_or(0, |index| index + 1);
        self.held.insert(index, (time, row));
    }

    fn due(&mut self) -> Option<(Time, Vec<f32>)> {
        let (first, last) = (self.held.front()?.0, self.held.back()?.0);
        let waited = last.since(first).unsigned_abs() >= self.reorder.unsigned_abs();
        if waited || self.held.len() > MAX_HELD { self.held.pop_front() } else { None }
    }
}

fn max_gap(card: &Card) -> i64 {
    (card.resample.max_gap * 1e9) as i64
}

impl Track {
    fn new(options: &WindowerOptions, unwrapper: TimeUnwrapper) -> Self {
        let card = &options.card;
        let channels = card.channels.len();
        Self {
            unwrapper,
            resampler: Resampler::new(card.resample.method, card.rate, channels),
            ring: WindowRing::new(card.window, channels, options.hop),
            monitor: QualityMonitor::new(card, options.quality),
        }
    }

    fn push(&mut self, raw: Time, row: &[f32], drops: &mut Drops, emit: &mut impl FnMut(WindowerOutput)) {
        let (time, reset) = match self.unwrapper.place(raw) {
            Placement::Next(time) => (time, None),
            Placement::AfterGap(time) => (time, Some(ResetReason::Gap)),
            Placement::AfterRestart(time) => (time, Some(ResetReason::Restart)),
            Placement::Duplicate => {
                return drops
                    .add(DropReason::Duplicate, || format!("a second sample at {} s", raw.seconds()));
            }
            Placement::Late => {
                self.monitor.late();
                return drops.add(DropReason::Late, || {
                    format!("the sample at {} s came after a newer one", raw.seconds())
                });
            }
        };
        if let Some(why) = reset {
            self.clear();
            emit(WindowerOutput::Reset { time, why });
        }
        let Self { resampler, ring, monitor, .. } = self;
        monitor.sample(row);
        let mut stepped = false;
        resampler.push(time, row, |step| {
            let time = step.time;
            monitor.step(step.values);
            stepped = true;
            if ring.push(step) {
                let quality = monitor.quality(ring.measured());
                emit(WindowerOutput::Window(Window { time, values: ring.window(), quality }));
            }
        });
        if stepped {
            monitor.stepped();
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
        /// Each sample's value is the number of the gaps before it, so a window across a gap would hold two values.
        #[test]
        fn a_window_is_never_made_across_a_gap(
            steps in prop::collection::vec((1i64..60_000_000, prop::bool::weighted(0.05)), 1..400),
            window in 2usize..12,
            hop in 1usize..8,
        ) {
            let (mut time, mut part) = (0, 0.0);
            let samples: Vec<_> = steps.iter().map(|&(step, gap)| {
                if gap { time += 100_000_001; part += 1.0; }
                time += step;
                (time, part)
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
        fn samples_out_of_order_within_the_hold_make_the_same_windows(
            swaps in prop::collection::vec(0usize..99, 0..30),
        ) {
            let ordered: Vec<_> = (0..100i64).map(|i| (i * 10_000_000, i as f32)).collect();
            let mut shuffled = ordered.clone();
            let mut last = 0;
            for swap in swaps {
                // Pairs that do not overlap, so that no sample moves by more than one place.
                if swap > last + 1 { shuffled.swap(swap, swap + 1 - usize::from(swap + 1 > 99)); last = swap + 1; }
            }
            let held = options(10, 3, 0.1, 30_000_000);
            let (outputs, drops) = run(&held, &shuffled);
            prop_assert_eq!(drops.total(), 0);
            prop_assert_eq!(outputs, run(&options(10, 3, 0.1, 0), &ordered).0);
        }
    }

    #[test]
    fn late_repeated_and_broken_samples_are_counted_and_change_nothing() {
        let good: Vec<_> = (0..50i64).map(|i| (i * 10_000_000, i as f32)).collect();
        let mut bad = good.clone();
        bad.insert(20, (50_000_000, 9.0));
        bad.insert(30, bad[29]);
        bad.insert(40, (395_000_000, f32::NAN));
        let (outputs, drops) = run(&options(10, 5, 0.1, 0), &bad);
        assert_eq!(drops.to_string(), "1 not_finite, 1 duplicate, 1 late");
        let late = |output: &WindowerOutput| matches!(output, WindowerOutput::Window(window) if window.quality.late > 0.0);
        assert_eq!(outputs.iter().filter(|output| late(output)).count(), 2, "the windows of that time tell");
        let told_apart = |mut outputs: Vec<WindowerOutput>| {
            for output in &mut outputs {
                if let WindowerOutput::Window(window) = output {
                    window.quality.late = 0.0;
                }
            }
            outputs
        };
        assert_eq!(told_apart(outputs), run(&options(10, 5, 0.1, 0), &good).0);
    }

    #[test]
    fn a_clock_that_starts_again_empties_the_window() {
        let samples: Vec<_> = (0..40i64)
            .map(|i| (i % 20 * 10_000_000 + (1 - i / 20) * 9_000_000_000, (i / 20) as f32))
            .collect();
        let (outputs, _) = run(&options(10, 5, 0.1, 0), &samples);
        assert_eq!(
            outputs
                .iter()
                .filter(|o| matches!(o, WindowerOutput::Reset { why: ResetReason::Restart, .. }))
                .count(),
            1
        );
        assert_eq!(outputs.len(), 3 + 1 + 3);
    }

    #[test]
    fn samples_at_the_end_of_time_make_no_more_than_a_few_windows() {
        let end = i64::MAX / 2;
        let (outputs, _) = run(&options(2, 1, 0.1, 0), &[(end - 50_000_000, 1.0), (end, 1.0)]);
        assert!(outputs.len() < 10, "{}", outputs.len());
        // A counter that wraps again and again, with the help of a hostile sender, comes to the end as well.
        let wrap = (1i64 << 32) * 1_000_000;
        let wraps: Vec<_> = (0..4000i64).map(|i| (if i % 2 == 0 { wrap - 1 } else { 0 }, 1.0)).collect();
        assert!(run(&options(2, 1, 0.1, 0), &wraps).0.len() < 10_000);
    }

    #[test]
    fn another_hop_keeps_the_window_and_other_windows_do_not() {
        let samples = |range: std::ops::Range<i64>| {
            let mut samples = Samples::new(1);
            range.for_each(|i| samples.push(Time::from_nanos(i * 10_000_000).unwrap(), [i as f32]));
            samples
        };
        let mut drops = Drops::default();
        let mut windower = StreamWindower::new(&options(10, 4, 0.1, 20_000_000));
        let mut times = Vec::new();
        let mut note = |output| match output {
            WindowerOutput::Window(window) => times.push(window.time.nanos() / 10_000_000),
            WindowerOutput::Reset { .. } => times.push(-1),
        };
        windower.push(&samples(0..20), &mut drops, &mut note);
        assert!(!windower.reconfigure(&options(10, 2, 0.1, 0), &mut drops, &mut note));
        windower.push(&samples(20..24), &mut drops, &mut note);
        assert!(windower.reconfigure(&options(5, 2, 0.1, 0), &mut drops, &mut note));
        assert_eq!(windower.newest(), Time::from_nanos(230_000_000));
        windower.push(&samples(24..30), &mut drops, &mut note);
        assert_eq!(times, [9, 13, 17, 20, 22, 28], "samples held back are not lost");
        assert_eq!(drops.total(), 0);
    }

    #[test]
    fn a_wrapped_counter_loses_nothing() {
        let wrap = (1i64 << 32) * 1000;
        let samples: Vec<_> =
            (0..100i64).map(|i| ((wrap - 500_000_000 + i * 10_000_000) % wrap, i as f32)).collect();
        let (outputs, drops) = run(&options(100, 1, 0.1, 0), &samples);
        assert_eq!((outputs.len(), drops.total()), (1, 0));
    }
}
