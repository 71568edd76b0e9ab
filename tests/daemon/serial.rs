//! Serial ports that appear, disappear, and deliver invalid data.

use crate::support::daemon::{Daemon, config};
use crate::support::pty::Pty;
use crate::support::recording::Recording;
use crate::support::{self, assert_same, assert_says, run};

/// The predictions later than a time in s.
fn after(t: f64, lines: &[String]) -> Vec<String> {
    let is_later = |line: &&String| support::json(line)["t"].as_f64().unwrap() > t;
    lines.iter().filter(is_later).cloned().collect()
}

#[test]
fn a_port_that_disappears_and_returns_is_opened_again() {
    // Two seconds are missing while the board is unplugged.
    let recording = Recording::tour(31, 1.5).without(500..700);
    let folder = support::folder();
    let link = folder.path().join("board");
    let mut pty = Pty::open(&link);
    let mut daemon = Daemon::run(&pty.section(&recording.stream, "csv"));
    daemon.wait_for_line("the serial port is open");
    pty.send(recording.csv(0..500).as_bytes());
    daemon.wait_for_output(40);
    drop(pty);
    assert_says(&daemon.wait_for_line("trying again"), &["WARN", link.to_str().unwrap()]);

    let mut pty = Pty::open(&link);
    daemon.wait_for_lines("the serial port is open", 2);
    pty.send(recording.csv(500..700).as_bytes());
    let expected = recording.replayed();
    let second = after(7.0, &expected);
    daemon.wait_for_output(40 + second.len());
    let ended = daemon.terminate();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    // The last samples before the disconnection may be lost. There is no prediction across the gap.
    assert_same(&after(7.0, &ended.stdout), &second);
    assert_same(&ended.stdout[..40], &expected[..40]);
}

#[test]
fn invalid_bytes_between_frames_do_not_damage_the_frames() {
    let recording = Recording::tour(32, 1.0);
    let folder = support::folder();
    let mut pty = Pty::open(&folder.path().join("board"));
    let mut daemon = Daemon::run(&pty.section(&recording.stream, "binary"));
    daemon.wait_for_line("the serial port is open");
    for (index, frame) in recording.frames().enumerate() {
        match index {
            // The end of a frame whose start was sent before the port was opened.
            0 => pty.send(b"\x03\x2a\x17\x00"),
            100 => pty.send(b"brownout detector was triggered\r\n\x00"),
            200 => pty.send(&[0xff; 5000]),
            201 => pty.send(b"\x00\x00\x00"),
            300 => pty.send(&frame[..7]),
            _ => {}
        }
        if index == 300 {
            pty.send(b"\x00");
        }
        // This 0x00 ends the 5000 bytes of noise before the frame.
        if index == 200 {
            pty.send(b"\x00");
        }
        pty.send(&frame);
    }
    let expected = recording.replayed();
    daemon.wait_for_output(expected.len());
    let ended = daemon.terminate();
    assert_same(&ended.stdout, &expected);
    let log = ended.stderr.join("\n");
    assert_says(&log, &["a frame has a wrong checksum, length or version", "2 corrupt_frame, 1 too_large"]);
}

#[test]
fn invalid_bytes_between_lines_do_not_damage_the_lines() {
    let recording = Recording::tour(33, 1.0);
    let folder = support::folder();
    let mut pty = Pty::open(&folder.path().join("board"));
    let mut daemon = Daemon::run(&pty.section(&recording.stream, "csv"));
    daemon.wait_for_line("the serial port is open");
    // The end of a line, as it is read if the port is opened in the middle of a line.
    pty.send(b"7,\n");
    pty.send(recording.csv(0..250).as_bytes());
    pty.send(b"\xff\xfe\"\x00 guru meditation, core 1\r\n");
    pty.send(recording.csv(250..600).as_bytes());
    let expected = recording.replayed();
    daemon.wait_for_output(expected.len());
    let ended = daemon.terminate();
    assert_same(&ended.stdout, &expected);
    assert_says(&ended.stderr.join("\n"), &["malformed"]);
}

#[test]
fn an_incomplete_frame_at_the_start_is_not_counted() {
    let recording = Recording::tour(34, 1.0);
    let folder = support::folder();
    let mut pty = Pty::open(&folder.path().join("board"));
    let mut daemon = Daemon::run(&pty.section(&recording.stream, "binary"));
    daemon.wait_for_line("the serial port is open");
    let bytes = recording.frames().collect::<Vec<_>>().concat();
    pty.send(&bytes[5..]);
    daemon.wait_for_output(recording.replayed().len() - 1);
    let ended = daemon.terminate();
    assert_says(ended.stderr.last().unwrap(), &["ended", "dropped=none"]);
}

#[test]
fn a_missing_port_causes_one_warning_with_the_fix_until_it_appears() {
    let folder = support::folder();
    let link = folder.path().join("board");
    let recording = Recording::tour(35, 3.0);
    let source = format!("[[source]]\nkind = 'serial'\nport = {link:?}\nstream = '{}'\n", recording.stream);
    let mut daemon = Daemon::run(&source);
    let line = daemon.wait_for_line("does not exist");
    assert_says(
        &line,
        &["WARN", link.to_str().unwrap(), "plug the board in, or set source.port", "/dev/serial/by-id"],
    );

    let file = folder.path().join("underfoot.toml");
    std::fs::write(&file, config(&source)).unwrap();
    let checked = run(["check", "-c", file.to_str().unwrap()]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert_says(
        &checked.stdout,
        &["failed  source serial0: the serial port", "does not exist", "ok      model"],
    );

    let mut pty = Pty::open(&link);
    daemon.wait_for_line("the serial port is open");
    pty.send(recording.csv(0..300).as_bytes());
    daemon.wait_for_output(20);
    let ended = daemon.terminate();
    assert_eq!(ended.stderr.iter().filter(|line| line.contains("WARN")).count(), 1, "{:?}", ended.stderr);
}

#[test]
fn a_path_that_is_not_a_port_causes_a_warning_that_names_it() {
    let folder = support::folder();
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "not a port").unwrap();
    for path in [file.as_path(), folder.path()] {
        let mut daemon = Daemon::run(&format!("[[source]]\nkind = 'serial'\nport = {path:?}\n"));
        let line = daemon.wait_for_line("trying again");
        assert_says(&line, &["WARN", path.to_str().unwrap(), "is not a serial port", "set source.port"]);
        assert!(daemon.is_running());
        assert_eq!(daemon.terminate().code, Some(0));
    }
}

#[test]
fn a_silent_port_is_opened_again_with_a_warning_that_says_what_to_check() {
    let folder = support::folder();
    let pty = Pty::open(&folder.path().join("board"));
    let mut daemon = Daemon::run(&(pty.section("rover", "csv") + "baud = 9600\nsilence = '300ms'\n"));
    let line = daemon.wait_for_line("no bytes arrived");
    assert_says(&line, &["for 300ms", "check the board, the wires and source.baud = 9600"]);
    daemon.wait_for_lines("the serial port is open", 2);
}

/// What `underfoot check` prints about the one source, a board on `pty`, and its exit code.
fn check(pty: &Pty) -> support::Ran {
    let file = pty.link.with_extension("toml");
    std::fs::write(&file, config(&pty.section("rover", "csv"))).unwrap();
    run(["check", "-c", file.to_str().unwrap()])
}

/// Sends the same bytes again and again until `check` has ended.
fn check_while_sending(link: &std::path::Path, bytes: impl Fn(u32) -> Vec<u8>) -> support::Ran {
    let mut pty = Pty::open(link);
    let file = link.with_extension("toml");
    std::fs::write(&file, config(&pty.section("rover", "csv"))).unwrap();
    let checking = std::thread::spawn(move || run(["check", "-c", file.to_str().unwrap()]));
    let mut turn = 0;
    while !checking.is_finished() {
        pty.try_send(&bytes(turn));
        turn += 1;
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    checking.join().unwrap()
}

#[test]
fn check_says_what_a_board_sends_and_in_which_unit_its_times_are() {
    let folder = support::folder();
    for (index, (factor, words)) in
        [(10, "the times are in milliseconds)"), (10_000, "the times are in microseconds)")]
            .into_iter()
            .enumerate()
    {
        let link = folder.path().join(format!("board{index}"));
        let row =
            |turn: u32| format!("{},1.{}\n", u64::from(turn + 1234) * factor, 100 + turn % 7).into_bytes();
        let checked = check_while_sending(&link, row);
        assert_eq!(checked.code, Some(0), "{checked:?}");
        assert_says(
            &checked.stdout,
            &["ok      source serial0: ", "\"rover\" at 100 Hz", "last \"current\" 1.1", words],
        );
    }
}

#[test]
fn check_tells_bytes_without_lines_silence_and_lines_that_fit_nothing_apart() {
    let folder = support::folder();
    let checked = check_while_sending(&folder.path().join("noise"), |_| vec![0x9c; 80]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert_says(&checked.stdout, &["failed  source serial0: bytes arrive, but no line ends", "baud"]);

    let pty = Pty::open(&folder.path().join("silent"));
    let checked = check(&pty);
    assert_eq!(checked.code, Some(0), "the robot may be off: {checked:?}");
    let silent = [
        "no sample arrived within 2s",
        "warning source serial0: no bytes arrived",
        "check the board, the wires",
    ];
    assert_says(&checked.stdout, &silent);

    let checked = check_while_sending(&folder.path().join("other"), |_| b"1.0,2.0,3.0,4.0\n".to_vec());
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert_says(&checked.stdout, &["failed  source serial0: nothing that arrived can be used", "4 fields"]);

    let slow = |turn: u32| {
        if turn.is_multiple_of(10) { format!("{:.2},1.5\n", f64::from(turn) / 100.0) } else { String::new() }
    };
    let checked = check_while_sending(&folder.path().join("slow"), |turn| slow(turn).into_bytes());
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert_says(&checked.stdout, &["failed  source serial0", "at 10 Hz, but the model takes 100 Hz"]);
}

#[test]
fn a_port_in_use_is_told_with_the_program_that_holds_it() {
    let folder = support::folder();
    let pty = Pty::open(&folder.path().join("board"));
    let mut daemon = Daemon::run(&pty.section("rover", "csv"));
    daemon.wait_for_line("the serial port is open");
    let checked = check(&pty);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    let holder = format!("is in use by \"underfoot\" (process {})", daemon.id());
    assert_says(&checked.stdout, &["failed  source serial0", &holder, "stop that program"]);
}

#[test]
fn noise_without_a_line_end_is_a_problem_and_the_port_is_opened_again() {
    let folder = support::folder();
    let mut pty = Pty::open(&folder.path().join("board"));
    let mut daemon = Daemon::run(&(pty.section("rover", "csv") + "silence = '1500ms'\n"));
    daemon.wait_for_line("the serial port is open");
    support::wait_for("the port to be opened again", || {
        pty.try_send(&[0x9c; 100]);
        (daemon.stderr.count("the serial port is open") > 1).then_some(())
    });
    assert_says(&daemon.wait_for_line("without a line end"), &["WARN", "baud"]);
    pty.send(b"\n");
    pty.send(Recording::tour(36, 0.5).csv(0..300).as_bytes());
    daemon.wait_for_output(10);
}

#[test]
fn the_microseconds_of_a_board_give_the_predictions_of_its_seconds() {
    let recording = Recording::tour(37, 1.0);
    let expected = recording.replayed();
    let micros = |t: &str| (t.parse::<f64>().unwrap() * 1e6).round();
    let lines: String =
        recording.rows.iter().map(|(t, current)| format!("{},{current}\n", micros(t))).collect();
    let folder = support::folder();
    let mut pty = Pty::open(&folder.path().join("board"));
    let mut daemon = Daemon::run(&pty.section(&recording.stream, "csv"));
    daemon.wait_for_line("the serial port is open");
    pty.send(lines.as_bytes());
    assert_same(&daemon.wait_for_output(expected.len()), &expected);
    daemon.wait_for_line("the times are in microseconds");
}
