//! Recordings, one after another, at the speed they were made or another.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::handle::{PipelineClosed, SourceHandle};
use crate::health::SourceState;
use crate::recordings::labels::Labels;
use crate::recordings::layout::LabelFrom;
use crate::recordings::reader::RecordingReader;
use crate::recordings::{Recording, RecordingError};
use crate::shutdown::Shutdown;
use crate::signal::{Channel, Drops, Samples, StreamId, Time};

/// Recordings to read.
#[derive(Debug)]
pub(crate) struct FileSource {
    /// The recordings, in order; a stream each.
    pub recordings: Vec<Recording>,
    /// The channels that the model takes.
    pub channels: Vec<Channel>,
    /// How many times faster than recorded; infinite for as fast as can be.
    pub speed: f64,
    /// Where each stream's labels are told, if anybody asks.
    pub truth: Option<Truth>,
    /// Where faults are told; a recording with a fault ends there, and the next one follows.
    pub faults: Faults,
}

/// What streams were really on, as far as is known: filled while reading, read while scoring.
#[derive(Clone, Debug, Default)]
pub struct Truth(Arc<Mutex<HashMap<StreamId, Labels>>>);

impl Truth {
    fn tell(&self, stream: &StreamId, labels: Labels) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(stream.clone(), labels);
    }

    /// Asks about a stream's labels.
    pub fn of<T>(&self, stream: &StreamId, ask: impl FnOnce(&Labels) -> T) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(stream).map(ask)
    }

    /// Forgets a stream that ended.
    pub fn forget(&self, stream: &StreamId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(stream);
    }
}

/// Faults in recordings, in the order they were met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Arc<Mutex<Vec<RecordingError>>>);

impl Faults {
    fn add(&self, error: RecordingError) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(error);
    }

    /// Takes what was met.
    pub(crate) fn take(&self) -> Vec<RecordingError> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl FileSource {
    /// Reads them all, or until the shutdown.
    pub(crate) async fn run(self, handle: SourceHandle, mut shutdown: Shutdown) {
        let mut names = HashSet::new();
        for recording in &self.recordings {
            let stream = unique(recording.stream(), &mut names);
            let done = tokio::select! {
                done = self.read(recording, &stream, &handle) => done,
                () = shutdown.requested() => return,
            };
            match done {
                Ok(Ok(())) => {}
                Ok(Err(fault)) => {
                    tracing::warn!(source = handle.name(), "{fault}");
                    self.faults.add(fault);
                }
                Err(PipelineClosed) => return,
            }
            if handle.end(&stream).await.is_err() {
                return;
            }
        }
        handle.state(SourceState::Ended);
    }

    async fn read(
        &self,
        recording: &Recording,
        stream: &StreamId,
        handle: &SourceHandle,
    ) -> Result<Result<(), RecordingError>, PipelineClosed> {
        let mut reader = match RecordingReader::open(recording, Some(&self.channels)) {
            Ok(reader) => reader,
            Err(fault) => return Ok(Err(fault)),
        };
        let mut pace = Pace::new(self.speed);
        let mut told = false;
        loop {
            let mut samples = reader.samples();
            let more = reader.next_block(&mut samples);
            if let Some(truth) = self.truth.as_ref().filter(|_| {
                // A label column is known as far as it has been read.
                !told || recording.layout.label.from == LabelFrom::Column
            }) {
                match reader.labels() {
                    Ok(labels) => truth.tell(stream, labels),
                    Err(fault) => return Ok(Err(fault)),
                }
                told = true;
            }
            pace.send(samples, stream, handle).await?;
            match more {
                Ok(true) => {}
                Ok(false) => {
                    handle.dropped(&mut reader.drops().clone());
                    return Ok(Ok(()));
                }
                Err(fault) => return Ok(Err(fault)),
            }
        }
    }
}

/// Two recordings of one name are two streams.
fn unique(stream: StreamId, names: &mut HashSet<StreamId>) -> StreamId {
    if names.insert(stream.clone()) {
        return stream;
    }
    let numbered = (2u32..).map(|number| StreamId::from_text(&format!("{number}-{stream}")));
    let free = numbered.into_iter().find(|name| names.insert(name.clone()));
    free.unwrap_or(stream)
}

/// Hands samples on no sooner than they are due.
struct Pace {
    speed: f64,
    /// The first sample's time, when it was sent, and the newest time since.
    start: Option<(Time, Instant)>,
}

impl Pace {
    /// Samples that are due within this are sent together.
    const TOGETHER: Duration = Duration::from_millis(5);

    fn new(speed: f64) -> Self {
        Self { speed, start: None }
    }

    async fn send(
        &mut self,
        samples: Samples,
        stream: &StreamId,
        handle: &SourceHandle,
    ) -> Result<(), PipelineClosed> {
        let mut none = Drops::default();
        if self.speed.is_infinite() {
            return handle.send(stream, samples, None, &mut none).await;
        }
        let none_yet = || Samples::new(samples.channels()).with_limits(samples.limits().cloned());
        let mut due = none_yet();
        for (time, row) in samples.iter() {
            let now = Instant::now();
            let (first, begun) = *self.start.get_or_insert((time, now));
            let seconds = time.since(first) as f64 / 1e9 / self.speed;
            // A clock that starts again, or a leap of years, is not waited for.
            let at = Duration::try_from_secs_f64(seconds).ok().and_then(|wait| begun.checked_add(wait));
            match at {
                Some(at) if at <= now + Self::TOGETHER => {}
                Some(at) if at <= now + Duration::from_secs(3600) => {
                    let ready = std::mem::replace(&mut due, none_yet());
                    handle.send(stream, ready, None, &mut none).await?;
                    tokio::time::sleep_until(at).await;
                }
                _ => self.start = Some((time, now)),
            }
            due.push(time, row.iter().copied());
        }
        handle.send(stream, due, None, &mut none).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_recordings_of_one_name_are_two_streams() {
        let mut names = HashSet::new();
        let mut name = || unique(StreamId::new("x").unwrap(), &mut names).as_str().to_owned();
        assert_eq!([name(), name(), name()], ["x", "2-x", "3-x"]);
    }
}
