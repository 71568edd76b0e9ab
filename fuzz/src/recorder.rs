//! The recorder: samples with any times, written to files that the reader of recordings understands.

use std::time::{Duration, Instant};

use underfoot::recordings::{self, reader::RecordingReader};
use underfoot::signal::{Arrival, Channel, Drops, SampleBatch, Samples, StreamId, Time};
use underfoot::sink::recorder::{Recorder, RecorderOptions};

use super::{readings, split_first};

/// The most files that an input may make, so that a run of many inputs stays fast.
const MAX_READINGS: usize = 64;

/// What was recorded is read again, sample for sample.
pub fn recorder(data: &[u8]) {
    let (choice, data) = split_first(data);
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no folder for recordings: {error}"));
    let channels = vec![Channel::in_ampere("current")];
    let options = RecorderOptions {
        folder: folder.path().to_owned(),
        label: "tile".into(),
        channels: channels.clone(),
        max_streams: 2,
        idle: Duration::from_secs(60),
    };
    let mut recorder = Recorder::new(options).unwrap_or_else(|error| panic!("{error}"));
    let (mut drops, mut pushed) = (Drops::default(), 0u64);
    for (index, (time, value)) in readings(data).take(MAX_READINGS).enumerate() {
        let Some(time) = Time::from_nanos(time) else { continue };
        let stream = StreamId::from_text(if choice & 1 == 0 || index % 2 == 0 { "one" } else { "two" });
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
        recorder.push(&mut batch, &mut drops).unwrap_or_else(|error| panic!("{error}"));
    }
    let files = recorder.finish().unwrap_or_else(|error| panic!("{error}"));
    let written: u64 = files.iter().map(|(_, samples)| samples).sum();
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
