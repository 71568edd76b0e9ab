//! The scores of `underfoot-train fit` in other sessions and later, and what it says where these are not known.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Two surfaces and two sessions of three drives each.
const SURFACES: [&str; 2] = ["tile", "wood"];
const DRIVES: usize = 3;

/// Writes recordings to `data`, each to the path that `name` gives it for its surface, session and drive. What is true
/// of the currents in the first session is not in the second: wood draws more than tile there, and less here.
fn write(name: impl Fn(usize, usize, usize) -> String) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for surface in 0..SURFACES.len() {
        for session in 0..2 {
            for drive in 0..DRIVES {
                let level = [[1.0, 3.0], [2.0, 0.0]][surface][session];
                let current = |i: usize| level + 0.1 * ((i * 7919 + drive + 5 * session) % 13) as f64;
                let rows: String =
                    (0..400).map(|i| format!("{:.2},{:.3}\n", i as f64 * 0.02, current(i))).collect();
                let path = folder.path().join("data").join(name(surface, session, drive));
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, format!("t,current\n{rows}")).unwrap();
            }
        }
    }
    folder
}

/// Trains for a moment on `data`, with this `dataset.toml`. Returns the scores and the standard error.
fn fit(folder: &Path, toml: &str) -> (Value, String) {
    std::fs::write(folder.join("data/dataset.toml"), toml).unwrap();
    let quick = ["--folds=3", "--epochs=2", "--hidden=4", "--hop=50", "--calibrate=false"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_underfoot-train"));
    let done =
        command.args(["fit", "data", "--out", "m.onnx"]).args(quick).current_dir(folder).output().unwrap();
    let stderr = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(0), "{stderr}");
    (serde_json::from_slice(&std::fs::read(folder.join("m.run/scores.json")).unwrap()).unwrap(), stderr)
}

/// The balanced accuracy of extra trees in a part of the scores.
fn trees(scores: &Value) -> f64 {
    scores["extra_trees"]["balanced_accuracy"].as_f64().unwrap_or_else(|| panic!("{scores}"))
}

/// The standard output of `underfoot model show`.
fn model_show(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_underfoot"));
    let shown =
        command.args(["model", "show", "m.onnx"]).args(arguments).current_dir(folder).output().unwrap();
    String::from_utf8(shown.stdout).unwrap()
}

#[test]
fn a_surface_that_changes_from_day_to_day_has_a_low_score_by_session_and_later() {
    let folder = write(|surface, session, drive| {
        format!("{}/2023-01-1{}-13-2{drive}-37.csv", SURFACES[surface], 5 + session)
    });
    let (scores, stderr) = fit(folder.path(), "");
    assert!(stderr.contains("training 3 networks for the scores in other sessions and later"), "{stderr}");
    assert!(!stderr.contains("session only") && !stderr.contains("say when they were made"), "{stderr}");
    assert!(trees(&scores) > 0.95, "{scores}");
    assert!(trees(&scores["session"]) < 0.2, "{scores}");
    for (key, recordings) in [("session", 12), ("later", 4)] {
        let score = &scores[key];
        assert_eq!((&score["recordings"], &score["surfaces"]), (&recordings.into(), &2.into()));
        assert!(score["accuracy"].is_number() && score["balanced_accuracy"].is_number(), "{score}");
        assert!(stderr.contains(&format!("{recordings} recordings, 2 surfaces): accuracy")), "{stderr}");
    }
    // The lowest score is the one to expect, on the terminal, on the page and in the card.
    let score = |key: &str| scores[key]["balanced_accuracy"].as_f64().unwrap();
    let lowest = ["windows", "later", "session"].map(score).into_iter().fold(1.0, f64::min);
    assert_eq!(score(scores["expect"].as_str().unwrap()), lowest);
    let expected = format!("On another day, expect about {:.1} %", 100.0 * lowest);
    assert!(stderr.contains(&expected), "{expected} in {stderr}");
    let page =
        std::fs::read_to_string(folder.path().join("m.run/report.html")).unwrap().replace('\u{a0}', " ");
    assert!(page.contains(&expected) && page.contains("from earlier to later"), "{expected}");
    let card: Value = serde_json::from_str(&model_show(folder.path(), &["--json"])).unwrap();
    for key in ["later", "session"] {
        assert_eq!(card["training"][key]["balanced_accuracy"], scores[key]["balanced_accuracy"]);
        assert_eq!(card["training"][key]["extra_trees"], scores[key]["extra_trees"]);
    }
    let shown = model_show(folder.path(), &[]);
    assert!(shown.contains(&format!("expect a balanced accuracy of about {lowest:.3}")), "{shown}");
}

#[test]
fn folders_of_sessions_inside_and_outside_of_surfaces_are_the_same() {
    let sessions = ["monday", "tuesday"];
    let outside =
        write(|surface, session, drive| format!("{}/{}/{drive}.csv", sessions[session], SURFACES[surface]));
    let inside =
        write(|surface, session, drive| format!("{}/{}/{drive}.csv", SURFACES[surface], sessions[session]));
    let mut all = Vec::new();
    for folder in [outside, inside] {
        // Groups are held out as a whole, so no further network is needed.
        let (scores, stderr) = fit(folder.path(), "[label]\nfrom = 'folder'\n[split]\ngroup_by = 'folder'\n");
        assert!(!stderr.contains("training 2 networks for") && !stderr.contains("warning"), "{stderr}");
        assert_eq!(scores["labels"], serde_json::json!(SURFACES));
        assert_eq!(scores["session"]["balanced_accuracy"], scores["windows"]["balanced_accuracy"]);
        assert_eq!((scores["session"]["recordings"].as_u64(), &scores["later"]), (Some(12), &Value::Null));
        assert!(trees(&scores) < 0.2, "{scores}");
        let (scores, stderr) = fit(folder.path(), "[split]\nsession = 'folder'\n");
        assert!(stderr.contains("training 2 networks for the scores in other sessions"), "{stderr}");
        assert!(trees(&scores) > 0.95 && trees(&scores["session"]) < 0.2, "{scores}");
        all.push(scores["extra_trees"].clone());
    }
    assert_eq!(all[0], all[1]);
}

#[test]
fn what_cannot_be_known_about_other_sessions_is_told_in_one_line() {
    let unknown = write(|surface, session, drive| format!("{}/{session}{drive}.csv", SURFACES[surface]));
    let one = write(|surface, session, drive| {
        format!("{}/20230115_13{:02}00.csv", SURFACES[surface], 10 * session + drive)
    });
    let own = write(|surface, session, drive| {
        format!("{}/2023-01-1{}T13{session}{drive}37Z.csv", SURFACES[surface], 5 + surface)
    });
    for (folder, expected, later) in [
        (
            unknown,
            "warning: neither the times nor the names of the recordings say when they were made",
            false,
        ),
        (one, "warning: all recordings are of one session (2023-01-15 13:00)", true),
        (own, "warning: each surface was recorded in one session only", true),
    ] {
        let (scores, stderr) = fit(folder.path(), "");
        let told: Vec<&str> = stderr.lines().filter(|line| line.starts_with(expected)).collect();
        assert!(told.len() == 1 && told[0].contains(".88 by recording fell to .64"), "{stderr}");
        let warnings = scores["warnings"].as_array().unwrap();
        assert!(warnings.iter().any(|warning| told[0].ends_with(warning.as_str().unwrap())), "{scores}");
        assert_eq!((scores["session"].is_null(), scores["later"].is_null()), (true, !later), "{scores}");
        let networks = stderr.contains("training 1 network for the scores");
        assert_eq!((networks, stderr.contains("On another day, expect less")), (later, !later), "{stderr}");
        assert_eq!(model_show(folder.path(), &[]).contains("not known"), !later);
    }
}
