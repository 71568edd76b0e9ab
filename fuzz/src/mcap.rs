//! An MCAP recording, as a stranger's robot may have written it: definitions of messages, CDR and JSON.

use super::recording::{read, write};

/// What is read of the recording.
const DATASET: &str = "[mcap]\ntopic = '/joint_states'\n[[channel]]\nfield = 'effort[left]'\n[[channel]]\nfield = 'position[0]'\n";

/// The recording is read to its end, or refused; no more samples come out than bytes went in.
pub fn mcap(data: &[u8]) {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no folder for the recording: {error}"));
    write(&folder.path().join("dataset.toml"), DATASET.as_bytes());
    write(&folder.path().join("drive.mcap"), data);
    read(folder.path(), data.len(), |_, _| {});
}
