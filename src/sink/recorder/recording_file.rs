//! The file of a recording.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The file of a recording, which the recorder's thread writes and the syncing thread syncs.
#[derive(Debug)]
pub(super) struct RecordingFile {
    pub(super) file: File,
    pub(super) path: PathBuf,
    /// Number of samples that were given to the system.
    pub(super) flushed: AtomicU64,
    /// Number of samples that are known to be on the disk.
    pub(super) kept: AtomicU64,
    /// Whether it was logged that this file is recorded.
    announced: AtomicBool,
}

impl RecordingFile {
    pub(super) fn new(file: File, path: PathBuf) -> Self {
        let (flushed, kept, announced) = Default::default();
        Self { file, path, flushed, kept, announced }
    }

    /// Whether all samples that were given to the system are known to be on the disk.
    pub(super) fn is_synced(&self) -> bool {
        self.kept.load(Ordering::Relaxed) >= self.flushed.load(Ordering::Relaxed)
    }

    /// Notes that samples up to this number are on the disk.
    pub(super) fn keep(&self, samples: u64) {
        self.kept.fetch_max(samples, Ordering::Relaxed);
        if samples > 0 && !self.announced.swap(true, Ordering::Relaxed) {
            tracing::info!(recording = %self.path.display(), "recording");
        }
    }
}

/// Adds the file's name to an error.
pub(super) fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("the recording \"{}\" cannot be written: {error}", path.display()))
}
