//! A recording gives the same predictions, byte for byte, over every kind of source.

use crate::support;
use crate::support::assert_same;
use crate::support::broker::Broker;
use crate::support::client::Client;
use crate::support::daemon::Daemon;
use crate::support::pty::Pty;
use crate::support::recording::Recording;

/// Waits for this number of predictions, stops the daemon, and returns all its predictions.
fn predictions(daemon: Daemon, expected: usize) -> Vec<String> {
    daemon.wait_for_output(expected);
    let ended = daemon.terminate();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    ended.stdout
}

/// The predictions of a daemon that gets these payloads over MQTT.
fn over_mqtt(recording: &Recording, expected: usize, payloads: impl Iterator<Item = String>) -> Vec<String> {
    let broker = Broker::start();
    let topic = "[[source]]\nkind = 'mqtt'\ntopic = 'robots/{stream}/current'\n";
    let daemon = Daemon::run(&(broker.section() + topic));
    let client = Client::new(&broker, "$SYS/nothing");
    broker.wait_for_subscription("robots/+/current");
    let topic = format!("robots/{}/current", recording.stream);
    payloads.for_each(|payload| client.publish(&topic, payload));
    predictions(daemon, expected)
}

/// The predictions of a daemon that reads these bytes from a serial line.
fn over_serial(recording: &Recording, expected: usize, format: &str, bytes: &[u8]) -> Vec<String> {
    let folder = support::folder();
    let mut pty = Pty::open(&folder.path().join("board"));
    let mut daemon = Daemon::run(&pty.section(&recording.stream, format));
    daemon.wait_for_line("the serial port is open");
    pty.send(bytes);
    predictions(daemon, expected)
}

#[test]
fn json_objects_over_mqtt_give_the_predictions_of_a_replay() {
    let recording = Recording::tour(11, 3.0);
    let expected = recording.replayed();
    assert_same(&over_mqtt(&recording, expected.len(), recording.objects()), &expected);
}

#[test]
fn csv_lines_over_mqtt_give_the_predictions_of_a_replay_for_any_number_per_message() {
    let recording = Recording::tour(12, 3.0);
    let expected = recording.replayed();
    let lines = (0..recording.rows.len()).map(|row| recording.csv(row..row + 1));
    assert_same(&over_mqtt(&recording, expected.len(), lines), &expected);
    let batches = (0..recording.rows.len()).step_by(250);
    let batches = batches.map(|row| recording.csv(row..recording.rows.len().min(row + 250)));
    assert_same(&over_mqtt(&recording, expected.len(), batches), &expected);
}

#[test]
fn microseconds_over_mqtt_give_the_predictions_of_a_replay_without_a_configured_unit() {
    let recording = Recording::tour(16, 1.0);
    let expected = recording.replayed();
    let micros = |t: &str| (t.parse::<f64>().unwrap() * 1e6).round();
    let lines = recording.rows.iter().map(|(t, current)| format!("{},{current}", micros(t)));
    assert_same(&over_mqtt(&recording, expected.len(), lines), &expected);
}

#[test]
fn csv_lines_over_a_serial_line_give_the_predictions_of_a_replay() {
    let recording = Recording::tour(13, 3.0);
    let expected = recording.replayed();
    let bytes = recording.csv(0..recording.rows.len());
    assert_same(&over_serial(&recording, expected.len(), "csv", bytes.as_bytes()), &expected);
}

#[test]
fn json_objects_over_a_serial_line_give_the_predictions_of_a_replay() {
    let recording = Recording::tour(14, 3.0);
    let expected = recording.replayed();
    let bytes = recording.objects().map(|object| object + "\n").collect::<String>();
    assert_same(&over_serial(&recording, expected.len(), "json", bytes.as_bytes()), &expected);
}

#[test]
fn frames_over_a_serial_line_give_the_predictions_of_a_replay() {
    let recording = Recording::tour(15, 3.0);
    let expected = recording.replayed();
    let bytes = recording.frames().collect::<Vec<_>>().concat();
    assert_same(&over_serial(&recording, expected.len(), "binary", &bytes), &expected);
}

#[test]
fn standard_input_gives_the_predictions_of_a_replay() {
    let recording = Recording::tour(16, 3.0);
    let source = format!("[[source]]\nkind = 'stdin'\nstream = '{}'\n", recording.stream);
    let mut daemon = Daemon::run(&source);
    daemon.feed(std::fs::read(&recording.path).unwrap());
    daemon.close();
    let ended = daemon.wait();
    assert_eq!(ended.code, Some(0), "the daemon ends with its last source: {:?}", ended.stderr);
    assert_same(&ended.stdout, &recording.replayed());
}

#[test]
fn a_recording_as_a_source_gives_the_predictions_of_a_replay() {
    let recording = Recording::tour(17, 3.0);
    let source = format!("[[source]]\nkind = 'file'\npath = {:?}\nspeed = 'max'\n", recording.path);
    let ended = Daemon::run(&source).wait();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    assert_same(&ended.stdout, &recording.replayed());
}
