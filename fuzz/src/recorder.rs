//! The recorder: samples with any times, written to files that the reader of recordings understands.

use std::time::{Duration, Instant};

use underfoot::recordings::{self, RecordingFormat, reader::RecordingReader};
use underfoot::signal::{Arrival, Channel, Columns, Drops, SampleBatch, Samples, StreamId, Time};
use underfoot::sink::recorder::{Recorder, RecorderOptions, Unlabelled};

use super::{readings, split_first};

/// The most files that an input may make, so that a run of many inputs stays fast.
const MAX_READINGS: usize = 64;
/// The latest time in nanoseconds, 73 years from zero: the reader takes no times at the ends of their range.
const MAX_TIME: i64 = i64::MAX / 4;
/// The shortest step in nanoseconds: a recording is read in seconds as `f64`, which have no nanoseconds in these years.
const MIN_STEP: i64 = 1000;

/// What was recorded is read again, sample for sample, whatever the names of the streams and of the channel.
pub fn recorder(data: &[u8]) {
    let (choice, data) = split_first(data);
    let ((first, second, channel), data) =
        if choice & 8 == 0 { (("one".into(), "two".into(), "current".into()), data) } else { names(data) };
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no folder for recordings: {error}"));
    let channels = vec![Channel::in_ampere(&channel)];
    // A channel that no configuration accepts is never recorded, and the time has a column of its own.
    if Columns::of(&channels).is_err() || channel == "t" {
        return;
    }
    let options = RecorderOptions {
        folder: folder.path().to_owned(),
        format: if choice & 16 == 0 { RecordingFormat::Csv } else { RecordingFormat::Mcap },
        label: "tile".into(),
        unlabelled: Unlabelled::Recorded,
        channels: channels.clone(),
        max_streams: 2,
        idle: Duration::from_secs(60),
    };
    let mut recorder = Recorder::new(options).unwrap_or_else(|error| panic!("{error}"));
    let (mut drops, mut pushed) = (Drops::default(), 0u64);
    let mut last = None::<i64>;
    for (index, (time, value)) in readings(data).take(MAX_READINGS).enumerate() {
        let step = last.map_or(i64::MAX, |last| time.saturating_sub(last).saturating_abs());
        if time.saturating_abs() > MAX_TIME || (1..MIN_STEP).contains(&step) {
            continue;
        }
        last = Some(time);
        let Some(time) = Time::from_nanos(time) else { continue };
        let stream = StreamId::from_text(if choice & 1 == 0 || index % 2 == 0 { &first } else { &second });
        let mut samples = Samples::new(1);
        // A value that is not a number is written as an empty field, which reads as a missing value.
        samples.push(if choice & 2 == 0 { time } else { Time::ARRIVAL }, [value]);
        let mut batch = SampleBatch {
            stream,
            samples,
            arrived: Arrival { instant: Instant::now(), time },
            rate: (choice & 4 != 0).then_some(100.0),
        };
        pushed += 1;
        recorder.push(&mut batch, None, &mut drops).unwrap_or_else(|error| panic!("{error}"));
    }
    let files = recorder.finish(&mut drops).unwrap_or_else(|error| panic!("{error}"));
    let written: u64 = files.iter().map(|file| file.samples).sum();
    assert_eq!(written + drops.total(), pushed, "every sample is written or counted");
    if written == 0 {
        return;
    }
    let found = recordings::find(&[folder.path().to_owned()], None).unwrap_or_else(|error| panic!("{error}"));
    let mut read = 0;
    for recording in &found {
        let mut reader =
            RecordingReader::open(recording, Some(&channels)).unwrap_or_else(|error| panic!("{error}"));
        let mut samples = Samples::new(1);
        while reader.next_batch(&mut samples).unwrap_or_else(|error| panic!("{error}")) {}
        assert!(samples.times().windows(2).all(|pair| pair[0] < pair[1]), "times grow within a recording");
        read += samples.len() as u64;
    }
    assert_eq!(read, written, "what was written is read");
}

/// Two names of streams and one of a channel, which the input starts with: each is a byte with its length, and its bytes.
fn names(data: &[u8]) -> ((String, String, String), &[u8]) {
    let mut rest = data;
    let mut next = || {
        let (length, after) = split_first(rest);
        let (name, after) = after.split_at(usize::from(length % 80).min(after.len()));
        rest = after;
        String::from_utf8_lossy(name).into_owned()
    };
    let names = (next(), next(), next());
    (names, rest)
}
