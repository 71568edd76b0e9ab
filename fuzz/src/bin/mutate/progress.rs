//! A file that says which input each thread is at, for when the process dies.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The numbers of the inputs that the threads are at, 8 bytes for each thread.
pub(crate) struct Progress(File);

impl Progress {
    /// Creates the file.
    pub(crate) fn create(path: &Path) -> std::io::Result<Self> {
        File::create(path).map(Self)
    }

    /// Writes down which input a thread begins with. A fault is ignored: only a death would miss it.
    pub(crate) fn set(&self, job: usize, number: u64) {
        let _ = self.0.write_at(&number.to_le_bytes(), job as u64 * 8);
    }

    /// The numbers that a process has left behind.
    pub(crate) fn last(path: &Path, jobs: usize) -> Vec<u64> {
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes
            .chunks_exact(8)
            .take(jobs)
            .map(|number| u64::from_le_bytes(number.try_into().unwrap_or_default()))
            .collect()
    }
}
