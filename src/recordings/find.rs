//! Finds the recordings in files and folders.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bag;
use super::error::RecordingError;
use super::folders;
use super::layout::Layout;
use super::recording::{Recording, bare};

/// The maximum number of recordings that one command reads.
const MAX_RECORDINGS: usize = 100_000;

/// Finds recordings. Each path is a file, or a folder in which every `.csv` file, also compressed as `.csv.gz`, every `.mcap` file
/// and every folder of a rosbag2 recording is a recording, also in subfolders.
///
/// The recordings of a folder are in the order of their names. Files and folders whose names start with a dot, and files of labels
/// (`.labels.csv`), are ignored; so is a path of the labels of a recording that another path names. `dataset` is the path of a
/// `dataset.toml` that is used instead of the one in or above each path.
///
/// # Errors
/// [`RecordingError`] if a path does not exist, a folder contains no recordings or too many, or a
/// `dataset.toml` is not valid.
pub fn find(paths: &[PathBuf], dataset: Option<&Path>) -> Result<Vec<Recording>, RecordingError> {
    let mut recordings = Vec::new();
    let given = dataset.map(|path| Layout::read(path).map(Arc::new)).transpose()?;
    for path in paths {
        let absolute = path.canonicalize().map_err(RecordingError::reading(path))?;
        let folder =
            if absolute.is_dir() { absolute.as_path() } else { absolute.parent().unwrap_or(&absolute) };
        let layout = match (&given, Layout::find(folder)) {
            (Some(given), _) => given.clone(),
            (None, Some(file)) => Arc::new(Layout::read(&file)?),
            (None, None) => Arc::new(Layout::default()),
        };
        let mut files = Vec::new();
        if bag::is_sqlite(&absolute) {
            return Err(bag::sqlite(path, &absolute));
        }
        if absolute.is_dir() && !bag::is_bag(&absolute) {
            collect_files(path, &mut files)?;
            if files.is_empty() {
                return Err(RecordingError::NoRecordings { path: path.clone() });
            }
        } else {
            files.push(path.clone());
        }
        for file in files {
            let name = if file == *path {
                bare(&file).file_name().unwrap_or_default().to_string_lossy().into_owned()
            } else {
                bare(file.strip_prefix(path).unwrap_or(&file)).to_string_lossy().into_owned()
            };
            let (label_folder, session_folder) = (None, None);
            recordings.push(Recording {
                path: file,
                name,
                layout: layout.clone(),
                label_folder,
                session_folder,
            });
        }
        if recordings.len() > MAX_RECORDINGS {
            return Err(RecordingError::TooMany { path: path.clone(), limit: MAX_RECORDINGS });
        }
    }
    // A pattern such as `drives/*.csv` names the files of labels, too.
    let labels = recordings.iter().map(|recording| (recording.labels_path(), &recording.path));
    let labels: HashSet<_> =
        labels.filter(|(labels, path)| labels != *path).map(|(labels, _)| labels).collect();
    recordings.retain(|recording| !labels.contains(&recording.path));
    folders::assign(&mut recordings);
    Ok(recordings)
}

/// Adds the recordings in a folder and its subfolders, in the order of their names.
fn collect_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), RecordingError> {
    let failed = RecordingError::reading(folder);
    let entries =
        std::fs::read_dir(folder).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        if name.starts_with('.') {
            continue;
        }
        // Links to folders are ignored, because they could form a circle. Links to files are read like files.
        if path.is_dir() && bag::is_bag(&path) {
            files.push(path);
        } else if path.is_dir() && !path.is_symlink() {
            collect_files(&path, files)?;
        } else if path.is_file() && is_recording(&name) {
            files.push(path);
        }
        if files.len() > MAX_RECORDINGS {
            return Err(RecordingError::TooMany { path: folder.into(), limit: MAX_RECORDINGS });
        }
    }
    Ok(())
}

/// Whether a file of a folder is a recording, by its name in small letters.
fn is_recording(name: &str) -> bool {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    name.ends_with(".mcap") || name.ends_with(".csv") && !name.ends_with(".labels.csv")
}
