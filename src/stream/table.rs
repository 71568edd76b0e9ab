//! Every stream's state: one lane each, up to a limit, forgotten when idle.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::timestamper::Timestamper;
use super::window::{ResetReason, WindowerOutput};
use super::windower::{StreamWindower, WindowerOptions};
use super::work::{Task, Work};
use crate::signal::{DropReason, Drops, SampleBatch, StreamId, Time};

/// How streams are followed.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamTableOptions {
    /// How each lane works.
    pub windower: WindowerOptions,
    /// Streams at once.
    pub streams: usize,
    /// How a live stream that falls silent is treated; `None` in replay, where arrival means nothing.
    pub silence_limits: Option<SilenceLimits>,
}

/// What happens to a live stream without samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SilenceLimits {
    /// After this long its window is emptied.
    pub silence: Duration,
    /// After this long it is forgotten.
    pub idle: Duration,
}

/// The lanes of all streams. It does no I/O; the caller tells the time.
#[derive(Debug)]
pub struct StreamTable {
    options: StreamTableOptions,
    entries: HashMap<StreamId, StreamEntry>,
}

#[derive(Debug)]
struct StreamEntry {
    windower: StreamWindower,
    timestamper: Timestamper,
    start: Time,
    arrived: Instant,
    silent: bool,
}

impl StreamTable {
    /// No stream yet.
    pub fn new(options: StreamTableOptions) -> Self {
        Self { options, entries: HashMap::new() }
    }

    /// Whether the streams are live: what comes too fast is dropped, and silence means something.
    pub fn live(&self) -> bool {
        self.options.silence_limits.is_some()
    }

    /// How many streams are followed.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no stream is followed.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Stamps a block's samples where they carry no time, takes them in, and gives what they complete.
    pub fn push(&mut self, batch: &mut SampleBatch, drops: &mut Drops, mut emit: impl FnMut(Work)) {
        let Some(&first) = batch.samples.times().first() else { return };
        let arrived = batch.arrived.instant;
        if !self.entries.contains_key(&batch.stream) {
            if self.entries.len() >= self.options.streams {
                return drops.add_many(DropReason::StreamLimit, batch.samples.len() as u64, || {
                    format!(
                        "stream \"{}\" is one more than limits.streams = {}; raise it to serve more robots",
                        batch.stream, self.options.streams
                    )
                });
            }
            let time = if first == Time::ARRIVAL { batch.arrived.time } else { first };
            let entry = StreamEntry {
                windower: StreamWindower::new(&self.options.windower),
                timestamper: Timestamper::default(),
                start: time,
                arrived,
                silent: false,
            };
            self.entries.insert(batch.stream.clone(), entry);
            emit(Work { stream: batch.stream.clone(), task: Task::Start { time } });
        }
        let Some(entry) = self.entries.get_mut(&batch.stream) else { return };
        entry.timestamper.stamp(&mut batch.samples, batch.arrived.time, batch.rate);
        let stream = &batch.stream;
        let before = entry.windower.newest();
        entry.windower.push(&batch.samples, drops, |output| emit(work(stream, output, arrived)));
        // Samples that cannot be used, of a sensor that broke or a clock that stands still, are no sign of life.
        if entry.windower.newest() != before {
            entry.arrived = arrived;
            entry.silent = false;
        }
    }

    /// Follows streams as these options say from now on. A stream keeps its window where the model takes the same ones.
    pub fn reconfigure(
        &mut self,
        options: StreamTableOptions,
        drops: &mut Drops,
        mut emit: impl FnMut(Work),
    ) {
        for (stream, entry) in &mut self.entries {
            let arrived = entry.arrived;
            if entry
                .windower
                .reconfigure(&options.windower, drops, |output| emit(work(stream, output, arrived)))
            {
                let task = Task::Reset { time: entry.time(), why: ResetReason::Model };
                emit(Work { stream: stream.clone(), task });
            }
        }
        self.options = options;
    }

    /// Ends a stream: gives what it still held, and forgets it.
    pub fn end(&mut self, stream: &StreamId, drops: &mut Drops, mut emit: impl FnMut(Work)) {
        if let Some(mut entry) = self.entries.remove(stream) {
            let arrived = entry.arrived;
            entry.windower.finish(drops, |output| emit(work(stream, output, arrived)));
            emit(Work { stream: stream.clone(), task: Task::End { time: entry.time() } });
        }
    }

    /// Ends every stream, in the order of their names.
    pub fn end_all(&mut self, drops: &mut Drops, mut emit: impl FnMut(Work)) {
        let mut streams: Vec<_> = self.entries.keys().cloned().collect();
        streams.sort();
        for stream in streams {
            self.end(&stream, drops, &mut emit);
        }
    }

    /// Empties the windows of streams that fell silent, and forgets idle ones.
    pub fn sweep(&mut self, now: Instant, drops: &mut Drops, mut emit: impl FnMut(Work)) {
        let Some(silence_limits) = self.options.silence_limits else { return };
        let mut idle = Vec::new();
        for (stream, entry) in &mut self.entries {
            let still = now.saturating_duration_since(entry.arrived);
            if still >= silence_limits.idle {
                idle.push(stream.clone());
            } else if still >= silence_limits.silence && !entry.silent {
                entry.silent = true;
                let arrived = entry.arrived;
                entry.windower.finish(drops, |output| emit(work(stream, output, arrived)));
                let missing = entry.windower.missing();
                if entry.windower.clear() || missing != 0 {
                    let why = if missing == 0 { ResetReason::Silence } else { ResetReason::Missing(missing) };
                    let task = Task::Reset { time: entry.time(), why };
                    emit(Work { stream: stream.clone(), task });
                }
            }
        }
        for stream in idle {
            self.end(&stream, drops, &mut emit);
        }
    }
}

impl StreamEntry {
    /// The stream's time, at its newest sample.
    fn time(&self) -> Time {
        self.windower.newest().unwrap_or(self.start)
    }
}

fn work(stream: &StreamId, output: WindowerOutput, arrived: Instant) -> Work {
    let task = match output {
        WindowerOutput::Window(window) => Task::Window { window, arrived },
        WindowerOutput::Reset { time, why } => Task::Reset { time, why },
    };
    Work { stream: stream.clone(), task }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::card::Card;
    use crate::signal::Arrival;
    use crate::signal::Samples;

    fn options(streams: usize) -> StreamTableOptions {
        let card = Card::of_test(5, 2, &["a", "b"]);
        let silence_limits = SilenceLimits { silence: Duration::from_secs(5), idle: Duration::from_secs(60) };
        StreamTableOptions {
            windower: WindowerOptions::of(&card),
            streams,
            silence_limits: Some(silence_limits),
        }
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

    fn run(entries: &mut StreamTable, batches: Vec<SampleBatch>) -> (Vec<Work>, Drops) {
        let (mut all, mut drops) = (Vec::new(), Drops::default());
        for mut batch in batches {
            entries.push(&mut batch, &mut drops, |work| all.push(work));
        }
        (all, drops)
    }

    proptest! {
        #[test]
        fn a_window_is_never_made_from_another_streams_samples(turns in prop::collection::vec(0usize..3, 1..400)) {
            let now = Instant::now();
            let mut counts = [0i64; 3];
            let batches = turns.iter().map(|&stream| {
                counts[stream] += 1;
                batch(&stream.to_string(), now, &[(counts[stream] * 10, stream as f32)])
            });
            let (all, drops) = run(&mut StreamTable::new(options(3)), batches.collect());
            prop_assert_eq!(drops.total(), 0);
            let mut windows = [0; 3];
            for work in all {
                if let Task::Window { window, .. } = work.task {
                    let stream: usize = work.stream.as_str().parse().unwrap();
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
    fn a_stream_over_the_limit_is_refused_and_the_others_go_on() {
        let now = Instant::now();
        let mut entries = StreamTable::new(options(1));
        let samples: Vec<_> = (0..5).map(|i| (i * 10, 0.0)).collect();
        let (all, drops) = run(
            &mut entries,
            vec![batch("a", now, &samples[..4]), batch("b", now, &samples), batch("a", now, &samples[4..])],
        );
        assert_eq!(drops.to_string(), "5 stream_limit");
        assert!(drops.first().unwrap().1.contains("limits.streams = 1"));
        assert_eq!(all.len(), 2, "a start and a window");
    }

    #[test]
    fn a_stream_whose_samples_cannot_be_used_falls_silent() {
        let now = Instant::now();
        let mut entries = StreamTable::new(options(1));
        run(&mut entries, vec![batch("a", now, &[(0, 1.0), (10, 1.0)])]);
        let later = now + Duration::from_secs(6);
        let (_, drops) = run(&mut entries, vec![batch("a", later, &[(20, f32::NAN), (10, 1.0)])]);
        assert_eq!(drops.to_string(), "1 not_finite, 1 duplicate");
        let (mut all, mut drops) = (Vec::new(), Drops::default());
        entries.sweep(later, &mut drops, |work| all.push(work.task));
        assert!(matches!(all[..], [Task::Reset { why: ResetReason::Silence, .. }]), "{all:?}");
        run(&mut entries, vec![batch("a", later, &[(30, f32::NAN)])]);
        let (mut all, mut drops) = (Vec::new(), Drops::default());
        run(&mut entries, vec![batch("a", later, &[(40, 1.0), (50, f32::NAN)])]);
        let later = later + Duration::from_secs(6);
        entries.sweep(later, &mut drops, |work| all.push(work.task));
        assert!(matches!(all[..], [Task::Reset { why: ResetReason::Missing(1), .. }]), "{all:?}");
    }

    #[test]
    fn a_silent_stream_is_reset_once_and_an_idle_one_is_forgotten() {
        let now = Instant::now();
        let mut entries = StreamTable::new(options(2));
        run(&mut entries, vec![batch("a", now, &[(0, 1.0), (10, 1.0)])]);
        let (mut all, mut drops) = (Vec::new(), Drops::default());
        for seconds in [1, 6, 7, 61] {
            entries.sweep(now + Duration::from_secs(seconds), &mut drops, |work| all.push(work.task));
        }
        let newest = Time::from_nanos(10_000_000).unwrap();
        assert_eq!(
            all,
            [Task::Reset { time: newest, why: ResetReason::Silence }, Task::End { time: newest }]
        );
        assert!(entries.is_empty());
    }
}
