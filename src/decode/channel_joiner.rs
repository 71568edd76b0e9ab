//! Joins the values of single channels, which arrive in messages of their own, into samples.
//!
//! - Values with a device time are joined by equal time. A sample is complete when every channel has a value for
//!   its time. The samples that began before a complete one are passed on with it; so is a sample that has waited
//!   for longer than the hold time, or when too many wait.
//! - Values without a time are joined by their arrival. A sample is made when each channel has brought a new value,
//!   or as soon as one channel brings a second one. The other channels keep their newest value for at most the hold
//!   time. Several values in one message are several samples, joined by their place in the message.
//!
//! A channel without a value is NaN in the sample. A channel that never comes is therefore noticed where the samples
//! are checked, as one whose sensor is silent.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::signal::{Columns, DropReason, Drops, Samples, StreamId, Time};

/// Maximum number of samples of one stream that wait for a channel.
const MAX_WAITING: usize = 256;
/// Maximum number of values of all streams that wait for other channels: 8 MiB.
const MAX_VALUES: usize = 1 << 20;

/// Joins the channels of all streams of a source.
#[derive(Debug)]
pub(crate) struct ChannelJoiner {
    columns: Columns,
    max_streams: usize,
    hold: Duration,
    streams: HashMap<StreamId, JoinedStream>,
    /// When streams that nothing has come from were last looked for.
    swept: Option<Instant>,
    /// The number of values that wait, of all streams.
    values: usize,
}

/// The channels of one stream.
#[derive(Debug)]
struct JoinedStream {
    channels: Vec<JoinedChannel>,
    /// Samples with a device time that are not complete, in the order in which they began.
    waiting: VecDeque<PartialSample>,
    newest: Instant,
}

#[derive(Clone, Debug, Default)]
struct JoinedChannel {
    /// The values of the newest message without times, if they are in no sample yet.
    fresh: Vec<f64>,
    /// The last value that is in a sample, with when it arrived.
    last: Option<(f64, Instant)>,
    arrived: Option<Instant>,
}

#[derive(Debug)]
struct PartialSample {
    time: Time,
    values: Vec<f64>,
    has: Vec<bool>,
    began: Instant,
}

impl ChannelJoiner {
    /// Creates a joiner for the channels that are computed from `columns`, of at most `max_streams` streams.
    pub(crate) fn new(columns: Columns, max_streams: usize, hold: Duration) -> Self {
        Self { columns, max_streams, hold, streams: HashMap::new(), swept: None, values: 0 }
    }

    /// Adds the values of the column `index` of a stream that arrived at `now`. Samples that are complete are added
    /// to `samples`.
    pub(crate) fn push(
        &mut self,
        stream: &StreamId,
        index: usize,
        values: &Samples,
        now: Instant,
        samples: &mut Samples,
        drops: &mut Drops,
    ) {
        if values.is_empty() || !self.has_room(stream, values.len(), now, drops) {
            return;
        }
        let width = self.columns.names().len();
        let joined = self.streams.entry(stream.clone()).or_insert_with(|| JoinedStream {
            channels: vec![JoinedChannel::default(); width],
            waiting: VecDeque::new(),
            newest: now,
        });
        joined.newest = now;
        let before = joined.values();
        joined.release(now, self.hold, &self.columns, samples);
        let mut fresh = Vec::new();
        for (time, value) in values.iter() {
            let value = value.first().copied().map_or(f64::NAN, f64::from);
            if time == Time::ARRIVAL {
                fresh.push(value);
            } else {
                joined.add_timed(time, index, value, now, &self.columns, samples);
            }
        }
        if !fresh.is_empty() {
            joined.add_fresh(index, fresh, now, self.hold, &self.columns, samples);
        }
        self.values = (self.values + joined.values()).saturating_sub(before);
    }

    /// Whether there is room for `count` values of a stream. Streams that have been gone for long make room.
    fn has_room(&mut self, stream: &StreamId, count: usize, now: Instant, drops: &mut Drops) -> bool {
        let is_full = !self.streams.contains_key(stream) && self.streams.len() >= self.max_streams;
        if is_full || self.values + count > MAX_VALUES {
            let sweep_again = self.swept.is_none_or(|swept| now.duration_since(swept) > self.hold);
            if sweep_again {
                self.swept = Some(now);
                let hold = self.hold;
                self.streams.retain(|_, joined| now.duration_since(joined.newest) <= 2 * hold);
                self.values = self.streams.values().map(JoinedStream::values).sum();
            }
        }
        if !self.streams.contains_key(stream) && self.streams.len() >= self.max_streams {
            drops.add_many(DropReason::StreamLimit, count as u64, || {
                format!(
                    "the channels of limits.streams = {} streams are joined already, so the stream \"{stream}\" is \
                     dropped; raise the limit to serve more robots",
                    self.max_streams
                )
            });
            return false;
        }
        if self.values + count > MAX_VALUES {
            drops.add_many(DropReason::TooLarge, count as u64, || {
                format!(
                    "{} values wait for other channels of their streams, so those of the stream \"{stream}\" are \
                     dropped; send the channels in turn, with fewer values in a message",
                    self.values
                )
            });
            return false;
        }
        true
    }
}

impl JoinedStream {
    /// The number of values that wait.
    fn values(&self) -> usize {
        let fresh: usize = self.channels.iter().map(|channel| channel.fresh.len()).sum();
        fresh + self.waiting.len() * self.channels.len()
    }

    /// Passes on the samples that have waited for too long.
    fn release(&mut self, now: Instant, hold: Duration, columns: &Columns, samples: &mut Samples) {
        while self.waiting.len() > MAX_WAITING
            || self.waiting.front().is_some_and(|sample| now.duration_since(sample.began) > hold)
        {
            let Some(sample) = self.waiting.pop_front() else { return };
            columns.push(sample.time, &sample.values, samples);
        }
    }

    /// Adds a value to the sample of its time.
    fn add_timed(
        &mut self,
        time: Time,
        index: usize,
        value: f64,
        now: Instant,
        columns: &Columns,
        samples: &mut Samples,
    ) {
        let width = self.channels.len();
        // The sample of the same time without this channel; a second value of a channel begins another one.
        let is_open =
            |sample: &PartialSample| sample.time == time && !sample.has.get(index).is_none_or(|has| *has);
        let at = match self.waiting.iter().position(is_open) {
            Some(at) => at,
            None => {
                let (values, has) = (vec![f64::NAN; width], vec![false; width]);
                self.waiting.push_back(PartialSample { time, values, has, began: now });
                self.waiting.len() - 1
            }
        };
        let Some(sample) = self.waiting.get_mut(at) else { return };
        if let (Some(slot), Some(has)) = (sample.values.get_mut(index), sample.has.get_mut(index)) {
            (*slot, *has) = (value, true);
        }
        if sample.has.iter().all(|has| *has) {
            for sample in self.waiting.drain(..=at) {
                columns.push(sample.time, &sample.values, samples);
            }
        } else if self.waiting.len() > MAX_WAITING
            && let Some(sample) = self.waiting.pop_front()
        {
            columns.push(sample.time, &sample.values, samples);
        }
    }

    /// Adds the values of a message without times.
    fn add_fresh(
        &mut self,
        index: usize,
        values: Vec<f64>,
        now: Instant,
        hold: Duration,
        columns: &Columns,
        samples: &mut Samples,
    ) {
        if self.channels.get(index).is_some_and(|channel| !channel.fresh.is_empty()) {
            self.join(now, hold, columns, samples);
        }
        if let Some(channel) = self.channels.get_mut(index) {
            (channel.fresh, channel.arrived) = (values, Some(now));
        }
        if self.channels.iter().all(|channel| !channel.fresh.is_empty()) {
            self.join(now, hold, columns, samples);
        }
    }

    /// Makes samples of the fresh values of all channels.
    fn join(&mut self, now: Instant, hold: Duration, columns: &Columns, samples: &mut Samples) {
        let count = self.channels.iter().map(|channel| channel.fresh.len()).max().unwrap_or_default();
        let mut raw = Vec::with_capacity(self.channels.len());
        for place in 0..count {
            raw.clear();
            raw.extend(self.channels.iter().map(|channel| channel.value(place, now, hold)));
            columns.push(Time::ARRIVAL, &raw, samples);
        }
        for channel in &mut self.channels {
            if let (Some(value), Some(arrived)) = (channel.fresh.last(), channel.arrived) {
                channel.last = Some((*value, arrived));
            }
            channel.fresh.clear();
        }
    }
}

impl JoinedChannel {
    /// The value for the sample at `place` among those that are made now.
    fn value(&self, place: usize, now: Instant, hold: Duration) -> f64 {
        let held =
            self.last.filter(|(_, arrived)| now.duration_since(*arrived) <= hold).map(|(value, _)| value);
        self.fresh.get(place).or(self.fresh.last()).copied().or(held).unwrap_or(f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Channel;

    const HOLD: Duration = Duration::from_secs(5);

    fn joiner(max_streams: usize) -> ChannelJoiner {
        let columns = Columns::of(&["left", "right"].map(Channel::in_ampere)).unwrap();
        ChannelJoiner::new(columns, max_streams, HOLD)
    }

    fn values(times: &[Option<i64>], values: &[f32]) -> Samples {
        let mut samples = Samples::new(1);
        for (time, value) in times.iter().zip(values) {
            samples.push(time.map_or(Time::ARRIVAL, |nanos| Time::from_nanos(nanos).unwrap()), [*value]);
        }
        samples
    }

    /// Pushes messages, each a channel with its values, and returns the rows of samples.
    fn join(joiner: &mut ChannelJoiner, messages: &[(usize, Samples, Instant)]) -> Vec<String> {
        let (mut samples, mut drops) = (joiner.columns.samples(), Drops::default());
        for (channel, values, now) in messages {
            joiner.push(&StreamId::new("rover").unwrap(), *channel, values, *now, &mut samples, &mut drops);
        }
        assert_eq!(drops.total(), 0);
        let time = |time: Time| if time == Time::ARRIVAL { "-".into() } else { time.nanos().to_string() };
        samples.iter().map(|(t, row)| format!("{} {} {}", time(t), row[0], row[1])).collect()
    }

    #[test]
    fn values_with_a_time_are_joined_by_equal_time() {
        let now = Instant::now();
        let one = |channel, time, value| (channel, values(&[Some(time)], &[value]), now);
        let messages = [one(0, 1, 1.0), one(0, 2, 2.0), one(1, 1, 10.0), one(1, 2, 20.0)];
        assert_eq!(join(&mut joiner(1), &messages), ["1 1 10", "2 2 20"]);
        let lists = [
            (1, values(&[Some(1), Some(2), Some(3)], &[1.0, 2.0, 3.0]), now),
            (0, values(&[Some(1), Some(3)], &[5.0, 6.0]), now),
        ];
        assert_eq!(join(&mut joiner(1), &lists), ["1 5 1", "2 NaN 2", "3 6 3"]);
    }

    #[test]
    fn values_without_a_time_are_joined_by_arrival_and_held_for_a_while() {
        let now = Instant::now();
        let at = |channel, value, seconds| {
            (channel, values(&[None], &[value]), now + Duration::from_secs(seconds))
        };
        let mut joiner = joiner(1);
        assert_eq!(join(&mut joiner, &[at(0, 1.0, 0), at(1, 2.0, 0), at(1, 3.0, 1)]), ["- 1 2"]);
        assert_eq!(join(&mut joiner, &[at(0, 4.0, 1)]), ["- 4 3"]);
        // The left channel is faster than the right one.
        assert_eq!(join(&mut joiner, &[at(0, 5.0, 2), at(0, 6.0, 3), at(0, 7.0, 4)]), ["- 5 3", "- 6 3"]);
        assert_eq!(join(&mut joiner, &[at(0, 8.0, 9)]), ["- 7 NaN"]);
    }

    #[test]
    fn lists_without_a_time_are_joined_by_place() {
        let now = Instant::now();
        let list = |channel, list: &[f32]| (channel, values(&[None, None], list), now);
        assert_eq!(join(&mut joiner(1), &[list(0, &[1.0, 2.0]), list(1, &[3.0, 4.0])]), ["- 1 3", "- 2 4"]);
    }

    #[test]
    fn a_channel_that_never_comes_is_nan_in_the_samples() {
        let now = Instant::now();
        let mut joiner = joiner(1);
        let timed: Vec<_> = (0..300).map(|time| (0, values(&[Some(time)], &[1.0]), now)).collect();
        let rows = join(&mut joiner, &timed);
        assert_eq!((rows.len(), rows[0].as_str()), (300 - MAX_WAITING, "0 1 NaN"));
        let later = [(0, values(&[Some(300)], &[1.0]), now + 2 * HOLD)];
        assert_eq!(join(&mut joiner, &later).len(), MAX_WAITING, "they have waited for too long");
        let untimed = [(0, values(&[None], &[1.0]), now), (0, values(&[None], &[2.0]), now)];
        assert_eq!(join(&mut joiner, &untimed), ["- 1 NaN"]);
    }

    #[test]
    fn streams_and_memory_are_bounded_and_streams_that_are_gone_make_room() {
        let mut joiner = joiner(2);
        let now = Instant::now();
        let (mut samples, mut drops) = (joiner.columns.samples(), Drops::default());
        let mut push = |name: &str, count: usize, now: Instant| {
            let values = values(&vec![None; count], &vec![1.0; count]);
            joiner.push(&StreamId::new(name).unwrap(), 0, &values, now, &mut samples, &mut drops);
            drops.take().to_string()
        };
        assert_eq!(
            [push("a", 1, now), push("b", 1, now), push("c", 3, now)],
            ["none", "none", "3 stream_limit"]
        );
        let later = now + 3 * HOLD;
        assert_eq!(push("c", 1, later), "none");
        assert_eq!(push("c", MAX_VALUES, later), format!("{MAX_VALUES} too_large"));
    }
}
