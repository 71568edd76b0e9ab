//! Recording samples, and what remains of a recording after a crash.

use std::path::{Path, PathBuf};

use crate::support::daemon::Daemon;
use crate::support::disk::on_a_small_disk;
use crate::support::pty::Pty;
use crate::support::recording::{Recording, replay};
use crate::support::terminal::Terminal;
use crate::support::{self, assert_same, assert_says, run, underfoot, wait_for};

/// The only recording in a folder, or None if there is none yet.
fn found(folder: &Path) -> Option<PathBuf> {
    let files: Vec<_> = std::fs::read_dir(folder).ok()?.map(|file| file.unwrap().path()).collect();
    assert!(files.len() <= 1, "{files:?}");
    files.into_iter().next()
}

/// The samples of a recording: times in ns, and the bits of the values.
fn samples(text: &str) -> Vec<(i64, u32)> {
    let row = |line: &str| {
        let (t, current) = line.split_once(',').unwrap();
        let nanos = (t.parse::<f64>().unwrap() * 1e9).round() as i64;
        (nanos, current.parse::<f32>().unwrap().to_bits())
    };
    text.lines().map(row).collect()
}

/// The complete lines of a recording without its header.
fn rows(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let text = text[..whole].strip_prefix("t,current\n");
    text.unwrap_or_default().to_owned()
}

/// Starts recording from a port, and waits until the port is open.
pub(crate) fn record(port: &Path, out: &Path, more: &[&str]) -> Daemon {
    let (port, out) = (port.to_str().unwrap(), out.to_str().unwrap());
    let args = ["record", "--port", port, "--label", "gravel", "--out", out];
    let mut daemon = Daemon::command(underfoot(args.iter().chain(more)));
    daemon.wait_for_line("the serial port is open");
    daemon
}

#[test]
fn a_replay_of_a_recording_gives_the_predictions_of_the_sent_samples() {
    for format in ["csv", "json", "binary"] {
        let recording = Recording::tour(61, 1.0);
        let folder = support::folder();
        let mut pty = Pty::open(&folder.path().join("board"));
        let out = folder.path().join("out");
        let daemon = record(&pty.link, &out, &["--format", format, "--stream", &recording.stream]);
        pty.send(&match format {
            "csv" => recording.csv(0..600).into_bytes(),
            "json" => recording.objects().map(|object| object + "\n").collect::<String>().into_bytes(),
            _ => recording.frames().collect::<Vec<_>>().concat(),
        });
        wait_for("600 rows", || (rows(&found(&out.join("gravel"))?).lines().count() == 600).then_some(()));
        let ended = daemon.terminate();
        assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
        let file = found(&out.join("gravel")).unwrap();
        assert_eq!(ended.stdout, [file.to_str().unwrap()]);
        assert_says(&ended.stderr.join("\n"), &["recording \"gravel\" into", ": 6.0 s, 600 samples, 100 Hz"]);
        assert_eq!(samples(&rows(&file)), samples(&recording.csv(0..600)), "{format}");

        // Only the name of the stream differs, because it comes from the file name. All other bytes are the
        // same.
        let name = format!("gravel-{}", file.file_stem().unwrap().to_str().unwrap());
        let replayed = replay(&[&out], &[]).replace(&name, &recording.stream);
        assert_same(&replayed.lines().collect::<Vec<_>>(), &recording.replayed());
    }
}

#[test]
fn the_microseconds_of_a_board_are_recorded_as_seconds_with_and_without_the_unit() {
    let recording = Recording::tour(65, 1.0);
    let micros = |t: &str| (t.parse::<f64>().unwrap() * 1e6).round();
    let lines: String =
        recording.rows.iter().map(|(t, current)| format!("{},{current}\n", micros(t))).collect();
    for unit in [&[][..], &["--unit", "us"]] {
        let folder = support::folder();
        let mut pty = Pty::open(&folder.path().join("board"));
        let out = folder.path().join("out");
        let daemon = record(&pty.link, &out, unit);
        pty.send(lines.as_bytes());
        wait_for("600 rows", || (rows(&found(&out.join("gravel"))?).lines().count() == 600).then_some(()));
        let ended = daemon.interrupt();
        assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
        assert_eq!(samples(&rows(&found(&out.join("gravel")).unwrap())), samples(&recording.csv(0..600)));
    }
}

#[test]
fn a_recording_needs_a_port_or_a_configuration_and_not_both() {
    let ran = run(["record", "--label", "gravel", "--config", "/nowhere.toml", "--channels", "left,right"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let folder = support::folder();
    let file = folder.path().join("empty.toml");
    std::fs::write(&file, "").unwrap();
    let ran = run(["record", "--label", "gravel", "--config", file.to_str().unwrap()]);
    assert_says(&ran.one_line(78), &["there is nothing to record", "--port /dev/ttyUSB0", "[[source]]"]);
}

#[test]
fn a_crash_loses_only_samples_that_were_not_on_the_disk_yet() {
    let recording = Recording::tour(62, 2.0);
    let folder = support::folder();
    let mut pty = Pty::open(&folder.path().join("board"));
    let out = folder.path().join("out");
    let daemon = record(&pty.link, &out, &[]);
    pty.send(recording.csv(0..700).as_bytes());
    // Samples are written to the disk once per second, even if no more arrive.
    let file = wait_for("700 rows on the disk", || {
        let file = found(&out.join("gravel"))?;
        (rows(&file).lines().count() == 700).then_some(file)
    });
    pty.send(recording.csv(700..1200).as_bytes());
    daemon.kill();
    let kept = samples(&rows(&file));
    assert!(kept.len() >= 700);
    assert_eq!(kept, samples(&recording.csv(0..kept.len())));
    assert!(replay(&[&out], &[]).lines().count() >= 60, "the recording can be replayed without changes");
}

#[test]
fn a_recording_with_an_incomplete_last_row_is_replayed_up_to_that_row() {
    let recording = Recording::tour(63, 1.0);
    let expected = recording.replayed();
    let text = std::fs::read_to_string(&recording.path).unwrap();
    std::fs::write(&recording.path, text + "6.0").unwrap();
    assert_same(&recording.replayed(), &expected);
}

#[test]
fn a_recording_ends_after_its_duration() {
    let recording = Recording::tour(64, 0.5);
    let folder = support::folder();
    let mut pty = Pty::open(&folder.path().join("board"));
    let out = folder.path().join("out");
    let mut daemon = record(&pty.link, &out, &["--duration", "1s", "--baud", "9600"]);
    // The duration does not begin before the first sample, for which recording waits.
    let line = daemon.wait_for_line("no sample has arrived");
    let check = format!("underfoot check --port {} --baud 9600", pty.link.display());
    assert_says(&line, &["from serial0 (", "for 5 s: check that the robot is on", "Ctrl-C", &check]);
    assert!(daemon.is_running() && daemon.stderr.count("recording \"gravel\" into") == 0);
    pty.send(recording.csv(0..200).as_bytes());
    let ended = daemon.wait();
    assert_eq!((ended.code, ended.stdout.len()), (Some(0), 1), "{:?}", ended.stderr);
    let file = found(&out.join("gravel")).unwrap();
    let said = ended.stderr.join("\n");
    let begun = format!("recording \"gravel\" into {}; Ctrl-C stops", out.join("gravel").display());
    let last = format!("{}: 2.0 s, 200 samples, 100 Hz", file.display());
    let next = format!(
        "1 of gravel; record at least 5 drives on each of two or more surfaces, then run `underfoot-train fit {} --out ",
        out.display()
    );
    assert_says(&said, &[&begun, &last, &next]);

    // The command that it names exists.
    let words = check.split(' ').skip(1);
    let checked = run(words);
    assert_says(&checked.ok(), &["ok      source serial0: ", "no sample arrived within 2s"]);
}

#[test]
fn what_the_system_kept_from_before_is_not_recorded() {
    let recording = Recording::tour(67, 2.0);
    for format in ["csv", "binary"] {
        let folder = support::folder();
        let mut pty = Pty::open(&folder.path().join("board"));
        let out = folder.path().join("out");
        let frames: Vec<_> = recording.frames().collect();
        // More than the 4 KiB of the line discipline, so that the driver behind it has kept samples, too.
        pty.send(&match format {
            "csv" => recording.csv(0..600).into_bytes(),
            _ => frames[..600].concat(),
        });
        let daemon = record(&pty.link, &out, &["--format", format]);
        pty.send(&match format {
            "csv" => recording.csv(600..1000).into_bytes(),
            // The decoder leaves everything before the end of the first frame out.
            _ => [&[0][..], &frames[600..1000].concat()].concat(),
        });
        wait_for("400 rows", || (rows(&found(&out.join("gravel"))?).lines().count() >= 400).then_some(()));
        assert_eq!(daemon.interrupt().code, Some(0));
        let recorded = samples(&rows(&found(&out.join("gravel")).unwrap()));
        assert_eq!(recorded, samples(&recording.csv(600..1000)), "{format}");
    }
}

#[test]
fn a_terminal_shows_what_is_recorded_in_lines_that_are_rewritten() {
    let folder = support::folder();
    let mut pty = Pty::open(&folder.path().join("board"));
    let out = folder.path().join("out");
    let args =
        ["record", "--label", "tile", "--channels", "left,right", "--port", pty.link.to_str().unwrap()];
    let terminal = Terminal::run(underfoot(args.into_iter().chain(["--out", out.to_str().unwrap()])), 24, 80);
    let shows = |needle: &str| {
        wait_for(&format!("{needle:?} on the terminal"), || {
            terminal.written().contains(needle).then_some(())
        });
    };
    shows("waiting for samples from serial0 (");
    shows("the serial port is open");
    let mut sent = 0u32;
    let mut send_until = |needle: &str| {
        wait_for(&format!("{needle:?} on the terminal"), || {
            let time = f64::from(sent) / 100.0;
            // The left channel changes, and the right one does not.
            pty.try_send(format!("{time:.2},{:.2},0.75\n", 1.0 + f64::from(sent % 10) / 10.0).as_bytes());
            sent += 1;
            terminal.written().contains(needle).then_some(())
        });
    };
    send_until("recording \"tile\" into");
    send_until(" Hz  left 1.");
    send_until(" A ##");
    send_until("warning: channel \"right\" is 0.75 A in all of its samples");
    send_until("right 0.75 A ..");
    let (code, written) = terminal.interrupt();
    assert_eq!(code, Some(0), "{written}");
    let (live, summary) = written.rsplit_once("\x1b[J").unwrap();
    assert!(live.ends_with('\r'), "the lines are removed at the end");
    assert_says(summary, &[out.to_str().unwrap(), " samples, ", " Hz", "1 of tile"]);
    let lines = live.split("\x1b[K").filter_map(|line| line.rsplit('\r').next());
    for line in lines.filter(|line| line.starts_with("rover ")) {
        assert!(line.chars().count() < 80 && line.contains(" samples"), "{line:?}");
    }
}

#[test]
fn a_time_in_the_place_of_a_channel_is_warned_of_once() {
    let folder = support::folder();
    let link = folder.path().join("board");
    let mut board =
        Daemon::command(underfoot(["simulate", "--pty", link.to_str().unwrap(), "--surface", "tile"]));
    board.wait_for_line("the robot is on tile");
    let out = folder.path().join("out");
    // The board sends a time and one current, so that the time becomes the left channel.
    let mut daemon = record(&link, &out, &["--channels", "left,right"]);
    let warning = daemon.wait_for_line("warning: ");
    assert_says(&warning, &["channel \"left\" only ever rises", "--channels"]);
    let ended = daemon.interrupt();
    assert_eq!(
        ended.stderr.iter().filter(|line| line.contains("warning: ")).count(),
        1,
        "{:?}",
        ended.stderr
    );
}

#[test]
fn a_recording_without_samples_fails_and_says_so() {
    let folder = support::folder();
    let pty = Pty::open(&folder.path().join("board"));
    let ended = record(&pty.link, &folder.path().join("out"), &[]).interrupt();
    assert_eq!((ended.code, ended.stdout.len()), (Some(1), 0), "{:?}", ended.stderr);
    assert_says(ended.stderr.last().unwrap(), &["error: no samples arrived", "underfoot check --port "]);
}

#[test]
fn a_label_that_leads_out_of_the_folder_is_rejected() {
    let folder = support::folder();
    let out = folder.path().join("out");
    let ran = run(["record", "--port", "/nowhere", "--label", "../up", "--out", out.to_str().unwrap()]);
    assert_says(&ran.one_line(78), &["record.label is \"../up\"", "it must be the name of a folder"]);
    assert!(!out.exists());
}

#[test]
fn the_daemon_records_the_samples_that_it_classifies() {
    let recording = Recording::tour(65, 1.0);
    let folder = support::folder();
    let out = folder.path().join("out");
    let stream = &recording.stream;
    let sections = format!(
        "[record]\nfolder = {out:?}\nlabel = 'tile'\n[[source]]\nkind = 'stdin'\nstream = '{stream}'\n"
    );
    let mut daemon = Daemon::run(&sections);
    daemon.feed(recording.csv(0..600));
    daemon.close();
    let ended = daemon.wait();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    assert_same(&ended.stdout, &recording.replayed());
    let file = found(&out.join("tile")).unwrap();
    assert_eq!(samples(&rows(&file)), samples(&recording.csv(0..600)));
}

#[test]
fn a_daemon_with_a_full_disk_warns_once_and_records_again_when_there_is_space() {
    let recording = Recording::tour(83, 20.0);
    let folder = support::folder();
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let (file, stream) = (folder.path().join("underfoot.toml"), &recording.stream);
    let sections = format!(
        "[record]\nfolder = {disk:?}\nlabel = 'tile'\n[[source]]\nkind = 'stdin'\nstream = '{stream}'\n"
    );
    std::fs::write(&file, support::daemon::config(&sections)).unwrap();
    let mut command = on_a_small_disk(64, &disk, env!("CARGO_BIN_EXE_underfoot"));
    command.args(["run", "--stdout", "-c"]).arg(&file);
    let mut daemon = Daemon::command(command);
    daemon.wait_for_line("ready");
    // The path at which this test sees the daemon's disk.
    let mounted = PathBuf::from(format!("/proc/{}/root{}", daemon.id(), disk.join("tile").display()));
    daemon.feed(recording.csv(0..700));
    let first = wait_for("700 rows on the disk", || {
        let file = found(&mounted)?;
        (rows(&file).lines().count() == 700).then_some(file)
    });
    daemon.feed(recording.csv(700..6000));
    let line = daemon.wait_for_line("predictions continue, and recording is tried again");
    assert_says(
        &line,
        &["ERROR", "the recording", "cannot be written: No space left on device", "make room"],
    );
    let expected = recording.replayed();
    daemon.wait_for_output(expected.len() / 2 - 20);
    let kept = samples(&rows(&first));
    assert!(kept.len() >= 700, "{}", kept.len());
    assert_eq!(kept, samples(&recording.csv(0..kept.len())));

    std::fs::remove_file(&first).unwrap();
    let mut fed = 6000;
    wait_for("recording again", || {
        if fed < 11_000 {
            daemon.feed(recording.csv(fed..fed + 1));
            fed += 1;
        }
        found(&mounted).filter(|file| !rows(file).is_empty()).map(drop)
    });
    // Not more than fits on the disk.
    daemon.feed(recording.csv(fed..fed + 500));
    daemon.close();
    let ended = daemon.wait();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    let (predictions, left) = ended.stdout.split_at(ended.stdout.len() - 2);
    assert_same(predictions, &expected[..predictions.len()]);
    assert_eq!(left, ["left:", "tile"]);
    let count = |part: &str| ended.stderr.iter().filter(|line| line.contains(part)).count();
    assert_eq!((count("ERROR"), count("WARN")), (1, 0), "{:?}", ended.stderr);
    assert_eq!(count("recording recording="), 2, "{:?}", ended.stderr);
    assert_says(ended.stderr.last().unwrap(), &["ended", "not_recorded"]);
}
