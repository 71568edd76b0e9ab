//! The recordings of all streams.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::time::Instant;

use super::file::OpenRecording;
use super::options::RecorderOptions;
use crate::signal::{DropReason, Drops, SampleBatch, StreamId};
use crate::stream::{Placement, Timestamper};

/// Maximum number of finished recordings that are remembered for the report at the end.
const MAX_FINISHED: usize = 1000;

/// Writes each stream's samples to a file of its own, and starts a new file when the device's clock starts
/// again.
#[derive(Debug)]
pub struct Recorder {
    options: RecorderOptions,
    folder: PathBuf,
    pub(super) files: HashMap<StreamId, OpenRecording>,
    /// The finished recordings with their numbers of samples.
    finished: Vec<(PathBuf, u64)>,
}

impl Recorder {
    /// Creates the folder for the recordings.
    ///
    /// # Errors
    /// An error that names the folder, if it cannot be created.
    pub fn new(options: RecorderOptions) -> io::Result<Self> {
        let folder = options.folder.join(&options.label);
        std::fs::create_dir_all(&folder).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("the folder \"{}\" cannot be created: {error}", folder.display()),
            )
        })?;
        Ok(Self { options, folder, files: HashMap::new(), finished: Vec::new() })
    }

    /// Writes the samples of a batch. Duplicates, late samples and streams over the limit are dropped and
    /// counted.
    ///
    /// The batch's samples are timestamped in place.
    ///
    /// # Errors
    /// An error that names the file.
    pub fn push(&mut self, batch: &mut SampleBatch, drops: &mut Drops) -> io::Result<()> {
        if batch.samples.is_empty() {
            return Ok(());
        }
        if !self.files.contains_key(&batch.stream) {
            if self.files.len() >= self.options.max_streams {
                drops.add_many(DropReason::StreamLimit, batch.samples.len() as u64, || {
                    format!(
                        "stream \"{}\" is over the limit limits.streams = {}; \
                         raise it to record more streams",
                        batch.stream, self.options.max_streams
                    )
                });
                return Ok(());
            }
            let open = OpenRecording::create(
                &self.folder,
                &batch.stream,
                &self.options.channels,
                Timestamper::default(),
            )?;
            self.files.insert(batch.stream.clone(), open);
        }
        let Some(open) = self.files.get_mut(&batch.stream) else { return Ok(()) };
        open.used = Instant::now();
        open.timestamper.stamp(&mut batch.samples, batch.arrived.time, batch.rate);
        for (raw, row) in batch.samples.iter() {
            let time = match open.unwrapper.place(raw) {
                Placement::Next(time) | Placement::AfterGap(time) => time,
                Placement::AfterRestart(time) => {
                    let timestamper = open.timestamper.clone();
                    let next = OpenRecording::create(
                        &self.folder,
                        &batch.stream,
                        &self.options.channels,
                        timestamper,
                    )?;
                    let mut done = std::mem::replace(open, next);
                    done.sync()?;
                    remember(&mut self.finished, done.path, done.samples);
                    open.unwrapper.place(raw);
                    time
                }
                placement @ (Placement::Duplicate | Placement::Late) => {
                    placement.count_drop(raw, drops);
                    continue;
                }
            };
            open.write(time, row)?;
        }
        Ok(())
    }

    /// Closes a stream's file.
    ///
    /// # Errors
    /// An error that names the file.
    pub fn end(&mut self, stream: &StreamId) -> io::Result<()> {
        if let Some(mut open) = self.files.remove(stream) {
            open.sync()?;
            remember(&mut self.finished, open.path, open.samples);
        }
        Ok(())
    }

    /// Writes everything so far through to the disk, and closes the files of idle streams.
    ///
    /// # Errors
    /// An error that names the file.
    pub fn sync(&mut self) -> io::Result<()> {
        let idle = self.options.idle;
        let expired = self.files.iter().filter(|(_, open)| open.used.elapsed() >= idle);
        for stream in expired.map(|(stream, _)| stream.clone()).collect::<Vec<_>>() {
            self.end(&stream)?;
        }
        self.files.values_mut().try_for_each(OpenRecording::sync)
    }

    /// Gives up all open files after a fault; the next samples go to new files.
    ///
    /// Empty files are removed, because a disk that stays full would collect them. Returns the number of
    /// samples that may not be on the disk.
    pub(super) fn abandon(&mut self) -> u64 {
        let mut lost = 0;
        for (_, OpenRecording { out, path, samples, kept, .. }) in self.files.drain() {
            lost += samples - kept;
            // Dropping the writer would try again to write its buffer, which the disk has no room for.
            let (file, _) = out.into_parts();
            if file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
                let _ = std::fs::remove_file(&path);
            } else {
                remember(&mut self.finished, path, kept);
            }
        }
        lost
    }

    /// Closes every file and returns the recordings with their numbers of samples.
    ///
    /// # Errors
    /// An error that names the file.
    pub fn finish(mut self) -> io::Result<Vec<(PathBuf, u64)>> {
        let mut streams: Vec<_> = self.files.keys().cloned().collect();
        streams.sort();
        for stream in streams {
            self.end(&stream)?;
        }
        Ok(self.finished)
    }
}

/// Remembers a finished recording, and forgets the oldest if there are too many: a daemon may record for
/// months.
fn remember(finished: &mut Vec<(PathBuf, u64)>, path: PathBuf, samples: u64) {
    if finished.len() >= MAX_FINISHED {
        finished.remove(0);
    }
    finished.push((path, samples));
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::recordings;
    use crate::recordings::reader::RecordingReader;
    use crate::signal::{Arrival, Channel, Samples, Time};

    fn options(folder: &Path, channels: &[&str]) -> RecorderOptions {
        RecorderOptions {
            folder: folder.into(),
            label: "gravel".into(),
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
        let mut first = batch(&[5.0, 5.1, 5.1, 5.05, 7.000_000_001]);
        recorder.push(&mut first, &mut drops).unwrap();
        recorder.push(&mut batch(&[0.5, 0.6]), &mut drops).unwrap();
        assert_eq!(drops.to_string(), "1 duplicate, 1 late");
        let written = recorder.finish().unwrap();
        assert_eq!(
            written.iter().map(|(_, samples)| *samples).collect::<Vec<_>>(),
            [3, 2],
            "each run of the clock has its own file"
        );

        let found = recordings::find(&[folder.path().into()], None).unwrap();
        assert_eq!(found.len(), 2);
        let recording = found.iter().find(|recording| recording.path == written[0].0).unwrap();
        let mut samples = Samples::new(2);
        let mut reader = RecordingReader::open(recording, Some(&channels)).unwrap();
        while reader.next_batch(&mut samples).unwrap() {}
        assert_eq!(samples.times().last().unwrap().nanos(), 7_000_000_001);
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
        recorder.push(&mut batch(&[-0.5, 5.25]), &mut Drops::default()).unwrap();
        let written = recorder.finish().unwrap();
        let text = std::fs::read_to_string(&written[0].0).unwrap();
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
        recorder.push(&mut batch(&[1.0, 2.0]), &mut Drops::default()).unwrap();
        recorder.abandon();
        assert_eq!(std::fs::read_dir(folder.path().join("gravel")).unwrap().count(), 0);
        recorder.push(&mut batch(&[3.0]), &mut Drops::default()).unwrap();
        assert_eq!(recorder.finish().unwrap().len(), 1);
    }
}
