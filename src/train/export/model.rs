//! A trained model as the bytes of an ONNX file.

use std::path::Path;

use super::error::ExportError;
use super::graph::graph;
use super::parity::compare;
use crate::model::card::Card;
use crate::model::onnx;
use crate::train::data::dataset::Dataset;
use crate::train::fit::ensemble::Ensemble;
use crate::train::fit::trained::Trained;
use crate::train::rehearsal::RehearsalWindows;

/// Builds the ONNX file of a trained model with its [`card`](super::card()), and compares it with the trainer's forward pass on
/// the held-out windows, or on all windows if none are held out. Returns the file's bytes and the largest
/// difference of a probability. ONNX Runtime is loaded from `library`, or from its usual places if that is
/// `None`.
///
/// # Errors
/// [`ExportError::Differs`] if the difference is more than rounding explains, and [`ExportError::Model`] if
/// the model does not run.
pub(crate) fn export(
    trained: &Trained,
    dataset: &Dataset,
    card: &Card,
    library: Option<&Path>,
) -> Result<(Vec<u8>, f32), ExportError> {
    let all: Vec<usize> = (0..dataset.len()).collect();
    let held_out = &trained.out_of_fold.windows;
    let windows = dataset.windows_at(if held_out.is_empty() { &all } else { held_out });
    export_networks(&trained.ensemble, &windows, card, &trained.rehearsal(dataset), library)
}

/// Builds the ONNX file of networks with a card and rehearsal windows, and compares it with the trainer's forward pass
/// on `windows`, each row-major [W, C]. Returns what [`export`] returns.
///
/// # Errors
/// As for [`export`].
pub(crate) fn export_networks(
    ensemble: &Ensemble,
    windows: &[&[f32]],
    card: &Card,
    rehearsal: &RehearsalWindows,
    library: Option<&Path>,
) -> Result<(Vec<u8>, f32), ExportError> {
    let model = onnx::file(graph(ensemble), card, rehearsal.tensors(card));
    let difference = compare(&model, card, ensemble, windows, library)?;
    Ok((model, difference))
}

#[cfg(test)]
mod tests {
    use rand_pcg::Pcg64;

    use super::*;
    use crate::model::answers::Answers;
    use crate::model::session::Model;
    use crate::signal::Channel;
    use crate::train::export::card::card;
    use crate::train::export::file::write_file;
    use crate::train::export::parity::TOLERANCE;
    use crate::train::fit::context::TrainingContext;
    use crate::train::fit::cross_validation::cross_validate;
    use crate::train::network::Network;
    use crate::train::network::architecture::{Architecture, InputScaling, Pooling};
    use crate::train::network::preprocessing::Preprocessing;
    use crate::train::novelty::score::NoveltyScore;
    use crate::train::novelty::windows::NoveltyWindows;
    use crate::train::options::FitOptions;
    use crate::train::tests::sine_waves;
    use crate::train::time_scores::TimeScores;

    /// A small trained model, and the dataset of sine waves that it was trained on.
    fn trained(options: FitOptions) -> (Trained, Dataset) {
        let dataset = sine_waves(3, 4, 4);
        let options = FitOptions { hidden: Some(6), epochs: Some(3), learning_rate: 1e-2, ..options };
        let options = options.resolved(&dataset);
        let (stop, progress) = (Default::default(), |_: usize, _: &_| {});
        let training =
            TrainingContext { options: &options, dataset: &dataset, stop: &stop, progress: &progress };
        (cross_validate(&training).unwrap(), dataset)
    }

    /// Exports a network with its initial weights, and compares it with the trainer's forward pass on these windows.
    fn assert_exported(architecture: Architecture, windows: &[&[f32]], card: &Card) {
        let preprocessing = Preprocessing::measure(&architecture, windows, windows);
        let network = Network::new(architecture, preprocessing, &mut Pcg64::new(1, 1));
        let ensemble = Ensemble::of(vec![network]);
        let model = onnx::file(graph(&ensemble), card, Vec::new());
        compare(&model, card, &ensemble, windows, None).unwrap();
        assert_same_in_any_batch(&model, card, windows);
    }

    /// Checks that the answer to a window is the same, bit for bit, alone and among others, wherever it stands.
    fn assert_same_in_any_batch(model: &[u8], card: &Card, windows: &[&[f32]]) {
        let mut model = Model::from_bytes(model, Path::new("(memory)"), None).unwrap();
        let (values, size) = (windows.concat(), card.window * card.channels.len());
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let mut run = |batch: usize| {
            let answers: Vec<_> =
                values.chunks(batch * size).map(|part| model.answers(part).unwrap()).collect();
            let all = |of: fn(&Answers) -> &[f32]| {
                bits(&answers.iter().flat_map(|answers| of(answers).to_vec()).collect::<Vec<_>>())
            };
            (all(|answers| &answers.probabilities), all(|answers| &answers.novelty))
        };
        let alone = run(1);
        for batch in [2, 3, 5, 8, 13, windows.len()] {
            assert!(run(batch) == alone, "windows in batches of {batch} have other answers than alone");
        }
    }

    #[test]
    fn an_exported_model_gives_the_same_probabilities_in_onnx_runtime() {
        let options = FitOptions { folds: Some(0), seed: 3, ..FitOptions::default() };
        let (trained, dataset) = trained(options);
        let card = card(&trained, &dataset, &[], None, &TimeScores::default()).unwrap();
        let (bytes, difference) = export(&trained, &dataset, &card, None).unwrap();
        assert!(difference < 1e-4, "{difference}");
        assert_eq!(bytes, export(&trained, &dataset, &card, None).unwrap().0, "the same bytes each time");
        assert_same_in_any_batch(&bytes, &card, &dataset.all_windows());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.onnx");
        write_file(&path, &bytes).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let mut model = Model::open(&path, None).unwrap();
        let windows: Vec<&[f32]> = (0..dataset.len()).map(|index| dataset.window(index)).collect();
        let (ours, theirs) =
            (trained.ensemble.probabilities(&windows), model.probabilities(&windows.concat()).unwrap());
        assert_eq!(theirs.len(), 3 * dataset.len());
        // Each of the two may be as far from double precision as the export allows.
        let same = |(ours, theirs): (&f32, &f32)| (ours - theirs).abs() <= TOLERANCE + 2.0 * difference;
        assert!(ours.iter().zip(&theirs).all(same), "{ours:?} {theirs:?}");
        let training = model.card().training.clone().unwrap();
        assert_eq!((training.seed, training.recordings, training.validation.len()), (3, 12, 3));
    }

    #[test]
    fn the_novelty_of_an_exported_model_is_that_of_the_trainer_in_batches_of_any_size() {
        let (mut trained, dataset) = trained(FitOptions { folds: Some(3), ..FitOptions::default() });
        let preprocessing = trained.ensemble.members()[0].preprocessing().clone();
        let windows = NoveltyWindows::of(&dataset, &preprocessing, 0).unwrap();
        let score = NoveltyScore::fit(&windows, &dataset.card, 0).unwrap();
        let card = card(&trained, &dataset, &[], None, &TimeScores::default()).unwrap();
        let (without, _) = export(&trained, &dataset, &card, None).unwrap();
        trained.ensemble.set_novelty(Some(score.clone()));
        let (bytes, _) = export(&trained, &dataset, &card, None).unwrap();
        assert_same_in_any_batch(&bytes, &card, &dataset.all_windows());
        let all = dataset.all_windows();
        let size = card.window * card.channels.len();
        let run = |bytes: &[u8], batch| -> Vec<f32> {
            let mut model = Model::from_bytes(bytes, Path::new("(memory)"), None).unwrap();
            let windows = all.concat();
            windows.chunks(batch * size).flat_map(|part| model.answers(part).unwrap().novelty).collect()
        };
        let exported = run(&bytes, all.len());
        assert_eq!((exported.len(), run(&without, 1).len()), (all.len(), 0));
        for batch in [1, 7] {
            assert_eq!(run(&bytes, batch), exported, "{batch}");
        }
        let statistics: Vec<f64> =
            all.iter().flat_map(|window| preprocessing.exact_statistics(window)).collect();
        let rows = ndarray::Array2::from_shape_vec((all.len(), score.statistics()), statistics).unwrap();
        for (ours, theirs) in score.novelty(rows.view()).iter().zip(&exported) {
            assert!((ours - f64::from(*theirs)).abs() < 1e-3, "{ours} {theirs}");
        }
        assert!(exported.iter().any(|value| *value < 0.3) && exported.iter().any(|value| *value > 0.7));
        // A model with another score is refused.
        let half = NoveltyWindows::of(&dataset, &preprocessing, 5).unwrap();
        trained.ensemble.set_novelty(Some(NoveltyScore::fit(&half, &dataset.card, 5).unwrap()));
        let windows: Vec<&[f32]> = dataset.all_windows();
        let error = compare(&bytes, &card, &trained.ensemble, &windows, None).unwrap_err();
        assert!(error.to_string().contains("novelty differs from the trainer's by"), "{error}");
    }

    #[test]
    fn every_part_of_a_network_is_exported() {
        let (trained, dataset) = trained(FitOptions {
            folds: Some(3),
            layers: 2,
            differences: true,
            summary: true,
            dense: Some(5),
            summary_bins: Some(3),
            batch_norm: true,
            pooling: vec![Pooling::Max, Pooling::Last, Pooling::Mean],
            ..FitOptions::default()
        });
        let card = card(&trained, &dataset, &[], None, &TimeScores::default()).unwrap();
        export(&trained, &dataset, &card, None).unwrap();
        // The same with several interchangeable channels.
        let orders = vec![vec![0, 1, 2], vec![1, 2, 0], vec![2, 0, 1]];
        let card = Card { training: None, ..Card::of_test(20, 2, &["a", "b"]) };
        let channels = ["x", "y", "z"].map(Channel::in_ampere).to_vec();
        let card = Card { channels, ..card };
        let values: Vec<f32> = (0..64 * 60).map(|i| (i as f32 * 0.37).sin() + (i % 7) as f32).collect();
        let windows: Vec<&[f32]> = values.chunks_exact(60).collect();
        for ordered_steps in [true, false] {
            let orders = orders.clone();
            let trained = trained.ensemble.architecture().clone();
            let architecture = Architecture { channels: 3, classes: 2, orders, ordered_steps, ..trained };
            assert_exported(architecture, &windows, &card);
        }
    }

    #[test]
    fn every_scaling_of_the_input_is_exported_whatever_the_values_are() {
        let (trained, _) = trained(FitOptions { folds: Some(0), differences: true, ..FitOptions::default() });
        let architecture = trained.ensemble.architecture().clone();
        let card = Card::of_test(20, 2, &["a", "b", "c"]);
        // Amperes, and the numbers of a converter; with and without values that are wrong.
        for (factor, wrong) in [(1.0, &[][..]), (1.0, &[4_294_967_295.0, 3e38, -3e38]), (2000.0, &[65_535.0])]
        {
            let mut values: Vec<f32> =
                (0..64 * 20).map(|i| factor * (1.0 + (i as f32 * 0.37).sin() + (i % 7) as f32)).collect();
            wrong.iter().enumerate().for_each(|(index, wrong)| values[333 * index + 77] = *wrong);
            let windows: Vec<&[f32]> = values.chunks_exact(20).collect();
            for input_scaling in [InputScaling::Robust, InputScaling::Standard, InputScaling::None] {
                let architecture = Architecture { input_scaling, ..architecture.clone() };
                assert_exported(architecture, &windows, &card);
            }
        }
    }

    #[test]
    fn a_trained_model_is_exported_with_every_scaling() {
        for input_scaling in [InputScaling::Standard, InputScaling::None] {
            let (trained, dataset) = trained(FitOptions { input_scaling, ..FitOptions::default() });
            let clip = trained.ensemble.members()[0].preprocessing().clip().unwrap();
            assert!(clip.high[0] > 1e16, "values are not clipped");
            let card = card(&trained, &dataset, &[], None, &TimeScores::default()).unwrap();
            export(&trained, &dataset, &card, None).unwrap();
        }
    }

    #[test]
    fn a_model_that_differs_from_the_network_is_an_error_with_the_difference() {
        let (trained, dataset) = trained(FitOptions { folds: Some(0), ..FitOptions::default() });
        let card = card(&trained, &dataset, &[], None, &TimeScores::default()).unwrap();
        let model = onnx::file(graph(&trained.ensemble), &card, Vec::new());
        let mut network = trained.ensemble.members()[0].clone();
        network.parameters_mut()[0] += 0.5;
        let windows: Vec<&[f32]> = (0..dataset.len()).map(|index| dataset.window(index)).collect();
        let other = Ensemble::of(vec![network]);
        let error = compare(&model, &card, &other, &windows, None).unwrap_err();
        assert!(error.to_string().contains("differ from the trainer's by"), "{error}");
    }
}
