//! Fixtures: the built program, a real broker and serial lines, each put away when its test ends.
#![allow(dead_code)] // each program of tests uses a part

pub(crate) mod broker;
pub(crate) mod browser;
pub(crate) mod certificates;
pub(crate) mod client;
pub(crate) mod daemon;
pub(crate) mod disk;
pub(crate) mod http;
pub(crate) mod manager;
pub(crate) mod pty;
pub(crate) mod recording;
pub(crate) mod terminal;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What has not come by then does not come.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// Looks until something is there.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(LOOK);
    }
}

/// A folder that goes away with the test.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Recordings of real robots, which are no part of the project: where `UNDERFOOT_TEST_DATA` says, or beside this checkout. `None` where
/// there are none, and then the test says so and passes.
pub(crate) fn real_recordings(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folder = std::env::var_os("UNDERFOOT_TEST_DATA").map_or(beside, PathBuf::from).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    skipped(&format!("{} is not there; UNDERFOOT_TEST_DATA may name another folder", folder.display()));
    None
}

/// Says that the test that runs tries nothing, and why, even where the output of tests that pass is not shown.
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

/// The program, without settings of the user's own.
pub(crate) fn underfoot(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_underfoot"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("UNDERFOOT_"))
    {
        command.env_remove(name);
    }
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub(crate) fn run(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ran {
    underfoot(args).output().unwrap().into()
}

/// Runs a program, and interrupts it as Ctrl-C does when it has said this on standard error. Standard error is what came after that.
pub(crate) fn interrupted(command: &mut Command, needle: &str) -> Ran {
    use std::io::{BufRead, BufReader, Read};
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(needle) {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "it ended before it said {needle:?}");
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)
        .unwrap();
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    Ran { stderr: rest, ..child.wait_with_output().unwrap().into() }
}

/// What a program said, and its exit code.
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
    /// Its standard output, if all went well.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// The one line on standard error of a program that failed with this code.
    pub(crate) fn one_line(self, code: i32) -> String {
        assert_eq!((self.code, self.stderr.lines().count()), (Some(code), 1), "{self:?}");
        self.stderr.trim_end().to_owned()
    }
}

/// Fails unless a text holds each of these.
#[track_caller]
pub(crate) fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

/// Fails with the first line that differs, which is easier to read than all of them.
#[track_caller]
pub(crate) fn assert_same(lines: &[impl AsRef<str>], expected: &[impl AsRef<str>]) {
    let (lines, expected) = (texts(lines), texts(expected));
    for (index, (line, expected)) in lines.iter().zip(&expected).enumerate() {
        assert_eq!(line, expected, "line {index}");
    }
    assert_eq!(lines.len(), expected.len(), "as many lines");
}

fn texts(lines: &[impl AsRef<str>]) -> Vec<&str> {
    lines.iter().map(AsRef::as_ref).collect()
}

/// A field of a prediction or report.
pub(crate) fn json(text: impl AsRef<[u8]>) -> serde_json::Value {
    serde_json::from_slice(text.as_ref())
        .unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(text.as_ref())))
}

/// A program of a package that the tests need.
pub(crate) fn program(name: &str, package: &str) -> Command {
    // Debian puts daemons in /usr/sbin, which is not on every user's path.
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    Command::new(found.unwrap_or_else(|| {
        panic!("{name} is missing; run `make test-tools`, or install the package {package}")
    }))
}

/// A file that holds a secret and that only its owner reads.
pub(crate) fn private(folder: &Path, secret: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("secret");
    std::fs::write(&path, secret).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}
