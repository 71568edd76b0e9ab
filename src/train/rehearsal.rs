//! Rehearsal windows: a few training windows of each surface, which a model carries in its file, so that a refit on new
//! recordings does not forget surfaces whose recordings are no longer there (Chaudhry et al. 2019, "On Tiny Episodic
//! Memories in Continual Learning").
//!
//! They are constants for further training in the ONNX file, which ONNX Runtime does not use.

use std::collections::BTreeMap;

use crate::model::card::Card;
use crate::model::onnx::{TensorProto, floats, integers};
use crate::train::data::dataset::Dataset;

/// The maximum size of the values of all rehearsal windows in bytes.
const MAX_BYTES: usize = 512 * 1024;
const VALUES: &str = "rehearsal_windows";
const LABELS: &str = "rehearsal_labels";
const RECORDINGS: &str = "rehearsal_recordings";

/// A few windows of each label.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RehearsalWindows {
    /// The values of each window, row-major [W, C], `[N]`.
    pub(crate) windows: Vec<Vec<f32>>,
    /// The label of each window, `[N]`.
    pub(crate) labels: Vec<usize>,
    /// A number for the recording of each window: windows with the same number are of one recording, `[N]`.
    pub(crate) recordings: Vec<usize>,
}

impl RehearsalWindows {
    /// Chooses up to `count` of the given windows for each label, spread over the recordings and their time. There are
    /// fewer where all would take more than 512 KiB.
    pub(crate) fn choose(dataset: &Dataset, windows: &[usize], count: usize) -> Self {
        let mut by_label: BTreeMap<usize, BTreeMap<usize, Vec<usize>>> = BTreeMap::new();
        for window in windows {
            let recordings = by_label.entry(dataset.labels[*window]).or_default();
            recordings.entry(dataset.recording_of_window[*window]).or_default().push(*window);
        }
        let bytes = size_of::<f32>() * dataset.card.window * dataset.card.channels.len() * by_label.len();
        let count = count.min(MAX_BYTES / bytes.max(1));
        let mut chosen = Self::default();
        for (label, recordings) in by_label {
            let many = recordings.len();
            for (index, (recording, windows)) in recordings.into_iter().enumerate() {
                let share = ((index + 1) * count / many - index * count / many).min(windows.len());
                for place in 0..share {
                    let window = windows[(2 * place + 1) * windows.len() / (2 * share)];
                    chosen.windows.push(dataset.window(window).to_vec());
                    chosen.labels.push(label);
                    chosen.recordings.push(recording);
                }
            }
        }
        chosen
    }

    /// The number of windows, N.
    pub(crate) fn len(&self) -> usize {
        self.windows.len()
    }

    /// The number of windows of the label that has most.
    pub(crate) fn most_of_a_label(&self) -> usize {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        self.labels.iter().for_each(|label| *counts.entry(*label).or_default() += 1);
        counts.into_values().max().unwrap_or(0)
    }

    /// The windows as constants of an ONNX file; none without windows.
    pub(crate) fn tensors(&self, card: &Card) -> Vec<TensorProto> {
        if self.windows.is_empty() {
            return Vec::new();
        }
        let sizes = [self.len(), card.window, card.channels.len()];
        let numbers = |values: &[usize]| values.iter().map(|value| *value as i64).collect::<Vec<i64>>();
        vec![
            floats(VALUES, &sizes, &self.windows.concat()),
            integers(LABELS, &numbers(&self.labels)),
            integers(RECORDINGS, &numbers(&self.recordings)),
        ]
    }

    /// Reads windows from the constants of an ONNX file with this card. Without such constants there are no windows.
    ///
    /// # Errors
    /// What is wrong with the constants, as a part of a sentence.
    pub(crate) fn of_tensors(tensors: &[TensorProto], card: &Card) -> Result<Self, String> {
        let find = |name: &str| tensors.iter().find(|tensor| tensor.name() == name);
        let Some(values) = find(VALUES) else { return Ok(Self::default()) };
        let size = card.window * card.channels.len();
        let sizes = values.sizes().unwrap_or_default();
        let values = match sizes[..] {
            [_, window, channels] if (window, channels) == (card.window, card.channels.len()) => {
                values.float_values()
            }
            _ => None,
        };
        let values = values.filter(|values| values.iter().all(|value| value.is_finite()));
        let values = values.ok_or(format!("{VALUES:?} does not hold windows of this model"))?;
        let numbers = |name: &str, end: usize| {
            let numbers = find(name).and_then(TensorProto::integer_values).unwrap_or_default();
            let numbers: Vec<usize> =
                numbers.iter().filter_map(|number| usize::try_from(*number).ok()).collect();
            let is_valid = numbers.len() * size == values.len() && numbers.iter().all(|number| *number < end);
            is_valid.then_some(numbers).ok_or(format!("{name:?} does not fit {VALUES:?}"))
        };
        let (labels, recordings) = (numbers(LABELS, card.labels.len())?, numbers(RECORDINGS, usize::MAX)?);
        Ok(Self { windows: values.chunks_exact(size).map(<[f32]>::to_vec).collect(), labels, recordings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tests::sine_waves;

    #[test]
    fn windows_are_spread_over_recordings_and_their_time_and_survive_the_file() {
        let dataset = sine_waves(3, 4, 10);
        let all: Vec<usize> = (0..dataset.len()).collect();
        let chosen = RehearsalWindows::choose(&dataset, &all, 6);
        assert_eq!((chosen.len(), chosen.most_of_a_label()), (18, 6));
        let of = |recording: usize| chosen.recordings.iter().filter(|other| **other == recording).count();
        assert_eq!([0, 1, 2, 3].map(of), [1, 2, 1, 2]);
        assert_eq!(chosen.windows[1..3], [12, 17].map(|window| dataset.window(window).to_vec()));
        let few = RehearsalWindows::choose(&dataset, &all, 2);
        assert_eq!(few.recordings, [1, 3, 5, 7, 9, 11]);
        let read = RehearsalWindows::of_tensors(&chosen.tensors(&dataset.card), &dataset.card);
        assert_eq!(read.unwrap(), chosen);
        let none = RehearsalWindows::choose(&dataset, &all, 0);
        assert!(none.tensors(&dataset.card).is_empty());
        assert_eq!(RehearsalWindows::of_tensors(&[], &dataset.card), Ok(none));
    }

    #[test]
    fn windows_take_at_most_512_kib() {
        let mut dataset = sine_waves(2, 2, 2000);
        // Windows of 8,000 bytes, of which 32 of each label fit.
        dataset.card.window = 2000;
        dataset.windows.iter_mut().for_each(|window| window.start %= 70_000);
        let all: Vec<usize> = (0..dataset.len()).collect();
        let chosen = RehearsalWindows::choose(&dataset, &all, 1000);
        assert_eq!(chosen.len(), 64);
    }

    #[test]
    fn windows_that_do_not_fit_the_card_are_an_error() {
        let dataset = sine_waves(2, 2, 4);
        let good = RehearsalWindows::choose(&dataset, &[0, 1, 9], 4).tensors(&dataset.card);
        let error =
            |tensors: &[TensorProto]| RehearsalWindows::of_tensors(tensors, &dataset.card).unwrap_err();
        let other = Card { window: 10, ..dataset.card.clone() };
        let refused = RehearsalWindows::of_tensors(&good, &other).unwrap_err();
        assert!(refused.contains("does not hold windows of this model"), "{refused}");
        for (labels, recordings) in
            [(&[0, 0, 2][..], &[0; 3][..]), (&[0; 2], &[0; 3]), (&[-1, 0, 0], &[0; 3])]
        {
            let wrong = [good[0].clone(), integers(LABELS, labels), integers(RECORDINGS, recordings)];
            assert!(error(&wrong).contains("\"rehearsal_labels\" does not fit"), "{labels:?}");
        }
        let infinite = floats(VALUES, &[1, 20, 1], &[f32::INFINITY; 20]);
        assert!(error(&[infinite]).contains("does not hold windows"));
    }
}
