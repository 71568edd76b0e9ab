//! MCAP files that are written: recordings, and the results of a replay.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::record::record;
use crate::support::pty::Pty;
use crate::support::recording::{Recording, replay, replay_args, simulate};
use crate::support::{self, assert_same, assert_says, json, run, wait_for};

/// The messages of each topic, each with the time at which it was logged in seconds, in the order of the file.
fn messages(path: &Path) -> BTreeMap<String, Vec<(f64, Value)>> {
    let bytes = std::fs::read(path).unwrap();
    // The index has every topic, and the file ends as it should.
    assert!(mcap::Summary::read(&bytes).unwrap().is_some());
    let mut topics = BTreeMap::<_, Vec<_>>::new();
    for message in mcap::MessageStream::new(&bytes).unwrap() {
        let message = message.unwrap();
        let value = match message.channel.message_encoding.as_str() {
            "json" => json(message.data.as_ref()),
            _ => Value::Null,
        };
        topics.entry(message.channel.topic.clone()).or_default().push((message.log_time as f64 / 1e9, value));
    }
    topics
}

/// The only file in a folder.
fn only(folder: &Path) -> PathBuf {
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.into_iter().next().unwrap()
}

#[test]
fn the_results_of_a_replay_have_samples_predictions_surfaces_labels_and_problems() {
    let folder = support::folder();
    // The sensor is stuck during the second half.
    let recording = Recording::tour(5, 4.0).with(|index, current| if index < 1200 { current } else { 1.25 });
    let out = folder.path().join("results.mcap");
    let ran = run(replay_args(&[&recording.path], &["--mcap", out.to_str().unwrap()]));
    let stderr = ran.stderr.clone();
    let predictions: Vec<_> = ran.ok().lines().map(json).collect();
    assert_says(&stderr, &["wrote", "results.mcap"]);
    let topics = messages(&out);
    let names: Vec<_> = topics.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "/underfoot/label",
            "/underfoot/log",
            "/underfoot/prediction",
            "/underfoot/samples",
            "/underfoot/surface"
        ]
    );

    let samples = &topics["/underfoot/samples"];
    assert_eq!(samples.len(), recording.rows.len());
    for ((time, sample), (t, current)) in samples.iter().zip(&recording.rows) {
        assert!((time - t.parse::<f64>().unwrap()).abs() < 1e-6);
        assert_eq!(sample["current"].as_f64().unwrap() as f32, current.parse::<f32>().unwrap());
    }
    let written = &topics["/underfoot/prediction"];
    assert_eq!(written.len(), predictions.len());
    for ((time, written), mut printed) in written.iter().zip(predictions) {
        printed.as_object_mut().unwrap().remove("stream");
        assert_eq!(*written, printed);
        assert!((time - printed["t"].as_f64().unwrap()).abs() < 1e-5);
    }
    let labels: Vec<_> =
        topics["/underfoot/label"].iter().map(|(_, label)| label["label"].as_str()).collect();
    assert_eq!(labels.len(), 6, "the tour is over six surfaces: {labels:?}");
    let surfaces = &topics["/underfoot/surface"];
    assert!(surfaces.iter().any(|(_, surface)| surface["surface"] == "carpet"), "{surfaces:?}");
    let log = &topics["/underfoot/log"];
    let stuck = log.iter().find(|(_, entry)| entry["level"] == 3).unwrap();
    assert!(
        stuck.0 > 12.0
            && stuck.1["name"] == "current"
            && stuck.1["message"].as_str().unwrap().contains("stays at 1.25 A"),
        "{stuck:?}"
    );
    assert!(
        log.iter()
            .any(|(_, entry)| entry["level"] == 2
                && entry["message"].as_str().unwrap().starts_with("unknown: "))
    );

    // What was written can be replayed, without a dataset.toml, and gives the same predictions.
    let again = replay(&[&out], &[]).replace("\"results\"", &format!("\"{}\"", recording.stream));
    assert_same(&again.lines().collect::<Vec<_>>(), &recording.replayed());
}

#[test]
fn each_recording_of_a_folder_gets_a_file_of_its_own_and_no_recording_is_overwritten() {
    let folder = support::folder();
    simulate(&folder.path().join("drives"), &["--drives", "1", "--seconds", "3", "--seed", "3"]);
    let (drives, out) = (folder.path().join("drives"), folder.path().join("results"));
    run(replay_args(&[&drives], &["--mcap", out.to_str().unwrap()])).ok();
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 6);
    let one = folder.path().join("one.mcap");
    let refused = run(replay_args(&[&drives], &["--mcap", one.to_str().unwrap()]));
    assert_eq!(refused.code, Some(2));
    assert_says(&refused.stderr, &["is one file, but 6 recordings are replayed; give a folder"]);
    let refused = run(replay_args(&[&drives], &["--mcap", drives.join("new").to_str().unwrap()]));
    assert_eq!(refused.code, Some(2));
    assert_says(&refused.stderr, &["is among the recordings that are replayed"]);
    let refused = run(replay_args(&[&drives], &["--mcap", "/proc/results"]));
    assert_eq!(refused.code, Some(1));
    assert_says(&refused.stderr, &["/proc/results", "cannot be written"]);
}

#[test]
fn other_topics_are_copied_at_the_times_of_the_log_and_the_results_beside_them() {
    let folder = support::folder();
    // The samples are stamped from 1000 s on, and logged in 2023.
    let bag = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/mcap/topics.mcap");
    let layout = folder.path().join("dataset.toml");
    std::fs::write(
        &layout,
        "[mcap]\ntopic = '/left/current'\n[[channel]]\nname = 'current'\nfield = 'data'\n",
    )
    .unwrap();
    let out = folder.path().join("out.mcap");
    let more = ["--dataset", layout.to_str().unwrap(), "--mcap", out.to_str().unwrap(), "--copy-topics"];
    run(replay_args(&[&bag], &more)).ok();
    let topics = messages(&out);
    let before = messages(&bag);
    for topic in ["/left/current", "/right/current", "/surface"] {
        let times = |messages: &[(f64, Value)]| messages.iter().map(|(time, _)| *time).collect::<Vec<_>>();
        assert_eq!(times(&topics[topic]), times(&before[topic]), "{topic}");
    }
    for ((sample, _), (message, _)) in topics["/underfoot/samples"].iter().zip(&topics["/left/current"]) {
        assert!((sample - message).abs() < 1e-6);
    }
    let twice = folder.path().join("twice.mcap");
    let more = ["--mcap", twice.to_str().unwrap(), "--copy-topics"];
    run(replay_args(&[&out], &more)).ok();
    let names = |path: &Path| {
        messages(path).into_iter().map(|(topic, messages)| (topic, messages.len())).collect::<Vec<_>>()
    };
    assert_eq!(names(&twice), names(&out), "the results of before are not copied beside the new ones");
}

#[test]
fn a_recording_as_mcap_says_its_channels_and_its_label_and_gives_the_same_predictions() {
    let recording = Recording::tour(61, 1.0);
    let folder = support::folder();
    let mut pty = Pty::open(&folder.path().join("board"));
    let out = folder.path().join("out");
    let mut daemon = record(&pty.link, &out, &["--as", "mcap", "--stream", &recording.stream]);
    pty.send(recording.csv(0..600).as_bytes());
    daemon.wait_for_line("600 samples");
    let ended = daemon.terminate();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    let file = only(&out.join("gravel"));
    assert_eq!(ended.stdout, [file.to_str().unwrap()]);
    assert_eq!(messages(&file)["/underfoot/samples"].len(), 600);
    let bytes = std::fs::read(&file).unwrap();
    let index = &mcap::Summary::read(&bytes).unwrap().unwrap().metadata_indexes[0];
    let metadata = mcap::read::metadata(&bytes, index).unwrap();
    assert_eq!((metadata.name.as_str(), metadata.metadata["label"].as_str()), ("underfoot", "gravel"));

    let name = format!("gravel-{}", file.file_stem().unwrap().to_str().unwrap());
    let replayed = replay(&[&out], &[]).replace(&name, &recording.stream);
    assert_same(&replayed.lines().collect::<Vec<_>>(), &recording.replayed());
    // The label is in the file, wherever it is moved.
    let moved = folder.path().join("moved.mcap");
    std::fs::rename(&file, &moved).unwrap();
    std::fs::write(folder.path().join("dataset.toml"), "[label]\nfrom = 'metadata'\n").unwrap();
    let ran = run(replay_args(&[&moved], &[]));
    assert_says(&ran.stderr, &["windows: ", "counted, accuracy"]);
}

#[test]
fn a_crash_loses_no_message_of_an_mcap_recording_that_was_on_the_disk() {
    let recording = Recording::tour(62, 1.0);
    let folder = support::folder();
    let mut pty = Pty::open(&folder.path().join("board"));
    let out = folder.path().join("out");
    let daemon = record(&pty.link, &out, &["--as", "mcap"]);
    pty.send(recording.csv(0..500).as_bytes());
    // Everything is given to the system once a second.
    let file = wait_for("a recording", || {
        std::fs::read_dir(out.join("gravel")).ok()?.next()?.ok().map(|file| file.path())
    });
    let count = || {
        let bytes = std::fs::read(&file).unwrap();
        let messages = mcap::MessageStream::new(&bytes).ok()?;
        Some(messages.take_while(Result::is_ok).count()).filter(|count| *count >= 500)
    };
    wait_for("500 samples in the file", count);
    daemon.kill();
    let ran = run(replay_args(&[&file], &[]));
    assert_says(&ran.stderr, &["ends before its index, as after a crash"]);
    assert_eq!(ran.ok().lines().count(), recording.replayed().len() - 10);
}

#[test]
fn the_daemon_records_mcap_when_the_configuration_says_so() {
    let recording = Recording::tour(63, 1.0);
    let folder = support::folder();
    let config = format!(
        "[model]\npath = {:?}\n[record]\nfolder = {:?}\nlabel = \"tile\"\nformat = \"mcap\"\n[[source]]\nkind = \"file\"\npath = {:?}\n",
        support::model(),
        folder.path().join("out"),
        recording.path
    );
    let file = folder.path().join("underfoot.toml");
    std::fs::write(&file, config).unwrap();
    run(["run", "-c", file.to_str().unwrap()]).ok();
    let topics = messages(&only(&folder.path().join("out/tile")));
    assert_eq!(topics["/underfoot/samples"].len(), recording.rows.len());
    let predictions: Vec<_> =
        topics["/underfoot/prediction"].iter().map(|(_, prediction)| prediction.clone()).collect();
    let replayed = recording.replayed().into_iter().map(|line| {
        let mut line = json(line);
        line.as_object_mut().unwrap().remove("stream");
        line
    });
    assert_eq!(predictions, replayed.collect::<Vec<_>>(), "the last one is not lost when the stream ends");
    assert!(topics["/underfoot/surface"].len() > 1 && topics["/underfoot/log"].len() > 1);
}
