//! Finds the program that uses a serial port.

use std::path::Path;

use procfs::process::{FDTarget, all_processes};

/// A program that has a port open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PortHolder {
    /// The name of the program, as `ps` shows it.
    pub name: String,
    /// The number of its process.
    pub process: i32,
}

impl PortHolder {
    /// Finds the first other program that has the port open, from `/proc`.
    ///
    /// `None` if there is none, or if this user may not see the open files of its owner.
    pub(crate) fn find(port: &str) -> Option<Self> {
        let port = Path::new(port).canonicalize().ok()?;
        let holds = |process: &procfs::process::Process| {
            let files = process.fd().into_iter().flatten().flatten();
            files.into_iter().any(|file| matches!(file.target, FDTarget::Path(path) if path == port))
        };
        let own = i32::try_from(std::process::id()).ok();
        let holder =
            all_processes().ok()?.flatten().find(|process| Some(process.pid()) != own && holds(process))?;
        let name = holder.stat().map_or_else(|_| "a program".to_owned(), |stat| stat.comm);
        Some(Self { name, process: holder.pid() })
    }
}

impl std::fmt::Display for PortHolder {
    /// Writes the name, which may hold any characters, in quotes, and the process.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} (process {})", self.name, self.process)
    }
}
