//! The simulated robot: its files, its serial line and its MQTT messages.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::broker::Broker;
use crate::support::client::Client;
use crate::support::daemon::Daemon;
use crate::support::recording::simulate;
use crate::support::{self, assert_says, json, run, underfoot, wait_for};

/// All files below a folder with their contents.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            all.extend(files(&path).into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)));
        } else {
            all.insert(name, std::fs::read(path).unwrap());
        }
    }
    all
}

/// The files that `underfoot simulate` writes with these arguments.
fn simulated(args: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let folder = support::folder();
    simulate(folder.path(), args);
    files(folder.path())
}

#[test]
fn the_same_seed_writes_the_same_files() {
    let args = |seed| ["--drives", "2", "--seconds", "2", "--seed", seed];
    let first = simulated(&args("5"));
    assert_eq!(first.len(), 12);
    assert!(first == simulated(&args("5")));
    assert!(first != simulated(&args("6")));
    let surfaces: Vec<_> = first.keys().map(|name| name.split('/').next().unwrap()).collect();
    assert_eq!(surfaces[..4], ["carpet", "carpet", "concrete", "concrete"]);

    let tour = simulated(&["--tour", "--seconds", "2", "--seed", "5"]);
    assert_eq!(tour.keys().collect::<Vec<_>>(), ["dataset.toml", "tour5.csv", "tour5.labels.csv"]);
    assert!(tour == simulated(&["--tour", "--seconds", "2", "--seed", "5"]));
}

#[test]
fn a_simulated_robot_can_stay_on_one_surface_and_have_several_motors() {
    let only = simulated(&["--drives", "2", "--seconds", "2", "--seed", "5", "--surface", "tile"]);
    let all = simulated(&["--drives", "2", "--seconds", "2", "--seed", "5"]);
    assert_eq!(only.keys().collect::<Vec<_>>(), ["tile/sim002.csv", "tile/sim003.csv"]);
    assert!(only.iter().all(|(name, text)| all[name] == *text));
    let wheels = simulated(&["--drives", "1", "--seconds", "1", "--surface", "wood", "--channels", "4"]);
    let text = std::str::from_utf8(&wheels["wood/sim002.csv"]).unwrap();
    assert!(text.starts_with("t,front_left,front_right,rear_left,rear_right\n"), "{text}");

    let unknown = run(["simulate", "--pty", "/nowhere/board", "--surface", "ice"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert_says(&unknown.stderr, &["'ice'", "it must be one of concrete, tile, wood, carpet, grass, gravel"]);
    let motors = run(["simulate", "--pty", "/nowhere/board", "--channels", "5"]);
    assert_says(&motors.stderr, &["it must be a number from 1 to 4"]);
}

#[test]
fn a_simulated_board_says_on_which_surface_it_is_and_check_reads_it_without_a_configuration() {
    let folder = support::folder();
    let link = folder.path().join("board");
    let port = link.to_str().unwrap();
    let mut board = Daemon::command(underfoot(["simulate", "--pty", port, "--seconds", "1"]));
    let surfaces = board.wait_for_lines("the robot is on", 2);
    assert_eq!(surfaces[..2], ["0 s: the robot is on concrete", "1 s: the robot is on tile"]);
    let ran = run(["check", "--port", port, "--channels", "current"]);
    let next = format!(
        "next: drive over a surface, such as gravel, and run underfoot record --label gravel --port {port}\n"
    );
    assert_says(&ran.stderr, &[&next]);
    let checked = ran.ok();
    assert_says(&checked, &["ok      source serial0: ", "\"rover\" at 100 Hz, last \"current\" "]);
    assert_eq!(checked.lines().count(), 1, "{checked}");
    let wrong = run(["check", "--port", port, "--channels", "left,right"]).ok();
    assert_says(&wrong, &["warning source serial0: ", "channel \"left\" only ever rises"]);
    assert_eq!(board.interrupt().code, Some(0));
}

#[test]
fn check_says_how_to_name_the_channels_of_a_board_that_sends_several() {
    let folder = support::folder();
    let link = folder.path().join("board");
    let port = link.to_str().unwrap();
    let mut board = Daemon::command(underfoot(["simulate", "--pty", port, "--channels", "2"]));
    board.wait_for_line("the robot is on");
    let checked = run(["check", "--port", port]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    let hint = "or name every channel that the board sends, with --channels or under [[source.channel]]";
    assert_says(&checked.stdout, &["the row has 3 fields instead of 1 (current)", hint]);
    let ran = run(["check", "--port", port, "--channels", "left,right"]);
    assert_says(
        &ran.stderr,
        &[&format!("underfoot record --label gravel --port {port} --channels left,right\n")],
    );
    assert_says(&ran.ok(), &["last \"left\" ", "\"right\" "]);
    assert_eq!(board.interrupt().code, Some(0));
}

#[test]
fn a_daemon_reads_a_simulated_board() {
    for format in ["csv", "binary"] {
        let folder = support::folder();
        let link = folder.path().join("board");
        let args = ["simulate", "--pty", link.to_str().unwrap(), "--format", format];
        let mut board = Daemon::command(underfoot(args));
        board.wait_for_line("a simulated board is at");
        let source =
            format!("[[source]]\nkind = 'serial'\nport = {link:?}\nformat = '{format}'\nstream = 'sim'\n");
        let daemon = Daemon::run(&source);
        let lines = daemon.wait_for_output(2);
        assert_says(&lines[0], &["{\"stream\":\"sim\",\"t\":"]);
        assert_eq!(daemon.terminate().code, Some(0));
        assert_eq!(board.interrupt().code, Some(0));
        assert!(!link.is_symlink(), "the link is removed with the board");
    }
}

#[test]
fn a_daemon_receives_a_simulated_robot_through_a_broker() {
    let broker = Broker::start();
    let client = Client::new(&broker, "underfoot/#");
    let source = "[[source]]\nkind = 'mqtt'\ntopic = 'robots/{stream}/current'\n";
    let daemon = Daemon::run(&(broker.section() + source));
    broker.wait_for_subscription("robots/+/current");
    let address = broker.address();
    let mut robot = Daemon::command(underfoot(["simulate", "--mqtt", &address, "--stream", "rover"]));
    robot.wait_for_line("publishing to robots/rover/current");
    let prediction = json(client.wait_for("underfoot/rover/prediction", |_| true).payload);
    assert!(prediction["probabilities"].is_object(), "{prediction}");
    client.wait_for("underfoot/rover/surface", |_| true);
    let report = client.health(|report| report["healthy"] == true);
    assert_eq!((&report["streams"], &report["sources"][0]["state"]), (&1.into(), &"ok".into()));
    assert_eq!(robot.interrupt().code, Some(0));
    assert_eq!(daemon.terminate().code, Some(0));
}

#[test]
fn an_unreachable_broker_is_an_error_that_names_it() {
    let broker = Broker::down();
    let line = run(["simulate", "--mqtt", &broker.address()]).one_line(1);
    assert_says(&line, &["the broker at", &broker.address(), "cannot be reached"]);
}

#[test]
fn the_built_in_simulator_can_be_a_source() {
    let daemon = Daemon::run("[[source]]\nkind = 'simulator'\nseed = 4\nstream = 'sim'\n");
    let first = daemon.wait_for_output(1);
    let again = Daemon::run("[[source]]\nkind = 'simulator'\nseed = 4\nstream = 'sim'\n");
    assert_eq!(again.wait_for_output(1)[0], first[0]);
    wait_for("a second prediction", || (daemon.stdout.all().len() > 1).then_some(()));
}
