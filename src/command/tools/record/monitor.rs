//! What has arrived since `record` began, of all robots.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::stream::RecordedStream;
use crate::command::service::inspection::DoubtKind;
use crate::signal::{Channel, SampleBatch, SourceEvent, StreamId};

/// The most robots that are watched; more are recorded, too, but not shown.
const MAX_STREAMS: usize = 64;
/// After this long without a sample, `record` says what to check.
const SILENCE: Duration = Duration::from_secs(5);
/// How long it then waits before it says so again.
const SILENCE_AGAIN: Duration = Duration::from_secs(60);

/// What has arrived since `record` began. It reads no clock and prints nothing.
#[derive(Debug)]
pub(super) struct RecordMonitor {
    pub(super) channels: Vec<Channel>,
    pub(super) streams: BTreeMap<StreamId, RecordedStream>,
    /// Whether there are more than [`MAX_STREAMS`] robots.
    pub(super) over_limit: bool,
    /// When the first sample arrived; `None` before that.
    first: Option<Instant>,
    /// When the newest sample arrived, or recording began.
    newest: Instant,
    /// The length of the silence that was told last; 0 if there were samples since.
    told_silence: Duration,
    /// The doubts that were told.
    told_doubts: BTreeSet<(StreamId, usize, DoubtKind)>,
}

impl RecordMonitor {
    /// A monitor of samples with these channels, before the first has arrived.
    pub(super) fn new(channels: Vec<Channel>, now: Instant) -> Self {
        Self {
            channels,
            streams: BTreeMap::new(),
            over_limit: false,
            first: None,
            newest: now,
            told_silence: Duration::ZERO,
            told_doubts: BTreeSet::new(),
        }
    }

    /// Adds what a source sent.
    pub(super) fn observe(&mut self, event: &SourceEvent) {
        let SourceEvent::Samples(SampleBatch { stream, samples, arrived, .. }) = event else { return };
        let arrived = arrived.instant;
        self.first.get_or_insert(arrived);
        self.newest = arrived;
        self.told_silence = Duration::ZERO;
        if let Some(known) = self.streams.get_mut(stream) {
            known.add(samples, arrived);
        } else if self.streams.len() < MAX_STREAMS {
            let mut new = RecordedStream::new(&self.channels, arrived);
            new.add(samples, arrived);
            self.streams.insert(stream.clone(), new);
        } else {
            self.over_limit = true;
        }
    }

    /// When the first sample arrived.
    pub(super) fn first(&self) -> Option<Instant> {
        self.first
    }

    /// How long no sample has arrived, if that is to be told now: after a few seconds, and then rarely.
    pub(super) fn silence_to_tell(&mut self, now: Instant) -> Option<Duration> {
        let silence = self.silence(now);
        let due =
            if self.told_silence == Duration::ZERO { SILENCE } else { self.told_silence + SILENCE_AGAIN };
        if silence < due {
            return None;
        }
        self.told_silence = silence;
        Some(silence)
    }

    /// How long no sample has arrived.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.newest)
    }

    /// What is not plausible about the values and was not told yet, a sentence for each.
    pub(super) fn doubts_to_tell(&mut self) -> Vec<String> {
        let Self { channels, streams, told_doubts, .. } = self;
        let several = streams.len() > 1;
        let mut texts = Vec::new();
        for (name, stream) in streams.iter().filter(|(_, stream)| stream.can_be_judged()) {
            for doubt in stream.inspection.doubts(channels, None) {
                if told_doubts.insert((name.clone(), doubt.channel, doubt.kind)) {
                    let of = if several { format!("stream {:?}: ", name.as_str()) } else { String::new() };
                    texts.push(of + &doubt.text);
                }
            }
        }
        texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{Arrival, Samples, Time};

    fn batch(stream: &str, seconds: f64, row: [f32; 2], arrived: Instant) -> SourceEvent {
        let mut samples = Samples::new(2);
        samples.push(Time::from_seconds(seconds).unwrap(), row);
        let arrived = Arrival { instant: arrived, ..Arrival::now() };
        SourceEvent::Samples(SampleBatch {
            stream: StreamId::new(stream).unwrap(),
            samples,
            arrived,
            rate: None,
        })
    }

    fn monitor(now: Instant) -> RecordMonitor {
        RecordMonitor::new(vec![Channel::in_ampere("left"), Channel::in_ampere("right")], now)
    }

    #[test]
    fn silence_is_told_after_five_seconds_and_then_once_a_minute_until_a_sample_comes() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut monitor = monitor(start);
        let mut told = |from, to| -> Vec<u64> {
            (from..to).filter_map(|second| monitor.silence_to_tell(at(second))).map(|s| s.as_secs()).collect()
        };
        assert_eq!(told(0, 200), [5, 65, 125, 185]);
        monitor.observe(&batch("rover", 0.0, [1.0, 1.0], at(200)));
        assert_eq!(monitor.first(), Some(at(200)));
        let mut told = |from, to| -> Vec<u64> {
            (from..to).filter_map(|second| monitor.silence_to_tell(at(second))).map(|s| s.as_secs()).collect()
        };
        assert_eq!(told(200, 270), [5, 65]);
    }

    #[test]
    fn each_doubt_is_told_once() {
        let start = Instant::now();
        let mut monitor = monitor(start);
        let mut told = Vec::new();
        for index in 0..2000u32 {
            let seconds = f64::from(index) / 100.0;
            let row = [1e6 + index as f32, 0.5];
            monitor.observe(&batch("rover", seconds, row, start + Duration::from_millis(10) * index));
            told.extend(monitor.doubts_to_tell());
            assert!(index >= 499 || told.is_empty(), "{told:?} after {seconds} s");
        }
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("channel \"left\" only ever rises") && told[0].contains("--channels"));
        assert!(told[1].starts_with("channel \"right\" is 0.5 A in all of its samples"), "{told:?}");
    }

    #[test]
    fn the_number_of_robots_that_are_watched_is_bounded() {
        let start = Instant::now();
        let mut monitor = monitor(start);
        for robot in 0..100 {
            monitor.observe(&batch(&format!("robot{robot}"), 0.0, [1.0, 1.0], start));
        }
        assert_eq!((monitor.streams.len(), monitor.over_limit), (MAX_STREAMS, true));
    }
}
