//! The range test of the learning rate, and the sharpness around a spike.

use maud::{Markup, html};

use super::{DiagnosisPage, line};
use crate::train::fit::epoch::Epoch;
use crate::train::report::elements::axis::Scale;
use crate::train::report::elements::chart::{Chart, ChartLine};

/// A range test with fewer steps is not shown.
const MIN_STEPS: usize = 20;

impl DiagnosisPage<'_> {
    /// The range test of the learning rate; nothing if there was no time for it.
    pub(super) fn range_test(&self) -> Markup {
        let found = self.diagnosis;
        let chart = Chart {
            title: "Loss against a growing learning rate".into(),
            x: "learning rate, logarithmic".into(),
            y: "loss of a batch, nats".into(),
            x_scale: Scale::Logarithmic,
            lines: vec![ChartLine { colour: 0, points: found.range.clone(), ..ChartLine::default() }],
            marks: vec![found.options.learning_rate],
            ..Chart::default()
        };
        html! {
            @if found.range.len() > MIN_STEPS {
                h3 { "Range test of the learning rate" }
                p.soft {
                    "The network is trained from its initial weights with a learning rate that grows at every step (Smith, "
                    "2015). The vertical line is the learning rate in use. It should be where the loss falls, well before it "
                    "rises."
                }
                div.charts { (chart.svg()) }
            }
        }
    }

    /// The sharpness and the loss around a spike; nothing if they were not measured.
    pub(super) fn spike(&self) -> Markup {
        let Some(spike) = &self.diagnosis.spike else { return html! {} };
        let points: Vec<(f64, f64)> =
            spike.sharpness.iter().map(|(epoch, value)| (*epoch as f64, *value)).collect();
        let (first, last) = (points.first().map_or(0.0, |p| p.0), points.last().map_or(0.0, |p| p.0));
        let around = self.diagnosis.history.iter();
        let around: Vec<Epoch> =
            around.filter(|epoch| (first..=last).contains(&(epoch.epoch as f64))).copied().collect();
        let above = spike.sharpness.iter().filter(|(_, value)| *value > spike.limit).count();
        let marks: Vec<f64> = spike.epoch.iter().map(|epoch| *epoch as f64).collect();
        let chart = |title: &str, y: &str, lines| Chart {
            title: title.into(),
            x: "epoch".into(),
            y: y.into(),
            y_scale: Scale::Logarithmic,
            lines,
            marks: marks.clone(),
            ..Chart::default()
        };
        let loss = chart(
            "Loss around the spike",
            "training loss, nats, logarithmic",
            vec![line("training", 0, &around, &|epoch| Some(epoch.loss))],
        );
        let limit = vec![(first, spike.limit), (last, spike.limit)];
        let sharpness = chart(
            "Sharpness around the spike",
            "sharpness, logarithmic",
            vec![
                ChartLine { name: "sharpness".into(), colour: 0, faint: false, points },
                ChartLine { name: "limit of stable steps".into(), colour: 1, faint: true, points: limit },
            ],
        );
        html! {
            @if let Some(epoch) = spike.epoch {
                h3 { "Why the loss spikes" }
                p {
                    "There is a spike at epoch " b { (epoch) } ". After " b { (above) } " of the " (spike.sharpness.len())
                    " epochs around it, the sharpness is above the limit for stable steps. "
                    "Optimisers that divide by the size of recent gradients take longer and longer steps as these become tiny. Above the limit a step raises the loss, "
                    "and the loss grows until the gradients are large again (Cohen and others, 2022)."
                }
                div.charts { (loss.svg()) (sharpness.svg()) }
            } @else if let Some((epoch, value)) = spike.sharpness.last() {
                h3 { "Sharpness" }
                p {
                    "There was no spike. After epoch " (epoch) " the sharpness is " (format!("{value:.0}"))
                    "; the limit for stable steps at the learning rate of that epoch is " (format!("{:.0}", spike.limit)) "."
                }
            }
            p.soft {
                "The sharpness says how strongly the loss curves along the optimiser's steps: it is the largest eigenvalue of the "
                "Hessian, the matrix of second derivatives of the loss, scaled as the optimiser scales its steps."
            }
        }
    }
}
