//! `underfoot-train fit`: the model, the run folder, and the messages about invalid input.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::disk::on_a_small_disk;
use crate::support::interrupted;

/// Runs `underfoot-train` in a folder.
fn trainer(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_underfoot-train"));
    command.args(arguments).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder with simulated recordings of three surfaces in `data`.
fn simulated() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("data");
    let arguments = ["simulate", "--seed", "1", "--drives", "4", "--seconds", "12", "--out"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_underfoot"));
    assert!(command.args(arguments).arg(&out).output().unwrap().status.success());
    for surface in ["carpet", "grass", "gravel"] {
        std::fs::remove_dir_all(out.join(surface)).unwrap();
    }
    folder
}

const QUICK: [&str; 6] = ["--epochs", "2", "--hidden", "8", "--hop", "50"];

/// Runs a short training in a folder.
fn fit(folder: &Path, arguments: &[&str]) -> Output {
    trainer(&[&["fit"], arguments, &QUICK].concat(), folder)
}

#[test]
fn a_model_says_how_novel_a_window_is_and_which_surfaces_are_candidates_unless_it_is_told_not_to() {
    let folder = simulated();
    let fitted = |name: &str, arguments: &[&str]| {
        let out = format!("{name}.onnx");
        let done = fit(folder.path(), &[&["data", "--folds", "2", "--out", &out], arguments].concat());
        assert!(done.status.success(), "{}", text(&done.stderr));
        let bytes = std::fs::read(folder.path().join(&out)).unwrap();
        let scores = std::fs::read(folder.path().join(format!("{name}.run/scores.json"))).unwrap();
        let scores: serde_json::Value = serde_json::from_slice(&scores).unwrap();
        let page = std::fs::read_to_string(folder.path().join(format!("{name}.run/report.html"))).unwrap();
        (text(&done.stderr), text(&bytes).contains("novelty"), text(&bytes), scores["novelty"].clone(), page)
    };
    let (stderr, has_output, model, scores, page) = fitted("with", &[]);
    assert!(has_output && model.contains("\"candidates\":0."), "no output or candidates");
    assert!(stderr.contains("each surface was left out in turn") && stderr.contains("mean of 3"), "{stderr}");
    assert!(stderr.contains("candidates are surfaces with a probability of at least 0."), "{stderr}");
    assert_eq!(scores["output"], true);
    assert_eq!(scores["left_out"]["surfaces"].as_array().unwrap().len(), 3, "{scores}");
    assert!((0.0..=1.0).contains(&scores["left_out"]["auroc"].as_f64().unwrap()), "{scores}");
    assert!(scores["candidates"]["inside"].as_f64().unwrap() > 0.9, "{scores}");
    assert!(page.contains("Unknown surfaces, and candidates"));
    let (stderr, has_output, model, scores, _) = fitted("without", &["--novelty=false"]);
    assert!(!has_output && model.contains("\"candidates\":0."), "{stderr}");
    assert_eq!((&scores["output"], &scores["left_out"]), (&false.into(), &serde_json::Value::Null));
    let (stderr, has_output, ..) = fitted("plain", &["--summary=false"]);
    assert!(!has_output && stderr.contains("the model has no output for novelty, because"), "{stderr}");
}

/// Writes a recording of 400 rows at 50 Hz with these columns. `row` returns the values of a row.
fn write_drive(path: &Path, columns: &str, row: impl Fn(usize) -> String) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let rows: String = (0..400).map(|i| format!("{},{}\n", i as f64 * 0.02, row(i))).collect();
    std::fs::write(path, format!("t,{columns}\n{rows}")).unwrap();
}

#[test]
fn the_configuration_in_the_run_folder_reproduces_the_model() {
    let folder = simulated();
    let done = fit(folder.path(), &["data", "--out", "m.onnx", "--folds", "2"]);
    let stderr = text(&done.stderr);
    assert!(done.status.success(), "{stderr}");
    for expected in [
        "scores on 12 held-out recordings, each predicted by 2 networks that were not trained on it",
        "these recordings were used for nothing else",
        "windows, each counted by itself: accuracy",
        "decisions, as `underfoot replay` makes and counts them: accuracy",
        "each of these recordings is on one surface, so no decision had to follow a change",
        "extra trees",
        "ONNX Runtime agrees",
        "network 2 of 4, epoch 2 of 2",
        "network 4 of 4, for calibration only, epoch 2 of 2",
    ] {
        assert!(stderr.contains(expected), "{expected:?} in {stderr}");
    }
    assert!(!stderr.contains("leaky"), "{stderr}");
    let run = folder.path().join("m.run");
    let mut names: Vec<_> = std::fs::read_dir(&run)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["config.toml", "history.csv", "model.onnx", "report.html", "scores.json"]);
    let scores: serde_json::Value =
        serde_json::from_slice(&std::fs::read(run.join("scores.json")).unwrap()).unwrap();
    assert_eq!(scores["kind"], "cross-validation");
    assert_eq!(scores["chosen_on_validation"], false);
    assert_eq!(scores["validation_chose"], serde_json::json!([]));
    assert_eq!(scores["calibration"]["networks"], 2);
    assert!(scores["calibration"]["applied"].is_boolean(), "{scores}");
    assert_eq!(scores["folds"].as_array().unwrap().len(), 2);
    assert!(scores["extra_trees"]["balanced_accuracy"].is_number() && scores.get("leaky").is_none());
    let history = std::fs::read_to_string(run.join("history.csv")).unwrap();
    assert_eq!(history.lines().count(), 1 + 2 * 2);
    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("<svg") && !page.contains("http") && !page.contains("<script"));
    // The page and the terminal come to the same conclusion, with the same figures as the scores.
    let page = page.replace('\u{a0}', " ");
    let published = 100.0 * scores["decisions"]["balanced_accuracy"].as_f64().unwrap();
    let headline = stderr.lines().find(|line| line.contains("of the published surfaces are")).unwrap();
    assert!(page.contains(&format!("<h1>{headline}</h1>")), "{headline} in {page}");
    assert!(
        headline.contains("are unknown") || headline.contains(&format!("{published:.1} %")),
        "{headline}"
    );
    for expected in ["What to do next", "Comparison", "How certain is this?", "For experts"] {
        assert!(page.contains(expected), "{expected}");
    }
    let model = std::fs::read(folder.path().join("m.onnx")).unwrap();
    assert_eq!(std::fs::read(run.join("model.onnx")).unwrap(), model);
    let again = trainer(
        &["fit", "--config", "m.run/config.toml", "--out", "again.onnx", "--threads", "1"],
        folder.path(),
    );
    assert!(again.status.success(), "{}", text(&again.stderr));
    assert_eq!(std::fs::read(folder.path().join("again.onnx")).unwrap(), model);
}

/// Writes recordings over three surfaces each, of which some have a gap, to `data`.
fn tours(folder: &Path, count: usize) {
    let data = folder.join("data");
    for seed in 1..=count {
        let seed = seed.to_string();
        let arguments = ["simulate", "--tour", "--rate", "50", "--seconds", "5", "--seed", &seed, "--out"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_underfoot"));
        assert!(command.args(arguments).arg(&data).output().unwrap().status.success());
        let path = data.join(format!("tour{seed}.csv"));
        let text = std::fs::read_to_string(&path).unwrap();
        // Without the seconds 7 to 8.6, which are within a surface, and with a value that is not a number.
        let lines = text.lines().enumerate().filter(|(row, _)| !(350..430).contains(row));
        let lines = lines.map(|(row, line)| if row == 700 { "14.0,nan" } else { line });
        std::fs::write(&path, lines.flat_map(|line| [line, "\n"]).collect::<String>()).unwrap();
    }
}

/// The report of `underfoot replay` with these arguments, and its standard error.
fn replay(folder: &Path, arguments: &[&str]) -> (serde_json::Value, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_underfoot"));
    command.args(["replay", "--report", "replay.json"]).args(arguments);
    let done = command.current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
    let report = std::fs::read(folder.join("replay.json")).unwrap();
    (serde_json::from_slice(&report).unwrap(), text(&done.stderr))
}

#[test]
fn the_decisions_of_a_single_network_are_those_of_a_replay_of_the_validation_recordings() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    tours(root, 6);
    let settings = ["--window=50", "--hop=7", "--hidden=8", "--epochs=12", "--validation=0.3"];
    let done = trainer(&[&["fit", "data", "--out", "m.onnx"], &settings[..]].concat(), root);
    let stderr = text(&done.stderr);
    assert!(done.status.success() && stderr.contains("decisions, as `underfoot replay`"), "{stderr}");
    assert!(!stderr.contains("is on one surface"), "{stderr}");
    let scores = scores(&root.join("m.run"));
    let card = card(root, "m.onnx");
    let held_out = card["training"]["validation"].as_array().unwrap();
    assert_eq!((held_out.len(), &scores["recordings_with_changes"]), (2, &2.into()));
    let files: Vec<String> = held_out.iter().map(|name| format!("{}.csv", name.as_str().unwrap())).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let (report, _) = replay(root, &[&["--model", "m.onnx"], &files[..]].concat());
    for kind in ["decisions", "windows"] {
        for key in ["confusion", "unknown", "accuracy"] {
            assert_eq!(scores[kind][key], report[kind][key], "{kind} {key}: {stderr}");
        }
    }
    // Boundary windows are decided, and have no label of their own.
    let count = |kind: &str| report[kind]["count"].as_u64().unwrap();
    assert!(count("decisions") > count("windows"), "{report}");
    let done = trainer(&[&["evaluate", "m.onnx", "--json"], &files[..]].concat(), root);
    let evaluated: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(evaluated["decisions"]["confusion"], report["decisions"]["confusion"]);
    assert_eq!(evaluated["confusion"], report["windows"]["confusion"]);
}

/// The card of a model, as `underfoot model show` prints it.
fn card(folder: &Path, model: &str) -> serde_json::Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_underfoot"));
    let shown = command.args(["model", "show", "--json", model]).current_dir(folder).output().unwrap();
    serde_json::from_slice(&shown.stdout).unwrap()
}

#[test]
fn scores_on_recordings_that_the_model_was_trained_on_are_warned_of() {
    let folder = simulated();
    let root = folder.path();
    let arguments = ["data", "--out", "m.onnx", "--validation", "0.25", "--schedule", "plateau"];
    let done = fit(root, &arguments);
    let stderr = text(&done.stderr);
    assert!(
        stderr.contains("these recordings were also used to choose the learning rate, so the scores"),
        "{stderr}"
    );
    assert_eq!(scores(&root.join("m.run"))["validation_chose"], serde_json::json!(["learning_rate"]));
    assert_eq!(card(root, "m.onnx")["training"]["recording_digests"].as_array().unwrap().len(), 9);
    let shown = Command::new(env!("CARGO_BIN_EXE_underfoot"))
        .args(["model", "show", "m.onnx"])
        .current_dir(root)
        .output()
        .unwrap();
    let shown = text(&shown.stdout);
    assert!(shown.contains("known drives 9, which are recognised"), "{shown}");
    assert!(shown.contains(
        "windows of 3 recordings that were held out, which were also used to choose the learning \
                            rate"
    ));
    let warning = "warning: the model was trained on 9 of these 12 recordings, first data/concrete/";
    let evaluated = text(&trainer(&["evaluate", "m.onnx", "data"], root).stderr);
    assert!(evaluated.contains(warning), "{evaluated}");
    assert!(evaluated.contains("decisions, as `underfoot replay` makes and counts them"), "{evaluated}");
    let (_, replayed) = replay(root, &["--model", "m.onnx", "data"]);
    assert!(replayed.contains(warning), "{replayed}");
    let held_out = card(root, "m.onnx")["training"]["validation"][0].as_str().unwrap().to_owned();
    let new = format!("data/{held_out}.csv");
    assert!(!replay(root, &["--model", "m.onnx", &new]).1.contains("warning"));
    assert!(!text(&trainer(&["evaluate", "m.onnx", &new], root).stderr).contains("was trained on"));
}

#[test]
fn a_leaky_score_is_only_reported_on_request_and_labelled_as_leaky() {
    let folder = simulated();
    let done = fit(folder.path(), &["data", "--out", "m.onnx", "--folds", "2", "--leaky"]);
    let stderr = text(&done.stderr);
    assert!(done.status.success(), "{stderr}");
    assert!(stderr.contains("leaky split by window, too optimistic"), "{stderr}");
}

#[test]
fn a_search_reports_its_trials_and_labels_its_score_as_a_validation_score() {
    let folder = simulated();
    let done = fit(folder.path(), &["data", "--out", "m.onnx", "--folds", "2", "--budget", "2s"]);
    let stderr = text(&done.stderr);
    assert!(done.status.success() && stderr.contains("the best of "), "{stderr}");
    assert!(
        stderr.contains("these recordings were also used to choose the settings, so the scores on new"),
        "{stderr}"
    );
    assert!(!stderr.contains("--epochs"), "{stderr}");
    let scores = std::fs::read(folder.path().join("m.run/scores.json")).unwrap();
    let scores: serde_json::Value = serde_json::from_slice(&scores).unwrap();
    assert!(!scores["tried"].as_array().unwrap().is_empty());
    assert_eq!(scores["validation_chose"], serde_json::json!(["settings"]));
}

#[test]
fn an_interrupted_training_keeps_the_model_and_writes_the_unfinished_one_beside_it() {
    let folder = simulated();
    std::fs::write(folder.path().join("m.onnx"), "a good model").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_underfoot-train"));
    command.args([
        "fit",
        "data",
        "--out",
        "m.onnx",
        "--hidden",
        "8",
        "--epochs",
        "100000",
        "--validation",
        "0.25",
    ]);
    let ended = interrupted(command.current_dir(folder.path()), "epoch 1 of");
    let rest = ended.stderr;
    assert_eq!(ended.code, Some(130), "{rest}");
    let last = rest.lines().last().unwrap();
    assert!(
        last.starts_with("interrupted after epoch ") && last.contains(" of 100000; m.onnx is left as it was"),
        "{rest}"
    );
    assert!(
        last.contains("the unfinished model is in m.partial.onnx, its report in m.partial.run/report.html"),
        "{rest}"
    );
    assert!(!rest.contains("wrote ") && !rest.contains("held-out recordings, each predicted"), "{rest}");
    assert_eq!(std::fs::read_to_string(folder.path().join("m.onnx")).unwrap(), "a good model");
    assert!(folder.path().join("m.partial.onnx").is_file() && !folder.path().join("m.run").exists());
    let run = folder.path().join("m.partial.run");
    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(
        page.contains("Training was interrupted after epoch") && !page.contains("What to do next"),
        "{page}"
    );
    assert!(scores(&run)["interrupted"]["epochs"] == 100_000);
}

#[test]
fn an_interrupted_search_keeps_the_model() {
    let folder = simulated();
    let mut command = Command::new(env!("CARGO_BIN_EXE_underfoot-train"));
    command.args(["fit", "data", "--out", "m.onnx", "--folds", "2", "--budget", "1h"]).args(QUICK);
    let ended = interrupted(command.current_dir(folder.path()), ": the initial settings");
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    let last = ended.stderr.lines().last().unwrap();
    assert!(
        last.contains(
            "settings were tried; m.onnx was not written; the unfinished model is in m.partial.onnx"
        ),
        "{last}"
    );
    assert!(!folder.path().join("m.onnx").exists() && folder.path().join("m.partial.onnx").is_file());
}

/// The `scores.json` of a run.
fn scores(run: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(run.join("scores.json")).unwrap()).unwrap()
}

#[test]
fn a_preset_can_be_printed_and_a_conflicting_flag_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let shown = trainer(&["fit", "--preset", "fluctuating-loss", "--show-config"], folder.path());
    let config = text(&shown.stdout);
    for expected in [
        "hidden = 200",
        "optimizer = \"rmsprop\"",
        "batch-size = 32",
        "learning-rate = 0.001",
        "epochs = 1500",
    ] {
        assert!(config.contains(expected), "{config}");
    }
    let arguments = ["fit", "data", "--out", "m.onnx", "--preset", "fluctuating-loss", "--batch-size", "2"];
    let rejected = trainer(&arguments, folder.path());
    assert_eq!(rejected.status.code(), Some(2));
    let stderr = text(&rejected.stderr);
    assert!(stderr.contains("--batch-size is 2, but --preset fluctuating-loss sets it to 32"), "{stderr}");
}

#[test]
fn invalid_input_is_reported_in_one_line_and_leaves_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let sine = |i: usize| (i as f64 * 0.3).sin().to_string();
    for (name, label) in
        [("one", "tile"), ("case", "tile"), ("case", "Tile"), ("constant", "tile"), ("constant", "wood")]
    {
        for drive in ["a", "b"] {
            let path = root.join(name).join(label).join(format!("{drive}.csv"));
            match name {
                "constant" => write_drive(&path, "m1,m2", |i| format!("{},7", sine(i))),
                _ => write_drive(&path, "current", sine),
            }
        }
    }
    for label in ["tile", "wood"] {
        write_drive(&root.join("missing").join(label).join("a.csv"), "m1,m2", |i| format!("{},", sine(i)));
        std::fs::create_dir_all(root.join("short").join(label)).unwrap();
        std::fs::write(root.join("short").join(label).join("a.csv"), "t,current\n0,1\n0.02,2\n0.04,1\n")
            .unwrap();
    }
    let channels = "[[channel]]\ncolumn = 'm1'\n[[channel]]\ncolumn = 'm2'\n";
    std::fs::write(root.join("missing/dataset.toml"), channels).unwrap();
    std::fs::create_dir(root.join("photos.run")).unwrap();
    let cases: [(&[&str], &str); 11] = [
        (&["one", "--out", "m.onnx"], "are labelled \"tile\"; a model needs at least two surfaces"),
        (&["case", "--out", "m.onnx"], "labels \"Tile\" and \"tile\" differ only in case"),
        (&["constant", "--out", "m.onnx"], "channel \"m2\" is 7 in every window"),
        (&["missing", "--out", "m.onnx"], "channel \"m2\" has no value in any recording"),
        (&["short", "--out", "m.onnx"], "no recording is long enough for a window"),
        (&["absent", "--out", "m.onnx"], "cannot be read: No such file"),
        (&["one", "--out", "one"], "the file \"one\" cannot be written: it is there and not a file"),
        (&["one", "--out", "/proc/m.onnx"], "the file \"/proc/m.onnx\" cannot be written: "),
        (&["one", "--out", "nowhere/m.onnx"], "--out is in \"nowhere\", which is not a folder"),
        (
            &["one", "--out", "photos.onnx"],
            "exists and is not the folder of an earlier run; choose another with --run",
        ),
        (&["--out", "m.onnx"], "there is nothing to train on; name a folder of recordings"),
    ];
    for (arguments, expected) in cases {
        let done = fit(root, arguments);
        let stderr = text(&done.stderr);
        assert!(!done.status.success() && stderr.contains(expected), "{arguments:?}: {stderr}");
        assert_eq!(stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{stderr}");
        assert!(!root.join("m.onnx").exists() && !root.join("m.run").exists());
    }
}

#[test]
fn a_full_disk_is_reported_in_one_line_and_leaves_no_partial_model() {
    let folder = simulated();
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let cases: [(&[&str], &str); 2] = [
        (
            &["--out", "disk/m.onnx"],
            "the run folder \"disk/m.run\" cannot be written: No space left on device",
        ),
        (
            &["--out", "disk/m.onnx", "--run", "m.run"],
            "the model was trained, but the file \"disk/m.onnx\" cannot be written: No space",
        ),
    ];
    for (arguments, expected) in cases {
        let mut command = on_a_small_disk(4, &disk, env!("CARGO_BIN_EXE_underfoot-train"));
        command.args(["fit", "data", "--folds", "0"]).args(arguments).args(QUICK);
        let done = command.current_dir(folder.path()).output().unwrap();
        let stderr = text(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
        assert_eq!(stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{stderr}");
        assert_eq!(text(&done.stdout), "left:\n");
    }
    assert!(folder.path().join("m.run/model.onnx").exists(), "the run folder keeps the trained model");
}

#[test]
fn bench_prints_its_time_per_sequence() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["bench", "--windows", "8", "--hidden", "4", "--batch-size", "4", "--layers", "2"];
    let done = trainer(&arguments, folder.path());
    let stdout = text(&done.stdout);
    assert!(stdout.starts_with("underfoot N=8 H=4 L=2 B=4: ") && stdout.contains(" us/sequence"), "{stdout}");
}
