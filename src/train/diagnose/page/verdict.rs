//! The first part of the report: what is wrong, what to do, and how certain that is.

use maud::{Markup, html};

use super::DiagnosisPage;
use super::effect_chart::{DrawnEffect, EffectRow, effect_chart};
use crate::train::diagnose::diagnosis::DiagnosisState;
use crate::train::diagnose::verdict::finding::Finding;
use crate::train::diagnose::verdict::tendency::Tendency;
use crate::train::report::elements::document::{command_block, sentence};

impl DiagnosisPage<'_> {
    /// The first screen: what is wrong, what to do, and how certain that is.
    pub(super) fn verdict(&self) -> Markup {
        let found = self.diagnosis;
        html! {
            h1 { (found.headline()) "." }
            p { (found.how_good()) }
            (self.what_to_do())
            @for (index, finding) in found.findings.iter().enumerate() { (self.finding(index + 1, finding)) }
            @if found.state() != DiagnosisState::Healthy { (tendencies(&found.tendencies)) }
            @if found.findings.is_empty() { (self.conditions()) }
            @for warning in &found.warnings { p.warn { "Warning: " (warning) } }
            p.soft { (self.basis()) }
        }
    }

    /// What to do first, with the command.
    fn what_to_do(&self) -> Markup {
        let found = self.diagnosis;
        let command = found.command_line(self.data);
        let colour = match found.state() {
            DiagnosisState::Healthy => "verdict good",
            DiagnosisState::Findings | DiagnosisState::Uncertain => "verdict",
        };
        html! {
            div class=(colour) {
                h2 { "What to do" }
                @if let Some(command) = &command {
                    p { "Train with these settings:" }
                    (command_block(command))
                    @if let Some(comparison) = found.comparison() { p { (comparison) } }
                } @else if let Some(first) = found.findings.first() {
                    p { (sentence(&first.fix)) }
                } @else if found.state() == DiagnosisState::Healthy {
                    p { "Nothing has to be changed: none of the changes that were tried improves the training run \
                         beyond chance." }
                } @else if let Some(likeliest) = found.tendencies.first() {
                    p { "This may help: " (likeliest.fix) "." }
                }
                @if found.state() == DiagnosisState::Uncertain {
                    @if let Some(unfinished) = found.unfinished() {
                        p { "To be certain, run the diagnosis again with more time. " (sentence(&unfinished)) }
                    }
                }
            }
        }
    }

    /// A finding, with what to do about it and how certain it is.
    fn finding(&self, number: usize, finding: &Finding) -> Markup {
        // Without a command, the first screen already says what to do about the first finding.
        let is_said = number == 1 && self.diagnosis.fixed.is_none();
        html! {
            div.verdict {
                h3 { (number) ". " (finding.title) }
                // The meaning is that of the cause in general, and the title may be of a special case.
                @if finding.title == finding.cause.title() { p { (finding.cause.meaning()) } }
                @if !is_said { p { b { "What to do: " } (sentence(&finding.fix)) } }
                p { b { "How certain: " } (sentence(&self.diagnosis.certainty(finding))) }
                p.soft {
                    b { "Evidence: " } (sentence(&finding.evidence))
                    @if finding.after_first { " This was found only after the causes before it had been fixed." }
                }
            }
        }
    }

    /// The conditions of a healthy run, each with its figure.
    pub(super) fn conditions(&self) -> Markup {
        let conditions = &self.diagnosis.conditions;
        html! {
            @if !conditions.is_empty() {
                h2 { "Signs of a healthy training run" }
                ul.conditions {
                    @for condition in conditions {
                        @let (class, mark) = match condition.met {
                            Some(true) => ("yes", "Yes"),
                            Some(false) => ("no", "No"),
                            None => ("open", "Not measured"),
                        };
                        li { b class=(class) { (mark) ": " } (condition.measured) "." }
                    }
                }
            }
        }
    }

    /// What the diagnosis is based on, in one paragraph.
    fn basis(&self) -> String {
        let (found, dataset) = (self.diagnosis, self.dataset);
        let asked = found.options.epochs();
        let epochs = if found.epochs < asked {
            format!("{} of the {asked} epochs that were asked for", found.epochs)
        } else {
            format!("{asked} epochs")
        };
        format!(
            "This is based on {} windows of {} steps from {} recordings of {} surfaces. The training run was repeated \
             with up to {} seeds, each of which holds out different recordings, for {epochs}. Time: {}.",
            dataset.len(),
            dataset.card.window,
            dataset.recordings.len(),
            dataset.card.labels.len(),
            found.seeds(),
            found.time(),
        )
    }
}

/// What seems to help but is not certain; nothing if there is none.
fn tendencies(tendencies: &[Tendency]) -> Markup {
    let row = |one: &Tendency| EffectRow {
        name: one.change.clone(),
        effect: Some(DrawnEffect { mean: one.rise, interval: one.interval }),
        words: one.figures(),
    };
    html! {
        @if !tendencies.is_empty() {
            h2 { "What may be wrong, but is not certain" }
            p { "These changes seem to help, by the shown number of points of balanced accuracy. This may be chance." }
            (effect_chart(&tendencies.iter().map(row).collect::<Vec<_>>()))
            ul { @for one in tendencies { li { "If training is really better with " (one.change) ": " (one.fix) "." } } }
        }
    }
}
