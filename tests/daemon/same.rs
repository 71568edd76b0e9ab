//! One recording gives the same predictions, byte for byte, whichever way its samples come.

use crate::support;
use crate::support::assert_same;
use crate::support::broker::Broker;
use crate::support::client::Client;
use crate::support::daemon::Daemon;
use crate::support::pty::Pty;
use crate::support::recording::Recording;

/// The predictions that a daemon gave until its end; there must be as many as replay gives.
fn predictions(daemon: Daemon, expected: usize) -> Vec<String> {
    daemon.wait_for_output(expected);
    let ended = daemon.terminate();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    ended.stdout
}

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

fn over_serial(recording: &Recording, expected: usize, format: &str, bytes: &[u8]) -> Vec<String> {
    let folder = support::folder();
    let mut pty = Pty::open(&folder.path().join("board"));
    let mut daemon = Daemon::run(&pty.section(&recording.stream, format));
    daemon.wait_for_line("the serial port is open");
    pty.send(bytes);
    predictions(daemon, expected)
}

#[test]
fn objects_over_mqtt_give_what_replay_gives() {
    let recording = Recording::tour(11, 3.0);
    let expected = recording.replayed();
    assert_same(&over_mqtt(&recording, expected.len(), recording.objects()), &expected);
}

#[test]
fn lines_over_mqtt_give_what_replay_gives_however_many_come_at_once() {
    let recording = Recording::tour(12, 3.0);
    let expected = recording.replayed();
    let lines = (0..recording.rows.len()).map(|row| recording.csv(row..row + 1));
    assert_same(&over_mqtt(&recording, expected.len(), lines), &expected);
    let chunks = (0..recording.rows.len()).step_by(250);
    let chunks = chunks.map(|row| recording.csv(row..recording.rows.len().min(row + 250)));
    assert_same(&over_mqtt(&recording, expected.len(), chunks), &expected);
}

#[test]
fn lines_over_a_serial_line_give_what_replay_gives() {
    let recording = Recording::tour(13, 3.0);
    let expected = recording.replayed();
    let bytes = recording.csv(0..recording.rows.len());
    assert_same(&over_serial(&recording, expected.len(), "csv", bytes.as_bytes()), &expected);
}

#[test]
fn objects_over_a_serial_line_give_what_replay_gives() {
    let recording = Recording::tour(14, 3.0);
    let expected = recording.replayed();
    let bytes = recording.objects().map(|object| object + "\n").collect::<String>();
    assert_same(&over_serial(&recording, expected.len(), "json", bytes.as_bytes()), &expected);
}

#[test]
fn frames_over_a_serial_line_give_what_replay_gives() {
    let recording = Recording::tour(15, 3.0);
    let expected = recording.replayed();
    let bytes = recording.frames().collect::<Vec<_>>().concat();
    assert_same(&over_serial(&recording, expected.len(), "binary", &bytes), &expected);
}

#[test]
fn standard_input_gives_what_replay_gives() {
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
fn a_recording_as_a_source_gives_what_replay_gives() {
    let recording = Recording::tour(17, 3.0);
    let source = format!("[[source]]\nkind = 'file'\npath = {:?}\nspeed = 'max'\n", recording.path);
    let ended = Daemon::run(&source).wait();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    assert_same(&ended.stdout, &recording.replayed());
}
