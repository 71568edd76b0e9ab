//! What a broker and its messages can do wrong: messages that are too large, old or refused, answers that do not
//! come, passwords that change, and robots that come and go.

use crate::support::broker::Broker;
use crate::support::client::Client;
use crate::support::daemon::Daemon;
use crate::support::fake_broker::{Answers, FakeBroker};
use crate::support::recording::Recording;
use crate::support::{self, assert_same, assert_says, folder, json, wait_for};

const ROBOTS: &str = "[[source]]\nkind = 'mqtt'\ntopic = 'robots/{stream}/current'\n";
const SIMULATOR: &str = "[[source]]\nkind = 'simulator'\nstream = 'rover'\n";
const CONTESTED: &str = "another client has the same name";

#[test]
fn a_retained_message_of_any_size_is_no_sample_and_does_not_end_the_connection() {
    let broker = Broker::start();
    let client = Client::new(&broker, "underfoot/health");
    client.retain("robots/huge/current", vec![b'1'; 40_000_000]);
    client.retain("robots/ghost/current", "{\"t\":1,\"current\":1}");
    // The broker takes the messages of a client in order, so it has the large one, too.
    Client::new(&broker, "robots/ghost/current").wait_for("robots/ghost/current", |_| true);
    let mut daemon = Daemon::run(&(broker.section() + ROBOTS));
    let line = daemon.wait_for_line("larger than limits.payload");
    assert_says(&line, &["40000000 bytes", "\"robots/huge/current\"", "it is retained"]);
    assert_says(
        &daemon.wait_for_line("delivered a retained message"),
        &["\"robots/ghost/current\"", "without the retain flag"],
    );
    let recording = Recording::tour(31, 1.0);
    let topic = format!("robots/{}/current", recording.stream);
    recording.objects().for_each(|object| client.publish(&topic, object));
    let expected = recording.replayed();
    assert_same(&daemon.wait_for_output(expected.len()), &expected);
    let dropped = serde_json::json!({"retained": 1, "too_large": 1});
    client.health(|report| report["dropped"] == dropped && report["streams"] == 1);
    assert_eq!(daemon.stderr.count("connected to the broker"), 1, "{:?}", daemon.stderr.all());
}

#[test]
fn a_payload_may_have_many_objects_and_a_bad_one_costs_only_itself() {
    let broker = Broker::start();
    let daemon = Daemon::run(&(broker.section() + ROBOTS));
    broker.wait_for_subscription("robots/+/current");
    let client = Client::new(&broker, "underfoot/health");
    let recording = Recording::tour(32, 1.0);
    let topic = format!("robots/{}/current", recording.stream);
    let objects: Vec<_> = recording.objects().collect();
    for (index, chunk) in objects.chunks(40).enumerate() {
        let payload = match index % 4 {
            0 => chunk.join("\n"),
            1 => format!("[{}]", chunk.join(",")),
            2 => format!("{{\"samples\":[{}]}}", chunk.join(",")),
            _ => format!("{}\n{{\"t\":1,\"amps\":2}}\n{}\n", chunk[..20].join("\r\n"), chunk[20..].concat()),
        };
        client.publish(&topic, payload);
    }
    let expected = recording.replayed();
    assert_same(&daemon.wait_for_output(expected.len()), &expected);
    client.health(|report| report["dropped"]["malformed"] == 3);
    let log = daemon.terminate().stderr.join("\n");
    assert_says(&log, &["there is no key \"current\"; the object has t, amps"]);
}

#[test]
fn a_broker_that_does_not_acknowledge_messages_is_connected_again() {
    let fake = FakeBroker::start(Answers { puback: 0, ..Answers::ALL });
    let mut daemon = Daemon::run(&(fake.section() + SIMULATOR));
    let line = daemon.wait_for_line("has not acknowledged");
    assert_says(&line, &["WARN", "for 2s", "trying again"]);
    fake.wait_for("CONNECT", 2);
    fake.wait_for("PUBLISH underfoot/status online", 2);
    assert_eq!(daemon.terminate().code, Some(0));
}

#[test]
fn a_broker_that_drops_acknowledgements_because_it_is_too_busy_gets_everything_all_the_same() {
    let fake = FakeBroker::start(Answers { puback: 2, ..Answers::ALL });
    // More surfaces than there are identifiers of messages.
    let (recording, folder) = (Recording::tour(125, 1.0), folder());
    for robot in 0..150 {
        std::fs::copy(&recording.path, folder.path().join(format!("r{robot}.csv"))).unwrap();
    }
    let source = format!("[[source]]\nkind = 'file'\npath = {:?}\nspeed = 'max'\n", folder.path());
    // The last acknowledgement may be among those that are dropped, and is waited for twice as long as this.
    let broker = fake.section().replace("keep_alive = '1s'", "keep_alive = '30s'");
    let daemon = Daemon::run(&(broker + &source));
    for robot in 0..150 {
        fake.wait_for(&format!("PUBLISH underfoot/r{robot}/surface"), 1);
    }
    // The daemon ends with its recordings, and then disconnects.
    let connections = fake.wait_for("CONNECT", 1).iter().filter(|packet| *packet == "CONNECT").count();
    assert_eq!(connections, 1, "{:?}", daemon.stderr.all());
}

#[test]
fn a_broker_that_does_not_answer_a_subscription_is_connected_again() {
    let fake = FakeBroker::start(Answers { suback: None, ..Answers::ALL });
    let mut daemon = Daemon::run(&(fake.section() + ROBOTS));
    daemon.wait_for_line("has not acknowledged");
    fake.wait_for("SUBSCRIBE robots/+/current", 2);
}

#[test]
fn an_answer_to_a_ping_that_is_behind_many_messages_does_not_end_the_connection() {
    let fake = FakeBroker::start(Answers { pingresp: false, ..Answers::ALL });
    let daemon = Daemon::run(&(fake.section() + ROBOTS));
    fake.wait_for("PINGREQ", 5);
    assert_eq!(fake.wait_for("CONNECT", 1).len(), 1, "{:?}", daemon.stderr.all());
}

#[test]
fn a_subscription_that_the_broker_refuses_is_a_problem_at_once() {
    let fake = FakeBroker::start(Answers { suback: Some(0x80), ..Answers::ALL });
    let health = "[publish]\nhealth = '1h'\n";
    let config = support::daemon::config("").replace("[publish]\nhealth = '1s'\n", health);
    let mut daemon = Daemon::with_config(&(config + &fake.section() + ROBOTS));
    let line = daemon.wait_for_line("does not allow this user to subscribe to robots/+/current");
    assert_says(&line, &["WARN", "broker's ACL"]);
    let packet = fake.wait_for("\"refused\"", 1).remove(0);
    let report = json(packet.strip_prefix("PUBLISH underfoot/health ").unwrap());
    assert_eq!((&report["state"], &report["problems"][0]["stream"]), (&"degraded".into(), &"mqtt0".into()));
    assert_says(report["problems"][0]["detail"].as_str().unwrap(), &["robots/+/current"]);
    fake.wait_for("PUBLISH underfoot/status online", 1);
}

#[test]
fn a_broker_that_restarts_again_and_again_is_not_taken_for_another_client() {
    let mut broker = Broker::start();
    let mut daemon = Daemon::run(&(broker.section() + ROBOTS));
    for round in 1..=6 {
        daemon.wait_for_lines("connected to the broker", round);
        broker.stop();
        broker.up();
    }
    daemon.wait_for_lines("connected to the broker", 7);
    assert_eq!(daemon.stderr.count(CONTESTED), 0, "{:?}", daemon.stderr.all());
}

#[test]
fn robots_that_have_ended_do_not_come_back_when_the_broker_has_lost_its_state() {
    let mut broker = Broker::start();
    let cart = "[[source]]\nkind = 'stdin'\nstream = 'cart'\n";
    let config = support::daemon::config(&(broker.section() + ROBOTS + cart));
    let mut daemon =
        Daemon::with_config(&config.replace("silence = '10m'", "silence = '500ms'\nidle = '1s'"));
    broker.wait_for_subscription("robots/+/current");
    let client = Client::new(&broker, "underfoot/#");
    for index in 0..20 {
        client.publish(&format!("robots/gone{index}/current"), "1");
    }
    client.wait_for("underfoot/gone19/surface", |_| true);
    let uptime = client.health(|_| true)["uptime"].as_u64().unwrap();
    client.health(|report| report["streams"] == 0 && report["uptime"].as_u64().unwrap() >= uptime + 3);
    drop(client);
    broker.stop();
    daemon.wait_for_line("trying again");
    daemon.feed(Recording::tour(34, 1.0).csv(0..100));
    broker.up();
    let client = Client::new(&broker, "underfoot/#");
    client.wait_for("underfoot/cart/surface", |_| true);
    client.wait_for("underfoot/status", |message| message.payload == "online");
    client.health(|_| true);
    let back: Vec<_> =
        client.messages().into_iter().filter(|message| message.topic.contains("gone")).collect();
    assert!(back.is_empty(), "{back:?}");
}

#[test]
fn a_password_that_is_replaced_is_used_at_the_next_connection_and_after_a_reload() {
    let mut broker = Broker::with_user("robot", "first");
    let folder = support::folder();
    let file = support::private(folder.path(), "first\n");
    let user = format!("username = 'robot'\npassword_file = {file:?}\n");
    let mut daemon = Daemon::run(&(broker.section() + &user + SIMULATOR));
    daemon.wait_for_line("connected to the broker");
    broker.set_password("robot", "second");
    broker.stop();
    std::fs::write(&file, "second\n").unwrap();
    broker.up();
    daemon.wait_for_lines("connected to the broker", 2);
    // The same file with other contents is a change, even while the connection is up.
    std::fs::write(&file, "third\n").unwrap();
    daemon.hang_up();
    assert_says(&daemon.wait_for_line("reloaded"), &["the contents of mqtt.password_file"]);
    daemon.wait_for_line("refuses the user");
    std::fs::write(&file, "second\n").unwrap();
    daemon.hang_up();
    daemon.wait_for_lines("connected to the broker", 3);
    wait_for("the last connection", || {
        broker.log().iter().any(|line| line.contains("disconnected")).then_some(())
    });
    assert_eq!(daemon.terminate().code, Some(0));
}

#[test]
fn two_daemons_with_configurations_of_their_own_have_names_of_their_own() {
    let broker = Broker::start();
    let mut daemons = [1, 2].map(|_| Daemon::run(&(broker.section() + SIMULATOR)));
    for daemon in &mut daemons {
        daemon.wait_for_line("connected to the broker");
    }
    let client = Client::new(&broker, "underfoot/#");
    client.wait_for("underfoot/rover/prediction", |_| true);
    for daemon in daemons {
        assert_eq!(daemon.stderr.count("connected to the broker"), 1, "{:?}", daemon.stderr.all());
        assert_eq!(daemon.terminate().code, Some(0));
    }
}
