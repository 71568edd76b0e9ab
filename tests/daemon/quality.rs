//! Sensors that are stuck, saturated, silent or have drifted, and input without problems.

use crate::support::broker::Broker;
use crate::support::client::Client;
use crate::support::daemon::{Daemon, config};
use crate::support::pty::Pty;
use crate::support::recording::{Recording, replay, simulate};
use crate::support::{self, assert_same, assert_says, json};
use std::ops::Range;

use serde_json::Value;

/// With these settings the first window already decides a surface, whatever its confidence.
const DECIDE: &str = "[decide]\nmin_confidence = 0.0\nhysteresis = 0.0\n";
const STDIN: &str = "[[source]]\nkind = 'stdin'\nstream = 'cart'\n";

/// Waits until this problem is the first in the health report, fails unless it is the only one, and returns
/// it.
fn problem(client: &Client, word: &str) -> Value {
    let report = client.health(|report| report["problems"][0]["problem"] == word);
    assert_eq!((&report["state"], &report["problem_count"]), (&"degraded".into(), &1.into()), "{report}");
    report["problems"][0].clone()
}

/// Waits until no problems are reported.
fn wait_until_ok(client: &Client) {
    client.health(|report| report["state"] == "ok" && report["problems"].as_array().unwrap().is_empty());
}

/// Waits until `matches` is true for the newest surface of a stream, and returns it.
fn surface(client: &Client, stream: &str, matches: impl Fn(&Value) -> bool) -> Value {
    support::wait_for("a surface", || {
        client.on(&format!("underfoot/{stream}/surface")).last().map(json).filter(&matches)
    })
}

fn unknown(surface: &Value, reason: &str) -> bool {
    surface["surface"] == "unknown" && surface["reason"] == reason
}

/// The number of windows whose `quality.faults` contains this fault.
fn with_fault(lines: &[String], fault: &str) -> usize {
    let has = |line: &&String| {
        json(line)["quality"]["faults"].as_array().is_some_and(|all| all.contains(&fault.into()))
    };
    lines.iter().filter(has).count()
}

#[test]
fn a_stuck_sensor_is_reported_and_its_surface_is_unknown_until_it_recovers() {
    let stuck = |row: usize, value: f64| if (400..800).contains(&row) { 1.4321 } else { value };
    let recording = Recording::tour(81, 2.0).with(stuck);
    let broker = Broker::start();
    let client = Client::new(&broker, "underfoot/#");
    let folder = support::folder();
    let mut pty = Pty::open(&folder.path().join("board"));
    let stream = recording.stream.clone();
    let mut daemon = Daemon::run(&(broker.section() + DECIDE + &pty.section(&stream, "csv")));
    daemon.wait_for_line("the serial port is open");
    pty.send(recording.csv(0..400).as_bytes());
    surface(&client, &stream, |surface| surface["surface"] != "unknown");
    pty.send(recording.csv(400..800).as_bytes());
    let found = problem(&client, "stuck");
    assert_eq!((&found["stream"], &found["channel"]), (&stream.clone().into(), &"current".into()), "{found}");
    assert_says(found["detail"].as_str().unwrap(), &["current stays at 1.4321 A", "check the sensor"]);
    surface(&client, &stream, |surface| unknown(surface, "current is stuck"));
    pty.send(recording.csv(800..1200).as_bytes());
    wait_until_ok(&client);
    let now = surface(&client, &stream, |surface| surface["surface"] != "unknown");
    assert!(now.get("reason").is_none(), "{now}");
    let file = folder.path().join("underfoot.toml");
    std::fs::write(&file, DECIDE).unwrap();
    let expected = replay(&[&recording.path], &["--config", file.to_str().unwrap()]);
    let expected: Vec<_> = expected.lines().map(str::to_owned).collect();
    daemon.wait_for_output(expected.len());
    let ended = daemon.terminate();
    assert_same(&ended.stdout, &expected);
    // The fault begins at the 500th sample, after a whole window without a change. It ends when a quarter of
    // the window has changes.
    assert_eq!(with_fault(&expected, "current is stuck"), 33);
    assert_eq!(ended.stderr.iter().filter(|line| line.contains("stays at")).count(), 1, "{:?}", ended.stderr);
}

#[test]
fn a_saturated_sensor_is_detected_by_its_equal_extremes_or_by_its_limits() {
    let saturated =
        |row: usize, value: f64| if (400..800).contains(&row) && row % 50 < 30 { 3.6 } else { value };
    let recording = Recording::tour(82, 2.0).with(saturated);
    let lines = recording.replayed();
    let saturated_windows = with_fault(&lines, "current is saturated");
    assert!((38..=50).contains(&saturated_windows), "{saturated_windows}");
    for line in lines.iter().map(json) {
        let (clipped, t) = (line["quality"]["clipped"].as_f64().unwrap(), line["t"].as_f64().unwrap());
        let faults = line["quality"].get("faults").is_some();
        assert!(!faults || line["surface"] == "unknown", "{line}");
        // The fifth equal value of the first run is at 4.04 s. The last one is at 7.79 s and leaves the
        // window 1 s later.
        let within = (4.05..8.75).contains(&t);
        assert!(clipped <= 0.6 && (clipped > 0.0) == within, "{line}");
    }
    // The same sensor with its limit in the configuration.
    let broker = Broker::start();
    let client = Client::new(&broker, "underfoot/#");
    let channel = "[[source.channel]]\nname = 'current'\nmax = 1.2\n";
    let mut daemon = Daemon::run(&(broker.section() + DECIDE + STDIN + channel));
    let recording = Recording::tour(83, 1.0)
        .with(|row, value| if row < 300 { value.min(1.1) } else { value.clamp(1.3, 2.0) });
    daemon.feed(recording.csv(0..300));
    daemon.wait_for_output(21);
    daemon.feed(recording.csv(300..600));
    let found = problem(&client, "saturated");
    assert_eq!((&found["stream"], &found["channel"]), (&"cart".into(), &"current".into()), "{found}");
    surface(&client, "cart", |surface| unknown(surface, "current is saturated"));
    let last = json(daemon.wait_for_output(51).last().unwrap());
    assert_eq!(last["quality"]["clipped"], 1.0, "{last}");
}

#[test]
fn the_surface_of_a_stuck_sensor_stays_known_if_the_configuration_says_so() {
    let recording = Recording::tour(84, 1.0).with(|row, value| if row < 300 { value } else { 1.4321 });
    let folder = support::folder();
    let file = folder.path().join("underfoot.toml");
    std::fs::write(&file, format!("{DECIDE}[quality]\nunknown_when_stuck = false\n")).unwrap();
    let lines = replay(&[&recording.path], &["--config", file.to_str().unwrap()]);
    let lines: Vec<_> = lines.lines().map(str::to_owned).collect();
    assert!(with_fault(&lines, "current is stuck") > 10, "the fault is still reported");
    assert!(lines.iter().all(|line| json(line)["surface"] != "unknown"));
}

#[test]
fn a_silent_sensor_is_reported_until_samples_arrive_again() {
    let recording = Recording::tour(85, 20.0);
    // Samples without a number, as from a board whose sensor is disconnected.
    let without = |rows: Range<usize>| -> String {
        recording.rows[rows].iter().map(|(t, _)| format!("{t},nan\n")).collect()
    };
    let broker = Broker::start();
    let client = Client::new(&broker, "underfoot/#");
    let text = config(&(broker.section() + DECIDE + STDIN)).replace("silence = '10m'", "silence = '500ms'");
    let mut daemon = Daemon::with_config(&text);
    daemon.feed(recording.csv(0..300));
    let found = problem(&client, "silent");
    assert_eq!((&found["stream"], found.get("channel")), (&"cart".into(), None), "{found}");
    surface(&client, "cart", |surface| unknown(surface, "no samples arrive"));
    daemon.feed(without(300..400));
    // One sample per check, so that the stream does not become silent again, however slow the machine is.
    let mut fed = 400;
    support::wait_for("the recovery of the stream", || {
        daemon.feed(recording.csv(fed..fed + 1));
        fed += 1;
        let report = client.on("underfoot/health").last().map(json)?;
        (report["state"] == "ok" && report["problem_count"] == 0).then_some(())
    });
    // All in one write, so that there is no silence between the last sample with a number and those without.
    daemon.feed(recording.csv(fed..fed + 50) + &without(fed + 50..fed + 100));
    let report = client.health(|report| report["problems"][0]["channel"] == "current");
    assert_says(report["problems"][0]["detail"].as_str().unwrap(), &["without a number for current"]);
}

#[test]
fn drifted_input_is_reported_with_its_numbers_until_it_ends() {
    let recording = Recording::tour(86, 4.0)
        .with(|row, value| if (600..1400).contains(&row) { 4.0 * value } else { value });
    let broker = Broker::start();
    let client = Client::new(&broker, "underfoot/#");
    let mut daemon = Daemon::run(&(broker.section() + DECIDE + "[quality]\ndrift_time = '2s'\n" + STDIN));
    daemon.feed(recording.csv(0..600));
    daemon.wait_for_output(51);
    wait_until_ok(&client);
    daemon.feed(recording.csv(600..1400));
    let found = problem(&client, "drifted");
    assert_eq!((&found["stream"], &found["channel"]), (&"cart".into(), &"current".into()), "{found}");
    let numbers = ["A on average", "but 1.393 \u{b1} 0.411 A in the training data"];
    assert_says(found["detail"].as_str().unwrap(), &numbers);
    let lines = daemon.wait_for_output(131);
    let last = json(&lines[130]);
    assert!(last["quality"]["drift"].as_f64().unwrap() > 3.0, "{last}");
    assert_ne!(last["surface"], "unknown", "drift is only reported");
    daemon.feed(recording.csv(1400..2400));
    wait_until_ok(&client);
}

#[test]
fn ordinary_drives_on_every_surface_cause_no_problems() {
    let folder = support::folder();
    // Longer than the three minutes after which drift is evaluated.
    simulate(folder.path(), &["--drives", "1", "--seconds", "240", "--seed", "87"]);
    let out = replay(&[folder.path()], &[]) + &replay(&[Recording::tour(88, 50.0).path], &[]);
    let mut largest = 0.0f64;
    for line in out.lines().map(json) {
        let quality = &line["quality"];
        assert!(quality.get("faults").is_none(), "{line}");
        assert_eq!((&quality["clipped"], &quality["late"]), (&0.0.into(), &0.0.into()), "{line}");
        largest = largest.max(quality["drift"].as_f64().unwrap_or_default());
    }
    println!("{} windows, drift up to {largest}", out.lines().count());
    assert!((0.5..2.5).contains(&largest), "{largest}");
}

#[test]
fn the_share_of_late_samples_is_reported_for_each_window() {
    let mut recording = Recording::tour(89, 1.0);
    // Every tenth sample comes after the next one.
    for row in (1..599).step_by(10) {
        recording.rows.swap(row, row + 1);
    }
    let recording = recording.with(|_, value| value);
    let lines = recording.replayed();
    let last = json(lines.last().unwrap());
    assert_eq!(last["quality"]["late"], 0.1, "{last}");
}

#[test]
fn a_source_at_a_tenth_of_the_models_rate_is_named_with_both_rates_and_its_surface_is_unknown() {
    let recording = Recording::tour(86, 4.0);
    let slow: Vec<_> =
        recording.rows.iter().step_by(10).map(|(t, current)| format!("{t},{current}\n")).collect();
    let broker = Broker::start();
    let client = Client::new(&broker, "underfoot/#");
    let mut daemon = Daemon::run(&(broker.section() + DECIDE + STDIN));
    daemon.feed(slow.concat());
    let problem = problem(&client, "rate");
    assert_says(problem["detail"].as_str().unwrap(), &["at 10 Hz", "the model takes 100 Hz"]);
    surface(&client, "cart", |surface| unknown(surface, "rate"));
    let lines = daemon.wait_for_output(20);
    assert!(lines.iter().all(|line| json(line)["surface"] == "unknown"), "{lines:?}");
    assert_eq!(with_fault(&lines, "rate"), lines.len());

    // The same source at the model's rate.
    let good = recording
        .rows
        .iter()
        .map(|(t, current)| format!("{},{current}\n", 100.0 + t.parse::<f64>().unwrap()));
    daemon.feed(good.collect::<String>());
    wait_until_ok(&client);
}

#[test]
fn a_damaged_time_costs_one_sample_and_no_prediction() {
    let recording = Recording::tour(87, 2.0);
    let expected = recording.replayed();
    let mut lines: Vec<_> =
        recording.csv(0..recording.rows.len()).lines().map(|line| format!("{line}\n")).collect();
    // A digit too much, and a digit that was lost.
    lines.insert(500, "50.0,1.0\n".into());
    lines.insert(700, "0.9,1.0\n".into());
    let mut daemon = Daemon::run(&format!("[[source]]\nkind = 'stdin'\nstream = '{}'\n", recording.stream));
    daemon.feed(lines.concat());
    daemon.close();
    let ended = daemon.wait();
    assert_same(&ended.stdout, &expected);
    assert_says(ended.stderr.last().unwrap(), &["ended", "dropped=2 bad_time"]);
}
