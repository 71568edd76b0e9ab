//! The artificial task: windows of cos(x) against windows of arccos(x). Settings that cannot learn this task
//! cannot learn any other.

use rand_distr::{Distribution, Normal};
use rand_pcg::Pcg64;

use crate::train::data::dataset::Dataset;
use crate::train::data::window_index::{RecordingInfo, WindowIndex};

/// The standard deviation of the noise that is added to each value.
const NOISE: f64 = 0.1;
/// The number of recordings of each of the two labels.
const DRIVES: usize = 5;

/// A dataset with about as many windows as `like`, of the same shape [W, C]. Each window is cos(x) or
/// arccos(x) for x from -1 to 1, with noise.
pub(crate) fn cos_against_arccos(like: &Dataset, seed: u64) -> Dataset {
    let (window, width) = (like.card.window, like.card.channels.len());
    let count = (like.len() / 2 * 2).max(4 * DRIVES);
    let mut rng = Pcg64::new(u128::from(seed), 0);
    let mut dataset = Dataset { steps: Vec::new(), permutations: Vec::new(), ..like.clone() };
    dataset.card.labels = vec!["arccos".into(), "cos".into()];
    dataset.recordings = (0..2 * DRIVES)
        .map(|recording| format!("{}/{}", dataset.card.labels[recording % 2], recording / 2))
        .map(|name| RecordingInfo { group: name.clone(), name, ..RecordingInfo::default() })
        .collect();
    dataset.labels = (0..count).map(|index| index % 2).collect();
    dataset.recording_of_window = (0..count).map(|index| index % (2 * DRIVES)).collect();
    let time = like.windows.first().map(|window| window.time);
    dataset.windows = time
        .into_iter()
        .flat_map(|time| (0..count).map(move |index| (index, time)))
        .map(|(index, time)| WindowIndex { start: index * window, time, earlier: 0, later: 0 })
        .collect();
    let normal = Normal::new(0.0, NOISE);
    for index in 0..count {
        for step in 0..window {
            let x = -1.0 + 2.0 * step as f64 / (window - 1).max(1) as f64;
            let value = if index % 2 == 0 { x.acos() } else { x.cos() };
            for _ in 0..width {
                let noise = normal.as_ref().map_or(0.0, |normal| normal.sample(&mut rng));
                dataset.steps.push((value + noise) as f32);
            }
        }
    }
    dataset
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::baseline::Features;
    use crate::train::diagnose::inspection::neighbours::nearest_neighbours;
    use crate::train::tests::sine_waves;

    #[test]
    fn the_artificial_task_is_easy_and_of_the_same_size() {
        let like = sine_waves(3, 4, 10);
        let task = cos_against_arccos(&like, 0);
        assert_eq!((task.len(), task.card.labels.len(), task.steps.len()), (120, 2, 120 * 20));
        assert_eq!(nearest_neighbours(&task, &Features::of(&task, &|| false).unwrap(), || false).error, 0.0);
    }
}
