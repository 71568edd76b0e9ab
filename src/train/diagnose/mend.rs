//! What to train with instead, tried before it is recommended.

use super::Question;
use super::cause::Cause;
use super::diagnosis::Diagnosis;
use super::inspection::Cleaned;
use super::laboratory::{Experiment, Laboratory, Outcome, SEEDS};
use super::trial::Trial;
use super::verdict::mean;
use crate::train::fit::FitError;
use crate::train::options::FitOptions;
use crate::train::schedule::Schedule;

/// What to train with instead, and what came of it beside the training as it was, each in the same time.
#[derive(Clone, Debug)]
pub struct Mended {
    /// The settings; what is `None` is left to `fit`, which picks it from the recordings.
    pub options: FitOptions,
    /// The training as it was, seed by seed.
    pub before: Vec<Option<Outcome>>,
    /// With these settings, seed by seed.
    pub after: Vec<Option<Outcome>>,
}

impl Question<'_> {
    /// Tries what to train with instead: the settings with every cause mended, and the defaults; the better of them.
    pub(super) fn mended(
        &self,
        diagnosis: &Diagnosis,
        cleaned: &Cleaned,
        laboratory: &Laboratory<'_>,
    ) -> Result<Option<Mended>, FitError> {
        let (asked, live) = (self.options, cleaned.live.as_ref());
        let mut options = asked.clone();
        for finding in diagnosis.findings.iter().rev() {
            let trial = diagnosis.trials.iter().filter(|trial| trial.cause == Some(finding.cause));
            let best = |one: &&Trial, other: &&Trial| {
                let gain = |trial: &Trial| {
                    trial
                        .effect
                        .map_or(0.0, |e| e.accuracy.mean + 0.1 * e.loss.mean + 0.05 * e.roughness.mean)
                };
                gain(one).total_cmp(&gain(other))
            };
            if let Some(trial) = trial.max_by(best) {
                options = changed(&options, &trial.options, &diagnosis.options, diagnosis.epochs);
            }
        }
        if diagnosis.findings.iter().any(|finding| finding.cause == Cause::GradientSpikes) {
            options.schedule = Schedule::Cosine;
        }
        let dataset = live.unwrap_or(self.dataset);
        let defaults = FitOptions {
            rate: asked.rate,
            window: asked.window,
            hop: None,
            channels: options.channels.clone(),
            folds: Some(0),
            validation: asked.validation,
            seed: asked.seed,
            ..FitOptions::default()
        };
        let finer = |hop: Option<usize>| match self.finer {
            Some(finer) if hop.is_none_or(|hop| hop < asked.hop.unwrap_or(usize::MAX)) && live.is_none() => {
                finer
            }
            _ => dataset,
        };
        let seeds = SEEDS[1].min(diagnosis.seeds);
        let label_errors = diagnosis.findings.iter().any(|finding| finding.cause == Cause::LabelErrors);
        let candidates = [options, defaults];
        let trained = candidates.each_ref().map(|options| {
            let dataset = finer(options.hop);
            let mut experiment = Experiment::new(options.resolved(dataset), dataset);
            if label_errors && dataset.len() == self.dataset.len() {
                experiment.untrained = cleaned.suspects.clone();
            }
            experiment
        });
        let mut experiments = vec![Experiment::new(asked.clone(), self.dataset)];
        experiments.extend(trained);
        let runs = experiments.len() * seeds;
        let rounds = runs.div_ceil(laboratory.workers.max(1)) as f64;
        for experiment in &mut experiments {
            let split = experiment.split(0);
            let epoch = self.epoch_time(&experiment.options, experiment.dataset, &split)?.max(1e-5);
            let affordable = (0.85 * laboratory.left().as_secs_f64() / rounds / epoch) as usize;
            experiment.options.epochs = Some(experiment.options.epochs().min(affordable).max(2));
        }
        let rows = laboratory.run(&experiments, seeds)?;
        let settings = [asked.clone()].into_iter().chain(candidates);
        let mut rows = settings.zip(rows).filter(|(_, row)| row.iter().flatten().count() > 0);
        let Some((_, before)) = rows.next() else { return Ok(None) };
        let mended = |(options, after)| Mended { options, before: before.clone(), after };
        let candidates: Vec<Mended> = rows.map(mended).collect();
        let score = |mended: &Mended| mean(&mended.after, |outcome| outcome.accuracy);
        // The defaults, which stand last, are shorter to write down and were measured on more data than these.
        let [own, defaults] = candidates.as_slice() else { return Ok(candidates.into_iter().next()) };
        Ok(Some(if score(own) > score(defaults) + 0.01 { own.clone() } else { defaults.clone() }))
    }
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
