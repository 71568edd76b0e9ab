//! The training of one network, from its first epoch to the weights that are kept.

use super::context::TrainingContext;
use super::epoch::{Epoch, FitError};
use super::trainer::Trainer;
use crate::score::Confusion;
use crate::train::data::split::Split;
use crate::train::network::Network;
use crate::train::network::loss::most_probable;

/// How one network was trained.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Which windows it was trained on, and which were held out.
    pub split: Split,
    /// The figures of every epoch.
    pub history: Vec<Epoch>,
    /// Whether training was interrupted before its last epoch had ended.
    pub interrupted: bool,
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
/// minimum for that many epochs, and the weights of the minimum are kept (early stopping, Prechelt 1998).
///
/// # Errors
/// [`FitError`] if there are fewer training windows than labels, or the loss is not finite.
pub(super) fn train_member(
    context: &TrainingContext<'_>,
    split: Split,
    index: usize,
) -> Result<TrainedMember, FitError> {
    let TrainingContext { options, dataset, .. } = *context;
    let labels = dataset.card.labels.len();
    if split.training.len() < labels {
        return Err(FitError::TooFew { windows: split.training.len(), labels });
    }
    let mut trainer = Trainer::new(context, split, index);
    let (mut history, mut best_epoch, mut lowest_loss) = (Vec::new(), 0, f64::INFINITY);
    let mut interrupted = false;
    let mut kept = (trainer.validated_network().clone(), Vec::new());
    while trainer.epochs() < options.epochs() {
        let Some(figures) = trainer.epoch()? else {
            interrupted = true;
            break;
        };
        (context.progress)(index, &figures);
        history.push(figures);
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
    let member = Member { split: trainer.into_split(), history, interrupted };
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
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::train::data::dataset::Dataset;
    use crate::train::fit::cross_validation::cross_validate;
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
        assert!(trained.chosen_on_validation());
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
                let parameters = trained.ensemble.members().iter().flat_map(|network| network.parameters());
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
        let calibration = trained.calibration.unwrap();
        assert!(calibration.temperature > 0.0 && trained.window_confusion(&dataset).accuracy() > 0.9);
        assert_eq!(trained.decision_confusion(&dataset).total(), dataset.len() as u64);
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
        assert_eq!(came.to_string(), "epoch 2 of 12 of network 1 of 3");
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
            let options =
                FitOptions { input_scaling, epochs: Some(3), batch_size: 16, patience: 0, ..quick() };
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
