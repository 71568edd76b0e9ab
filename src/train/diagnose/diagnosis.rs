//! The result of a diagnosis.

use std::time::Duration;

use super::experiments::change::Change;
use super::experiments::outcome::{ExperimentOutcome, mean};
use super::experiments::trial::Trial;
use super::fix::FixedTraining;
use super::inspection::Inspection;
use super::reference::range_test::RangeTest;
use super::reference::sampling_noise::{GradientNoise, LossSpread};
use super::reference::spike::SpikeMeasurement;
use super::statistics::loss_curve::{roughness, spikes};
use super::verdict::criteria::ACCURACY_RISE;
use super::verdict::finding::Finding;
use super::verdict::health::Condition;
use super::verdict::tendency::Tendency;
use crate::train::fit::epoch::Epoch;
use crate::train::options::FitOptions;

/// What a diagnosis comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DiagnosisState {
    /// Something is wrong, and there is enough evidence for it.
    Findings,
    /// Nothing is wrong, and enough was measured to say so.
    Healthy,
    /// Nothing is certain: too little was measured, or what seems to help may be chance.
    Uncertain,
}

/// The result of a diagnosis. Outcomes are listed seed by seed, with `None` for a seed that there was no time
/// for.
#[derive(Clone, Debug)]
pub(crate) struct Diagnosis {
    /// The causes that were found, starting with the one to fix first.
    pub findings: Vec<Finding>,
    /// The conditions of a healthy run.
    pub conditions: Vec<Condition>,
    /// What seems to help but is not certain, starting with what would help most.
    pub tendencies: Vec<Tendency>,
    /// The number of tests that the findings are corrected for.
    pub tests: usize,
    /// The settings that misbehave.
    pub options: FitOptions,
    /// Whether the user chose the channels.
    pub channels_given: bool,
    /// The figures of every epoch of the unchanged run, up to its end or as far as there was time.
    pub history: Vec<Epoch>,
    /// The gradient noise of the unchanged run after one or two of its epochs.
    pub noise: Vec<GradientNoise>,
    /// The fluctuation of the unchanged run's loss; `None` if there was no time.
    pub spread: Option<LossSpread>,
    /// The sharpness around a spike of the unchanged run; `None` if there was no time.
    pub spike: Option<SpikeMeasurement>,
    /// The range test of the learning rate; empty if there was no time.
    pub range: RangeTest,
    /// The number of epochs of the runs that were compared.
    pub epochs: usize,
    /// How long the changes and seeds that there was no time for would take, in seconds.
    pub missing_seconds: f64,
    /// The outcomes of the unchanged run on the recordings without their faults.
    pub control: Vec<Option<ExperimentOutcome>>,
    /// Balanced accuracy of trees on the drives that each seed holds out.
    pub trees: Vec<Option<f64>>,
    /// The changes that were tried, and those that there was no time for.
    pub trials: Vec<Trial>,
    /// The changes that were tried after the first causes had been fixed; `None` if no setting was a cause.
    pub second_round: Option<SecondRound>,
    /// The recommended settings with their outcomes; `None` if nothing better was found.
    pub fixed: Option<FixedTraining>,
    /// The number of recordings that were reserved for the comparison of before and after.
    pub reserved: usize,
    /// What the recordings themselves show.
    pub inspection: Inspection,
    /// The outcome of the same settings on cos(x) against arccos(x); `None` if there was no time.
    pub artificial: Option<ExperimentOutcome>,
    /// Warnings for the user, one sentence each.
    pub warnings: Vec<String>,
    /// The time that the diagnosis was allowed to take, and the time that it took.
    pub budget: Duration,
    pub used: Duration,
    /// Whether the user interrupted it.
    pub interrupted: bool,
}

/// The changes that were tried after the first causes had been fixed.
#[derive(Clone, Debug)]
pub(crate) struct SecondRound {
    /// The outcomes with the first causes fixed.
    pub control: Vec<Option<ExperimentOutcome>>,
    pub trials: Vec<Trial>,
}

impl Diagnosis {
    /// The flags of `fit` for the recommended settings; `None` if nothing better was found.
    pub(crate) fn command(&self) -> Option<String> {
        let mut shown = self.fixed.as_ref()?.options.clone();
        // `fit` chooses these settings by itself, so no flags are needed for them.
        let defaults = FitOptions::default();
        (shown.folds, shown.validation, shown.rate) = (None, None, None);
        if shown.hop == Some((shown.window / 10).max(1)) {
            shown.hop = None;
        }
        if !self.channels_given && shown.channels.len() == self.options.channels.len() {
            shown.channels.clear();
        }
        Some(shown.flags(&defaults))
    }

    /// The number of seeds that the unchanged run was trained with.
    pub(crate) fn seeds(&self) -> usize {
        self.control.iter().flatten().count()
    }

    /// Whether there was time for enough training runs to draw conclusions.
    pub(crate) fn conclusive(&self) -> bool {
        self.seeds() >= 3
    }

    /// What the diagnosis comes to. A run is healthy if no cause was found, every condition of a healthy run is met,
    /// and the training runs had at least a third of the epochs.
    pub(crate) fn state(&self) -> DiagnosisState {
        let met = self.conditions.iter().all(|condition| condition.met == Some(true));
        if !self.findings.is_empty() {
            DiagnosisState::Findings
        } else if self.conclusive()
            && met
            && 3 * self.epochs >= self.options.epochs()
            && !self.defaults_do_better()
        {
            DiagnosisState::Healthy
        } else {
            DiagnosisState::Uncertain
        }
    }

    /// Whether the default settings seem to do better than the given ones by an amount that counts.
    pub(crate) fn defaults_do_better(&self) -> bool {
        let defaults = self.trials.iter().find(|trial| trial.change == Change::Defaults);
        defaults.and_then(|trial| trial.effect).is_some_and(|effect| effect.accuracy.mean >= ACCURACY_RISE)
    }

    /// Whether nothing is wrong.
    pub(crate) fn healthy(&self) -> bool {
        self.state() == DiagnosisState::Healthy
    }

    /// A budget that is enough for everything, in whole minutes.
    pub(crate) fn sufficient_minutes(&self) -> u64 {
        // The changes get about two fifths of the time.
        let seconds = self.used.as_secs_f64() + 2.5 * self.missing_seconds;
        (seconds / 60.0).ceil() as u64
    }

    /// Everything that was found, as JSON for programs.
    pub(crate) fn json(&self) -> serde_json::Value {
        let losses: Vec<f64> = self.history.iter().map(|epoch| epoch.loss).collect();
        let second = self.second_round.as_ref().map(
            |round| serde_json::json!({ "control": side(&round.control), "trials": trials(&round.trials) }),
        );
        serde_json::json!({
            "state": self.state(),
            "verdict": self.findings,
            "healthy": self.healthy(),
            "conclusive": self.conclusive(),
            "conditions": self.conditions,
            "tendencies": self.tendencies,
            "tests": self.tests,
            "command": self.command(),
            "before": side(self.fixed.as_ref().map_or(&self.control, |fixed| &fixed.before)),
            "after": self.fixed.as_ref().map(|fixed| side(&fixed.after)),
            "rise_by_drive": self.fixed.as_ref().and_then(|fixed| fixed.rise),
            "reserved": self.reserved,
            "control": side(&self.control),
            "seeds": self.seeds(),
            "epochs": self.epochs,
            "epochs_asked": self.options.epochs(),
            "budget_seconds": self.budget.as_secs_f64(),
            "used_seconds": self.used.as_secs_f64(),
            "missing_seconds": self.missing_seconds,
            "interrupted": self.interrupted,
            "roughness": roughness(&losses),
            "spikes": spikes(&losses),
            "noise": self.noise,
            "spread": self.spread,
            "spike": self.spike,
            "trials": trials(&self.trials),
            "second_round": second,
            "channels": self.inspection.channels,
            "duplicates": self.inspection.duplicates.len(),
            "suspects": self.inspection.stretches.iter().filter(|one| one.suspected).collect::<Vec<_>>(),
            "stretches": self.inspection.stretches,
            "neighbours": self.inspection.neighbours,
            "trees": self.inspection.trees,
            "trees_by_seed": self.trees,
            "leaky_trees": self.inspection.leaky_trees,
            "session_fall": self.inspection.session_fall,
            "artificial": self.artificial.as_ref().map(|outcome| outcome.accuracy),
            "warnings": self.warnings,
        })
    }
}

/// Changes as JSON.
fn trials(trials: &[Trial]) -> Vec<serde_json::Value> {
    let trial = |trial: &Trial| {
        serde_json::json!({
            "change": trial.describe(),
            "cause": trial.cause,
            "effect": trial.effect,
            "rise": trial.mean_rise(),
            "seeds": trial.seeds(),
            "epochs": trial.options.epochs(),
            "epochs_asked": trial.epochs_asked,
            "missing_seconds": trial.missing_seconds,
            "after": side(&trial.outcomes),
        })
    };
    trials.iter().map(trial).collect()
}

/// The means of outcomes as JSON.
fn side(outcomes: &[Option<ExperimentOutcome>]) -> serde_json::Value {
    serde_json::json!({
        "epochs": outcomes.iter().flatten().map(|outcome| outcome.history.len()).max(),
        "balanced_accuracy": number(mean(outcomes, |outcome| outcome.accuracy)),
        "validation_loss": number(mean(outcomes, |outcome| outcome.validation_loss)),
        "training_loss": number(mean(outcomes, |outcome| outcome.training_loss)),
        "roughness": number(mean(outcomes, |outcome| outcome.roughness)),
        "validation_roughness": number(mean(outcomes, |outcome| outcome.validation_roughness)),
    })
}

/// The value; `None`, which is null in JSON, if it is not finite.
fn number(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
