//! What is shipped for fleets: the configuration of NATS servers, the dashboard and the alerts.

use std::collections::BTreeSet;
use std::process::Output;

use serde_json::Value;

use crate::support::broker::Broker;
use crate::support::daemon::Daemon;
use crate::support::fleet::{Cluster, shipped};
use crate::support::http::{address, get};
use crate::support::{assert_says, folder, json, program, wait_for};

/// Runs promtool in the folder of the shipped files. Fails if it does.
fn promtool(args: &[&str]) -> Output {
    let mut command = program("promtool", "prometheus");
    let output = command.args(args).current_dir(shipped("")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output
}

/// The expressions of the dashboard's panels.
fn panel_expressions() -> Vec<String> {
    let dashboard = json(std::fs::read_to_string(shipped("grafana.json")).unwrap());
    let targets = |panel: &Value| panel["targets"].as_array().cloned().unwrap_or_default();
    let panels = dashboard["panels"].as_array().unwrap();
    let all = panels.iter().flat_map(targets);
    all.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_alert_is_valid_and_there_when_it_should_be() {
    promtool(&["check", "rules", "alerts.yml"]);
    promtool(&["test", "rules", "alerts.test.yml"]);
    let text = |name: &str| std::fs::read_to_string(shipped(name)).unwrap();
    let (alerts, tests) = (text("alerts.yml"), text("alerts.test.yml"));
    let names: Vec<_> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        assert!(tests.contains(&format!("- alertname: {name}\n")), "alerts.test.yml does not test {name}");
    }
}

#[test]
fn prometheus_understands_every_expression_of_the_dashboard() {
    let home = folder();
    let mut rules = String::from("groups:\n- name: panels\n  rules:\n");
    let expressions = panel_expressions();
    assert!(expressions.len() > 20);
    for (index, expression) in expressions.iter().enumerate() {
        let expression = expression.replace("$__rate_interval", "1m").replace("$node", ".*");
        rules += &format!("  - record: panel{index}\n    expr: {}\n", Value::String(expression));
    }
    let file = home.path().join("panels.yml");
    std::fs::write(&file, rules).unwrap();
    promtool(&["check", "rules", file.to_str().unwrap()]);
}

#[test]
fn the_dashboard_and_the_alerts_name_only_metrics_that_the_daemon_has() {
    let broker = Broker::start();
    let http = "[http]\nlisten = '127.0.0.1:0'\n[[source]]\nkind = 'simulator'\n";
    let mut daemon = Daemon::run(&(broker.section() + http));
    let address = address(&mut daemon);
    let metrics = get(&address, "/metrics").body;
    // Names as they are scraped, such as underfoot_latency_seconds_bucket.
    let names: BTreeSet<_> = metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let alerts = std::fs::read_to_string(shipped("alerts.yml")).unwrap();
    let alerts = alerts.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).map(str::to_owned);
    for expression in panel_expressions().into_iter().chain(alerts) {
        let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let used: Vec<_> =
            words.filter(|word| word.starts_with("underfoot_") || word.starts_with("process_")).collect();
        assert!(!used.is_empty() || expression.contains("up{job=\"underfoot\"}"), "{expression}");
        for word in used {
            assert!(names.contains(word), "{expression} names {word}, which /metrics does not have");
        }
    }
}

#[test]
fn the_shipped_users_write_only_what_is_theirs_and_samples_outlive_the_loss_of_a_server() {
    let mut cluster = Cluster::start(&["r1", "r2"]);
    let mut results = cluster.subscribe(2, "reader", "underfoot/+/surface");
    let mut labels = cluster.subscribe(2, "node", "underfoot/+/label");
    for subscriber in [&mut results, &mut labels] {
        wait_for("a subscription", || {
            subscriber.stdout.all().iter().any(|line| line.starts_with("Subscribed")).then_some(())
        });
    }

    // What is forbidden comes first, and on the same server, so that it would arrive first.
    let forbidden = [
        ("r1", "robots/r2/current"),
        ("r1", "fleet/1/robots/r2/current"),
        ("r1", "underfoot/r1/surface"),
        ("r1", "underfoot/nodes/a/status"),
        ("r1", "underfoot/r2/label"),
        ("reader", "underfoot/r1/surface"),
        ("node", "underfoot/r1/label"),
    ];
    for (user, topic) in forbidden {
        cluster.publish(0, user, topic, "forged", true);
    }
    cluster.wait_for_lines(0, "Publish Violation", forbidden.len());
    cluster.publish(0, "r1", "underfoot/r1/label", "own", false);
    cluster.publish(0, "r1", "robots/r1/current", "first", false);
    cluster.publish(0, "node", "underfoot/r1/surface", "decided", true);
    let of = |robot: &str| format!("{{\"last_by_subj\":\"fleet.*.robots.{robot}.current\"}}");
    let get = "$JS.API.STREAM.MSG.GET.FLEET";
    let stored = json(wait_for("the samples of r1", || cluster.request(1, get, &of("r1")).ok()));
    // The partition is the FNV-1a hash of the name, modulo 64.
    assert_eq!(stored["message"]["subject"], "fleet.44.robots.r1.current");
    assert_eq!(stored["message"]["data"], "Zmlyc3Q=", "first");
    assert_says(&cluster.request(1, get, &of("r2")).unwrap_err(), &["no message found"]);
    let messages = |subscriber: &Daemon| -> Vec<String> {
        subscriber.stdout.all().into_iter().filter(|line| line.starts_with("underfoot/")).collect()
    };
    wait_for("the surface", || (!messages(&results).is_empty()).then_some(()));
    wait_for("the label", || (!messages(&labels).is_empty()).then_some(()));
    assert_eq!(messages(&results), ["underfoot/r1/surface decided"]);
    assert_eq!(messages(&labels), ["underfoot/r1/label own"]);

    // A robot reads its own surface and no other, and a node may not touch the streams.
    // One server may know the message a moment before another one does.
    let own = wait_for("the retained surface", || cluster.retained(1, "r1", "underfoot/r1/surface"));
    assert_eq!(own, "decided");
    let other = cluster.subscribe(1, "r1", "underfoot/r2/surface");
    wait_for("the refusal", || other.stderr.all().iter().any(|line| line.contains("denied")).then_some(()));
    let refused = cluster.request_as("node", 1, "$JS.API.STREAM.DELETE.FLEET", "").unwrap_err();
    assert_says(&refused, &["Permissions Violation"]);
    let info = json(cluster.request_as("node", 1, "$JS.API.STREAM.INFO.FLEET", "").unwrap());
    assert_eq!(info["config"]["num_replicas"], 3);

    // Any two of the servers go on. Until they have elected a leader, samples are lost, so this one is sent until it is stored.
    let leader = info["cluster"]["leader"].as_str().unwrap().to_owned();
    let lost = ["n1", "n2", "n3"].iter().position(|name| *name == leader).unwrap();
    drop((results, labels, own, other));
    cluster.kill(lost);
    let left = (lost + 1) % 3;
    let stored = wait_for("samples after the loss of a server", || {
        cluster.try_publish(left, "r1", "robots/r1/current", "second", false).ok()?;
        cluster
            .request(left, get, &of("r1"))
            .ok()
            .map(json)
            .filter(|answer| answer["message"]["data"] == "c2Vjb25k")
    });
    assert_eq!(stored["message"]["subject"], "fleet.44.robots.r1.current");
}
