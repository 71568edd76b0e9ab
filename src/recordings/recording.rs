//! One recording: the file, its name, and the layout that says how to read it.

use std::path::PathBuf;
use std::sync::Arc;

use super::layout::Layout;
use crate::signal::StreamId;

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
}

impl Recording {
    /// The name of the folder that contains the file, which may be the label or the group.
    ///
    /// `None` if the file no longer exists or is in the root folder.
    pub fn folder(&self) -> Option<String> {
        let path = self.path.canonicalize().ok()?;
        Some(path.parent()?.file_name()?.to_string_lossy().into_owned())
    }

    /// The recording's name, made into the name of a stream.
    pub fn stream(&self) -> StreamId {
        StreamId::from_text(&self.name)
    }
}
