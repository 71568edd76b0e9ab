//! One recording: the file, its name, and the layout that says how to read it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bag;
use super::error::RecordingError;
use super::labels::Labels;
use super::layout::Layout;
use super::start_time;
use crate::signal::{StreamId, Time, UNLABELLED};

/// One file with the samples of one drive, or the folder of a rosbag2 recording.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The path of the file or folder.
    pub path: PathBuf,
    /// The path of the file relative to the folder that was given, without the extension, such as
    /// `gravel/drive03`. It is the name of the file without the extension if the file itself was given.
    pub name: String,
    /// How to read the file.
    pub layout: Arc<Layout>,
    /// The name of the folder that names the surface, if folders do; `None` if there is none.
    pub label_folder: Option<String>,
    /// The name of the folder that names the session; `None` if no folder does.
    pub session_folder: Option<String>,
}

impl Recording {
    /// The name of the folder that contains the file, which may be the label or the group.
    ///
    /// `None` if the file no longer exists or is in the root folder.
    pub fn folder(&self) -> Option<String> {
        let path = self.path.canonicalize().ok()?;
        Some(path.parent()?.file_name()?.to_string_lossy().into_owned())
    }

    /// The names of the folder above the one that contains the file, and of that one. `None` if the file no longer
    /// exists, or is not that far below the root folder.
    pub(super) fn two_folders(&self) -> Option<[String; 2]> {
        let path = self.path.canonicalize().ok()?;
        let inner = path.parent()?;
        let name = |folder: &Path| Some(folder.file_name()?.to_string_lossy().into_owned());
        Some([name(inner.parent()?)?, name(inner)?])
    }

    /// Whether it is an MCAP file, or the folder of a rosbag2 recording.
    pub(crate) fn is_mcap(&self) -> bool {
        bag::is_mcap(&self.path) || self.path.is_dir()
    }

    /// The files of the recording: one, or the parts of a rosbag2 recording in their order.
    ///
    /// # Errors
    /// [`RecordingError`] if the folder cannot be read, or its files are no MCAP files.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>, RecordingError> {
        if self.path.is_dir() { bag::files(&self.path) } else { Ok(vec![self.path.clone()]) }
    }

    /// The surface that its folder names, over all of its time.
    pub(super) fn folder_labels(&self) -> Labels {
        let folder = self.label_folder.as_deref().filter(|folder| *folder != UNLABELLED);
        folder.map(Labels::constant).unwrap_or_default()
    }

    /// That this program cannot read it.
    #[cfg(not(feature = "mcap"))]
    pub(super) fn no_mcap(&self) -> RecordingError {
        let why = "this program was built without the feature \"mcap\"; build it with `make build`".into();
        RecordingError::Form { path: self.path.clone(), why }
    }

    /// The path of the file with the intervals of its labels, `NAME.labels.csv` beside `NAME.csv` or `NAME.csv.gz`.
    pub(super) fn labels_path(&self) -> PathBuf {
        bare(&self.path).with_extension("labels.csv")
    }

    /// When the recording was started, if its first sample has a time of the calendar or its name says so. `first` is
    /// the time of its first sample.
    pub fn start(&self, first: Option<Time>) -> Option<Time> {
        let own = first.filter(|first| start_time::is_of_the_calendar(*first));
        own.or_else(|| start_time::of_name(&self.name))
    }

    /// The recording's name, made into the name of a stream.
    pub fn stream(&self) -> StreamId {
        StreamId::from_text(&self.name)
    }
}

/// The path of a recording without `.csv`, `.csv.gz` or `.mcap`.
pub(super) fn bare(path: &Path) -> PathBuf {
    // The folder of a bag may have dots in its name.
    if path.is_dir() {
        return path.to_owned();
    }
    let is_gzip = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    let path = if is_gzip { path.with_extension("") } else { path.to_owned() };
    path.with_extension("")
}
