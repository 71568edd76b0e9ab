//! Robots that publish each channel on a topic of its own.

use crate::support::broker::Broker;
use crate::support::client::Client;
use crate::support::daemon::{Daemon, config};
use crate::support::recording::Recording;
use crate::support::{assert_same, assert_says, run};

const CHANNELS: &str = "[[source]]\nkind = 'mqtt'\ntopic = 'robots/{stream}/{channel}'\n";
/// The model's channel is the sum of two columns, which the robot publishes one by one.
const SUM: &str = "[[source.channel]]\nname = 'current'\nsum = ['left', 'right']\n";

#[test]
fn channels_of_their_own_topics_are_joined_into_the_samples_of_a_robot() {
    let broker = Broker::start();
    let daemon = Daemon::run(&(broker.section() + CHANNELS + SUM));
    broker.wait_for_subscription("robots/+/+");
    let client = Client::new(&broker, "underfoot/health");
    let recording = Recording::tour(33, 1.0);
    let stream = &recording.stream;
    client.publish(&format!("robots/{stream}/voltage"), "12.1");
    for (index, (t, current)) in recording.rows.iter().enumerate() {
        client.publish(&format!("robots/{stream}/left"), format!("{{\"t\":{t},\"value\":{current}}}"));
        let right = if index % 2 == 0 { format!("{{\"right\":\"0\",\"t\":{t}}}") } else { format!("{t},0") };
        client.publish(&format!("robots/{stream}/right"), right);
    }
    let expected = recording.replayed();
    assert_same(&daemon.wait_for_output(expected.len()), &expected);
    client.health(|report| report["dropped"] == serde_json::json!({"unknown_channel": 1}));
    let log = daemon.terminate().stderr.join("\n");
    assert_says(
        &log,
        &["the channel \"voltage\", which the source does not have; its channels are left, right"],
    );
}

#[test]
fn a_channel_that_never_comes_is_a_problem() {
    let broker = Broker::start();
    let config = config(&(broker.section() + CHANNELS + SUM)).replace("silence = '10m'", "silence = '500ms'");
    let _daemon = Daemon::with_config(&config);
    broker.wait_for_subscription("robots/+/+");
    let client = Client::new(&broker, "underfoot/health");
    for index in 0..400 {
        client.publish("robots/rover/left", format!("{{\"t\":{},\"value\":1}}", f64::from(index) / 100.0));
    }
    let report = client.health(|report| report["problem_count"] == 1);
    let problem = &report["problems"][0];
    assert_eq!((&problem["stream"], &problem["channel"]), (&"rover".into(), &"current".into()), "{report}");
    assert_says(problem["detail"].as_str().unwrap(), &["without a number for current"]);
}

#[test]
fn check_names_the_channels_that_are_joined() {
    let broker = Broker::start();
    let folder = crate::support::folder();
    let file = folder.path().join("underfoot.toml");
    std::fs::write(&file, config(&(broker.section() + CHANNELS + SUM))).unwrap();
    let said = run(["check", "-c", file.to_str().unwrap()]).ok();
    assert_says(&said, &["it will subscribe to \"robots/+/+\" and join the channels left, right"]);
}
