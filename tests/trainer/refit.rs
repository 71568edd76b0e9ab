//! `underfoot-train refit`: a model that is trained further on new drives, and the messages about invalid input.

use std::path::Path;
use std::process::{Command, Output};

/// Runs `underfoot-train` in a folder.
fn trainer(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_underfoot-train"));
    command.args(arguments).current_dir(folder).output().unwrap()
}

/// Runs `underfoot-train` in a folder, which has to succeed, and returns its standard error.
fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let done = trainer(folder, arguments);
    let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{stderr}");
    stderr
}

/// Runs `underfoot-train` in a folder, which has to fail with one line.
fn fails(folder: &Path, arguments: &[&str]) -> String {
    let done = trainer(folder, arguments);
    let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(1), "{stderr}");
    let last = stderr.lines().last().unwrap().to_owned();
    assert_eq!(stderr.lines().filter(|line| line.starts_with("error")).count(), 1, "{stderr}");
    last
}

/// Simulated drives of 12 s in `pool`, four on each of three surfaces.
fn simulate(folder: &Path, pool: &str, seed: &str) {
    let arguments = ["simulate", "--seed", seed, "--drives", "4", "--seconds", "12", "--out"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_underfoot"));
    let done = command.args(arguments).arg(folder.join(pool)).output().unwrap();
    assert!(done.status.success());
    for surface in ["carpet", "grass", "gravel"] {
        std::fs::remove_dir_all(folder.join(pool).join(surface)).unwrap();
    }
}

/// Writes every recording of a folder anew with this change to each of its values.
fn change(folder: &Path, of: impl Fn(f64) -> f64) {
    for surface in
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        for path in std::fs::read_dir(surface).unwrap().map(|entry| entry.unwrap().path()) {
            let text = std::fs::read_to_string(&path).unwrap();
            let changed = |line: &str| {
                let (time, value) = line.split_once(',').unwrap();
                let value = value.parse::<f64>();
                value.map_or(line.to_owned(), |value| format!("{time},{:.5}", of(value)))
            };
            std::fs::write(&path, text.lines().map(changed).collect::<Vec<_>>().join("\n") + "\n").unwrap();
        }
    }
}

const FIT: [&str; 8] =
    ["fit", "old", "--out=m.onnx", "--epochs=25", "--hidden=8", "--hop=25", "--folds=3", "--calibrate=false"];

/// A folder with drives in `old`, a model of them, and drives whose currents have drifted in `new`.
fn drifted() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    simulate(folder.path(), "old", "1");
    simulate(folder.path(), "new", "2");
    change(&folder.path().join("new"), |value| 1.35 * value + 0.3);
    succeeds(folder.path(), &FIT);
    folder
}

/// The balanced accuracy of a model on recordings.
fn accuracy(folder: &Path, model: &str, data: &str) -> f64 {
    let done = trainer(folder, &["evaluate", model, data, "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    report["balanced_accuracy"].as_f64().unwrap()
}

#[test]
fn a_refit_on_drives_that_have_drifted_is_better_on_other_drives_of_that_day_and_does_not_forget() {
    let folder = drifted();
    let root = folder.path();
    simulate(root, "later", "3");
    change(&root.join("later"), |value| 1.35 * value + 0.3);
    let stderr = succeeds(root, &["refit", "m.onnx", "new", "--out", "r.onnx", "--seed", "4"]);
    assert!(
        stderr.contains("12 new recordings") && stderr.contains("72 rehearsal windows of the model"),
        "{stderr}"
    );
    assert!(stderr.contains("old surfaces were measured on 72 rehearsal windows"), "{stderr}");
    let (before, after) = (accuracy(root, "m.onnx", "later"), accuracy(root, "r.onnx", "later"));
    assert!(before < 0.8 && after > before + 0.1, "{before} {after}: {stderr}");
    let (before, after) = (accuracy(root, "m.onnx", "old"), accuracy(root, "r.onnx", "old"));
    assert!(after > before - 0.1, "{before} {after}: {stderr}");
    let known = trainer(root, &["evaluate", "r.onnx", "new"]);
    assert!(String::from_utf8_lossy(&known.stderr).contains("trained on 12 of these 12 recordings"));
    succeeds(root, &["refit", "m.onnx", "new", "--out", "again.onnx", "--seed", "4", "--threads", "1"]);
    assert_eq!(std::fs::read(root.join("again.onnx")).unwrap(), std::fs::read(root.join("r.onnx")).unwrap());
    // With the old recordings, as JSON, and from a model that was trained on before.
    let done =
        trainer(root, &["refit", "r.onnx", "later", "--out", "o.onnx", "--old", "old", "new", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(
        (report["new"]["recordings"].as_u64(), report["surfaces"].as_array().unwrap().len()),
        (Some(12), 3)
    );
    assert!(report["old"]["recordings"].as_u64() == Some(24), "{report}");
    let mut show = Command::new(env!("CARGO_BIN_EXE_underfoot"));
    let shown = show.args(["model", "show", "o.onnx"]).current_dir(root).output().unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned() + &String::from_utf8_lossy(&shown.stderr);
    assert!(
        shown.contains("2 times, last on 12 recordings") && shown.contains("rehearsal    72 of"),
        "{shown}"
    );
}

#[test]
fn a_new_surface_is_learned_from_a_few_drives() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    simulate(root, "old", "1");
    let surfaces = std::fs::read_dir(root.join("old"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|e| e.path().is_dir());
    let mut names: Vec<String> = surfaces.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    std::fs::create_dir(root.join("new")).unwrap();
    std::fs::rename(root.join("old").join(&names[2]), root.join("new").join(&names[2])).unwrap();
    succeeds(root, &FIT);
    let stderr = succeeds(root, &["refit", "m.onnx", "new", "--out", "r.onnx"]);
    assert!(stderr.contains(&format!("new surfaces: {}", names[2])), "{stderr}");
    assert!(stderr.contains("all new recordings are on"), "{stderr}");
    assert!(accuracy(root, "r.onnx", "new") > 0.8 && accuracy(root, "r.onnx", "old") > 0.8, "{stderr}");
    // Without rehearsal windows, one surface alone would make it forget the others.
    succeeds(root, &[&FIT[..], &["--rehearsal-windows=0"]].concat());
    let error = fails(root, &["refit", "m.onnx", "new", "--out", "r.onnx"]);
    assert!(error.contains("has no rehearsal windows of other surfaces"), "{error}");
    succeeds(root, &["refit", "m.onnx", "new", "--old", "old", "--out", "r.onnx"]);
}

#[test]
fn recordings_that_were_trained_on_before_are_not_held_out() {
    let folder = drifted();
    let stderr = succeeds(folder.path(), &["refit", "m.onnx", "old", "--out", "r.onnx"]);
    assert!(stderr.contains("the model was trained on 12 of the 12 new recordings before"), "{stderr}");
    assert!(
        stderr.contains("\nwhether the model got better is not known: the model was trained on every"),
        "{stderr}"
    );
}

#[test]
fn each_wrong_input_is_one_line_that_names_it() {
    let folder = drifted();
    let root = folder.path();
    let write = |name: &str, text: String| {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let rows =
        |count: usize| (0..count).map(|i| format!("{},{}\n", i as f64 * 0.01, i % 7)).collect::<String>();
    write("channel/tile/a.csv", format!("t,left\n{}", rows(400)));
    let milli = "[[channel]]\ncolumn = 'current'\nunit = 'mA'\n";
    write("unit/tile/a.csv", format!("t,current\n{}", rows(400)));
    write("unit/dataset.toml", milli.into());
    write("short/tile/a.csv", format!("t,current\n{}", rows(20)));
    write("alike/TILE/a.csv", format!("t,current\n{}", rows(400)));
    write("unknown/unknown/a.csv", format!("t,current\n{}", rows(400)));
    write("text.onnx", "no model".into());
    std::fs::create_dir(root.join("empty")).unwrap();
    let foreign = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/stalling.onnx");
    let foreign = foreign.to_str().unwrap();
    for (model, new, expected) in [
        ("m.onnx", "channel", "\"current\""),
        ("m.onnx", "unit", "mA"),
        ("m.onnx", "short", "a window of the model takes"),
        ("m.onnx", "alike", "differ only in case"),
        ("m.onnx", "unknown", "reserved"),
        ("m.onnx", "empty", "there is no .csv or .mcap recording in"),
        ("m.onnx", "absent", "absent"),
        ("absent.onnx", "new", "the model \"absent.onnx\" cannot be read"),
        ("text.onnx", "new", "is not an ONNX model"),
        (foreign, "new", "only a model that this version of `underfoot-train fit` wrote can"),
    ] {
        let error = fails(root, &["refit", model, new, "--out", "r.onnx"]);
        assert!(error.contains(expected), "{expected} in {error}");
        assert!(!root.join("r.onnx").exists());
    }
    let error = fails(root, &["refit", "m.onnx", "new", "--out", "m.onnx"]);
    assert!(error.contains("--out is the model m.onnx itself"), "{error}");
    std::fs::rename(root.join("m.onnx"), root.join("moved.onnx")).unwrap();
    let error = fails(root, &["refit", "moved.onnx", "new", "--out", "m.onnx"]);
    assert!(error.contains("the run folder m.run beside --out belongs to an earlier model"), "{error}");
}
