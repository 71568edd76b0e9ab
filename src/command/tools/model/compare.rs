//! `underfoot model compare`: two models on the same recordings.
//!
//! This file reads the arguments, runs the models and prints the result. What is counted and how is in
//! [`compare`](crate::train::compare).

use std::path::{Path, PathBuf};

use crate::command::failure::Failure;
use crate::model::card::Card;
use crate::model::card_text::printable;
use crate::model::session::Model;
use crate::recordings::labels::Labels;
use crate::recordings::{self, Recording};
use crate::signal::Drops;
use crate::train::compare::choice::{NAMES, RecordingChoice};
use crate::train::compare::comparison::ModelComparison;
use crate::train::compare::cost::ModelCost;
use crate::train::compare::report::ComparisonReport;
use crate::train::compare::trace::DecisionTrace;
use crate::train::compare::wording::ComparisonWords;
use crate::train::decisions::ReadingNotes;

/// The windows on which the cost of a model is measured.
const WINDOWS: usize = 64;
/// The maximum number of warnings about single recordings.
const MAX_WARNINGS: usize = 3;

/// The arguments of `underfoot model compare`.
#[derive(Debug, clap::Args)]
pub struct CompareArgs {
    /// The first model (.onnx), such as the one that is served now
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The second model (.onnx), such as the new one
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Recordings that neither model was trained on, or folders of them; labelled ones say which model is right
    #[arg(required = true, value_name = "DATA")]
    data: Vec<PathBuf>,
    /// How to read the recordings, instead of the dataset.toml in their folder
    #[arg(long, value_name = "FILE")]
    dataset: Option<PathBuf>,
    /// Print the comparison as JSON on stdout
    #[arg(long)]
    json: bool,
}

/// A model of the comparison.
struct OpenedModel {
    name: &'static str,
    path: String,
    bytes: Vec<u8>,
    card: Card,
    model: Model,
    /// Some of the windows that it answered, to measure its cost on.
    windows: Vec<Vec<f32>>,
}

impl CompareArgs {
    /// Compares the models. The result for people goes to stderr; with `--json` the one for programs goes to stdout
    /// instead.
    ///
    /// # Errors
    /// [`Failure`] if a model or a recording cannot be read, they do not fit each other, or there is no time at which both
    /// models have decided.
    pub(super) fn run(self) -> Result<(), Failure> {
        let [a, b] = NAMES;
        let mut models = [OpenedModel::open(a, &self.a)?, OpenedModel::open(b, &self.b)?];
        let found = recordings::find(&self.data, self.dataset.as_deref()).map_err(Failure::failed)?;
        let digests = recordings::short_digests(&found).map_err(Failure::failed)?;
        let choice =
            RecordingChoice::of(found.len(), &digests, models.each_ref().map(OpenedModel::trained_on));
        let path = |index: usize| found.get(index).map(shown).unwrap_or_default();
        let mut warnings = choice.warnings(path);
        let compared: Vec<&Recording> =
            choice.compared.iter().filter_map(|index| found.get(*index)).collect();
        let mut comparison =
            ModelComparison::new(models.each_ref().map(|model| model.card.labels.as_slice()));
        comparison.is_unfair = choice.is_unfair();
        let mut notes = Vec::new();
        for recording in &compared {
            let [a, b] = &mut models;
            let (trace, truth, note) = a.decide(recording)?;
            let (other, ..) = b.decide(recording)?;
            comparison.add(&recording.name, &truth, [&trace, &other]);
            notes.push((*recording, note));
        }
        let mut about_recordings = about_recordings(&notes);
        about_recordings.extend(without_decisions(&comparison, &models));
        if comparison.recordings.is_empty() {
            let why = about_recordings.pop().unwrap_or_default();
            return Err(Failure::failed(format!("the models cannot be compared: {why}")));
        }
        warnings.append(&mut about_recordings);
        warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        let [cost, other] = models.each_ref().map(OpenedModel::cost);
        let (cost, other) = (cost?, other?);
        let [a, b] = &models;
        if self.json {
            let models = [(a.path.as_str(), &cost), (b.path.as_str(), &other)];
            let report = ComparisonReport::new(&comparison, models, &warnings);
            println!("{}", serde_json::to_string(&report).map_err(Failure::failed)?);
            return Ok(());
        }
        for model in &models {
            eprintln!("{}", model.describe());
        }
        eprint!("{}", ComparisonWords(&comparison));
        for (model, cost) in models.iter().zip([cost, other]) {
            eprintln!("{}: {cost}", model.name);
        }
        Ok(())
    }
}

impl OpenedModel {
    /// Loads the model in the file `path`, and prints what cannot be checked with it.
    fn open(name: &'static str, path: &Path) -> Result<Self, Failure> {
        let bytes = Model::read(path, None).map_err(Failure::failed)?;
        let model = Model::from_bytes(&bytes, path, None).map_err(Failure::failed)?;
        for warning in model.warnings() {
            eprintln!("warning: {name}: {warning}");
        }
        let path = printable(&path.display().to_string()).into_owned();
        Ok(Self { name, path, bytes, card: model.card().clone(), model, windows: Vec::new() })
    }

    /// The short digests of the recordings that it was trained on; empty if its card does not have them.
    fn trained_on(&self) -> &[String] {
        self.card.training.as_ref().map(|training| training.recording_digests.as_slice()).unwrap_or_default()
    }

    /// The decisions on a recording, its labels, and what there is to say about it.
    fn decide(&mut self, recording: &Recording) -> Result<(DecisionTrace, Labels, ReadingNotes), Failure> {
        let Self { name, path, card, model, windows, .. } = self;
        let answer = |batch: &[&[f32]]| {
            let missing = WINDOWS.saturating_sub(windows.len());
            windows.extend(batch.iter().take(missing).map(|window| window.to_vec()));
            anyhow::Ok(model.answers(&batch.concat())?)
        };
        DecisionTrace::read(card, recording, answer)
            .map_err(|error| Failure::failed(format!("model {name} ({path}) cannot be run: {error}")))
    }

    fn cost(&self) -> Result<ModelCost, Failure> {
        let windows: Vec<&[f32]> = self.windows.iter().map(Vec::as_slice).collect();
        ModelCost::measure(&self.bytes, &self.card, &windows).map_err(Failure::failed)
    }

    /// The model in one line.
    fn describe(&self) -> String {
        let Self { name, path, card, .. } = self;
        format!(
            "{name} is {path}: windows of {} steps at {} Hz ({:.2} s), a decision each {:.2} s, surfaces {}",
            card.window,
            card.rate,
            card.window as f64 / card.rate,
            card.hop as f64 / card.rate,
            card.labels.join(", ")
        )
    }
}

/// The path of a recording, as messages name it.
fn shown(recording: &Recording) -> String {
    printable(&recording.path.display().to_string()).into_owned()
}

/// What was dropped of the recordings, and what seems to be wrong with them.
fn about_recordings(notes: &[(&Recording, ReadingNotes)]) -> Vec<String> {
    let mut lines = Vec::new();
    let units = notes.iter().filter_map(|(_, note)| note.unit.as_ref());
    if let Some(first) = units.clone().next() {
        lines.push(format!(
            "{first} in {} of {} recordings, as the intervals between the samples suggest; set [time] unit in a \
             dataset.toml if that is wrong",
            units.count(),
            notes.len()
        ));
    }
    let warnings = notes.iter().filter_map(|(recording, note)| {
        note.warning.as_ref().map(|warning| format!("{}: {warning}", shown(recording)))
    });
    lines.extend(warnings.clone().take(MAX_WARNINGS));
    let more = warnings.count().saturating_sub(MAX_WARNINGS);
    if let Some(last) = lines.last_mut().filter(|_| more > 0) {
        last.push_str(&format!(" ({more} more warnings like this)"));
    }
    let mut drops = Drops::default();
    notes.iter().for_each(|(_, note)| drops.merge(&note.drops));
    if drops.total() > 0 {
        let first = drops.first().map(|(_, detail)| format!(", first: {detail}")).unwrap_or_default();
        lines.push(format!("dropped samples: {drops}{first}"));
    }
    lines
}

/// The recordings without a time at which both models had decided; `None` if there are none.
fn without_decisions(comparison: &ModelComparison, models: &[OpenedModel; 2]) -> Option<String> {
    let first = comparison.without_decisions.first()?;
    let window = |model: &OpenedModel| model.card.window as f64 / model.card.rate;
    let [a, b] = models;
    Some(format!(
        "{} of {} recordings have no time at which both models had decided, first {first}: they are shorter than a \
         window, which takes {:.1} s for {} and {:.1} s for {}, or have gaps",
        comparison.without_decisions.len(),
        comparison.without_decisions.len() + comparison.recordings.len(),
        window(a),
        a.name,
        window(b),
        b.name
    ))
}
