//! A program that runs in the background, and the lines that it writes.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};

use super::{folder, model, underfoot, wait_for};

/// Collects lines as they are written.
pub(crate) struct Lines {
    lines: Arc<Mutex<Vec<String>>>,
    thread: JoinHandle<()>,
}

impl Lines {
    pub(crate) fn read(from: impl Read + Send + 'static) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = lines.clone();
        let thread = std::thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                sink.lock().unwrap().push(line);
            }
        });
        Self { lines, thread }
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, needle: &str) -> usize {
        self.lines.lock().unwrap().iter().filter(|line| line.contains(needle)).count()
    }

    /// Whether the output has ended.
    pub(crate) fn have_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits until the output ends, and returns all its lines.
    pub(crate) fn until_end(&self) -> Vec<String> {
        wait_for("the end of a program's output", || self.thread.is_finished().then_some(()));
        self.all()
    }
}

pub(crate) struct Daemon {
    child: Child,
    stdin: Option<ChildStdin>,
    pub(crate) stdout: Lines,
    pub(crate) stderr: Lines,
    _folder: tempfile::TempDir,
}

impl Daemon {
    /// Starts `underfoot run` with the shipped model, these configuration sections, and predictions on
    /// standard output.
    pub(crate) fn run(sections: &str) -> Self {
        Self::with_config(&config(sections))
    }

    /// Starts `underfoot run` with this configuration and predictions on standard output.
    pub(crate) fn with_config(config: &str) -> Self {
        let folder = folder();
        let file = folder.path().join("underfoot.toml");
        std::fs::write(&file, config).unwrap();
        let mut command = underfoot(["run", "--stdout", "-c"]);
        command.arg(file);
        Self::spawn(command, folder)
    }

    /// Starts any other command.
    pub(crate) fn command(command: Command) -> Self {
        Self::spawn(command, folder())
    }

    fn spawn(mut command: Command, folder: tempfile::TempDir) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        Self {
            stdin: child.stdin.take(),
            stdout: Lines::read(child.stdout.take().unwrap()),
            stderr: Lines::read(child.stderr.take().unwrap()),
            child,
            _folder: folder,
        }
    }

    /// Writes to the program's standard input.
    pub(crate) fn feed(&mut self, bytes: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(bytes.as_ref()).unwrap();
        stdin.flush().unwrap();
    }

    /// Writes to the standard input of a program that may end meanwhile.
    pub(crate) fn try_feed(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stdin.as_mut().unwrap().write_all(bytes.as_ref());
    }

    /// Closes the program's standard input.
    pub(crate) fn close(&mut self) {
        self.stdin = None;
    }

    /// Waits for a line on standard error that contains `needle`, and returns it.
    pub(crate) fn wait_for_line(&mut self, needle: &str) -> String {
        self.wait_for_lines(needle, 1).remove(0)
    }

    /// Waits until at least `count` lines on standard error contain `needle`, and returns them.
    pub(crate) fn wait_for_lines(&mut self, needle: &str, count: usize) -> Vec<String> {
        let lines = wait_for(&format!("{count} lines with {needle:?}"), || {
            let all = self.stderr.all();
            let ended = self.child.try_wait().unwrap();
            let lines: Vec<_> = all.iter().filter(|line| line.contains(needle)).cloned().collect();
            match ended {
                _ if lines.len() >= count => Some(Ok(lines)),
                Some(status) => Some(Err(format!("ended with {status}: {all:#?}"))),
                None => None,
            }
        });
        lines.unwrap()
    }

    /// Waits until standard output has at least `count` lines, and returns all of them.
    pub(crate) fn wait_for_output(&self, count: usize) -> Vec<String> {
        wait_for(&format!("{count} lines of output"), || {
            let ended = self.stdout.thread.is_finished();
            let lines = self.stdout.all();
            assert!(!ended || lines.len() >= count, "the program ended: {:#?}", self.stderr.all());
            (lines.len() >= count).then_some(lines)
        })
    }

    /// Whether the program still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The process ID.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGHUP, which makes the daemon reload its configuration.
    pub(crate) fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Sends SIGTERM, as a service manager does.
    pub(crate) fn ask_to_end(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends SIGTERM, as a service manager does, and waits for the end.
    pub(crate) fn terminate(self) -> Ended {
        self.ask_to_end();
        self.wait()
    }

    /// Sends SIGINT, as Ctrl-C does, and waits for the end.
    pub(crate) fn interrupt(self) -> Ended {
        self.signal(Signal::INT);
        self.wait()
    }

    /// Kills the program, which has the effect of a crash, and waits for the end.
    pub(crate) fn kill(mut self) -> Ended {
        self.child.kill().unwrap();
        self.wait()
    }

    /// Waits for the end of the program.
    pub(crate) fn wait(mut self) -> Ended {
        let status: ExitStatus = wait_for("the program's end", || self.child.try_wait().unwrap());
        Ended { code: status.code(), stdout: self.stdout.until_end(), stderr: self.stderr.until_end() }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // In most tests the program has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The exit code and all output lines of a program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: Vec<String>,
}

/// A configuration with the shipped model and these sections. The limit for silence is so long that no stream
/// becomes silent while it waits for the test.
pub(crate) fn config(sections: &str) -> String {
    let path = model().display().to_string();
    format!("[model]\npath = {path:?}\n[limits]\nsilence = '10m'\n[publish]\nhealth = '1s'\n{sections}")
}
