//! Writing a model: only once ONNX Runtime has given what the trainer's own forward pass gives.

pub(crate) mod exact;
pub(crate) mod graph;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64;

use self::graph::graph;
use crate::model::card::{Card, TrainingSummary};
use crate::model::onnx;
use crate::model::session::{Model, ModelError};
use crate::train::data::dataset::Dataset;
use crate::train::fit::cross_validation::Trained;
use crate::train::fit::ensemble::Ensemble;
use crate::train::random_streams;

/// The largest difference of a probability between ONNX Runtime and the trainer's forward pass, but for what rounding explains.
pub(crate) const TOLERANCE: f32 = 1e-5;
/// How many times as far from double precision as the trainer's own pass in single precision ONNX Runtime may be: it rounds in other
/// places. A network that is very sure of itself makes more of rounding than [`TOLERANCE`].
const ROUNDING: f32 = 4.0;
/// What rounding may explain at the most.
const MOST_ROUNDING: f32 = 1e-3;
/// The most windows of the data that are compared.
const COMPARED: usize = 512;
/// Windows that are compared with noise added as well: a drive that differs from all recordings must agree, too.
const NOISE: usize = 64;
/// The noise, as a share of a channel's deviation. In noise alone, as loud as the data, a trained LSTM can be chaotic:
/// there ONNX Runtime itself differs from double precision by more than the tolerance.
const NOISE_SHARE: f32 = 0.1;

/// Why a model was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    /// ONNX Runtime cannot run it.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// ONNX Runtime gives something else.
    #[error(
        "ONNX Runtime's probabilities differ from the trainer's by {difference:e}, more than {allowed:e}, so no model was \
         written; train again with another --seed or fewer --hidden, and report it if that does not help"
    )]
    Differs {
        /// The largest difference.
        difference: f32,
        /// What would have been allowed.
        allowed: f32,
    },
    /// The file cannot be written.
    #[error(
        "the model {path:?} cannot be written: {why}; set --out to a file in a folder that you can write to"
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
}

/// The card of a trained model.
pub(crate) fn card(trained: &Trained, dataset: &Dataset) -> Card {
    let held: BTreeSet<usize> = trained.held.windows.iter().map(|index| dataset.sources[*index]).collect();
    let used: BTreeSet<usize> = dataset.sources.iter().copied().collect();
    let folds = trained.members.len();
    let windows = trained.windows(dataset);
    let training: BTreeSet<usize> =
        trained.members.iter().flat_map(|member| &member.split.training).copied().collect();
    let training: Vec<usize> = training.into_iter().collect();
    let training = TrainingSummary {
        data_digest: dataset.digest.clone(),
        recordings: used.len(),
        windows_per_class: dataset.count(0..dataset.len()),
        validation: held.into_iter().map(|source| dataset.recordings[source].name.clone()).collect(),
        folds: if folds > 1 { folds } else { 0 },
        validation_scores: (windows.total() > 0).then(|| windows.scores()),
        chosen_on_validation: trained.chosen_on_validation(),
        seed: trained.options.seed,
        statistics: dataset.statistics(&training),
    };
    Card { training: Some(training), ..dataset.card.clone() }
}

/// Runs an exported model in ONNX Runtime on windows of the data, and on some of them with noise added, and gives the largest
/// difference of a probability from the trainer's own forward pass in double precision.
///
/// # Errors
/// [`ExportError::Differs`] above [`TOLERANCE`] and above what rounding explains, and [`ExportError::Model`] where it does not run at all.
pub(crate) fn compare(
    model: &[u8],
    card: &Card,
    ensemble: &Ensemble,
    windows: &[&[f32]],
    library: Option<&Path>,
) -> Result<f32, ExportError> {
    let size = card.window * card.channels.len();
    let step = windows.len().div_ceil(COMPARED).max(1);
    let mut compared: Vec<f32> = windows.iter().step_by(step).copied().flatten().copied().collect();
    let noisy = compared.len().min(NOISE * size);
    let mut rng = Pcg64::new(0, random_streams::NOISE);
    let deviations: Vec<f32> = match &card.training {
        Some(training) => training.statistics.iter().map(|channel| channel.deviation as f32).collect(),
        None => vec![1.0; card.channels.len()],
    };
    for index in 0..noisy {
        let normal: f32 = StandardNormal.sample(&mut rng);
        compared.push(compared[index] + NOISE_SHARE * normal * deviations[index % deviations.len()]);
    }
    let theirs = Model::from_bytes(model, Path::new("(memory)"), library)?.probabilities(&compared)?;
    // In double precision: a network may make so much of a difference in rounding that two passes in single precision, each
    // within the tolerance, are further apart than it.
    let compared: Vec<&[f32]> = compared.chunks_exact(size).collect();
    let ours = exact::probabilities(ensemble, &compared);
    let difference = largest_difference(&ours, &theirs);
    let allowed = allowed(largest_difference(&ours, &ensemble.probabilities(&compared)));
    if difference <= allowed { Ok(difference) } else { Err(ExportError::Differs { difference, allowed }) }
}

/// How far ONNX Runtime may be from double precision where the trainer's own pass in single precision is so far from it.
fn allowed(rounding: f32) -> f32 {
    (ROUNDING * rounding).clamp(TOLERANCE, MOST_ROUNDING)
}

/// The largest difference of two values. One that is no number is the worst of all; `f32::max` would pass over it.
fn largest_difference(exact: &[f64], rounded: &[f32]) -> f32 {
    let differences =
        exact.iter().zip(rounded).map(|(exact, value)| (exact - f64::from(*value)).abs() as f32);
    differences.fold(
        0.0,
        |most: f32, difference| {
            if most.is_nan() || difference <= most { most } else { difference }
        },
    )
}

/// A trained model as ONNX bytes with its card, compared with ONNX Runtime on windows held out, or on those trained on where
/// none are; and the largest difference.
///
/// # Errors
/// As for [`compare`].
pub(crate) fn export(
    trained: &Trained,
    dataset: &Dataset,
    library: Option<&Path>,
) -> Result<(Vec<u8>, f32), ExportError> {
    let card = card(trained, dataset);
    let model = onnx::file(graph(&trained.ensemble), &card);
    let all: Vec<usize> = (0..dataset.len()).collect();
    let held = &trained.held.windows;
    let windows: Vec<&[f32]> =
        if held.is_empty() { &all } else { held }.iter().map(|index| dataset.window(*index)).collect();
    let difference = compare(&model, &card, &trained.ensemble, &windows, library)?;
    Ok((model, difference))
}

/// Writes a file aside and moves it into place, so that there is never half a model.
///
/// # Errors
/// [`ExportError::Write`].
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), ExportError> {
    let failed = |why| ExportError::Write { path: path.into(), why };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".underfoot-").tempfile_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    set_readable(file.as_file()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    // The name is on the disk only once its folder is.
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// A temporary file is its owner's alone; a model is for the daemon's user, too.
fn set_readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Channel;
    use crate::train::fit::context::TrainingContext;
    use crate::train::network::Network;
    use crate::train::network::architecture::{Architecture, Pooling};
    use crate::train::network::preprocessing::Preprocessing;
    use crate::train::options::FitOptions;
    use crate::train::tests::waves;

    fn trained(options: FitOptions) -> (Trained, Dataset) {
        let dataset = waves(3, 4, 4);
        let options = FitOptions { hidden: Some(6), epochs: Some(3), learning_rate: 1e-2, ..options };
        let options = options.resolved(&dataset);
        let (stop, progress) = (Default::default(), |_: usize, _: &_| {});
        let training =
            TrainingContext { options: &options, dataset: &dataset, stop: &stop, progress: &progress };
        (training.run().unwrap(), dataset)
    }

    #[test]
    fn an_exported_model_gives_what_the_network_gives_in_onnx_runtime() {
        let options = FitOptions { folds: Some(0), seed: 3, ..FitOptions::default() };
        let (trained, dataset) = trained(options);
        let (bytes, difference) = export(&trained, &dataset, None).unwrap();
        assert!(difference <= TOLERANCE);
        assert_eq!(bytes, export(&trained, &dataset, None).unwrap().0, "the same bytes each time");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.onnx");
        write(&path, &bytes).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let model = Model::open(&path, None).unwrap();
        let training = model.card().training.clone().unwrap();
        assert_eq!((training.seed, training.recordings, training.validation.len()), (3, 12, 3));
    }

    #[test]
    fn every_part_of_a_network_is_exported() {
        let (trained, dataset) = trained(FitOptions {
            folds: Some(3),
            layers: 2,
            differences: true,
            summary: true,
            dense: Some(5),
            batch_norm: true,
            pooling: vec![Pooling::Max, Pooling::Last, Pooling::Mean],
            ..FitOptions::default()
        });
        export(&trained, &dataset, None).unwrap();
        // With several channels, and those in a canonical order.
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
            let input = Preprocessing::measure(&architecture, windows.iter().copied());
            let network = Network::new(architecture, input, &mut Pcg64::new(1, 1));
            let ensemble = Ensemble::of(vec![network]);
            let model = onnx::file(graph(&ensemble), &card);
            compare(&model, &card, &ensemble, &windows, None).unwrap();
        }
    }

    #[test]
    fn a_model_that_differs_from_the_network_is_refused_with_the_figure() {
        let (trained, dataset) = trained(FitOptions { folds: Some(0), ..FitOptions::default() });
        let card = card(&trained, &dataset);
        let model = onnx::file(graph(&trained.ensemble), &card);
        let mut network = trained.ensemble.members()[0].clone();
        network.parameters_mut()[0] += 0.5;
        let windows: Vec<&[f32]> = (0..dataset.len()).map(|index| dataset.window(index)).collect();
        let other = Ensemble::of(vec![network]);
        let error = compare(&model, &card, &other, &windows, None).unwrap_err();
        assert!(error.to_string().contains("differ from the trainer's by"), "{error}");
    }

    #[test]
    fn what_rounding_explains_is_allowed_and_no_more() {
        assert_eq!([0.0, 2e-6, 5e-6, 0.1].map(allowed), [TOLERANCE, TOLERANCE, 2e-5, MOST_ROUNDING]);
        assert!(allowed(f32::NAN).is_nan(), "which no difference is below");
        assert_eq!(largest_difference(&[1.0, 2.0, 3.0], &[1.5, 2.0, 3.25]), 0.5);
        assert!(largest_difference(&[1.0, 2.0, 3.0], &[1.5, f32::NAN, 3.0]).is_nan());
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = write(Path::new("/nonexistent/m.onnx"), b"").unwrap_err().to_string();
        assert!(error.starts_with("the model \"/nonexistent/m.onnx\" cannot be written: "), "{error}");
    }
}
