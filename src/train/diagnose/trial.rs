//! The changes that are tried, each of one thing.

use std::collections::BTreeSet;

use super::cause::Cause;
use super::inspection::Cleaned;
use super::runner::{Effect, Experiment, ExperimentOutcome};
use super::{DiagnosisRequest, screening};
use crate::train::data::dataset::Dataset;
use crate::train::optimize::optimizer::OptimizerKind;
use crate::train::optimize::schedule::Schedule;
use crate::train::options::{Balance, FitOptions};

/// A change to be tried.
#[derive(Clone, Debug)]
pub(crate) struct TrialChange<'a> {
    /// What is changed, in words.
    pub what: String,
    /// The cause that it would mend.
    pub cause: Option<Cause>,
    /// The training with the change.
    pub experiment: Experiment<'a>,
    /// Whether it is held against the training without suspected windows in its score, and not against the plain one.
    pub against_unsuspected: bool,
    /// Whether it may not be judged by the loss, which it weighs otherwise.
    pub other_loss: bool,
}

/// A change that was tried.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    /// What was changed, in words.
    pub what: String,
    /// The cause that it would mend.
    pub cause: Option<Cause>,
    /// The settings with the change.
    pub options: FitOptions,
    /// What it did.
    pub effect: Option<Effect>,
    /// What came of it, seed by seed.
    pub outcomes: Vec<Option<ExperimentOutcome>>,
    /// Whether it may not be judged by the loss.
    pub other_loss: bool,
}

/// What the changes depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// The settings that misbehave, complete.
    pub options: &'a FitOptions,
    /// The windows.
    pub dataset: &'a Dataset,
    /// The same recordings cut at a smaller hop.
    pub finer: Option<&'a Dataset>,
    /// The same windows without the channels that are stuck.
    pub live: Option<&'a Dataset>,
    /// The same windows with recordings of one drive in one group.
    pub grouped: Option<&'a Dataset>,
    /// Windows whose label is suspected to be wrong.
    pub suspects: &'a BTreeSet<usize>,
}

impl<'a> Subject<'a> {
    /// Of a question, with these settings.
    pub(super) fn of(request: &DiagnosisRequest<'a>, cleaned: &'a Cleaned, options: &'a FitOptions) -> Self {
        Self {
            options,
            dataset: request.dataset,
            finer: request.finer,
            live: cleaned.live.as_ref(),
            grouped: cleaned.grouped.as_ref(),
            suspects: &cleaned.suspects,
        }
    }

    /// Every change that applies.
    pub(crate) fn changes(&self) -> Vec<TrialChange<'a>> {
        let Self { options, dataset, .. } = *self;
        let with = |what: String, cause, options: FitOptions| TrialChange {
            what,
            cause,
            experiment: Experiment::new(options, dataset),
            against_unsuspected: false,
            other_loss: false,
        };
        let same = || options.clone();
        let training = dataset.len() as f64 * (1.0 - options.validation());
        let mut changes = Vec::new();
        if options.batch_size < 32 {
            let size = 32.min((training / 2.0) as usize).max(options.batch_size * 2);
            let what = format!("batches of {size} and not of {}", options.batch_size);
            changes.push(with(what, Some(Cause::BatchTooSmall), FitOptions { batch_size: size, ..same() }));
        }
        let rate = options.learning_rate;
        let lower = FitOptions { learning_rate: round(rate / 10.0), ..same() };
        changes.push(with("a tenth of the learning rate".into(), Some(Cause::LearningRateTooHigh), lower));
        let higher = FitOptions { learning_rate: round(rate * 10.0), ..same() };
        changes.push(with("ten times the learning rate".into(), Some(Cause::LearningRateTooLow), higher));
        if options.clip == 0.0 {
            let clipped = FitOptions { clip: 1.0, ..same() };
            changes.push(with(
                "gradients clipped to a norm of 1".into(),
                Some(Cause::GradientSpikes),
                clipped,
            ));
        }
        if options.schedule == Schedule::Constant {
            let falling = FitOptions { schedule: Schedule::Cosine, ..same() };
            let what = "a learning rate that falls along a cosine".to_owned();
            changes.push(with(what, Some(Cause::GradientSpikes), falling));
        }
        if options.optimizer != OptimizerKind::AdamW {
            let other = FitOptions { optimizer: OptimizerKind::AdamW, ..same() };
            let cause = (options.optimizer != OptimizerKind::Sgd).then_some(Cause::GradientSpikes);
            changes.push(with("AdamW as the optimiser".into(), cause, other));
        }
        if options.hidden() > 16 {
            let (hidden, dense) = ((options.hidden() / 8).max(12), options.dense() / 8);
            let what = format!("{hidden} units and not {}", options.hidden());
            let smaller = FitOptions { hidden: Some(hidden), dense: Some(dense), ..same() };
            changes.push(with(what, Some(Cause::NetworkTooLarge), smaller));
        }
        if options.dropout + options.input_dropout + options.recurrent_dropout + options.channel_dropout > 0.0
        {
            let free = FitOptions {
                dropout: 0.0,
                input_dropout: 0.0,
                recurrent_dropout: 0.0,
                channel_dropout: 0.0,
                ..same()
            };
            changes.push(with("no dropout".into(), Some(Cause::RegularisationTooStrong), free));
        }
        if options.batch_norm {
            let free = FitOptions { batch_norm: false, ..same() };
            let cause =
                if options.batch_size < 16 { Cause::BatchTooSmall } else { Cause::RegularisationTooStrong };
            changes.push(with("no batch normalisation".into(), Some(cause), free));
        }
        if options.balance == Balance::None {
            let balanced = FitOptions { balance: Balance::Weights, ..same() };
            let what = "rare surfaces weighed as much as others".to_owned();
            changes
                .push(TrialChange { other_loss: true, ..with(what, Some(Cause::ClassImbalance), balanced) });
        }
        if let Some(finer) = self.finer {
            // As many steps as before, so that what helps is the windows and not longer training.
            let epochs = (options.epochs() * dataset.len()).div_ceil(finer.len().max(1));
            let dense = FitOptions { hop: Some(finer.card.hop), epochs: Some(epochs), ..same() };
            let what = format!("a window every {} steps and not every {}", finer.card.hop, dataset.card.hop);
            let change = with(what, Some(Cause::TooFewWindows), dense);
            changes.push(TrialChange {
                experiment: Experiment { dataset: finer, ..change.experiment },
                ..change
            });
        }
        for share in [0.5, 0.25] {
            let what = format!("{:.0} % of the recordings that are trained on", 100.0 * share);
            // As many steps as with all of them.
            let epochs = (options.epochs() as f64 / share).round() as usize;
            let change = with(what, None, FitOptions { epochs: Some(epochs), ..same() });
            changes.push(TrialChange { experiment: Experiment { share, ..change.experiment }, ..change });
        }
        if !self.suspects.is_empty() {
            let scored =
                || Experiment { unscored: self.suspects.clone(), ..Experiment::new(same(), dataset) };
            let what = "suspected labels left out of training and score";
            let change = with(what.into(), Some(Cause::LabelErrors), same());
            let experiment = Experiment { untrained: self.suspects.clone(), ..scored() };
            changes.push(TrialChange { experiment, against_unsuspected: true, ..change });
            let plain = with("suspected labels left out of the score only".into(), None, same());
            changes.push(TrialChange { experiment: scored(), ..plain });
        }
        if let Some(live) = self.live {
            let what = format!("channels {} only", crate::signal::channel_names(&live.card.channels));
            let change = with(what, Some(Cause::DeadChannel), FitOptions { channels: names(live), ..same() });
            changes.push(TrialChange {
                experiment: Experiment { dataset: live, ..change.experiment },
                ..change
            });
        } else if let Some(channel) = (dataset.card.channels.len() == 1).then_some(0) {
            let stuck = screening::stuck_windows(dataset, channel);
            if !stuck.is_empty() {
                let change = with(
                    "windows of a stuck channel left out of training".into(),
                    Some(Cause::DeadChannel),
                    same(),
                );
                changes.push(TrialChange {
                    experiment: Experiment { untrained: stuck, ..change.experiment },
                    ..change
                });
            }
        }
        if let Some(grouped) = self.grouped {
            let change = with("files of one drive kept on one side".into(), Some(Cause::LeakySplit), same());
            changes.push(TrialChange {
                experiment: Experiment { dataset: grouped, ..change.experiment },
                ..change
            });
        }
        changes
    }
}

fn names(dataset: &Dataset) -> Vec<String> {
    dataset.card.channels.iter().map(|channel| channel.name.clone()).collect()
}

/// Without the digits that a product in binary leaves.
fn round(value: f64) -> f64 {
    format!("{value:.6e}").parse().unwrap_or(value)
}
