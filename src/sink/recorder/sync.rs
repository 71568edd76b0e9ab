//! Writing recordings through to the disk, on a thread of its own.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};

use super::recording_file::{RecordingFile, named};
use crate::thread::NamedThread;

/// If more files than this are to be synced on one file system, the whole file system is synced instead, which
/// takes one turn of the disk and not one for each file.
const MANY_FILES: usize = 16;

/// Writes what the system holds of these files through to the disk.
///
/// # Errors
/// An error that names the first file that failed.
pub(super) fn sync_all(files: &[Arc<RecordingFile>]) -> io::Result<()> {
    // Samples that are flushed during the sync may or may not be on the disk after it.
    let flushed: Vec<_> = files.iter().map(|file| file.flushed.load(Ordering::Relaxed)).collect();
    let whole_file_system = files.len() > MANY_FILES
        && files.first().is_some_and(|first| rustix::fs::syncfs(&first.file).is_ok());
    for (file, flushed) in files.iter().zip(flushed) {
        if !whole_file_system {
            file.file.sync_data().map_err(|error| named(&file.path, &error))?;
        }
        file.keep(flushed);
    }
    Ok(())
}

/// The thread that syncs. Dropping it lets the thread finish what it has begun.
#[derive(Debug)]
pub(super) struct SyncThread {
    /// The files to be synced; has room only while the thread is idle.
    work: SyncSender<Vec<Arc<RecordingFile>>>,
    results: Receiver<io::Result<()>>,
    _thread: NamedThread<()>,
}

impl SyncThread {
    pub(super) fn start() -> Self {
        let (work, files) = sync_channel(0);
        let (done, results) = channel();
        let thread = NamedThread::spawn("recorder sync", move || run(&files, &done));
        Self { work, results, _thread: thread }
    }

    /// Has files synced if the thread is idle. If it is not, they have to be given again later.
    ///
    /// Returns whether the thread still runs. It always does unless it has panicked.
    pub(super) fn sync_if_idle(&self, files: Vec<Arc<RecordingFile>>) -> bool {
        files.is_empty() || !matches!(self.work.try_send(files), Err(TrySendError::Disconnected(_)))
    }

    /// The errors of the syncs since this was last called.
    pub(super) fn result(&self) -> io::Result<()> {
        self.results.try_iter().collect()
    }
}

fn run(work: &Receiver<Vec<Arc<RecordingFile>>>, done: &Sender<io::Result<()>>) {
    for files in work {
        let result = sync_all(&files);
        // Closed files are closed here if nobody else holds them.
        drop(files);
        if result.is_err() && done.send(result).is_err() {
            return;
        }
    }
}
