//! The daemon and its broker: outages, rejected connections, several robots, and invalid messages.

use crate::support::broker::Broker;
use crate::support::client::Client;
use crate::support::daemon::Daemon;
use crate::support::recording::Recording;
use crate::support::{self, assert_same, assert_says, json, wait_for};

const ROBOTS: &str = "[[source]]\nkind = 'mqtt'\ntopic = 'robots/{stream}/current'\n";
const CART: &str = "[[source]]\nkind = 'stdin'\nstream = 'cart'\n";
/// With these settings the first window already decides a surface, whatever its confidence.
const DECIDE: &str = "[decide]\nmin_confidence = 0.0\nhysteresis = 0.0\n";

/// A daemon that receives the samples of robots from a broker.
fn subscribed(broker: &Broker) -> Daemon {
    let daemon = Daemon::run(&(broker.section() + ROBOTS));
    broker.wait_for_subscription("robots/+/current");
    daemon
}

/// The lines of one stream.
fn lines_of(stream: &str, lines: Vec<String>) -> Vec<String> {
    let start = format!("{{\"stream\":\"{stream}\",");
    lines.into_iter().filter(|line| line.starts_with(&start)).collect()
}

/// Publishes every sample of a recording in its own message.
fn publish(client: &Client, recording: &Recording) {
    let topic = format!("robots/{}/current", recording.stream);
    recording.objects().for_each(|object| client.publish(&topic, object));
}

#[test]
fn a_daemon_that_is_killed_is_offline_immediately() {
    let broker = Broker::start();
    let client = Client::new(&broker, "underfoot/status");
    let daemon = subscribed(&broker);
    client.wait_for("underfoot/status", |message| message.payload == "online");
    daemon.kill();
    client.wait_for("underfoot/status", |message| message.payload == "offline");
}

#[test]
fn a_daemon_that_is_stopped_publishes_offline_and_exits_with_0() {
    let broker = Broker::start();
    let client = Client::new(&broker, "underfoot/status");
    let daemon = subscribed(&broker);
    client.wait_for("underfoot/status", |message| message.payload == "online");
    let ended = daemon.terminate();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    client.wait_for("underfoot/status", |message| message.payload == "offline");
    let later = Client::new(&broker, "underfoot/status");
    assert_eq!(later.wait_for("underfoot/status", |_| true).payload, "offline", "the status is retained");
}

#[test]
fn predictions_and_surfaces_are_published_below_the_base_topic() {
    let broker = Broker::start();
    let client = Client::new(&broker, "base/#");
    let base = "[publish]\nbase = 'base'\nhealth = '1s'\nstdout = true\n";
    let config = support::daemon::config("").replace("[publish]\nhealth = '1s'\n", base);
    let daemon = Daemon::with_config(&(config + &broker.section() + ROBOTS + DECIDE));
    broker.wait_for_subscription("robots/+/current");
    let recording = Recording::tour(21, 1.0);
    let surface = format!("base/{}/surface", recording.stream);
    let topic = format!("robots/{}/current", recording.stream);
    client.publish(&topic, recording.csv(0..50));
    let first = json(client.wait_for(&surface, |_| true).payload);
    assert_eq!((&first["surface"], &first["previous"]), (&"unknown".into(), &().into()));
    client.publish(&topic, recording.csv(50..600));
    let count = recording.replayed().len();
    let lines = daemon.wait_for_output(count);

    let topic = format!("base/{}/prediction", recording.stream);
    wait_for("every prediction", || (client.on(&topic).len() == count).then_some(()));
    let payloads = client.on(&topic).into_iter();
    let with_stream =
        payloads.map(|line| line.replacen('{', &format!("{{\"stream\":\"{}\",", recording.stream), 1));
    // The fields are the same as on standard output, except for the stream.
    assert_same(&with_stream.collect::<Vec<_>>(), &lines);

    let last = &json(lines.last().unwrap())["surface"];
    let last = client.wait_for(&surface, |message| json(&message.payload)["surface"] == *last);
    let last = json(last.payload);
    assert!(last["previous"].is_string() && last["model"] == "simulated", "{last}");
    for key in ["confidence", "since", "t"] {
        assert!(last[key].is_number(), "{last}");
    }
    let info = json(client.wait_for("base/info", |_| true).payload);
    assert_eq!((&info["rate"], &info["window"]), (&100.0.into(), &100.into()));
    assert_eq!(daemon.terminate().code, Some(0));
}

#[test]
fn the_daemon_waits_for_a_broker_that_starts_later_with_one_warning() {
    let mut broker = Broker::down();
    let mut daemon = Daemon::run(&(broker.section() + CART + DECIDE));
    let line = daemon.wait_for_line("cannot be reached");
    assert_says(&line, &["WARN", &broker.address(), "check mqtt.host and mqtt.port", "trying again"]);
    let recording = Recording::tour(22, 1.0);
    daemon.feed(recording.csv(0..300));
    daemon.wait_for_output(15);
    broker.up();
    let line = daemon.wait_for_line("connected to the broker");
    assert!(!line.contains("tries=1 "), "{line}");
    let client = Client::new(&broker, "underfoot/#");
    client.wait_for("underfoot/status", |message| message.payload == "online");
    client.wait_for("underfoot/info", |message| message.payload.contains("\"labels\""));
    client.wait_for("underfoot/cart/surface", |message| json(&message.payload)["surface"] != "unknown");
    assert_eq!(daemon.stderr.count("cannot be reached: "), 1, "{:?}", daemon.stderr.all());
    assert!(daemon.is_running());
}

#[test]
fn everything_is_published_again_each_time_a_broker_has_lost_its_state() {
    let mut broker = Broker::start();
    let mut daemon = Daemon::run(&(broker.section() + ROBOTS + CART + DECIDE));
    broker.wait_for_subscription("robots/+/current");
    let (rover, cart) = (Recording::tour(23, 1.0), Recording::tour(24, 2.0));
    let client = Client::new(&broker, "underfoot/#");
    publish(&client, &rover);
    let topic = format!("underfoot/{}/surface", rover.stream);
    let mut predicted = rover.replayed().len();
    let surface = json(daemon.wait_for_output(predicted).last().unwrap())["surface"].clone();
    client.wait_for(&topic, |message| json(&message.payload)["surface"] == surface);
    // The cart has not sent a whole window yet, so its surface is unknown.
    daemon.feed(cart.csv(0..50));
    client.wait_for("underfoot/cart/surface", |message| json(&message.payload)["surface"] == "unknown");
    drop(client);

    let mut missed = 0;
    for (round, rows) in [50..400, 400..700].into_iter().enumerate() {
        broker.stop();
        daemon.wait_for_lines("trying again", 2 * round + 1);
        // The first window needs 100 samples.
        let count = if round == 0 { 31 } else { 30 };
        daemon.feed(cart.csv(rows));
        predicted = daemon.wait_for_output(predicted + count).len();
        missed += count;
        broker.up();
        broker.wait_for_subscription("robots/+/current");

        let client = Client::new(&broker, "underfoot/#");
        client.wait_for("underfoot/status", |message| message.payload == "online");
        client.wait_for("underfoot/info", |_| true);
        client.wait_for(&topic, |_| true);
        let again = Client::new(&broker, &topic).wait_for(&topic, |_| true);
        assert!(again.retain);
        assert_eq!(json(again.payload)["surface"], surface);
        // The surface that changed while the broker was away is published as well.
        client.wait_for("underfoot/cart/surface", |message| json(&message.payload)["surface"] != "unknown");
        client.health(|report| report["dropped"]["not_published"] == missed);
        // New samples are received after the new subscription.
        let other = Recording::tour(25 + round as u32, 0.5);
        publish(&client, &other);
        let topic = format!("underfoot/{}/prediction", other.stream);
        client.wait_for(&topic, |_| true);
        predicted = daemon.wait_for_output(predicted + other.replayed().len()).len();
    }
    assert!(daemon.is_running());
    let ended = daemon.terminate();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    assert_eq!(ended.stderr.iter().filter(|line| line.contains("connected to the broker")).count(), 3);
}

#[test]
fn a_wrong_password_is_reported_in_one_line_with_the_user_and_without_the_password() {
    let broker = Broker::with_user("robot", "the-right-one");
    let user = "username = 'robot'\npassword = 'hunter2-wrong'\n";
    let mut daemon = Daemon::run(&(broker.section() + user + ROBOTS));
    let line = daemon.wait_for_line("refuses the user");
    assert_says(
        &line,
        &["WARN", "\"robot\"", &broker.address(), "correct mqtt.username and mqtt.password_file"],
    );
    wait_for("three rejected connections", || {
        let rejected = broker.log().iter().filter(|line| line.contains("not authorised")).count();
        (rejected >= 3).then_some(())
    });
    assert!(daemon.is_running());
    let ended = daemon.terminate();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    assert_eq!(ended.stderr.iter().filter(|line| line.contains("refuses")).count(), 1, "{:?}", ended.stderr);
    assert!(!format!("{ended:?}").contains("hunter2"), "{ended:?}");
}

#[test]
fn the_right_password_from_a_file_is_accepted() {
    let broker = Broker::with_user("robot", "the-right-one");
    let folder = support::folder();
    let file = support::private(folder.path(), "the-right-one\n");
    let user = format!("username = 'robot'\npassword_file = {file:?}\n");
    let mut daemon = Daemon::run(&(broker.section() + &user + ROBOTS));
    daemon.wait_for_line("connected to the broker");
}

#[test]
fn streams_over_one_broker_do_not_mix() {
    let broker = Broker::start();
    let daemon = subscribed(&broker);
    let client = Client::new(&broker, "$SYS/nothing");
    let recordings = [26, 27, 28].map(|seed| Recording::tour(seed, 1.0));
    let rows: Vec<Vec<_>> = recordings.iter().map(|recording| recording.objects().collect()).collect();
    for row in 0..600 {
        for (recording, objects) in recordings.iter().zip(&rows) {
            client.publish(&format!("robots/{}/current", recording.stream), objects[row].as_str());
        }
    }
    let expected = recordings.each_ref().map(Recording::replayed);
    daemon.wait_for_output(expected.iter().map(Vec::len).sum());
    let lines = daemon.terminate().stdout;
    for (recording, expected) in recordings.iter().zip(expected) {
        assert_same(&lines_of(&recording.stream, lines.clone()), &expected);
    }
}

#[test]
fn invalid_stream_names_and_payloads_are_counted_and_other_streams_lose_nothing() {
    let broker = Broker::start();
    let daemon = subscribed(&broker);
    let client = Client::new(&broker, "underfoot/#");
    let recording = Recording::tour(29, 1.0);
    let topic = format!("robots/{}/current", recording.stream);
    let long = "x".repeat(65);
    for (index, object) in recording.objects().enumerate() {
        match index {
            100 => client.publish("robots/$SYS/current", "1"),
            150 => client.publish("robots/nodes/current", "1"),
            200 => client.publish(&format!("robots/{long}/current"), "1"),
            300 => client.publish("robots//current", "1"),
            400 => client.publish("robots/big/current", vec![b'1'; 10_000_000]),
            500 => client.publish("robots/rover/current", "no numbers here"),
            550 => client.publish("robots/rover/current", b"\xff\xfe{\x00".as_slice()),
            _ => {}
        }
        client.publish(&topic, object);
    }
    let expected = recording.replayed();
    daemon.wait_for_output(expected.len());
    let report = client.health(|report| report["dropped"]["malformed"] == 2);
    assert_eq!((&report["dropped"]["stream_name"], &report["dropped"]["too_large"]), (&4.into(), &1.into()));
    assert_eq!(report["streams"], 1);
    let ended = daemon.terminate();
    assert_same(&ended.stdout, &expected);
    let log = ended.stderr.join("\n");
    assert_says(
        &log,
        &["a payload of 10000000 bytes for stream \"big\" is larger than limits.payload = 1048576"],
    );
    assert_says(&log, &["stream name \"$SYS\" starts with \"$\""]);
    assert!(!log.contains(&long), "a very long name is not quoted in full");
}

#[test]
fn check_and_record_do_not_disturb_a_running_daemon() {
    let broker = Broker::start();
    let client = Client::new(&broker, "underfoot/#");
    let daemon = subscribed(&broker);
    client.wait_for("underfoot/status", |message| message.payload == "online");
    let folder = support::folder();
    let config = folder.path().join("underfoot.toml");
    std::fs::write(&config, support::daemon::config(&(broker.section() + ROBOTS))).unwrap();
    let config = config.to_str().unwrap();
    assert_says(&support::run(["check", "-c", config]).ok(), &["broker: it accepts the connection"]);
    let out = folder.path().join("recordings");
    let record = ["record", "-c", config, "--label", "tile", "--out", out.to_str().unwrap()];
    let mut recorder = Daemon::command(support::underfoot(record));
    recorder.wait_for_line("connected to the broker");
    assert_says(&recorder.interrupt().stderr.join("\n"), &["no samples arrived"]);
    // Messages published before are received before these.
    let recording = Recording::tour(23, 0.5);
    publish(&client, &recording);
    daemon.wait_for_output(recording.replayed().len());
    assert_eq!(client.on("underfoot/status"), ["online"]);
    assert_eq!(daemon.stderr.count("connected to the broker"), 1);
}

#[test]
fn two_daemons_with_the_same_client_id_warn_once_and_reconnect_slowly() {
    let broker = Broker::start();
    let client = Client::new(&broker, "underfoot/#");
    let twin = || Daemon::run(&(broker.section() + "client_id = 'twin'\n" + ROBOTS));
    let mut twins = [twin(), twin()];
    for daemon in &mut twins {
        let line = daemon.wait_for_line("another client has the same name");
        assert_says(&line, &["WARN", "\"twin\"", &broker.address(), "in [mqtt] client_id"]);
    }
    let [first, second] = twins;
    let ended = second.terminate();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    let warnings: Vec<_> = ended.stderr.iter().filter(|line| line.contains("WARN")).collect();
    // How many of the first failures are logged depends on timing. The last warning names their cause.
    let (cause, failures) = warnings.split_last().unwrap();
    assert_says(cause, &["another client has the same name"]);
    assert!(failures.len() >= 2 && failures.iter().all(|line| line.contains(" failed: ")), "{failures:?}");
    // The other daemon continues to run.
    client.wait_for("underfoot/status", |message| message.payload == "offline");
    let count = client.on("underfoot/status").len();
    wait_for("the status of the other daemon", || {
        let since = client.on("underfoot/status");
        since.get(count - 1..).unwrap().iter().any(|status| status == "online").then_some(())
    });
    assert_eq!(first.stderr.count("another client has the same name"), 1);
    let connected = broker.log().iter().filter(|line| line.contains("as twin")).count();
    assert!(connected <= 12, "{connected} connections are a storm");
    assert_eq!(first.terminate().code, Some(0));
}
