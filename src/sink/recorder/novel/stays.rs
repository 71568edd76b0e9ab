//! The stays of streams on novel surfaces, during which their samples are recorded.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::recent_samples::{BEFORE, RecentSamples, apart};
use super::streams::NovelStreams;
use crate::signal::{DropReason, Drops, SampleBatch, StreamId, Time};
use crate::sink::recorder::budget::Budget;
use crate::sink::recorder::options::RecorderOptions;

/// How long samples are still recorded after the surface was novel, in nanoseconds on the clock of the stream. A stay that
/// goes on within this time stays in one file.
const AFTER: u64 = 5_000_000_000;
/// The longest stay that is recorded, in nanoseconds on the clock of the stream.
const LONGEST: u64 = 300_000_000_000;
/// How many stays of a stream are recorded at once.
const STAYS: u32 = 10;
/// The time after which one more stay is recorded.
const STAY_INTERVAL: Duration = Duration::from_secs(60);
/// What the recent samples of a stream may take, in bytes.
const MAX_STREAM_BYTES: usize = 1 << 20;
/// What the recent samples of all streams may take, in bytes.
const MAX_BYTES: usize = 32 << 20;
/// The least time between two searches for streams that have ended.
const SEARCH: Duration = Duration::from_secs(60);

/// Which samples of streams without a label are recorded: those around stays on novel surfaces.
#[derive(Debug)]
pub(in super::super) struct NovelStays {
    novel: NovelStreams,
    streams: HashMap<StreamId, StreamStays>,
    /// The size of the recent samples of all streams.
    bytes: usize,
    max_streams: usize,
    idle: Duration,
    /// When streams that have ended were last searched for.
    searched: Option<Instant>,
    /// Whether the log says that there was no room for recent samples.
    is_cut_told: bool,
}

/// One stream without a label.
#[derive(Debug)]
struct StreamStays {
    recent: RecentSamples,
    stay: Stay,
    /// How many stays may still be recorded.
    budget: Budget,
    /// When its last batch arrived.
    used: Instant,
}

/// Whether a stream is on a novel surface, and what is recorded of it. The times are on the clock of the stream.
#[derive(Clone, Copy, Debug)]
enum Stay {
    /// It is not on a novel surface.
    None,
    /// Its samples are recorded.
    Recorded {
        /// When the surface was novel first.
        began: Time,
        /// When the surface was novel last.
        novel: Time,
        /// The newest sample.
        newest: Time,
    },
    /// It is recorded no longer, until the surface is not novel.
    Over,
    /// There were so many stays that this one is not recorded.
    Refused,
}

/// What becomes of a batch of samples without a label.
#[derive(Debug, PartialEq)]
pub(in super::super) enum NovelStep {
    /// It is not recorded.
    Skip,
    /// A recording begins with these samples, which are those before the batch and the batch itself.
    Begin(SampleBatch),
    /// It is recorded.
    Record,
    /// The recording ends before it.
    End,
}

impl NovelStays {
    /// No stays, of streams that are novel when `novel` says so.
    pub(in super::super) fn new(novel: NovelStreams, options: &RecorderOptions) -> Self {
        Self {
            novel,
            streams: HashMap::new(),
            bytes: 0,
            max_streams: options.max_streams,
            idle: options.idle,
            searched: None,
            is_cut_told: false,
        }
    }

    /// Takes a batch of a stream that has no label. Samples of a novel surface that are not recorded because there were
    /// too many stays are counted.
    pub(in super::super) fn take(&mut self, batch: &SampleBatch, drops: &mut Drops) -> NovelStep {
        let times = batch.samples.times();
        let (Some(&first), Some(&last)) = (times.first(), times.last()) else { return NovelStep::Skip };
        let (now, is_novel) = (batch.arrived.instant, self.novel.contains(&batch.stream));
        if self.streams.len() >= self.max_streams || self.bytes >= MAX_BYTES - MAX_STREAM_BYTES {
            self.search(now);
        }
        if !self.streams.contains_key(&batch.stream) && !self.add(&batch.stream, now) {
            if is_novel {
                drops.add_many(DropReason::NotRecorded, batch.samples.len() as u64, || {
                    format!(
                        "the stream \"{}\" is over the limit limits.streams = {}; raise it to record more streams",
                        batch.stream, self.max_streams
                    )
                });
            }
            return NovelStep::Skip;
        }
        let Some(stream) = self.streams.get_mut(&batch.stream) else { return NovelStep::Skip };
        stream.used = now;
        match stream.stay {
            Stay::None if is_novel && stream.budget.spend(now) => {
                stream.stay = Stay::Recorded { began: last, novel: last, newest: last };
                self.begin(batch)
            }
            Stay::None | Stay::Refused if is_novel => {
                stream.stay = Stay::Refused;
                drops.add_many(DropReason::NotRecorded, batch.samples.len() as u64, || {
                    let interval = STAY_INTERVAL.as_secs();
                    format!(
                        "a stay of the stream \"{}\" on a novel surface is not recorded, because there were {STAYS} in a \
                         short time; one is recorded each {interval} s",
                        batch.stream
                    )
                });
                NovelStep::Skip
            }
            Stay::Over if is_novel => NovelStep::Skip,
            Stay::None | Stay::Refused | Stay::Over => {
                stream.stay = Stay::None;
                self.keep(batch);
                NovelStep::Skip
            }
            Stay::Recorded { began, novel, newest } => {
                // After a gap, or when the clock has started again, the decision begins anew, too, and what it has said so
                // far is about the samples before.
                let goes_on = apart(first, newest) <= AFTER
                    && (is_novel || apart(first, novel) <= AFTER)
                    && apart(last, began) <= LONGEST;
                if goes_on {
                    let novel = if is_novel { last } else { novel };
                    stream.stay = Stay::Recorded { began, novel, newest: last };
                    return NovelStep::Record;
                }
                tell(&batch.stream, began, novel);
                if is_novel {
                    stream.stay = Stay::Over;
                } else {
                    stream.stay = Stay::None;
                    self.keep(batch);
                }
                NovelStep::End
            }
        }
    }

    /// Takes note that samples of a stream have a label, so that they are no samples before a stay. A stay is over.
    pub(in super::super) fn labelled(&mut self, stream: &StreamId) {
        let Some(found) = self.streams.get_mut(stream) else { return };
        self.bytes = self.bytes.saturating_sub(found.recent.bytes());
        found.recent = RecentSamples::default();
        if let Stay::Recorded { began, novel, .. } = found.stay {
            tell(stream, began, novel);
        }
        found.stay = Stay::None;
    }

    /// Forgets a stream that has ended.
    pub(in super::super) fn forget(&mut self, stream: &StreamId) {
        self.labelled(stream);
        self.streams.remove(stream);
        // The decisions say so, too, but perhaps only after the first samples of a stream with the same name.
        self.novel.forget(stream);
    }

    /// Forgets the streams that have been idle for so long that they have ended, unless it was just done.
    fn search(&mut self, now: Instant) {
        let since = |moment| now.saturating_duration_since(moment);
        if self.searched.is_none_or(|searched| since(searched) >= SEARCH) {
            self.searched = Some(now);
            self.streams.retain(|_, stream| since(stream.used) <= self.idle);
            self.bytes = self.streams.values().map(|stream| stream.recent.bytes()).sum();
        }
    }

    /// Adds a stream. Returns whether there is room for it.
    fn add(&mut self, stream: &StreamId, now: Instant) -> bool {
        if self.streams.len() >= self.max_streams {
            return false;
        }
        let budget = Budget::new(STAYS, STAY_INTERVAL, now);
        let added = StreamStays { recent: RecentSamples::default(), stay: Stay::None, budget, used: now };
        self.streams.insert(stream.clone(), added);
        true
    }

    /// Keeps a batch among the recent samples of its stream.
    fn keep(&mut self, batch: &SampleBatch) {
        let Some(stream) = self.streams.get_mut(&batch.stream) else { return };
        let others = self.bytes.saturating_sub(stream.recent.bytes());
        stream.recent.push(&batch.samples, MAX_STREAM_BYTES.min(MAX_BYTES.saturating_sub(others)));
        self.bytes = others + stream.recent.bytes();
    }

    /// The samples with which a recording begins.
    fn begin(&mut self, batch: &SampleBatch) -> NovelStep {
        let before = self.streams.get_mut(&batch.stream).map(|stream| {
            self.bytes = self.bytes.saturating_sub(stream.recent.bytes());
            let is_cut = stream.recent.is_cut();
            (stream.recent.take(), is_cut)
        });
        let Some((mut samples, is_cut)) = before else { return NovelStep::Record };
        if is_cut && !std::mem::replace(&mut self.is_cut_told, true) {
            tracing::warn!(
                stream = %batch.stream,
                samples = samples.len(),
                "a recording of a novel surface begins less than {} s before the decision, because the recent samples of a \
                 stream may take {} MiB, and those of all streams {} MiB",
                BEFORE / 1_000_000_000,
                MAX_STREAM_BYTES >> 20,
                MAX_BYTES >> 20
            );
        }
        match samples.channels() == batch.samples.channels() && !samples.is_empty() {
            true => samples.append(&batch.samples),
            false => samples = batch.samples.clone(),
        }
        NovelStep::Begin(SampleBatch { samples, ..batch.clone() })
    }
}

/// Logs a stay whose recording ends, with the times by which its surface can be found in the file.
fn tell(stream: &StreamId, began: Time, novel: Time) {
    tracing::info!(%stream, from = began.seconds(), to = novel.seconds(), "a novel surface was recorded");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{Arrival, Channel, Samples};
    use crate::sink::recorder::options::Unlabelled;

    /// Stays of at most this many streams.
    fn stays(max_streams: usize) -> NovelStays {
        let options = RecorderOptions {
            folder: "recordings".into(),
            label: "unlabelled".into(),
            format: crate::recordings::RecordingFormat::Csv,
            unlabelled: Unlabelled::WhileNovel,
            channels: vec![Channel::in_ampere("current")],
            max_streams,
            idle: Duration::from_secs(600),
        };
        NovelStays::new(NovelStreams::default(), &options)
    }

    fn id(name: &str) -> StreamId {
        StreamId::new(name).unwrap()
    }

    /// Two samples half a second apart, which arrive at `start` plus the time of the first.
    fn batch(name: &str, start: Instant, seconds: f64) -> SampleBatch {
        let mut samples = Samples::new(1);
        for time in [seconds, seconds + 0.5] {
            samples.push(Time::from_seconds(time).unwrap(), [time as f32]);
        }
        let arrived =
            Arrival { instant: start + Duration::from_secs_f64(seconds.max(0.0)), ..Arrival::now() };
        SampleBatch { stream: id(name), samples, arrived, rate: None }
    }

    /// A stream whose samples come every half second, and what is recorded of it.
    struct Robot {
        stays: NovelStays,
        start: Instant,
        drops: Drops,
        /// The first and the last second of each recording.
        recorded: Vec<(f64, f64)>,
        is_open: bool,
    }

    impl Robot {
        fn new() -> Self {
            let (stays, start, drops) = (stays(8), Instant::now(), Drops::default());
            Self { stays, start, drops, recorded: Vec::new(), is_open: false }
        }

        /// Drives from one second to another on a surface that is novel or not.
        fn drive(&mut self, seconds: std::ops::Range<i32>, is_novel: bool) {
            self.stays.novel.set_for_test(&id("rover"), is_novel);
            for second in seconds {
                let batch = batch("rover", self.start, f64::from(second));
                match self.stays.take(&batch, &mut self.drops) {
                    NovelStep::Skip => assert!(!self.is_open),
                    NovelStep::Begin(batch) => {
                        assert!(!std::mem::replace(&mut self.is_open, true));
                        let times = batch.samples.times();
                        self.recorded.push((times[0].seconds(), times[times.len() - 1].seconds()));
                    }
                    NovelStep::Record => {
                        assert!(self.is_open);
                        self.recorded.last_mut().unwrap().1 = f64::from(second) + 0.5;
                    }
                    NovelStep::End => assert!(std::mem::replace(&mut self.is_open, false)),
                }
            }
        }
    }

    #[test]
    fn a_stay_is_recorded_from_ten_seconds_before_the_decision_until_five_seconds_after() {
        let mut robot = Robot::new();
        robot.drive(0..100, false);
        robot.drive(100..130, true);
        robot.drive(130..200, false);
        // Between two stays that are close together there are no samples twice.
        robot.drive(200..201, true);
        robot.drive(201..208, false);
        robot.drive(208..209, true);
        robot.drive(209..300, false);
        assert_eq!(robot.recorded, [(89.5, 134.5), (189.5, 205.5), (206.0, 213.5)]);
        assert!(!robot.is_open && robot.drops.total() == 0);
        assert!(robot.stays.bytes <= 22 * 12, "{}", robot.stays.bytes);
    }

    #[test]
    fn a_stay_that_is_interrupted_for_a_few_seconds_is_one_recording() {
        let mut robot = Robot::new();
        robot.drive(0..20, false);
        for second in 0..10 {
            robot.drive(20 + 5 * second..22 + 5 * second, true);
            robot.drive(22 + 5 * second..25 + 5 * second, false);
        }
        robot.drive(70..100, false);
        assert_eq!(robot.recorded, [(9.5, 71.5)]);
    }

    #[test]
    fn a_long_stay_ends_after_five_minutes_and_is_not_continued_until_the_surface_was_known() {
        let mut robot = Robot::new();
        robot.drive(0..1000, true);
        assert_eq!(robot.recorded, [(0.0, 300.5)]);
        robot.drive(1000..1020, false);
        robot.drive(1020..1030, true);
        assert_eq!(robot.recorded[1], (1009.5, 1029.5));
        assert_eq!((robot.recorded.len(), robot.drops.total()), (2, 0));
    }

    #[test]
    fn a_gap_or_a_clock_that_starts_again_ends_a_recording_also_if_the_decision_does_not_know_of_it_yet() {
        for next in [3000, -500] {
            let mut robot = Robot::new();
            robot.drive(1000..1020, false);
            robot.drive(1020..1030, true);
            robot.drive(next..next + 3, true);
            assert_eq!(robot.recorded, [(1009.5, 1029.5)]);
            // Now the decision knows, and a few windows later it is novel again.
            robot.drive(next + 3..next + 6, false);
            robot.drive(next + 6..next + 9, true);
            let next = f64::from(next);
            assert_eq!(robot.recorded[1..], [(next + 3.0, next + 8.5)]);
        }
        // A short gap does not end it.
        let mut robot = Robot::new();
        robot.drive(0..10, true);
        robot.drive(13..15, false);
        robot.drive(15..20, true);
        assert_eq!(robot.recorded, [(0.0, 19.5)]);
    }

    #[test]
    fn a_stream_that_ends_or_gets_a_label_begins_anew() {
        for labelled in [false, true] {
            let mut robot = Robot::new();
            robot.drive(0..20, false);
            robot.drive(20..30, true);
            match labelled {
                true => robot.stays.labelled(&id("rover")),
                false => robot.stays.forget(&id("rover")),
            }
            // Whoever forgets a stream or gives it a label closes its file.
            robot.is_open = false;
            assert_eq!((robot.stays.streams.len(), robot.stays.bytes), (usize::from(labelled), 0));
            assert_eq!(
                robot.stays.novel.contains(&id("rover")),
                labelled,
                "a label does not change the surface"
            );
            robot.drive(30..40, false);
            robot.drive(40..42, true);
            assert_eq!(robot.recorded, [(9.5, 29.5), (30.0, 41.5)]);
        }
    }

    #[test]
    fn a_surface_that_is_novel_again_and_again_makes_few_recordings_and_the_rest_is_counted() {
        let mut robot = Robot::new();
        for stay in 0..200 {
            robot.drive(20 * stay..20 * stay + 2, true);
            robot.drive(20 * stay + 2..20 * stay + 20, false);
        }
        // 4,000 s.
        assert_eq!(robot.recorded.len(), 10 + 66);
        assert_eq!(robot.drops.count(DropReason::NotRecorded), (200 - 76) * 4);
        assert!(
            robot.drops.first().unwrap().1.contains("there were 10 in a short time"),
            "{:?}",
            robot.drops
        );
    }

    #[test]
    fn the_recent_samples_of_all_streams_have_a_bound_and_streams_that_have_ended_make_room() {
        let (mut stays, start, mut drops) = (stays(100), Instant::now(), Drops::default());
        let large = |name: &str, seconds: u64| {
            let mut batch = batch(name, start, seconds as f64);
            for index in 0..200_000 {
                batch
                    .samples
                    .push(Time::from_seconds(seconds as f64 + f64::from(index) / 1e6).unwrap(), [0.0]);
            }
            batch
        };
        for index in 0..50 {
            assert_eq!(stays.take(&large(&format!("robot{index}"), 0), &mut drops), NovelStep::Skip);
        }
        let largest = stays.streams.values().map(|stream| stream.recent.bytes()).max();
        assert!(largest <= Some(MAX_STREAM_BYTES) && stays.bytes <= MAX_BYTES, "{largest:?} {}", stays.bytes);
        assert!(stays.bytes > MAX_BYTES - MAX_STREAM_BYTES && !stays.is_cut_told);
        // One that is novel is recorded with as much as there is.
        stays.novel.set_for_test(&id("robot3"), true);
        let step = stays.take(&batch("robot3", start, 1.0), &mut drops);
        assert!(matches!(step, NovelStep::Begin(batch) if batch.samples.len() == MAX_STREAM_BYTES / 12 + 2));
        assert!(stays.is_cut_told);
        // Ten minutes later only the last ones are there.
        for index in 50..60 {
            stays.take(&large(&format!("robot{index}"), 1000), &mut drops);
        }
        assert_eq!((stays.streams.len(), stays.bytes), (10, 10 * (MAX_STREAM_BYTES / 12 * 12)));
        assert_eq!(drops.total(), 0);
    }

    #[test]
    fn a_stream_over_the_limit_is_counted_once_it_is_novel() {
        let (mut stays, start, mut drops) = (stays(1), Instant::now(), Drops::default());
        stays.take(&batch("a", start, 0.0), &mut drops);
        assert_eq!(stays.take(&batch("b", start, 0.0), &mut drops), NovelStep::Skip);
        assert_eq!(drops.total(), 0);
        stays.novel.set_for_test(&id("b"), true);
        assert_eq!(stays.take(&batch("b", start, 1.0), &mut drops), NovelStep::Skip);
        assert_eq!(drops.to_string(), "2 not_recorded");
        assert!(drops.first().unwrap().1.contains("limits.streams = 1"));
        stays.forget(&id("a"));
        assert!(matches!(stays.take(&batch("b", start, 2.0), &mut drops), NovelStep::Begin(_)));
    }
}
