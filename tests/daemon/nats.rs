//! Samples over NATS: nodes that share the robots of a cluster, and take over from each other.

use std::process::Command;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;

use crate::support::daemon::{Daemon, config};
use crate::support::fleet::{Cluster, nats_server, shipped};
use crate::support::recording::Recording;
use crate::support::{Ran, assert_same, assert_says, folder, json, underfoot, wait_for};

/// What `check` says about the source of a configuration.
fn checked(sections: &str) -> Ran {
    let folder = folder();
    let file = folder.path().join("underfoot.toml");
    std::fs::write(&file, config(sections)).unwrap();
    underfoot(["check", "-c"]).arg(file).output().unwrap().into()
}

/// The surfaces of a robot in the lines of a subscriber, oldest first.
fn surfaces(subscriber: &Daemon, robot: &str) -> Vec<Value> {
    let topic = format!("underfoot/{robot}/surface ");
    subscriber.stdout.all().iter().filter_map(|line| line.strip_prefix(topic.as_str()).map(json)).collect()
}

/// Waits for a decided surface that a node other than `before` has published, and returns the name of that node.
fn wait_for_surface(subscriber: &Daemon, robot: &str, before: &[&str]) -> String {
    wait_for(&format!("a surface of {robot}"), || {
        let newest = surfaces(subscriber, robot).pop()?;
        let node = newest["node"].as_str()?.to_owned();
        (newest["surface"] != "unknown" && !before.contains(&node.as_str())).then_some(node)
    })
}

/// Waits until so many surfaces of a robot say that another node took over.
fn wait_for_failovers(subscriber: &Daemon, robot: &str, count: usize) {
    wait_for(&format!("failover {count} of {robot}"), || {
        let is_failover = |surface: &Value| surface["reason"] == "failover";
        (surfaces(subscriber, robot).into_iter().filter(is_failover).count() >= count).then_some(())
    });
}

/// The request about the consumer of a robot's partition.
fn consumer(robot: &str) -> String {
    format!("$JS.API.CONSUMER.INFO.FLEET.underfoot-{}", partition(robot))
}

/// Waits until the messages that the only robot has sent are acknowledged. A busy server may lose a few: they are sent with QoS 0.
fn wait_for_acknowledgement(cluster: &Cluster, robot: &str, sent: u64) {
    wait_for(&format!("the acknowledgement of {sent} messages"), || {
        let info = json(cluster.request(0, &consumer(robot), "").ok()?);
        let stored = info["ack_floor"]["stream_seq"].as_u64()?;
        (stored + 5 >= sent && info["num_pending"] == 0 && info["num_ack_pending"] == 0).then_some(())
    });
}

#[test]
fn predictions_of_samples_over_a_cluster_are_those_of_a_replay_byte_for_byte() {
    let recording = Recording::tour(120, 1.0);
    let cluster = Cluster::start(&[&recording.stream]);
    let daemon = Daemon::run(&cluster.node("a"));
    let info = |partition: usize| format!("$JS.API.CONSUMER.INFO.FLEET.underfoot-{partition}");
    // Its consumers deliver what is published after they are made.
    wait_for("the consumers", || {
        let found = cluster.request(0, &info(63), "").ok().map(json)?;
        found.get("config").is_some().then_some(())
    });
    let found = json(cluster.request(0, &info(44), "").unwrap());
    assert_eq!(found["config"]["priority_policy"], "pinned_client");
    let mut robot = cluster.robot(&recording.stream);
    recording.objects().for_each(|object| robot.feed(object + "\n"));
    let expected = recording.replayed();
    daemon.wait_for_output(expected.len());
    // Everything is acknowledged when it has been decided.
    wait_for("the acknowledgements", || {
        let all: Vec<Value> =
            (0..64).map(|index| json(cluster.request(0, &info(index), "").unwrap())).collect();
        all.iter().all(|info| info["num_ack_pending"] == 0 && info["num_pending"] == 0).then_some(())
    });
    let ended = daemon.terminate();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    assert_same(&ended.stdout, &expected);
}

#[test]
fn a_node_that_dies_or_leaves_is_followed_by_another_and_no_surface_is_older_than_the_one_before() {
    let cluster = Cluster::start(&["r1"]);
    let results = cluster.subscribe(0, "reader", "underfoot/+/surface");
    let mut nodes: Vec<(String, Daemon)> =
        ["a", "b", "c"].map(|name| (name.to_owned(), Daemon::run(&cluster.node(name)))).into();
    for (_, node) in &mut nodes {
        node.wait_for_lines("a node is there", 2);
    }
    let mut take = |name: &str| {
        let index = nodes.iter().position(|(other, _)| other == name).unwrap();
        nodes.remove(index).1
    };
    let recording = Recording::tour(121, 3.0);
    let objects: Vec<_> = recording.objects().collect();
    let mut robot = cluster.robot("r1");
    let mut feed = |range: std::ops::Range<usize>| {
        objects[range].iter().for_each(|object| robot.feed(format!("{object}\n")));
    };
    feed(0..130);
    let first = wait_for_surface(&results, "r1", &[]);
    wait_for_acknowledgement(&cluster, "r1", 130);
    // Some of these are acknowledged, and what comes in the meantime waits for the next node.
    feed(130..150);
    take(&first).kill();
    feed(150..190);
    // Its window is not full yet.
    wait_for_failovers(&results, "r1", 1);
    feed(190..700);
    let second = wait_for_surface(&results, "r1", &[&first]);
    wait_for_acknowledgement(&cluster, "r1", 700);
    feed(700..750);
    assert_eq!(take(&second).terminate().code, Some(0));
    feed(750..790);
    wait_for_failovers(&results, "r1", 2);
    feed(790..1500);
    wait_for_surface(&results, "r1", &[&first, &second]);

    let published = surfaces(&results, "r1");
    let times: Vec<f64> = published.iter().map(|surface| surface["t"].as_f64().unwrap()).collect();
    assert!(times.is_sorted(), "{published:?}");
    let reasons: Vec<&str> = published.iter().filter_map(|surface| surface["reason"].as_str()).collect();
    assert_eq!(reasons.iter().filter(|reason| **reason == "failover").count(), 2, "{published:?}");
    assert!(!reasons.contains(&"the stream ended"), "the robot has not ended: {published:?}");
    let changes = published.windows(2).filter(|pair| pair[1]["reason"] == "failover");
    for pair in changes.clone() {
        // What a node has decided just before it died may not have reached the broker, but the others know it.
        assert_ne!(pair[1]["previous"], "unknown", "it begins with what was decided: {published:?}");
    }
    assert_eq!(changes.count(), 2, "{published:?}");
}

#[tokio::test]
async fn what_is_left_without_an_acknowledgement_is_decided_although_newer_samples_are_delivered_first() {
    let recording = Recording::tour(125, 1.0);
    let robot = recording.stream.as_str();
    let cluster = Cluster::start(&[robot]);
    let sections = cluster.node("a").replace("'2s'", "'5s'");
    let consumer = consumer(robot);
    let maker = Daemon::run(&sections);
    wait_for("the consumer", || cluster.request(0, &consumer, "").ok());
    assert_eq!(maker.terminate().code, Some(0));
    // A client that is no node is the first in line for what the consumer delivers, and does not acknowledge it.
    let client = cluster.connect(0).await;
    let request = consumer.replace("CONSUMER.INFO", "CONSUMER.MSG.NEXT");
    let body = r#"{"batch": 1, "expires": 60000000000, "group": "underfoot"}"#;
    let inbox = client.new_inbox();
    let mut first = client.subscribe(inbox.clone()).await.unwrap();
    client.publish_with_reply(request, inbox, body.into()).await.unwrap();
    client.flush().await.unwrap();
    let daemon = Daemon::run(&sections);
    wait_for("the request of the daemon", || {
        let info = json(cluster.request(0, &consumer, "").ok()?);
        (info["num_waiting"].as_u64()? >= 2).then_some(())
    });
    let mut objects = recording.objects();
    let mut sender = cluster.robot(robot);
    sender.feed(objects.next().unwrap() + "\n");
    let message = tokio::time::timeout(Duration::from_secs(60), first.next()).await.unwrap().unwrap();
    assert_eq!(message.subject.as_str(), format!("fleet.{}.robots.{robot}.current", partition(robot)));
    let unpin = consumer.replace("CONSUMER.INFO", "CONSUMER.UNPIN");
    client.publish(unpin, r#"{"group": "underfoot"}"#.into()).await.unwrap();
    client.flush().await.unwrap();
    objects.for_each(|object| sender.feed(object + "\n"));
    let expected = recording.replayed();
    daemon.wait_for_output(expected.len());
    assert_same(&daemon.terminate().stdout, &expected);
}

/// Waits until a server leads what a request of the JetStream API is about, and returns its number.
fn leader(cluster: &Cluster, request: &str) -> usize {
    wait_for(&format!("the leader of {request}"), || {
        let found = cluster.request(0, request, "").ok().map(json)?;
        let name = found["cluster"]["leader"].as_str()?;
        name.strip_prefix('n')?.parse::<usize>().ok().map(|number| number - 1)
    })
}

/// Has another server lead it, if necessary.
fn lead(cluster: &Cluster, info: &str, server: usize) {
    let step_down = info.replace("STREAM.INFO", "STREAM.LEADER.STEPDOWN");
    let step_down = step_down.replace("CONSUMER.INFO", "CONSUMER.LEADER.STEPDOWN");
    let preferred = format!(r#"{{"placement": {{"preferred": "n{}"}}}}"#, server + 1);
    wait_for(&format!("{info} at server {server}"), || {
        let is_there = leader(cluster, info) == server;
        // This fails while the server that is to lead is behind.
        let _ = is_there || cluster.request(0, &step_down, &preferred).is_ok();
        is_there.then_some(())
    });
}

/// The partition of a robot: the servers take the FNV-1a hash of its name.
fn partition(robot: &str) -> u32 {
    robot.bytes().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)) % 64
}

#[test]
fn without_the_server_that_delivers_them_the_messages_of_a_robot_are_read_from_another_one() {
    let recording = Recording::tour(122, 3.0);
    let robot = recording.stream.as_str();
    let mut cluster = Cluster::start(&[robot]);
    // Predictions go over the connection to NATS, and come over MQTT all the same.
    let subject = "[nats]\npredictions = 'underfoot.{stream}.prediction'\n";
    let sections = cluster.node("a").replace("[nats]\n", subject).replace("'2s'", "'5s'");
    // It stays connected to this server, so that no prediction is lost.
    let sections = cluster.with_server(&sections, 0);
    let subscriber = cluster.subscribe(0, "reader", "underfoot/+/prediction");
    wait_for("the subscription", || (subscriber.stdout.count("Subscribed") > 0).then_some(()));
    let daemon = Daemon::run(&sections);
    let consumer = consumer(robot);
    lead(&cluster, &consumer, 1);
    lead(&cluster, "$JS.API.STREAM.INFO.FLEET", 2);
    let (expected, mut objects) = (recording.replayed(), recording.objects());
    let mut sender = cluster.robot(robot);
    let mut feed = |count: usize| {
        objects.by_ref().take(count).for_each(|object| sender.feed(format!("{object}\n")));
    };
    feed(300);
    daemon.wait_for_output(10);
    cluster.kill(1);
    // Each prediction is waited for, so that this lasts until another server leads the consumer.
    for count in 21..expected.len() {
        feed(10);
        daemon.wait_for_output(count);
    }
    assert_ne!(leader(&cluster, &consumer), 1);
    feed(usize::MAX);
    daemon.wait_for_output(expected.len());
    let seen = format!("underfoot/{robot}/prediction {{");
    wait_for("the predictions over MQTT", || {
        (subscriber.stdout.count(&seen) >= expected.len()).then_some(())
    });
    let ended = daemon.terminate();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    assert_same(&ended.stdout, &expected);
}

#[test]
fn a_node_takes_over_although_the_server_that_delivers_the_messages_has_died_as_well() {
    let recording = Recording::tour(124, 20.0);
    let robot = recording.stream.as_str();
    let mut cluster = Cluster::start(&[robot]);
    let [mut a, mut b] = ["a", "b"].map(|name| Daemon::run(&cluster.with_server(&cluster.node(name), 0)));
    a.wait_for_line("a node is there");
    b.wait_for_line("a node is there");
    let consumer = consumer(robot);
    lead(&cluster, &consumer, 1);
    lead(&cluster, "$JS.API.STREAM.INFO.FLEET", 2);
    let mut objects = recording.objects();
    let mut sender = cluster.robot(robot);
    let mut feed = |count: usize| {
        objects.by_ref().take(count).for_each(|object| sender.feed(format!("{object}\n")));
    };
    feed(300);
    let has_it = wait_for("predictions of one of them", || {
        let (a, b) = (a.stdout.all().len(), b.stdout.all().len());
        (a + b >= 10).then_some(a > b)
    });
    let (first, second) = if has_it { (a, b) } else { (b, a) };
    cluster.kill(1);
    first.ask_to_end();
    // The robot goes on sending, until another server leads the consumer, and then a second more.
    let (mut is_back, mut after) = (false, 0);
    wait_for("a second after the consumer is back", || {
        feed(1);
        is_back = is_back || second.stderr.count("all consumers deliver again") > 0;
        after += usize::from(is_back);
        (after > 100).then_some(())
    });
    assert_eq!(second.stderr.count("their messages are read from the stream itself"), 1);
    assert_ne!(leader(&cluster, &consumer), 1);
    let ended = first.wait();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    let last = json(objects.next().unwrap())["t"].as_f64().unwrap();
    let times = |lines: &[String]| -> Vec<f64> {
        lines.iter().map(|line| json(line)["t"].as_f64().unwrap()).collect()
    };
    let before = times(&ended.stdout);
    let after = wait_for("the predictions of all samples", || {
        let after = times(&second.stdout.all());
        (*after.last()? > last - 0.15).then_some(after)
    });
    // Nothing but the window that the second node had to fill first is missing.
    let missing = after[0] - before[before.len() - 1];
    assert!((0.95..1.15).contains(&missing), "{before:?} and then {after:?}");
    assert!(after.windows(2).all(|pair| (pair[1] - pair[0] - 0.1).abs() < 1e-6), "{after:?}");
}

#[test]
fn after_the_loss_of_the_whole_stream_a_node_says_so_and_goes_on_with_what_comes() {
    let cluster = Cluster::start(&["r1"]);
    let mut node = Daemon::run(&cluster.node("a"));
    node.wait_for_line("connected to the NATS servers");
    wait_for("the consumers", || cluster.request(0, "$JS.API.CONSUMER.INFO.FLEET.underfoot-63", "").ok());
    let recording = Recording::tour(123, 1.0);
    let mut robot = cluster.robot("r1");
    let objects: Vec<_> = recording.objects().map(|object| object + "\n").collect();
    objects[..250].iter().for_each(|object| robot.feed(object.clone()));
    node.wait_for_output(10);
    cluster.request(0, "$JS.API.STREAM.DELETE.FLEET", "").unwrap();
    cluster.make_stream();
    node.wait_for_line("begun it anew: its newest message has the number 0, but number 250 was read");
    wait_for("the consumers", || cluster.request(0, "$JS.API.CONSUMER.INFO.FLEET.underfoot-63", "").ok());
    objects[250..].iter().for_each(|object| robot.feed(object.clone()));
    node.wait_for_output(20);
}

#[test]
fn whatever_is_wrong_with_the_servers_or_the_configuration_is_one_clear_line() {
    let cluster = Cluster::start(&["r1"]);
    let sections = cluster.node("a");
    let line = |sections: &str, parts: &[&str]| {
        let checked = checked(sections);
        assert_ne!(checked.code, Some(0), "{checked:?}");
        let lines: Vec<_> =
            checked.stdout.lines().filter(|line| line.starts_with("failed  source fleet: ")).collect();
        assert_eq!(lines.len(), 1, "{checked:?}");
        assert_says(lines[0], parts);
        assert!(!checked.stderr.contains("ERROR"), "{checked:?}");
    };
    let found = checked(&sections);
    assert_says(&found.stdout, &["messages of fleet.*.robots.*.current", "0 of 64 consumers exist"]);
    line(
        &sections.replacen("username = 'node'", "username = 'robot'", 2),
        &["refuse the login of the user \"robot\"", "nats.username"],
    );
    line(&sections.replace("'FLEET'", "'FLEAT'"), &["lacks a permission", "FLEAT"]);
    line(
        &sections.replace("subject = 'fleet.", "subject = 'carts."),
        &["has the subjects fleet.*.robots.*.current", "carts.*.robots.*.current", "source.subject"],
    );
    line(
        &sections.replace("ca_file", "#ca_file").replace("#ca_file = '", "ca_file = '/nowhere"),
        &["ca_file", "/nowhere"],
    );
    let stream = std::fs::read_to_string(shipped("stream.json")).unwrap().replace('\n', "");
    let update = |stream: &str| cluster.request(0, "$JS.API.STREAM.UPDATE.FLEET", stream).unwrap();
    update(&stream.replace("\"allow_direct\": true", "\"allow_direct\": false"));
    line(&sections, &["does not allow to read its messages from each server", "--allow-direct"]);
    update(&stream);
    let mut node = Daemon::run(&sections);
    node.wait_for_line("connected to the NATS servers");
    let pull = "$JS.API.CONSUMER.INFO.FLEET.underfoot-31";
    wait_for("the consumers", || {
        cluster.request(0, pull, "").ok().filter(|answer| answer.contains("pinned_client"))
    });
    line(
        &sections.replace("partitions = 64", "partitions = 32"),
        &["source.partitions is 32", "was made for 64", "the same at each node"],
    );
    // A server without JetStream.
    let plain = folder();
    let mut command = Command::new(nats_server());
    command.args(["-a", "127.0.0.1", "-p", "-1", "--ports_file_dir"]).arg(plain.path());
    let _server = Daemon::command(command);
    let port = wait_for("the port of the server", || {
        let file = std::fs::read_dir(plain.path()).unwrap().next()?.unwrap().path();
        let ports: Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
        ports["nats"][0].as_str()?.rsplit(':').next().map(str::to_owned)
    });
    let source = sections.split_once("[[source]]").unwrap().1;
    let plain = format!("[node]\nname = 'a'\n[nats]\nurl = 'nats://127.0.0.1:{port}'\n[[source]]{source}");
    line(&plain, &["JetStream is not available"]);
    let gone = plain.replace(&port, "1");
    line(&gone, &["cannot be reached", "refused", "nats.url"]);
}
