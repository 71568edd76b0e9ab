//! What the samples of one stream look like over a short time.

use std::time::{Duration, Instant};

use super::doubt::{ChannelDoubt, DoubtKind};
use crate::model::card::{Card, Statistics};
use crate::signal::{Channel, Samples, Time};
use crate::stream::RateFault;

/// The most intervals between samples from which the rate is measured.
const MAX_INTERVALS: usize = 4096;
/// Fewer samples than this say nothing about the values.
const MIN_SAMPLES: u64 = 8;
/// A channel that does not fall within this many samples, and rises in half of them, is a counter or a time.
const MIN_RISING: u64 = 30;
/// A channel that has the same value in this many samples is not connected, or its robot stands still.
const MIN_EQUAL: u64 = 100;
/// The motors of a robot draw less than this on average, in A.
const MAX_MEAN: f64 = 200.0;
/// Fewer samples than this say nothing about the rate.
const MIN_RATE_SAMPLES: u64 = 3;

/// The samples of one stream.
#[derive(Debug)]
pub(crate) struct StreamInspection {
    samples: u64,
    /// When the first and the last batch arrived; `None` before the first.
    arrived: Option<(Instant, Instant)>,
    /// The first and the newest time; `None` if the samples carry none.
    times: Option<(Time, Time)>,
    /// The intervals between samples with different times, in nanoseconds.
    intervals: Vec<i64>,
    channels: Vec<ChannelInspection>,
}

/// The values of one channel.
#[derive(Clone, Debug)]
struct ChannelInspection {
    last: f32,
    count: u64,
    sum: f64,
    /// How often a value was more than the one before, and less.
    rises: u64,
    falls: u64,
}

impl StreamInspection {
    /// Creates an inspection without samples, of a stream with this number of channels.
    pub(crate) fn new(channels: usize) -> Self {
        let channel = ChannelInspection { last: f32::NAN, count: 0, sum: 0.0, rises: 0, falls: 0 };
        Self {
            samples: 0,
            arrived: None,
            times: None,
            intervals: Vec::new(),
            channels: vec![channel; channels],
        }
    }

    /// Adds samples that arrived together.
    pub(crate) fn add(&mut self, samples: &Samples, arrived: Instant) {
        let first = self.arrived.map_or(arrived, |(first, _)| first);
        self.arrived = Some((first, arrived));
        for (time, row) in samples.iter() {
            self.samples += 1;
            if time != Time::ARRIVAL {
                let (first, last) = self.times.unwrap_or((time, time));
                let interval = time.since(last);
                if interval > 0 && self.intervals.len() < MAX_INTERVALS {
                    self.intervals.push(interval);
                }
                self.times = Some((first, time));
            }
            for (channel, &value) in self.channels.iter_mut().zip(row) {
                channel.add(value);
            }
        }
    }

    /// The rate and the last value of each channel, which arrived until `now`.
    pub(super) fn summary(&self, channels: &[Channel], now: Instant) -> String {
        let values = channels.iter().zip(&self.channels);
        let values: Vec<_> = values
            .map(|(Channel { name, unit }, channel)| format!("{name:?} {} {unit}", channel.last))
            .collect();
        let rate = match self.interval() {
            Some(interval) => format!("at {} Hz", rate(1e9 / interval as f64)),
            None if self.times.is_some() => "with times that do not change".to_owned(),
            None => {
                let elapsed =
                    self.arrived.map_or(Duration::ZERO, |(first, _)| now.saturating_duration_since(first));
                let measured = self.samples as f64 / elapsed.as_secs_f64().max(1e-3);
                format!("at about {} Hz, without times of its own", rate(measured))
            }
        };
        format!("{rate}, last {}", values.join(", "))
    }

    /// Why the samples are too far apart for a model at `rate` Hz, or their clock too slow.
    pub(super) fn rate_fault(&self, rate: f64) -> Option<String> {
        if self.samples < MIN_RATE_SAMPLES {
            return None;
        }
        let of_clock = || {
            let ((first, last), (start, end)) = (self.arrived?, self.times?);
            let arrived = last.saturating_duration_since(first);
            RateFault::of_clock(arrived, end.since(start)).filter(|_| arrived >= Duration::from_secs(1))
        };
        let of_interval = self.interval().and_then(|interval| RateFault::of_interval(interval, rate));
        of_clock().or(of_interval).map(|fault| fault.detail(rate))
    }

    /// What is not plausible about the values; `card` is the card of the model, if there is one.
    pub(crate) fn doubts(&self, channels: &[Channel], card: Option<&Card>) -> Vec<ChannelDoubt> {
        let training =
            card.and_then(|card| card.training.as_ref()).map(|training| training.statistics.as_slice());
        let mut doubts = Vec::new();
        for (index, (channel, values)) in channels.iter().zip(&self.channels).enumerate() {
            let statistics = training.and_then(|training| training.get(index));
            let doubt = values.doubt(channel, statistics);
            doubts.extend(doubt.map(|(kind, text)| ChannelDoubt { channel: index, kind, text }));
        }
        doubts
    }

    /// The median interval between samples with different times, in nanoseconds.
    fn interval(&self) -> Option<i64> {
        let mut intervals = self.intervals.clone();
        let middle = intervals.len().checked_sub(1)? / 2;
        Some(*intervals.select_nth_unstable(middle).1)
    }
}

impl ChannelInspection {
    fn add(&mut self, value: f32) {
        if !value.is_finite() {
            return;
        }
        self.rises += u64::from(value > self.last);
        self.falls += u64::from(value < self.last);
        self.count += 1;
        self.sum += f64::from(value);
        self.last = value;
    }

    fn only_rises(&self) -> bool {
        self.count >= MIN_RISING && self.falls == 0 && 2 * self.rises >= self.count
    }

    fn never_changes(&self) -> bool {
        self.count >= MIN_EQUAL && self.rises == 0 && self.falls == 0
    }

    /// What is not plausible about the values, in a sentence with the fix; `training` says how they were in the
    /// training data.
    fn doubt(&self, channel: &Channel, training: Option<&Statistics>) -> Option<(DoubtKind, String)> {
        let Channel { name, unit } = channel;
        let last = self.last;
        if self.only_rises() {
            return Some((
                DoubtKind::OnlyRises,
                format!(
                    "channel {name:?} only ever rises, to {last} {unit}; a counter or a time is taken for a current. \
                     Check the names and the number of the channels (--channels, or [[source.channel]])"
                ),
            ));
        }
        if self.never_changes() {
            return Some((
                DoubtKind::NeverChanges,
                format!(
                    "channel {name:?} is {last} {unit} in all of its samples; if the robot drives, check its sensor and \
                     the wires"
                ),
            ));
        }
        if let Some(training) = training {
            return self.compare(name, unit, training).map(|text| (DoubtKind::UnlikeTraining, text));
        }
        if self.count < MIN_SAMPLES || unit != "A" {
            return None;
        }
        let mean = self.sum / self.count as f64;
        (mean.abs() > MAX_MEAN).then(|| {
            let text = format!(
                "channel {name:?} is {mean:.1} A on average, which is more than a motor draws; if the board sends mA, \
                 let it divide them by 1000, or set scale = 0.001 under [[source.channel]]"
            );
            (DoubtKind::TooLarge, text)
        })
    }

    /// What is wrong with the mean, compared with the training data.
    fn compare(&self, name: &str, unit: &str, training: &Statistics) -> Option<String> {
        if self.count < MIN_SAMPLES {
            return None;
        }
        let mean = self.sum / self.count as f64;
        let margin = training.max - training.min;
        if (training.min - margin..=training.max + margin).contains(&mean) {
            return None;
        }
        let ratio = mean.abs() / training.mean.abs().max(1e-12);
        let fix = match ratio {
            300.0..3000.0 => {
                "it is about 1,000 times as much: set scale = 0.001 under [[source.channel]]".to_owned()
            }
            0.0003..0.003 => {
                "it is about 1,000 times less: set scale = 1000 under [[source.channel]]".to_owned()
            }
            _ => "check the sensor, and scale and offset under [[source.channel]]".to_owned(),
        };
        Some(format!(
            "channel {name:?} is {mean:.3} {unit} on average, but was between {:.3} and {:.3} {unit} in the training \
             data; {fix}",
            training.min, training.max
        ))
    }
}

/// A rate in Hz for people: whole from 10 on.
fn rate(rate: f64) -> String {
    if rate >= 10.0 { format!("{rate:.0}") } else { format!("{rate:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream of 200 samples that arrive every 10 ms, with times `interval` seconds apart and these values.
    fn inspect(interval: f64, value: impl Fn(f32) -> f32) -> StreamInspection {
        let mut inspection = StreamInspection::new(1);
        let start = Instant::now();
        for index in 0..200u32 {
            let mut samples = Samples::new(1);
            samples.push(Time::from_seconds(f64::from(index) * interval).unwrap(), [value(index as f32)]);
            inspection.add(&samples, start + Duration::from_millis(10) * index);
        }
        inspection
    }

    fn card() -> Card {
        use crate::model::card::TrainingSummary;
        let statistics = Statistics { mean: 1.0, deviation: 0.3, min: 0.2, max: 3.0, still: 0.0 };
        let training = Some(TrainingSummary::of_test(vec![statistics]));
        Card { training, ..Card::of_test(100, 10, &["gravel"]) }
    }

    #[test]
    fn a_good_stream_is_described_and_has_no_warning() {
        let inspection = inspect(0.01, |index| 1.0 + 0.5 * (index % 3.0));
        let channels = [Channel::in_ampere("left")];
        assert_eq!(inspection.summary(&channels, Instant::now()), "at 100 Hz, last \"left\" 1.5 A");
        assert_eq!(inspection.rate_fault(100.0), None);
        assert_eq!(inspection.doubts(&channels, Some(&card())), []);
        assert_eq!(inspection.doubts(&channels, None), []);
    }

    #[test]
    fn a_rate_below_half_of_the_models_and_a_clock_in_another_unit_are_faults() {
        let slow = inspect(0.1, |_| 1.0).rate_fault(100.0).unwrap();
        assert!(slow.contains("at 10 Hz") && slow.contains("100 Hz"), "{slow}");
        let clock = inspect(1e-5, |_| 1.0).rate_fault(100.0).unwrap();
        assert!(clock.contains("1000 times more slowly"), "{clock}");
    }

    #[test]
    fn counters_and_other_units_are_warned_of_with_the_fix() {
        let channels = [Channel::in_ampere("left")];
        let counter = inspect(0.01, |index| 1e6 + index).doubts(&channels, Some(&card()));
        assert!(counter[0].text.contains("only ever rises"), "{counter:?}");
        let milliampere = |index: f32| 1000.0 + index % 3.0;
        for (card, kind) in [(Some(&card()), DoubtKind::UnlikeTraining), (None, DoubtKind::TooLarge)] {
            let doubts = inspect(0.01, milliampere).doubts(&channels, card);
            assert_eq!((doubts.len(), doubts[0].channel, doubts[0].kind), (1, 0, kind));
            assert!(doubts[0].text.contains("scale = 0.001"), "{doubts:?}");
        }
    }

    #[test]
    fn a_channel_that_never_changes_is_named() {
        let doubts = inspect(0.01, |_| 0.0).doubts(&[Channel::in_ampere("left")], None);
        assert_eq!((doubts.len(), doubts[0].kind), (1, DoubtKind::NeverChanges));
        assert!(doubts[0].text.starts_with("channel \"left\" is 0 A in all"), "{doubts:?}");
    }
}
