//! The trainer: labelled recordings in, an ONNX model with its card out.

pub(crate) mod baseline;
pub(crate) mod data;
pub(crate) mod diagnose;
pub(crate) mod export;
pub(crate) mod fit;
pub(crate) mod kernel;
pub mod layer;
pub mod network;
pub mod optimize;
pub mod options;
pub(crate) mod random_streams;
pub(crate) mod report;

#[cfg(test)]
mod tests {
    use crate::model::card::Card;
    use crate::signal::Time;
    use crate::train::data::dataset::Dataset;
    use crate::train::data::window_index::{RecordingInfo, WindowIndex};

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
            dataset.recordings.push(RecordingInfo { group: name.clone(), name });
            for window in 0..windows {
                let phase = (group * windows + window) as f32 * 1.7;
                dataset.labels.push(label);
                dataset.sources.push(source);
                let time = Time::from_seconds(window as f64).unwrap();
                dataset.places.push(WindowIndex { start: dataset.steps.len(), time, earlier: 0, later: 0 });
                dataset.steps.extend((0..20).map(|i| (i as f32 * (0.3 + 0.4 * label as f32) + phase).sin()));
            }
        }
        dataset
    }
}
