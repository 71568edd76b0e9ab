//! The trainer: it trains a model from labelled recordings and writes it as an ONNX file with its model card.
//!
//! The modules in the order in which data passes through them:
//! - `options`: the settings of a training run
//! - `data`: labelled windows cut from recordings, and which of them are held out
//! - `kernel`: the arithmetic that the layers are built on
//! - `layer`: the layers, forward and backward
//! - `network`: the network, forward and backward over a batch
//! - `optimize`: optimisers: how the gradients change the weights
//! - `novelty`: how unlike the training windows a window is, and which surfaces are candidates for it
//! - `fit`: training over epochs, cross-validation, ensembles, calibration and the search for settings
//! - `gain_choice`: whether training varies the gain of each channel at random
//! - `rehearsal`: a few training windows that a model's file keeps, so that a refit does not forget
//! - `export`: the ONNX graph, and its comparison with the network
//! - `import`: networks from an ONNX graph, the inverse of `export`
//! - `refit`: a model that is trained further on new recordings
//! - `decisions`: the surfaces that the daemon would publish for held-out recordings
//! - `compare`: two models on the same recordings
//! - `baseline`: decision trees, for comparison
//! - `time_scores`: the scores in other sessions and later
//! - `report`: the report of a training run
//! - `diagnose`: experiments that find out why a training run misbehaves
//! - `random_streams`: the streams of random numbers
//! - `robust`: limits that tell single wrong values from real ones
//!
//! The same seed gives the same model, byte for byte, on the same machine with any number of threads.

pub(crate) mod baseline;
pub(crate) mod compare;
pub(crate) mod data;
pub(crate) mod decisions;
pub(crate) mod diagnose;
pub(crate) mod export;
pub(crate) mod fit;
pub(crate) mod gain_choice;
pub(crate) mod import;
pub(crate) mod kernel;
pub mod layer;
pub mod network;
pub(crate) mod novelty;
pub mod optimize;
pub mod options;
pub(crate) mod random_streams;
pub(crate) mod refit;
pub(crate) mod rehearsal;
pub(crate) mod report;
pub(crate) mod robust;
pub(crate) mod time_scores;

#[cfg(test)]
mod tests {
    use crate::model::card::Card;
    use crate::signal::Time;
    use crate::train::data::dataset::Dataset;
    use crate::train::data::window_index::{RecordingInfo, WindowIndex};

    /// A dataset of sine waves: one channel, windows of 20 steps, `labels` labels with `groups` recordings of
    /// `windows` windows each. The frequency depends on the label and the phase on the window. Every
    /// recording is a group of its own.
    pub(super) fn sine_waves(labels: usize, groups: usize, windows: usize) -> Dataset {
        let names: Vec<_> = (0..labels).map(|label| format!("s{label}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let card = Card { rate: 50.0, ..Card::of_test(20, 2, &names) };
        let mut dataset = Dataset {
            card,
            digest: String::new(),
            recordings: Vec::new(),
            steps: Vec::new(),
            windows: Vec::new(),
            labels: Vec::new(),
            recording_of_window: Vec::new(),
            permutations: Vec::new(),
            drops: Vec::new(),
            warnings: Vec::new(),
            mixed_units: Vec::new(),
            outliers: Vec::new(),
        };
        for recording in 0..labels * groups {
            let (label, group) = (recording / groups, recording % groups);
            let name = format!("s{label}/{group}");
            dataset.recordings.push(RecordingInfo { group: name.clone(), name, ..RecordingInfo::default() });
            for window in 0..windows {
                let phase = (group * windows + window) as f32 * 1.7;
                dataset.labels.push(label);
                dataset.recording_of_window.push(recording);
                let time = Time::from_seconds(window as f64).unwrap();
                dataset.windows.push(WindowIndex { start: dataset.steps.len(), time, earlier: 0, later: 0 });
                dataset.steps.extend((0..20).map(|i| (i as f32 * (0.3 + 0.4 * label as f32) + phase).sin()));
            }
        }
        dataset
    }
}
