//! A terminal on which a program draws, and the text that it shows.

use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::wait_for;

pub(crate) struct Terminal {
    /// The side of the pseudo-terminal that the user sees.
    screen: File,
    written: Arc<Mutex<Vec<u8>>>,
    child: Child,
}

impl Terminal {
    /// Starts a program on a terminal with this number of lines and columns.
    pub(crate) fn run(mut command: Command, lines: u16, columns: u16) -> Self {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&screen).unwrap();
        unlockpt(&screen).unwrap();
        let name = ptsname(&screen, Vec::new()).unwrap();
        let path = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
        let line = || Stdio::from(File::options().read(true).write(true).open(path).unwrap());
        let screen = File::from(screen);
        resize(&screen, lines, columns);
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR").env_remove("CLICOLOR");
        let child = command.stdin(line()).stdout(line()).stderr(line()).spawn().unwrap();
        // Closes the test's own handles of the program's side, so that the output ends when the program ends.
        drop(command);
        let written = Arc::new(Mutex::new(Vec::new()));
        let (sink, mut read) = (written.clone(), screen.try_clone().unwrap());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = read.read(&mut bytes) {
                sink.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Self { screen, written, child }
    }

    pub(crate) fn resize(&self, lines: u16, columns: u16) {
        resize(&self.screen, lines, columns);
    }

    /// Everything that was written, including control sequences.
    pub(crate) fn written(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    /// The lines that are shown now, with `dim: ` before dim lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        let written = self.written();
        let Some((before, _)) = written.rsplit_once("\x1b[J") else { return Vec::new() };
        let frame = before.rsplit_once("\x1b[H").unwrap().1;
        let plain = |line: &str| {
            line.trim_end_matches('\r')
                .replace("\x1b[K", "")
                .replace("\x1b[2m", "dim: ")
                .replace("\x1b[0m", "")
        };
        frame.split('\n').map(plain).collect()
    }

    /// Waits until `matches` is true for the shown lines, and returns them.
    pub(crate) fn wait_for(&self, what: &str, mut matches: impl FnMut(&[String]) -> bool) -> Vec<String> {
        wait_for(&format!("{what} on the screen"), || Some(self.lines()).filter(|lines| matches(lines)))
    }

    /// Waits until a line contains `needle`, and returns it.
    pub(crate) fn wait_for_line(&self, needle: &str) -> String {
        let lines = self.wait_for(needle, |lines| lines.iter().any(|line| line.contains(needle)));
        lines.into_iter().find(|line| line.contains(needle)).unwrap()
    }

    /// Interrupts the program as Ctrl-C does, and returns its exit code and everything that was written.
    pub(crate) fn interrupt(mut self) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let status = wait_for("the program's end", || self.child.try_wait().unwrap());
        (status.code(), self.written())
    }
}

fn resize(screen: &File, lines: u16, columns: u16) {
    let size = Winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(screen, size).unwrap();
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // In most tests the program has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
