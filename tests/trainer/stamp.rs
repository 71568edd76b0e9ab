//! `underfoot model stamp`: models and cards from elsewhere.

use std::path::Path;

use crate::support::{Ran, assert_says, model, run};

/// A card for the shipped model, as if another program had made it.
const CARD: &str = "version = 1\nrate = 100.0\nwindow = 100\nhop = 10\n\
                    labels = ['carpet', 'concrete', 'grass', 'gravel', 'tile', 'wood']\n\
                    channels = [{ name = 'current', unit = 'A' }]\n[resample]\nmethod = 'linear'\nmax_gap = 0.1\n";
const STATISTICS: &str = "[[training.statistics]]\nmean = 1.8\ndeviation = 0.6\nmin = 0.0\nmax = 5.0\n";

/// Stamps a model with a card to `out.onnx` in a folder.
fn stamp(folder: &Path, bytes: &[u8], card: &str) -> Ran {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    std::fs::write(path("net.onnx"), bytes).unwrap();
    std::fs::write(path("card.toml"), card).unwrap();
    run(["model", "stamp", &path("net.onnx"), "--card", &path("card.toml"), "--out", &path("out.onnx")])
}

/// A protobuf field with a length.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, content.len() as u8], content].concat()
}

#[test]
fn weights_that_are_not_in_the_folder_of_the_model_are_refused_with_the_option_of_the_exporter() {
    let folder = tempfile::tempdir().unwrap();
    // ModelProto.graph with an initializer. Protobuf joins it with the graph before.
    let with_weights_in = |file: &str| {
        let entry = [field(1, b"location"), field(2, file.as_bytes())].concat();
        // TensorProto: name, external_data, data_location = EXTERNAL.
        let tensor = [field(8, b"fc.weight"), field(13, &entry), vec![14 << 3, 1]].concat();
        [std::fs::read(model()).unwrap(), field(7, &field(5, &tensor))].concat()
    };
    // A file of this name in the working directory must not be read.
    let bytes = with_weights_in("Cargo.toml");
    let line = stamp(folder.path(), &bytes, CARD).one_line(1);
    assert_says(&line, &["weights \"fc.weight\" are in another file, \"Cargo.toml\"", "external_data=False"]);
    assert_says(&line, &["which is not in the folder of the model"]);
    for outside in ["../net.data", "/etc/hostname"] {
        let line = stamp(folder.path(), &with_weights_in(outside), CARD).one_line(1);
        assert_says(&line, &["which is outside of the folder of the model", "external_data=False"]);
    }
    assert!(!folder.path().join("out.onnx").exists());
    // The daemon reads no other file at all.
    std::fs::write(folder.path().join("net.onnx"), bytes).unwrap();
    let named = folder.path().join("net.onnx");
    let replay = run(["replay", folder.path().to_str().unwrap(), "--model", named.to_str().unwrap()]);
    assert_ne!(replay.code, Some(0));
}

#[test]
fn a_model_without_statistics_says_what_cannot_be_checked_and_one_with_them_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(model()).unwrap();
    let ran = stamp(folder.path(), &bytes, CARD);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_says(
        &ran.stderr,
        &["warning: the model card has no statistics", "[[training.statistics]]", "stuck"],
    );
    let config = folder.path().join("underfoot.toml");
    let path = folder.path().join("out.onnx");
    std::fs::write(
        &config,
        format!("[model]\npath = {path:?}\n[[source]]\nkind = 'stdin'\nstream = 'rover'\n"),
    )
    .unwrap();
    let check = || run(["check", "-c", config.to_str().unwrap()]);
    assert_says(&check().stdout, &["warning model: the model card has no statistics"]);
    let ran = stamp(folder.path(), &bytes, &format!("{CARD}{STATISTICS}"));
    assert!(ran.code == Some(0) && !ran.stderr.contains("warning"), "{ran:?}");
    assert!(!check().stdout.contains("warning"));
    let shown = run(["model", "show", path.to_str().unwrap()]).ok();
    assert_says(&shown, &["mean 1.800, deviation 0.600, 0.000 to 5.000 A"]);
}

#[test]
fn a_card_is_refused_with_the_keys_to_add_and_without_printing_control_characters() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(model()).unwrap();
    for (card, says) in [
        (CARD.replace("max_gap = 0.1", ""), "it has no resample.max_gap; add `max_gap = 0.1` under resample"),
        (CARD.replace("version = 1", ""), "it has no version; add `version = 1`"),
        (
            CARD.replace("[{ name = 'current', unit = 'A' }]", "['current']"),
            "channels is [\"current\"]; it takes a list of tables",
        ),
        (
            CARD.replace("'tile'", "\"ti\\u001b[2Jle\""),
            "labels has \"ti\\u{1b}[2Jle\", which has the character U+001B",
        ),
        (
            CARD.replace("window = 100", "window = 50"),
            "takes windows of 100 steps, and its card says 50; correct window in card.toml",
        ),
        (CARD.replace(", 'wood'", ""), "has 6 numbers for a window, and its card has 5 labels"),
    ] {
        let line = stamp(folder.path(), &bytes, &card).one_line(1);
        assert_says(&line, &["error: ", says]);
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}
