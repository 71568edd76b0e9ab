//! The model card: the contract that a model carries in its ONNX metadata.

use serde::{Deserialize, Serialize};

use crate::signal::Channel;

/// The surface where the daemon will not say; no label of a model may be called so.
pub const UNKNOWN: &str = "unknown";

/// Says what a model takes and gives, and how it was made; JSON under [`Card::KEY`] in the ONNX metadata.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The card's own version; [`Card::VERSION`] is the one written here.
    pub version: u32,
    /// The channels of a window, in order.
    pub channels: Vec<Channel>,
    /// Steps a second, in Hz.
    pub rate: f64,
    /// Steps in a window.
    pub window: usize,
    /// How far windows were apart in training, in steps; the daemon's hop where its config has none.
    pub hop: usize,
    /// How samples become steps.
    pub resample: Resample,
    /// The surfaces, in the order of the probabilities.
    pub labels: Vec<String>,
    /// The `underfoot` version that wrote the model, or the tool that stamped it.
    #[serde(default)]
    pub made_by: String,
    /// How the model was trained; absent where a model from elsewhere was stamped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingSummary>,
}

/// How samples become steps, the same in training and in service.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resample {
    /// How a step's value comes from the samples around it.
    pub method: Method,
    /// The longest time without a sample that is bridged, in seconds.
    pub max_gap: f64,
}

/// How a step's value comes from the samples around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// The mean over the step of the straight lines between samples: a low-pass, for sources faster than the model.
    Mean,
    /// The straight line between the two samples around the step, for sources about as fast as the model, or slower.
    Linear,
}

/// What a model was trained on, and how well it did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingSummary {
    /// SHA-256 over the recordings, in hexadecimal.
    pub data_digest: String,
    /// Recordings used, training and validation.
    pub recordings: usize,
    /// Windows of each label, in the order of [`Card::labels`].
    pub windows_per_class: Vec<usize>,
    /// Recordings held out for validation, as `label/name`; with folds, each was held out of one network.
    pub validation: Vec<String>,
    /// Networks that were each trained without one part of the recordings, and answer as one; 0 for a single network.
    #[serde(default)]
    pub folds: usize,
    /// Scores of windows by a network that was not trained on their recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_scores: Option<Scores>,
    /// Whether these scores also chose the weights: then they are better than those on new recordings.
    #[serde(default)]
    pub chosen_on_validation: bool,
    /// The seed of the weights, the order and the split.
    pub seed: u64,
    /// Mean, deviation and range of each channel in the training windows.
    pub statistics: Vec<Statistics>,
}

/// Scores of windows against their labels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Correct over all.
    pub accuracy: f64,
    /// The mean of the classes' recalls.
    pub balanced_accuracy: f64,
    /// The mean of the classes' F1 scores.
    pub macro_f1: f64,
}

impl std::fmt::Display for Scores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { accuracy, balanced_accuracy, macro_f1 } = self;
        write!(f, "accuracy {accuracy:.3}, balanced accuracy {balanced_accuracy:.3}, macro F1 {macro_f1:.3}")
    }
}

/// One channel's statistics in the training windows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard deviation of the population.
    pub deviation: f64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
}

impl Card {
    /// The key in the ONNX `metadata_props`.
    pub const KEY: &'static str = "underfoot.card";
    /// The card version that this crate writes and reads.
    pub const VERSION: u32 = 1;

    /// Reads a card and checks that it makes sense by itself.
    ///
    /// # Errors
    /// Not JSON of this form, another version, or a count, rate or label that cannot be served.
    pub fn parse(json: &str) -> Result<Self, CardError> {
        let card: Card = serde_json::from_str(json).map_err(|error| CardError(error.to_string()))?;
        card.validate()?;
        Ok(card)
    }

    /// Checks that the card makes sense by itself.
    ///
    /// # Errors
    /// Another version, or a count, rate or label that cannot be served.
    pub fn validate(&self) -> Result<(), CardError> {
        let problem = if self.version != Self::VERSION {
            format!("version is {}, this underfoot reads {}", self.version, Self::VERSION)
        } else if self.channels.is_empty() || self.channels.len() > 64 {
            format!("channels has {} entries; it takes 1 to 64", self.channels.len())
        } else if let Some(name) = repeated(self.channels.iter().map(|c| c.name.as_str())) {
            format!("channels names {name:?} twice, or not at all")
        } else if self.labels.len() < 2 || self.labels.len() > 1000 {
            format!("labels has {} entries; it takes 2 to 1000", self.labels.len())
        } else if let Some(label) = repeated(self.labels.iter().map(String::as_str)) {
            format!("labels names {label:?} twice, or not at all")
        } else if self.labels.iter().any(|label| label == UNKNOWN) {
            format!("labels has {:?}, which stands for no decision", UNKNOWN)
        } else if !(self.rate.is_finite() && self.rate > 0.0 && self.rate <= 1e6) {
            format!("rate is {} Hz; it takes more than 0, up to 1000000", self.rate)
        } else if self.window == 0 || self.window > 100_000 {
            format!("window is {} steps; it takes 1 to 100000", self.window)
        } else if self.hop == 0 {
            "hop is 0 steps; it takes at least 1".into()
        } else if !(self.resample.max_gap.is_finite() && self.resample.max_gap > 0.0) {
            format!("resample.max_gap is {} s; it takes more than 0", self.resample.max_gap)
        } else {
            return Ok(());
        };
        Err(CardError(problem))
    }

    /// From a window's first step to its last, in nanoseconds.
    pub fn span(&self) -> i64 {
        ((self.window - 1) as f64 / self.rate * 1e9).round() as i64
    }

    /// The card as JSON on one line.
    pub fn to_json(&self) -> String {
        // Numbers, texts and lists only: there is nothing in a card that cannot be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
impl TrainingSummary {
    /// A training of tests, with these statistics.
    pub(crate) fn of_test(statistics: Vec<Statistics>) -> Self {
        Self {
            data_digest: String::new(),
            recordings: 1,
            windows_per_class: Vec::new(),
            validation: Vec::new(),
            folds: 0,
            validation_scores: None,
            chosen_on_validation: false,
            seed: 1,
            statistics,
        }
    }
}

#[cfg(test)]
impl Card {
    /// A card for tests: one channel at 100 Hz, interpolated, with gaps of up to 0.1 s.
    pub(crate) fn of_test(window: usize, hop: usize, labels: &[&str]) -> Self {
        Self {
            version: Self::VERSION,
            channels: vec![Channel::in_ampere("current")],
            rate: 100.0,
            window,
            hop,
            resample: Resample { method: Method::Linear, max_gap: 0.1 },
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            made_by: String::new(),
            training: None,
        }
    }
}

/// The first name that is empty or stood before.
fn repeated<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = std::collections::BTreeSet::new();
    names.find(|name| name.is_empty() || !seen.insert(*name))
}

/// What is wrong with a card.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CardError(String);
