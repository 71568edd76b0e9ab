//! Several daemons beside each other at one broker: nodes with names, and shared subscriptions.

use std::collections::BTreeSet;

use crate::support::broker::Broker;
use crate::support::client::Client;
use crate::support::daemon::{Daemon, config};
use crate::support::recording::Recording;
use crate::support::{assert_same, assert_says, folder, json, run, underfoot, wait_for};

const SHARED: &str = "[[source]]\nkind = 'mqtt'\ntopic = '$share/fleet/robots/{stream}/current'\n";

/// A node of this name, which reads the robots whose topics begin with that name.
fn node(broker: &Broker, name: &str) -> Daemon {
    let sections = format!(
        "[node]\nname = '{name}'\n[[source]]\nkind = 'mqtt'\ntopic = '{name}/{{stream}}/current'\n\
         [home_assistant]\nenabled = true\n"
    );
    let daemon = Daemon::run(&(broker.section() + &sections));
    broker.wait_for_subscription(&format!("{name}/+/current"));
    daemon
}

/// Waits until a client has subscribed to the topics of `SHARED` for itself alone this many times.
fn wait_for_plain_subscriptions(broker: &Broker, count: usize) {
    wait_for(&format!("{count} subscriptions without a group"), || {
        let asked = |line: &&String| line.contains("\trobots/+/current (QoS ");
        (broker.log().iter().filter(asked).count() >= count).then_some(())
    });
}

/// The last payload on a topic that the broker has retained.
fn retained(broker: &Broker, topic: &str) -> String {
    let message = Client::new(broker, topic).wait_for(topic, |_| true);
    assert!(message.retain, "{topic} is retained");
    message.payload
}

#[test]
fn a_shared_subscription_of_one_node_predicts_like_one_that_is_not_shared() {
    let broker = Broker::start();
    let client = Client::new(&broker, "underfoot/#");
    let recording = Recording::tour(81, 1.0);
    let topic = format!("robots/{}/current", recording.stream);
    let daemon = Daemon::run(&(broker.section() + SHARED));
    broker.wait_for_subscription("$share/fleet/robots/+/current");
    recording.objects().for_each(|object| client.publish(&topic, object));
    let expected = recording.replayed();
    daemon.wait_for_output(expected.len());
    let ended = daemon.terminate();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    assert_same(&ended.stdout, &expected);
}

#[test]
fn check_and_record_take_no_message_of_a_shared_subscription_from_the_daemon() {
    let broker = Broker::start();
    let client = Client::new(&broker, "underfoot/#");
    let daemon = Daemon::run(&(broker.section() + SHARED));
    broker.wait_for_subscription("$share/fleet/robots/+/current");
    let folder = folder();
    let file = folder.path().join("underfoot.toml");
    std::fs::write(&file, config(&(broker.section() + SHARED))).unwrap();
    let (file, out) = (file.to_str().unwrap(), folder.path().join("out"));
    let recorder =
        Daemon::command(underfoot(["record", "-c", file, "--label", "tile", "--out", out.to_str().unwrap()]));
    wait_for_plain_subscriptions(&broker, 1);
    let check = Daemon::command(underfoot(["check", "-c", file]));
    wait_for_plain_subscriptions(&broker, 2);
    let recording = Recording::tour(82, 1.0);
    let topic = format!("robots/{}/current", recording.stream);
    recording.objects().for_each(|object| client.publish(&topic, object));
    let expected = recording.replayed();
    daemon.wait_for_output(expected.len());
    let checked = check.wait();
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let shown = checked.stdout.join("\n");
    assert_says(&shown, &["it will subscribe to \"$share/fleet/robots/+/current\"; 600 samples"]);
    let warnings: Vec<_> = checked.stdout.iter().filter(|line| line.starts_with("warning ")).collect();
    let warning = warnings.iter().find(|line| line.contains("group \"fleet\"")).unwrap();
    assert_says(
        warning,
        &["warning source mqtt0: ", "gaps", "\"NODE/robots/{stream}/current\"", "hash_topic"],
    );
    let recorded = recorder.interrupt();
    assert_eq!(recorded.code, Some(0), "{recorded:?}");
    assert_same(&daemon.terminate().stdout, &expected);
}

#[test]
fn a_node_that_is_killed_marks_only_itself_offline_and_leaves_the_robots_of_the_other_alone() {
    let broker = Broker::start();
    let client = Client::new(&broker, "#");
    let mut watch = Daemon::command(underfoot(["watch", "--mqtt", &broker.address()]));
    broker.wait_for_subscription("underfoot/nodes/+/status");
    let (west, east) = (node(&broker, "west"), node(&broker, "east"));
    for name in ["west", "east"] {
        let of = |end: &str| format!("underfoot/nodes/{name}/{end}");
        client.wait_for(&of("status"), |message| message.payload == "online");
        assert_eq!(json(client.wait_for(&of("info"), |_| true).payload)["node"], *name);
        assert_eq!(json(client.wait_for(&of("health"), |_| true).payload)["streams"], 0);
        watch.wait_for_line(&format!("node {name} is online"));
        client.publish(&format!("{name}/{name}er/current"), "1.0");
        let surface = json(client.wait_for(&format!("underfoot/{name}er/surface"), |_| true).payload);
        assert_eq!(surface["node"], *name);
        let device = format!("homeassistant/device/underfoot_{name}er/config");
        let device = json(client.wait_for(&device, |_| true).payload);
        assert_eq!(device["cmps"]["surface"]["avty_t"], of("status"));
        let id = format!("@{name} (");
        assert!(broker.log().iter().any(|line| line.contains(" as ") && line.contains(&id)), "{id}");
    }

    west.kill();
    client.wait_for("underfoot/nodes/west/status", |message| message.payload == "offline");
    watch.wait_for_line("node west is offline");
    let before = client.on("underfoot/wester/surface");
    // The other node goes on, and its own end touches only what is its own.
    let recording = Recording::tour(83, 0.5);
    recording.objects().for_each(|object| client.publish("east/second/current", object));
    client.wait_for("underfoot/second/prediction", |_| true);
    assert_eq!(client.on("underfoot/nodes/east/status"), ["online"]);
    assert_eq!(retained(&broker, "underfoot/nodes/east/status"), "online");
    assert_eq!(east.terminate().code, Some(0));
    client.wait_for("underfoot/nodes/east/status", |message| message.payload == "offline");
    let ended =
        |message: &crate::support::client::Message| json(&message.payload)["reason"] == "the stream ended";
    client.wait_for("underfoot/easter/surface", ended);
    assert_eq!(client.on("underfoot/wester/surface"), before);
    assert_eq!(json(retained(&broker, "underfoot/wester/surface"))["node"], "west");
    assert_eq!(retained(&broker, "underfoot/nodes/west/status"), "offline");
    for topic in ["underfoot/status", "underfoot/info", "underfoot/health"] {
        assert!(client.on(topic).is_empty(), "{topic} belongs to a daemon without a name");
    }

    // A node that is gone for good.
    let forget = run(["forget", "--node", "west", "--mqtt", &broker.address()]).ok();
    for end in ["status", "info", "health"] {
        let topic = format!("underfoot/nodes/west/{end}");
        assert_says(&forget, &[&format!("cleared {topic}")]);
        client.wait_for(&topic, |message| message.payload.is_empty());
    }
    assert_eq!(retained(&broker, "underfoot/nodes/east/status"), "offline");
    assert_eq!(run(["forget", "--node", "a/b", "--mqtt", &broker.address()]).code, Some(2));
}

#[test]
fn a_daemon_without_a_name_has_its_topics_directly_below_the_base_and_names_no_node() {
    let broker = Broker::start();
    let client = Client::new(&broker, "underfoot/#");
    let mut daemon = Daemon::run(&(broker.section() + "[[source]]\nkind = 'stdin'\nstream = 'cart'\n"));
    // Predictions are lost while there is no connection.
    client.wait_for("underfoot/status", |message| message.payload == "online");
    daemon.feed(Recording::tour(84, 1.0).csv(0..300));
    client.wait_for("underfoot/cart/prediction", |_| true);
    daemon.close();
    assert_eq!(daemon.wait().code, Some(0));
    client.wait_for("underfoot/status", |message| message.payload == "offline");
    let topics: BTreeSet<_> = client.messages().into_iter().map(|message| message.topic).collect();
    let expected =
        ["cart/prediction", "cart/surface", "health", "info", "status"].map(|end| format!("underfoot/{end}"));
    assert_eq!(topics, expected.into());
    for topic in ["underfoot/info", "underfoot/cart/surface"] {
        assert!(client.on(topic).iter().all(|payload| json(payload).get("node").is_none()), "{topic}");
    }
    assert!(!broker.log().iter().any(|line| line.contains(" as underfoot-") && line.contains('@')));
}

#[test]
fn a_stream_that_is_called_nodes_is_refused_in_the_configuration() {
    let folder = folder();
    let file = folder.path().join("underfoot.toml");
    std::fs::write(&file, config("[[source]]\nkind = 'stdin'\nstream = 'nodes'\n")).unwrap();
    let line = run(["check", "-c", file.to_str().unwrap()]).one_line(78);
    assert_says(&line, &["source.stream", "nodes", "reserved for the topics of nodes"]);
    let line = run(["forget", "nodes", "--mqtt", "127.0.0.1:1"]);
    assert_eq!(line.code, Some(2));
    assert_says(&line.stderr, &["reserved for the topics of nodes; give the robot another name"]);
}
