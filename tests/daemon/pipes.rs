//! Commands whose output is closed by its reader, as `head -1` does, and output that cannot be written.

use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::daemon::{Daemon, config};
use crate::support::recording::Recording;
use crate::support::{Ran, assert_says, folder, model, run, underfoot, wait_for};

/// The `underfoot-train` of this build.
fn trainer(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_underfoot-train"));
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs a command whose standard output nobody reads, or whose standard error nobody reads either.
fn unread(mut command: Command, errors: bool) -> Ran {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    if errors {
        command.stderr(writer.try_clone().unwrap());
    }
    command.stdout(writer);
    command.output().unwrap().into()
}

#[test]
fn a_command_whose_output_is_closed_ends_quietly() {
    let folder = folder();
    let recording = Recording::tour(91, 1.0);
    let (path, model) = (recording.path.to_str().unwrap(), model());
    let model = model.to_str().unwrap();
    let file = folder.path().join("underfoot.toml");
    std::fs::write(&file, config("[[source]]\nkind = 'simulator'\n")).unwrap();
    let file = file.to_str().unwrap();
    let out = folder.path().join("out");
    let out = out.to_str().unwrap();
    for args in [
        vec!["--help"],
        vec!["run", "--help"],
        vec!["--version"],
        vec!["check", "-c", file],
        vec!["config", "--sample"],
        vec!["config", "-c", file],
        vec!["model", "show", model],
        vec!["model", "show", model, "--json"],
        vec!["replay", path, "-m", model],
        vec!["record", "-c", file, "--label", "x", "--duration", "300ms", "--out", out],
        vec!["demo", "--no-broker"],
        vec!["run", "-c", file, "--stdout"],
    ] {
        for errors in [false, true] {
            let ran = unread(underfoot(&args), errors);
            assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
            assert!(!ran.stderr.contains("panicked"), "{args:?}: {ran:?}");
        }
    }
    for args in [vec!["--help"], vec!["fit", "--show-config"], vec!["evaluate", model, path, "--json"]] {
        for errors in [false, true] {
            let ran = unread(trainer(&args), errors);
            assert_eq!((ran.code, ran.stderr.contains("panicked")), (Some(0), false), "{args:?}: {ran:?}");
        }
    }
}

#[test]
fn a_failed_check_has_its_exit_code_although_its_output_is_closed() {
    let folder = folder();
    let file = folder.path().join("underfoot.toml");
    std::fs::write(&file, config("[[source]]\nkind = 'serial'\nport = '/nowhere'\n")).unwrap();
    let args = ["check", "-c", file.to_str().unwrap()];
    assert_eq!(unread(underfoot(args), false).code, run(args).code);
    assert_eq!(run(args).code, Some(1));
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let recording = Recording::tour(92, 1.0);
    let (path, model) = (recording.path.to_str().unwrap(), model());
    for args in [vec!["config", "--sample"], vec!["replay", path, "-m", model.to_str().unwrap()]] {
        let ran = Ran::from(underfoot(&args).stdout(full()).output().unwrap());
        assert_eq!(ran.code, Some(1), "{args:?}: {ran:?}");
        let last = ran.stderr.lines().last().unwrap();
        assert_says(last, &["error: standard output cannot be written: No space left on device"]);
    }
}

#[test]
fn ctrl_c_ends_a_replay_whose_reader_has_stopped_reading() {
    // The first one still has samples to read then; the second one has only its output left to write.
    for seconds in [600.0, 10.0] {
        let recording = Recording::tour(93, seconds);
        let mut replay =
            underfoot(["replay", recording.path.to_str().unwrap(), "-m", model().to_str().unwrap()]);
        let mut child = replay.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let unread = child.stdout.take().unwrap();
        wait_for("half a pipe", || (rustix::io::ioctl_fionread(&unread).unwrap() >= 1 << 15).then_some(()));
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        wait_for("the end of the replay", || child.try_wait().unwrap());
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.starts_with("error: ") && !ran.stderr.contains("panicked"), "{ran:?}");
    }
}

#[test]
fn a_daemon_with_another_way_out_goes_on_when_its_output_is_closed() {
    let folder = folder();
    let file = folder.path().join("underfoot.toml");
    let sections = format!(
        "[record]\nfolder = {:?}\n[[source]]\nkind = 'simulator'\nstream = 'cart'\n",
        folder.path().join("out")
    );
    std::fs::write(&file, config(&sections)).unwrap();
    // `true` closes its end at once; the shell becomes the daemon.
    let mut command = Command::new("bash");
    command
        .args([
            "-c",
            "exec \"$@\" > >(true)",
            "bash",
            env!("CARGO_BIN_EXE_underfoot"),
            "run",
            "--stdout",
            "-c",
        ])
        .arg(&file);
    let mut daemon = Daemon::command(command);
    daemon.wait_for_line("nothing more is printed");
    daemon.wait_for_line("recording recording=");
    assert_eq!(daemon.terminate().code, Some(0));
}
