//! Replaying recordings through a model to standard output.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use crate::support::daemon::Daemon;
use crate::support::recording::{Recording, replay, replay_args, simulate};
use crate::support::{self, assert_says, json, real_recordings, run, underfoot};

/// A folder with two drives of 4 s on each surface.
fn drives() -> tempfile::TempDir {
    let folder = support::folder();
    simulate(folder.path(), &["--drives", "2", "--seconds", "4", "--seed", "3"]);
    folder
}

#[test]
fn every_window_gives_a_json_line_with_the_fields_of_the_contract() {
    let folder = drives();
    let out = replay(&[folder.path()], &[]);
    // 400 samples at the model's rate give a window at the 100th sample and then every 10 samples. The last
    // one may be missing, because the mean over a step needs the sample after it.
    assert!([12 * 31, 12 * 30].contains(&out.lines().count()), "{}", out.lines().count());
    for line in out.lines() {
        let line = json(line);
        let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            ["candidates", "confidence", "novelty", "probabilities", "quality", "stream", "surface", "t"]
        );
        let probabilities = line["probabilities"].as_object().unwrap();
        let sum: f64 = probabilities.values().map(|p| p.as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-3, "{line}");
        let surface = line["surface"].as_str().unwrap();
        assert!(surface == "unknown" || probabilities.contains_key(surface), "{line}");
        let novelty = line["novelty"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&novelty), "{line}");
        let candidates = line["candidates"].as_array().unwrap();
        let is_known = |name: &serde_json::Value| probabilities.contains_key(name.as_str().unwrap());
        assert!(!candidates.is_empty() && candidates.iter().all(is_known), "{line}");
        assert_eq!(line["quality"]["measured"], 1.0);
    }
    assert!(out.starts_with("{\"stream\":\"carpet-sim"), "{}", out.lines().next().unwrap());
}

#[test]
fn scores_are_printed_on_standard_error_and_written_to_the_report() {
    let folder = drives();
    let report = folder.path().join("report.json");
    let ran = run(replay_args(&[folder.path()], &["--report", report.to_str().unwrap()]));
    let stderr = ran.stderr.clone();
    let out = ran.ok();
    assert!(!out.contains("accuracy"));
    let count = out.lines().count();
    let windows = format!("windows: {count} counted, accuracy ");
    assert_says(&stderr, &[&windows, &format!("decisions: {count} counted, "), "gravel"]);
    let report = json(std::fs::read(report).unwrap());
    for part in ["windows", "decisions"] {
        assert_eq!(report[part]["count"], count);
        assert!((0.0..=1.0).contains(&report[part]["accuracy"].as_f64().unwrap()));
        assert_eq!(report[part]["confusion"].as_array().unwrap().len(), 6);
    }
    assert_eq!((&report["labels"][3], &report["unlabelled"]), (&"gravel".into(), &0.into()));
}

#[test]
fn predictions_can_be_csv_and_surface_changes_can_be_a_table() {
    let recording = Recording::tour(1, 4.0);
    let csv = replay(&[&recording.path], &["--format", "csv"]);
    let mut rows = csv.lines();
    let header = rows.next().unwrap();
    assert_eq!(
        header,
        "stream,t,surface,confidence,carpet,concrete,grass,gravel,tile,wood,measured,novelty,candidates"
    );
    let lines = recording.replayed();
    assert_eq!(rows.clone().count(), lines.len());
    for (row, line) in rows.zip(&lines) {
        let (row, line): (Vec<_>, _) = (row.split(',').collect(), json(line));
        assert_eq!((row.len(), row[0], row[2]), (13, "tour1", line["surface"].as_str().unwrap()));
        assert_eq!(row[1].parse::<f64>().unwrap(), line["t"].as_f64().unwrap());
        assert_eq!(row[7].parse::<f64>().unwrap(), line["probabilities"]["gravel"].as_f64().unwrap());
    }
    let table = replay(&[&recording.path], &["--format", "table"]);
    assert_says(table.lines().next().unwrap(), &["stream", "time", "surface", "confidence"]);
}

#[test]
fn batch_size_threads_and_speed_do_not_change_the_output() {
    let folder = drives();
    let expected = replay(&[folder.path()], &[]);
    for args in [["--batch", "1"], ["--batch", "7"], ["--threads", "2"], ["--speed", "100"]] {
        assert!(replay(&[folder.path()], &args) == expected, "{args:?} gives different bytes");
    }
    assert!(replay(&[folder.path()], &["--threads", "3", "--batch", "2"]) == expected);
}

#[test]
fn a_folder_gives_the_same_predictions_as_its_single_files() {
    let folder = drives();
    let mut all = String::new();
    for surface in ["carpet", "concrete", "grass", "gravel", "tile", "wood"] {
        let mut files: Vec<_> = std::fs::read_dir(folder.path().join(surface))
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        files.sort();
        for file in files {
            // The stream of a single file is named without the folder.
            let stream = format!("\"stream\":\"{surface}-");
            all += &replay(&[file], &[]).replace("\"stream\":\"", &stream);
        }
    }
    assert!(replay(&[folder.path()], &[]) == all);
}

#[test]
fn neither_a_clock_that_is_a_little_wrong_nor_samples_between_two_steps_change_the_decisions() {
    let recording = Recording::tour(94, 15.0);
    let folder = support::folder();
    let path = folder.path().join("tour.csv");
    let decisions = |factor: f64, delay: f64| {
        let row = |(index, (t, current)): (usize, &(String, String))| {
            let delay = if index == 0 { 0.0 } else { delay };
            format!("{:.6},{current}\n", (t.parse::<f64>().unwrap() + delay) * factor)
        };
        let rows: String = recording.rows.iter().enumerate().map(row).collect();
        std::fs::write(&path, format!("t,current\n{rows}")).unwrap();
        let lines = replay(&[&path], &[]);
        lines.lines().map(|line| json(line)["surface"].clone()).collect::<Vec<_>>()
    };
    let exact = decisions(1.0, 0.0);
    let unknown = exact.iter().filter(|surface| **surface == "unknown").count();
    assert!(exact.len() > 800 && unknown * 10 < exact.len(), "{unknown} of {} are unknown", exact.len());
    // Within 90 s, the second and the third clock pass every place between two steps.
    for (factor, delay) in [(1.0, 0.005), (1.0002, 0.0), (0.9998, 0.0)] {
        let found = decisions(factor, delay);
        let same = exact.iter().zip(&found).filter(|(one, other)| one == other).count();
        assert!(same * 50 >= exact.len() * 49, "{factor}, {delay}: {same} of {} are the same", exact.len());
    }
}

#[test]
fn a_recording_shorter_than_a_window_is_an_error_that_says_so() {
    let recording = Recording::tour(1, 0.1);
    let ran = run(replay_args(&[&recording.path], &[]));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert_says(&ran.stderr, &["error: no window was complete", "shorter than the model's window"]);
}

#[test]
fn a_reader_that_closes_the_pipe_early_causes_no_error() {
    let recording = Recording::tour(2, 60.0);
    let mut command = underfoot(replay_args(&[&recording.path], &[]));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    json(line);
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert!(!String::from_utf8_lossy(&ended.stderr).contains("error"), "{ended:?}");
}

#[test]
fn ctrl_c_ends_a_paced_replay_and_keeps_the_predictions_so_far() {
    let recording = Recording::tour(2, 600.0);
    let replay = Daemon::command(underfoot(replay_args(&[&recording.path], &["--speed", "10"])));
    replay.wait_for_output(1);
    // The replay would run for six more minutes, but the test waits for a much shorter time.
    let ended = replay.interrupt();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    json(ended.stdout.last().unwrap());
}

/// The first and last time of a recording of the Robotino, in seconds.
fn times(path: &Path) -> (f64, f64) {
    let text = std::fs::read_to_string(path).unwrap();
    let time = |line: &str| line.split(';').next().and_then(|t| t.trim().parse::<f64>().ok());
    let times: Vec<f64> = text.lines().skip(3).filter_map(time).collect();
    assert!(times.len() > 100, "{path:?} has {} samples", times.len());
    (times[0] / 1e3, times[times.len() - 1] / 1e3)
}

#[test]
fn real_recordings_are_replayed_with_a_dataset_description() {
    let Some(data) = real_recordings("robotino/brown") else { return };
    let folder = support::folder();
    let layout = folder.path().join("dataset.toml");
    let text = "[csv]\ndelimiter = ';'\nheader_row = 3\n[time]\nunit = 'ms'\n\
        [[channel]]\nname = 'current'\nsum = ['m1cur', 'm2cur', 'm3cur']\n[label]\nfrom = 'folder'\n";
    std::fs::write(&layout, text).unwrap();
    let ran = run(replay_args(&[&data], &["--dataset", layout.to_str().unwrap()]));
    // The model does not know the surfaces of this robot.
    assert_says(&ran.stderr, &["predictions are on \"brown\", which the model does not know"]);
    let mut streams: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for line in ran.ok().lines().map(json) {
        let stream = line["stream"].as_str().unwrap().to_owned();
        streams.entry(stream).or_default().push(line["t"].as_f64().unwrap());
    }
    let files: Vec<_> = std::fs::read_dir(&data).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(!files.is_empty());
    assert_eq!(streams.len(), files.len(), "one stream per drive");
    for file in files {
        let stream = file.file_stem().unwrap().to_str().unwrap();
        let (first, last) = times(&file);
        let predicted = &streams[stream];
        // A window is 1 s long, the hop is 0.1 s, and these drives have no gaps.
        let expected = ((last - first - 1.0) * 10.0) as usize + 1;
        assert!(predicted.len().abs_diff(expected) <= 1, "{stream}: {} of {expected}", predicted.len());
        assert!((predicted[0] - first - 1.0).abs() < 0.05, "{stream}: {} after {first}", predicted[0]);
        // The time of a step is that of its sample, which may be half a period away.
        assert!(predicted.windows(2).all(|pair| (pair[1] - pair[0] - 0.1).abs() < 0.0101), "{stream}");
    }
}
