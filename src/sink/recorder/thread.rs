//! A recorder on a thread of its own.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::finished::FinishedRecording;
use super::labels::LiveLabels;
use super::novel::{NovelStays, NovelStep};
use super::options::{OnFault, Unlabelled};
use super::queue::{MAX_BYTES, RecordEntry, RecordQueue};
use super::streams::Recorder;
use super::sync::SyncThread;
use crate::health::Health;
use crate::signal::{DropReason, Drops, SampleBatch, SourceEvent};
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
    unlabelled: Unlabelled,
    /// Whether the outcomes end the recording of a stream.
    ends_with_outcomes: bool,
    /// The stays on novel surfaces, if only these are recorded of streams without a label.
    stays: Option<NovelStays>,
}

/// Starts a thread that writes the events passed to [`RecordSender::take`]. Samples that it drops are counted in
/// `health`. Before the sender is dropped, it ends only with [`OnFault::End`] after a failed write.
pub(crate) fn start(
    recorder: Recorder,
    on_fault: OnFault,
    health: Arc<Health>,
) -> (RecordSender, NamedThread<Recorded>) {
    let queue = recorder.queue().clone();
    let options = recorder.options();
    let labels = LiveLabels::new(options.max_streams, options.idle);
    let stays = recorder.novel_streams().map(|novel| NovelStays::new(novel, options));
    let (unlabelled, ends_with_outcomes) = (options.unlabelled, recorder.has_outcomes());
    let sender = RecordSender { queue: queue.clone(), labels, unlabelled, ends_with_outcomes, stays };
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
                Some(label) => {
                    if let Some(stays) = &mut self.stays {
                        stays.labelled(&batch.stream);
                    }
                    self.queue.push(event, Some(label))
                }
                None => match self.unlabelled {
                    Unlabelled::Recorded => self.queue.push(event, None),
                    Unlabelled::WhileNovel => self.take_around_stays(event, batch, drops),
                    Unlabelled::NotRecorded => 0,
                },
            },
            SourceEvent::End(stream) | SourceEvent::Moved(stream) => {
                self.labels.forget(stream);
                if let Some(stays) = &mut self.stays {
                    stays.forget(stream);
                }
                if self.ends_with_outcomes { 0 } else { self.queue.push(event, None) }
            }
            SourceEvent::Label(change) => {
                let ended = self.labels.change(change, Instant::now(), drops);
                // Otherwise the next samples, which have no label, end the recording.
                for stream in ended.into_iter().filter(|_| self.unlabelled != Unlabelled::Recorded) {
                    self.queue.push(&SourceEvent::End(stream), None);
                }
                0
            }
            SourceEvent::Receipt(_) => 0,
        };
        drops.add_many(DropReason::NotRecorded, refused as u64, || {
            format!(
                "samples are not recorded: the disk is too slow, full or failing, and {} MiB of them wait for it",
                MAX_BYTES >> 20
            )
        });
    }

    /// Queues a batch without a label if it is around a stay on a novel surface, and what was before it when a stay
    /// begins. Returns the number of samples that found no room.
    fn take_around_stays(&mut self, event: &SourceEvent, batch: &SampleBatch, drops: &mut Drops) -> usize {
        match self.stays.as_mut().map_or(NovelStep::Skip, |stays| stays.take(batch, drops)) {
            NovelStep::Skip => 0,
            NovelStep::Begin(batch) => self.queue.push(&SourceEvent::Samples(batch), None),
            NovelStep::Record => self.queue.push(event, None),
            NovelStep::End => self.queue.push(&SourceEvent::End(batch.stream.clone()), None),
        }
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
        #[cfg(feature = "mcap")]
        for message in &entry.results {
            self.recorder.result(&entry.stream, message)?;
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
    use super::super::novel::NovelStreams;
    use super::super::options::RecorderOptions;
    use super::*;
    use crate::signal::{Arrival, Channel, Label, LabelChange, Samples, StreamId, Time, UNLABELLED};

    fn options(folder: &std::path::Path, max_streams: usize) -> RecorderOptions {
        RecorderOptions {
            folder: folder.to_owned(),
            label: "tile".into(),
            format: crate::recordings::RecordingFormat::Csv,
            unlabelled: Unlabelled::Recorded,
            channels: vec![Channel::in_ampere("current")],
            max_streams,
            idle: Duration::MAX,
        }
    }

    /// Starts a recorder in a folder.
    fn recorder(
        folder: &std::path::Path,
        max_streams: usize,
    ) -> (RecordSender, NamedThread<Recorded>, Arc<Health>) {
        let health = Arc::new(Health::new([]));
        let recorder = Recorder::new(options(folder, max_streams)).unwrap();
        let (sender, thread) = start(recorder, OnFault::Pause, health.clone());
        (sender, thread, health)
    }

    /// Starts a recorder that records streams without a label while they are on a novel surface.
    fn novel_recorder(
        folder: &std::path::Path,
    ) -> (RecordSender, NamedThread<Recorded>, Arc<Health>, NovelStreams) {
        let label = UNLABELLED.into();
        let options = RecorderOptions { label, unlabelled: Unlabelled::WhileNovel, ..options(folder, 10) };
        let (recorder, health) = (Recorder::new(options).unwrap(), Arc::new(Health::new([])));
        let novel = recorder.novel_streams().unwrap();
        let (sender, thread) = start(recorder, OnFault::Pause, health.clone());
        (sender, thread, health, novel)
    }

    /// The folder of each recording, with the seconds of its first and of its last row and the number of its rows.
    fn spans(recordings: &[FinishedRecording]) -> Vec<(String, f64, f64, u64)> {
        let span = |FinishedRecording { path, samples, .. }: &FinishedRecording| {
            let text = std::fs::read_to_string(path).unwrap();
            let times: Vec<f64> =
                text.lines().skip(1).map(|row| row.split(',').next().unwrap().parse().unwrap()).collect();
            assert_eq!(times.len() as u64, *samples);
            let folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
            (folder, times[0], times[times.len() - 1], *samples)
        };
        recordings.iter().map(span).collect()
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

    #[test]
    fn what_is_around_stays_on_novel_surfaces_is_written_and_what_has_a_label_goes_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let (mut sender, thread, health, novel) = novel_recorder(folder.path());
        let mut drops = Drops::default();
        let stream = StreamId::new("rover").unwrap();
        let mut drive = |seconds: std::ops::Range<u32>, is_novel, label: Option<&str>| {
            let change = match label {
                Some(label) => LabelChange::Start(stream.clone(), Label::new(label).unwrap()),
                None => LabelChange::End(stream.clone()),
            };
            sender.take(&SourceEvent::Label(change), &mut drops);
            novel.set_for_test(&stream, is_novel);
            for second in seconds {
                sender.take(&sample("rover", f64::from(second)), &mut drops);
                sender.take(&sample("cart", f64::from(second)), &mut drops);
            }
        };
        drive(0..100, false, None);
        drive(100..120, true, None);
        drive(120..160, false, None);
        drive(160..180, true, None);
        drive(180..190, true, Some("gravel"));
        drive(190..200, true, None);
        drive(200..210, false, None);
        drive(210..220, false, Some("tile"));
        drive(220..230, false, None);
        let recordings = finish(sender, thread);
        let span = |folder: &str, first: u32, last: u32| {
            (folder.to_owned(), f64::from(first), f64::from(last), u64::from(last - first + 1))
        };
        assert_eq!(
            spans(&recordings),
            [
                span(UNLABELLED, 89, 124),
                span(UNLABELLED, 149, 179),
                span("gravel", 180, 189),
                span(UNLABELLED, 190, 204),
                span("tile", 210, 219),
            ]
        );
        assert_eq!((drops.total(), health.drops().total()), (0, 0), "{drops}, {}", health.drops());
    }

    #[test]
    fn a_folder_of_novel_surfaces_that_is_renamed_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let (mut sender, thread, health, novel) = novel_recorder(folder.path());
        let (mut drops, stream) = (Drops::default(), StreamId::new("rover").unwrap());
        std::fs::rename(folder.path().join(UNLABELLED), folder.path().join("sand")).unwrap();
        novel.set_for_test(&stream, true);
        sender.take(&sample("rover", 1.0), &mut drops);
        assert_eq!(spans(&finish(sender, thread)), [(UNLABELLED.to_owned(), 1.0, 1.0, 1)]);
        assert_eq!(health.drops().total(), 0);
    }

    #[test]
    fn a_full_folder_of_novel_surfaces_takes_no_more_and_labels_are_recorded_on() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(UNLABELLED)).unwrap();
        // A file with a hole, which takes no room on this disk.
        let large = std::fs::File::create(folder.path().join(UNLABELLED).join("rover.csv")).unwrap();
        large.set_len(256 << 20).unwrap();
        let (mut sender, thread, health, novel) = novel_recorder(folder.path());
        let (mut drops, stream) = (Drops::default(), StreamId::new("rover").unwrap());
        novel.set_for_test(&stream, true);
        for second in 0..200 {
            sender.take(&sample("rover", f64::from(second)), &mut drops);
        }
        sender
            .take(&SourceEvent::Label(LabelChange::Start(stream, Label::new("gravel").unwrap())), &mut drops);
        sender.take(&sample("rover", 200.0), &mut drops);
        let recordings = finish(sender, thread);
        assert_eq!(health.drops().to_string(), "200 not_recorded");
        assert!(
            health.drops().first().unwrap().1.contains("move each recording into the folder of its surface")
        );
        assert_eq!(spans(&recordings), [("gravel".to_owned(), 200.0, 200.0, 1)]);
    }
}
