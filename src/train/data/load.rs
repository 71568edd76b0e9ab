//! Reads recordings into a dataset: to train a model, to evaluate one, or to train one on.

use std::collections::BTreeSet;

use super::channels::{channels_of_all, permutations};
use super::cut::{CutRecording, LoadedRecording, cut_all, read_all, sample_rate};
use super::dataset::{Dataset, DatasetOptions};
use super::error::DatasetError;
use super::plausibility::{self, Plausibility};
use super::sessions;
use crate::model::card::{Card, Method, Resample, UNKNOWN};
use crate::recordings::Recording;

impl Dataset {
    /// Reads recordings and cuts them into labelled windows for training. The labels of the card are those of
    /// the windows.
    ///
    /// # Errors
    /// [`DatasetError`]: a recording cannot be read, the recordings have different channels or are too short,
    /// or there are fewer than two surfaces.
    pub fn load(found: &[Recording], options: &DatasetOptions) -> Result<Self, DatasetError> {
        let channels = channels_of_all(found, &options.channels)?;
        let mut loaded = read_all(found, &channels)?;
        sessions::assign(found, &mut loaded);
        let width = channels.len();
        for (index, channel) in channels.iter().enumerate() {
            let has_value = |recording: &LoadedRecording| {
                recording.samples.values().iter().skip(index).step_by(width).any(|value| value.is_finite())
            };
            if !loaded.iter().any(has_value) {
                return Err(DatasetError::NoValue { name: channel.name.clone() });
            }
        }
        let sample_rate = sample_rate(&loaded).ok_or(DatasetError::NoRate)?;
        let rate = options.rate.unwrap_or(sample_rate);
        let window = options.window.unwrap_or(100);
        plausibility::check_rate(&loaded, sample_rate, rate, window)?;
        let mut card = Card {
            version: Card::VERSION,
            channels,
            rate,
            window,
            hop: options.hop.unwrap_or_else(|| (window / 10).max(1)),
            resample: Resample {
                method: if sample_rate <= 1.5 * rate { Method::Nearest } else { Method::Mean },
                max_gap: f64::max(0.25, 10.0 / rate),
            },
            // A placeholder until the labels are known, so that the numbers can be validated before windows
            // are cut.
            labels: vec!["1".into(), "2".into()],
            made_by: format!("underfoot {}", env!("CARGO_PKG_VERSION")),
            candidates: None,
            novelty_allowance: None,
            training: None,
        };
        card.validate()?;
        let cuts = cut_all(&loaded, &card)?;
        card.labels = labels_of(&cuts).into_iter().cloned().collect();
        if let [label] = card.labels.as_slice() {
            let windows = cuts.iter().map(|cut| cut.windows.len()).sum();
            return Err(DatasetError::OneLabel { label: label.clone(), windows });
        }
        check_labels(&loaded, &cuts, &card.labels)?;
        card.validate()?;
        let permutations = permutations(found, &card.channels)?;
        let plausibility = plausibility::check(&loaded, &card);
        let dataset = Self { permutations, ..Self::assemble(found, card, loaded, cuts, plausibility)? };
        match dataset.constant_channel() {
            Some(error) if !options.accept_constant => Err(error),
            _ => Ok(dataset),
        }
    }

    /// Reads recordings and cuts them into labelled windows as a model's card says, to evaluate the model.
    ///
    /// Channels, rate, window, hop and labels are those of the card.
    ///
    /// # Errors
    /// [`DatasetError`]: a recording cannot be read or is too short, or has a label that is not in the card.
    pub fn for_card(found: &[Recording], card: &Card) -> Result<Self, DatasetError> {
        let (loaded, cuts, plausibility) = read(found, card)?;
        let missing = new_labels(&cuts, card);
        if !missing.is_empty() {
            let has = card.labels.join(", ");
            return Err(DatasetError::NotInCard { labels: missing.join(", "), has });
        }
        Self::assemble(found, card.clone(), loaded, cuts, plausibility)
    }

    /// Reads recordings as [`Dataset::for_card`] does, to train the model on. Labels that the card does not have follow
    /// those that it has.
    ///
    /// # Errors
    /// [`DatasetError`]: a recording cannot be read or is too short, or a new label cannot be one of a model.
    pub(crate) fn to_train_on(found: &[Recording], card: &Card) -> Result<Self, DatasetError> {
        let (mut loaded, cuts, plausibility) = read(found, card)?;
        sessions::assign(found, &mut loaded);
        let mut card = card.clone();
        // It is about the labels that the model had.
        card.training = None;
        card.labels.extend(new_labels(&cuts, &card));
        check_labels(&loaded, &cuts, &card.labels)?;
        card.validate()?;
        let permutations = permutations(found, &card.channels)?;
        Ok(Self { permutations, ..Self::assemble(found, card, loaded, cuts, plausibility)? })
    }
}

/// Reads recordings, cuts them as a card says, and finds what is probably wrong with them.
fn read(
    found: &[Recording],
    card: &Card,
) -> Result<(Vec<LoadedRecording>, Vec<CutRecording>, Plausibility), DatasetError> {
    let loaded = read_all(found, &card.channels)?;
    let mut plausibility = plausibility::check(&loaded, card);
    plausibility.warnings.extend(plausibility::differences_to_training(&loaded, card));
    let cuts = cut_all(&loaded, card)?;
    Ok((loaded, cuts, plausibility))
}

/// The labels of windows that a card does not have.
fn new_labels(cuts: &[CutRecording], card: &Card) -> Vec<String> {
    labels_of(cuts).into_iter().filter(|label| !card.labels.contains(label)).cloned().collect()
}

/// Refuses labels that the daemon uses itself, and labels that differ too little.
fn check_labels(
    loaded: &[LoadedRecording],
    cuts: &[CutRecording],
    labels: &[String],
) -> Result<(), DatasetError> {
    let unknown = |cut: &CutRecording| cut.windows.iter().any(|window| window.label == UNKNOWN);
    let index = cuts.iter().position(unknown);
    if let Some(recording) = index.and_then(|index| loaded.get(index)) {
        return Err(DatasetError::Unknown { recording: recording.info.name.clone() });
    }
    match similar_labels(labels) {
        Some((one, other)) => Err(DatasetError::Alike { one: one.clone(), other: other.clone() }),
        None => Ok(()),
    }
}

/// The labels of all windows, each once, in alphabetical order.
fn labels_of(cuts: &[CutRecording]) -> BTreeSet<&String> {
    cuts.iter().flat_map(|cut| &cut.windows).map(|window| &window.label).collect()
}

/// The first two labels that differ only in case or in spaces at their ends.
fn similar_labels(labels: &[String]) -> Option<(&String, &String)> {
    let plain = |label: &String| label.trim().to_lowercase();
    let others = |index: usize| labels[index + 1..].iter();
    let mut pairs = labels.iter().enumerate().flat_map(|(index, one)| others(index).map(move |o| (one, o)));
    pairs.find(|(one, other)| plain(one) == plain(other))
}
