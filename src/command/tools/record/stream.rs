//! What has arrived of one robot since its recording began.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::command::service::inspection::StreamInspection;
use crate::signal::{Channel, Samples};

/// The rate is measured over this time.
const RATE_TIME: Duration = Duration::from_secs(5);
/// The time between two counts from which the rate is measured.
const RATE_STEP: Duration = Duration::from_millis(100);
/// A stream without samples for this long has a rate that falls.
const PAUSE: Duration = Duration::from_secs(1);
/// Values are judged when samples have arrived for this long.
const JUDGED_AFTER: Duration = Duration::from_secs(5);

/// What has arrived of one robot.
#[derive(Debug)]
pub(super) struct RecordedStream {
    /// When the first and the newest samples arrived.
    first: Instant,
    newest: Instant,
    pub(super) samples: u64,
    /// Times of arrival with the number of samples until then, for the rate.
    counts: VecDeque<(Instant, u64)>,
    pub(super) ranges: Vec<ValueRange>,
    pub(super) inspection: StreamInspection,
}

/// The newest value of a channel, and the range of all its values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ValueRange {
    /// NaN before the first value, and while values are missing.
    pub newest: f32,
    pub low: f32,
    pub high: f32,
}

impl RecordedStream {
    /// A robot whose first samples arrive now.
    pub(super) fn new(channels: &[Channel], now: Instant) -> Self {
        let range = ValueRange { newest: f32::NAN, low: f32::INFINITY, high: f32::NEG_INFINITY };
        Self {
            first: now,
            newest: now,
            samples: 0,
            counts: VecDeque::new(),
            ranges: vec![range; channels.len()],
            inspection: StreamInspection::new(channels.len()),
        }
    }

    /// Adds samples that arrived together.
    pub(super) fn add(&mut self, samples: &Samples, arrived: Instant) {
        self.inspection.add(samples, arrived);
        for (_, row) in samples.iter() {
            for (range, &value) in self.ranges.iter_mut().zip(row) {
                range.add(value);
            }
        }
        self.samples += samples.len() as u64;
        self.newest = arrived;
        if self.counts.back().is_none_or(|(last, _)| arrived.saturating_duration_since(*last) >= RATE_STEP) {
            self.counts.push_back((arrived, self.samples));
            while self.counts.len() > 2
                && self
                    .counts
                    .front()
                    .is_some_and(|(time, _)| arrived.saturating_duration_since(*time) > RATE_TIME)
            {
                self.counts.pop_front();
            }
        }
    }

    /// For how long samples have arrived.
    pub(super) fn time(&self) -> Duration {
        self.newest.saturating_duration_since(self.first)
    }

    /// The sample rate of the last seconds in Hz; `None` if too little has arrived to say.
    pub(super) fn rate(&self, now: Instant) -> Option<f64> {
        let (since, before) = self.counts.front()?;
        let pauses = now.saturating_duration_since(self.newest) > PAUSE;
        // Between two batches the newest samples have arrived, but the next ones are not due yet.
        let until = if pauses { now } else { self.newest };
        let time = until.saturating_duration_since(*since);
        (time >= RATE_STEP).then(|| (self.samples - before) as f64 / time.as_secs_f64())
    }

    /// Whether enough has arrived to judge the values.
    pub(super) fn can_be_judged(&self) -> bool {
        self.time() >= JUDGED_AFTER
    }
}

impl ValueRange {
    fn add(&mut self, value: f32) {
        self.newest = value;
        if value.is_finite() {
            self.low = self.low.min(value);
            self.high = self.high.max(value);
        }
    }

    /// Where the newest value is between the lowest and the highest, from 0 to 1; `None` if it is not a number.
    pub(super) fn position(&self) -> Option<f64> {
        let (low, width) = (f64::from(self.low), f64::from(self.high) - f64::from(self.low));
        match self.newest.is_finite() {
            false => None,
            true if width <= 0.0 => Some(0.0),
            true => Some(((f64::from(self.newest) - low) / width).clamp(0.0, 1.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Time;

    const CHANNELS: usize = 1;

    fn samples(values: &[f32]) -> Samples {
        let mut samples = Samples::new(CHANNELS);
        values.iter().for_each(|value| samples.push(Time::ARRIVAL, [*value]));
        samples
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds_and_falls_in_a_pause() {
        let start = Instant::now();
        let mut stream = RecordedStream::new(&[Channel::in_ampere("left")], start);
        assert_eq!(stream.rate(start), None);
        // 50 Hz for ten seconds, then 200 Hz for ten seconds, in batches of 20 ms.
        for batch in 0..1000u32 {
            let values = vec![1.0; if batch < 500 { 1 } else { 4 }];
            stream.add(&samples(&values), start + Duration::from_millis(20) * batch);
        }
        let end = start + Duration::from_millis(19_980);
        assert_eq!((stream.samples, stream.time()), (2500, end - start));
        assert!((stream.rate(end).unwrap() - 200.0).abs() < 2.0, "{:?}", stream.rate(end));
        let later = stream.rate(end + Duration::from_secs(5)).unwrap();
        assert!((later - 100.0).abs() < 5.0, "{later}");
        assert!(stream.counts.len() <= 52, "{}", stream.counts.len());
    }

    #[test]
    fn a_value_is_placed_in_the_range_of_all_values_so_far() {
        let now = Instant::now();
        let mut stream = RecordedStream::new(&[Channel::in_ampere("left")], now);
        assert_eq!(stream.ranges[0].position(), None);
        for (value, position) in [
            (2.0, Some(0.0)),
            (4.0, Some(1.0)),
            (3.0, Some(0.5)),
            (f32::NAN, None),
            (0.0, Some(0.0)),
            (3.0, Some(0.75)),
        ] {
            stream.add(&samples(&[value]), now);
            assert_eq!(stream.ranges[0].position(), position, "{value}");
        }
    }
}
