//! `underfoot-train evaluate`: how well a model tells the windows of labelled recordings.

use std::io::Write;
use std::path::PathBuf;

use crate::model::card::Scores;
use crate::model::session::Model;
use crate::recordings;
use crate::score::Confusion;
use crate::train::data::dataset::Dataset;
use crate::train::fit::member::confusion;

/// Windows a run of the model.
const BATCH: usize = 256;

/// Score a model on labelled recordings
#[derive(Clone, Debug, clap::Args)]
pub struct EvaluateArgs {
    /// The model
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,
    /// Recordings, or folders of them
    #[arg(required = true, value_name = "DATA")]
    pub data: Vec<PathBuf>,
    /// How to read the recordings, in place of the folder's own dataset.toml
    #[arg(long, value_name = "FILE")]
    pub dataset: Option<PathBuf>,
    /// Print the scores as JSON on stdout
    #[arg(long)]
    pub json: bool,
}

/// The scores as `--json` prints them.
#[derive(Debug, serde::Serialize)]
struct EvaluationReport<'a> {
    #[serde(flatten)]
    scores: Scores,
    labels: &'a [String],
    /// A row a true label, a column a predicted one.
    confusion: &'a [Vec<u64>],
    windows: u64,
    recordings: usize,
}

/// Runs the command: the table goes to stderr, JSON to stdout.
///
/// # Errors
/// A model or recordings that cannot be read, or that do not go together, one line each.
pub fn run(args: EvaluateArgs) -> anyhow::Result<()> {
    let mut model = Model::open(&args.model, None)?;
    let found = recordings::find(&args.data, args.dataset.as_deref())?;
    let dataset = Dataset::for_card(&found, model.card())?;
    let confusion = score(&mut model, &dataset)?;
    let scores = confusion.scores();
    if args.json {
        let report = EvaluationReport {
            scores,
            labels: confusion.labels(),
            confusion: confusion.table(),
            windows: confusion.total(),
            recordings: dataset.recordings.len(),
        };
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&report)?)?;
        return Ok(());
    }
    eprintln!("{} recordings, {} windows: {scores}", dataset.recordings.len(), confusion.total());
    if dataset.dropped > 0 {
        eprintln!("{} windows left out, whose label is not one throughout", dataset.dropped);
    }
    eprintln!("{confusion}");
    Ok(())
}

fn score(model: &mut Model, dataset: &Dataset) -> anyhow::Result<Confusion> {
    let labels = model.card().labels.clone();
    let all: Vec<usize> = (0..dataset.len()).collect();
    let mut probabilities = Vec::new();
    for windows in all.chunks(BATCH) {
        probabilities.extend(model.probabilities(&dataset.gather(windows))?);
    }
    Ok(confusion(&labels, &probabilities, dataset.labels.iter().copied()))
}
