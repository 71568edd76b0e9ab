//! Recordings whose label is probably wrong, by confident learning (Northcutt, Jiang and Chuang 2021) on probabilities of a model that
//! has not seen them.
//!
//! A label is given to a drive, or a stretch of one, not to a window: what is judged is every stretch of a recording with one label, by
//! the mean over its windows.

use std::collections::BTreeMap;

use crate::train::data::dataset::Dataset;

/// A stretch of a recording under one label.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Suspect {
    /// The recording, as an index.
    #[serde(skip)]
    pub source: usize,
    /// The recording's name.
    pub recording: String,
    /// The label that it carries.
    pub label: String,
    /// What it looks like.
    pub looks_like: String,
    /// The mean probability of the label that it carries.
    pub own: f64,
    /// That of what it looks like.
    pub other: f64,
    /// Whether it passes the thresholds of confident learning.
    pub suspected: bool,
    /// Its windows.
    #[serde(skip)]
    pub windows: Vec<usize>,
}

/// Every stretch, that whose label is most probably wrong first. `probabilities` has a row for each window, or `None`.
pub(crate) fn rank(dataset: &Dataset, probabilities: &[Option<Vec<f32>>]) -> Vec<Suspect> {
    let labels = &dataset.card.labels;
    let mut stretches: BTreeMap<(usize, usize), (Vec<usize>, Vec<f64>)> = BTreeMap::new();
    for (window, row) in probabilities.iter().enumerate() {
        let Some(row) = row else { continue };
        let key = (dataset.sources[window], dataset.labels[window]);
        let (windows, sum) = stretches.entry(key).or_insert_with(|| (Vec::new(), vec![0.0; labels.len()]));
        windows.push(window);
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    for (windows, sum) in stretches.values_mut() {
        sum.iter_mut().for_each(|value| *value /= windows.len() as f64);
    }
    // How sure a model is, on average, of what is labelled so: the threshold for being taken as that label.
    let threshold = |label: usize| {
        let own: Vec<f64> = stretches
            .iter()
            .filter(|((_, given), _)| *given == label)
            .map(|(_, (_, mean))| mean[label])
            .collect();
        own.iter().sum::<f64>() / own.len().max(1) as f64
    };
    let thresholds: Vec<f64> = (0..labels.len()).map(threshold).collect();
    let mut ranked: Vec<Suspect> = stretches
        .iter()
        .map(|(&(source, label), (windows, mean))| {
            let others = (0..labels.len()).filter(|other| *other != label);
            let other = others.max_by(|a, b| mean[*a].total_cmp(&mean[*b])).unwrap_or(label);
            Suspect {
                source,
                recording: dataset.recordings[source].name.clone(),
                label: labels[label].clone(),
                looks_like: labels[other].clone(),
                own: mean[label],
                other: mean[other],
                suspected: mean[other] >= thresholds[other] && mean[other] > mean[label],
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
    use crate::train::tests::waves;

    #[test]
    fn a_recording_in_the_wrong_folder_comes_first_and_one_that_is_merely_hard_is_not_suspected() {
        let dataset = waves(2, 4, 3);
        let row = |window: usize| {
            let truth = dataset.labels[window];
            let sure = match dataset.sources[window] {
                1 => 0.1,
                2 => 0.45,
                _ => 0.9,
            };
            let mut row = vec![1.0 - sure; 2];
            row[truth] = sure;
            Some(row)
        };
        let rows: Vec<_> = (0..dataset.len()).map(row).collect();
        let ranked = rank(&dataset, &rows);
        assert_eq!((ranked[0].recording.as_str(), ranked[0].looks_like.as_str()), ("s0/1", "s1"));
        assert_eq!(ranked.iter().filter(|one| one.suspected).count(), 1, "{ranked:?}");
        assert_eq!(ranked[0].windows, [3, 4, 5]);
    }
}
