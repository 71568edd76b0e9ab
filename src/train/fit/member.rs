//! The training of one network, from its first epoch to the weights that are kept.

use super::context::TrainingContext;
use super::epoch::{Epoch, FitError};
use super::trainer::Trainer;
use crate::score::Confusion;
use crate::train::data::split::Split;
use crate::train::network::Network;
use crate::train::network::loss::most_probable;

/// A trained network.
#[derive(Clone, Debug)]
pub(crate) struct Fitted {
    /// The network, with the weights of its best epoch, or of its last.
    pub network: Network,
    /// Which windows were held out.
    pub split: Split,
    /// Every epoch's figures.
    pub history: Vec<Epoch>,
    /// The epoch that the weights are of, counted from 1.
    pub best: usize,
    /// Logits of the windows held out, row-major [N, K].
    pub logits: Vec<f32>,
}

impl TrainingContext<'_> {
    /// Trains a network; `member` is its number among several, from 0.
    ///
    /// # Errors
    /// [`FitError`]: too few windows, or a loss that is no number.
    pub(crate) fn fit(&self, split: Split, member: usize) -> Result<Fitted, FitError> {
        let labels = self.dataset.card.labels.len();
        if split.training.len() < labels {
            return Err(FitError::TooFew { windows: split.training.len(), labels });
        }
        let mut trainer = Trainer::new(self, split, member);
        let (mut history, mut best, mut lowest) = (Vec::new(), 0, f64::INFINITY);
        let mut kept = (trainer.kept().clone(), Vec::new());
        while trainer.epochs() < self.options.epochs() {
            let Some(figures) = trainer.epoch()? else { break };
            (self.progress)(member, &figures);
            history.push(figures);
            // Without patience the last weights are those that the schedule led to, and the validation chooses nothing.
            let loss = figures.validation_loss.filter(|_| self.options.patience > 0);
            if loss.is_none_or(|loss| loss < lowest) {
                (lowest, best) = (loss.unwrap_or(lowest), figures.epoch);
                kept = (trainer.kept().clone(), trainer.held().to_vec());
            } else if figures.epoch - best >= self.options.patience {
                break;
            }
        }
        // Stopped within the first epoch: what there is.
        let (network, logits) = if best == 0 { trainer.now() } else { kept };
        Ok(Fitted { network, split: trainer.into_split(), history, best, logits })
    }
}

/// Counts probabilities, row-major [N, K], against their windows' labels.
pub(crate) fn confusion(
    labels: &[String],
    probabilities: &[f32],
    truth: impl Iterator<Item = usize>,
) -> Confusion {
    let mut confusion = Confusion::new(labels);
    for (row, truth) in probabilities.chunks_exact(labels.len().max(1)).zip(truth) {
        confusion.add(truth, Some(most_probable(row)));
    }
    confusion
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::train::data::dataset::Dataset;
    use crate::train::fit::cross_validation::Trained;
    use crate::train::optimize::optimizer::OptimizerKind;
    use crate::train::optimize::schedule::Schedule;
    use crate::train::options::Balance;
    use crate::train::options::FitOptions;
    use crate::train::tests::waves;

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

    fn run(options: &FitOptions, dataset: &Dataset) -> Result<Trained, FitError> {
        let options = options.resolved(dataset);
        let (stop, progress) = (AtomicBool::new(false), |_: usize, _: &Epoch| {});
        TrainingContext { options: &options, dataset, stop: &stop, progress: &progress }.run()
    }

    #[test]
    fn waves_of_different_frequency_are_told_apart() {
        let dataset = waves(3, 5, 8);
        let trained = run(&quick(), &dataset).unwrap();
        assert!(trained.windows(&dataset).accuracy() > 0.9, "{}", trained.windows(&dataset));
        let member = &trained.members[0];
        let best = member.history[member.best - 1].validation_loss.unwrap();
        assert!(member.history.iter().all(|epoch| epoch.validation_loss.unwrap() >= best));
        assert!(trained.chosen_on_validation());
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_whatever_the_number_of_threads() {
        let dataset = waves(3, 5, 8);
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
    fn averaged_weights_change_what_is_validated_and_kept_and_no_step_of_the_training() {
        let dataset = waves(3, 5, 8);
        let fit = |weight_average| {
            let options = FitOptions { weight_average, patience: 0, ..quick() }.resolved(&dataset);
            let (stop, progress) = (AtomicBool::new(false), |_: usize, _: &Epoch| {});
            let training =
                TrainingContext { options: &options, dataset: &dataset, stop: &stop, progress: &progress };
            training.fit(Split::for_one(&dataset, 0.2, 0), 0).unwrap()
        };
        let (plain, averaged) = (fit(0.0), fit(0.9));
        let losses = |member: &Fitted| member.history.iter().map(|epoch| epoch.loss).collect::<Vec<_>>();
        assert_eq!(losses(&plain), losses(&averaged));
        assert_ne!(plain.network, averaged.network);
        let held: Vec<&[f32]> =
            averaged.split.validation.iter().map(|window| dataset.window(*window)).collect();
        assert_eq!(averaged.network.logits(&held), averaged.logits);
    }

    #[test]
    fn every_optimizer_and_schedule_learns() {
        let dataset = waves(2, 5, 8);
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
    fn each_fold_is_scored_by_the_network_that_has_not_seen_it() {
        let dataset = waves(3, 5, 8);
        let options = FitOptions { folds: Some(5), patience: 0, ..quick() };
        let trained = run(&options, &dataset).unwrap();
        assert_eq!((trained.members.len(), trained.scores(&dataset).len()), (5, 5));
        assert_eq!(trained.held.windows, (0..dataset.len()).collect::<Vec<_>>());
        for (window, member) in trained.held.windows.iter().zip(&trained.held.members) {
            assert!(trained.members[*member].split.validation.contains(window));
            assert!(!trained.members[*member].split.training.contains(window));
        }
        let calibration = trained.calibration.unwrap();
        assert!(calibration.temperature > 0.0 && trained.windows(&dataset).accuracy() > 0.9);
        assert_eq!(trained.decisions(&dataset).total(), dataset.len() as u64);
    }

    #[test]
    fn a_stop_ends_training_at_the_next_batch_with_what_there_is() {
        let dataset = waves(2, 5, 8);
        let stop = AtomicBool::new(false);
        let progress = |_: usize, epoch: &Epoch| stop.store(epoch.epoch == 2, Ordering::Relaxed);
        let options = FitOptions { folds: Some(3), patience: 0, ..quick() }.resolved(&dataset);
        let training =
            TrainingContext { options: &options, dataset: &dataset, stop: &stop, progress: &progress };
        let trained = training.run().unwrap();
        assert_eq!((trained.members.len(), trained.members[0].history.len()), (1, 2));
    }

    #[test]
    fn training_stops_when_validation_no_longer_improves() {
        let mut dataset = waves(2, 5, 6);
        // The held-out recordings say the opposite of the others, so that learning only makes validation worse.
        let split = Split::new(&dataset, 0.2, 0);
        split.validation.iter().for_each(|index| dataset.labels[*index] = 1 - dataset.labels[*index]);
        let trained = run(&FitOptions { patience: 2, epochs: Some(50), ..quick() }, &dataset).unwrap();
        let member = &trained.members[0];
        assert_eq!(member.history.len(), member.best + 2);
    }

    #[test]
    fn a_loss_that_is_no_number_stops_training_with_the_mend() {
        let mut dataset = waves(2, 3, 4);
        dataset.steps[3] = f32::NAN;
        let options = FitOptions { validation: Some(0.0), folds: None, ..quick() };
        let error = run(&options, &dataset).unwrap_err().to_string();
        assert!(error.contains("the loss is NaN in epoch 1") && error.contains("--learning-rate"), "{error}");
    }
}
