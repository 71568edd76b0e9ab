//! A recorder on a thread of its own.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::options::OnFault;
use super::streams::Recorder;
use crate::health::Health;
use crate::shutdown::ends_within;
use crate::signal::{DropReason, Drops, SourceEvent};

/// How often recordings are written through to the disk. A crash loses at most the samples of this time.
const FLUSH: Duration = Duration::from_secs(1);
/// Capacity of the queue to the thread, in batches of samples.
const QUEUE: usize = 1024;
/// How long recording pauses after a fault.
const PAUSE: Duration = Duration::from_secs(10);

/// A recorder that runs on a thread of its own.
#[derive(Debug)]
pub struct RecorderHandle {
    sender: SyncSender<SourceEvent>,
    thread: JoinHandle<io::Result<Vec<(PathBuf, u64)>>>,
}

impl RecorderHandle {
    /// Starts a thread that writes the events passed to [`take`](Self::take). Samples that it drops are
    /// counted in `health`.
    pub fn start(recorder: Recorder, on_fault: OnFault, health: Arc<Health>) -> Self {
        let (sender, receiver) = sync_channel(QUEUE);
        let thread = std::thread::spawn(move || record(recorder, on_fault, &receiver, &health));
        Self { sender, thread }
    }

    /// Queues an event of a source. Samples that find the queue full, or the thread ended, are dropped and
    /// counted.
    pub fn take(&self, event: &SourceEvent, drops: &mut Drops) {
        if self.sender.try_send(event.clone()).is_err()
            && let SourceEvent::Samples(batch) = event
        {
            drops.add_many(DropReason::NotRecorded, batch.samples.len() as u64, || {
                "samples are not recorded: the disk is too slow, full or failing".into()
            });
        }
    }

    /// Whether the thread has ended, which it does before [`finish`](Self::finish) only after a failed write.
    pub fn failed(&self) -> bool {
        self.thread.is_finished()
    }

    /// Closes every file and returns the recordings with their numbers of samples.
    ///
    /// # Errors
    /// An error that names the file, or [`io::ErrorKind::TimedOut`] if this takes longer than `timeout`.
    pub fn finish(self, timeout: Duration) -> io::Result<Vec<(PathBuf, u64)>> {
        drop(self.sender);
        if !ends_within(&self.thread, timeout) {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the disk was too slow for the last samples",
            ));
        }
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the recorder ended unexpectedly")))
    }
}

/// Writes events until the channel closes, or until the first fault with [`OnFault::End`].
fn record(
    mut recorder: Recorder,
    on_fault: OnFault,
    events: &Receiver<SourceEvent>,
    health: &Health,
) -> io::Result<Vec<(PathBuf, u64)>> {
    let mut drops = Drops::default();
    let mut flushed = Instant::now();
    let mut paused: Option<Instant> = None;
    // A fault is logged only once, until samples reach the disk again.
    let mut failing = false;
    loop {
        let event = events.recv_timeout(FLUSH.saturating_sub(flushed.elapsed()));
        paused = paused.filter(|since| since.elapsed() < PAUSE);
        let mut done = match event {
            Ok(SourceEvent::Samples(batch)) if paused.is_some() => {
                let count = batch.samples.len() as u64;
                drops.add_many(DropReason::NotRecorded, count, || {
                    "samples are not recorded for a while after a disk fault".into()
                });
                Ok(())
            }
            Ok(SourceEvent::Samples(mut batch)) => recorder.push(&mut batch, &mut drops),
            Ok(SourceEvent::End(stream)) => recorder.end(&stream),
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => return recorder.finish(),
        };
        if flushed.elapsed() >= FLUSH {
            flushed = Instant::now();
            done = done.and_then(|()| recorder.sync());
            failing = failing && (done.is_err() || recorder.files.is_empty());
        }
        if let Err(error) = done {
            if on_fault == OnFault::End {
                return Err(error);
            }
            if !failing {
                let again = humantime::format_duration(PAUSE);
                tracing::error!(
                    "{error}; predictions continue, and recording is tried again every {again}: \
                     make room, or fix the disk"
                );
            }
            let lost = recorder.abandon();
            drops.add_many(DropReason::NotRecorded, lost, String::new);
            (failing, paused) = (true, Some(Instant::now()));
        }
        if failing {
            // The fault was logged, so these drops are only counted.
            health.count_drops(&mut drops);
        } else {
            health.dropped("recorder", &mut drops);
        }
    }
}
