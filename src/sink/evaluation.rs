//! Outcomes against labels that are known: of windows and of decisions, apart.

use serde::Serialize;

use crate::decision::{Outcome, Prediction};
use crate::model::card::{Card, Scores};
use crate::score::Confusion;
use crate::source::file::Truth;

/// Counts answers where the truth is known.
#[derive(Clone, Debug)]
pub struct EvaluationSink {
    truth: Truth,
    labels: Vec<String>,
    /// From a window's first step to its last, in nanoseconds.
    span: i64,
    windows: Confusion,
    decisions: Confusion,
    unlabelled: u64,
    /// Labels of the data that the model does not know, with the windows that have them.
    foreign: std::collections::BTreeMap<String, u64>,
}

/// Both scores, as `--report` writes them.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// The model's labels.
    pub labels: Vec<String>,
    /// Each window's likeliest label against the one label it has throughout.
    pub windows: Part,
    /// The decided surface against the label at that moment.
    pub decisions: Part,
    /// Predictions where no label is known.
    pub unlabelled: u64,
    /// Labels of the data that the model does not know, with the predictions that have them.
    pub unknown_labels: std::collections::BTreeMap<String, u64>,
}

/// One of the two.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    /// The scores.
    #[serde(flatten)]
    pub scores: Scores,
    /// How many answers were counted.
    pub count: u64,
    /// True labels down, answers across.
    pub confusion: Vec<Vec<u64>>,
    /// Answers of `unknown`, a count a true label.
    pub unknown: Vec<u64>,
}

impl EvaluationSink {
    /// Nothing counted yet.
    pub fn new(card: &Card, truth: Truth) -> Self {
        let confusion = Confusion::new(&card.labels);
        Self {
            truth,
            labels: card.labels.clone(),
            span: card.span(),
            windows: confusion.clone(),
            decisions: confusion,
            unlabelled: 0,
            foreign: std::collections::BTreeMap::new(),
        }
    }

    /// Counts a prediction; forgets a stream that ended.
    pub fn take(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Prediction(prediction) => self.count(prediction),
            Outcome::Change(_) | Outcome::Context(_) => {}
            Outcome::End(stream) => self.truth.forget(stream),
        }
    }

    fn count(&mut self, prediction: &Prediction) {
        let Prediction { stream, time, surface, .. } = prediction;
        let start = time.offset(-self.span);
        let index = |label: &str| self.labels.iter().position(|known| known == label);
        let found = self.truth.of(stream, |labels| {
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
            Some((Some(Err(label)), _)) => *self.foreign.entry(label).or_default() += 1,
            _ => self.unlabelled += 1,
        }
    }

    /// Both scores.
    pub fn evaluation(&self) -> Evaluation {
        let part = |confusion: &Confusion| Part {
            scores: confusion.scores(),
            count: confusion.total(),
            confusion: confusion.table().to_vec(),
            unknown: confusion.unknown().to_vec(),
        };
        Evaluation {
            labels: self.labels.clone(),
            windows: part(&self.windows),
            decisions: part(&self.decisions),
            unlabelled: self.unlabelled,
            unknown_labels: self.foreign.clone(),
        }
    }
}

impl std::fmt::Display for EvaluationSink {
    /// For people: scores and tables, or why there are none.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (label, count) in &self.foreign {
            writeln!(
                f,
                "{count} predictions are on {label:?}, which the model does not know; it knows {}",
                self.labels.join(", ")
            )?;
        }
        for (name, part) in [("windows", &self.windows), ("decisions", &self.decisions)] {
            if part.total() > 0 {
                writeln!(f, "{name}: {} counted, {}", part.total(), part.scores())?;
                writeln!(f, "{part}")?;
            }
        }
        Ok(())
    }
}
