//! `underfoot-train evaluate`: how well a model predicts the windows of labelled recordings, and how well the
//! daemon decides on them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::data_report;
use crate::model::card::Scores;
use crate::model::session::Model;
use crate::recordings;
use crate::score::Confusion;
use crate::sink::evaluation::{EvaluationPart, UnknownLabel};
use crate::train::data::dataset::Dataset;
use crate::train::data::drops::DropSummary;
use crate::train::decisions::{Decisions, NO_CHANGES, recordings_with_changes};
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
    /// Of the windows, each counted by itself.
    #[serde(flatten)]
    scores: Scores,
    labels: &'a [String],
    /// One row for each actual label, one column for each predicted label.
    confusion: &'a [Vec<u64>],
    windows: u64,
    /// The decisions, as `underfoot replay` makes and counts them.
    decisions: EvaluationPart,
    /// The predictions on each label that the model does not know.
    unknown_labels: &'a BTreeMap<String, UnknownLabel>,
    /// The number of recordings with windows of more than one label. If there are none, the scores of the decisions
    /// are higher than on drives over several surfaces.
    recordings_with_changes: usize,
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
    let trained_on: Vec<String> = recordings::trained_on_warning(&found, model.card())?.into_iter().collect();
    data_report::print(&dataset, &trained_on);
    let confusion = score(&mut model, &dataset)?;
    let scores = confusion.scores();
    let card = model.card().clone();
    let mut decisions = Decisions::new(&card);
    for recording in &found {
        decisions.add(recording, |windows| anyhow::Ok(model.answers(&windows.concat())?))?;
    }
    let (unknown_labels, decisions) = (decisions.unknown_labels(), decisions.confusion());
    let recordings_with_changes = recordings_with_changes(&dataset, 0..dataset.len());
    if args.json {
        let report = EvaluationReport {
            scores,
            labels: confusion.labels(),
            confusion: confusion.table(),
            windows: confusion.total(),
            decisions: EvaluationPart::new(decisions),
            unknown_labels,
            recordings_with_changes,
            recordings: dataset.recordings.len(),
            dropped: DropSummary::of(&dataset.drops),
            warnings: &[dataset.warnings.as_slice(), &trained_on].concat(),
        };
        println!("{}", serde_json::to_string(&report)?);
        return Ok(());
    }
    eprintln!(
        "{} recordings, {} windows, each counted by itself: {scores}",
        dataset.recordings.len(),
        confusion.total()
    );
    eprintln!("{confusion}");
    eprintln!(
        "{} decisions, as `underfoot replay` makes and counts them: {}, withheld {:.3}",
        decisions.total(),
        decisions.scores(),
        decisions.withheld()
    );
    for (label, predictions) in unknown_labels {
        eprintln!(
            "{} predictions are on {label:?}, which the model does not know: {predictions}",
            predictions.count
        );
    }
    if recordings_with_changes == 0 {
        eprintln!("{NO_CHANGES}");
    }
    eprintln!("{decisions}");
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
