//! The training of one network, from its first epoch to the weights that are kept.

use super::context::TrainingContext;
use super::epoch::{Epoch, FitError};
use super::trainer::Trainer;
use crate::score::Confusion;
use crate::train::data::split::Split;
use crate::train::network::Network;
use crate::train::network::loss::most_probable;
use crate::train::optimize::learned::Learned;

/// A training that ends early takes one in this many of its epochs for the rest of the learning rate schedule.
const ENDING: usize = 10;

/// How one network was trained.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Which windows it was trained on, and which were held out.
    pub split: Split,
    /// The figures of every epoch.
    pub history: Vec<Epoch>,
    /// Whether training was interrupted before its last epoch had ended.
    pub interrupted: bool,
    /// Whether training ended before the last epoch because the training windows were learned.
    pub learned: bool,
}

/// A trained network.
#[derive(Clone, Debug)]
pub(crate) struct TrainedMember {
    /// The network with the weights of the last epoch, or of the best if the settings ask for early stopping.
    pub network: Network,
    /// How it was trained.
    pub member: Member,
    /// The network's logits of the held-out windows, row-major [N, K].
    pub logits: Vec<f32>,
}

/// Trains one network; `index` is its position among several, from 0, and decides its random draws.
///
/// If the settings have a patience above 0, training stops once the validation loss has not reached a new
/// minimum for that many epochs, and the weights of the minimum are kept (early stopping, Prechelt 1998). If they ask
/// for it, training ends soon after the training windows are learned; see [`Learned`].
///
/// # Errors
/// [`FitError`] if there are fewer training windows than labels, or the loss is not finite.
pub(super) fn train_member(
    context: &TrainingContext<'_>,
    split: Split,
    index: usize,
) -> Result<TrainedMember, FitError> {
    let labels = context.dataset.card.labels.len();
    if split.training.len() < labels {
        return Err(FitError::TooFew { windows: split.training.len(), labels });
    }
    train_to_the_end(context, Trainer::new(context, split, index), index)
}

/// Trains a network to its last epoch, or until early stopping ends it. `index` is its position among several, for the
/// progress.
///
/// # Errors
/// [`FitError`] if the loss is not finite.
pub(crate) fn train_to_the_end(
    context: &TrainingContext<'_>,
    mut trainer: Trainer<'_>,
    index: usize,
) -> Result<TrainedMember, FitError> {
    let options = context.options;
    let (mut history, mut best_epoch, mut lowest_loss) = (Vec::new(), 0, f64::INFINITY);
    let (mut last_epoch, mut learned) = (options.epochs(), Learned::default());
    let mut interrupted = false;
    let mut kept = (trainer.validated_network().clone(), Vec::new());
    while trainer.epochs() < last_epoch {
        let Some(figures) = trainer.epoch()? else {
            interrupted = true;
            break;
        };
        (context.progress)(index, &figures);
        history.push(figures);
        let is_whole = last_epoch == options.epochs();
        if options.end_when_learned && is_whole && learned.epoch_ended(figures.loss) {
            let rest = options.epochs().div_ceil(ENDING);
            last_epoch = last_epoch.min(figures.epoch + rest);
            if last_epoch < options.epochs() {
                trainer.end_within(rest);
            }
        }
        // Without early stopping, each epoch replaces the weights of the one before, so that the last ones
        // are kept and the validation loss chooses nothing.
        let loss = figures.validation_loss.filter(|_| options.patience > 0);
        if loss.is_none_or(|loss| loss < lowest_loss) {
            (lowest_loss, best_epoch) = (loss.unwrap_or(lowest_loss), figures.epoch);
            kept = (trainer.validated_network().clone(), trainer.held_out_logits().to_vec());
        } else if figures.epoch - best_epoch >= options.patience {
            break;
        }
    }
    // If training was stopped within the first epoch, this is the untrained network without predictions.
    let (network, logits) = kept;
    let learned = last_epoch < options.epochs();
    let member = Member { split: trainer.into_split(), history, interrupted, learned };
    Ok(TrainedMember { network, member, logits })
}

/// Counts predictions against actual labels. `probabilities` is row-major [N, K], `actual` yields the N label
/// indices.
pub(crate) fn confusion(
    labels: &[String],
    probabilities: &[f32],
    actual: impl Iterator<Item = usize>,
) -> Confusion {
    let mut confusion = Confusion::new(labels);
    for (row, actual) in probabilities.chunks_exact(labels.len().max(1)).zip(actual) {
        confusion.add(actual, Some(most_probable(row)));
    }
    confusion
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::model::validation_choice::ValidationChoice;
    use crate::train::data::dataset::Dataset;
    use crate::train::fit::calibration::expected_calibration_error;
    use crate::train::fit::cross_validation::cross_validate;
    use crate::train::fit::ensemble;
    use crate::train::fit::trained::Trained;
    use crate::train::network::architecture::InputScaling;
    use crate::train::optimize::optimizer::OptimizerKind;
    use crate::train::optimize::schedule::Schedule;
    use crate::train::options::Balance;
    use crate::train::options::FitOptions;
    use crate::train::tests::sine_waves;

    /// Settings that train a small network within a second.
    fn quick() -> FitOptions {
        FitOptions {
            schedule: Schedule::Constant,
            optimizer: OptimizerKind::RmsProp,
            hidden: Some(12),
            epochs: Some(12),
            learning_rate: 1e-2,
            dropout: 0.1,
            folds: Some(0),
            patience: 10,
            ..FitOptions::default()
        }
    }

    /// The first epoch with the lowest validation loss.
    fn best_epoch(member: &Member) -> Epoch {
        let loss = |epoch: &Epoch| epoch.validation_loss.unwrap();
        *member.history.iter().min_by(|one, other| loss(one).total_cmp(&loss(other))).unwrap()
    }

    /// Trains with these settings, without a progress display.
    fn run(options: &FitOptions, dataset: &Dataset) -> Result<Trained, FitError> {
        let options = options.resolved(dataset);
        let (stop, progress) = (AtomicBool::new(false), |_: usize, _: &Epoch| {});
        cross_validate(&TrainingContext { options: &options, dataset, stop: &stop, progress: &progress })
    }

    #[test]
    fn sine_waves_of_different_frequency_are_distinguished_with_the_weights_of_the_best_epoch() {
        let dataset = sine_waves(3, 5, 8);
        let trained = run(&quick(), &dataset).unwrap();
        let accuracy = trained.window_confusion(&dataset).accuracy();
        assert!(accuracy > 0.9, "{}", trained.window_confusion(&dataset));
        let best = best_epoch(&trained.members[0]);
        assert!((best.validation_accuracy.unwrap() - accuracy).abs() < 1e-9, "{accuracy} is not of {best:?}");
        assert_eq!(trained.validation_chose(), [ValidationChoice::Epoch]);
    }

    #[test]
    fn training_ends_soon_after_the_training_windows_are_learned_with_a_learning_rate_that_fell_to_zero() {
        let dataset = sine_waves(3, 5, 8);
        let fit = |end_when_learned, learning_rate, epochs| {
            let options = FitOptions {
                end_when_learned,
                learning_rate,
                epochs: Some(epochs),
                schedule: Schedule::Cosine,
                patience: 0,
                dropout: 0.0,
                ..quick()
            };
            let trained = run(&options, &dataset).unwrap();
            (trained.window_confusion(&dataset).accuracy(), trained.members[0].clone())
        };
        let (whole_accuracy, whole) = fit(false, 1e-2, 100);
        let (accuracy, early) = fit(true, 1e-2, 100);
        assert!((whole.history.len(), whole.learned, early.learned) == (100, false, true));
        // Ten epochs after the third with a low loss.
        let learned = early.history.len() - 10;
        assert!(early.history[learned - 3..learned].iter().all(|epoch| epoch.loss < 0.01));
        assert!(
            early.history[..learned - 1].windows(3).all(|three| three.iter().any(|epoch| epoch.loss >= 0.01))
        );
        assert!(early.history[early.history.len() - 1].learning_rate < 1e-3, "{:?}", early.history);
        assert!(accuracy >= whole_accuracy, "{accuracy} against {whole_accuracy}");
        // A loss that does not come near zero ends nothing.
        let (_, slow) = fit(true, 1e-6, 12);
        assert!((slow.history.len(), slow.learned) == (12, false));
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_with_any_number_of_threads() {
        let dataset = sine_waves(3, 5, 8);
        let every = FitOptions {
            folds: Some(2),
            epochs: Some(2),
            layers: 2,
            batch_norm: true,
            dense: Some(4),
            jitter: 0.1,
            recurrent_dropout: 0.2,
            balance: Balance::Sampling,
            ..quick()
        };
        for options in [FitOptions { epochs: Some(3), ..quick() }, every] {
            let run = |threads, seed| {
                let trained = run(&FitOptions { threads, seed, ..options.clone() }, &dataset).unwrap();
                let companions = trained.companions.iter().map(|companion| &companion.network);
                let networks = trained.ensemble.members().iter().chain(companions);
                let parameters = networks.flat_map(|network| network.parameters());
                parameters.map(|value| value.to_bits()).collect::<Vec<_>>()
            };
            let one = run(1, 3);
            assert_eq!(one, run(3, 3));
            assert_ne!(one, run(1, 4));
        }
    }

    #[test]
    fn averaged_weights_are_validated_and_kept_and_do_not_change_the_training_steps() {
        let dataset = sine_waves(3, 5, 8);
        let fit = |weight_average| {
            let options = FitOptions { weight_average, patience: 0, ..quick() }.resolved(&dataset);
            let (stop, progress) = (AtomicBool::new(false), |_: usize, _: &Epoch| {});
            let training =
                TrainingContext { options: &options, dataset: &dataset, stop: &stop, progress: &progress };
            train_member(&training, Split::for_one(&dataset, 0.2, 0), 0).unwrap()
        };
        let (plain, averaged) = (fit(0.0), fit(0.9));
        let losses = |trained: &TrainedMember| {
            trained.member.history.iter().map(|epoch| epoch.loss).collect::<Vec<_>>()
        };
        assert_eq!(losses(&plain), losses(&averaged));
        assert_ne!(plain.network, averaged.network);
        let held_out = &averaged.member.split.validation;
        let held_out: Vec<&[f32]> = held_out.iter().map(|window| dataset.window(*window)).collect();
        assert_eq!(averaged.network.logits(&held_out), averaged.logits);
    }

    #[test]
    fn every_optimizer_and_schedule_learns() {
        let dataset = sine_waves(2, 5, 8);
        let optimizers =
            [OptimizerKind::Sgd, OptimizerKind::RmsProp, OptimizerKind::Adam, OptimizerKind::AdamW];
        let schedules = [Schedule::Constant, Schedule::Cosine, Schedule::Plateau];
        for (index, optimizer) in optimizers.into_iter().enumerate() {
            let momentum = if optimizer == OptimizerKind::Sgd { 0.9 } else { 0.0 };
            let (schedule, warmup) = (schedules[index % 3], 1.0);
            let options = FitOptions { optimizer, momentum, schedule, warmup, epochs: Some(15), ..quick() };
            let history = &run(&options, &dataset).unwrap().members[0].history;
            assert!(history[history.len() - 1].loss < 0.7 * history[0].loss, "{optimizer:?} {schedule:?}");
        }
    }

    #[test]
    fn each_fold_is_predicted_by_the_network_that_was_not_trained_on_it() {
        let dataset = sine_waves(3, 5, 8);
        let options = FitOptions { folds: Some(5), patience: 0, ..quick() };
        let trained = run(&options, &dataset).unwrap();
        assert_eq!((trained.members.len(), trained.fold_scores(&dataset).len()), (5, 5));
        assert_eq!(trained.out_of_fold.windows, (0..dataset.len()).collect::<Vec<_>>());
        for (window, member) in trained.out_of_fold.windows.iter().zip(&trained.out_of_fold.members) {
            assert!(trained.members[*member].split.validation.contains(window));
            assert!(!trained.members[*member].split.training.contains(window));
        }
        assert!(trained.window_confusion(&dataset).accuracy() > 0.9);
    }

    /// The groups that windows are of.
    fn groups(dataset: &Dataset, windows: &[usize]) -> BTreeSet<String> {
        let group = |window: &usize| dataset.recordings[dataset.recording_of_window[*window]].group.clone();
        windows.iter().map(group).collect()
    }

    #[test]
    fn no_window_is_answered_by_a_network_that_was_trained_on_its_group() {
        // Many recordings per label, and only two, where no companion can leave out both.
        for (folds, recordings, networks) in
            [(2, 6, 2..=2), (3, 6, 2..=2), (5, 6, 3..=3), (5, 2, 2..=3), (2, 2, 2..=2), (4, 5, 3..=3)]
        {
            let mut dataset = sine_waves(2, recordings, 4);
            // Each group is a recording of each label.
            for (index, recording) in dataset.recordings.iter_mut().enumerate() {
                recording.group = format!("group {}", index % recordings);
            }
            let options = FitOptions { folds: Some(folds), patience: 0, epochs: Some(1), ..quick() };
            let trained = run(&options, &dataset).unwrap();
            let (members, companions) = (&trained.members, &trained.companions);
            assert_eq!(members.len(), companions.len());
            let all = members.iter().map(|member| &member.split).zip(trained.ensemble.members());
            let all: Vec<(&Split, &Network)> = all
                .chain(companions.iter().map(|companion| (&companion.split, &companion.network)))
                .collect();
            let recordings = trained.held_out_recordings(&dataset);
            for (row, window) in trained.out_of_fold.windows.iter().enumerate() {
                let group = groups(&dataset, &[*window]);
                let unseen =
                    all.iter().filter(|(split, _)| groups(&dataset, &split.training).is_disjoint(&group));
                let unseen: Vec<&Network> = unseen.map(|(_, network)| *network).collect();
                assert_eq!(trained.out_of_fold.networks[row], unseen.len());
                assert!(networks.contains(&unseen.len()), "{folds} folds: {} networks", unseen.len());
                let answering = &recordings[&dataset.recording_of_window[*window]];
                assert!(answering.iter().zip(&unseen).all(|(one, other)| std::ptr::eq(*one, *other)));
                let expected = ensemble::probabilities(&unseen, &[dataset.window(*window)], 2);
                let answer = &trained.out_of_fold.probabilities[2 * row..][..2];
                assert!((answer[0] - expected[0]).abs() < 1e-5, "{answer:?} is not {expected:?}");
            }
        }
    }

    #[test]
    fn the_reported_calibration_error_is_that_of_the_exported_network() {
        let dataset = sine_waves(3, 5, 8);
        for calibrate in [false, true] {
            let options = FitOptions { patience: 0, epochs: Some(3), calibrate, ..quick() };
            let trained = run(&options, &dataset).unwrap();
            let held_out = &trained.members[0].split.validation;
            let windows: Vec<&[f32]> = held_out.iter().map(|window| dataset.window(*window)).collect();
            let exported = trained.ensemble.probabilities(&windows);
            let largest = exported.iter().zip(&trained.out_of_fold.probabilities);
            assert!(largest.map(|(one, other)| (one - other).abs()).fold(0.0, f32::max) < 1e-5);
            let Some(calibration) = trained.calibration else {
                assert!(!calibrate);
                continue;
            };
            let labels = trained.out_of_fold.labels(&dataset);
            let error = expected_calibration_error(&exported, &labels, 3);
            let reported =
                if calibration.applied { calibration.error_after } else { calibration.error_before };
            // With a temperature that was fitted to all held-out windows rather than to most.
            assert!(
                (error - reported).abs() < if calibration.applied { 0.05 } else { 1e-5 },
                "{error} {reported}"
            );
        }
    }

    #[test]
    fn everything_that_held_out_recordings_choose_is_named() {
        let dataset = sine_waves(2, 5, 4);
        let chose = |schedule, patience, validation| {
            let options =
                FitOptions { schedule, patience, epochs: Some(1), validation: Some(validation), ..quick() };
            run(&options, &dataset).unwrap().validation_chose()
        };
        assert_eq!(chose(Schedule::Cosine, 0, 0.2), []);
        assert_eq!(chose(Schedule::Plateau, 0, 0.2), [ValidationChoice::LearningRate]);
        assert_eq!(chose(Schedule::Plateau, 0, 0.0), [], "the schedule then follows the training loss");
        let both = [ValidationChoice::Epoch, ValidationChoice::LearningRate];
        assert_eq!(chose(Schedule::Plateau, 3, 0.2), both);
    }

    #[test]
    fn an_interruption_among_the_companions_leaves_the_model_unfinished_and_uncalibrated() {
        let dataset = sine_waves(2, 5, 8);
        let stop = AtomicBool::new(false);
        let progress = |network: usize, epoch: &Epoch| {
            stop.store(network == 4 && epoch.epoch == 3, Ordering::Relaxed);
        };
        let options = FitOptions { folds: Some(3), patience: 0, ..quick() }.resolved(&dataset);
        let training =
            TrainingContext { options: &options, dataset: &dataset, stop: &stop, progress: &progress };
        let trained = cross_validate(&training).unwrap();
        assert_eq!(trained.interrupted.unwrap().to_string(), "epoch 3 of 12 of network 5 of 6");
        assert_eq!((trained.members.len(), trained.companions.len(), trained.calibration), (3, 0, None));
    }

    #[test]
    fn the_stop_flag_ends_training_before_the_next_batch_and_keeps_the_result_so_far() {
        let dataset = sine_waves(2, 5, 8);
        let stop = AtomicBool::new(false);
        let progress = |_: usize, epoch: &Epoch| stop.store(epoch.epoch == 2, Ordering::Relaxed);
        let options = FitOptions { folds: Some(3), patience: 0, ..quick() }.resolved(&dataset);
        let training =
            TrainingContext { options: &options, dataset: &dataset, stop: &stop, progress: &progress };
        let trained = cross_validate(&training).unwrap();
        assert_eq!((trained.members.len(), trained.members[0].history.len()), (1, 2));
        let came = trained.interrupted.unwrap();
        assert_eq!(came.to_string(), "epoch 2 of 12 of network 1 of 6");
    }

    #[test]
    fn training_stops_when_validation_no_longer_improves() {
        let mut dataset = sine_waves(2, 5, 6);
        // The labels of the held-out recordings are swapped, so that learning only makes validation worse.
        let split = Split::new(&dataset, 0.2, 0);
        split.validation.iter().for_each(|index| dataset.labels[*index] = 1 - dataset.labels[*index]);
        let trained = run(&FitOptions { patience: 2, epochs: Some(50), ..quick() }, &dataset).unwrap();
        let member = &trained.members[0];
        assert_eq!(member.history.len(), best_epoch(member).epoch + 2);
    }

    #[test]
    fn a_loss_that_is_not_a_number_stops_training_and_names_the_fix() {
        let mut dataset = sine_waves(2, 3, 4);
        dataset.steps[3] = f32::NAN;
        let options = FitOptions { validation: Some(0.0), folds: None, ..quick() };
        let error = run(&options, &dataset).unwrap_err().to_string();
        assert!(error.contains("the loss is NaN in epoch 1") && error.contains("--learning-rate"), "{error}");
    }

    #[test]
    fn one_wrong_value_among_9000_harms_no_training_with_robust_scaling_and_ruins_one_with_standard_scaling()
    {
        let sound = sine_waves(3, 5, 30);
        let split = Split::for_one(&sound, 0.2, 0);
        let mut glitch = sound.clone();
        // The largest number of an unsigned counter, in a window that is trained on.
        glitch.steps[glitch.windows[split.training[7]].start + 5] = 4_294_967_295.0;
        let loss = |dataset: &Dataset, input_scaling: InputScaling| {
            let options = FitOptions {
                input_scaling,
                epochs: Some(3),
                batch_size: 16,
                patience: 0,
                summary: false,
                ..quick()
            };
            let options = options.resolved(dataset);
            let (stop, progress) = (AtomicBool::new(false), |_: usize, _: &Epoch| {});
            let training = TrainingContext { options: &options, dataset, stop: &stop, progress: &progress };
            let history = train_member(&training, split.clone(), 0).unwrap().member.history;
            history[2].validation_loss.unwrap()
        };
        for (dataset, robust) in [(&sound, true), (&sound, false), (&glitch, true), (&glitch, false)] {
            let loss = loss(dataset, if robust { InputScaling::Robust } else { InputScaling::Standard });
            let ruined = !robust && dataset == &glitch;
            assert!(if ruined { loss > 0.9 } else { loss < 0.1 }, "{loss} {robust} {ruined}");
        }
    }
}
