//! The thread that writes standard output, as a part of a pipeline.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::parts::{PipelineError, Serving};
use crate::health::Health;
use crate::signal::Drops;
use crate::sink::Sink;
use crate::thread::NamedThread;

/// The thread that writes standard output, and what the pipeline does about its end.
pub(super) struct OutputThread {
    /// `None` if nothing is written to standard output, or nothing more.
    thread: Option<NamedThread<io::Result<()>>>,
    /// Whether the pipeline ends with it.
    ends_pipeline: bool,
    /// Whether its end is waited for without a limit until the pipeline is asked to end.
    pub(super) waits_for_reader: bool,
    /// How long its end is waited for otherwise.
    drain: Duration,
}

impl OutputThread {
    /// Takes the thread of the text sink, if there is one.
    pub(super) fn of(serving: Option<&mut Serving>, drain: Duration) -> Self {
        let mut output = Self { thread: None, ends_pipeline: false, waits_for_reader: false, drain };
        if let Some(Serving { sinks, ends_with_output, .. }) = serving {
            output.ends_pipeline = *ends_with_output;
            if let Some(text) = sinks.iter_mut().find_map(Sink::text) {
                output.thread = text.take_thread();
                // A replay waits for its reader, as it does while it runs.
                output.waits_for_reader = !text.is_live();
            }
        }
        output
    }

    /// Resolves when the reader has closed standard output and the pipeline is to end because of that. In a
    /// pipeline that goes on without it, a failure is only logged.
    ///
    /// This is cancel safe.
    ///
    /// # Errors
    /// [`PipelineError`] if the thread panicked, or if the pipeline is to end because of a failed write.
    pub(super) async fn closed(&mut self) -> Result<(), PipelineError> {
        let Some(thread) = &mut self.thread else { return std::future::pending().await };
        let end = thread.end().await;
        self.thread = None;
        match end {
            Some(Err(error)) if !self.ends_pipeline => {
                tracing::error!("standard output cannot be written, so nothing more is printed: {error}");
                std::future::pending().await
            }
            Some(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Some(Err(error)) => Err(PipelineError::Output(error)),
            Some(Ok(())) | None => Err(stopped()),
        }
    }

    /// Waits until everything is written. A reader that closed its end is not an error: it has read what it
    /// wanted. `shutdown` resolves when the pipeline is asked to end. It is not polled if `waits_for_reader` is false,
    /// because it may have resolved already.
    ///
    /// # Errors
    /// [`PipelineError`] if the thread panicked, if a write failed, or if the reader has stopped reading.
    pub(super) async fn finish(self, shutdown: impl Future<Output = ()>) -> Result<(), PipelineError> {
        let Some(mut thread) = self.thread else { return Ok(()) };
        let limit = async {
            if self.waits_for_reader {
                shutdown.await;
            }
            tokio::time::sleep(self.drain).await;
        };
        tokio::select! {
            biased;
            end = thread.end() => match end {
                Some(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                Some(written) => written.map_err(PipelineError::Output),
                None => Err(stopped()),
            },
            () = limit => {
                let error = io::Error::new(io::ErrorKind::TimedOut, "its reader has stopped reading");
                Err(PipelineError::Output(error))
            }
        }
    }
}

fn stopped() -> PipelineError {
    PipelineError::Stopped("output".into())
}

/// Sends the rest of the text to its thread and lets the thread end.
pub(super) fn close(mut sinks: Vec<Sink>, health: &Arc<Health>) -> Vec<Sink> {
    let mut drops = Drops::default();
    for text in sinks.iter_mut().filter_map(Sink::text) {
        text.close(&mut drops);
    }
    health.dropped("sinks", &mut drops);
    sinks
}
