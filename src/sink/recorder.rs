//! Samples as recordings that the trainer reads as they are.

use std::collections::HashMap;
use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use crate::channel::Channel;
use crate::clock::{Clock, Placed};
use crate::csv::RowWriter;
use crate::drops::{Drops, Reason};
use crate::health::Health;
use crate::sample::{StreamId, Time};
use crate::shutdown::ends_within;
use crate::source::{Block, Event};
use crate::stamp::Stamper;

/// The most that a crash loses.
const FLUSH: Duration = Duration::from_secs(1);
/// Blocks that may wait for the disk.
const BLOCKS: usize = 1024;
/// A longer break between two samples begins a new stretch of the clock; it stays one recording.
const MAX_GAP: i64 = 1_000_000_000;

/// Files that are told of at the end.
const REMEMBERED: usize = 1000;
/// After a fault the daemon tries to record again after this long.
const PAUSE: Duration = Duration::from_secs(10);

/// What becomes of a fault of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFault {
    /// Recording is all there is to do: it ends.
    End,
    /// The daemon serves on, and records again when it can.
    Pause,
}

/// Where recordings go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecorderOptions {
    /// The folder of recordings.
    pub folder: PathBuf,
    /// The surface: the name of the folder below it.
    pub label: String,
    /// The channels, a column each.
    pub channels: Vec<Channel>,
    /// Files open at once.
    pub streams: usize,
    /// A stream without samples for this long has its file closed.
    pub idle: Duration,
}

/// Writes each stream's samples to a file of its own; a new one when the device's clock starts again.
#[derive(Debug)]
pub struct Recorder {
    options: RecorderOptions,
    folder: PathBuf,
    files: HashMap<StreamId, Open>,
    written: Vec<(PathBuf, u64)>,
}

#[derive(Debug)]
struct Open {
    out: BufWriter<File>,
    row: RowWriter,
    path: PathBuf,
    clock: Clock,
    stamper: Stamper,
    samples: u64,
    /// Those of them that are on the disk.
    kept: u64,
    dirty: bool,
    used: Instant,
}

impl Recorder {
    /// Makes the folder.
    ///
    /// # Errors
    /// What the system said, with the folder.
    pub fn new(options: RecorderOptions) -> io::Result<Self> {
        let folder = options.folder.join(&options.label);
        std::fs::create_dir_all(&folder).map_err(|error| {
            io::Error::new(error.kind(), format!("the folder {folder:?} cannot be made: {error}"))
        })?;
        Ok(Self { options, folder, files: HashMap::new(), written: Vec::new() })
    }

    /// Writes a block's samples. Times that stand still or go back a little are left out and counted.
    ///
    /// # Errors
    /// What the system said, with the file.
    pub fn push(&mut self, block: &mut Block, drops: &mut Drops) -> io::Result<()> {
        if block.samples.is_empty() {
            return Ok(());
        }
        if !self.files.contains_key(&block.stream) {
            if self.files.len() >= self.options.streams {
                drops.add_many(Reason::StreamLimit, block.samples.len() as u64, || {
                    format!(
                        "stream \"{}\" is one more than limits.streams = {}",
                        block.stream, self.options.streams
                    )
                });
                return Ok(());
            }
            let open = Open::create(&self.folder, &block.stream, &self.options.channels, Stamper::default())?;
            self.files.insert(block.stream.clone(), open);
        }
        let Some(open) = self.files.get_mut(&block.stream) else { return Ok(()) };
        open.used = Instant::now();
        open.stamper.stamp(&mut block.samples, block.arrived.time, block.rate);
        for (raw, row) in block.samples.iter() {
            let time = match open.clock.place(raw) {
                Placed::Next(time) | Placed::AfterGap(time) => time,
                Placed::AfterRestart(time) => {
                    let stamper = open.stamper.clone();
                    let next = Open::create(&self.folder, &block.stream, &self.options.channels, stamper)?;
                    let mut done = std::mem::replace(open, next);
                    done.sync()?;
                    told(&mut self.written, done.path, done.samples);
                    open.clock.place(raw);
                    time
                }
                Placed::Duplicate => {
                    drops.add(Reason::Duplicate, || format!("a second sample at {} s", raw.seconds()));
                    continue;
                }
                Placed::Late => {
                    drops.add(Reason::Late, || {
                        format!("the sample at {} s came after a newer one", raw.seconds())
                    });
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
    /// What the system said, with the file.
    pub fn end(&mut self, stream: &StreamId) -> io::Result<()> {
        if let Some(mut open) = self.files.remove(stream) {
            open.sync()?;
            told(&mut self.written, open.path, open.samples);
        }
        Ok(())
    }

    /// Brings to the disk what was written, and closes the files of streams that are idle.
    ///
    /// # Errors
    /// What the system said, with the file.
    pub fn sync(&mut self) -> io::Result<()> {
        let idle = self.options.idle;
        let over = self.files.iter().filter(|(_, open)| open.used.elapsed() >= idle);
        for stream in over.map(|(stream, _)| stream.clone()).collect::<Vec<_>>() {
            self.end(&stream)?;
        }
        self.files.values_mut().try_for_each(Open::sync)
    }

    /// Lets go of every file, after a fault; what is recorded next begins new ones. One that nothing reached is removed: a disk
    /// that stays full would gather them. Gives how many samples may not be on the disk.
    fn abandon(&mut self) -> u64 {
        let mut lost = 0;
        for (_, Open { out, path, samples, kept, .. }) in self.files.drain() {
            lost += samples - kept;
            // What is still buffered finds no room; it must not be tried again on the way out.
            let (file, _) = out.into_parts();
            if file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
                let _ = std::fs::remove_file(&path);
            } else {
                told(&mut self.written, path, kept);
            }
        }
        lost
    }

    /// Closes every file and gives them with their samples.
    ///
    /// # Errors
    /// What the system said, with the file.
    pub fn finish(mut self) -> io::Result<Vec<(PathBuf, u64)>> {
        let mut streams: Vec<_> = self.files.keys().cloned().collect();
        streams.sort();
        for stream in streams {
            self.end(&stream)?;
        }
        Ok(self.written)
    }
}

/// Remembers a file that is done; a daemon that records for months remembers the last of them.
fn told(written: &mut Vec<(PathBuf, u64)>, path: PathBuf, samples: u64) {
    if written.len() >= REMEMBERED {
        written.remove(0);
    }
    written.push((path, samples));
}

impl Open {
    fn create(folder: &Path, stream: &StreamId, channels: &[Channel], stamper: Stamper) -> io::Result<Self> {
        let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string().replace([':', '-'], "");
        let names = (1u32..10_000).map(|number| match number {
            1 => format!("{stream}-{now}.csv"),
            _ => format!("{stream}-{now}-{number}.csv"),
        });
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        for path in names.map(|name| folder.join(name)) {
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    let mut out = BufWriter::new(file);
                    let mut row = RowWriter::default();
                    row.field("t");
                    for channel in channels {
                        row.field(&channel.name);
                    }
                    out.write_all(row.end()).map_err(|error| named(&path, &error))?;
                    let clock = Clock::new(MAX_GAP);
                    return Ok(Self {
                        out,
                        row,
                        path,
                        clock,
                        stamper,
                        samples: 0,
                        kept: 0,
                        dirty: true,
                        used: Instant::now(),
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
                Err(error) => return Err(named(&path, &error)),
            }
        }
        Err(named(folder, &last))
    }

    fn write(&mut self, time: Time, row: &[f32]) -> io::Result<()> {
        let nanos = time.nanos();
        let sign = if nanos < 0 { "-" } else { "" };
        let nanos = nanos.unsigned_abs();
        self.row.field(format_args!("{sign}{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000));
        for value in row {
            // An empty field is a missing value.
            let value: &dyn Display = if value.is_finite() { value } else { &"" };
            self.row.field(value);
        }
        self.samples += 1;
        self.dirty = true;
        self.out.write_all(self.row.end()).map_err(|error| named(&self.path, &error))
    }

    fn sync(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.dirty) {
            return Ok(());
        }
        let done = self.out.flush().and_then(|()| self.out.get_ref().sync_data());
        done.map_err(|error| named(&self.path, &error))?;
        if self.kept == 0 && self.samples > 0 {
            tracing::info!(recording = %self.path.display(), "recording");
        }
        self.kept = self.samples;
        Ok(())
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("the recording {path:?} cannot be written: {error}"))
}

/// The recorder on a thread of its own: a slow disk holds up nothing else.
#[derive(Debug)]
pub struct Recording {
    sender: SyncSender<Event>,
    thread: JoinHandle<io::Result<Vec<(PathBuf, u64)>>>,
}

impl Recording {
    /// Starts the thread.
    pub fn start(recorder: Recorder, on_fault: OnFault, health: Arc<Health>) -> Self {
        let (sender, receiver) = sync_channel(BLOCKS);
        let thread = std::thread::spawn(move || record(recorder, on_fault, &receiver, &health));
        Self { sender, thread }
    }

    /// Hands on what a source told; what the disk is too slow for, or fails at, is counted.
    pub fn take(&self, event: &Event, drops: &mut Drops) {
        if self.sender.try_send(event.clone()).is_err()
            && let Event::Samples(block) = event
        {
            drops.add_many(Reason::NotRecorded, block.samples.len() as u64, || {
                "samples are not recorded: the disk is too slow, full or failing".into()
            });
        }
    }

    /// Whether writing has failed.
    pub fn failed(&self) -> bool {
        self.thread.is_finished()
    }

    /// Closes every file and gives them with their samples, within `patience`.
    ///
    /// # Errors
    /// What the system said, with the file, or [`io::ErrorKind::TimedOut`].
    pub fn finish(self, patience: Duration) -> io::Result<Vec<(PathBuf, u64)>> {
        drop(self.sender);
        if !ends_within(&self.thread, patience) {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the disk was too slow for the last samples",
            ));
        }
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the recorder stopped by itself")))
    }
}

fn record(
    mut recorder: Recorder,
    on_fault: OnFault,
    events: &Receiver<Event>,
    health: &Health,
) -> io::Result<Vec<(PathBuf, u64)>> {
    let mut drops = Drops::default();
    let mut flushed = Instant::now();
    let mut paused: Option<Instant> = None;
    // A fault is told once, until samples reach the disk again.
    let mut failing = false;
    loop {
        let event = events.recv_timeout(FLUSH.saturating_sub(flushed.elapsed()));
        paused = paused.filter(|since| since.elapsed() < PAUSE);
        let mut done = match event {
            Ok(Event::Samples(block)) if paused.is_some() => {
                let count = block.samples.len() as u64;
                drops.add_many(Reason::NotRecorded, count, || {
                    "samples are not recorded after a fault of the disk".into()
                });
                Ok(())
            }
            Ok(Event::Samples(mut block)) => recorder.push(&mut block, &mut drops),
            Ok(Event::End(stream)) => recorder.end(&stream),
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
                    "{error}; predictions go on, and recording is tried again every {again}: make room, or mend the disk"
                );
            }
            let lost = recorder.abandon();
            drops.add_many(Reason::NotRecorded, lost, String::new);
            (failing, paused) = (true, Some(Instant::now()));
        }
        if failing {
            // What is left out now was told of.
            health.count(&mut drops);
        } else {
            health.dropped("recorder", &mut drops);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recordings::{self, read::Reader};
    use crate::sample::Samples;
    use crate::source::Arrived;

    fn block(times: &[f64]) -> Block {
        let mut samples = Samples::new(2);
        for (index, time) in times.iter().enumerate() {
            samples.push(Time::from_seconds(*time).unwrap(), [0.1 + index as f32, f32::NAN]);
        }
        Block { stream: StreamId::new("rover").unwrap(), samples, arrived: Arrived::now(), rate: None }
    }

    #[test]
    fn what_is_recorded_is_read_back_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        let channels = vec![Channel::in_ampere("left"), Channel::in_ampere("right")];
        let options = RecorderOptions {
            folder: folder.path().into(),
            label: "gravel".into(),
            channels: channels.clone(),
            streams: 9,
            idle: Duration::MAX,
        };
        let mut recorder = Recorder::new(options).unwrap();
        let mut drops = Drops::default();
        let mut first = block(&[5.0, 5.1, 5.1, 5.05, 7.000_000_001]);
        recorder.push(&mut first, &mut drops).unwrap();
        recorder.push(&mut block(&[0.5, 0.6]), &mut drops).unwrap();
        assert_eq!(drops.to_string(), "1 duplicate, 1 late");
        let written = recorder.finish().unwrap();
        assert_eq!(written.iter().map(|(_, samples)| *samples).collect::<Vec<_>>(), [3, 2], "a file a clock");

        let found = recordings::find(&[folder.path().into()], None).unwrap();
        assert_eq!(found.len(), 2);
        let recording = found.iter().find(|recording| recording.path == written[0].0).unwrap();
        let mut samples = Samples::new(2);
        let mut reader = Reader::open(recording, Some(&channels)).unwrap();
        while reader.next_block(&mut samples).unwrap() {}
        assert_eq!(samples.times().last().unwrap().nanos(), 7_000_000_001);
        assert_eq!(samples.values()[0].to_bits(), 0.1f32.to_bits());
        assert!(samples.values()[1].is_nan());
        assert_eq!(reader.labels().unwrap().at(samples.times()[0]), Some("gravel"));
    }

    #[test]
    fn a_channel_may_have_a_name_with_a_comma() {
        let folder = tempfile::tempdir().unwrap();
        let channels = vec![Channel::in_ampere("left, front"), Channel::in_ampere("\"right\"")];
        let options = RecorderOptions {
            folder: folder.path().into(),
            label: "gravel".into(),
            channels: channels.clone(),
            streams: 9,
            idle: Duration::MAX,
        };
        let mut recorder = Recorder::new(options).unwrap();
        recorder.push(&mut block(&[-0.5, 5.25]), &mut Drops::default()).unwrap();
        let written = recorder.finish().unwrap();
        let text = std::fs::read_to_string(&written[0].0).unwrap();
        let header = "t,\"left, front\",\"\"\"right\"\"\"\n";
        assert_eq!(text, format!("{header}-0.500000000,0.1,\n5.250000000,1.1,\n"));
        let recordings = recordings::find(&[folder.path().into()], None).unwrap();
        let mut samples = Samples::new(2);
        let mut reader = Reader::open(&recordings[0], Some(&channels)).unwrap();
        while reader.next_block(&mut samples).unwrap() {}
        assert_eq!(samples.values()[2], 1.1);
    }

    #[test]
    fn after_a_fault_nothing_empty_is_left_and_recording_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let channels = vec![Channel::in_ampere("left"), Channel::in_ampere("right")];
        let options = RecorderOptions {
            folder: folder.path().into(),
            label: "gravel".into(),
            channels,
            streams: 9,
            idle: Duration::MAX,
        };
        let mut recorder = Recorder::new(options).unwrap();
        recorder.push(&mut block(&[1.0, 2.0]), &mut Drops::default()).unwrap();
        recorder.abandon();
        assert_eq!(std::fs::read_dir(folder.path().join("gravel")).unwrap().count(), 0);
        recorder.push(&mut block(&[3.0]), &mut Drops::default()).unwrap();
        assert_eq!(recorder.finish().unwrap().len(), 1);
    }
}
