//! One recording: the file, its name, and the layout that says how to read it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::layout::Layout;
use super::start_time;
use crate::signal::{StreamId, Time};

/// One file with the samples of one drive.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The path of the file.
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

/// The path of a recording without `.csv` or `.csv.gz`.
pub(super) fn bare(path: &Path) -> PathBuf {
    let is_gzip = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    let path = if is_gzip { path.with_extension("") } else { path.to_owned() };
    path.with_extension("")
}
