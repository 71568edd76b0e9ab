//! Finds recordings whose label is probably wrong, by confident learning (Northcutt, Jiang and Chuang 2021)
//! on the probabilities of a model that was not trained on them.
//!
//! People label a whole drive or a stretch of it, and not single windows. So all windows of a recording with
//! the same label are judged together, by the mean probabilities of its windows.

use std::collections::BTreeMap;

use crate::train::data::dataset::Dataset;

/// The label of a stretch is suspected only if the probability of another one is higher by this much. A drive that is
/// merely hard looks a little like several surfaces.
const MARGIN: f64 = 0.2;

/// The windows of a recording that carry the same label.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct LabelledStretch {
    /// The name of the recording.
    pub recording: String,
    /// The label that the stretch carries.
    pub label: String,
    /// The most probable other label.
    pub looks_like: String,
    /// The mean probability of the label that the stretch carries.
    pub own: f64,
    /// The mean probability of `looks_like`.
    pub other: f64,
    /// Whether the label is wrong by the thresholds of confident learning.
    pub suspected: bool,
    /// The windows of the stretch, by index.
    #[serde(skip)]
    pub windows: Vec<usize>,
}

/// Every labelled stretch, starting with the one whose label is most probably wrong. `probabilities` has a
/// row of class probabilities for each window, or `None` for a window to ignore.
pub(crate) fn rank_stretches(dataset: &Dataset, probabilities: &[Option<Vec<f32>>]) -> Vec<LabelledStretch> {
    let labels = &dataset.card.labels;
    let mut stretches: BTreeMap<(usize, usize), (Vec<usize>, Vec<f64>)> = BTreeMap::new();
    for (window, row) in probabilities.iter().enumerate() {
        let Some(row) = row else { continue };
        let key = (dataset.recording_of_window[window], dataset.labels[window]);
        let (windows, sum) = stretches.entry(key).or_insert_with(|| (Vec::new(), vec![0.0; labels.len()]));
        windows.push(window);
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    for (windows, sum) in stretches.values_mut() {
        sum.iter_mut().for_each(|value| *value /= windows.len() as f64);
    }
    // Confident learning: a stretch looks like a label if its probability is at least the mean over the
    // stretches that carry this label.
    let threshold = |label: usize| {
        let own: Vec<f64> = stretches
            .iter()
            .filter(|((_, given), _)| *given == label)
            .map(|(_, (_, mean))| mean[label])
            .collect();
        own.iter().sum::<f64>() / own.len().max(1) as f64
    };
    let thresholds: Vec<f64> = (0..labels.len()).map(threshold).collect();
    let mut ranked: Vec<LabelledStretch> = stretches
        .iter()
        .map(|(&(recording, label), (windows, mean))| {
            let others = (0..labels.len()).filter(|other| *other != label);
            let other = others.max_by(|a, b| mean[*a].total_cmp(&mean[*b])).unwrap_or(label);
            LabelledStretch {
                recording: dataset.recordings[recording].name.clone(),
                label: labels[label].clone(),
                looks_like: labels[other].clone(),
                own: mean[label],
                other: mean[other],
                suspected: mean[other] >= thresholds[other] && mean[other] >= mean[label] + MARGIN,
                windows: windows.clone(),
            }
        })
        .collect();
    ranked.sort_by(|one, other| (other.other - other.own).total_cmp(&(one.other - one.own)));
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tests::sine_waves;

    #[test]
    fn a_recording_in_the_wrong_folder_comes_first_and_one_that_is_only_hard_is_not_suspected() {
        let dataset = sine_waves(2, 4, 3);
        let row = |window: usize| {
            let truth = dataset.labels[window];
            let own = match dataset.recording_of_window[window] {
                1 => 0.1,
                2 => 0.45,
                _ => 0.9,
            };
            let mut row = vec![1.0 - own; 2];
            row[truth] = own;
            Some(row)
        };
        let rows: Vec<_> = (0..dataset.len()).map(row).collect();
        let ranked = rank_stretches(&dataset, &rows);
        assert_eq!((ranked[0].recording.as_str(), ranked[0].looks_like.as_str()), ("s0/1", "s1"));
        assert_eq!(ranked.iter().filter(|one| one.suspected).count(), 1, "{ranked:?}");
        assert_eq!(ranked[0].windows, [3, 4, 5]);
    }
}
