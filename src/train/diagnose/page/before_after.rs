//! The training run as it was and with the recommended settings, side by side.

use maud::{Markup, html};

use super::DiagnosisPage;
use crate::train::diagnose::experiments::outcome::{ExperimentOutcome, mean};
use crate::train::diagnose::fix::FixedTraining;
use crate::train::fit::epoch::Epoch;
use crate::train::report::elements::bars::{Bar, bars};
use crate::train::report::elements::chart::{Chart, ChartLine};
use crate::train::report::elements::document::percent;

impl DiagnosisPage<'_> {
    /// The training run before and after; nothing if there is nothing to recommend.
    pub(super) fn before_and_after(&self) -> Markup {
        let Some(fixed) = &self.diagnosis.fixed else { return html! {} };
        let asked = self.diagnosis.options.epochs();
        let (old, new) = (first_history(&fixed.before), first_history(&fixed.after));
        let bar = |name: &str, side, main| Bar { name: name.into(), share: accuracy(side), main };
        let chart = |of: &dyn Fn(&Epoch) -> Option<f64>, title: &str, y: &str| Chart {
            title: title.into(),
            x: "share of the epochs, %".into(),
            y: y.into(),
            lines: vec![share_line("before", 1, old, of), share_line("after", 0, new, of)],
            ..Chart::default()
        };
        html! {
            h2 { "Before and after" }
            @if let Some(comparison) = self.diagnosis.comparison() { p { (comparison) } }
            (bars(&[bar("before", &fixed.before, false), bar("after", &fixed.after, true)]))
            div.charts {
                (chart(&|epoch| Some(epoch.loss), "Training loss before and after", "training loss, nats").svg())
                (chart(&|epoch| epoch.validation_loss, "Validation loss before and after", "validation loss, nats").svg())
            }
            p.soft { "The curves are those of the first seed." (remark(fixed, old.len(), asked)) }
        }
    }

    /// All figures before and after, for experts; nothing if there is nothing to recommend.
    pub(super) fn before_and_after_figures(&self) -> Markup {
        let Some(fixed) = &self.diagnosis.fixed else { return html! {} };
        let asked = self.diagnosis.options.epochs();
        let (old, new) = (first_history(&fixed.before).len(), first_history(&fixed.after).len());
        let row = |name: &str, of: fn(&ExperimentOutcome) -> f64, share: bool| {
            let shown = |side: &[Option<ExperimentOutcome>]| {
                let value = mean(side, of);
                if share { percent(value) } else { format!("{value:.3}") }
            };
            html! { tr { td { (name) } td.n { (shown(&fixed.before)) } td.n { (shown(&fixed.after)) } } }
        };
        html! {
            h3 { "Before and after, all figures" }
            div.scroll { table {
                tr { th { "mean over the seeds" } th { "before" } th { "after" } }
                tr {
                    td { "epochs" }
                    td.n { (old) @if old < asked { " of " (asked) } }
                    td.n { (new) @if new < fixed.epochs { " of " (fixed.epochs) } }
                }
                (row("balanced accuracy on held-out recordings", |outcome| outcome.accuracy, true))
                (row("validation loss at the end, nats", |outcome| outcome.validation_loss, false))
                (row("roughness of the validation loss, nats per epoch", |outcome| outcome.validation_roughness, false))
                (row("roughness of the training loss, nats per epoch", |outcome| outcome.roughness, false))
            } }
        }
    }
}

/// Mean balanced accuracy over the seeds.
fn accuracy(side: &[Option<ExperimentOutcome>]) -> f64 {
    mean(side, |outcome| outcome.accuracy)
}

/// The epochs of the first seed that was run.
fn first_history(side: &[Option<ExperimentOutcome>]) -> &[Epoch] {
    side.iter().flatten().next().map(|one| one.history.as_slice()).unwrap_or_default()
}

/// What has to be known about the run as it was, which had `epochs` of the epochs `asked` for.
fn remark(fixed: &FixedTraining, epochs: usize, asked: usize) -> &'static str {
    if fixed.before.iter().flatten().any(|outcome| outcome.diverged) {
        " The run with the old settings diverged: its loss is no longer a number."
    } else if epochs < asked {
        " There was no time for all epochs of the run with the old settings."
    } else {
        ""
    }
}

/// A line over the share of the epochs in percent, so that runs of different lengths can be compared.
fn share_line(name: &str, colour: usize, history: &[Epoch], of: &dyn Fn(&Epoch) -> Option<f64>) -> ChartLine {
    let share = |epoch: &Epoch| 100.0 * epoch.epoch as f64 / history.len().max(1) as f64;
    let points = history.iter().filter_map(|epoch| Some((share(epoch), of(epoch)?))).collect();
    ChartLine { name: name.into(), colour, faint: false, points }
}
