//! Home Assistant discovers each robot automatically, also after restarts and outages.

use crate::support::broker::Broker;
use crate::support::client::{Client, Message};
use crate::support::daemon::Daemon;
use crate::support::{assert_says, json, run, wait_for};
use serde_json::{Value, json};

const ROBOTS: &str = "[[source]]\nkind = 'mqtt'\ntopic = 'robots/{stream}/current'\n";
const ON: &str = "[home_assistant]\nenabled = true\n";
const ROVER: &str = "homeassistant/device/underfoot_rover/config";

/// A daemon that receives the samples of robots from a broker, with these settings for Home Assistant.
fn announcing(broker: &Broker, home_assistant: &str) -> Daemon {
    let daemon = Daemon::run(&(broker.section() + ROBOTS + home_assistant));
    broker.wait_for_subscription("robots/+/current");
    daemon
}

/// The messages so far that announce or remove a device.
fn devices(client: &Client) -> Vec<Message> {
    client.messages().into_iter().filter(|message| message.topic.contains("/device/")).collect()
}

/// Waits for at least `count` messages about devices, and returns all of them.
fn wait_for_devices(client: &Client, count: usize) -> Vec<Message> {
    wait_for(&format!("{count} messages about devices"), || {
        Some(devices(client)).filter(|devices| devices.len() >= count)
    })
}

#[test]
fn a_robot_is_announced_with_every_field_that_home_assistant_requires() {
    let broker = Broker::start();
    let client = Client::new(&broker, "#");
    let _daemon = announcing(&broker, ON);
    client.publish("robots/rover/current", "1.0");
    let device = json(client.wait_for(ROVER, |_| true).payload);
    let info = json(client.wait_for("underfoot/info", |_| true).payload);
    let options: Vec<Value> =
        info["labels"].as_array().unwrap().iter().cloned().chain(["unknown".into()]).collect();
    assert_eq!(options.len(), 7);
    let version = env!("CARGO_PKG_VERSION");
    let expected = json!({
        "dev": {
            "ids": ["underfoot_rover"], "name": "rover", "mf": "underfoot", "mdl": "simulated", "sw": version
        },
        "o": { "name": "underfoot", "sw": version },
        "cmps": {
            "surface": {
                "p": "sensor", "name": "Surface", "uniq_id": "underfoot_rover_surface", "dev_cla": "enum",
                "ops": options, "ic": "mdi:road-variant", "stat_t": "underfoot/rover/surface",
                "val_tpl": "{{ value_json.surface }}", "json_attr_t": "underfoot/rover/surface",
                "avty_t": "underfoot/status",
            },
            "confidence": {
                "p": "sensor", "name": "Confidence", "uniq_id": "underfoot_rover_confidence",
                "unit_of_meas": "%", "stat_cla": "measurement", "sug_dsp_prc": 0, "ent_cat": "diagnostic",
                "ic": "mdi:percent", "stat_t": "underfoot/rover/surface",
                "val_tpl": "{{ (value_json.confidence * 100) | round(1) }}", "avty_t": "underfoot/status",
            },
        },
        "qos": 1,
    });
    assert_eq!(device, expected);
    // The fields that the templates read exist, and the surface is one of the options.
    let surface = json(client.wait_for("underfoot/rover/surface", |_| true).payload);
    assert!(options.contains(&surface["surface"]) && surface["confidence"].is_number(), "{surface}");
    client.wait_for("underfoot/status", |message| message.payload == "online");
    let later = Client::new(&broker, ROVER);
    assert!(later.wait_for(ROVER, |_| true).retain);
}

#[test]
fn every_robot_is_announced_again_when_home_assistant_starts_and_after_an_outage() {
    let mut broker = Broker::start();
    let client = Client::new(&broker, "homeassistant/#");
    let mut daemon = announcing(&broker, ON);
    broker.wait_for_subscription("homeassistant/status");
    for robot in ["rover", "cart"] {
        client.publish(&format!("robots/{robot}/current"), "1.0");
    }
    let first = wait_for_devices(&client, 2);
    client.publish("homeassistant/status", "offline");
    client.publish("homeassistant/status", "online");
    let again = wait_for_devices(&client, 4);
    let mut payloads = [&first[..2], &again[2..4]]
        .map(|messages| messages.iter().map(|message| message.payload.clone()).collect::<Vec<_>>());
    payloads.iter_mut().for_each(|payloads| payloads.sort());
    assert_eq!(payloads[0], payloads[1]);
    drop(client);

    broker.stop();
    daemon.wait_for_line("trying again");
    broker.up();
    broker.wait_for_subscription("homeassistant/status");
    let client = Client::new(&broker, "homeassistant/#");
    wait_for_devices(&client, 2);
    assert!(daemon.is_running());
}

#[test]
fn a_device_remains_when_the_daemon_ends_and_is_removed_by_forget() {
    let broker = Broker::start();
    let client = Client::new(&broker, "#");
    let daemon = announcing(&broker, ON);
    client.publish("robots/rover/current", "1.0");
    client.wait_for(ROVER, |_| true);
    assert_eq!(daemon.terminate().code, Some(0));
    client.wait_for("underfoot/status", |message| message.payload == "offline");
    let forget = run(["forget", "rover", "--mqtt", &broker.address()]).ok();
    assert_says(&forget, &["cleared underfoot/rover/surface", &format!("cleared {ROVER}")]);
    for topic in [ROVER, "underfoot/rover/surface"] {
        client.wait_for(topic, |message| message.payload.is_empty());
    }
    let later = Client::new(&broker, "#");
    later.wait_for("underfoot/status", |_| true);
    assert!(devices(&later).is_empty() && later.on("underfoot/rover/surface").is_empty());
    let unreachable = run(["forget", "rover", "--mqtt", &Broker::down().address()]).one_line(1);
    assert_says(&unreachable, &["cannot be reached"]);
}

#[test]
fn unusual_names_become_valid_ids_and_robots_over_the_limit_are_not_announced() {
    let broker = Broker::start();
    let client = Client::new(&broker, "homeassistant/#");
    let two = ON.to_owned() + "devices = 2\nprefix = 'ha'\nstatus_topic = 'ha/born'\n";
    let mut daemon = announcing(&broker, &two);
    let client_of_ha = Client::new(&broker, "ha/#");
    for robot in ["{{ 1 }} \"rover\"", "cart", "third", "fourth"] {
        client.publish(&format!("robots/{robot}/current"), "1.0");
    }
    let line = daemon.wait_for_line("home_assistant.devices");
    assert_says(&line, &["\"third\"", "home_assistant.devices = 2"]);
    let devices = wait_for_devices(&client_of_ha, 2);
    let id = devices[0].topic.strip_prefix("ha/device/").unwrap().strip_suffix("/config").unwrap();
    assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'), "{id}");
    let device = json(&devices[0].payload);
    assert_eq!(device["dev"]["ids"], json!([id]));
    assert_eq!(device["dev"]["name"], "{{ 1 }} \"rover\"");
    assert_eq!(device["cmps"]["surface"]["stat_t"], "underfoot/{{ 1 }} \"rover\"/surface");
    // An announcement over the limit would have been published before these.
    client.publish("ha/born", "online");
    wait_for_devices(&client_of_ha, 4);
    assert_eq!(daemon.stderr.count("home_assistant.devices"), 1);
    assert!(!format!("{:?}", client_of_ha.messages()).contains("third"));
}

#[test]
fn the_example_acl_allows_announcements_and_by_default_nothing_is_announced() {
    let acl = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/mosquitto/acl");
    let access = format!("allow_anonymous false\nacl_file {acl}\n");
    let users = ["underfoot", "rover", "homeassistant"].map(|user| (user, "sun"));
    let broker = Broker::with_users(&access, &users);
    let rover = Client::with_user(&broker, Some("rover"), "underfoot/rover/surface");
    let home = Client::with_user(&broker, Some("homeassistant"), "homeassistant/#");
    let user = "username = 'underfoot'\npassword = 'sun'\n";
    let _daemon = Daemon::run(&(broker.section() + user + ROBOTS + ON));
    broker.wait_for_subscription("homeassistant/status");
    rover.publish("robots/rover/current", "1.0");
    home.wait_for(ROVER, |_| true);
    home.publish("homeassistant/status", "online");
    wait_for_devices(&home, 2);

    let broker = Broker::start();
    let client = Client::new(&broker, "#");
    let _quiet = announcing(&broker, "");
    client.publish("robots/rover/current", "1.0");
    client.wait_for("underfoot/rover/surface", |_| true);
    client.health(|report| report["streams"] == 1);
    assert!(devices(&client).is_empty());
}
