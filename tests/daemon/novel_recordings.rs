//! Recordings of robots on surfaces that the model does not know: `[record] novel = true`.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::labels::recorded;
use crate::support::broker::Broker;
use crate::support::client::Client;
use crate::support::daemon::{Daemon, Ended};
use crate::support::novelty::{NOVEL_CURRENT, model_with_novelty, model_without_novelty};
use crate::support::recording::{Recording, simulate};
use crate::support::{self, Ran, assert_same, assert_says, json, run, wait_for};

/// A drive of 72 s at 100 Hz over all surfaces, which are novel in these rows.
fn drive(seed: u32, novel: impl IntoIterator<Item = Range<usize>>) -> Recording {
    let novel: Vec<_> = novel.into_iter().collect();
    let is_novel = |row| novel.iter().any(|rows| rows.contains(&row));
    let value = |row, value: f64| if is_novel(row) { value + 2.0 * NOVEL_CURRENT } else { value };
    Recording::tour(seed, 12.0).with(value)
}

/// The configuration of a daemon that records robots on novel surfaces into a folder.
fn config(model: &Path, out: &Path) -> String {
    format!(
        "[model]\npath = {model:?}\n[limits]\nsilence = '10m'\n[publish]\nhealth = '1s'\n[record]\nfolder = {out:?}\n\
         novel = true\n"
    )
}

/// A daemon with one robot on standard input.
fn recording_novel(model: &Path, out: &Path) -> Daemon {
    let source = "[[source]]\nkind = 'stdin'\nstream = 'rover'\n[source.time]\nunit = 's'\n";
    Daemon::with_config(&(config(model, out) + source))
}

/// Feeds rows that begin with an empty window, a second of them at a time. What comes next is fed when all windows before
/// are decided, but for the last three, so that recordings begin and end where they do on a robot.
fn feed(daemon: &mut Daemon, recording: &Recording, rows: Range<usize>) {
    let decided = daemon.stdout.all().len();
    for first in rows.clone().step_by(100) {
        let end = rows.end.min(first + 100);
        daemon.feed(recording.csv(first..end));
        daemon.wait_for_output(decided + (end - rows.start).saturating_sub(130) / 10);
    }
}

/// The files in the folder of a surface, in the order of their first rows.
fn files(out: &Path, surface: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(out.join(surface)).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort_by(|one, other| span(one, None).0.total_cmp(&span(other, None).0));
    files
}

/// The times of the first and of the last row of a recording, whose rows have to be those of a drive.
fn span(path: &Path, drive: Option<&Recording>) -> (f64, f64) {
    let text = std::fs::read_to_string(path).unwrap();
    let rows: Vec<_> = text.lines().skip(1).collect();
    let time = |row: &str| row.split(',').next().unwrap().parse::<f64>().unwrap();
    if let Some(drive) = drive {
        let all = recorded(drive, 0..drive.rows.len());
        let all: Vec<_> = all.lines().collect();
        let first = all.iter().position(|row| *row == rows[0]).unwrap();
        assert_same(&rows, &all[first..first + rows.len()]);
    }
    (time(rows[0]), time(rows[rows.len() - 1]))
}

/// The times of the first and the last prediction in a range of seconds that says that the surface is unknown.
fn unknown(predictions: &[String], seconds: Range<f64>) -> (f64, f64) {
    let predictions = predictions.iter().map(json);
    let unknown = predictions.filter(|line| line["surface"] == "unknown");
    let times = unknown.map(|line| line["t"].as_f64().unwrap());
    let times: Vec<_> = times.filter(|time| seconds.contains(time)).collect();
    (times[0], times[times.len() - 1])
}

fn end(mut daemon: Daemon) -> Ended {
    daemon.close();
    let ended = daemon.wait();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    ended
}

/// Runs `underfoot-train`, which has to succeed, and returns its standard error.
fn train(args: &[&str], folder: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_underfoot-train"));
    let ran: Ran = command.args(args).current_dir(folder).output().unwrap().into();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.stderr
}

#[test]
fn stays_on_a_floor_that_the_model_does_not_know_are_recorded_and_become_a_surface_once_they_have_a_name() {
    let (folder, recording) = (support::folder(), drive(94, [1500..2300, 4500..5300]));
    let out = folder.path().join("recordings");
    let mut daemon = recording_novel(&model_with_novelty(folder.path(), 0.25), &out);
    feed(&mut daemon, &recording, 0..recording.rows.len());
    let ended = end(daemon);
    let found = files(&out, "unlabelled");
    assert_eq!(found.len(), 2, "one for each stay: {found:?}");
    for (path, stay) in found.iter().zip([15.0..30.0, 45.0..60.0]) {
        let (first, last) = span(path, Some(&recording));
        let (begins, ends) = unknown(&ended.stdout, stay.clone());
        assert!(begins > stay.start + 1.0 && begins < stay.start + 4.0, "{begins}");
        // What is fed at once is a second of samples.
        assert!((begins - 10.1..begins - 8.0).contains(&first), "{first} is not 10 s before {begins}");
        assert!((ends + 4.0..ends + 7.5).contains(&last), "{last} is not 5 s after {ends}");
    }
    let log = ended.stderr.join("\n");
    assert_eq!(log.matches("a novel surface was recorded stream=rover from=").count(), 2, "{log}");
    assert_says(ended.stderr.last().unwrap(), &["ended", "dropped=none"]);

    // Somebody names it, as docs/novelty.md says.
    let sand = out.join("sand");
    std::fs::create_dir(&sand).unwrap();
    for path in found {
        std::fs::rename(&path, sand.join(path.file_name().unwrap())).unwrap();
    }
    let known = folder.path().join("known");
    simulate(&known, &["--seed", "3", "--drives", "2", "--seconds", "12"]);
    for surface in ["carpet", "concrete", "grass", "wood"] {
        std::fs::remove_dir_all(known.join(surface)).unwrap();
    }
    let small = ["--window=50", "--epochs=2", "--hidden=4", "--folds=0", "--validation=0.5", "--seed=1"];
    let fit =
        |data: &[&str], out: &str| train(&[&["fit"], data, &["--out", out], &small].concat(), folder.path());
    fit(&["known"], "known.onnx");
    let refitted = train(&["refit", "known.onnx", "recordings", "--out", "today.onnx"], folder.path());
    assert_says(&refitted, &["2 new recordings", "new surfaces: sand"]);
    let fitted = fit(&["known", "recordings"], "all.onnx");
    assert_says(&fitted, &["6 recordings", "gravel", "sand", "tile"]);
}

#[test]
fn a_clock_that_starts_again_ends_the_recording_and_so_does_the_end_of_the_robot() {
    let (folder, recording) = (support::folder(), drive(95, Some(2000..4000)));
    let out = folder.path().join("recordings");
    let mut daemon = recording_novel(&model_with_novelty(folder.path(), 0.25), &out);
    feed(&mut daemon, &recording, 0..3000);
    // The board starts again, and some time later its plug is pulled on the novel floor.
    feed(&mut daemon, &recording, 500..2800);
    let ended = end(daemon);
    assert_says(ended.stderr.last().unwrap(), &["ended", "dropped=none"]);
    let mut spans: Vec<_> =
        files(&out, "unlabelled").iter().map(|path| span(path, Some(&recording))).collect();
    spans.sort_by(|one, other| other.1.total_cmp(&one.1));
    let time = |row: usize| recording.rows[row].0.parse::<f64>().unwrap();
    assert_eq!(spans.iter().map(|span| span.1).collect::<Vec<_>>(), [time(2999), time(2799)]);
    assert!(spans.iter().all(|span| (11.0..16.0).contains(&span.0)), "{spans:?}");
}

#[test]
fn a_model_that_does_not_say_what_is_novel_ends_the_recording_and_check_and_the_log_say_so() {
    let (folder, recording) = (support::folder(), drive(96, Some(1500..6000)));
    let out = folder.path().join("recordings");
    let path = model_with_novelty(folder.path(), 0.25);
    let mut daemon = recording_novel(&path, &out);
    feed(&mut daemon, &recording, 0..2500);
    // As a refit would leave it.
    std::fs::rename(model_without_novelty(folder.path()), &path).unwrap();
    daemon.hang_up();
    let says =
        ["WARN", "it has no output \"novelty\"", "underfoot-train fit", "`underfoot-train refit --old`"];
    assert_says(&daemon.wait_for_line("record.novel records nothing with this model"), &says);
    daemon.wait_for_line("reloaded");
    for first in (2500..7200).step_by(100) {
        let decided = daemon.stdout.all().len();
        daemon.feed(recording.csv(first..first + 100));
        daemon.wait_for_output(decided + 5);
    }
    let ended = end(daemon);
    assert_eq!(ended.stderr.iter().filter(|line| line.contains("record.novel")).count(), 1);
    let found = files(&out, "unlabelled");
    assert_eq!(found.len(), 1, "{found:?}");
    let (first, last) = span(&found[0], Some(&recording));
    assert!((5.0..10.0).contains(&first) && (29.0..33.0).contains(&last), "{first} to {last}");

    let file = folder.path().join("underfoot.toml");
    let source = "[[source]]\nkind = 'simulator'\n";
    std::fs::write(&file, config(&path, &out) + source).unwrap();
    let checked = run(["check", "-c", file.to_str().unwrap()]).ok();
    assert_says(&checked, &["warning model: record.novel records nothing with this model"]);
    let other = support::folder();
    std::fs::write(&file, config(&model_with_novelty(other.path(), 0.25), &out) + source).unwrap();
    let checked = run(["check", "-c", file.to_str().unwrap()]).ok();
    assert!(!checked.contains("record.novel"), "{checked}");
}

#[test]
fn robots_with_a_label_are_recorded_under_it_and_others_only_where_they_are_novel() {
    let (folder, recording) = (support::folder(), drive(97, Some(2000..4000)));
    let (broker, out) = (Broker::start(), folder.path().join("recordings"));
    let robots = "[[source]]\nkind = 'mqtt'\ntopic = 'robots/{stream}/current'\n[source.time]\nunit = 's'\n";
    let config = config(&model_with_novelty(folder.path(), 0.25), &out) + &broker.section() + robots;
    let daemon =
        Daemon::with_config(&config.replace("novel = true\n", "novel = true\nonly_labelled = true\n"));
    broker.wait_for_subscription("underfoot/+/label");
    let client = Client::new(&broker, "underfoot/#");
    let objects: Vec<_> = recording.objects().collect();
    let publish = |robot: &str, rows: Range<usize>| {
        for first in rows.clone().step_by(100) {
            let rows = first..rows.end.min(first + 100);
            client.publish(
                &format!("robots/{robot}/current"),
                format!("[{}]", objects[rows.clone()].join(",")),
            );
            if rows.end <= 130 {
                // No window has to be complete yet.
                continue;
            }
            let topic = format!("underfoot/{robot}/prediction");
            let newest = recording.rows[rows.end - 1].0.parse::<f64>().unwrap();
            let is_decided = |line: &String| json(line)["t"].as_f64().unwrap() > newest - 0.3;
            wait_for("the predictions", || client.on(&topic).last().is_some_and(is_decided).then_some(()));
        }
    };
    let label =
        |surface: &str| client.publish("underfoot/rover/label", format!("{{\"surface\": {surface:?}}}"));
    publish("cart", 0..1000);
    publish("rover", 0..3000);
    label("mud");
    publish("rover", 3000..5000);
    label("");
    publish("rover", 5000..5500);
    let ended = daemon.terminate();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    let mut surfaces: Vec<_> =
        std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    surfaces.sort();
    assert_eq!(surfaces, ["mud", "unlabelled"]);
    let (mud, novel) = (files(&out, "mud"), files(&out, "unlabelled"));
    assert_eq!((mud.len(), novel.len()), (1, 1), "{novel:?}");
    let time = |row: usize| recording.rows[row].0.parse::<f64>().unwrap();
    assert_eq!(span(&mud[0], Some(&recording)), (time(3000), time(4999)));
    let (first, last) = span(&novel[0], Some(&recording));
    assert!((11.0..16.0).contains(&first) && last == time(2999), "{first} to {last}");
}

#[test]
fn novel_surfaces_are_recorded_no_longer_where_the_unlabelled_recordings_take_too_much_room() {
    let (folder, recording) = (support::folder(), drive(98, Some(500..2000)));
    let out = folder.path().join("recordings");
    std::fs::create_dir_all(out.join("unlabelled")).unwrap();
    // A file with a hole, which takes no room on this disk.
    let large = std::fs::File::create(out.join("unlabelled/rover-old.csv")).unwrap();
    large.set_len(256 << 20).unwrap();
    let mut daemon = recording_novel(&model_with_novelty(folder.path(), 0.25), &out);
    feed(&mut daemon, &recording, 0..2500);
    let line = daemon.wait_for_line("samples of novel surfaces are not recorded");
    assert_says(
        &line,
        &["takes 256 MiB", "move each recording into the folder of its surface, or delete it"],
    );
    let ended = end(daemon);
    assert_says(ended.stderr.last().unwrap(), &["ended", "not_recorded"]);
    assert_eq!(std::fs::read_dir(out.join("unlabelled")).unwrap().count(), 1);
}
