//! The result of a diagnosis.

use super::experiments::outcome::{ExperimentOutcome, mean};
use super::experiments::trial::Trial;
use super::fix::FixedTraining;
use super::inspection::Inspection;
use super::loss_curve::{roughness, spikes};
use super::reference::range_test::RangeTest;
use super::reference::sampling_noise::{GradientNoise, LossSpread};
use super::reference::spike::SpikeMeasurement;
use super::verdict::finding::Finding;
use crate::train::fit::epoch::Epoch;
use crate::train::options::FitOptions;

/// The result of a diagnosis. Outcomes are listed seed by seed, with `None` for a seed that there was no time
/// for.
#[derive(Clone, Debug)]
pub(crate) struct Diagnosis {
    /// The causes that were found, starting with the one to fix first.
    pub findings: Vec<Finding>,
    /// The settings that misbehave.
    pub options: FitOptions,
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
    /// The number of seeds that each change was planned with.
    pub seeds: usize,
    /// The number of epochs of the runs that were compared.
    pub epochs: usize,
    /// The outcomes of the unchanged run.
    pub control: Vec<Option<ExperimentOutcome>>,
    /// The changes that were tried.
    pub trials: Vec<Trial>,
    /// The recommended settings with their outcomes; `None` if nothing better was found.
    pub fixed: Option<FixedTraining>,
    /// What the recordings themselves show.
    pub inspection: Inspection,
    /// The outcome of the same settings on cos(x) against arccos(x); `None` if there was no time.
    pub artificial: Option<ExperimentOutcome>,
    /// Warnings for the user, one sentence each.
    pub warnings: Vec<String>,
}

impl Diagnosis {
    /// The flags of `fit` for the recommended settings; `None` if nothing better was found.
    pub(crate) fn command(&self) -> Option<String> {
        let mut shown = self.fixed.as_ref()?.options.clone();
        // `fit` chooses these settings by itself, so no flags are needed for them.
        let defaults = FitOptions::default();
        (shown.folds, shown.validation, shown.rate, shown.epochs) = (None, None, None, None);
        if shown.hop == Some((shown.window / 10).max(1)) {
            shown.hop = None;
        }
        if shown.channels.len() == self.inspection.channels.len() {
            shown.channels.clear();
        }
        Some(shown.flags(&defaults))
    }

    /// Whether there was time for enough training runs to draw conclusions.
    pub(crate) fn conclusive(&self) -> bool {
        self.control.iter().flatten().count() >= 2
    }

    /// Whether nothing is wrong, judged by training runs of at least a third of the epochs.
    pub(crate) fn healthy(&self) -> bool {
        self.conclusive() && self.findings.is_empty() && 3 * self.epochs >= self.options.epochs()
    }

    /// Everything that was found, as JSON for programs.
    pub(crate) fn json(&self) -> serde_json::Value {
        let side = |outcomes: &[Option<ExperimentOutcome>]| {
            serde_json::json!({
                "epochs": outcomes.iter().flatten().map(|outcome| outcome.history.len()).max(),
                "balanced_accuracy": number(mean(outcomes, |outcome| outcome.accuracy)),
                "validation_loss": number(mean(outcomes, |outcome| outcome.validation_loss)),
                "training_loss": number(mean(outcomes, |outcome| outcome.training_loss)),
                "roughness": number(mean(outcomes, |outcome| outcome.roughness)),
                "validation_roughness": number(mean(outcomes, |outcome| outcome.validation_roughness)),
            })
        };
        let trials: Vec<_> = self
            .trials
            .iter()
            .map(|trial| {
                serde_json::json!({
                    "change": trial.change.describe(),
                    "cause": trial.cause,
                    "effect": trial.effect,
                    "after": side(&trial.outcomes),
                })
            })
            .collect();
        let losses: Vec<f64> = self.history.iter().map(|epoch| epoch.loss).collect();
        serde_json::json!({
            "verdict": self.findings,
            "healthy": self.healthy(),
            "conclusive": self.conclusive(),
            "command": self.command(),
            "before": side(self.fixed.as_ref().map_or(&self.control, |fixed| &fixed.before)),
            "after": self.fixed.as_ref().map(|fixed| side(&fixed.after)),
            "seeds": self.seeds,
            "epochs": self.epochs,
            "epochs_asked": self.options.epochs(),
            "roughness": roughness(&losses),
            "spikes": spikes(&losses),
            "noise": self.noise,
            "spread": self.spread,
            "spike": self.spike,
            "trials": trials,
            "channels": self.inspection.channels,
            "duplicates": self.inspection.duplicates.len(),
            "suspects": self.inspection.stretches.iter().filter(|one| one.suspected).collect::<Vec<_>>(),
            "stretches": self.inspection.stretches,
            "neighbours": self.inspection.neighbours,
            "trees": self.inspection.trees,
            "leaky_trees": self.inspection.leaky_trees,
            "artificial": self.artificial.as_ref().map(|outcome| outcome.accuracy),
            "warnings": self.warnings,
        })
    }
}

/// The value; `None`, which is null in JSON, if it is not finite.
fn number(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
