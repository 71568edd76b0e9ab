//! Joins the samples of several topics, each with a rate of its own, into samples with all channels.
//!
//! There is a sample at each time of the fastest topic. The channels of the others are interpolated linearly between the
//! samples before and after it, or are missing if these are too far apart. So no sample of the fastest topic is dropped, and
//! none is made up where a topic has nothing to say.

use std::collections::VecDeque;

use crate::signal::{Samples, Time};

/// Maximum number of samples of a topic that wait for other topics.
const MAX_WAITING: usize = 1 << 16;
/// The longest time that is bridged by interpolation, in nanoseconds, or this many intervals of the topic.
const MAX_GAP: i64 = 1_000_000_000;
const MAX_GAP_INTERVALS: i64 = 3;

/// Joins topics.
#[derive(Debug)]
pub(super) struct TopicJoiner {
    topics: Vec<JoinedTopic>,
    /// The index of the fastest topic.
    fastest: usize,
    /// For each channel of the joined samples, the index of its topic and that of the channel there.
    channels: Vec<(usize, usize)>,
    row: Vec<f32>,
}

/// The samples of a topic that are still needed.
#[derive(Debug, Default)]
struct JoinedTopic {
    rows: VecDeque<(Time, Box<[f32]>)>,
    max_gap: i64,
    /// The earliest and the latest time of all its samples.
    span: Option<(Time, Time)>,
}

impl TopicJoiner {
    /// Joins topics with these intervals between their samples, in nanoseconds. `channels` has the topic of each channel, and
    /// its index among those of the topic.
    pub(super) fn new(intervals: &[i64], channels: Vec<(usize, usize)>) -> Self {
        let topic = |interval: &i64| {
            let max_gap = MAX_GAP.max(interval.saturating_mul(MAX_GAP_INTERVALS));
            JoinedTopic { max_gap, ..JoinedTopic::default() }
        };
        let fastest = (0..intervals.len()).min_by_key(|index| intervals.get(*index)).unwrap_or(0);
        Self {
            topics: intervals.iter().map(topic).collect(),
            fastest,
            row: vec![f32::NAN; channels.len()],
            channels,
        }
    }

    /// The index of the fastest topic, at whose times the joined samples are.
    pub(super) fn fastest(&self) -> usize {
        self.fastest
    }

    /// Adds samples of a topic.
    pub(super) fn push(&mut self, topic: usize, samples: &Samples) {
        let is_fastest = topic == self.fastest;
        let Some(topic) = self.topics.get_mut(topic) else { return };
        for (time, row) in samples.iter() {
            if topic.rows.back().is_some_and(|(last, _)| last.since(time) > MAX_GAP) {
                // The clock has started again, and nothing is joined across that.
                topic.rows.clear();
            }
            // What is too much of the fastest topic goes out when it is joined.
            if topic.rows.len() >= MAX_WAITING && !is_fastest {
                topic.rows.pop_front();
            }
            topic.rows.push_back((time, row.into()));
            let (first, last) = topic.span.unwrap_or((time, time));
            topic.span = Some((first.min(time), last.max(time)));
        }
    }

    /// Adds the joined samples whose channels are all known to `samples`; all of them if the topics have `ended`, and the oldest
    /// if too many wait.
    pub(super) fn join(&mut self, ended: bool, samples: &mut Samples) {
        loop {
            let Some(fastest) = self.topics.get_mut(self.fastest) else { return };
            let has_to = ended || fastest.rows.len() > MAX_WAITING;
            let Some(&(time, _)) = fastest.rows.front() else { return };
            let fastest = self.fastest;
            let mut others = self.topics.iter_mut().enumerate().filter(|(index, _)| *index != fastest);
            let is_known = others.all(|(_, topic)| topic.reach(time));
            if !is_known && !has_to {
                return;
            }
            for (slot, (topic, channel)) in self.row.iter_mut().zip(&self.channels) {
                *slot = self.topics.get(*topic).map_or(f32::NAN, |topic| topic.at(time, *channel));
            }
            samples.push(time, self.row.iter().copied());
            self.topics.get_mut(fastest).map(|topic| topic.rows.pop_front());
        }
    }

    /// Two topics whose times have nothing in common, by their indices, with the earliest and latest time of each; `None` if there
    /// are none.
    pub(super) fn apart(&self) -> Option<[(usize, (Time, Time)); 2]> {
        let spans: Vec<_> =
            self.topics.iter().enumerate().filter_map(|(index, topic)| Some((index, topic.span?))).collect();
        let latest_start = spans.iter().max_by_key(|(_, (first, _))| *first)?;
        let earliest_end = spans.iter().min_by_key(|(_, (_, last))| *last)?;
        (earliest_end.1.1 < latest_start.1.0).then_some([*earliest_end, *latest_start])
    }
}

impl JoinedTopic {
    /// Drops what is before the last sample up to `time`. Returns whether the values at `time` are known.
    fn reach(&mut self, time: Time) -> bool {
        while self.rows.get(1).is_some_and(|(next, _)| *next <= time) {
            self.rows.pop_front();
        }
        match (self.rows.front(), self.rows.get(1)) {
            (None, _) => false,
            (Some((first, _)), next) => *first >= time || next.is_some(),
        }
    }

    /// The value of a channel at a time; NaN if it is not known.
    fn at(&self, time: Time, channel: usize) -> f32 {
        let value = |row: &[f32]| row.get(channel).copied().unwrap_or(f32::NAN);
        match (self.rows.front(), self.rows.get(1)) {
            (Some((first, row)), _) if *first == time => value(row),
            (Some((first, row)), Some((next, next_row)))
                if *first < time && next.since(*first) <= self.max_gap =>
            {
                let share = time.since(*first) as f64 / next.since(*first) as f64;
                let (from, to) = (f64::from(value(row)), f64::from(value(next_row)));
                (from + (to - from) * share) as f32
            }
            _ => f32::NAN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn samples(rows: impl IntoIterator<Item = (i64, f32)>) -> Samples {
        let mut samples = Samples::new(1);
        rows.into_iter().for_each(|(ms, value)| samples.push(Time::from_nanos(ms * MS).unwrap(), [value]));
        samples
    }

    fn rows(samples: &Samples) -> Vec<(i64, f32, f32)> {
        samples.iter().map(|(time, row)| (time.nanos() / MS, row[0], row[1])).collect()
    }

    #[test]
    fn the_slower_topic_is_interpolated_at_the_times_of_the_faster_one_and_no_row_is_dropped() {
        let mut joiner = TopicJoiner::new(&[40 * MS, 10 * MS], vec![(1, 0), (0, 0)]);
        assert_eq!(joiner.fastest(), 1);
        joiner.push(0, &samples([(5, 0.0), (45, 4.0)]));
        joiner.push(1, &samples((0..7).map(|index| (index * 10, index as f32))));
        let mut joined = Samples::new(2);
        joiner.join(false, &mut joined);
        let expected = [(10, 1.0, 0.5), (20, 2.0, 1.5), (30, 3.0, 2.5), (40, 4.0, 3.5)];
        assert!(rows(&joined)[0].2.is_nan(), "nothing is known before the first sample");
        assert_eq!(rows(&joined)[1..], expected);
        joiner.join(true, &mut joined);
        assert_eq!(joined.len(), 7);
        assert!(rows(&joined)[5..].iter().all(|row| row.2.is_nan()), "and nothing after the last one");
    }

    #[test]
    fn nothing_is_interpolated_across_a_gap_or_a_clock_that_starts_again() {
        let mut joiner = TopicJoiner::new(&[500 * MS, 100 * MS], vec![(1, 0), (0, 0)]);
        joiner.push(0, &samples([(0, 0.0), (1400, 1.4), (4000, 4.0)]));
        joiner.push(1, &samples([(700, 0.0), (1400, 1.0), (3000, 2.0)]));
        let mut joined = Samples::new(2);
        joiner.join(false, &mut joined);
        assert_eq!(rows(&joined)[..2], [(700, 0.0, 0.7), (1400, 1.0, 1.4)]);
        assert!(rows(&joined)[2].2.is_nan());
        joiner.push(0, &samples([(0, 7.0), (500, 8.0)]));
        joiner.push(1, &samples([(250, 3.0)]));
        joiner.join(false, &mut joined);
        assert_eq!(rows(&joined)[3], (250, 3.0, 7.5));
    }

    #[test]
    fn what_waits_is_bounded_when_a_topic_falls_silent() {
        let mut joiner = TopicJoiner::new(&[10 * MS, MS], vec![(1, 0), (0, 0)]);
        joiner.push(0, &samples([(0, 0.0)]));
        let mut joined = Samples::new(2);
        for start in 0..10 {
            joiner.push(1, &samples((start * 20_000..(start + 1) * 20_000).map(|ms| (ms, 1.0))));
            joiner.join(false, &mut joined);
            assert!(joiner.topics.iter().all(|topic| topic.rows.len() <= MAX_WAITING));
        }
        joiner.join(true, &mut joined);
        assert_eq!(joined.len(), 200_000, "and no row is dropped");
    }

    #[test]
    fn topics_of_two_clocks_are_apart() {
        let mut joiner = TopicJoiner::new(&[MS, MS], vec![(0, 0), (1, 0)]);
        joiner.push(0, &samples([(1_000_000, 0.0), (2_000_000, 0.0)]));
        assert_eq!(joiner.apart(), None);
        joiner.push(1, &samples([(0, 0.0), (3, 0.0)]));
        let [(first, _), (second, (from, _))] = joiner.apart().unwrap();
        assert_eq!((first, second, from.nanos()), (1, 0, 1_000_000 * MS));
    }
}
