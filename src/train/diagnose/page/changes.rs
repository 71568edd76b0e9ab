//! The effect of each change, the range test of the learning rate, and the sharpness around a spike.

use maud::{Markup, html};

use super::{DiagnosisPage, line, points};
use crate::train::diagnose::experiments::outcome::mean;
use crate::train::diagnose::statistics::estimate::Estimate;
use crate::train::fit::epoch::Epoch;
use crate::train::report::elements::axis::Scale;
use crate::train::report::elements::chart::{Chart, ChartLine};
use crate::train::report::elements::document::percent;

impl DiagnosisPage<'_> {
    /// The effect of each change, and the range test.
    pub(super) fn changes(&self) -> Markup {
        let found = self.diagnosis;
        let control = &found.control;
        html! {
            h2 { "What each change did" }
            p {
                "Without a change: balanced accuracy " b { (percent(mean(control, |outcome| outcome.accuracy))) } " on held-out recordings, validation loss "
                b { (format!("{:.3}", mean(control, |outcome| outcome.validation_loss))) } ", roughness of the training loss "
                b { (format!("{:.4}", mean(control, |outcome| outcome.roughness))) } ". Each row changes one thing, with the same seeds. "
                "The intervals in parentheses are 90 % confidence intervals of the mean."
            }
            div.scroll { table {
                tr { th { "with" } th { "balanced accuracy, points" } th { "validation loss" } th { "roughness" } }
                @for trial in &found.trials {
                    tr {
                        td { (trial.change.describe()) }
                        @match &trial.effect {
                            Some(effect) => {
                                (bar(&effect.accuracy))
                                td.n { @if trial.change.reweights_loss() { "–" } @else { (times(&effect.loss)) } }
                                td.n { (times(&effect.roughness)) }
                            }
                            None => { td colspan="3" { span.soft { "no time" } } }
                        }
                    }
                }
            } }
            @if found.range.len() > 20 {
                h3 { "Range test of the learning rate" }
                div.one { (Chart {
                    title: "Loss against a growing learning rate".into(),
                    x: "logarithm of the learning rate, base 10".into(),
                    y: "loss of a batch, nats".into(),
                    lines: vec![ChartLine { colour: 0, points: found.range.iter().map(|(rate, loss)| (rate.log10(), *loss)).collect(), ..ChartLine::default() }],
                    marks: vec![found.options.learning_rate.log10()],
                    ..Chart::default()
                }.svg()) }
                p.soft { "The network is trained from its initial weights with a learning rate that grows at every step (Smith, 2015). The vertical line is the learning rate in use. It should be where the loss falls, well before it rises." }
            }
        }
    }

    /// The sharpness and the loss around a spike; nothing if they were not measured.
    pub(super) fn spike(&self) -> Markup {
        let Some(spike) = &self.diagnosis.spike else { return html! {} };
        let points: Vec<(f64, f64)> =
            spike.sharpness.iter().map(|(epoch, value)| (*epoch as f64, *value)).collect();
        let (first, last) = (points.first().map_or(0.0, |p| p.0), points.last().map_or(0.0, |p| p.0));
        let epochs_around: Vec<Epoch> = self
            .diagnosis
            .history
            .iter()
            .filter(|epoch| (first..=last).contains(&(epoch.epoch as f64)))
            .copied()
            .collect();
        let above = spike.sharpness.iter().filter(|(_, value)| *value > spike.limit).count();
        let sharpness = Chart {
            title: "Sharpness around the spike".into(),
            x: "epoch".into(),
            y: "sharpness, logarithmic".into(),
            y_scale: Scale::Logarithmic,
            lines: vec![
                ChartLine {
                    name: "largest eigenvalue of the preconditioned Hessian".into(),
                    colour: 0,
                    points,
                    ..ChartLine::default()
                },
                ChartLine {
                    name: "2 / learning rate, the limit".into(),
                    colour: 1,
                    faint: true,
                    points: vec![(first, spike.limit), (last, spike.limit)],
                },
            ],
            marks: spike.epoch.iter().map(|epoch| *epoch as f64).collect(),
            ..Chart::default()
        };
        let loss = Chart {
            title: "Loss around the spike".into(),
            x: "epoch".into(),
            y: "training loss, nats, logarithmic".into(),
            y_scale: Scale::Logarithmic,
            lines: vec![line("training", 0, &epochs_around, &|epoch| Some(epoch.loss))],
            marks: spike.epoch.iter().map(|epoch| *epoch as f64).collect(),
            ..Chart::default()
        };
        html! {
            @if let Some(epoch) = spike.epoch {
                h2 { "Why the loss spikes" }
                p {
                    "There is a spike at epoch " b { (epoch) } ". After " b { (above) } " of the " (spike.sharpness.len())
                    " epochs around it, the sharpness is above the limit for stable steps. "
                    "Optimisers that divide by the size of recent gradients take longer and longer steps as these become tiny. Above the limit a step raises the loss, "
                    "and the loss grows until the gradients are large again (Cohen and others, 2022)."
                }
                div.pair { (loss.svg()) (sharpness.svg()) }
            } @else if let Some((epoch, value)) = spike.sharpness.last() {
                h2 { "Sharpness" }
                p {
                    "There was no spike. After epoch " (epoch) " the largest eigenvalue of the preconditioned Hessian is " (format!("{value:.0}"))
                    "; the limit at the learning rate of that epoch is " (format!("{:.0}", spike.limit)) "."
                }
            }
        }
    }
}

/// A table cell with an estimate of a difference in percentage points, as a small chart and in numbers.
fn bar(estimate: &Estimate) -> Markup {
    let x = |value: f64| 60.0 + (value * 100.0).clamp(-29.0, 29.0) * 2.0;
    let clear = estimate.low > 0.0 || estimate.high < 0.0;
    html! {
        td.n {
            svg.effect viewBox="0 0 120 14" role="img" aria-label=(points(estimate.mean)) {
                line.grid x1="60" x2="60" y1="0" y2="14" {}
                line class=(if clear { "line c0" } else { "line c3 faint" }) x1=(format!("{:.1}", x(estimate.low))) x2=(format!("{:.1}", x(estimate.high))) y1="7" y2="7" {}
                circle cx=(format!("{:.1}", x(estimate.mean))) cy="7" r="3" {}
            }
            (points(estimate.mean)) small { " (" (points(estimate.low)) " to " (points(estimate.high)) ")" }
        }
    }
}

/// A fall given as a logarithm, written as the factor that the value is multiplied by.
fn times(estimate: &Estimate) -> Markup {
    html! { "× " (format!("{:.2}", (-estimate.mean).exp())) small { " (" (format!("{:.2}", (-estimate.high).exp())) " to " (format!("{:.2}", (-estimate.low).exp())) ")" } }
}
