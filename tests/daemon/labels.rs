//! Labels over MQTT: somebody says which surface a robot is on, and the daemon records what the trainer reads.
#![allow(clippy::single_range_in_vec_init, reason = "the tests compare lists of ranges, some of one range")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::support::broker::Broker;
use crate::support::client::Client;
use crate::support::daemon::{Daemon, Ended};
use crate::support::recording::Recording;
use crate::support::{self, Ran, assert_same, assert_says, wait_for};

const ROBOTS: &str =
    "[[source]]\nkind = 'mqtt'\ntopic = 'robots/{stream}/current'\n[source.time]\nunit = 's'\n";

/// A daemon that records what a broker's robots send into a folder, only what has a label if `only_labelled`.
fn labelling(broker: &Broker, out: &Path, only_labelled: bool, sources: &str) -> Daemon {
    let record = format!("[record]\nfolder = {out:?}\nonly_labelled = {only_labelled}\n");
    let daemon = Daemon::run(&(broker.section() + &record + sources));
    broker.wait_for_subscription("underfoot/+/label");
    daemon
}

/// Publishes a range of the samples of a robot.
fn publish(client: &Client, robot: &str, recording: &Recording, range: std::ops::Range<usize>) {
    let topic = format!("robots/{robot}/current");
    recording.objects().skip(range.start).take(range.len()).for_each(|object| client.publish(&topic, object));
}

/// Says which surface a robot is on.
fn label(client: &Client, robot: &str, surface: &str) {
    let payload = serde_json::json!({ "surface": surface }).to_string();
    client.publish(&format!("underfoot/{robot}/label"), payload);
}

/// Waits until the daemon has received this number of samples, and ends it.
fn end(client: &Client, daemon: Daemon, samples: usize) -> Ended {
    client.health(|report| report["sources"][0]["samples"] == samples);
    let ended = daemon.terminate();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    ended
}

/// The rows below each folder of recordings, those of all its files joined in the order of their first times.
fn rows(out: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for folder in std::fs::read_dir(out).unwrap().map(|folder| folder.unwrap().path()) {
        let text = |file: std::fs::DirEntry| std::fs::read_to_string(file.path()).unwrap();
        let files = std::fs::read_dir(&folder).unwrap().map(|file| text(file.unwrap()));
        let mut files: Vec<_> = files.map(|text| text.replace("t,current\n", "")).collect();
        let start = |text: &String| text.split(',').next().unwrap().parse().unwrap_or(f64::MAX);
        files.sort_by(|a, b| start(a).total_cmp(&start(b)));
        all.insert(folder.file_name().unwrap().to_str().unwrap().to_owned(), files.concat());
    }
    all
}

/// Fails unless a folder of recordings has these folders with these rows of a recording, and no others.
#[track_caller]
fn assert_recorded(out: &Path, recording: &Recording, expected: &[(&str, &[std::ops::Range<usize>])]) {
    let found = rows(out);
    let names: Vec<_> = expected.iter().map(|(name, _)| *name).collect();
    assert_eq!(found.keys().collect::<Vec<_>>(), names);
    for ((_, rows), (_, ranges)) in found.iter().zip(expected) {
        let expected: String = ranges.iter().map(|range| recorded(recording, range.clone())).collect();
        assert_same(&rows.lines().collect::<Vec<_>>(), &expected.lines().collect::<Vec<_>>());
    }
}

/// The rows that a recording of these samples has.
pub(crate) fn recorded(recording: &Recording, range: std::ops::Range<usize>) -> String {
    let row = |(t, current): &(String, String)| {
        format!("{:.9},{}\n", t.parse::<f64>().unwrap(), current.parse::<f32>().unwrap())
    };
    recording.rows[range].iter().map(row).collect()
}

/// Trains a small network on a folder.
fn fit(out: &Path, model: &Path) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_underfoot-train"));
    command
        .arg("fit")
        .arg(out)
        .arg("--out")
        .arg(model)
        .args(["--window", "20", "--epochs", "2", "--hidden", "4"]);
    command.args(["--folds", "0", "--validation", "0.5", "--seed", "1"]).output().unwrap().into()
}

#[test]
fn labelled_drives_are_recorded_while_the_daemon_runs_and_train_a_model() {
    let recording = Recording::tour(71, 2.0);
    let (broker, folder) = (Broker::start(), support::folder());
    let out = folder.path().join("out");
    let daemon = labelling(&broker, &out, true, ROBOTS);
    let client = Client::new(&broker, "underfoot/#");
    publish(&client, "rover", &recording, 0..100);
    for (index, surface) in ["gravel", "tile", "gravel", "tile"].into_iter().enumerate() {
        label(&client, "rover", surface);
        let first = 100 + 200 * index;
        publish(&client, "rover", &recording, first..first + 200);
    }
    label(&client, "rover", "");
    publish(&client, "rover", &recording, 900..1000);
    label(&client, "rover", "gravel");
    publish(&client, "rover", &recording, 1000..1100);
    // Nobody ends this label but the shutdown.
    let ended = end(&client, daemon, 1100);
    let expected: [(&str, &[_]); 2] =
        [("gravel", &[100..300, 500..700, 1000..1100]), ("tile", &[300..500, 700..900])];
    assert_recorded(&out, &recording, &expected);
    assert_says(ended.stderr.last().unwrap(), &["ended", "dropped=none"]);

    let model = folder.path().join("model.onnx");
    let trained = fit(&out, &model);
    assert_says(&trained.stderr, &["5 recordings", "gravel", "tile"]);
    trained.ok();
    assert!(model.exists());
}

#[test]
fn what_has_no_label_is_recorded_beside_it_and_is_no_surface_for_the_trainer() {
    let recording = Recording::tour(72, 2.0);
    let (broker, folder) = (Broker::start(), support::folder());
    let out = folder.path().join("out");
    let daemon = labelling(&broker, &out, false, ROBOTS);
    let client = Client::new(&broker, "underfoot/#");
    // The label may come before the robot.
    label(&client, "rover", "gravel");
    publish(&client, "rover", &recording, 0..200);
    client.publish("underfoot/rover/label", "");
    publish(&client, "rover", &recording, 200..400);
    label(&client, "rover", "tile");
    publish(&client, "rover", &recording, 400..600);
    publish(&client, "cart", &recording, 600..800);
    end(&client, daemon, 800);
    let expected: [(&str, &[_]); 3] =
        [("gravel", &[0..200]), ("tile", &[400..600]), ("unlabelled", &[200..400, 600..800])];
    assert_recorded(&out, &recording, &expected);
    let trained = fit(&out, &folder.path().join("model.onnx"));
    assert_says(&trained.stderr, &["windows because their label changes or is not known"]);
    assert!(!trained.stderr.contains("unlabelled,"), "{}", trained.stderr);
    trained.ok();
}

#[test]
fn hostile_labels_are_counted_by_reason_and_leave_no_label_and_a_retained_one_is_ignored() {
    let recording = Recording::tour(73, 1.0);
    let (broker, folder) = (Broker::start(), support::folder());
    let (out, client) = (folder.path().join("out"), Client::new(&broker, "underfoot/#"));
    client.retain("underfoot/rover/label", r#"{"surface": "old"}"#);
    client.wait_for("underfoot/rover/label", |_| true);
    let daemon = labelling(&broker, &out, true, ROBOTS);
    client.health(|report| report["dropped"]["retained"] == 1);
    publish(&client, "rover", &recording, 0..100);
    label(&client, "rover", "gravel");
    publish(&client, "rover", &recording, 100..200);
    label(&client, "rover", "../../up");
    publish(&client, "rover", &recording, 200..300);
    for bad in ["gravel", "{\"surface\": 1}", "\u{0}", "[[[[", "{\"surface\":"] {
        client.publish("underfoot/rover/label", bad);
    }
    for reserved in ["unknown", "unlabelled", &"x".repeat(65), ".hidden", "a\nb"] {
        label(&client, "rover", reserved);
    }
    client.publish("underfoot/rover/label", vec![b'['; 100_000]);
    client.publish(&format!("underfoot/{}/label", "x".repeat(65)), r#"{"surface": "gravel"}"#);
    for index in 0..40 {
        label(&client, "rover", if index % 2 == 0 { "tile" } else { "wood" });
    }
    publish(&client, "rover", &recording, 300..400);
    let report = client.health(|report| report["sources"][0]["samples"] == 400);
    let expected = serde_json::json!({
        "retained": 1, "malformed": 5, "label_name": 6, "too_large": 1, "stream_name": 1, "label_limit": 11,
    });
    assert_eq!(report["dropped"], expected);
    let ended = end(&client, daemon, 400);
    // Only the first label was a good one.
    assert_recorded(&out, &recording, &[("gravel", &[100..200])]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let log = ended.stderr.join("\n");
    assert_says(&log, &["without the retain flag", "cannot be the name of a folder", "send {\"surface\""]);
    assert_says(&log, &["larger than 1024 bytes", "changed 30 times"]);
}

#[test]
fn the_labels_end_with_the_connection_to_the_broker_and_the_daemon_says_so() {
    let recording = Recording::tour(74, 1.0);
    let (mut broker, folder) = (Broker::start(), support::folder());
    let out = folder.path().join("out");
    let mut daemon = labelling(
        &broker,
        &out,
        true,
        "[[source]]\nkind = 'stdin'\nstream = 'rover'\n[source.time]\nunit = 's'\n",
    );
    let client = Client::new(&broker, "underfoot/#");
    label(&client, "rover", "gravel");
    client.wait_for("underfoot/rover/label", |_| true);
    let gravel = out.join("gravel");
    // When the label has arrived is not seen from outside, so samples go on until they are recorded.
    let mut fed = 0;
    wait_for("a recording", || {
        daemon.feed(recording.csv(fed..fed + 1));
        fed += 1;
        gravel.exists().then_some(())
    });
    broker.stop();
    assert_says(&daemon.wait_for_line("the labels of robots"), &["WARN", "send the labels again"]);
    daemon.feed(recording.csv(500..600));
    daemon.close();
    let ended = daemon.wait();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    let rows = rows(&out);
    // The last samples that were fed may have been read after the label had ended.
    assert!(recorded(&recording, 0..fed).contains(&rows["gravel"]) && rows.len() == 1, "{rows:?}");
}

#[test]
fn a_crash_leaves_the_labelled_samples_that_were_on_the_disk() {
    let recording = Recording::tour(75, 1.0);
    let (broker, folder) = (Broker::start(), support::folder());
    let out = folder.path().join("out");
    let daemon = labelling(&broker, &out, true, ROBOTS);
    let client = Client::new(&broker, "underfoot/#");
    label(&client, "rover", "gravel");
    publish(&client, "rover", &recording, 0..300);
    let expected = recorded(&recording, 0..300);
    wait_for("300 rows on the disk", || {
        (out.join("gravel").exists() && rows(&out)["gravel"] == expected).then_some(())
    });
    daemon.kill();
    assert_eq!(rows(&out)["gravel"], expected);
}
