//! The folder that every run leaves: its settings, its history, its scores, its model and a page that shows them.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::cross_validation::{Calibration, Trained};
use super::search::SearchTrial;
use crate::csv::RowWriter;
use crate::model::card::Scores;
use crate::score::Confusion;
use crate::train::data::dataset::Dataset;
use crate::train::report::{FitReport, RecordingScore, recordings};

/// What a run's folder has that no other has.
const CONFIG: &str = "config.toml";

/// Scores of a run, as `scores.json` has them.
#[derive(Debug, Serialize)]
struct RunScores<'a> {
    /// `cross-validation` over folds by recording, `validation` of a single network, or `none`.
    kind: &'a str,
    /// Whether the scores also chose something; then they are validation scores, not test scores.
    chosen_on_validation: bool,
    labels: &'a [String],
    windows: Option<Part<'a>>,
    decisions: Option<Part<'a>>,
    /// One entry a network, on the windows that it was not trained on.
    folds: Vec<Scores>,
    calibration: Option<Calibration>,
    extra_trees: Option<Scores>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leaky: Option<Scores>,
    recordings: Vec<RecordingScore>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tried: &'a [SearchTrial],
}

#[derive(Debug, Serialize)]
struct Part<'a> {
    #[serde(flatten)]
    scores: Scores,
    /// A row a true label, a column a predicted one.
    confusion: &'a [Vec<u64>],
    unknown: &'a [u64],
}

/// The files of a run's folder besides its model, each with its name.
pub(crate) fn files(report: &FitReport<'_>, tried: &[SearchTrial]) -> Vec<(&'static str, Vec<u8>)> {
    let FitReport { trained, dataset, trees, leaky, config } = *report;
    vec![
        (CONFIG, config.as_bytes().to_vec()),
        ("history.csv", history(trained)),
        ("scores.json", scores(trained, dataset, trees, leaky, tried)),
        ("report.html", report.html().into_bytes()),
    ]
}

fn history(trained: &Trained) -> Vec<u8> {
    let mut row = RowWriter::default();
    row.field("network").field("epoch").field("learning_rate").field("loss").field("accuracy");
    let mut text = row.field("validation_loss").field("validation_accuracy").end().to_vec();
    let field = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    for (index, member) in trained.members.iter().enumerate() {
        for epoch in &member.history {
            row.field(index + 1).field(epoch.epoch).field(epoch.learning_rate).field(epoch.loss);
            row.field(epoch.accuracy)
                .field(field(epoch.validation_loss))
                .field(field(epoch.validation_accuracy));
            text.extend_from_slice(row.end());
        }
    }
    text
}

fn scores(
    trained: &Trained,
    dataset: &Dataset,
    trees: Option<&Confusion>,
    leaky: Option<&Confusion>,
    tried: &[SearchTrial],
) -> Vec<u8> {
    let (windows, decisions) = (trained.windows(dataset), trained.decisions(dataset));
    let held = windows.total() > 0;
    let scores = RunScores {
        kind: match trained.members.len() {
            _ if !held => "none",
            1 => "validation",
            _ => "cross-validation",
        },
        chosen_on_validation: trained.chosen_on_validation(),
        labels: &dataset.card.labels,
        windows: held.then(|| part(&windows)),
        decisions: held.then(|| part(&decisions)),
        folds: trained.scores(dataset),
        calibration: trained.calibration,
        extra_trees: trees.map(Confusion::scores),
        leaky: leaky.map(Confusion::scores),
        recordings: recordings(trained, dataset),
        tried,
    };
    // Numbers, texts and lists only: there is nothing in it that cannot be written.
    let mut bytes = serde_json::to_vec_pretty(&scores).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn part(confusion: &Confusion) -> Part<'_> {
    Part { scores: confusion.scores(), confusion: confusion.table(), unknown: confusion.unknown() }
}

/// Where a run's folder is, unless another place is named: beside the model, `NAME.run`.
pub(crate) fn beside(model: &Path) -> PathBuf {
    model.with_extension("run")
}

/// Whether a folder may be written to: it is not there, or is an earlier run's, which is then replaced.
///
/// # Errors
/// The sentence that says why not, and what to do.
pub(crate) fn check(path: &Path) -> Result<(), String> {
    if !path.exists() || path.join(CONFIG).is_file() {
        return Ok(());
    }
    Err(format!("the run's folder would be {path:?}, which is something else; name another with --run"))
}

/// Writes a folder aside and moves it into place, in place of an earlier run's: there is never half a folder.
///
/// # Errors
/// What the system says, with the folder's name.
pub(crate) fn write(path: &Path, files: &[(&str, Vec<u8>)]) -> Result<(), String> {
    check(path)?;
    let failed = |why: std::io::Error| {
        format!("the run's folder {path:?} cannot be written: {why}; name another with --run")
    };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let aside = tempfile::Builder::new().prefix(".underfoot-").tempdir_in(parent).map_err(failed)?;
    let new = aside.path().join("new");
    std::fs::create_dir(&new).map_err(failed)?;
    for (name, bytes) in files {
        std::fs::write(new.join(name), bytes).map_err(failed)?;
    }
    if path.exists() {
        // It goes with the temporary folder.
        std::fs::rename(path, aside.path().join("old")).map_err(failed)?;
    }
    std::fs::rename(&new, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_replaces_an_earlier_runs_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let run = parent.path().join("m.run");
        for text in ["one", "two"] {
            write(&run, &[(CONFIG, text.into()), (text, Vec::new())]).unwrap();
        }
        let names: Vec<_> =
            std::fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.len() == 2 && !names.contains(&"one".into()), "{names:?}");
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1, "nothing is left aside");
        let other = parent.path().join("photos");
        std::fs::create_dir(&other).unwrap();
        assert!(write(&other, &[]).unwrap_err().contains("name another with --run"));
        assert!(other.exists());
    }
}
