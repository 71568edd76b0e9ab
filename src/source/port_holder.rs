//! Finds the program that uses a serial port.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use procfs::process::{FDTarget, Process, all_processes};

/// A program that has a port open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PortHolder {
    /// The name of the program, as `ps` shows it.
    pub name: String,
    /// The number of its process.
    pub process: i32,
}

impl PortHolder {
    /// Finds another program that has the port open, from `/proc`: the one that has locked it, or the first that is
    /// found.
    ///
    /// `None` if there is none, or if this user may not see the open files of its owner.
    pub(crate) fn find(port: &str) -> Option<Self> {
        let port = Path::new(port).canonicalize().ok()?;
        let own = i32::try_from(std::process::id()).ok();
        let is_other = |process: &Process| Some(process.pid()) != own;
        let locking = lock_owner(&port).and_then(|owner| Process::new(owner).ok()).filter(is_other);
        let open =
            || all_processes().ok()?.flatten().find(|process| is_other(process) && has_open(process, &port));
        let holder = locking.or_else(open)?;
        let name = holder.stat().map_or_else(|_| "a program".to_owned(), |stat| stat.comm);
        Some(Self { name, process: holder.pid() })
    }
}

/// The process that has locked a file, as programs do with a port that they use alone.
fn lock_owner(path: &Path) -> Option<i32> {
    let inode = std::fs::metadata(path).ok()?.ino();
    procfs::locks().ok()?.into_iter().find(|lock| lock.inode == inode)?.pid
}

fn has_open(process: &Process, path: &Path) -> bool {
    let mut files = process.fd().into_iter().flatten().flatten();
    files.any(|file| matches!(file.target, FDTarget::Path(target) if target == path))
}

impl std::fmt::Display for PortHolder {
    /// Writes the name, which may hold any characters, in quotes, and the process.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} (process {})", self.name, self.process)
    }
}
