//! The result of a diagnosis in words, for the terminal and the page.

use std::path::PathBuf;

use super::cause::Cause;
use super::diagnosis::{Diagnosis, DiagnosisState};
use super::experiments::outcome::{ExperimentOutcome, mean};
use super::experiments::round::SEEDS;
use super::experiments::trial::Trial;
use super::verdict::finding::Finding;
use super::verdict::tendency::Tendency;
use crate::train::report::elements::shell_word::quoted;

impl Diagnosis {
    /// What the diagnosis comes to, in one sentence without a full stop.
    pub(crate) fn headline(&self) -> String {
        match (self.state(), self.findings.as_slice()) {
            (_, [first]) => first.title.into(),
            (_, [first, others @ ..]) => {
                let causes = if others.len() == 1 { "cause" } else { "causes" };
                format!("{}, and {} more {causes}", first.title, others.len())
            }
            (DiagnosisState::Healthy, _) => "Nothing is wrong with this training run".into(),
            _ if self.defaults_do_better() => {
                "No single cause was found, but the default settings do better than these".into()
            }
            _ if !self.conclusive() => "Too little was measured to be certain of anything".into(),
            _ if self.tendencies.is_empty() => "No cause was found, but not everything was measured".into(),
            _ => "Nothing is certain, but something may be wrong".into(),
        }
    }

    /// How good the network is, and compared with what, as a sentence with a full stop.
    pub(crate) fn how_good(&self) -> String {
        let labels = self.inspection.labels.max(1) as f64;
        let of_trees: Vec<f64> = self.trees.iter().flatten().copied().collect();
        let trees = match of_trees.len() {
            0 => self.inspection.trees,
            count => of_trees.iter().sum::<f64>() / count as f64,
        };
        let guessing = format!("guessing in {:.1} %", 100.0 / labels);
        let compared = match trees.is_finite() {
            true => format!("trees on summary statistics in {:.1} %, and {guessing}", 100.0 * trees),
            false => guessing,
        };
        let network = mean(&self.control, |outcome| outcome.accuracy);
        if network.is_finite() {
            format!(
                "On held-out drives, this network is correct in {:.1} % of a surface's windows, {compared}.",
                100.0 * network
            )
        } else {
            format!(
                "There was no time to train the network even once. For comparison, the windows of held-out drives \
                 are predicted correctly by {compared}."
            )
        }
    }

    /// How sure a finding is, in words with its figures.
    pub(crate) fn certainty(&self, finding: &Finding) -> String {
        let measured = match (finding.interval, finding.seeds) {
            (Some([low, high]), seeds) if finding.effect != 0.0 => {
                let what = match finding.cause {
                    Cause::LeakySplit => "the score is too high by",
                    Cause::TooFewRecordings => "training on half of the recordings costs",
                    Cause::NetworkBehindTrees => "the trees are ahead by",
                    _ => "fixing it changes the balanced accuracy by",
                };
                format!(
                    "{what} {:+.1} points (90 % interval {:+.1} to {:+.1}, {seeds} seeds)",
                    100.0 * finding.effect,
                    100.0 * low,
                    100.0 * high
                )
            }
            (None, seeds @ 1..) if finding.effect != 0.0 => format!(
                "fixing it changes the balanced accuracy by {:+.1} points ({}: too few for an interval)",
                100.0 * finding.effect,
                counted(seeds)
            ),
            _ => String::new(),
        };
        let why = match finding.cause {
            Cause::LeakySplit | Cause::DeadChannel | Cause::MixedUnits => "certain: the recordings show it",
            Cause::LabelErrors | Cause::NotSeparable | Cause::SessionConfounded => {
                "likely: trees that were not trained on these drives show it"
            }
            Cause::GradientSpikes if finding.effect == 0.0 => {
                "certain: continued from before a spike with a smaller learning rate, the training run has no spike"
            }
            _ => "certain: the effect is larger than chance explains",
        };
        match measured.is_empty() {
            true => why.into(),
            false => format!("{why}; {measured}"),
        }
    }

    /// Before and after, with the drives that they were scored on, as a sentence with a full stop; `None` if nothing
    /// better was found.
    pub(crate) fn comparison(&self) -> Option<String> {
        let fixed = self.fixed.as_ref()?;
        let accuracy = |side| 100.0 * mean(side, |outcome: &ExperimentOutcome| outcome.accuracy);
        let figures = format!(
            "balanced accuracy {:.1} % before, {:.1} % after",
            accuracy(&fixed.before),
            accuracy(&fixed.after)
        );
        let rise = fixed.rise.map_or(String::new(), |rise| {
            format!(
                "; the gain per drive is {:+.1} points (90 % interval over the drives {:+.1} to {:+.1})",
                100.0 * rise.mean,
                100.0 * rise.low,
                100.0 * rise.high
            )
        });
        Some(match fixed.reserved {
            0 => format!(
                "On held-out drives, {figures}. These drives were also used to choose the settings, so a new drive \
                 may gain less; with at least four recordings of each surface, some are reserved for this \
                 comparison."
            ),
            drives => format!(
                "On {drives} reserved drives, which were not used to choose anything, {figures}{rise}."
            ),
        })
    }

    /// What was not measured, and how long it would take; `None` if everything was.
    pub(crate) fn unfinished(&self) -> Option<String> {
        if self.missing_seconds < 1.0 {
            return None;
        }
        let missing: Vec<String> =
            self.trials.iter().filter(|trial| trial.seeds() == 0).map(|trial| trial.describe()).collect();
        let mut parts = Vec::new();
        if !missing.is_empty() {
            parts.push(format!("not tried: {}", missing.join(", ")));
        }
        if self.epochs < self.options.epochs() {
            parts.push(format!("the runs had {} of {} epochs", self.epochs, self.options.epochs()));
        }
        if self.seeds() < SEEDS {
            parts.push(format!("the unchanged run was trained with {}", counted(self.seeds())));
        }
        if parts.is_empty() {
            parts.push("some changes were tried with fewer seeds than planned".into());
        }
        let (time, budget) = match self.sufficient_minutes() {
            minutes @ ..120 => (format!("{minutes} minutes"), format!("{minutes}m")),
            minutes => (format!("{} hours", minutes.div_ceil(60)), format!("{}h", minutes.div_ceil(60))),
        };
        Some(format!("{}. Everything would take about {time}: --budget {budget}", parts.join(". ")))
    }

    /// How much of the budget was used, and why not all of it.
    pub(crate) fn time(&self) -> String {
        let (used, budget) = (self.used.as_secs_f64(), self.budget.as_secs_f64());
        let why = if self.interrupted {
            "interrupted"
        } else if used >= 0.9 * budget {
            "the budget is used"
        } else if self.missing_seconds < 1.0 {
            "everything planned was measured"
        } else {
            "no further run would have ended in time"
        };
        format!("{used:.0} of {budget:.0} s: {why}")
    }

    /// The command that trains with the recommended settings; `None` if nothing better was found. `data` are the
    /// recordings as the user named them.
    pub(crate) fn command_line(&self, data: &[PathBuf]) -> Option<String> {
        let flags = self.command()?;
        let data: Vec<_> = data.iter().map(|path| quoted(&path.display().to_string())).collect();
        Some(format!("underfoot-train fit {} --out model.onnx {flags}", data.join(" ")).trim_end().to_owned())
    }
}

impl Tendency {
    /// What seems to help, with its figures, as a sentence without a full stop.
    pub(crate) fn sentence(&self) -> String {
        format!("with {}: {}", self.change, self.figures())
    }

    /// The rise of balanced accuracy with its interval, in points.
    pub(crate) fn figures(&self) -> String {
        let interval = match self.interval {
            Some([low, high]) => {
                format!("90 % interval {:+.1} to {:+.1}, {}", 100.0 * low, 100.0 * high, counted(self.seeds))
            }
            None => format!("{}: too few for an interval", counted(self.seeds)),
        };
        format!("{:+.1} points ({interval})", 100.0 * self.rise)
    }
}

impl Trial {
    /// The rise of balanced accuracy with its interval, in points, for people.
    pub(crate) fn rise_in_words(&self) -> String {
        let points = |share: f64| format!("{:+.1}", 100.0 * share);
        match (self.effect, self.mean_rise()) {
            (Some(effect), _) => format!(
                "{} ({} to {})",
                points(effect.accuracy.mean),
                points(effect.accuracy.low),
                points(effect.accuracy.high)
            ),
            (None, Some(rise)) => {
                format!("{} ({}: too few for an interval)", points(rise), counted(self.seeds()))
            }
            (None, None) => "no time".into(),
        }
    }
}

/// A number of seeds in words.
pub(crate) fn counted(seeds: usize) -> String {
    if seeds == 1 { "1 seed".into() } else { format!("{seeds} seeds") }
}
