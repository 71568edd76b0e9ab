//! The trainer: labelled recordings in, an ONNX model with its card out.

pub mod activation;
pub mod architecture;
pub mod augment;
pub mod baseline;
pub mod batch_norm;
pub mod calibrate;
mod cell;
mod channels;
pub mod cross_validation;
mod cut;
pub mod dataset;
pub mod dense;
pub mod diagnose;
pub mod dropout;
pub mod ensemble;
mod exact;
pub mod export;
pub mod fit;
mod graph;
mod head;
mod initial;
pub mod input;
pub mod loss;
pub mod lstm;
pub mod matrix;
pub mod network;
pub mod optimizer;
pub mod options;
pub mod panels;
pub mod preset;
pub mod report;
mod resolve;
pub mod run_folder;
pub mod schedule;
pub mod search;
pub mod settings;
mod shard;
pub mod split;
pub mod summary;
pub mod trainer;
pub mod trees;
pub mod weight_average;

/// The generator's streams: what is drawn for one purpose does not depend on what is drawn for another.
mod streams {
    /// Which groups are held out.
    pub(super) const SPLIT: u128 = 1;
    /// The first weights.
    pub(super) const WEIGHTS: u128 = 2;
    /// The order of the windows, and of their channels.
    pub(super) const ORDER: u128 = 3;
    /// Noise windows for the comparison with ONNX Runtime.
    pub(super) const NOISE: u128 = 4;
    /// What a search tries.
    pub(super) const SEARCH: u128 = 5;
    /// What trees draw; one stream a tree from here on.
    pub(super) const TREES: u128 = 1 << 16;
    /// What is left out and changed in a shard; one stream a shard from here on.
    pub(super) const DROPOUT: u128 = 1 << 32;
    /// What the head leaves out; one stream a block from here on.
    pub(super) const HEAD: u128 = 1 << 64;
}

#[cfg(test)]
mod tests {
    use super::dataset::{Dataset, Place, Source};
    use crate::model::card::Card;
    use crate::sample::Time;

    /// Waves of a frequency for each label, with a phase for each window.
    pub(super) fn waves(labels: usize, groups: usize, windows: usize) -> Dataset {
        let names: Vec<_> = (0..labels).map(|label| format!("s{label}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let card = Card { rate: 50.0, ..Card::of_test(20, 2, &names) };
        let mut dataset = Dataset {
            card,
            digest: String::new(),
            recordings: Vec::new(),
            steps: Vec::new(),
            places: Vec::new(),
            labels: Vec::new(),
            sources: Vec::new(),
            permutations: Vec::new(),
            left_out: 0,
        };
        for source in 0..labels * groups {
            let (label, group) = (source / groups, source % groups);
            let name = format!("s{label}/{group}");
            dataset.recordings.push(Source { group: name.clone(), name });
            for window in 0..windows {
                let phase = (group * windows + window) as f32 * 1.7;
                dataset.labels.push(label);
                dataset.sources.push(source);
                let time = Time::from_seconds(window as f64).unwrap();
                dataset.places.push(Place { start: dataset.steps.len(), time, earlier: 0, later: 0 });
                dataset.steps.extend((0..20).map(|i| (i as f32 * (0.3 + 0.4 * label as f32) + phase).sin()));
            }
        }
        dataset
    }
}
