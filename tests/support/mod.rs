//! Fixtures: the built programs, a real broker, serial lines and a browser. Each is stopped or deleted when
//! its test ends.
#![allow(dead_code)] // each test program uses only some of them

pub(crate) mod broker;
pub(crate) mod browser;
pub(crate) mod certificates;
pub(crate) mod client;
pub(crate) mod daemon;
pub(crate) mod disk;
pub(crate) mod fake_broker;
pub(crate) mod fleet;
pub(crate) mod http;
pub(crate) mod manager;
pub(crate) mod markdown;
pub(crate) mod novelty;
pub(crate) mod pty;
pub(crate) mod recording;
pub(crate) mod terminal;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use daemon::Lines;

/// The time after which a wait fails.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The same for a program that trains until then.
const TRAINING_TIMEOUT: Duration = Duration::from_secs(300);
/// The time between two checks in a wait.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Calls `poll` until it returns a value, and returns that value. Fails after `TIMEOUT`, naming `what` it
/// waited for.
pub(crate) fn wait_for<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = poll() {
            return found;
        }
        assert!(begun.elapsed() < TIMEOUT, "waited {TIMEOUT:?} for {what}");
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// A temporary folder that is deleted when it is dropped.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A folder with recordings of real robots, which are not part of the project, below `UNDERFOOT_TEST_DATA` or
/// beside this checkout. If there is no such folder, prints that the test is skipped and returns None; the
/// test then passes.
pub(crate) fn real_recordings(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folder = std::env::var_os("UNDERFOOT_TEST_DATA").map_or(beside, PathBuf::from).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    skipped(&format!("{} is not there; UNDERFOOT_TEST_DATA may name another folder", folder.display()));
    None
}

/// Prints that the running test is skipped, and why, even if the output of passing tests is not shown.
pub(crate) fn skipped(why: &str) {
    use std::io::Write;
    let thread = std::thread::current();
    let line = format!("{} is skipped: {why}\n", thread.name().unwrap_or("a test"));
    // Unlike what `eprintln!` writes, this is not kept back with the output of tests that pass.
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// The shipped model.
pub(crate) fn model() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/simulated.onnx");
    assert!(path.exists(), "{path:?} is missing; run `make model`");
    path
}

/// A command that runs `underfoot`, without the user's own environment settings.
pub(crate) fn underfoot(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_underfoot"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("UNDERFOOT_"))
    {
        command.env_remove(name);
    }
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs `underfoot` until it exits.
pub(crate) fn run(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ran {
    underfoot(args).output().unwrap().into()
}

/// Runs a program, and interrupts it as Ctrl-C does once a line on standard error contains `needle`. The
/// standard error of the result begins after that line.
pub(crate) fn interrupted(command: &mut Command, needle: &str) -> Ran {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let said = Lines::read(child.stderr.take().unwrap());
    let begun = Instant::now();
    let at = loop {
        if let Some(at) = said.all().iter().position(|line| line.contains(needle)) {
            break at;
        }
        if said.have_ended() || begun.elapsed() > TRAINING_TIMEOUT {
            let _ = child.kill();
            panic!("the program did not print {needle:?}: {:#?}", said.all());
        }
        std::thread::sleep(POLL_INTERVAL);
    };
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)
        .unwrap();
    let ended = child.wait_with_output().unwrap();
    Ran { stderr: said.until_end().split_off(at + 1).join("\n"), ..ended.into() }
}

/// The exit code and output of a program that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ran {
    /// The standard output of a program that must have exited with 0.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// The standard error of a program that must have failed with this code and printed exactly one line
    /// there.
    pub(crate) fn one_line(self, code: i32) -> String {
        assert_eq!((self.code, self.stderr.lines().count()), (Some(code), 1), "{self:?}");
        self.stderr.trim_end().to_owned()
    }
}

/// Fails unless a text contains all of these parts.
#[track_caller]
pub(crate) fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

/// Fails unless the lines are the expected ones, and shows only the first line that differs.
#[track_caller]
pub(crate) fn assert_same(lines: &[impl AsRef<str>], expected: &[impl AsRef<str>]) {
    let (lines, expected) = (texts(lines), texts(expected));
    for (index, (line, expected)) in lines.iter().zip(&expected).enumerate() {
        assert_eq!(line, expected, "line {index}");
    }
    assert_eq!(lines.len(), expected.len(), "number of lines");
}

fn texts(lines: &[impl AsRef<str>]) -> Vec<&str> {
    lines.iter().map(AsRef::as_ref).collect()
}

/// Parses a JSON document, such as a prediction or a report.
pub(crate) fn json(text: impl AsRef<[u8]>) -> serde_json::Value {
    serde_json::from_slice(text.as_ref())
        .unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(text.as_ref())))
}

/// A command that runs an installed program. Fails with the name of its Debian package if it is missing.
pub(crate) fn program(name: &str, package: &str) -> Command {
    // Debian installs daemons in /usr/sbin, which is not on every user's PATH.
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    Command::new(found.unwrap_or_else(|| {
        panic!("{name} is missing; run `make test-tools`, or install the package {package}")
    }))
}

/// Writes a secret into a file that only its owner can read, and returns its path.
pub(crate) fn private(folder: &Path, secret: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("secret");
    std::fs::write(&path, secret).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}
