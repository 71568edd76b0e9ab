//! Recordings as a source: they are read one after another, at the speed at which they were made or at
//! another one.
//!
//! Each recording is a stream of its own. While reading, the source can also collect the labels of each
//! stream ([`Truth`]), against which a sink scores the predictions, and the recordings that could not be read
//! to their end ([`ReadingReports`]).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::handle::{PipelineClosed, SourceHandle};
use super::reading_report::ReadingReports;
use super::rounds::Rounds;
use crate::health::SourceState;
use crate::recordings::labels::Labels;
use crate::recordings::layout::LabelFrom;
use crate::recordings::reader::RecordingReader;
use crate::recordings::{Recording, RecordingError};
use crate::shutdown::Shutdown;
use crate::signal::{Channel, Drops, Samples, StreamId, Time};

/// The recordings to read, and how.
#[derive(Debug)]
pub(crate) struct FileSource {
    /// The recordings with the names of their streams ([`named`]), in the order in which they are read.
    pub recordings: Vec<(StreamId, Recording)>,
    /// The channels that the samples get: those of the model.
    pub channels: Vec<Channel>,
    /// How many times faster than recorded; infinite to read as fast as possible.
    pub speed: f64,
    /// Whether each recording is read again and again, without an end. All of them are then read at the same
    /// time, so that no stream has to wait for the others.
    pub repeat: bool,
    /// Collects the labels of each stream; `None` if they are not needed.
    pub truth: Option<Truth>,
    /// Collects errors and warnings. Reading a recording ends at its first error, and the next recording follows.
    pub reports: ReadingReports,
}

/// The labels of each stream, as far as they are known.
///
/// The source fills it while reading; a sink looks the labels up to score the predictions. Clones share their
/// contents.
#[derive(Clone, Debug, Default)]
pub struct Truth(Arc<Mutex<HashMap<StreamId, Labels>>>);

impl Truth {
    /// Sets the labels of a stream, as far as they are known.
    pub(crate) fn set(&self, stream: &StreamId, labels: Labels) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(stream.clone(), labels);
    }

    /// Calls `read` with the labels of a stream; `None` if the stream has no known labels.
    pub fn with_labels<T>(&self, stream: &StreamId, read: impl FnOnce(&Labels) -> T) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(stream).map(read)
    }

    /// Removes the labels of a stream that has ended.
    pub fn forget(&self, stream: &StreamId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(stream);
    }
}

/// Recordings that one task reads, one after another.
#[derive(Debug)]
pub(crate) struct FileReader {
    /// Each recording with the name of its stream.
    recordings: Vec<(StreamId, Recording)>,
    channels: Vec<Channel>,
    speed: f64,
    repeat: bool,
    truth: Option<Truth>,
    reports: ReadingReports,
}

impl FileSource {
    /// The parts that are read at the same time.
    pub(crate) fn parts(self) -> Vec<FileReader> {
        let Self { recordings, channels, speed, repeat, truth, reports } = self;
        let parts =
            if repeat { recordings.into_iter().map(|one| vec![one]).collect() } else { vec![recordings] };
        let part = |recordings| FileReader {
            recordings,
            channels: channels.clone(),
            speed,
            repeat,
            truth: truth.clone(),
            reports: reports.clone(),
        };
        parts.into_iter().map(part).collect()
    }
}

impl FileReader {
    /// Reads all recordings, or as many as it can before the shutdown.
    pub(crate) async fn run(self, handle: SourceHandle, mut shutdown: Shutdown) {
        for (stream, recording) in &self.recordings {
            let done = tokio::select! {
                done = self.play(recording, stream, &handle) => done,
                () = shutdown.requested() => return,
            };
            match done {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(source = handle.name(), "{error}");
                    self.reports.add_error(error);
                }
                Err(PipelineClosed) => return,
            }
            if handle.end(stream).await.is_err() {
                return;
            }
        }
        handle.set_state(SourceState::Ended);
    }

    /// Reads a recording once, or without an end if it is repeated. An inner error concerns this recording
    /// only; an outer error ends the source.
    async fn play(
        &self,
        recording: &Recording,
        stream: &StreamId,
        handle: &SourceHandle,
    ) -> Result<Result<(), RecordingError>, PipelineClosed> {
        let mut pace = Pace::new(self.speed);
        let mut rounds = Rounds::default();
        loop {
            let done = self.read(recording, stream, handle, &mut pace, &mut rounds).await?;
            if done.is_err() || !self.repeat || !rounds.begin_next() {
                return Ok(done);
            }
        }
    }

    /// Reads a recording once.
    async fn read(
        &self,
        recording: &Recording,
        stream: &StreamId,
        handle: &SourceHandle,
        pace: &mut Pace,
        rounds: &mut Rounds,
    ) -> Result<Result<(), RecordingError>, PipelineClosed> {
        let mut reader = match RecordingReader::open(recording, Some(&self.channels)) {
            Ok(reader) => reader,
            Err(error) => return Ok(Err(error)),
        };
        let mut has_labels = false;
        loop {
            let mut samples = reader.samples();
            let has_more = reader.next_batch(&mut samples);
            if let Some(conclusion) = reader.take_conclusion() {
                handle.conclude(format!("{}: {conclusion}", recording.path.display()));
            }
            // Labels in a column or on a topic become known while the recording is read; all others are known at its start.
            let labels_grow = matches!(recording.layout.label.from, LabelFrom::Column | LabelFrom::Topic);
            if let Some(truth) = self.truth.as_ref().filter(|_| !has_labels || labels_grow) {
                match reader.labels() {
                    Ok(labels) => truth.set(stream, labels),
                    Err(error) => return Ok(Err(error)),
                }
                has_labels = true;
            }
            if self.repeat {
                rounds.shift(&mut samples);
            }
            pace.send(samples, stream, handle).await?;
            match has_more {
                Ok(true) => {}
                Ok(false) => {
                    if let Some(conclusion) = reader.unit_conclusion() {
                        self.reports.add_unit(&conclusion);
                        handle.conclude(conclusion);
                    }
                    if let Some(warning) = reader.warning() {
                        tracing::warn!(source = handle.name(), %stream, "{warning}");
                        self.reports.add_warning(recording, &warning);
                    }
                    handle.dropped(&mut reader.drops().clone());
                    return Ok(Ok(()));
                }
                Err(error) => return Ok(Err(error)),
            }
        }
    }
}

/// Gives each recording a stream of its own.
pub(crate) fn named(recordings: Vec<Recording>) -> Vec<(StreamId, Recording)> {
    let mut names = HashSet::new();
    recordings.into_iter().map(|recording| (unique(recording.stream(), &mut names), recording)).collect()
}

/// Returns a stream name that is not in `names` yet, and adds it there. If the name is taken, a number is put
/// in front of it.
fn unique(stream: StreamId, names: &mut HashSet<StreamId>) -> StreamId {
    if names.insert(stream.clone()) {
        return stream;
    }
    let numbered = (2u32..).map(|number| StreamId::from_text(&format!("{number}-{stream}")));
    let free = numbered.into_iter().find(|name| names.insert(name.clone()));
    free.unwrap_or(stream)
}

/// Delays samples until they are due at the chosen speed.
struct Pace {
    speed: f64,
    /// The time of the first sample, and the moment when it was sent; `None` before the first sample.
    start: Option<(Time, Instant)>,
}

impl Pace {
    /// Samples that are due within this time are sent together.
    const COALESCED: Duration = Duration::from_millis(5);
    /// Samples that are due later than this are sent at once.
    const MAX_WAIT: Duration = Duration::from_secs(3600);

    fn new(speed: f64) -> Self {
        Self { speed, start: None }
    }

    async fn send(
        &mut self,
        samples: Samples,
        stream: &StreamId,
        handle: &SourceHandle,
    ) -> Result<(), PipelineClosed> {
        let mut no_drops = Drops::default();
        if self.speed.is_infinite() {
            return handle.send(stream, samples, None, &mut no_drops).await;
        }
        let empty = || Samples::new(samples.channels()).with_limits(samples.limits().cloned());
        let mut due = empty();
        for (time, row) in samples.iter() {
            let now = Instant::now();
            let (first, started) = *self.start.get_or_insert((time, now));
            let seconds = time.since(first) as f64 / 1e9 / self.speed;
            let at = Duration::try_from_secs_f64(seconds).ok().and_then(|wait| started.checked_add(wait));
            match at {
                Some(at) if at <= now + Self::COALESCED => {}
                Some(at) if at <= now + Self::MAX_WAIT => {
                    let ready = std::mem::replace(&mut due, empty());
                    handle.send(stream, ready, None, &mut no_drops).await?;
                    tokio::time::sleep_until(at).await;
                }
                // The recording's clock started again or jumped by hours: pacing starts anew from this
                // sample.
                _ => self.start = Some((time, now)),
            }
            due.push(time, row.iter().copied());
        }
        handle.send(stream, due, None, &mut no_drops).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_recordings_with_the_same_name_are_two_streams() {
        let mut names = HashSet::new();
        let mut name = || unique(StreamId::new("x").unwrap(), &mut names).as_str().to_owned();
        assert_eq!([name(), name(), name()], ["x", "2-x", "3-x"]);
    }
}
