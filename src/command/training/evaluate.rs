//! `underfoot-train evaluate`: how well a model predicts the windows of labelled recordings.

use std::path::PathBuf;

use super::data_report;
use crate::model::card::Scores;
use crate::model::session::Model;
use crate::recordings;
use crate::score::Confusion;
use crate::train::data::dataset::Dataset;
use crate::train::data::drops::DropSummary;
use crate::train::fit::member::confusion;

/// The number of windows in a batch for the model.
const BATCH: usize = 256;

/// Score a model on labelled recordings
#[derive(Clone, Debug, clap::Args)]
pub struct EvaluateArgs {
    /// The model, an ONNX file
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,
    /// Labelled recordings, or folders of them
    #[arg(required = true, value_name = "DATA")]
    pub data: Vec<PathBuf>,
    /// How to read the recordings, instead of the dataset.toml in their folder
    #[arg(long, value_name = "FILE")]
    pub dataset: Option<PathBuf>,
    /// Print the scores as JSON on stdout
    #[arg(long)]
    pub json: bool,
}

/// The scores in the form that `--json` prints.
#[derive(Debug, serde::Serialize)]
struct EvaluationReport<'a> {
    #[serde(flatten)]
    scores: Scores,
    labels: &'a [String],
    /// One row for each actual label, one column for each predicted label.
    confusion: &'a [Vec<u64>],
    windows: u64,
    recordings: usize,
    /// What was dropped on the way from the rows of the recordings to windows.
    dropped: DropSummary,
    /// What is probably wrong with the recordings, one sentence each.
    warnings: &'a [String],
}

/// Runs the command. The confusion table goes to stderr; with `--json` the scores go to stdout instead.
///
/// # Errors
/// If the model or the recordings cannot be read, or do not fit each other.
pub fn run(args: EvaluateArgs) -> anyhow::Result<()> {
    let mut model = Model::open(&args.model, None)?;
    for warning in model.warnings() {
        eprintln!("warning: {warning}");
    }
    let found = recordings::find(&args.data, args.dataset.as_deref())?;
    let dataset = Dataset::for_card(&found, model.card())?;
    data_report::print(&dataset, &[]);
    let confusion = score(&mut model, &dataset)?;
    let scores = confusion.scores();
    if args.json {
        let report = EvaluationReport {
            scores,
            labels: confusion.labels(),
            confusion: confusion.table(),
            windows: confusion.total(),
            recordings: dataset.recordings.len(),
            dropped: DropSummary::of(&dataset.drops),
            warnings: &dataset.warnings,
        };
        println!("{}", serde_json::to_string(&report)?);
        return Ok(());
    }
    eprintln!("{} recordings, {} windows: {scores}", dataset.recordings.len(), confusion.total());
    eprintln!("{confusion}");
    Ok(())
}

/// Predicts all windows and counts the predictions against the actual labels.
fn score(model: &mut Model, dataset: &Dataset) -> anyhow::Result<Confusion> {
    let labels = model.card().labels.clone();
    let all: Vec<usize> = (0..dataset.len()).collect();
    let mut probabilities = Vec::new();
    for windows in all.chunks(BATCH) {
        probabilities.extend(model.probabilities(&dataset.gather(windows))?);
    }
    Ok(confusion(&labels, &probabilities, dataset.labels.iter().copied()))
}
