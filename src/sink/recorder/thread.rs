//! A recorder on a thread of its own.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::finished::FinishedRecording;
use super::labels::LiveLabels;
use super::options::OnFault;
use super::queue::{MAX_BYTES, RecordEntry, RecordQueue};
use super::streams::Recorder;
use super::sync::SyncThread;
use crate::health::Health;
use crate::signal::{DropReason, Drops, SourceEvent};
use crate::thread::{NamedThread, test_panic};

/// How often recordings are given to the system, and synced. A crash loses at most the samples of this time.
const FLUSH: Duration = Duration::from_secs(1);
/// How long samples wait in the queue, so that those of a stream are joined.
const COLLECT: Duration = Duration::from_millis(50);
/// How long recording pauses after a fault.
const PAUSE: Duration = Duration::from_secs(10);

/// What the recorder's thread returns: the recordings, or the error that ended it.
pub(crate) type Recorded = io::Result<Vec<FinishedRecording>>;

/// Passes events to the recorder's thread. When it is dropped, the thread closes every file and ends.
#[derive(Debug)]
pub(crate) struct RecordSender {
    queue: Arc<RecordQueue>,
    labels: LiveLabels,
    only_labelled: bool,
}

/// Starts a thread that writes the events passed to [`RecordSender::take`]. Samples that it drops are counted in
/// `health`. Before the sender is dropped, it ends only with [`OnFault::End`] after a failed write.
pub(crate) fn start(
    recorder: Recorder,
    on_fault: OnFault,
    health: Arc<Health>,
) -> (RecordSender, NamedThread<Recorded>) {
    let queue = Arc::new(RecordQueue::default());
    let options = recorder.options();
    let labels = LiveLabels::new(options.max_streams, options.idle);
    let sender = RecordSender { queue: queue.clone(), labels, only_labelled: options.only_labelled };
    let recording = RecorderLoop {
        recorder,
        on_fault,
        sync: SyncThread::start(),
        drops: Drops::default(),
        flushed: Instant::now(),
        paused: None,
        failing: false,
    };
    (sender, NamedThread::spawn("recorder", move || recording.run(&queue, &health)))
}

impl RecordSender {
    /// Queues an event of a source. Samples that find no room are dropped and counted.
    pub(crate) fn take(&mut self, event: &SourceEvent, drops: &mut Drops) {
        let refused = match event {
            SourceEvent::Samples(batch) => match self.labels.at(&batch.stream, batch.arrived.instant) {
                None if self.only_labelled => 0,
                label => self.queue.push(event, label),
            },
            SourceEvent::End(stream) => {
                self.labels.forget(stream);
                self.queue.push(event, None)
            }
            SourceEvent::Label(change) => {
                let ended = self.labels.change(change, Instant::now(), drops);
                // Otherwise the next samples, which have no label, end the recording.
                for stream in ended.into_iter().filter(|_| self.only_labelled) {
                    self.queue.push(&SourceEvent::End(stream), None);
                }
                0
            }
        };
        drops.add_many(DropReason::NotRecorded, refused as u64, || {
            format!(
                "samples are not recorded: the disk is too slow, full or failing, and {} MiB of them wait for it",
                MAX_BYTES >> 20
            )
        });
    }
}

impl Drop for RecordSender {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// The state of the thread.
struct RecorderLoop {
    recorder: Recorder,
    on_fault: OnFault,
    sync: SyncThread,
    drops: Drops,
    /// When everything was last flushed.
    flushed: Instant,
    /// Since when recording pauses.
    paused: Option<Instant>,
    /// Whether a fault was logged, and no sample has reached the disk since then.
    failing: bool,
}

impl RecorderLoop {
    /// Writes events until the queue is closed, or until the first fault with [`OnFault::End`].
    fn run(mut self, queue: &RecordQueue, health: &Health) -> Recorded {
        while let Some(entries) = queue.take(COLLECT) {
            for entry in entries {
                test_panic("recorder");
                let bytes = entry.bytes;
                let done = self.take(entry);
                queue.written(bytes);
                self.check(done)?;
                self.flush_if_due()?;
            }
            self.flush_if_due()?;
            if self.failing {
                // The fault was logged, so these drops are only counted.
                health.count_drops(&mut self.drops);
            } else {
                health.dropped("recorder", &mut self.drops);
            }
        }
        let recorded = self.recorder.finish(&mut self.drops);
        health.dropped("recorder", &mut self.drops);
        recorded
    }

    fn take(&mut self, entry: RecordEntry) -> io::Result<()> {
        self.paused = self.paused.filter(|since| since.elapsed() < PAUSE);
        for mut batch in entry.batches {
            if self.paused.is_some() {
                self.drops.add_many(DropReason::NotRecorded, batch.samples.len() as u64, || {
                    "samples are not recorded for a while after a disk fault".into()
                });
            } else {
                self.recorder.push(&mut batch, entry.label.as_ref(), &mut self.drops)?;
            }
        }
        if entry.ends { self.recorder.end(&entry.stream, &mut self.drops) } else { Ok(()) }
    }

    /// Flushes every recording once a second, and has them synced unless the sync before is still at work.
    fn flush_if_due(&mut self) -> io::Result<()> {
        if self.flushed.elapsed() < FLUSH {
            return Ok(());
        }
        self.flushed = Instant::now();
        let done = self.recorder.flush(&mut self.drops).and_then(|()| self.sync.result());
        self.check(done)?;
        if !self.sync.sync_if_idle(self.recorder.unsynced()) {
            return Err(io::Error::other(
                "the thread that syncs recordings stopped by itself; please report this with the log",
            ));
        }
        self.failing = self.failing && !self.recorder.has_kept();
        Ok(())
    }

    /// Pauses after a fault, or returns it if the thread is to end.
    fn check(&mut self, done: io::Result<()>) -> io::Result<()> {
        let Err(error) = done else { return Ok(()) };
        if self.on_fault == OnFault::End {
            return Err(error);
        }
        if !self.failing {
            let again = humantime::format_duration(PAUSE);
            tracing::error!(
                "{error}; predictions continue, and recording is tried again every {again}: make room, or fix the \
                 disk"
            );
        }
        let lost = self.recorder.abandon();
        self.drops.add_many(DropReason::NotRecorded, lost, String::new);
        (self.failing, self.paused) = (true, Some(Instant::now()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::RecorderOptions;
    use super::*;
    use crate::signal::{Arrival, Channel, SampleBatch, Samples, StreamId, Time};

    /// Starts a recorder in a folder.
    fn recorder(
        folder: &std::path::Path,
        max_streams: usize,
    ) -> (RecordSender, NamedThread<Recorded>, Arc<Health>) {
        let options = RecorderOptions {
            folder: folder.to_owned(),
            label: "tile".into(),
            only_labelled: false,
            channels: vec![Channel::in_ampere("current")],
            max_streams,
            idle: Duration::MAX,
        };
        let health = Arc::new(Health::new([]));
        let (sender, thread) = start(Recorder::new(options).unwrap(), OnFault::Pause, health.clone());
        (sender, thread, health)
    }

    fn finish(sender: RecordSender, mut thread: NamedThread<Recorded>) -> Vec<FinishedRecording> {
        drop(sender);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(thread.end()).unwrap().unwrap()
    }

    fn sample(stream: &str, seconds: f64) -> SourceEvent {
        let mut samples = Samples::new(1);
        samples.push(Time::from_seconds(seconds).unwrap(), [1.5]);
        let stream = StreamId::new(stream).unwrap();
        SourceEvent::Samples(SampleBatch { stream, samples, arrived: Arrival::now(), rate: None })
    }

    #[test]
    fn a_thousand_streams_with_single_samples_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (mut sender, thread, health) = recorder(folder.path(), 1000);
        let mut drops = Drops::default();
        for step in 0..30 {
            for stream in 0..1000 {
                sender.take(&sample(&format!("robot{stream}"), f64::from(step) / 10.0), &mut drops);
            }
        }
        let recordings = finish(sender, thread);
        assert_eq!((drops.total(), health.drops().total()), (0, 0), "{drops}, {}", health.drops());
        assert_eq!(recordings.len(), 1000);
        assert!(recordings.iter().all(|recording| recording.samples == 30));
        assert_eq!(std::fs::read_to_string(&recordings[500].path).unwrap().lines().count(), 31);
    }

    #[test]
    fn two_boards_with_one_name_make_few_files_and_every_sample_is_written_or_counted() {
        let folder = tempfile::tempdir().unwrap();
        let (mut sender, thread, health) = recorder(folder.path(), 10);
        let mut drops = Drops::default();
        for step in 0..1000 {
            // Two samples of each board, so that each leap of time is confirmed.
            for clock in [5000.0, 0.0] {
                for half in [0.0, 0.005] {
                    sender.take(&sample("rover", clock + f64::from(step) / 100.0 + half), &mut drops);
                }
            }
        }
        let recordings = finish(sender, thread);
        assert_eq!((drops.total(), recordings.len()), (0, 6));
        let written: u64 = recordings.iter().map(|recording| recording.samples).sum();
        assert_eq!(written + health.drops().count(DropReason::NotRecorded), 4000);
        for recording in &recordings {
            let text = std::fs::read_to_string(&recording.path).unwrap();
            let times: Vec<f64> =
                text.lines().skip(1).map(|row| row.split(',').next().unwrap().parse().unwrap()).collect();
            assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
        }
    }
}
