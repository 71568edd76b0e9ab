//! rosbag2 recordings: folders with the parts of one drive.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::RecordingError;

/// The file that describes the recording in its folder.
const METADATA: &str = "metadata.yaml";
/// What this file begins with.
const CONTENT: &[u8] = b"rosbag2_bagfile_information";
/// The number of its bytes that are looked at.
const LOOKED_AT: u64 = 4096;

/// Whether a path is that of an MCAP file, by its name.
pub(super) fn is_mcap(path: &Path) -> bool {
    has_extension(path, "mcap")
}

/// Whether a path is that of a rosbag2 file in SQLite, by its name.
pub(super) fn is_sqlite(path: &Path) -> bool {
    has_extension(path, "db3")
}

/// Whether a folder is a rosbag2 recording: another program may have a file of the same name.
pub(super) fn is_bag(folder: &Path) -> bool {
    let mut start = Vec::new();
    let read =
        File::open(folder.join(METADATA)).and_then(|file| file.take(LOOKED_AT).read_to_end(&mut start));
    read.is_ok() && start.windows(CONTENT.len()).any(|bytes| bytes == CONTENT)
}

/// The files of a rosbag2 recording, in the order in which they were written.
///
/// # Errors
/// [`RecordingError`] if the folder cannot be read, or its files are no MCAP files.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, RecordingError> {
    let failed = RecordingError::reading(folder);
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    let (mut files, others): (Vec<_>, Vec<_>) =
        paths.map_err(failed)?.into_iter().partition(|path| is_mcap(path));
    if let Some(path) = others.iter().find(|path| is_sqlite(path)).filter(|_| files.is_empty()) {
        return Err(sqlite(folder, path));
    }
    if files.is_empty() {
        let why = "it is the folder of a rosbag2 recording, but has no .mcap file; copy the folder again";
        return Err(RecordingError::form(folder, why));
    }
    files.sort_by_cached_key(|path| (part(path), path.clone()));
    Ok(files)
}

/// That a file in SQLite is not read, and how it is converted.
pub(super) fn sqlite(path: &Path, file: &Path) -> RecordingError {
    let bag = file.parent().filter(|folder| is_bag(folder)).unwrap_or(file).display();
    let why = format!(
        "rosbag2 files in SQLite (.db3) are not read; `pip install rosbags` brings the command that converts them: \
         `rosbags-convert --src \"{bag}\" --dst \"{bag}-mcap\" --dst-storage mcap`"
    );
    RecordingError::form(path, &why)
}

/// The number of a part: rosbag2 calls the parts of a recording `NAME_0.mcap`, `NAME_1.mcap` and so on.
fn part(path: &Path) -> u64 {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    stem.rsplit('_').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}
