//! Scores for recordings whose true labels are known.
//!
//! Two things are scored separately: each window's most likely label, and the surface that the decision
//! filter made of the windows so far. `underfoot replay` prints both, and writes them as JSON with
//! `--report`.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result};

use serde::Serialize;

use crate::decision::{Outcome, Prediction};
use crate::model::card::{Card, Scores};
use crate::score::Confusion;
use crate::source::file::Truth;

/// The novelty above which a window is novel, as 5 % of the windows on known surfaces are.
const NOVEL: f32 = 0.95;

/// Compares predictions with the true labels of the recordings they come from.
#[derive(Clone, Debug)]
pub struct EvaluationSink {
    truth: Truth,
    labels: Vec<String>,
    /// Time from a window's first step to its last, in nanoseconds.
    span: i64,
    windows: Confusion,
    decisions: Confusion,
    unlabelled: u64,
    /// The predictions on each true label that the model does not know.
    unknown_labels: BTreeMap<String, UnknownLabel>,
}

/// The scores of the windows and of the decisions, as `--report` writes them.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// The model's labels, in the order of its outputs.
    pub labels: Vec<String>,
    /// Each window's most likely label against its true label. Windows that span two labels are not counted.
    pub windows: EvaluationPart,
    /// The decided surface against the true label at the window's last step.
    pub decisions: EvaluationPart,
    /// Number of predictions at times for which no true label is known.
    pub unlabelled: u64,
    /// The predictions on each true label that the model does not know.
    pub unknown_labels: BTreeMap<String, UnknownLabel>,
}

/// The predictions on a true label that the model does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UnknownLabel {
    /// Their number.
    pub count: u64,
    /// The number of novel windows among them, with a novelty above 0.95, as 5 % of the windows on known surfaces have.
    /// `None` if the model does not say the novelty.
    pub novel: Option<u64>,
    /// The number of those with the decision `unknown`.
    pub unknown: u64,
}

/// The scores of one kind of answer: of windows or of decisions.
#[derive(Clone, Debug, Serialize)]
pub struct EvaluationPart {
    /// Accuracy, balanced accuracy and macro F1.
    #[serde(flatten)]
    pub scores: Scores,
    /// The share of the answers that are `unknown`. They count as wrong in the scores.
    pub withheld: f64,
    /// Number of answers that were scored.
    pub count: u64,
    /// Number of answers for each true label (row) and each label given as the answer (column), [K, K].
    pub confusion: Vec<Vec<u64>>,
    /// Number of `unknown` answers for each true label, `[K]`.
    pub unknown: Vec<u64>,
}

impl EvaluationPart {
    pub(crate) fn new(confusion: &Confusion) -> Self {
        Self {
            scores: confusion.scores(),
            withheld: confusion.withheld(),
            count: confusion.total(),
            confusion: confusion.table().to_vec(),
            unknown: confusion.unknown().to_vec(),
        }
    }
}

impl UnknownLabel {
    fn count(&mut self, prediction: &Prediction) {
        self.count += 1;
        if let Some(novelty) = prediction.novelty {
            *self.novel.get_or_insert_default() += u64::from(novelty > NOVEL);
        }
        self.unknown += u64::from(prediction.surface.is_none());
    }
}

impl Display for UnknownLabel {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { count, novel, unknown } = self;
        let share = |part: u64| 100.0 * part as f64 / (*count).max(1) as f64;
        if let Some(novel) = novel {
            write!(f, "{novel} of their windows ({:.0} %) are novel (above {NOVEL}), and ", share(*novel))?;
        }
        write!(f, "{unknown} of their decisions ({:.0} %) are unknown", share(*unknown))
    }
}

impl EvaluationSink {
    /// Creates a sink that has scored nothing yet. `truth` holds the labels of the recordings that are being
    /// read.
    pub fn new(card: &Card, truth: Truth) -> Self {
        let confusion = Confusion::new(&card.labels);
        Self {
            truth,
            labels: card.labels.clone(),
            span: card.span(),
            windows: confusion.clone(),
            decisions: confusion,
            unlabelled: 0,
            unknown_labels: BTreeMap::new(),
        }
    }

    /// Scores a prediction, or forgets the labels of a stream that ended.
    pub fn take(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Prediction(prediction) => self.count(prediction),
            Outcome::Change(_) | Outcome::Context(_) => {}
            Outcome::End(stream) | Outcome::Moved(stream) => self.truth.forget(stream),
        }
    }

    fn count(&mut self, prediction: &Prediction) {
        let Prediction { stream, time, surface, .. } = prediction;
        let start = time.offset(-self.span);
        let index = |label: &str| self.labels.iter().position(|known| known == label);
        let found = self.truth.with_labels(stream, |labels| {
            let now = labels.at(*time).map(|label| index(label).ok_or_else(|| label.to_owned()));
            (now, labels.throughout(start, *time).and_then(index))
        });
        match found {
            Some((Some(Ok(truth)), throughout)) => {
                self.decisions.add(truth, *surface);
                if let Some(truth) = throughout {
                    self.windows.add(truth, prediction.likeliest());
                }
            }
            Some((Some(Err(label)), _)) => self.unknown_labels.entry(label).or_default().count(prediction),
            _ => self.unlabelled += 1,
        }
    }

    /// Each true label against the decided surface at a window's last step.
    pub(crate) fn decisions(&self) -> &Confusion {
        &self.decisions
    }

    /// The predictions on each true label that the model does not know.
    pub(crate) fn unknown_labels(&self) -> &BTreeMap<String, UnknownLabel> {
        &self.unknown_labels
    }

    /// The number of predictions that were scored so far.
    pub(crate) fn scored(&self) -> u64 {
        self.decisions.total()
    }

    /// Returns the scores of everything taken so far.
    pub fn evaluation(&self) -> Evaluation {
        Evaluation {
            labels: self.labels.clone(),
            windows: EvaluationPart::new(&self.windows),
            decisions: EvaluationPart::new(&self.decisions),
            unlabelled: self.unlabelled,
            unknown_labels: self.unknown_labels.clone(),
        }
    }
}

impl Display for EvaluationSink {
    /// Writes the scores and confusion tables for people, and the true labels that could not be scored.
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for (label, predictions) in &self.unknown_labels {
            writeln!(
                f,
                "{} predictions are on {label:?}, which the model does not know: {predictions}; it knows {}",
                predictions.count,
                self.labels.join(", ")
            )?;
        }
        for (name, part) in [("windows", &self.windows), ("decisions", &self.decisions)] {
            if part.total() > 0 {
                writeln!(
                    f,
                    "{name}: {} counted, {}, withheld {:.3}",
                    part.total(),
                    part.scores(),
                    part.withheld()
                )?;
                writeln!(f, "{part}")?;
            }
        }
        Ok(())
    }
}
