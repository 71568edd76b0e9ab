//! The recordings of all streams.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::file::{MAX_GAP, OpenRecording};
use super::finished::{FinishedRecording, FinishedRecordings};
use super::late_samples::LateSamples;
use super::novel::{DiskSpace, NovelStreams};
use super::options::{RecorderOptions, Unlabelled};
use super::queue::RecordQueue;
use super::recording_file::RecordingFile;
use super::sync::sync_all;
use super::{folder, open_files};
use crate::signal::{DropReason, Drops, Label, SampleBatch, StreamId};
#[cfg(feature = "mcap")]
use crate::sink::mcap::ResultMessage;
use crate::stream::Placement;

/// What the recordings of novel surfaces may take on the disk in all.
const MAX_NOVEL_BYTES: u64 = 256 << 20;

/// Maximum number of finished recordings that wait to be synced when labels change.
const MAX_CLOSED: usize = 64;

/// Writes each stream's samples to a file of its own, and starts a new file when the device's clock starts
/// again.
///
/// The files are flushed to the system by [`Recorder::flush`], and synced to the disk by whoever takes
/// [`Recorder::unsynced`].
#[derive(Debug)]
pub struct Recorder {
    options: RecorderOptions,
    folder: PathBuf,
    late: LateSamples,
    /// Maximum number of open files.
    max_files: usize,
    files: HashMap<StreamId, OpenRecording>,
    /// The recordings that have been closed.
    finished: FinishedRecordings,
    /// What waits for the thread that writes.
    queue: Arc<RecordQueue>,
    /// Whether what is found out about a stream is recorded as well.
    has_outcomes: bool,
    /// What limits the recordings of novel surfaces, if these are all that is recorded of streams without a label.
    novel: Option<(NovelStreams, DiskSpace)>,
}

impl Recorder {
    /// Creates the folder for the recordings.
    ///
    /// # Errors
    /// An error that names the folder, if it cannot be created.
    pub fn new(options: RecorderOptions) -> io::Result<Self> {
        let folder = match options.unlabelled {
            Unlabelled::NotRecorded => options.folder.clone(),
            Unlabelled::Recorded | Unlabelled::WhileNovel => options.folder.join(&options.label),
        };
        folder::create(&folder)?;
        let novel = (options.unlabelled == Unlabelled::WhileNovel)
            .then(|| (NovelStreams::default(), DiskSpace::of(folder.clone(), MAX_NOVEL_BYTES)));
        Ok(Self {
            max_files: open_files::limit(options.max_streams),
            options,
            folder,
            late: LateSamples::Count,
            files: HashMap::new(),
            finished: FinishedRecordings::default(),
            queue: Arc::default(),
            has_outcomes: false,
            novel,
        })
    }

    /// What is recorded, and where.
    pub(super) fn options(&self) -> &RecorderOptions {
        &self.options
    }

    /// What waits for the thread that writes.
    pub(super) fn queue(&self) -> &Arc<RecordQueue> {
        &self.queue
    }

    /// Whether what is found out about a stream is recorded as well. Its recording then ends with the outcomes, which come
    /// after the samples.
    pub(super) fn has_outcomes(&self) -> bool {
        self.has_outcomes
    }

    /// Records what is found out about streams as well.
    #[cfg(feature = "mcap")]
    pub(super) fn set_outcomes(&mut self) {
        self.has_outcomes = true;
    }

    /// Writes something that was found out about a stream into its recording, if one is open.
    ///
    /// # Errors
    /// An error that names the file.
    #[cfg(feature = "mcap")]
    pub(super) fn result(&mut self, stream: &StreamId, message: &ResultMessage) -> io::Result<()> {
        self.files.get_mut(stream).map_or(Ok(()), |open| open.result(message))
    }

    /// The streams that are on a novel surface now, to be told by the decisions; `None` if it does not matter.
    pub(crate) fn novel_streams(&self) -> Option<NovelStreams> {
        self.novel.as_ref().map(|(novel, _)| novel.clone())
    }

    /// Sets what is done with late samples; by default they are counted.
    pub(crate) fn set_late(&mut self, late: LateSamples) {
        self.late = late;
    }

    /// Writes the samples of a batch into the folder of `label`, or into that of the options if it is `None`. Duplicates, late samples and streams over the limit are dropped and
    /// counted. So are samples of a clock that has gone back too often.
    ///
    /// The batch's samples are timestamped in place.
    ///
    /// # Errors
    /// An error that names the file or the folder.
    pub fn push(
        &mut self,
        batch: &mut SampleBatch,
        label: Option<&Label>,
        drops: &mut Drops,
    ) -> io::Result<()> {
        if batch.samples.is_empty() {
            return Ok(());
        }
        if label.is_none()
            && let Some((_, space)) = &mut self.novel
            && !space.has_room(Instant::now())
        {
            drops.add_many(DropReason::NotRecorded, batch.samples.len() as u64, || space.full());
            return self.end(&batch.stream, drops);
        }
        if !self.files.contains_key(&batch.stream) {
            if self.files.len() + self.finished.unsynced.len() >= self.max_files {
                drops.add_many(DropReason::NotRecorded, batch.samples.len() as u64, || {
                    open_files::over_limit(&batch.stream, self.max_files, self.options.max_streams)
                });
                return Ok(());
            }
            let open = OpenRecording::labelled(&self.options, &self.folder, &batch.stream, label)?;
            self.files.insert(batch.stream.clone(), open);
        }
        if self.files.get(&batch.stream).is_some_and(|open| open.label.as_ref() != label || open.is_full()) {
            let next = OpenRecording::labelled(&self.options, &self.folder, &batch.stream, label)?;
            self.go_on_in(next, &batch.stream)?;
        }
        let Some(open) = self.files.get_mut(&batch.stream) else { return Ok(()) };
        let mut space = self.novel.as_mut().map(|(_, space)| space).filter(|_| label.is_none());
        open.used = Instant::now();
        open.timestamper.stamp(&mut batch.samples, batch.arrived.time, batch.rate);
        open.leaps.filter(&mut batch.samples, MAX_GAP, drops);
        for (raw, row) in batch.samples.iter() {
            let before = open.unwrapper.clone();
            let time = match open.unwrapper.place(raw) {
                Placement::Next(time) | Placement::AfterGap(time) => time,
                Placement::AfterRestart(_) if !open.restarts.spend(open.used) => {
                    open.unwrapper = before;
                    drops.add(DropReason::NotRecorded, || {
                        format!(
                            "the clock of the stream \"{}\" goes back again and again, so only one recording a \
                             minute begins, and samples before the newest row are dropped; if two boards have this \
                             name, give each its own",
                            batch.stream
                        )
                    });
                    continue;
                }
                Placement::AfterRestart(time) => {
                    let mut next =
                        OpenRecording::labelled(&self.options, &self.folder, &batch.stream, label)?;
                    next.timestamper = open.timestamper.clone();
                    next.restarts = open.restarts.clone();
                    next.leaps = std::mem::take(&mut open.leaps);
                    let done = std::mem::replace(open, next);
                    open.unwrapper.place(raw);
                    self.finished.close(done.end()?);
                    time
                }
                placement @ (Placement::Duplicate | Placement::Late) => {
                    self.late.count(placement, raw, drops);
                    continue;
                }
            };
            let bytes = open.write(time, row, drops)?;
            if let Some(space) = &mut space {
                space.add(bytes, open.samples == 1);
            }
        }
        Ok(())
    }

    /// Closes a stream's file, and continues in the next one on the same clock.
    fn go_on_in(&mut self, mut next: OpenRecording, stream: &StreamId) -> io::Result<()> {
        if self.finished.unsynced.len() >= MAX_CLOSED {
            // They take descriptors until they are synced, and labels may change at once for a whole fleet.
            sync_all(&self.finished.unsynced)?;
            self.finished.unsynced.clear();
        }
        let Some(open) = self.files.get_mut(stream) else { return Ok(()) };
        next.timestamper = open.timestamper.clone();
        next.unwrapper = open.unwrapper.clone();
        next.restarts = open.restarts.clone();
        next.leaps = std::mem::take(&mut open.leaps);
        self.finished.close(std::mem::replace(open, next).end()?);
        Ok(())
    }

    /// Closes a stream's file. A last sample that leaps back in time was not confirmed, and is counted in `drops`.
    ///
    /// # Errors
    /// An error that names the file.
    pub fn end(&mut self, stream: &StreamId, drops: &mut Drops) -> io::Result<()> {
        let Some(mut open) = self.files.remove(stream) else { return Ok(()) };
        if let Some((raw, row)) = open.leaps.release() {
            match open.unwrapper.place(raw) {
                Placement::Next(time) | Placement::AfterGap(time) => drop(open.write(time, &row, drops)?),
                Placement::AfterRestart(_) => drops.add(DropReason::NotRecorded, || {
                    format!("the clock of the stream \"{stream}\" started again with its last sample")
                }),
                late => self.late.count(late, raw, drops),
            }
        }
        open.leaps.finish(drops);
        self.finished.close(open.end()?);
        Ok(())
    }

    /// Gives everything so far to the system, and closes the files of idle streams.
    ///
    /// # Errors
    /// An error that names the file.
    pub(super) fn flush(&mut self, drops: &mut Drops) -> io::Result<()> {
        let idle = self.options.idle;
        let expired = self.files.iter().filter(|(_, open)| open.used.elapsed() >= idle);
        for stream in expired.map(|(stream, _)| stream.clone()).collect::<Vec<_>>() {
            self.end(&stream, drops)?;
        }
        self.finished.unsynced.retain(|file| !file.is_synced());
        self.files.values_mut().try_for_each(OpenRecording::flush)
    }

    /// The files with samples that the system has and that may not be on the disk yet.
    pub(super) fn unsynced(&self) -> Vec<Arc<RecordingFile>> {
        let open = self.files.values().map(OpenRecording::file);
        open.chain(&self.finished.unsynced).filter(|file| !file.is_synced()).cloned().collect()
    }

    /// Whether samples of an open file are on the disk.
    pub(super) fn has_kept(&self) -> bool {
        self.files.values().any(|open| open.file().kept.load(Ordering::Relaxed) > 0)
    }

    /// Gives up all open files after a fault; the next samples go to new files.
    ///
    /// Empty files are removed, because a disk that stays full would collect them. Returns the number of
    /// samples that may not be on the disk.
    pub(super) fn abandon(&mut self) -> u64 {
        let mut lost = 0;
        for (_, open) in self.files.drain() {
            let finished = open.finished();
            let file = open.abandon();
            let kept = file.kept.load(Ordering::Relaxed);
            lost += finished.samples - kept;
            if file.file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
                let _ = std::fs::remove_file(&file.path);
            } else {
                self.finished.remember(FinishedRecording { samples: kept, ..finished });
            }
        }
        for file in self.finished.unsynced.drain(..) {
            lost += file.flushed.load(Ordering::Relaxed) - file.kept.load(Ordering::Relaxed);
        }
        lost
    }

    /// Closes every file, writes everything through to the disk, and returns the recordings.
    ///
    /// # Errors
    /// An error that names the file.
    pub fn finish(mut self, drops: &mut Drops) -> io::Result<Vec<FinishedRecording>> {
        let mut streams: Vec<_> = self.files.keys().cloned().collect();
        streams.sort();
        for stream in streams {
            self.end(&stream, drops)?;
        }
        sync_all(&self.unsynced())?;
        Ok(self.finished.into_vec())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::recordings::reader::RecordingReader;
    use crate::recordings::{self, RecordingFormat};
    use crate::signal::{Arrival, Channel, Samples, Time};

    fn options(folder: &Path, channels: &[&str]) -> RecorderOptions {
        RecorderOptions {
            folder: folder.into(),
            label: "gravel".into(),
            format: RecordingFormat::Csv,
            unlabelled: Unlabelled::Recorded,
            channels: channels.iter().map(|name| Channel::in_ampere(name)).collect(),
            max_streams: 9,
            idle: Duration::MAX,
        }
    }

    fn batch(times: &[f64]) -> SampleBatch {
        let mut samples = Samples::new(2);
        for (index, time) in times.iter().enumerate() {
            samples.push(Time::from_seconds(*time).unwrap(), [0.1 + index as f32, f32::NAN]);
        }
        SampleBatch { stream: StreamId::new("rover").unwrap(), samples, arrived: Arrival::now(), rate: None }
    }

    #[test]
    fn recorded_samples_are_read_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let options = options(folder.path(), &["left", "right"]);
        let channels = options.channels.clone();
        let mut recorder = Recorder::new(options).unwrap();
        let mut drops = Drops::default();
        let mut first = batch(&[5.0, 5.1, 5.1, 5.05, 7.000_000_001, 7.1]);
        recorder.push(&mut first, None, &mut drops).unwrap();
        recorder.push(&mut batch(&[0.5, 0.6]), None, &mut drops).unwrap();
        assert_eq!(drops.to_string(), "1 duplicate, 1 late");
        let written = recorder.finish(&mut Drops::default()).unwrap();
        assert_eq!(
            written.iter().map(|one| (one.samples, one.span.as_nanos())).collect::<Vec<_>>(),
            [(4, 2_100_000_000), (2, 100_000_000)],
            "each run of the clock has its own file"
        );

        let found = recordings::find(&[folder.path().into()], None).unwrap();
        assert_eq!(found.len(), 2);
        let recording = found.iter().find(|recording| recording.path == written[0].path).unwrap();
        let mut samples = Samples::new(2);
        let mut reader = RecordingReader::open(recording, Some(&channels)).unwrap();
        while reader.next_batch(&mut samples).unwrap() {}
        assert_eq!(samples.times()[2].nanos(), 7_000_000_001);
        assert_eq!(samples.values()[0].to_bits(), 0.1f32.to_bits());
        assert!(samples.values()[1].is_nan());
        assert_eq!(reader.labels().unwrap().at(samples.times()[0]), Some("gravel"));
    }

    #[test]
    fn a_channel_may_have_a_name_with_a_comma() {
        let folder = tempfile::tempdir().unwrap();
        let options = options(folder.path(), &["left, front", "\"right\""]);
        let channels = options.channels.clone();
        let mut recorder = Recorder::new(options).unwrap();
        recorder.push(&mut batch(&[-0.5, 5.25]), None, &mut Drops::default()).unwrap();
        let written = recorder.finish(&mut Drops::default()).unwrap();
        let text = std::fs::read_to_string(&written[0].path).unwrap();
        let header = "t,\"left, front\",\"\"\"right\"\"\"\n";
        assert_eq!(text, format!("{header}-0.500000000,0.1,\n5.250000000,1.1,\n"));
        let recordings = recordings::find(&[folder.path().into()], None).unwrap();
        let mut samples = Samples::new(2);
        let mut reader = RecordingReader::open(&recordings[0], Some(&channels)).unwrap();
        while reader.next_batch(&mut samples).unwrap() {}
        assert_eq!(samples.values()[2], 1.1);
    }

    #[test]
    fn after_a_fault_empty_files_are_removed_and_recording_continues() {
        let folder = tempfile::tempdir().unwrap();
        let options = options(folder.path(), &["left", "right"]);
        let mut recorder = Recorder::new(options).unwrap();
        recorder.push(&mut batch(&[1.0, 2.0]), None, &mut Drops::default()).unwrap();
        recorder.abandon();
        assert_eq!(std::fs::read_dir(folder.path().join("gravel")).unwrap().count(), 0);
        recorder.push(&mut batch(&[3.0]), None, &mut Drops::default()).unwrap();
        assert_eq!(recorder.finish(&mut Drops::default()).unwrap().len(), 1);
    }

    #[test]
    fn another_label_continues_the_stream_in_a_file_of_its_own_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::new(options(folder.path(), &["left", "right"])).unwrap();
        let mut drops = Drops::default();
        let tile = Label::new("tile").unwrap();
        for (times, label) in [(&[1.0, 1.1][..], None), (&[1.2, 1.1, 1.3, 1.4], Some(&tile)), (&[1.5], None)]
        {
            recorder.push(&mut batch(times), label, &mut drops).unwrap();
        }
        assert_eq!(drops.to_string(), "1 late", "the clock goes on");
        let written = recorder.finish(&mut drops).unwrap();
        let folder = |path: &std::path::Path| path.parent().unwrap().file_name().unwrap().to_owned();
        let folders = written.iter().map(|one| (folder(&one.path), one.samples));
        assert_eq!(
            folders.collect::<Vec<_>>(),
            [("gravel".into(), 2), ("tile".into(), 3), ("gravel".into(), 1)]
        );
    }
}
