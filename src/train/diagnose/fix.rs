//! What to train with instead, tried before it is recommended.

use super::DiagnosisRequest;
use super::cause::Cause;
use super::diagnosis::Diagnosis;
use super::inspection::Cleaned;
use super::runner::{Effect, Experiment, ExperimentOutcome, ExperimentRunner, SEEDS, fall};
use super::trial::Trial;
use crate::train::fit::epoch::FitError;
use crate::train::optimize::schedule::Schedule;
use crate::train::options::FitOptions;

/// What to train with instead, and what came of it beside the training as it was, each for as many of its epochs as there was time for.
#[derive(Clone, Debug)]
pub(crate) struct FixedTraining {
    /// The settings; what is `None` is left to `fit`, which picks it from the recordings.
    pub options: FitOptions,
    /// Epochs of a whole training with them.
    pub epochs: usize,
    /// The training as it was, seed by seed.
    pub before: Vec<Option<ExperimentOutcome>>,
    /// With these settings, seed by seed.
    pub after: Vec<Option<ExperimentOutcome>>,
}

/// The share of the time left that goes to the candidates; the rest is for the training as it was, of which there may be far more epochs.
const CANDIDATES: f64 = 0.4;

impl DiagnosisRequest<'_> {
    /// Tries what to train with instead: the settings with every cause mended, and the defaults; the better of them, beside the training
    /// as it was.
    pub(super) fn fixed(
        &self,
        diagnosis: &Diagnosis,
        cleaned: &Cleaned,
        runner: &ExperimentRunner<'_>,
    ) -> Result<Option<FixedTraining>, FitError> {
        let own = self.with_causes_mended(diagnosis);
        let defaults = FitOptions {
            rate: self.options.rate,
            window: self.options.window,
            channels: own.channels.clone(),
            folds: Some(0),
            validation: self.options.validation,
            seed: self.options.seed,
            ..FitOptions::default()
        };
        let candidates = [own, defaults];
        let wrong = diagnosis.findings.iter().any(|finding| finding.cause == Cause::LabelErrors);
        let experiments = candidates.each_ref().map(|options| self.candidate(options, cleaned, wrong));
        // No core is to stand idle for the last of them.
        let seeds = SEEDS[1].next_multiple_of(runner.workers.max(1)).min(SEEDS[0]);
        let soon = runner.deadline - runner.left().mul_f64(1.0 - CANDIDATES);
        let rows = self.run_within(&experiments, seeds, &ExperimentRunner { deadline: soon, ..*runner })?;
        // Of equals the defaults: they are shorter to write down and were measured on more data than these.
        let epochs = experiments.iter().map(|experiment| experiment.options.epochs());
        let best = candidates
            .into_iter()
            .zip(epochs)
            .zip(rows)
            .filter(|(_, row)| row.iter().any(Option::is_some))
            .reduce(|own, defaults| if gain(&defaults.1, &own.1) > EQUAL { own } else { defaults });
        let Some(((mut options, epochs), after)) = best else { return Ok(None) };
        // What `fit` picks by itself is left to it.
        let picked = FitOptions::default().resolved(self.dataset);
        options.hidden = options.hidden.filter(|_| options.hidden != picked.hidden);
        options.dense = options.dense.filter(|_| options.dense != picked.dense);
        let as_it_was = [Experiment::new(self.options.clone(), self.dataset)];
        let before = self.run_within(&as_it_was, seeds, runner)?.pop().unwrap_or_default();
        // What is no better is not recommended.
        Ok((gain(&before, &after) > 0.0).then_some(FixedTraining { options, epochs, before, after }))
    }

    /// The settings with the best change for each cause, the first cause's last.
    fn with_causes_mended(&self, diagnosis: &Diagnosis) -> FitOptions {
        let mut options = self.options.clone();
        for finding in diagnosis.findings.iter().rev() {
            let gain = |trial: &&Trial| {
                let worth = |e: Effect| worth(e.accuracy.mean, e.loss.mean, e.roughness.mean);
                trial.effect.map_or(0.0, worth)
            };
            let trials = diagnosis.trials.iter().filter(|trial| trial.cause == Some(finding.cause));
            if let Some(trial) = trials.max_by(|one, other| gain(one).total_cmp(&gain(other))) {
                options = changed(&options, &trial.options, &diagnosis.options, diagnosis.epochs);
            }
        }
        let found = |cause| diagnosis.findings.iter().any(|finding| finding.cause == cause);
        if found(Cause::GradientSpikes) {
            options.schedule = Schedule::Cosine;
        }
        if [Cause::GradientSpikes, Cause::LearningRateTooHigh, Cause::BatchTooSmall].into_iter().any(found) {
            // What single steps do to the network that is kept.
            options.weight_average = FitOptions::default().weight_average;
        }
        options
    }

    /// A training with other settings, on the windows that they ask for.
    fn candidate<'a>(
        &'a self,
        options: &FitOptions,
        cleaned: &'a Cleaned,
        wrong_labels: bool,
    ) -> Experiment<'a> {
        let smaller = options.hop.is_none_or(|hop| hop < self.options.hop.unwrap_or(usize::MAX));
        let dataset = match (&cleaned.live, self.finer) {
            (Some(live), _) => live,
            (None, Some(finer)) if smaller => finer,
            _ => self.dataset,
        };
        let mut experiment = Experiment::new(options.resolved(dataset), dataset);
        if wrong_labels && dataset.len() == self.dataset.len() {
            experiment.untrained = cleaned.suspects.clone();
        }
        experiment
    }

    /// Runs experiments over seeds, each for as many of its epochs as there is time for; what one does not need the others get.
    fn run_within(
        &self,
        experiments: &[Experiment<'_>],
        seeds: usize,
        runner: &ExperimentRunner<'_>,
    ) -> Result<Vec<Vec<Option<ExperimentOutcome>>>, FitError> {
        let epoch = |experiment: &Experiment<'_>| {
            Ok(self.epoch_time(&experiment.options, experiment.dataset, &experiment.split(0))?.max(1e-5))
        };
        let times: Vec<f64> = experiments.iter().map(epoch).collect::<Result<_, FitError>>()?;
        let needed = |index: usize| times[index] * experiments[index].options.epochs() as f64;
        let rounds = (experiments.len() * seeds).div_ceil(runner.workers.max(1)) as f64;
        let each = 0.93 * runner.left().as_secs_f64() / rounds;
        let (longer, shorter): (Vec<usize>, Vec<usize>) =
            (0..experiments.len()).partition(|index| needed(*index) > each);
        let spare: f64 = shorter.into_iter().map(|index| each - needed(index)).sum();
        let each = each + spare / longer.len().max(1) as f64;
        let shortened = experiments.iter().zip(&times).map(|(experiment, time)| {
            let epochs = experiment.options.epochs().min((each / time) as usize).max(2);
            let options = FitOptions { epochs: Some(epochs), ..experiment.options.clone() };
            Experiment { options, ..experiment.clone() }
        });
        runner.run(&shortened.collect::<Vec<_>>(), seeds)
    }
}

/// By how much settings have to be better than the defaults to be taken for better.
const EQUAL: f64 = 0.01;

/// What a rise of balanced accuracy and falls of a loss and of a roughness, as logarithms, are worth together, in shares of balanced
/// accuracy: a loss that is lower by a tenth counts as much as a point, and one that is half as rough as three.
fn worth(accuracy: f64, loss: f64, roughness: f64) -> f64 {
    accuracy + 0.1 * loss + 0.05 * roughness
}

/// How much better trainings are than others, with the roughness of their validation loss, over the seeds that were run of both; 0 where
/// no seed was.
fn gain(before: &[Option<ExperimentOutcome>], after: &[Option<ExperimentOutcome>]) -> f64 {
    let gain = |before: &ExperimentOutcome, after: &ExperimentOutcome| {
        let roughness = fall(before.validation_roughness, after.validation_roughness);
        worth(after.accuracy - before.accuracy, fall(before.loss, after.loss), roughness)
    };
    let pairs = before.iter().zip(after).filter_map(|(before, after)| before.as_ref().zip(after.as_ref()));
    let gains: Vec<f64> = pairs.map(|(before, after)| gain(before, after)).collect();
    gains.iter().sum::<f64>() / gains.len().max(1) as f64
}

/// Settings with what a trial changed in others.
fn changed(options: &FitOptions, trial: &FitOptions, from: &FitOptions, epochs: usize) -> FitOptions {
    let table = |options: &FitOptions| toml::Table::try_from(options).unwrap_or_default();
    let before = table(&FitOptions { epochs: Some(epochs), ..from.clone() });
    let mut joined = table(options);
    let differs =
        table(trial).into_iter().filter(|(key, value)| before.get(key) != Some(value) && key != "epochs");
    joined.extend(differs);
    joined.try_into().unwrap_or_else(|_| options.clone())
}
