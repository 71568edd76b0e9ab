//! `underfoot-train diagnose`, which finds out why a training goes wrong.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::{Ran, interrupted, json};

/// Runs `underfoot-train diagnose` in a folder.
fn diagnose(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_underfoot-train"));
    command.arg("diagnose").args(arguments).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder with simulated drives on two surfaces in `data`.
fn simulated(drives: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("data");
    let mut command = Command::new(env!("CARGO_BIN_EXE_underfoot"));
    let done =
        command.args(["simulate", "--drives", drives, "--seconds", "6", "--out"]).arg(&out).output().unwrap();
    assert!(done.status.success());
    for surface in ["carpet", "grass", "gravel", "wood"] {
        std::fs::remove_dir_all(out.join(surface)).unwrap();
    }
    folder
}

const SMALL: [&str; 5] = ["--hop=100", "--hidden=4", "--epochs=3", "--batch-size=16", "--window=20"];

/// A diagnosis of `data` that has enough time for a verdict on any machine.
fn ended_with_a_verdict(arguments: &[&str], folder: &Path) -> Ran {
    let arguments = [&["data", "--budget=45s"], arguments, &SMALL[..]].concat();
    diagnose(&arguments, folder).into()
}

#[test]
fn a_drive_in_two_files_is_reported_in_the_json_and_in_the_html_report() {
    let folder = simulated("4");
    for entry in std::fs::read_dir(folder.path().join("data/tile")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, path.with_file_name(format!("again-{}", path.file_name().unwrap().display())))
            .unwrap();
    }
    let Ran { code, stdout, stderr: told } =
        ended_with_a_verdict(&["--json", "--out", "why.html"], folder.path());
    assert_eq!(code, Some(0), "{told}");
    let found = json(stdout);
    assert_eq!((found["healthy"].as_bool(), found["conclusive"].as_bool()), (Some(false), Some(true)));
    let first = &found["verdict"][0];
    assert_eq!(first["cause"], "leaky_split", "{}", found["verdict"]);
    assert!(first["evidence"].as_str().unwrap().contains("hold the same drive"), "{first}");
    assert!(
        first["interval"].as_array().unwrap().len() == 2
            && first["fix"].is_string()
            && first["effect"].is_f64()
    );
    assert!(told.contains("1. The same drive is in several files (leaky_split)"), "{told}");
    let page = std::fs::read_to_string(folder.path().join("why.html")).unwrap();
    for expected in [
        "The same drive is in several files",
        "What to do",
        "What each change did",
        "<div class=\"effects\">",
        "Would more drives help?",
        "For experts",
        "The whole curve",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    assert!(
        !page.contains("http://") && !page.contains("https://") && !page.contains("<script"),
        "the report loads nothing from elsewhere"
    );
    let changes = found["trials"].as_array().unwrap();
    assert!(changes.iter().any(|trial| trial["change"] == "a tenth of the learning rate"), "{changes:?}");
}

#[test]
fn single_recordings_per_surface_are_split_in_time_with_a_warning() {
    let folder = simulated("1");
    let arguments = ["data", "--json", "--hop=10", "--budget=10s"];
    let done = diagnose(&[&arguments[..], &SMALL[1..]].concat(), folder.path());
    let told = text(&done.stderr);
    assert!(done.status.success(), "{told}");
    assert!(told.contains("warning: no label has a second recording"), "{told}");
    let found: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert!(found["warnings"][0].as_str().unwrap().contains("record each surface at least twice"), "{found}");
    // Whether there is something to recommend is a matter of time; what is, is told to people and programs alike.
    let recommended = told.lines().find_map(|line| line.strip_prefix("train with: "));
    let command =
        found["command"].as_str().map(|flags| format!("underfoot-train fit data --out model.onnx {flags}"));
    assert_eq!(recommended, command.as_deref().map(str::trim_end), "{told}");
}

#[test]
fn an_interrupted_diagnosis_reports_its_findings_and_the_interruption() {
    let folder = simulated("4");
    let mut command = Command::new(env!("CARGO_BIN_EXE_underfoot-train"));
    command.args([
        "diagnose",
        "data",
        "--out=why.html",
        "--json",
        "--budget=1h",
        "--hidden=4",
        "--epochs=1000000",
    ]);
    let ended = interrupted(command.current_dir(folder.path()), "training with the given settings");
    assert!(
        ended.code == Some(0) && ended.stderr.contains("warning: the diagnosis was interrupted"),
        "{ended:?}"
    );
    let found = json(ended.stdout);
    assert_eq!((&found["conclusive"], &found["healthy"]), (&false.into(), &false.into()), "{found}");
    let page = std::fs::read_to_string(folder.path().join("why.html")).unwrap();
    assert!(
        page.contains("Too little was measured to be certain of anything")
            && page.contains("the diagnosis was interrupted")
    );
}

#[test]
fn invalid_input_is_reported_in_one_line() {
    let folder = simulated("2");
    let one = folder.path().join("one/tile");
    std::fs::create_dir_all(&one).unwrap();
    let from = std::fs::read_dir(folder.path().join("data/tile")).unwrap().next().unwrap().unwrap().path();
    std::fs::copy(from, one.join("a.csv")).unwrap();
    for (arguments, code, expected) in [
        (&["one"][..], 1, "a model needs at least two surfaces"),
        (&["nowhere"], 1, "nowhere"),
        (&[], 1, "name a folder of recordings"),
        (&["data", "--budget=1s"], 1, "--budget is 1s"),
        (&["data", "--out=no/why.html"], 1, "is not a folder"),
        (&["data", "--dropout=2"], 2, "--dropout is 2"),
        (
            &["data", "--preset=fluctuating-loss", "--batch-size=4"],
            2,
            "--preset fluctuating-loss sets it to 32",
        ),
        (&["data", "--window=5000"], 1, "no recording is long enough"),
    ] {
        let done = diagnose(arguments, folder.path());
        let stderr = text(&done.stderr);
        assert_eq!(done.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.lines().count() == 1 && stderr.contains(expected), "{arguments:?}: {stderr}");
    }
}
