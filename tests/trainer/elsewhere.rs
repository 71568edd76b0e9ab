//! `underfoot model stamp`: what it changes in models of Keras and PyTorch, so that they can be served.
//!
//! `reference/onnx/make_models.py` has made the models, with the exporters of these frameworks.

use std::path::{Path, PathBuf};

use underfoot::model::session::Model;

use crate::support::{Ran, assert_says, run};

/// The card of all these models.
const CARD: &str = "version = 1\nrate = 100.0\nwindow = 10\nhop = 5\nlabels = ['gravel', 'tile']\n\
                    channels = [{ name = 'left' }, { name = 'right' }]\n\
                    [resample]\nmethod = 'linear'\nmax_gap = 0.1\n\
                    [[training.statistics]]\nmean = 1.5\ndeviation = 0.7\nmin = 0.0\nmax = 4.0\n\
                    [[training.statistics]]\nmean = 1.4\ndeviation = 0.5\nmin = 0.0\nmax = 4.0\n";

/// What a framework answers.
#[derive(serde::Deserialize)]
struct Answers {
    /// Row-major [3, 10, 2].
    windows: Vec<f32>,
    models: Vec<Answered>,
}

/// A model, and what its framework answers.
#[derive(serde::Deserialize)]
struct Answered {
    file: String,
    /// The flags that `stamp` needs for it.
    arguments: Vec<String>,
    /// What `stamp` prints about it.
    says: Vec<String>,
    /// Row-major [3, 2].
    probabilities: Vec<f32>,
}

fn reference(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/onnx").join(file)
}

/// Stamps a model to `out.onnx` in a folder.
fn stamp(folder: &Path, model: &Path, arguments: &[&str]) -> Ran {
    let (card, out) = (folder.join("card.toml"), folder.join("out.onnx"));
    std::fs::write(&card, CARD).unwrap();
    let paths = [model, Path::new("--card"), &card, Path::new("--out"), &out];
    let paths = paths.map(|path| path.to_str().unwrap().to_owned());
    run(["model", "stamp"]
        .into_iter()
        .chain(paths.iter().map(String::as_str))
        .chain(arguments.iter().copied()))
}

/// Stamps every model of a framework, and compares its answers with those of the framework.
fn assert_served(answers: &str) {
    let answers: Answers = serde_json::from_str(answers).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for Answered { file, arguments, says, probabilities } in &answers.models {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let ran = stamp(folder.path(), &reference(file), &arguments);
        assert_eq!(ran.code, Some(0), "{file}: {ran:?}");
        let says: Vec<_> = says.iter().map(String::as_str).collect();
        assert_says(&ran.stderr, &says);
        // Nothing else is said: a line for each change, and the file that was written.
        let lines = ran.stderr.lines().count();
        assert!(says.is_empty() == (lines == 1), "{file}: {}", ran.stderr);
        let mut model = Model::open(&folder.path().join("out.onnx"), None).unwrap();
        let served = model.probabilities(&answers.windows).unwrap();
        let tolerance = if file.contains("float16") { 3e-3 } else { 2e-5 };
        assert_eq!(served.len(), probabilities.len());
        for (served, expected) in served.iter().zip(probabilities) {
            let apart = (served - expected).abs();
            assert!(apart < tolerance, "{file}: {served} here, {expected} there");
        }
    }
}

#[test]
fn models_of_keras_answer_as_in_keras_after_they_are_stamped() {
    assert_served(include_str!("../reference/onnx/keras.json"));
}

#[test]
fn models_of_both_exporters_of_pytorch_answer_as_in_pytorch_after_they_are_stamped() {
    assert_served(include_str!("../reference/onnx/pytorch.json"));
}

#[test]
fn weights_are_taken_from_the_folder_of_the_model_and_never_from_the_working_directory() {
    let (folder, working) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let data = "dynamo_external.onnx.data";
    let weights = std::fs::read(reference(data)).unwrap();
    std::fs::copy(reference("dynamo_external.onnx"), folder.path().join("net.onnx")).unwrap();
    // Other weights of the same name and size.
    std::fs::write(working.path().join(data), vec![0; weights.len()]).unwrap();
    std::fs::write(folder.path().join("card.toml"), CARD).unwrap();
    let stamp = || {
        let model = folder.path().join("net.onnx");
        let (card, out) = (folder.path().join("card.toml"), folder.path().join("out.onnx"));
        let paths = [model.as_path(), Path::new("--card"), &card, Path::new("--out"), &out];
        let arguments = ["model", "stamp"].map(Path::new).into_iter().chain(paths);
        Ran::from(crate::support::underfoot(arguments).current_dir(&working).output().unwrap())
    };
    assert_says(&stamp().one_line(1), &[data, "is not in the folder of the model"]);
    std::fs::write(folder.path().join(data), &weights[1..]).unwrap();
    assert_says(&stamp().one_line(1), &[data, "bytes, and its values are"]);
    assert!(!folder.path().join("out.onnx").exists());
    std::fs::write(folder.path().join(data), &weights).unwrap();
    let ran = stamp();
    assert_says(
        &ran.stderr,
        &["took 1.2 KiB of weights from ", data, "call torch.onnx.export(…, external_data=False)"],
    );
    // The stamped model is the same as the one that was stamped in place.
    let stamped = std::fs::read(folder.path().join("out.onnx")).unwrap();
    self::stamp(folder.path(), &reference("dynamo_external.onnx"), &[]);
    assert!(stamped == std::fs::read(folder.path().join("out.onnx")).unwrap());
}

#[test]
fn an_input_without_a_value_is_named_with_the_flag_that_gives_it_one() {
    let folder = tempfile::tempdir().unwrap();
    let model = reference("keras_normalization.onnx");
    let line = stamp(folder.path(), &model, &[]).one_line(1);
    assert_says(&line, &["beside the windows", "--constant '", "keras.layers.Rescaling"]);
    let line = stamp(folder.path(), &model, &["--constant", "nothing=1"]).one_line(1);
    assert_says(
        &line,
        &["--constant names \"nothing\", and the inputs of its graph that have no value are "],
    );
    assert!(!folder.path().join("out.onnx").exists());
}

#[test]
fn an_order_of_the_axes_that_the_sizes_exclude_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = reference("script_lstm.onnx");
    let line = stamp(folder.path(), &model, &["--layout", "ncw"]).one_line(1);
    assert_says(
        &line,
        &["\"window\" [N, 10, 2] is not [N, channels, steps] with the window and the channels"],
    );
    let ran = stamp(folder.path(), &model, &["--layout", "NWC"]);
    assert_eq!((ran.code, ran.stderr.lines().count()), (Some(0), 1), "{ran:?}");
}

#[test]
fn a_type_of_numbers_for_which_onnx_runtime_lacks_an_operator_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let line = stamp(folder.path(), &reference("script_float64_lstm.onnx"), &[]).one_line(1);
    assert_says(
        &line,
        &["LSTM", "does not have every operator for float64, which its input \"window\" [N, 10, 2]"],
    );
    assert!(!folder.path().join("out.onnx").exists());
}
