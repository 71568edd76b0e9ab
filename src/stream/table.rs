//! The state of every stream: one windower each, up to a maximum number of streams. Idle streams are removed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::event::{EventKind, StreamEvent};
use super::timing::{ClockCheck, LeapFilter, RateFault, Timestamper};
use super::window::{ResetReason, WindowerOutput};
use super::windower::{StreamWindower, WindowerOptions};
use crate::signal::{DropReason, Drops, SampleBatch, StreamId, Time};

/// How streams are followed.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamTableOptions {
    /// How the windows of each stream are made.
    pub windower: WindowerOptions,
    /// Maximum number of streams at once. The samples of further streams are dropped.
    pub max_streams: usize,
    /// When a live stream is silent or idle. `None` for a replay, whose samples do not arrive in real time.
    pub silence_limits: Option<SilenceLimits>,
}

/// What happens to a live stream without usable samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SilenceLimits {
    /// After this time the stream is silent, and its window is emptied.
    pub silence: Duration,
    /// After this time the stream is idle, and it is removed from the table.
    pub idle: Duration,
}

/// The state of all streams.
///
/// Each method passes the [`StreamEvent`]s that follow to `emit`, in order, and counts what it drops in
/// `drops`. The table reads no clock: the time of arrival is in the batches, and [`StreamTable::sweep`] is
/// given the current time.
#[derive(Debug)]
pub struct StreamTable {
    options: StreamTableOptions,
    entries: HashMap<StreamId, StreamEntry>,
}

/// The state of one stream.
#[derive(Debug)]
struct StreamEntry {
    windower: StreamWindower,
    timestamper: Timestamper,
    leaps: LeapFilter,
    clock: ClockCheck,
    /// The time of the first sample.
    start: Time,
    /// When the last batch with usable samples arrived.
    arrived: Instant,
    /// Whether the silence since then was already reported.
    silent: bool,
}

impl StreamTable {
    /// Creates a table without streams.
    pub fn new(options: StreamTableOptions) -> Self {
        Self { options, entries: HashMap::new() }
    }

    /// Whether the streams are live. If so, silence is detected, and overload drops windows. A replay waits
    /// instead.
    pub fn is_live(&self) -> bool {
        self.options.silence_limits.is_some()
    }

    /// The number of streams.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no streams.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a batch of samples. Those that carry no time are given one, in the batch itself. A sample whose time
    /// leaps is moved from the batch to the next one, which has to confirm it.
    pub fn push(&mut self, batch: &mut SampleBatch, drops: &mut Drops, mut emit: impl FnMut(StreamEvent)) {
        let Some(&first) = batch.samples.times().first() else { return };
        let is_live = self.is_live();
        let arrived = batch.arrived.instant;
        if !self.entries.contains_key(&batch.stream) {
            if self.entries.len() >= self.options.max_streams {
                return drops.add_many(DropReason::StreamLimit, batch.samples.len() as u64, || {
                    format!(
                        "limits.streams = {} streams are served already, so the stream \"{}\" is dropped; raise the \
                         limit to serve more robots",
                        self.options.max_streams, batch.stream
                    )
                });
            }
            let time = if first == Time::ARRIVAL { batch.arrived.time } else { first };
            let entry = StreamEntry {
                windower: StreamWindower::new(&self.options.windower),
                timestamper: Timestamper::default(),
                leaps: LeapFilter::default(),
                clock: ClockCheck::default(),
                start: time,
                arrived,
                silent: false,
            };
            self.entries.insert(batch.stream.clone(), entry);
            emit(StreamEvent { stream: batch.stream.clone(), kind: EventKind::Start { time } });
        }
        let Some(entry) = self.entries.get_mut(&batch.stream) else { return };
        entry.timestamper.stamp(&mut batch.samples, batch.arrived.time, batch.rate);
        entry.leaps.filter(&mut batch.samples, entry.windower.max_gap(), drops);
        let stream = &batch.stream;
        let newest = entry.windower.newest();
        let clock_fault = entry.clock.fault();
        entry
            .windower
            .push(&batch.samples, drops, |output| emit(event(stream, output, arrived, clock_fault)));
        if is_live {
            entry.check_clock(stream, arrived, &mut emit);
        }
        // Samples that cannot be used, because a sensor is broken or a clock stands still, do not end a
        // silence.
        if entry.windower.newest() != newest {
            entry.arrived = arrived;
            entry.silent = false;
        }
    }

    /// Continues with other options. A stream keeps its window if the new model takes the same kind of
    /// window.
    pub fn reconfigure(
        &mut self,
        options: StreamTableOptions,
        drops: &mut Drops,
        mut emit: impl FnMut(StreamEvent),
    ) {
        for (stream, entry) in &mut self.entries {
            let arrived = entry.arrived;
            if entry
                .windower
                .reconfigure(&options.windower, drops, |output| emit(event(stream, output, arrived, None)))
            {
                let kind = EventKind::Reset { time: entry.time(), reason: ResetReason::Model };
                emit(StreamEvent { stream: stream.clone(), kind });
            }
        }
        self.options = options;
    }

    /// Ends a stream: its reorder buffer is handled, and the stream is removed.
    pub fn end(&mut self, stream: &StreamId, drops: &mut Drops, mut emit: impl FnMut(StreamEvent)) {
        if let Some(mut entry) = self.entries.remove(stream) {
            let arrived = entry.arrived;
            entry.windower.finish(drops, |output| emit(event(stream, output, arrived, None)));
            entry.leaps.finish(drops);
            emit(StreamEvent { stream: stream.clone(), kind: EventKind::End { time: entry.time() } });
        }
    }

    /// Leaves a stream to another node: what is known about it is forgotten, and nothing is said about it.
    pub fn hand_over(&mut self, stream: &StreamId, drops: &mut Drops, mut emit: impl FnMut(StreamEvent)) {
        if let Some(mut entry) = self.entries.remove(stream) {
            entry.leaps.finish(drops);
            emit(StreamEvent { stream: stream.clone(), kind: EventKind::Moved });
        }
    }

    /// Ends every stream, in the order of their names.
    pub fn end_all(&mut self, drops: &mut Drops, mut emit: impl FnMut(StreamEvent)) {
        let mut streams: Vec<_> = self.entries.keys().cloned().collect();
        streams.sort();
        for stream in streams {
            self.end(&stream, drops, &mut emit);
        }
    }

    /// Empties the windows of silent streams and ends idle ones. It does nothing in a replay.
    pub fn sweep(&mut self, now: Instant, drops: &mut Drops, mut emit: impl FnMut(StreamEvent)) {
        let Some(limits) = self.options.silence_limits else { return };
        let mut idle = Vec::new();
        for (stream, entry) in &mut self.entries {
            let silence = now.saturating_duration_since(entry.arrived);
            if silence >= limits.idle {
                idle.push(stream.clone());
            } else if silence >= limits.silence && !entry.silent {
                entry.silent = true;
                let arrived = entry.arrived;
                entry.windower.finish(drops, |output| emit(event(stream, output, arrived, None)));
                let missing = entry.windower.missing_channels();
                if entry.windower.clear() || missing != 0 {
                    let reason =
                        if missing == 0 { ResetReason::Silence } else { ResetReason::Missing(missing) };
                    let kind = EventKind::Reset { time: entry.time(), reason };
                    emit(StreamEvent { stream: stream.clone(), kind });
                }
            }
        }
        for stream in idle {
            self.end(&stream, drops, &mut emit);
        }
    }
}

impl StreamEntry {
    /// The stream's time at its newest sample.
    fn time(&self) -> Time {
        self.windower.newest().unwrap_or(self.start)
    }

    /// Compares the stream's clock with the arrival of its samples, and reports a clock that is much too slow,
    /// because its windows may never be complete.
    fn check_clock(&mut self, stream: &StreamId, arrived: Instant, emit: &mut impl FnMut(StreamEvent)) {
        let Some(newest) = self.windower.newest() else { return };
        let before = self.clock.fault();
        self.clock.push(newest, arrived);
        if let Some(fault) = self.clock.fault().filter(|_| before.is_none()) {
            self.windower.clear();
            let kind = EventKind::Reset { time: newest, reason: ResetReason::Rate(fault) };
            emit(StreamEvent { stream: stream.clone(), kind });
        }
    }
}

/// The event for an output of a stream's windower. `clock` is what is wrong with the stream's clock.
fn event(
    stream: &StreamId,
    output: WindowerOutput,
    arrived: Instant,
    clock: Option<RateFault>,
) -> StreamEvent {
    let kind = match output {
        WindowerOutput::Window(mut window) => {
            window.quality.rate = window.quality.rate.or(clock);
            EventKind::Window { window, arrived }
        }
        WindowerOutput::Reset { time, reason } => EventKind::Reset { time, reason },
    };
    StreamEvent { stream: stream.clone(), kind }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::card::Card;
    use crate::signal::{Arrival, Samples};

    fn options(max_streams: usize) -> StreamTableOptions {
        let card = Card::of_test(5, 2, &["a", "b"]);
        let limits = SilenceLimits { silence: Duration::from_secs(5), idle: Duration::from_secs(60) };
        StreamTableOptions { windower: WindowerOptions::of(&card), max_streams, silence_limits: Some(limits) }
    }

    fn batch(stream: &str, instant: Instant, samples: &[(i64, f32)]) -> SampleBatch {
        let mut batch = SampleBatch {
            stream: StreamId::new(stream).unwrap(),
            samples: Samples::new(1),
            arrived: Arrival { instant, time: Time::from_nanos(0).unwrap() },
            rate: None,
        };
        for (millis, value) in samples {
            batch.samples.push(Time::from_nanos(millis * 1_000_000).unwrap(), [*value]);
        }
        batch
    }

    fn run(table: &mut StreamTable, batches: Vec<SampleBatch>) -> (Vec<StreamEvent>, Drops) {
        let (mut events, mut drops) = (Vec::new(), Drops::default());
        for mut batch in batches {
            table.push(&mut batch, &mut drops, |event| events.push(event));
        }
        (events, drops)
    }

    proptest! {
        #[test]
        fn a_window_never_has_samples_of_another_stream(turns in prop::collection::vec(0usize..3, 1..400)) {
            let now = Instant::now();
            let mut counts = [0i64; 3];
            let batches = turns.iter().map(|&stream| {
                counts[stream] += 1;
                batch(&stream.to_string(), now, &[(counts[stream] * 10, stream as f32)])
            });
            let (events, drops) = run(&mut StreamTable::new(options(3)), batches.collect());
            prop_assert_eq!(drops.total(), 0);
            let mut windows = [0; 3];
            for event in events {
                if let EventKind::Window { window, .. } = event.kind {
                    let stream: usize = event.stream.as_str().parse().unwrap();
                    windows[stream] += 1;
                    prop_assert!(window.values.iter().all(|value| *value == stream as f32));
                }
            }
            for (count, windows) in counts.into_iter().zip(windows) {
                prop_assert_eq!(windows, if count < 5 { 0 } else { (count - 5) / 2 + 1 });
            }
        }
    }

    #[test]
    fn a_stream_over_the_limit_is_dropped_and_the_others_continue() {
        let now = Instant::now();
        let mut table = StreamTable::new(options(1));
        let samples: Vec<_> = (0..5).map(|i| (i * 10, 0.0)).collect();
        let (events, drops) = run(
            &mut table,
            vec![batch("a", now, &samples[..4]), batch("b", now, &samples), batch("a", now, &samples[4..])],
        );
        assert_eq!(drops.to_string(), "5 stream_limit");
        assert!(drops.first().unwrap().1.contains("limits.streams = 1"));
        assert_eq!(events.len(), 2, "a start and a window");
    }

    #[test]
    fn a_damaged_time_costs_one_sample_and_no_window() {
        let now = Instant::now();
        let times =
            (0..10).map(|i| (i * 10, 0.0)).chain([(77_000, 9.0)]).chain((10..15).map(|i| (i * 10, 0.0)));
        let batches = times.map(|sample| batch("a", now, &[sample])).collect();
        let (events, drops) = run(&mut StreamTable::new(options(1)), batches);
        assert_eq!(drops.to_string(), "1 bad_time");
        assert_eq!(events.len(), 1 + 6, "a start, and the windows of 15 samples without a reset: {events:?}");
    }

    #[test]
    fn a_live_stream_whose_clock_is_in_another_unit_says_so_and_a_replay_does_not() {
        // Ten samples a second, whose seconds are read as milliseconds.
        let (start, millisecond) = (Instant::now(), Duration::from_millis(1));
        let batches = || {
            (0..100u32).map(|i| {
                let mut batch = batch("a", start + 100 * i * millisecond, &[]);
                batch.samples.push(Time::from_nanos(i64::from(i) * 100_000).unwrap(), [i as f32]);
                batch
            })
        };
        let (events, _) = run(&mut StreamTable::new(options(1)), batches().collect());
        let expected = ResetReason::Rate(RateFault::SlowClock { factor: 1000 });
        let resets: Vec<_> =
            events.iter().filter(|event| matches!(event.kind, EventKind::Reset { .. })).collect();
        assert_eq!(resets.len(), 1);
        assert!(
            matches!(resets[0].kind, EventKind::Reset { reason, .. } if reason == expected),
            "{resets:?}"
        );
        let replay = StreamTableOptions { silence_limits: None, ..options(1) };
        let (events, _) = run(&mut StreamTable::new(replay), batches().collect());
        assert_eq!(events.len(), 1, "only the start: {events:?}");
    }

    #[test]
    fn a_stream_without_usable_samples_becomes_silent() {
        let now = Instant::now();
        let mut table = StreamTable::new(options(1));
        run(&mut table, vec![batch("a", now, &[(0, 1.0), (10, 1.0)])]);
        let later = now + Duration::from_secs(6);
        let (_, drops) = run(&mut table, vec![batch("a", later, &[(20, f32::NAN), (10, 1.0)])]);
        assert_eq!(drops.to_string(), "1 not_finite, 1 duplicate");
        let (mut events, mut drops) = (Vec::new(), Drops::default());
        table.sweep(later, &mut drops, |event| events.push(event.kind));
        assert!(matches!(events[..], [EventKind::Reset { reason: ResetReason::Silence, .. }]), "{events:?}");
        run(&mut table, vec![batch("a", later, &[(30, f32::NAN)])]);
        let (mut events, mut drops) = (Vec::new(), Drops::default());
        run(&mut table, vec![batch("a", later, &[(40, 1.0), (50, f32::NAN)])]);
        let later = later + Duration::from_secs(6);
        table.sweep(later, &mut drops, |event| events.push(event.kind));
        assert!(
            matches!(events[..], [EventKind::Reset { reason: ResetReason::Missing(1), .. }]),
            "{events:?}"
        );
    }

    #[test]
    fn a_silent_stream_is_reset_once_and_an_idle_stream_is_removed() {
        let now = Instant::now();
        let mut table = StreamTable::new(options(2));
        run(&mut table, vec![batch("a", now, &[(0, 1.0), (10, 1.0)])]);
        let (mut events, mut drops) = (Vec::new(), Drops::default());
        for seconds in [1, 6, 7, 61] {
            table.sweep(now + Duration::from_secs(seconds), &mut drops, |event| events.push(event.kind));
        }
        let newest = Time::from_nanos(10_000_000).unwrap();
        assert_eq!(
            events,
            [
                EventKind::Reset { time: newest, reason: ResetReason::Silence },
                EventKind::End { time: newest }
            ]
        );
        assert!(table.is_empty());
    }
}
