//! The recorder's thread, as a part of a pipeline.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::parts::{PipelineError, Serving};
use crate::health::Health;
use crate::sink::recorder::{
    self, FinishedRecording, LateSamples, OnFault, RecordSender, Recorded, Recorder,
};
use crate::thread::NamedThread;

/// The recorder's thread.
pub(super) struct RecordingThread {
    /// `None` if nothing is recorded, or nothing more.
    thread: Option<NamedThread<Recorded>>,
    /// Whether the pipeline also predicts. If so, a failed recording is no failure of the pipeline.
    serves: bool,
}

impl RecordingThread {
    /// Starts the thread, if there is a recorder, for a pipeline that serves these parts or none.
    pub(super) fn start(
        recorder: Option<Recorder>,
        serving: Option<&Serving>,
        health: &Arc<Health>,
    ) -> (Option<RecordSender>, Self) {
        let (late, on_fault) = match serving {
            None => (LateSamples::Count, OnFault::End),
            Some(serving) if serving.streams.windower.reorder == 0 => {
                (LateSamples::CountedByStreams, OnFault::Pause)
            }
            Some(_) => (LateSamples::NotRecorded, OnFault::Pause),
        };
        let serves = serving.is_some();
        let Some(mut recorder) = recorder else { return (None, Self { thread: None, serves }) };
        recorder.set_late(late);
        let (sender, thread) = recorder::start(recorder, on_fault, health.clone());
        (Some(sender), Self { thread: Some(thread), serves })
    }

    /// Resolves when the thread has ended although the pipeline still runs.
    ///
    /// This is cancel safe.
    pub(super) async fn failure(&mut self) -> PipelineError {
        let Some(thread) = &mut self.thread else { return std::future::pending().await };
        let end = thread.end().await;
        self.thread = None;
        match end {
            Some(Err(error)) => PipelineError::Record(error),
            Some(Ok(_)) | None => PipelineError::Stopped("recorder".into()),
        }
    }

    /// Waits until every file is closed, for at most `drain`. Returns the recordings.
    ///
    /// # Errors
    /// [`PipelineError::Stopped`] if the thread panicked, and [`PipelineError::Record`] if a file cannot be
    /// written in a pipeline that only records.
    pub(super) async fn finish(self, drain: Duration) -> Result<Vec<FinishedRecording>, PipelineError> {
        let Some(mut thread) = self.thread else { return Ok(Vec::new()) };
        let recorded = match tokio::time::timeout(drain, thread.end()).await {
            Ok(None) => return Err(PipelineError::Stopped("recorder".into())),
            Ok(Some(recorded)) => recorded,
            Err(_) => {
                let why =
                    "the disk was too slow for the last samples, so the end of the recordings may be missing";
                Err(io::Error::new(io::ErrorKind::TimedOut, why))
            }
        };
        match recorded {
            Err(error) if self.serves => {
                tracing::error!("{error}");
                Ok(Vec::new())
            }
            recorded => Ok(recorded?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_disk_does_not_hold_up_what_else_ends_and_is_not_waited_for_for_ever() {
        let (_release, released) = std::sync::mpsc::channel::<()>();
        let thread = NamedThread::spawn("recorder", move || {
            let _ = released.recv();
            Ok(Vec::new())
        });
        let recording = RecordingThread { thread: Some(thread), serves: false };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let published = std::cell::Cell::new(false);
        let finished = runtime.block_on(async {
            // What stands for the last messages to the broker.
            let publishing = async {
                tokio::task::yield_now().await;
                published.set(true);
            };
            let finishing = async {
                let finished = recording.finish(Duration::from_millis(50)).await;
                assert!(published.get(), "the runtime was blocked");
                finished
            };
            tokio::join!(finishing, publishing).0
        });
        assert!(
            matches!(finished, Err(PipelineError::Record(error)) if error.kind() == io::ErrorKind::TimedOut)
        );
    }
}
