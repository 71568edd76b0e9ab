//! How recordings are named in warnings.

use crate::train::data::cut::LoadedRecording;

/// The files of at most three recordings, and how many more there are.
pub(super) fn files<'a>(recordings: impl Iterator<Item = &'a LoadedRecording>) -> String {
    let files: Vec<&str> = recordings.map(|recording| recording.drops.file.as_str()).collect();
    match files.as_slice() {
        [one, two, three, _] => format!("{one}, {two}, {three} and 1 more recording"),
        [one, two, three, _, _, ..] => {
            format!("{one}, {two}, {three} and {} more recordings", files.len() - 3)
        }
        files => files.join(", "),
    }
}
