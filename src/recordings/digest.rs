//! The digests of recordings, which a model card carries: one of all data, and a short one of each recording.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::error::RecordingError;
use super::layout::LabelFrom;
use super::recording::Recording;
use crate::model::card::Card;
use crate::model::card_text::printable;

/// The length of the digest of one recording, in hexadecimal digits.
const SHORT: usize = 16;
/// The maximum number of recordings whose digests a card carries. They take 300 KB.
pub(crate) const MAX_DIGESTS: usize = 16_384;

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
        let mut files = recording.files()?;
        if recording.layout.label.from == LabelFrom::Intervals {
            files.push(recording.labels_path());
        }
        hasher.update(recording.name.as_bytes());
        for file in files {
            hash_file(&file, &mut hasher, &mut buffer).map_err(failed)?;
        }
    }
    Ok(hexadecimal(&hasher.finalize()))
}

/// The short digests of recordings for a model card: the start of the SHA-256 of the bytes of each file, whatever
/// its name is. Of more than 16,384 recordings, only the first ones have a digest.
///
/// # Errors
/// [`RecordingError::Read`] if a file cannot be read.
pub fn short_digests<'a>(
    recordings: impl IntoIterator<Item = &'a Recording>,
) -> Result<Vec<String>, RecordingError> {
    recordings.into_iter().take(MAX_DIGESTS).map(short_digest).collect()
}

/// The start of the SHA-256 digest of some bytes, as long as a short digest of a recording.
pub(crate) fn short_digest_of(bytes: &[u8]) -> String {
    short(&Sha256::digest(bytes))
}

/// The start of a digest, in hexadecimal.
fn short(digest: &[u8]) -> String {
    hexadecimal(digest).chars().take(SHORT).collect()
}

fn short_digest(recording: &Recording) -> Result<String, RecordingError> {
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 64 * 1024]);
    let failed = RecordingError::reading(&recording.path);
    for file in recording.files()? {
        hash_file(&file, &mut hasher, &mut buffer).map_err(failed)?;
    }
    Ok(short(&hasher.finalize()))
}

/// A warning that a model was trained on some of these recordings, so that scores on them are too high. `None` if
/// it was trained on none of them, or its card does not say on which.
///
/// # Errors
/// [`RecordingError::Read`] if a file cannot be read.
pub fn trained_on_warning(recordings: &[Recording], card: &Card) -> Result<Option<String>, RecordingError> {
    let known = card.training.as_ref().map(|training| training.recording_digests.as_slice());
    let known: BTreeSet<&str> = known.unwrap_or_default().iter().map(String::as_str).collect();
    if known.is_empty() {
        return Ok(None);
    }
    let (mut count, mut first) = (0, None);
    for recording in recordings {
        if known.contains(short_digest(recording)?.as_str()) {
            count += 1;
            first = first.or(Some(recording));
        }
    }
    Ok(first.map(|first| {
        format!(
            "the model was trained on {count} of these {} recordings, first {}, so these scores are higher than \
             those on new drives; score it on drives that it was not trained on",
            recordings.len(),
            printable(&first.path.display().to_string())
        )
    }))
}

/// Adds the bytes of a file to a hash.
fn hash_file(path: &Path, hasher: &mut Sha256, buffer: &mut [u8]) -> std::io::Result<()> {
    let mut file = std::fs::File::open(path)?;
    loop {
        let read = file.read(buffer)?;
        if read == 0 {
            return Ok(());
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::card::TrainingSummary;
    use crate::recordings::{find, tests::folder};

    #[test]
    fn recordings_that_a_model_was_trained_on_are_recognised_by_their_bytes() {
        let trained =
            folder(&[("wood/b.csv", "t,current\n0,1\n0.1,2\n"), ("tile/a.csv", "t,current\n0,3\n")]);
        let digests = short_digests(&find(&[trained.path().into()], None).unwrap()).unwrap();
        assert!(digests.len() == 2 && digests.iter().all(|digest| digest.len() == SHORT), "{digests:?}");
        let scored = folder(&[("x/new.csv", "t,current\n0,9\n"), ("x/renamed.csv", "t,current\n0,3\n")]);
        let scored = find(&[scored.path().into()], None).unwrap();
        let mut card = Card::of_test(10, 1, &["tile", "wood"]);
        assert_eq!(trained_on_warning(&scored, &card).unwrap(), None);
        let training = TrainingSummary { recording_digests: digests, ..TrainingSummary::default() };
        card.training = Some(training);
        let warning = trained_on_warning(&scored, &card).unwrap().unwrap();
        assert!(
            warning.starts_with("the model was trained on 1 of these 2 recordings, first /"),
            "{warning}"
        );
        assert!(warning.contains("x/renamed.csv, so these scores are higher"), "{warning}");
        assert_eq!(trained_on_warning(&scored[..1], &card).unwrap(), None);
    }
}
