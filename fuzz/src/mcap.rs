//! An MCAP recording, as a stranger's robot may have written it: definitions of messages, CDR and JSON.

use underfoot::recordings::{self, reader::RecordingReader};

/// What is read of the recording.
const DATASET: &str = "[mcap]\ntopic = '/joint_states'\n[[channel]]\nfield = 'effort[left]'\n[[channel]]\nfield = 'position[0]'\n";

/// The recording is read to its end, or refused; no more samples come out than bytes went in.
pub fn mcap(data: &[u8]) {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no folder for the recording: {error}"));
    for (name, bytes) in [("dataset.toml", DATASET.as_bytes()), ("drive.mcap", data)] {
        std::fs::write(folder.path().join(name), bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let Ok(found) = recordings::find(&[folder.path().to_owned()], None) else { return };
    for recording in &found {
        let Ok(mut reader) = RecordingReader::open(recording, None) else { continue };
        let mut samples = reader.samples();
        while let Ok(true) = reader.next_batch(&mut samples) {}
        assert_eq!(samples.values().len(), samples.len() * samples.channels());
        assert!(samples.len() <= data.len(), "a sample takes a byte or more");
    }
}
