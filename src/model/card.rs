//! The model card: a description of a model's inputs, outputs and training, which its ONNX file carries in
//! the metadata.
//!
//! The daemon serves a model only if its card is valid and fits both the graph and the sources.

use serde::{Deserialize, Serialize};

use super::card_text::{self, MAX_NAME, MAX_TEXT, MAX_UNIT, quoted};
pub use super::refit_summary::{HeldOutChange, RefitSummary};
pub use super::scores::{Scores, ScoresWithTrees};
pub use super::statistics::Statistics;
use super::validation_choice::ValidationChoice;
use crate::signal::Channel;

/// The longest window and the longest gap in s.
const MAX_SECONDS: f64 = 1e7;

/// The surface that the daemon publishes when it does not know the surface. No label of a model may have this
/// name.
pub const UNKNOWN: &str = "unknown";

/// A model card. It is stored as JSON under [`Card::KEY`] in the metadata of the ONNX file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The version of the card's format; this crate reads and writes [`Card::VERSION`].
    pub version: u32,
    /// The C channels of a window, in order.
    pub channels: Vec<Channel>,
    /// The rate of the steps in Hz.
    pub rate: f64,
    /// The number of steps in a window, W.
    pub window: usize,
    /// The steps between the starts of two windows in training. It is also the daemon's hop unless the
    /// configuration sets one.
    pub hop: usize,
    /// How samples are converted to steps.
    pub resample: Resample,
    /// The K surfaces, in the order of the probabilities.
    pub labels: Vec<String>,
    /// The least probability with which a surface is a candidate for a window, from 0 to 1; the most probable surface
    /// always is one. `None` if it is not known, as in older cards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidates: Option<f64>,
    /// What is taken from the evidence of each independent observation of novelty, in nats, from 0 to 10: so much that on
    /// held-out recordings of known surfaces hardly any decision was withheld. `None` if that was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub novelty_allowance: Option<f64>,
    /// The version of `underfoot` that wrote the model, or the tool that wrote its card; empty if it is not
    /// known.
    #[serde(default)]
    pub made_by: String,
    /// How the model was trained; `None` if it was trained by another program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingSummary>,
}

/// How samples are converted to steps, in training as well as in the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resample {
    /// How the value of a step is computed from the samples around it.
    pub method: Method,
    /// The longest time in s between two samples across which steps are computed. A longer one is a gap, and
    /// no window spans it.
    pub max_gap: f64,
}

/// How the value of a step is computed from the samples around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// The mean over the step of the linear interpolation between samples. It is a low-pass filter, for
    /// sources that are faster than the model's rate.
    Mean,
    /// The nearest sample, for sources that are about as fast as the model's rate, or slower. Neither the clock of a board
    /// nor jitter changes its noise. A step without a sample within half a period is interpolated linearly.
    Nearest,
    /// Linear interpolation between the samples around the step, which smooths them the more the nearer the step is to
    /// their middle. For models of other programs, and older ones.
    Linear,
}

/// What a model was trained on, and its scores. All of it may be missing in the card of a model that another
/// program trained.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainingSummary {
    /// The SHA-256 digest of the recordings, in hexadecimal; see [`digest`](crate::recordings::digest()).
    pub data_digest: String,
    /// The number of recordings for training and validation together.
    pub recordings: usize,
    /// The number of windows of each label, in the order of [`Card::labels`].
    pub windows_per_class: Vec<usize>,
    /// The recordings that were held out for validation, as `label/name`. With folds, each was held out of
    /// one network.
    pub validation: Vec<String>,
    /// The number of networks in the model if each was trained without one fold of the recordings; 0 for a
    /// single network, and after a refit.
    #[serde(default)]
    pub folds: usize,
    /// The scores on held-out windows, each counted by itself and answered by networks that were not trained on its
    /// recording; `None` if no recording was held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_scores: Option<Scores>,
    /// The scores of extra trees on summary statistics of the same windows. Older cards do not have them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_trees: Option<Scores>,
    /// The scores from earlier to later: on the last recordings of each surface, of a network that was trained on the
    /// first ones. `None` if the times of the recordings are not known, as in older cards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub later: Option<ScoresWithTrees>,
    /// The scores on whole sessions that were held out. `None` if no surface was recorded in two sessions, or sessions
    /// are not known, as in older cards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<ScoresWithTrees>,
    /// Whether the held-out recordings also chose something, which [`TrainingSummary::validation_chose`] names. If
    /// so, the scores are higher than those to be expected on new recordings.
    #[serde(default)]
    pub chosen_on_validation: bool,
    /// What the held-out recordings chose. Older cards do not have it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validation_chose: Vec<ValidationChoice>,
    /// A short digest of each recording that the model was trained on, from its bytes; see
    /// [`short_digests`](crate::recordings::short_digests). Older cards do not have them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recording_digests: Vec<String>,
    /// The number of training windows that the model's file keeps for a refit.
    #[serde(default)]
    pub rehearsal_windows: usize,
    /// How the model was trained on after its first training; `None` if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refit: Option<RefitSummary>,
    /// The seed of the initial weights, the order of the windows and the split.
    pub seed: u64,
    /// The statistics of each channel in the training windows, in the order of [`Card::channels`].
    pub statistics: Vec<Statistics>,
}

impl Card {
    /// The key of the card in the `metadata_props` of an ONNX file.
    pub const KEY: &'static str = "underfoot.card";
    /// The version of the card's format that this crate reads and writes.
    pub const VERSION: u32 = 1;

    /// Parses a card and [validates](Card::validate) it.
    ///
    /// # Errors
    /// [`CardError`] if the text is not the JSON of a card, or the card is not valid.
    pub fn parse(json: &str) -> Result<Self, CardError> {
        let card: Card = serde_json::from_str(json).map_err(|error| CardError(error.to_string()))?;
        card.validate()?;
        Ok(card)
    }

    /// The statistics of each channel in the training windows; empty if they are not known.
    pub fn statistics(&self) -> &[Statistics] {
        self.training.as_ref().map(|training| training.statistics.as_slice()).unwrap_or_default()
    }

    /// Checks the values of the card by themselves, without the graph and the sources.
    ///
    /// # Errors
    /// [`CardError`] if the version is not [`Card::VERSION`], a number or name is outside its allowed range, or
    /// a text has characters that are not printable.
    pub fn validate(&self) -> Result<(), CardError> {
        let fault = self.fault_of_names().or_else(|| self.fault_of_numbers());
        let fault =
            fault.or_else(|| self.training.as_ref().and_then(|training| self.fault_of_training(training)));
        fault.map_or(Ok(()), |fault| Err(CardError(fault)))
    }

    /// What is wrong with the version, the channels, the labels or other texts.
    fn fault_of_names(&self) -> Option<String> {
        let names = || self.channels.iter().map(|channel| channel.name.as_str());
        let texts = names().map(|name| ("channels", name, MAX_NAME));
        let texts = texts.chain(self.channels.iter().map(|c| ("channels.unit", c.unit.as_str(), MAX_UNIT)));
        let texts = texts.chain(self.labels.iter().map(|label| ("labels", label.as_str(), MAX_NAME)));
        let mut texts = texts.chain([("made_by", self.made_by.as_str(), MAX_TEXT)]);
        if self.version != Self::VERSION {
            return Some(format!(
                "version is {}, but this underfoot reads only version {}",
                self.version,
                Self::VERSION
            ));
        }
        if self.channels.is_empty() || self.channels.len() > 64 {
            return Some(format!("channels has {} entries; it must have 1 to 64", self.channels.len()));
        }
        if self.labels.len() < 2 || self.labels.len() > 1000 {
            return Some(format!("labels has {} entries; it must have 2 to 1000", self.labels.len()));
        }
        if let Some(fault) = texts.find_map(|(key, text, max)| {
            card_text::fault(text, max).map(|fault| format!("{key} has {}, which {fault}", quoted(text)))
        }) {
            return Some(fault);
        }
        if let Some(name) = card_text::empty_or_repeated(names()) {
            return Some(format!(
                "channels has the name {name:?}, which is empty or repeated; give each channel a different \
                 name"
            ));
        }
        if let Some(label) = card_text::empty_or_repeated(self.labels.iter().map(String::as_str)) {
            return Some(format!(
                "labels has {label:?}, which is empty or repeated; give each surface a different name"
            ));
        }
        self.labels.iter().any(|label| label == UNKNOWN).then(|| {
            format!(
                "labels has {UNKNOWN:?}, which is reserved for surfaces that are not known; use a different \
                 name"
            )
        })
    }

    /// What is wrong with the numbers of the window, of resampling, of the candidates and of the novelty.
    fn fault_of_numbers(&self) -> Option<String> {
        let Resample { max_gap, .. } = self.resample;
        if !(self.rate.is_finite() && self.rate > 0.0 && self.rate <= 1e6) {
            Some(format!("rate is {} Hz; it must be more than 0 and at most 1000000", self.rate))
        } else if self.window == 0 || self.window > 100_000 {
            Some(format!("window is {} steps; it must be 1 to 100000", self.window))
        } else if self.window as f64 / self.rate > MAX_SECONDS {
            Some(format!(
                "rate is {} Hz and window {} steps, which is longer than {MAX_SECONDS} s; lower window or raise rate",
                self.rate, self.window
            ))
        } else if self.hop == 0 || self.hop > 10_000_000 {
            Some(format!("hop is {} steps; it must be at least 1 and at most 10000000", self.hop))
        } else if !(max_gap.is_finite() && max_gap > 0.0 && max_gap <= MAX_SECONDS) {
            Some(format!("resample.max_gap is {max_gap} s; it must be more than 0 and at most {MAX_SECONDS}"))
        } else if let Some(least) = self.candidates.filter(|least| !(0.0..=1.0).contains(least)) {
            Some(format!("candidates is {least}; it must be from 0 to 1"))
        } else {
            let wrong = self.novelty_allowance.filter(|taken| !(0.0..=10.0).contains(taken));
            wrong.map(|taken| format!("novelty_allowance is {taken}; it must be from 0 to 10"))
        }
    }

    /// What is wrong with the summary of the training.
    fn fault_of_training(&self, training: &TrainingSummary) -> Option<String> {
        let TrainingSummary { windows_per_class, statistics, validation, data_digest, .. } = training;
        let (channels, labels) = (self.channels.len(), self.labels.len());
        let texts = validation.iter().map(|name| ("training.validation", name));
        let digests = training.recording_digests.iter().map(|digest| ("training.recording_digests", digest));
        let refit = training.refit.iter().flat_map(RefitSummary::texts);
        let mut texts = texts.chain(digests).chain(refit).chain([("training.data_digest", data_digest)]);
        if let Some(fault) = texts.find_map(|(key, text)| {
            card_text::fault(text, MAX_TEXT).map(|fault| format!("{key} has {}, which {fault}", quoted(text)))
        }) {
            return Some(fault);
        }
        if ![0, labels].contains(&windows_per_class.len()) {
            let count = windows_per_class.len();
            return Some(format!(
                "training.windows_per_class has {count} entries; it must have {labels}, or none"
            ));
        }
        if ![0, channels].contains(&statistics.len()) {
            return Some(format!(
                "training.statistics has {} entries; it must have {channels}, one for each channel, or none",
                statistics.len()
            ));
        }
        let held_out = training.refit.as_ref().and_then(|refit| refit.held_out);
        let scores = [
            ("validation_scores", training.validation_scores.is_none_or(|scores| scores.are_valid())),
            ("extra_trees", training.extra_trees.is_none_or(|scores| scores.are_valid())),
            ("later", training.later.is_none_or(|scores| scores.are_valid())),
            ("session", training.session.is_none_or(|scores| scores.are_valid())),
            ("refit", held_out.is_none_or(|change| change.is_valid())),
        ];
        if let Some((key, _)) = scores.into_iter().find(|(_, is_valid)| !is_valid) {
            return Some(format!("training.{key} has a score that is not from 0 to 1"));
        }
        self.channels.iter().zip(statistics).find_map(|(channel, known)| {
            known
                .fault()
                .map(|fault| format!("training.statistics of channel {:?} has {fault}", channel.name))
        })
    }

    /// The time from the first to the last step of a window, in ns.
    pub fn span(&self) -> i64 {
        ((self.window - 1) as f64 / self.rate * 1e9).round() as i64
    }

    /// The card as JSON on one line.
    pub fn to_json(&self) -> String {
        // This cannot fail, because a card consists only of numbers, texts and lists.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
impl TrainingSummary {
    /// A training summary for tests, with these statistics.
    pub(crate) fn of_test(statistics: Vec<Statistics>) -> Self {
        Self {
            data_digest: String::new(),
            recordings: 1,
            windows_per_class: Vec::new(),
            validation: Vec::new(),
            folds: 0,
            validation_scores: None,
            extra_trees: None,
            later: None,
            session: None,
            chosen_on_validation: false,
            validation_chose: Vec::new(),
            recording_digests: Vec::new(),
            rehearsal_windows: 0,
            refit: None,
            seed: 1,
            statistics,
        }
    }
}

#[cfg(test)]
impl Card {
    /// A card for tests: one channel at 100 Hz, linear interpolation, and a `max_gap` of 0.1 s.
    pub(crate) fn of_test(window: usize, hop: usize, labels: &[&str]) -> Self {
        Self {
            version: Self::VERSION,
            channels: vec![Channel::in_ampere("current")],
            rate: 100.0,
            window,
            hop,
            resample: Resample { method: Method::Linear, max_gap: 0.1 },
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            candidates: None,
            novelty_allowance: None,
            made_by: String::new(),
            training: None,
        }
    }
}

/// What is wrong with a card. The message names the key, its value and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CardError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_with_texts_that_change_a_terminal_is_refused_without_printing_them() {
        let with = |change: fn(&mut Card)| {
            let mut card = Card::of_test(100, 10, &["tile", "wood"]);
            card.training = Some(TrainingSummary::of_test(Vec::new()));
            change(&mut card);
            card.validate().unwrap_err().to_string()
        };
        for (error, key) in [
            (with(|card| card.labels[0] = "\u{1b}[2Jtile".into()), "labels has "),
            (with(|card| card.labels[1] = "wo\nod".into()), "labels has "),
            (with(|card| card.channels[0].name = "a\u{202e}b".into()), "channels has "),
            (with(|card| card.channels[0].unit = "\u{9b}31mA".into()), "channels.unit has "),
            (with(|card| card.made_by = "x\u{7f}".into()), "made_by has "),
            (
                with(|card| card.training.as_mut().unwrap().validation = vec!["\r".into()]),
                "training.validation has ",
            ),
            (with(|card| card.labels[0] = "x".repeat(5000)), "at most 200 are allowed"),
        ] {
            assert!(error.contains(key) && !error.contains(char::is_control), "{error}");
            assert!(error.len() < 200, "{error}");
        }
    }

    #[test]
    fn a_card_without_digests_and_choices_is_read() {
        let card = Card::of_test(100, 10, &["tile", "wood"]);
        let training = TrainingSummary { chosen_on_validation: true, ..TrainingSummary::default() };
        let card = Card { training: Some(training), ..card };
        assert!(!card.to_json().contains("digests") && !card.to_json().contains("validation_chose"));
        assert_eq!(Card::parse(&card.to_json()).unwrap(), card);
        let mut known = card.clone();
        if let Some(training) = &mut known.training {
            training.validation_chose = vec![ValidationChoice::Epoch];
            training.recording_digests = vec!["0123456789abcdef".into()];
        }
        assert!(known.to_json().contains("\"validation_chose\":[\"epoch\"]"), "{}", known.to_json());
        assert_eq!(Card::parse(&known.to_json()).unwrap(), known);
    }

    #[test]
    fn a_card_may_have_a_least_probability_of_candidates() {
        let older = Card::of_test(100, 10, &["tile", "wood"]);
        assert!(!older.to_json().contains("candidates"));
        let card = Card { candidates: Some(0.125), ..older };
        assert!(card.to_json().contains("\"candidates\":0.125"), "{}", card.to_json());
        assert_eq!(Card::parse(&card.to_json()).unwrap(), card);
    }

    #[test]
    fn a_card_has_scores_by_session_and_over_time_and_older_cards_do_not() {
        let card = Card::of_test(100, 10, &["tile", "wood"]);
        let older = Card { training: Some(TrainingSummary::default()), ..card };
        let text = older.to_json();
        assert!(!["later", "session", "extra_trees"].iter().any(|key| text.contains(key)), "{text}");
        assert_eq!(Card::parse(&text).unwrap(), older);
        let scores = |accuracy| Scores { accuracy, balanced_accuracy: 0.5, macro_f1: 0.25 };
        let mut card = older;
        if let Some(training) = &mut card.training {
            training.extra_trees = Some(scores(0.9));
            training.later = Some(ScoresWithTrees { network: scores(0.75), extra_trees: Some(scores(0.5)) });
            training.session = Some(ScoresWithTrees { network: scores(0.25), extra_trees: None });
        }
        assert!(card.to_json().contains("\"later\":{\"accuracy\":0.75,"), "{}", card.to_json());
        assert_eq!(Card::parse(&card.to_json()).unwrap(), card);
        let wrong = card.to_json().replace("0.75", "1.75");
        let error = Card::parse(&wrong).unwrap_err().to_string();
        assert_eq!(error, "training.later has a score that is not from 0 to 1");
    }

    #[test]
    fn a_card_says_how_the_model_was_trained_on() {
        let held_out = Some(HeldOutChange { drives: 4, before: 0.5, after: 0.75 });
        let refit = RefitSummary { count: 1, base: "0123".into(), recordings: 4, until: None, held_out };
        let training = TrainingSummary { refit: Some(refit), rehearsal_windows: 48, ..Default::default() };
        let card = Card { training: Some(training), ..Card::of_test(100, 10, &["tile", "wood"]) };
        assert_eq!(Card::parse(&card.to_json()).unwrap(), card);
        let wrong =
            |from: &str, to: &str| Card::parse(&card.to_json().replace(from, to)).unwrap_err().to_string();
        assert_eq!(wrong("0.75", "1.75"), "training.refit has a score that is not from 0 to 1");
        assert!(wrong("0123", "\\u001b[2J").starts_with("training.refit.base has "));
    }

    #[test]
    fn numbers_outside_of_their_ranges_are_refused() {
        let with = |change: fn(&mut Card)| {
            let mut card = Card::of_test(100, 10, &["tile", "wood"]);
            let known = Statistics { mean: 1.0, deviation: 0.5, min: 0.0, max: 3.0, still: 0.0 };
            card.training = Some(TrainingSummary::of_test(vec![known]));
            card.validate().unwrap();
            change(&mut card);
            card.validate().unwrap_err().to_string()
        };
        fn statistics(card: &mut Card) -> &mut Vec<Statistics> {
            &mut card.training.as_mut().unwrap().statistics
        }
        for (error, expected) in [
            (with(|card| card.rate = f64::NAN), "rate is NaN Hz"),
            (with(|card| card.rate = 1e-9), "which is longer than 10000000 s"),
            (with(|card| card.hop = usize::MAX), "hop is 18446744073709551615 steps"),
            (with(|card| card.resample.max_gap = f64::INFINITY), "resample.max_gap is inf s"),
            (with(|card| card.candidates = Some(1.5)), "candidates is 1.5; it must be from 0 to 1"),
            (with(|card| card.candidates = Some(f64::NAN)), "candidates is NaN"),
            (
                with(|card| card.novelty_allowance = Some(-0.5)),
                "novelty_allowance is -0.5; it must be from 0 to 10",
            ),
            (with(|card| statistics(card).extend_from_within(..)), "has 2 entries"),
            (with(|card| statistics(card)[0].deviation = -1.0), "has mean 1, deviation -1"),
            (with(|card| statistics(card)[0].max = f64::NAN), "max NaN"),
            (with(|card| statistics(card)[0].still = -1.0), "and still -1"),
            (
                with(|card| card.training.as_mut().unwrap().windows_per_class = vec![1]),
                "it must have 2, or none",
            ),
        ] {
            assert!(error.contains(expected), "{error}");
        }
    }
}
