//! The first part of the report: what is wrong, what to do, and the training run before and after.

use maud::{Markup, html};

use super::{DiagnosisPage, points, share_line};
use crate::train::diagnose::experiments::outcome::ExperimentOutcome;
use crate::train::diagnose::experiments::outcome::mean;
use crate::train::diagnose::fix::FixedTraining;
use crate::train::fit::epoch::Epoch;
use crate::train::report::elements::chart::Chart;
use crate::train::report::elements::document::percent;

impl DiagnosisPage<'_> {
    /// The findings, the recommended command, and the training run before and after.
    pub(super) fn verdict(&self) -> Markup {
        let found = self.diagnosis;
        html! {
            h1 { @if found.findings.is_empty() && !found.healthy() { "There was no time to say what is wrong with this training run" } @else if found.healthy() { "Nothing is wrong with this training run" } @else { "Why this training run misbehaves" } }
            p.soft {
                (self.dataset.len()) " windows of " (self.dataset.card.window) " steps from " (self.dataset.recordings.len()) " recordings of "
                (self.dataset.card.labels.len()) " surfaces. Each change was tried over " (found.seeds()) " seeds, each of which holds out different recordings, for "
                (found.epochs) " epochs"
                @if found.epochs < found.options.epochs() {
                    ", fewer than the " (found.options.epochs()) " that were asked for, because there was no time for more. "
                    "A larger " code { "--budget" } " gives a more reliable result"
                }
                "."
            }
            @for warning in &found.warnings { p.warn { "Warning: " (warning) } }
            @if found.healthy() {
                div.verdict.good {
                    h3 { "It is healthy" }
                    p { "None of the " (found.trials.len()) " changes made it reliably better. " (self.fluctuation()) }
                }
            }
            @if let Some(fixed) = &found.fixed {
                div.verdict.good {
                    h3 { "Train like this instead" }
                    pre.command { (self.command()) }
                    p { (gain(fixed)) }
                }
            }
            @for (index, finding) in found.findings.iter().enumerate() {
                div.verdict {
                    h3 { (index + 1) ". " (finding.cause.title()) }
                    p { (finding.cause.meaning()) }
                    p { b { "Evidence: " } (finding.evidence) "." }
                    p { b { "What to do: " } (finding.fix) "." }
                    @if finding.effect != 0.0 {
                        p.soft {
                            "Effect: " (points(finding.effect)) " points of balanced accuracy on held-out recordings"
                            @if let Some([low, high]) = finding.interval {
                                " (90 % confidence interval " (points(low)) " to " (points(high)) ")"
                            }
                            "."
                        }
                    }
                }
            }
            @if let Some(fixed) = &found.fixed {
                h2 { "Before and after" }
                (side_by_side(fixed, found.options.epochs()))
            }
        }
    }

    /// The command that trains with the recommended settings.
    pub(super) fn command(&self) -> String {
        let data: Vec<_> = self.data.iter().map(|path| path.display().to_string()).collect();
        let flags = self.diagnosis.command().unwrap_or_default();
        format!("underfoot-train fit {} --out model.onnx {flags}", data.join(" ")).trim_end().to_owned()
    }
}

/// The figures before and after, in one sentence.
fn gain(fixed: &FixedTraining) -> Markup {
    let change = |of: fn(&ExperimentOutcome) -> f64| (mean(&fixed.before, of), mean(&fixed.after, of));
    let (accuracy, loss) = (change(|outcome| outcome.accuracy), change(|outcome| outcome.validation_loss));
    let roughness = change(|outcome| outcome.validation_roughness);
    html! {
        "On held-out recordings: balanced accuracy " b { (percent(accuracy.0)) " before, " (percent(accuracy.1)) " after" }
        "; loss at the end " (format!("{:.2}", loss.0)) " before, " (format!("{:.2}", loss.1)) " after; roughness of the loss "
        (format!("{:.3}", roughness.0)) " nats per epoch before, " (format!("{:.3}", roughness.1)) " after."
    }
}

/// A table and charts of the unchanged run and of the run with the recommended settings. `asked` is the
/// number of epochs of the unchanged run without a time limit.
fn side_by_side(fixed: &FixedTraining, asked: usize) -> Markup {
    let FixedTraining { before, after, .. } = fixed;
    let diverged = before.iter().flatten().any(|outcome| outcome.diverged);
    let row = |name: &str, of: fn(&ExperimentOutcome) -> f64, share: bool| {
        let shown = |side: &[Option<ExperimentOutcome>]| {
            let value = mean(side, of);
            if share { percent(value) } else { format!("{value:.3}") }
        };
        html! { tr { td { (name) } td.n { (shown(before)) } td.n { (shown(after)) } } }
    };
    let first = |side: &[Option<ExperimentOutcome>]| {
        side.iter().flatten().next().map(|one| one.history.clone()).unwrap_or_default()
    };
    let (old, new) = (first(before), first(after));
    let chart = |of: &dyn Fn(&Epoch) -> Option<f64>, title: &str, y: &str| Chart {
        title: title.into(),
        x: "share of the epochs, %".into(),
        y: y.into(),
        lines: vec![share_line("before", 1, &old, of), share_line("after", 0, &new, of)],
        ..Chart::default()
    };
    html! {
        div.scroll { table {
            tr { th { "mean over the seeds" } th { "before" } th { "after" } }
            tr {
                td { "epochs" }
                td.n { (old.len()) @if old.len() < asked { " of " (asked) } }
                td.n { (new.len()) @if new.len() < fixed.epochs { " of " (fixed.epochs) } }
            }
            (row("balanced accuracy on held-out recordings", |outcome| outcome.accuracy, true))
            (row("validation loss at the end, nats", |outcome| outcome.validation_loss, false))
            (row("roughness of the validation loss, nats per epoch", |outcome| outcome.validation_roughness, false))
            (row("roughness of the training loss, nats per epoch", |outcome| outcome.roughness, false))
        } }
        div.pair {
            (chart(&|epoch| Some(epoch.loss), "Training loss before and after", "training loss, nats").svg())
            (chart(&|epoch| epoch.validation_loss, "Validation loss before and after", "validation loss, nats").svg())
        }
        p.soft {
            "The curves are those of the first seed."
            @if diverged { " The run with the old settings diverged: its loss is no longer a number." }
            @else if old.len() < asked { " There was no time for all epochs of the run with the old settings." }
        }
    }
}
