//! Why a training misbehaves, found out by experiment: it is run again with one thing changed at a time, over several seeds, and what
//! mends it is its cause.

pub mod artificial;
pub mod cause;
pub mod curve;
pub mod estimate;
pub mod label_errors;
pub mod laboratory;
pub mod neighbours;
pub mod page;
pub mod sampling;
pub mod screening;
pub mod sharpness;
pub mod trial;
pub mod verdict;

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use self::cause::Cause;
use self::curve::{roughness, spikes};
use self::estimate::Estimate;
use self::label_errors::Suspect;
use self::laboratory::{Effect, Experiment, Laboratory, Outcome};
use self::neighbours::Neighbours;
use self::sampling::{Noise, Spread};
use self::screening::{ChannelCheck, Duplicate};
use self::sharpness::{Direction, sharpness};
use self::trial::{Subject, Trial};
use self::verdict::{Evidence, Finding, SPIKE, mean};
use super::baseline::Features;
use super::dataset::Dataset;
use super::fit::{Epoch, FitError, Training, confusion};
use super::options::FitOptions;
use super::schedule::Schedule;
use super::split::Split;
use super::trainer::Trainer;
use super::trees::TreesOptions;

/// What is to be found out.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The settings that misbehave, complete, of a single network.
    pub options: &'a FitOptions,
    /// The windows.
    pub dataset: &'a Dataset,
    /// The same recordings cut at the hop that is the default, where that is much smaller.
    pub finer: Option<&'a Dataset>,
    /// How long it may take.
    pub budget: Duration,
    /// Once it is set, what is known by then is told.
    pub stop: &'a AtomicBool,
    /// Told what is being done, and after each training.
    pub progress: &'a (dyn Fn(Option<&str>) + Sync),
}

/// What was found out.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// What is wrong, the first to be mended first.
    pub findings: Vec<Finding>,
    /// The settings that misbehave.
    pub options: FitOptions,
    /// The training as it is, every epoch to the end, or as far as there was time.
    pub history: Vec<Epoch>,
    /// The moments of its noise.
    pub noise: Vec<Noise>,
    /// What sampling alone makes of an epoch against what was seen.
    pub spread: Option<Spread>,
    /// The sharpness around a spike, epoch by epoch, with its limit.
    pub spike: Option<Spike>,
    /// The range test: learning rates and losses.
    pub range: Vec<(f64, f64)>,
    /// Seeds that each change was tried over, and epochs of each.
    pub seeds: usize,
    /// Epochs of each training that was compared.
    pub epochs: usize,
    /// The trainings as they are.
    pub control: Vec<Option<Outcome>>,
    /// What was tried.
    pub trials: Vec<Trial>,
    /// The settings to train with instead, with what came of them.
    pub mended: Option<Mended>,
    /// What the channels are like.
    pub channels: Vec<ChannelCheck>,
    /// Recordings that hold the same drive.
    pub duplicates: Vec<Duplicate>,
    /// Stretches by how probably their label is wrong.
    pub stretches: Vec<Suspect>,
    /// What the nearest neighbour says of the error that cannot be avoided.
    pub neighbours: Neighbours,
    /// Balanced accuracy of trees on recordings that they have not seen.
    pub trees: f64,
    /// The same with windows split without regard to recordings.
    pub leaky_trees: f64,
    /// Accuracy of the same training on cos against arccos, and its losses.
    pub artificial: Option<Outcome>,
    /// What should be known, a sentence each.
    pub warnings: Vec<String>,
}

/// Settings to train with instead, and what came of them, seed by seed.
pub type Mended = (FitOptions, Vec<Option<Outcome>>);

/// The sharpness around a spike.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Spike {
    /// The epoch at which the loss jumps; none where it never does, and the end of the training was measured.
    pub epoch: Option<usize>,
    /// Epochs, with the largest eigenvalue of the preconditioned Hessian after each.
    pub sharpness: Vec<(usize, f64)>,
    /// What it may be at this learning rate: 2 / learning rate for RMSprop.
    pub limit: f64,
    /// Trained on from before the spike in other orders, as it was and at a tenth of the learning rate: the mean roughness of the
    /// training loss of each, in nats an epoch.
    pub calmed: Option<[f64; 2]>,
    /// By what factor that fell, as a natural logarithm.
    pub fall: Option<Estimate>,
}

/// Trees of a baseline that has to be quick.
const TREES: usize = 100;
/// Seeds that changes are tried over: as many as there is time for.
const SEEDS: [usize; 2] = [5, 3];
/// Epochs before and after a spike at which the sharpness is measured.
const AROUND: usize = 10;

impl Question<'_> {
    /// Finds it out.
    ///
    /// # Errors
    /// [`FitError`]: too few windows, or no threads.
    pub fn answer(&self) -> Result<Diagnosis, FitError> {
        let Self { options, dataset, budget, stop, progress, .. } = *self;
        let begun = Instant::now();
        let labels = dataset.card.labels.len();
        let split = Split::for_one(dataset, options.validation(), options.seed);
        if split.training.len() < labels {
            return Err(FitError::TooFew { windows: split.training.len(), labels });
        }
        let threads = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let ended = || progress(None);
        let laboratory = |share: f64| Laboratory {
            workers: threads,
            deadline: begun + budget.mul_f64(share),
            stop,
            ended: &ended,
        };
        progress(Some("looking at the windows"));
        let all = laboratory(1.0);
        let channels = screening::channels(dataset);
        let duplicates = screening::duplicates(dataset);
        let grouped = (!duplicates.is_empty()).then(|| screening::grouped(dataset, &duplicates));
        let features = Features::of(dataset);
        let neighbours = neighbours::neighbours(dataset, &features);
        let known = grouped.as_ref().unwrap_or(dataset);
        let (probabilities, trees) =
            out_of_fold(&all, known, &features, Split::folds(known, 5, options.seed))?;
        let leaky = Split::leaky_folds(dataset, 5, options.seed);
        let (_, leaky_trees) = out_of_fold(&all, dataset, &features, leaky)?;
        let stretches = label_errors::rank(known, &probabilities);
        let suspects: BTreeSet<usize> =
            stretches.iter().filter(|one| one.suspected).flat_map(|one| one.windows.clone()).collect();

        progress(Some("training as it is"));
        let epoch = self.epoch_time(options, dataset, &split)?.max(1e-5);
        let left = all.left().as_secs_f64();
        let whole = options.epochs().min((0.2 * left / epoch) as usize).max(2);
        let reference = FitOptions { epochs: Some(whole), ..options.clone() };
        let task = artificial::cos_against_arccos(dataset, options.seed);
        let artificial_epochs = (whole * dataset.len()).div_ceil(task.len()).max(2);
        let artificial_options = FitOptions {
            epochs: Some(artificial_epochs.min(whole.div_ceil(2)).max(2)),
            hop: None,
            ..options.clone()
        };
        let artificial = Experiment::new(artificial_options, &task);
        let early = laboratory(0.4);
        let mut first = (None, None);
        for part in early.each(2, |job| {
            Some(match job {
                0 => (self.reference(&reference, &split, &early), None),
                _ => (None, early.one(&artificial, 0)),
            })
        })? {
            match part {
                Some((reference @ Some(_), _)) => first.0 = reference,
                Some((_, artificial)) => first.1 = artificial,
                None => {}
            }
        }
        let (seen, artificial) = first;
        let seen = seen.unwrap_or_default();

        progress(Some("measuring steps"));
        let losses: Vec<f64> = seen.history.iter().map(|epoch| epoch.loss).collect();
        let limited = laboratory(0.55);
        // The last one that there is time to get to again, and to look around at.
        let reached = 0.4 * limited.left().as_secs_f64() / epoch;
        let jumps = spikes(&losses, SPIKE);
        let at = jumps.iter().rev().find(|at| **at as f64 <= reached).or(jumps.first()).copied();
        let (mut range, mut spike) = (Vec::new(), None);
        for part in limited
            .each(2, |job| {
                Some(match job {
                    0 => (None, self.range(&split, epoch, &limited)),
                    _ => (self.spike(&reference, &split, at, losses.len(), epoch, &limited), Vec::new()),
                })
            })?
            .into_iter()
            .flatten()
        {
            match part {
                (Some(found), _) => spike = Some(found),
                (None, found) if !found.is_empty() => range = found,
                _ => {}
            }
        }

        progress(Some("changing one thing at a time"));
        let live: Vec<usize> =
            (0..channels.len()).filter(|channel| channels[*channel].stuck < 0.15).collect();
        let live = (!live.is_empty() && live.len() < channels.len()).then(|| dataset.with_channels(&live));
        let plan = |epochs: usize| {
            let options = FitOptions { epochs: Some(epochs), ..options.clone() };
            Subject {
                options: &options,
                dataset,
                finer: self.finer,
                live: live.as_ref(),
                grouped: grouped.as_ref(),
                suspects: &suspects,
            }
            .changes()
            .len()
                + 1
        };
        let late = laboratory(if stretches.is_empty() { 0.9 } else { 0.72 });
        // What a training takes is about what the one that misbehaves takes; larger networks are not tried.
        let affordable = |seeds: usize| {
            0.8 * late.left().as_secs_f64() * threads as f64 / (plan(2) * seeds) as f64 / epoch
        };
        // Fewer seeds where time is short, then fewer epochs.
        let enough = |seeds: &usize| affordable(*seeds) >= options.epochs() as f64 * 0.5;
        let seeds = SEEDS.into_iter().find(enough).unwrap_or(SEEDS[1]);
        let epochs = options.epochs().min(affordable(seeds) as usize).max(2);
        let short = FitOptions { epochs: Some(epochs), ..options.clone() };
        let subject = Subject {
            options: &short,
            dataset,
            finer: self.finer,
            live: live.as_ref(),
            grouped: grouped.as_ref(),
            suspects: &suspects,
        };
        let changes = subject.changes();
        let mut experiments = vec![Experiment::new(short.clone(), dataset)];
        experiments.extend(changes.iter().map(|change| change.experiment.clone()));
        let mut outcomes = late.run(&experiments, seeds)?.into_iter();
        let control = outcomes.next().unwrap_or_default();
        let outcomes: Vec<_> = outcomes.collect();
        let unsuspected = changes
            .iter()
            .zip(&outcomes)
            .find(|(change, _)| change.what.contains("score only"))
            .map(|(_, row)| row.clone());
        let trials: Vec<Trial> = changes
            .iter()
            .zip(outcomes)
            .map(|(change, outcomes)| {
                let before = unsuspected.as_ref().filter(|_| change.against_unsuspected).unwrap_or(&control);
                Trial {
                    what: change.what.clone(),
                    cause: change.cause,
                    options: change.experiment.options.clone(),
                    effect: Effect::of(before, &outcomes),
                    outcomes,
                    other_loss: change.other_loss,
                }
            })
            .collect();
        let evidence = Evidence {
            options: &short,
            dataset,
            channels: &channels,
            duplicates: &duplicates,
            stretches: &stretches,
            trees,
            control: &control,
            trials: &trials,
            shortened: epochs < options.epochs(),
            steepest: steepest(&range),
            history: &seen.history,
            spike: spike.as_ref(),
        };
        let findings = evidence.findings();
        let mut diagnosis = Diagnosis {
            options: options.clone(),
            history: seen.history,
            noise: seen.noise,
            spread: seen.spread,
            spike,
            range,
            seeds,
            epochs,
            control,
            trials,
            mended: None,
            channels,
            duplicates,
            stretches,
            neighbours,
            trees,
            leaky_trees,
            artificial,
            warnings: split.warnings,
            findings,
        };
        if !diagnosis.findings.is_empty() {
            progress(Some("trying what to do instead"));
            diagnosis.mended = self.mended(&diagnosis, &suspects, live.as_ref(), &all)?;
        }
        Ok(diagnosis)
    }

    /// Seconds that an epoch takes on one thread.
    fn epoch_time(&self, options: &FitOptions, dataset: &Dataset, split: &Split) -> Result<f64, FitError> {
        let quiet = |_: usize, _: &Epoch| {};
        let training = Training { options, dataset, stop: self.stop, progress: &quiet };
        super::fit::pool(1)?.install(|| {
            let mut trainer = Trainer::new(&training, split.clone(), 0);
            // The first epoch also fills memory.
            let first = Instant::now();
            drop(trainer.epoch());
            let first = first.elapsed();
            if first > Duration::from_secs(1) {
                return Ok(first.as_secs_f64());
            }
            let begun = Instant::now();
            drop(trainer.epoch());
            Ok(begun.elapsed().as_secs_f64())
        })
    }

    /// The training as it is, with its noise on the way.
    fn reference(&self, options: &FitOptions, split: &Split, laboratory: &Laboratory<'_>) -> Option<Seen> {
        let quiet = |_: usize, _: &Epoch| {};
        let training = Training { options, dataset: self.dataset, stop: self.stop, progress: &quiet };
        let mut trainer = Trainer::new(&training, split.clone(), 0);
        let epochs = options.epochs();
        let (early, late) = (epochs.div_ceil(10), (7 * epochs).div_ceil(10));
        let mut seen = Seen::default();
        let mut resampled = Vec::new();
        while trainer.epochs() < epochs && !laboratory.over() {
            match trainer.epoch() {
                Ok(Some(epoch)) => seen.history.push(epoch),
                _ => break,
            }
            if trainer.epochs() == early || trainer.epochs() == late {
                seen.noise.push(sampling::noise(&mut trainer, options.batch_size));
            }
            if trainer.epochs() == late {
                resampled = sampling::resampled(&trainer, 8);
            }
        }
        let after: Vec<f64> = seen.history.iter().skip(late).take(30).map(|epoch| epoch.loss).collect();
        seen.spread = sampling::spread(&after, &resampled);
        Some(seen)
    }

    fn range(&self, split: &Split, epoch: f64, laboratory: &Laboratory<'_>) -> Vec<(f64, f64)> {
        let quiet = |_: usize, _: &Epoch| {};
        let training =
            Training { options: self.options, dataset: self.dataset, stop: self.stop, progress: &quiet };
        let each = epoch / split.training.len().div_ceil(self.options.batch_size) as f64;
        let steps = ((0.1 * laboratory.left().as_secs_f64() / each) as usize).clamp(20, 150);
        let losses = Trainer::new(&training, split.clone(), 0).range_test(1e-6, 3.0, steps);
        // A running mean: a batch's loss is mostly chance.
        let around = |index: usize| {
            let part = &losses[index.saturating_sub(7)..(index + 8).min(losses.len())];
            part.iter().map(|(_, loss)| loss).sum::<f64>() / part.len() as f64
        };
        (0..losses.len()).map(|index| (losses[index].0, around(index))).collect()
    }

    /// The training once more up to a spike, or to its end, and the sharpness around it.
    fn spike(
        &self,
        options: &FitOptions,
        split: &Split,
        at: Option<usize>,
        last: usize,
        epoch: f64,
        laboratory: &Laboratory<'_>,
    ) -> Option<Spike> {
        let quiet = |_: usize, _: &Epoch| {};
        let training = Training { options, dataset: self.dataset, stop: self.stop, progress: &quiet };
        let (first, end) = match at {
            Some(at) => (at.saturating_sub(AROUND).max(1), (at + AROUND).min(last)),
            None => (last.saturating_sub(1).max(1), last),
        };
        // A product takes two gradients over everything, each about an epoch's time.
        let products = laboratory.left().as_secs_f64() / epoch - end as f64;
        let iterations = (products / 2.0 / (end + 1 - first) as f64) as usize;
        if iterations < 2 {
            return None;
        }
        let mut trainer = Trainer::new(&training, split.clone(), 0);
        let (mut direction, mut found) = (Direction::default(), Vec::new());
        let mut limit = f64::INFINITY;
        let (mut before, mut after) = (Vec::new(), Vec::new());
        while trainer.epochs() < end && !laboratory.over() {
            let rate = trainer.learning_rate();
            trainer.epoch().ok()??;
            if at.is_some() && trainer.epochs() == first {
                for seed in 1..=SEEDS[0] as u64 {
                    let (Some(same), Some(slower)) = (
                        trained_on(&trainer, seed, 1.0, laboratory),
                        trained_on(&trainer, seed, 0.1, laboratory),
                    ) else {
                        break;
                    };
                    before.push(same);
                    after.push(slower);
                }
            }
            if trainer.epochs() >= first {
                let times = if found.is_empty() { 3 } else { 1 };
                let value =
                    sharpness(&mut trainer, &split.training, &mut direction, times * iterations.min(6));
                found.push((trainer.epochs(), value));
                limit = sharpness::limit(options.optimizer, options.momentum, f64::from(rate));
            }
        }
        let falls: Vec<f64> =
            before.iter().zip(&after).map(|(b, a)| ((b + 1e-4) / (a + 1e-4)).ln()).collect();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        (!found.is_empty()).then(|| Spike {
            epoch: at,
            sharpness: found,
            limit,
            calmed: (!falls.is_empty()).then(|| [mean(&before), mean(&after)]),
            fall: Estimate::of(&falls),
        })
    }

    /// Tries what to train with instead: the settings with every cause mended, and the defaults; the better of them.
    fn mended(
        &self,
        diagnosis: &Diagnosis,
        suspects: &BTreeSet<usize>,
        live: Option<&Dataset>,
        laboratory: &Laboratory<'_>,
    ) -> Result<Option<Mended>, FitError> {
        let asked = self.options;
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
        let time =
            laboratory.left().as_secs_f64() * laboratory.workers.min(2 * seeds) as f64 / (2 * seeds) as f64;
        let mut experiments = Vec::new();
        for options in [options, defaults] {
            let dataset = finer(options.hop.filter(|hop| Some(*hop) != asked.hop).or(options.hop));
            let same_windows = dataset.len() == self.dataset.len();
            let options = options.resolved(dataset);
            let mut experiment = Experiment::new(options.clone(), dataset);
            let epoch = self.epoch_time(&options, dataset, &experiment.split(0))?.max(1e-5);
            experiment.options.epochs = Some(options.epochs().min((0.8 * time / epoch) as usize).max(2));
            if diagnosis.findings.iter().any(|finding| finding.cause == Cause::LabelErrors) && same_windows {
                experiment.untrained = suspects.clone();
            }
            experiments.push(experiment);
        }
        let rows = laboratory.run(&experiments, seeds)?;
        let candidates: Vec<Mended> = experiments
            .into_iter()
            .map(|one| one.options)
            .zip(rows)
            .filter(|(_, row)| row.iter().flatten().count() > 0)
            .collect();
        let score = |mended: &Mended| mean(&mended.1, |outcome| outcome.accuracy);
        // The defaults, which stand last, are shorter to write down and were measured on more data than these.
        let [own, defaults] = candidates.as_slice() else { return Ok(candidates.into_iter().next()) };
        Ok(Some(if score(own) > score(defaults) + 0.01 { own.clone() } else { defaults.clone() }))
    }
}

/// The training as it is.
#[derive(Clone, Debug, Default)]
struct Seen {
    history: Vec<Epoch>,
    noise: Vec<Noise>,
    spread: Option<Spread>,
}

impl std::fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question")
            .field("options", self.options)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

/// The roughness of the training loss where a training goes on for some epochs in another order, at a multiple of its learning rate.
fn trained_on(trainer: &Trainer<'_>, seed: u64, by: f64, laboratory: &Laboratory<'_>) -> Option<f64> {
    let mut other = trainer.continued(seed);
    other.scale_learning_rate(by);
    let mut losses = Vec::new();
    for _ in 0..3 * AROUND {
        if laboratory.over() {
            return None;
        }
        losses.push(other.epoch().ok()??.loss);
    }
    Some(roughness(&losses))
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

/// The learning rate at which the loss of a range test falls fastest.
fn steepest(range: &[(f64, f64)]) -> Option<f64> {
    let fall = |pair: &&[(f64, f64)]| pair[10].1 - pair[0].1;
    let windows = range.windows(11).collect::<Vec<_>>();
    windows.iter().min_by(|one, other| fall(one).total_cmp(&fall(other))).map(|pair| pair[5].0)
}

/// Probabilities of each window by trees that have not seen its recording, and their balanced accuracy.
type OutOfFold = (Vec<Option<Vec<f32>>>, f64);

fn out_of_fold(
    laboratory: &Laboratory<'_>,
    dataset: &Dataset,
    features: &Features,
    splits: Vec<Split>,
) -> Result<OutOfFold, FitError> {
    let options = TreesOptions { trees: TREES, seed: 0 };
    let parts = laboratory.each(splits.len(), |fold| {
        let split = &splits[fold];
        (!split.validation.is_empty()).then(|| features.held_out(dataset, split, options))
    })?;
    let classes = dataset.card.labels.len();
    let mut rows = vec![None; dataset.len()];
    let mut table = crate::score::Confusion::new(&dataset.card.labels);
    for (split, part) in splits.iter().zip(parts) {
        let Some(part) = part else { continue };
        let truth = split.validation.iter().map(|window| dataset.labels[*window]);
        table.merge(&confusion(&dataset.card.labels, &part, truth));
        for (window, row) in split.validation.iter().zip(part.chunks_exact(classes)) {
            rows[*window] = Some(row.to_vec());
        }
    }
    Ok((rows, table.balanced_accuracy()))
}

impl Diagnosis {
    /// The flags of the training to use instead; `None` where this one is healthy, or where there was no time.
    pub fn command(&self) -> Option<String> {
        let (options, _) = self.mended.as_ref()?;
        let mut shown = options.clone();
        // What `fit` picks by itself is left to it.
        let defaults = FitOptions::default();
        (shown.folds, shown.validation, shown.rate, shown.epochs) = (None, None, None, None);
        if shown.hop == Some((shown.window / 10).max(1)) {
            shown.hop = None;
        }
        if shown.hidden == Some(32) {
            shown.hidden = None;
        }
        if shown.channels.len() == self.channels.len() {
            shown.channels.clear();
        }
        Some(shown.flags(&defaults))
    }

    /// Whether there was time for enough trainings to say anything.
    pub fn conclusive(&self) -> bool {
        self.control.iter().flatten().count() >= 2
    }

    /// Everything for programs.
    pub fn json(&self) -> serde_json::Value {
        let side = |outcomes: &[Option<Outcome>]| {
            serde_json::json!({
                "balanced_accuracy": number(mean(outcomes, |outcome| outcome.accuracy)),
                "validation_loss": number(mean(outcomes, |outcome| outcome.loss)),
                "training_loss": number(mean(outcomes, |outcome| outcome.training_loss)),
                "roughness": number(mean(outcomes, |outcome| outcome.roughness)),
                "validation_roughness": number(mean(outcomes, |outcome| outcome.validation_roughness)),
            })
        };
        let trials: Vec<_> = self
            .trials
            .iter()
            .map(|trial| serde_json::json!({"change": trial.what, "cause": trial.cause, "effect": trial.effect, "after": side(&trial.outcomes)}))
            .collect();
        let losses: Vec<f64> = self.history.iter().map(|epoch| epoch.loss).collect();
        serde_json::json!({
            "verdict": self.findings,
            "healthy": self.conclusive() && self.findings.is_empty(),
            "conclusive": self.conclusive(),
            "command": self.command(),
            "before": side(&self.control),
            "after": self.mended.as_ref().map(|(_, outcomes)| side(outcomes)),
            "seeds": self.seeds,
            "epochs": self.epochs,
            "epochs_asked": self.options.epochs(),
            "roughness": roughness(&losses),
            "spikes": spikes(&losses, SPIKE),
            "noise": self.noise,
            "spread": self.spread,
            "spike": self.spike,
            "trials": trials,
            "channels": self.channels,
            "duplicates": self.duplicates.len(),
            "suspects": self.stretches.iter().filter(|one| one.suspected).collect::<Vec<_>>(),
            "stretches": self.stretches,
            "neighbours": self.neighbours,
            "trees": self.trees,
            "leaky_trees": self.leaky_trees,
            "artificial": self.artificial.as_ref().map(|outcome| outcome.accuracy),
            "warnings": self.warnings,
        })
    }
}

fn number(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
