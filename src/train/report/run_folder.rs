//! The folder that every run writes: its settings, its history, its scores, its model and a report that shows
//! them.
//!
//! The folder is written under a temporary name and then moved into place, so that it is always complete. It
//! may replace the folder of an earlier run, and nothing else.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::fit_report::FitReport;
use super::run_scores::run_scores;
use crate::csv::RowWriter;
use crate::train::fit::search::SearchTrial;
use crate::train::fit::trained::Trained;

/// The file by which a folder is recognised as that of a run.
const CONFIG: &str = "config.toml";

/// The files of a run folder, each with its name and content, except for the model. `tried` is what a search
/// tried, and empty without a search.
pub(crate) fn files(report: &FitReport<'_>, tried: &[SearchTrial]) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        (CONFIG, report.config.as_bytes().to_vec()),
        ("history.csv", history(report.trained)),
        ("scores.json", run_scores(report, tried)),
        ("report.html", report.html().into_bytes()),
    ]
}

/// Every epoch of every network as CSV. Networks and epochs count from 1; validation fields are empty if no
/// windows are held out.
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

/// The default run folder: beside the model, with the extension `run`.
pub(crate) fn default_folder(model: &Path) -> PathBuf {
    model.with_extension("run")
}

/// Checks that a run folder may be written to this path: either nothing is there yet, or the folder of an
/// earlier run, which is then replaced. The folder that it is in must be writable.
///
/// # Errors
/// One sentence that names the path and the fix, if something else is there or nothing can be written.
pub(crate) fn check(path: &Path) -> Result<(), String> {
    if !path.exists() || path.join(CONFIG).is_file() {
        return temporary_folder(path).map(drop);
    }
    Err(format!(
        "the run folder \"{}\" exists and is not the folder of an earlier run; choose another with --run",
        path.display()
    ))
}

/// A temporary folder beside `path`.
fn temporary_folder(path: &Path) -> Result<TempDir, String> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::Builder::new().prefix(".underfoot-").tempdir_in(parent).map_err(|why| failed(path, &why))
}

fn failed(path: &Path, why: &io::Error) -> String {
    format!("the run folder \"{}\" cannot be written: {why}; choose another with --run", path.display())
}

/// Writes the files into a temporary folder beside `path` and moves it into place, replacing the folder of an
/// earlier run.
///
/// # Errors
/// One sentence that names the path, the system's error and the fix.
pub(crate) fn write(path: &Path, files: &[(&str, Vec<u8>)]) -> Result<(), String> {
    check(path)?;
    let failed = |why: io::Error| failed(path, &why);
    let temporary = temporary_folder(path)?;
    let new = temporary.path().join("new");
    std::fs::create_dir(&new).map_err(failed)?;
    for (name, bytes) in files {
        std::fs::write(new.join(name), bytes).map_err(failed)?;
    }
    if path.exists() {
        // The earlier run is deleted with the temporary folder.
        std::fs::rename(path, temporary.path().join("old")).map_err(failed)?;
    }
    std::fs::rename(&new, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_folder_replaces_that_of_an_earlier_run_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let run = parent.path().join("m.run");
        for text in ["one", "two"] {
            write(&run, &[(CONFIG, text.into()), (text, Vec::new())]).unwrap();
        }
        let names: Vec<_> =
            std::fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.len() == 2 && !names.contains(&"one".into()), "{names:?}");
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1, "no temporary folder is left");
        let other = parent.path().join("photos");
        std::fs::create_dir(&other).unwrap();
        assert!(write(&other, &[]).unwrap_err().contains("choose another with --run"));
        assert!(other.exists());
    }
}
