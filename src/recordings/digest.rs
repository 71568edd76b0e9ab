//! The digest of recordings, which a model card carries.

use std::io::Read;

use sha2::{Digest, Sha256};

use super::error::RecordingError;
use super::layout::LabelFrom;
use super::recording::Recording;

/// The SHA-256 digest of the names and bytes of recordings and their label files, in hexadecimal.
///
/// It identifies the data that a model was trained on.
///
/// # Errors
/// [`RecordingError::Read`] if a file cannot be read.
pub fn digest(recordings: &[Recording]) -> Result<String, RecordingError> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    for recording in recordings {
        let path = &recording.path;
        let failed = RecordingError::reading(path);
        let mut files = vec![path.clone()];
        if recording.layout.label.from == LabelFrom::Intervals {
            files.push(path.with_extension("labels.csv"));
        }
        hasher.update(recording.name.as_bytes());
        for file in files {
            let mut file = std::fs::File::open(file).map_err(failed)?;
            loop {
                let read = file.read(&mut buffer).map_err(failed)?;
                if read == 0 {
                    break;
                }
                hasher.update(buffer.get(..read).unwrap_or_default());
            }
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
