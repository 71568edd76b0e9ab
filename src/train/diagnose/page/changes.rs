//! What each change did.

use maud::{Markup, html};

use super::DiagnosisPage;
use super::effect_chart::{EffectRow, effect_chart};
use crate::train::diagnose::experiments::outcome::{ExperimentOutcome, mean};
use crate::train::diagnose::experiments::trial::Trial;
use crate::train::diagnose::statistics::estimate::Estimate;
use crate::train::report::elements::document::{percent, sentence};

impl DiagnosisPage<'_> {
    /// The effect of each change on the accuracy, those of the second round, and what was not tried.
    pub(super) fn changes(&self) -> Markup {
        let found = self.diagnosis;
        html! {
            h2 { "What each change did" }
            @if measured(&found.trials).is_empty() {
                p { "No change was tried: there was no time." }
            } @else {
                p {
                    "Without a change, balanced accuracy on held-out recordings is " b { (percent(accuracy(&found.control))) }
                    ". Each row changes one thing and uses the same seeds. A dot to the right of the line is better, \
                     by the number of percentage points on the axis; the bar is the 90 % confidence interval of the \
                     mean. A hollow dot is the mean of one or two seeds, which are too few for an interval."
                }
                (effect_chart(&measured(&found.trials)))
                p.soft {
                    "Of many changes without an effect, a few seem to help by chance. So a cause is named only if \
                     its effect passes a threshold that is corrected for all " (found.tests) " tests."
                }
            }
            @if let Some(second) = &found.second_round {
                h3 { "After the first causes had been fixed" }
                p {
                    "With the first causes fixed, balanced accuracy is " b { (percent(accuracy(&second.control))) }
                    ". Then each of these was changed as well."
                }
                (effect_chart(&measured(&second.trials)))
            }
            @if let Some(unfinished) = found.unfinished() { h3 { "What was not measured for lack of time" } p { (sentence(&unfinished)) } }
        }
    }

    /// The effect of each change on the validation loss and on the roughness of the training loss, for experts.
    pub(super) fn changes_of_loss(&self) -> Markup {
        let found = self.diagnosis;
        let trials = found.trials.iter().chain(found.second_round.iter().flat_map(|second| &second.trials));
        let trials: Vec<_> = trials.filter_map(|trial| Some((trial, trial.effect?))).collect();
        html! {
            h3 { "The loss with each change" }
            p {
                "Without a change, the validation loss is " b { (format!("{:.3}", mean(&found.control, |outcome| outcome.validation_loss))) }
                " nats and the roughness of the training loss " b { (format!("{:.4}", mean(&found.control, |outcome| outcome.roughness))) }
                " nats per epoch. A change multiplies them by these factors; below 1 is better."
            }
            @if trials.is_empty() {
                p { "No change was measured with three seeds." }
            } @else {
                div.scroll { table {
                    tr { th { "with" } th { "validation loss" } th { "roughness" } }
                    @for (trial, effect) in &trials {
                        tr {
                            td { (trial.change.describe()) }
                            td.n { @if trial.change.reweights_loss() { "–" } @else { (factor(&effect.loss)) } }
                            td.n { (factor(&effect.roughness)) }
                        }
                    }
                } }
            }
        }
    }
}

/// The rows of the changes that were tried at all, starting with the one that helps most.
fn measured(trials: &[Trial]) -> Vec<EffectRow> {
    let mut rows: Vec<EffectRow> =
        trials.iter().map(EffectRow::of).filter(|row| row.effect.is_some()).collect();
    let mean = |row: &EffectRow| row.effect.map_or(f64::NEG_INFINITY, |effect| effect.mean);
    rows.sort_by(|one, other| mean(other).total_cmp(&mean(one)));
    rows
}

/// Mean balanced accuracy over the seeds.
fn accuracy(outcomes: &[Option<ExperimentOutcome>]) -> f64 {
    mean(outcomes, |outcome| outcome.accuracy)
}

/// A fall given as a logarithm, written as the factor that the value is multiplied by.
fn factor(estimate: &Estimate) -> Markup {
    let text = |logarithm: f64| format!("{:.2}", (-logarithm).exp());
    html! { "× " (text(estimate.mean)) small { " (" (text(estimate.high)) " to " (text(estimate.low)) ")" } }
}
