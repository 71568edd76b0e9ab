//! A pseudo-terminal that stands for a serial line: the test writes as the board, and the daemon opens the
//! other end as a port.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use super::wait_for;

pub(crate) struct Pty {
    board: File,
    /// Kept open so that the line continues to exist while no program reads it.
    _line: File,
    pub(crate) link: PathBuf,
}

impl Pty {
    /// Connects a board whose port has this path.
    pub(crate) fn open(link: &Path) -> Self {
        let board = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&board).unwrap();
        unlockpt(&board).unwrap();
        let name = ptsname(&board, Vec::new()).unwrap();
        let path = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
        let line = File::options().read(true).write(true).open(path).unwrap();
        let mut raw = tcgetattr(&line).unwrap();
        raw.make_raw();
        tcsetattr(&line, OptionalActions::Now, &raw).unwrap();
        rustix::io::ioctl_fionbio(&board, true).unwrap();
        std::os::unix::fs::symlink(path, link).unwrap();
        Self { board: File::from(board), _line: line, link: link.to_owned() }
    }

    /// The configuration section of a source that reads this port.
    pub(crate) fn section(&self, stream: &str, format: &str) -> String {
        let port = &self.link;
        format!("[[source]]\nkind = 'serial'\nport = {port:?}\nstream = '{stream}'\nformat = '{format}'\n")
    }

    /// Sends bytes as the board; those that do not fit on the line are lost, as on a real one.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) {
        match self.board.write(bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("writing to the serial line failed: {error}"),
        }
    }

    /// Sends bytes as the board, as fast as they are read.
    pub(crate) fn send(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let sent = wait_for("the reader of a serial line", || match self.board.write(bytes) {
                Ok(sent) => Some(sent),
                Err(error) if error.kind() == ErrorKind::WouldBlock => None,
                Err(error) => panic!("writing to the serial line failed: {error}"),
            });
            bytes = &bytes[sent..];
        }
    }
}

impl Drop for Pty {
    /// Disconnects the board.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.link);
    }
}
