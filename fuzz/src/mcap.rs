//! An MCAP recording, as a stranger's robot may have written it: definitions of messages, CDR and JSON.

use super::recording::{read, write};

/// What is read of the recording: one topic, or two that are joined, with labels on a third one.
const DATASETS: [&str; 2] = [
    "[mcap]\ntopic = '/joint_states'\n[[channel]]\nfield = 'effort[left]'\n[[channel]]\nfield = 'position[0]'\n",
    "[label]\nfrom = 'topic'\ntopic = '/note'\n[[channel]]\ntopic = '/joint_states'\nfield = 'effort[left]'\n\
     [[channel]]\ntopic = '/motors'\nfield = 'currents[0]'\n",
];

/// The recording is read to its end, or refused; no more samples come out than bytes went in.
pub fn mcap(data: &[u8]) {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no folder for the recording: {error}"));
    write(&folder.path().join("drive.mcap"), data);
    for dataset in DATASETS {
        write(&folder.path().join("dataset.toml"), dataset.as_bytes());
        read(folder.path(), data.len(), |reader, _| drop(reader.labels()));
    }
}
