//! What was found out.

use super::curve::{roughness, spikes};
use super::fix::FixedTraining;
use super::inspection::Inspection;
use super::runner::ExperimentOutcome;
use super::sampling::{Noise, Spread};
use super::spike::Spike;
use super::trial::Trial;
use super::verdict::{Finding, SPIKE, mean};
use crate::train::fit::epoch::Epoch;
use crate::train::options::FitOptions;

/// What was found out.
#[derive(Clone, Debug)]
pub(crate) struct Diagnosis {
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
    pub control: Vec<Option<ExperimentOutcome>>,
    /// What was tried.
    pub trials: Vec<Trial>,
    /// The settings to train with instead, with what came of them.
    pub fixed: Option<FixedTraining>,
    /// What the recordings show.
    pub inspection: Inspection,
    /// Accuracy of the same training on cos against arccos, and its losses.
    pub artificial: Option<ExperimentOutcome>,
    /// What should be known, a sentence each.
    pub warnings: Vec<String>,
}

impl Diagnosis {
    /// The flags of the training to use instead; `None` where this one is healthy, or where there was no time.
    pub(crate) fn command(&self) -> Option<String> {
        let mut shown = self.fixed.as_ref()?.options.clone();
        // What `fit` picks by itself is left to it.
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

    /// Whether there was time for enough trainings to say anything.
    pub(crate) fn conclusive(&self) -> bool {
        self.control.iter().flatten().count() >= 2
    }

    /// Whether nothing is wrong, as far as trainings of a third of the epochs or more can tell.
    pub(crate) fn healthy(&self) -> bool {
        self.conclusive() && self.findings.is_empty() && 3 * self.epochs >= self.options.epochs()
    }

    /// Everything for programs.
    pub(crate) fn json(&self) -> serde_json::Value {
        let side = |outcomes: &[Option<ExperimentOutcome>]| {
            serde_json::json!({
                "epochs": outcomes.iter().flatten().map(|outcome| outcome.history.len()).max(),
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
            "healthy": self.healthy(),
            "conclusive": self.conclusive(),
            "command": self.command(),
            "before": side(self.fixed.as_ref().map_or(&self.control, |fixed| &fixed.before)),
            "after": self.fixed.as_ref().map(|fixed| side(&fixed.after)),
            "seeds": self.seeds,
            "epochs": self.epochs,
            "epochs_asked": self.options.epochs(),
            "roughness": roughness(&losses),
            "spikes": spikes(&losses, SPIKE),
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

fn number(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
