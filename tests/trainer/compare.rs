//! `underfoot model compare`: two models on the same recordings; and `model card-template`.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Ran, assert_says, json, model, run, underfoot};

/// Simulated drives of 12 s in `pool`, so many on each of six surfaces.
fn simulate(folder: &Path, pool: &str, seed: &str, drives: &str) {
    let out = folder.join(pool);
    let arguments = ["simulate", "--seed", seed, "--drives", drives, "--seconds", "12", "--out"];
    run(arguments.iter().copied().chain([out.to_str().unwrap()])).ok();
}

/// Runs `underfoot model compare` in a folder.
fn compare(folder: &Path, arguments: &[&str]) -> Ran {
    let arguments = [&["model", "compare"], arguments].concat();
    underfoot(arguments).current_dir(folder).output().unwrap().into()
}

/// The result of `underfoot model compare --json` in a folder.
fn report(folder: &Path, arguments: &[&str]) -> Value {
    json(compare(folder, &[arguments, &["--json"]].concat()).ok())
}

/// The shipped model, as an argument.
fn shipped() -> String {
    model().to_str().unwrap().to_owned()
}

/// Trains a model with another rate and other windows for a moment on the drives in `old`.
fn train_worse(folder: &Path) {
    simulate(folder, "old", "1", "2");
    let arguments = "fit old --out worse.onnx --epochs 1 --hidden 4 --dense 0 --summary=false --rate 50 --window 40 --hop 15 \
                     --folds 0 --validation 0 --calibrate=false --novelty=false";
    let mut command = Command::new(env!("CARGO_BIN_EXE_underfoot-train"));
    let done = command.args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn a_model_does_not_differ_from_itself() {
    let folder = tempfile::tempdir().unwrap();
    simulate(folder.path(), "new", "21", "1");
    let ran = compare(folder.path(), &[&shipped(), &shipped(), "new"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
    assert_says(
        &ran.stderr,
        &[
            "there is no difference: on each of 6 recordings, A and B are right equally long\n",
            "they decide the same for 100.0 % of ",
            "µs for a window alone on one core of this machine",
            "each of these recordings is on one surface, so no decision had to follow a change",
        ],
    );
    let report = report(folder.path(), &[&shipped(), &shipped(), "new"]);
    assert_eq!((&report["judgement"], &report["all"]["agreement"]), (&"no_difference".into(), &1.0.into()));
    assert_eq!(report["mcnemar"], serde_json::json!({ "better": [0, 0], "equal": 6, "p": 1.0 }));
    // Six drives of 12 s at 100 Hz: the first window ends after 1 s.
    let seconds = report["all"]["seconds"].as_f64().unwrap();
    assert!((60.0..=67.0).contains(&seconds), "{report}");
}

#[test]
fn a_better_model_is_told_from_a_worse_one_with_other_windows() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    train_worse(root);
    simulate(root, "new", "21", "2");
    let ran = compare(root, &["worse.onnx", &shipped(), "new"]);
    assert_says(
        &ran.stderr,
        &[
            "A is worse.onnx: windows of 40 steps at 50 Hz (0.80 s), a decision each 0.30 s",
            "\nB is better: it is right for longer than A on ",
            "(McNemar's test by recording, p ",
            "mean of the surfaces",
            "they differ most on ",
        ],
    );
    let report = report(root, &[&shipped(), "worse.onnx", "new"]);
    assert_eq!(report["judgement"], "a_better", "{report}");
    let right = report["right_by_recording"].as_array().unwrap();
    assert!(right[0].as_f64().unwrap() > right[1].as_f64().unwrap() + 0.1, "{report}");
    assert_eq!(report["recordings"].as_array().unwrap().len(), 12);
    assert_eq!(report["warnings"], serde_json::json!([]), "both cards say what they were trained on");
    assert!(report["models"][1]["microseconds_per_window"].as_f64().unwrap() > 0.0, "{report}");
}

#[test]
fn recordings_that_a_model_was_trained_on_decide_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    train_worse(root);
    let ran = compare(root, &[&shipped(), "worse.onnx", "old"]);
    assert_says(
        &ran.stderr,
        &[
            "warning: B was trained on 12 of these 12 recordings and A on none, first old/",
            "which model is better on new drives is not known, because these recordings were trained on; on them, A is",
        ],
    );
    simulate(root, "new", "21", "1");
    let report = report(root, &[&shipped(), "worse.onnx", "old", "new", "new/tile"]);
    assert_eq!(report["recordings"].as_array().unwrap().len(), 6, "{report}");
    let warnings = report["warnings"].to_string();
    assert_says(
        &warnings,
        &[
            "B was trained on 12 of these 18 recordings and A on none",
            "these 12 are left out",
            "1 of the recordings has",
        ],
    );
}

#[test]
fn unlabelled_drives_and_bags_tell_how_often_the_models_agree() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let bag = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/mcap/zstd.mcap");
    std::fs::create_dir(root.join("unlabelled")).unwrap();
    std::fs::copy(bag, root.join("unlabelled/drive.mcap")).unwrap();
    let layout = "[mcap]\ntopic = '/joint_states'\n[[channel]]\nname = 'current'\nfield = 'effort[left]'\n";
    std::fs::write(root.join("layout.toml"), layout).unwrap();
    let arguments = [&shipped(), &shipped(), "unlabelled", "--dataset", "layout.toml"];
    let ran = compare(root, &arguments.map(|argument| argument as &str));
    assert_says(
        &ran.stderr,
        &[
            "which model is better is not known, because the recordings have no labels\n",
            "they decide the same for 100.0 % of ",
        ],
    );
    assert!(!ran.stderr.contains("is right"), "{ran:?}");
    let report = report(root, &arguments.map(|argument| argument as &str));
    assert_eq!((&report["judgement"], &report["right_by_recording"]), (&"not_measured".into(), &Value::Null));
}

#[test]
fn recordings_that_do_not_fit_a_model_are_one_error() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let write = |name: &str, header: &str, rows: usize| {
        std::fs::create_dir_all(root.join(name)).unwrap();
        let rows: String = (0..rows).map(|i| format!("{:.2},{}\n", i as f64 * 0.01, 1 + i % 3)).collect();
        std::fs::write(root.join(name).join("a.csv"), format!("{header}\n{rows}")).unwrap();
    };
    write("other", "t,m1", 300);
    write("short", "t,current", 50);
    std::fs::write(root.join("text.onnx"), "no model").unwrap();
    let shipped = shipped();
    for (a, data, expected) in [
        (
            shipped.as_str(),
            "other",
            ["model A (", "column \"current\" is not in the header, which has t, m1"],
        ),
        (
            &shipped,
            "short",
            ["the models cannot be compared: 1 of 1 recordings", "which takes 1.0 s for A and 1.0 s"],
        ),
        (&shipped, "absent", ["absent", "No such file"]),
        ("text.onnx", "short", ["text.onnx", "is not an ONNX model"]),
    ] {
        assert_says(&compare(root, &[a, &shipped, data]).one_line(1), &expected);
    }
}

#[test]
fn a_card_template_is_a_card_with_which_a_model_decides_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    simulate(root, "drives", "21", "1");
    let underfoot = |arguments: &str| -> Ran {
        underfoot(arguments.split(' ')).current_dir(root).output().unwrap().into()
    };
    let ran = underfoot("model card-template --from drives --out card.toml");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
    assert_says(&ran.stderr, &["wrote card.toml; check it against the model"]);
    let card = std::fs::read_to_string(root.join("card.toml")).unwrap();
    assert_says(
        &card,
        &[
            "rate = 100.0\n",
            "window = 100\n",
            "hop = 10\n",
            "labels = [\"carpet\", \"concrete\", \"grass\", \"gravel\", \"tile\", \"wood\"]\n",
            "{ name = \"current\", unit = \"A\" }",
            "THEY MUST BE IN THE ORDER OF THE MODEL'S OUTPUTS",
            "# current\n[[training.statistics]]\nmean = ",
        ],
    );
    assert_eq!(underfoot("model card-template --from drives").ok(), card, "without --out it is printed");
    let ran =
        run(["model", "stamp", &shipped(), "--card", root.join("card.toml").to_str().unwrap(), "--out"]
            .into_iter()
            .chain([root.join("stamped.onnx").to_str().unwrap()]));
    assert!(ran.code == Some(0) && !ran.stderr.contains("warning"), "{ran:?}");
    for (first, says) in [
        (shipped().as_str(), "the card of B does not say which recordings it was trained on"),
        ("stamped.onnx", "the cards of A and B do not say which recordings they were trained on"),
    ] {
        let report = report(root, &[first, "stamped.onnx", "drives"]);
        assert_eq!(report["all"]["agreement"], 1.0, "{report}");
        assert_says(&report["warnings"].to_string(), &[says]);
    }

    let other =
        underfoot("model card-template --from drives --rate 50 --window 40 --hop 5 --channels current").ok();
    assert_says(&other, &["rate = 50.0\n", "window = 40\n", "hop = 5\n", "method = \"mean\""]);
    let line = underfoot("model card-template --from drives --out card.toml").one_line(1);
    assert_says(&line, &["--out \"card.toml\" is there already", "name another file"]);
    let line = underfoot("model card-template --from drives/tile").one_line(1);
    assert_says(&line, &["are labelled \"tile\"; a model needs at least two surfaces"]);
}
