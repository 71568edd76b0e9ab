//! Reloading the configuration and the model while samples arrive.

use std::path::{Path, PathBuf};

use crate::support::broker::Broker;
use crate::support::client::Client;
use crate::support::daemon::{Daemon, config};
use crate::support::manager::Manager;
use crate::support::recording::{Recording, replay};
use crate::support::{self, assert_same, assert_says, json, model, wait_for};

const WATCHDOG: std::time::Duration = std::time::Duration::from_secs(60);

/// Writes a copy of the shipped model that computes the same but has different bytes. Each label in `labels`
/// is replaced by another of the same length.
fn variant(path: &Path, note: &str, labels: &[(&str, &str)]) {
    let mut bytes = std::fs::read(model()).unwrap();
    for (old, new) in labels {
        assert_eq!(old.len(), new.len());
        let (old, new) = (format!("\"{old}\""), format!("\"{new}\""));
        let at = bytes.windows(old.len()).position(|part| part == old.as_bytes()).unwrap();
        bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
    }
    // ModelProto.doc_string
    bytes.extend([0x32, u8::try_from(note.len()).unwrap()]);
    bytes.extend(note.as_bytes());
    replace(path, &bytes);
}

/// Replaces a file atomically.
fn replace(path: &Path, bytes: impl AsRef<[u8]>) {
    let new = path.with_extension("new");
    std::fs::write(&new, bytes).unwrap();
    std::fs::rename(new, path).unwrap();
}

/// A daemon as a service, with its own copy of the model and a stream from standard input.
struct Setup {
    manager: Manager,
    daemon: Daemon,
    model: PathBuf,
    reloads: usize,
}

impl Setup {
    fn new(recording: &Recording, sections: &str) -> Self {
        let manager = Manager::new();
        let model = manager.folder.path().join("drives.onnx");
        variant(&model, "first", &[]);
        let daemon = manager.start(&Self::text(&model, recording, sections), WATCHDOG);
        manager.wait_for("READY=1");
        Self { manager, daemon, model, reloads: 0 }
    }

    /// The configuration with this model, a stream for this recording, and these sections.
    fn text(model: &Path, recording: &Recording, sections: &str) -> String {
        let text =
            config(&format!("{sections}[[source]]\nkind = 'stdin'\nstream = '{}'\n", recording.stream));
        let text = text.replace("[model]\n", "[model]\nthreads = 2\n");
        text.replace(&support::model().display().to_string(), &model.display().to_string())
    }

    /// Replaces the configuration file.
    fn write(&self, recording: &Recording, sections: &str) {
        replace(&self.manager.file(), Self::text(&self.model, recording, sections));
    }

    /// Requests a reload, and returns the message of the service after it.
    fn reload(&mut self) -> String {
        self.daemon.hang_up();
        let reloading = self.manager.wait_for("RELOADING=1");
        assert_says(&reloading, &["MONOTONIC_USEC="]);
        self.reloads += 1;
        self.manager.wait_for("READY=1")
    }

    /// The resident memory of the daemon in KiB.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.daemon.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

#[test]
fn a_hundred_reloads_lose_no_sample_and_no_prediction() {
    let recording = Recording::tour_at(1000, 71, 10.0);
    let expected = recording.replayed();
    let mut setup = Setup::new(&recording, "");
    let each = recording.rows.len() / 100;
    let (mut early, mut rejected) = (0, 0);
    for round in 0..100 {
        let rows = round * each..(round + 1) * each;
        // Half of the samples are sent before the reload, and half during it.
        let middle = rows.start + each / 2;
        setup.daemon.feed(recording.csv(rows.start..middle));
        let status = match round % 6 {
            1 => {
                replace(&setup.manager.file(), "[decide]\ndwel = '3s'\n");
                setup.daemon.feed(recording.csv(middle..rows.end));
                setup.reload()
            }
            4 => {
                let whole = std::fs::read(&setup.model).unwrap();
                // An incomplete file, as while a model is being copied.
                std::fs::write(&setup.model, &whole[..whole.len() * (round + 1) / 101]).unwrap();
                setup.daemon.feed(recording.csv(middle..rows.end));
                setup.reload()
            }
            _ => {
                variant(&setup.model, &format!("round {round}"), &[]);
                setup.write(&recording, "");
                setup.daemon.hang_up();
                setup.daemon.feed(recording.csv(middle..rows.end));
                setup.manager.wait_for("RELOADING=1");
                setup.manager.wait_for("READY=1")
            }
        };
        match round % 6 {
            1 => assert_says(&status, &["the last reload failed: ", "unknown key \"decide.dwel\""]),
            4 => assert_says(&status, &["the last reload failed: ", "drives.onnx"]),
            _ => assert!(!status.contains("failed"), "{status}"),
        }
        rejected += usize::from(status.contains("failed"));
        if round == 20 {
            early = setup.memory();
        }
    }
    setup.daemon.feed(recording.csv(100 * each..recording.rows.len()));
    setup.daemon.wait_for_output(expected.len());
    let late = setup.memory();
    println!("{early} KiB after 20 reloads, {late} KiB after 100, {rejected} rejected");
    assert!(late < early + 6 * 1024, "{early} KiB after 20 reloads, {late} KiB after 100");
    assert_eq!(rejected, 33);
    let ended = setup.daemon.terminate();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    assert_same(&ended.stdout, &expected);
    assert_says(ended.stderr.last().unwrap(), &["ended", "dropped=none"]);
    let count = |part: &str| ended.stderr.iter().filter(|line| line.contains(part)).count();
    assert_eq!(count("the reload failed, and the old configuration stays active"), rejected);
    assert_eq!(count("the model's file"), 100 - rejected);
}

#[test]
fn every_incomplete_model_is_rejected() {
    let recording = Recording::tour(72, 1.0);
    let mut setup = Setup::new(&recording, "");
    let whole = std::fs::read(&setup.model).unwrap();
    for tenth in 0..10 {
        std::fs::write(&setup.model, &whole[..whole.len() * tenth / 10]).unwrap();
        assert_says(&setup.reload(), &["the last reload failed: ", "drives.onnx"]);
    }
    replace(&setup.model, &whole);
    assert!(!setup.reload().contains("failed"));
    setup.daemon.feed(recording.csv(0..600));
    setup.daemon.wait_for_output(recording.replayed().len());
}

#[test]
fn a_model_with_other_labels_takes_over_and_its_labels_are_published() {
    let broker = Broker::start();
    let client = Client::new(&broker, "underfoot/#");
    let recording = Recording::tour(73, 2.0);
    let decide = "[decide]\nmin_confidence = 0.0\nhysteresis = 0.0\n";
    let mut setup = Setup::new(&recording, &(broker.section() + decide));
    setup.daemon.feed(recording.csv(0..300));
    let before = setup.daemon.wait_for_output(21);
    let labels = [("carpet", "velvet"), ("gravel", "pebble"), ("grass", "sedge"), ("tile", "slab")];
    let labels = [&labels[..], &[("wood", "deck"), ("concrete", "pavement")]].concat();
    let other = setup.model.with_file_name("other.onnx");
    variant(&other, "other", &labels);
    setup.model = other;
    setup.write(&recording, &(broker.section() + decide));
    setup.reload();
    let info = |message: &support::client::Message| message.payload.contains("\"model\":\"other\"");
    assert_says(&client.wait_for("underfoot/info", info).payload, &["velvet", "pavement"]);
    let topic = format!("underfoot/{}/surface", recording.stream);
    let surface = json(client.wait_for(&topic, info).payload);
    assert_eq!(surface["surface"], "unknown", "no surface is decided with the new labels yet: {surface}");

    setup.daemon.feed(recording.csv(300..1200));
    let expected = replay(&[&recording.path], &[]);
    let count = expected.lines().count();
    let lines = setup.daemon.wait_for_output(count);
    assert_same(&lines[..21], &before);
    // The windows and their probabilities are the same, but the decision starts again.
    for (line, expected) in lines.iter().zip(expected.lines()).skip(21) {
        let (line, expected) = (json(line), json(expected));
        assert_eq!(line["t"], expected["t"]);
        for (old, new) in &labels {
            assert_eq!(line["probabilities"][new], expected["probabilities"][old], "{line}");
        }
        let named = line["surface"].as_str().unwrap();
        assert!(labels.iter().any(|(_, new)| *new == named), "{line}");
    }
    client.wait_for(&topic, |message| info(message) && !message.payload.contains("unknown"));
}

#[test]
fn hop_and_decision_settings_change_and_settings_that_need_a_restart_are_named() {
    let recording = Recording::tour(74, 2.0);
    let mut setup = Setup::new(&recording, "");
    setup.daemon.feed(recording.csv(0..300));
    setup.daemon.wait_for_output(21);
    setup.write(
        &recording,
        "[window]\nhop = 25\n[decide]\nmin_confidence = 1.0\nhysteresis = 0.0\n[record]\nlabel = 'x'\n",
    );
    let status = setup.reload();
    assert_says(&status, &["a restart is needed for record.label"]);
    setup.daemon.wait_for_line("these changes need a restart of the daemon: record.label");
    assert_says(
        &setup.daemon.wait_for_line("reloaded"),
        &["decide.hysteresis, decide.min_confidence, window.hop"],
    );
    setup.daemon.feed(recording.csv(300..1200));
    let lines = setup.daemon.wait_for_output(21 + 36);
    let times: Vec<_> =
        lines.iter().map(|line| (json(line)["t"].as_f64().unwrap() * 100.0).round()).collect();
    let steps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps[..20].iter().all(|step| *step == 10.0), "{steps:?}");
    assert!(steps[20..].iter().all(|step| *step == 25.0), "{steps:?}");
    assert!(
        lines[21..].iter().all(|line| json(line)["surface"] == "unknown"),
        "no prediction has a confidence that high"
    );
}

#[test]
fn a_model_with_other_channels_needs_a_restart_and_is_named() {
    let recording = Recording::tour(76, 1.0);
    let mut setup = Setup::new(&recording, "");
    setup.daemon.feed(recording.csv(0..300));
    setup.daemon.wait_for_output(21);
    variant(&setup.model, "other", &[("current", "voltage")]);
    setup.write(&recording, "[decide]\ndwell = '19s'\n");
    let status = setup.reload();
    let says = "model.path (its channels are voltage instead of current)";
    assert_says(&status, &["a restart is needed for ", says]);
    assert_says(&setup.daemon.wait_for_line("reloaded"), &["decide.dwell"]);
    setup.daemon.feed(recording.csv(300..600));
    let lines = setup.daemon.wait_for_output(51);
    for (line, expected) in lines.iter().zip(recording.replayed()) {
        assert_eq!(json(line)["probabilities"], json(expected)["probabilities"]);
    }
}

#[test]
fn several_requests_during_a_reload_cause_one_reload_and_reloads_are_counted() {
    let broker = Broker::start();
    let client = Client::new(&broker, "underfoot/#");
    let recording = Recording::tour(75, 1.0);
    let mut setup = Setup::new(&recording, &broker.section());
    std::fs::remove_file(setup.manager.file()).unwrap();
    setup.reload();
    let report = client.health(|report| report["reloads"]["failed"] == 1);
    assert_says(report["reloads"]["error"].as_str().unwrap(), &["underfoot.toml", "cannot be read"]);
    setup.write(&recording, &broker.section());
    for _ in 0..50 {
        setup.daemon.hang_up();
    }
    let report = client.health(|report| report["reloads"]["done"].as_u64().unwrap() >= 1);
    assert!(report["reloads"].get("error").is_none(), "{report}");
    setup.reload();
    let done = client.health(|report| report["reloads"]["done"].as_u64().unwrap() >= 2);
    assert!(done["reloads"]["done"].as_u64().unwrap() < 50, "{done}");
    wait_for("the daemon", || setup.daemon.is_running().then_some(()));
}

#[test]
fn a_reload_is_refused_if_the_next_start_would_fail_and_then_nothing_is_taken_over() {
    let recording = Recording::tour(77, 1.0);
    let mut setup = Setup::new(&recording, "");
    let folder = support::folder();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let decide = "[decide]\nmin_confidence = 1.0\n";
    for (sections, why) in [
        (format!("[record]\nfolder = {file:?}\n"), "is not a folder"),
        (format!("[http]\nlisten = '{}'\n", taken.local_addr().unwrap()), "another program has that port"),
        ("[http]\nlisten = 'here'\n".into(), "http.listen is \"here\""),
        (format!("[[source]]\nkind = 'file'\npath = {:?}\n", folder.path().join("gone")), "gone"),
    ] {
        setup.write(&recording, &format!("{decide}{sections}"));
        assert_says(&setup.reload(), &["the last reload failed: ", why]);
    }
    setup.daemon.feed(recording.csv(0..600));
    let expected = recording.replayed();
    assert_same(&setup.daemon.wait_for_output(expected.len()), &expected);
}

#[test]
fn a_new_page_address_and_a_new_recording_folder_need_a_restart() {
    let recording = Recording::tour(78, 1.0);
    let folder = support::folder();
    let record =
        |label: &str| format!("[record]\nfolder = {:?}\nlabel = '{label}'\n", folder.path().join("out"));
    let mut setup = Setup::new(&recording, &record("tile"));
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    setup.write(
        &recording,
        &format!("{}[http]\nlisten = '{free}'\n[window]\nreorder = '20ms'\n", record("gravel")),
    );
    let status = setup.reload();
    assert_says(
        &status,
        &["a restart is needed for ", "http.listen", "record.label", "window.reorder (for recordings)"],
    );
    assert!(!folder.path().join("out/gravel").exists());
}
