//! The loss of the unchanged run, and how much of its fluctuation is normal.

use maud::{Markup, html};

use super::{DiagnosisPage, line};
use crate::train::diagnose::cause::Cause;
use crate::train::diagnose::statistics::loss_curve::{roughness, spikes};
use crate::train::diagnose::verdict::criteria::SMOOTH;
use crate::train::report::elements::axis::Scale;
use crate::train::report::elements::chart::Chart;

impl DiagnosisPage<'_> {
    /// The loss and the accuracy of the unchanged run, with its spikes.
    pub(super) fn curve(&self) -> Markup {
        let history = &self.diagnosis.history;
        let losses: Vec<f64> = history.iter().map(|epoch| epoch.loss).collect();
        let validation_losses: Vec<f64> = history.iter().filter_map(|epoch| epoch.validation_loss).collect();
        let spikes = spikes(&losses);
        let marks: Vec<f64> = spikes.iter().map(|epoch| *epoch as f64).collect();
        let loss = |logarithmic: bool| Chart {
            title: "Loss over the epochs".into(),
            x: "epoch".into(),
            y: if logarithmic { "loss, nats, logarithmic".into() } else { "loss, nats".into() },
            y_scale: if logarithmic { Scale::Logarithmic } else { Scale::Linear },
            lines: vec![
                line("training", 0, history, &|epoch| Some(epoch.loss)),
                line("validation", 1, history, &|epoch| epoch.validation_loss),
            ],
            marks: marks.iter().copied().take(40).collect(),
            ..Chart::default()
        };
        let accuracy = Chart {
            title: "Accuracy over the epochs".into(),
            x: "epoch".into(),
            y: "share of correct windows".into(),
            range: Some((0.0, 1.0)),
            lines: vec![
                line("training", 0, history, &|epoch| Some(epoch.accuracy)),
                line("validation", 1, history, &|epoch| epoch.validation_accuracy),
            ],
            ..Chart::default()
        };
        html! {
            h3 { "The whole curve" }
            p {
                (history.len()) " epochs. The roughness of a loss is its mean rise from one epoch to the next, where epochs in which it falls count as 0. It is "
                b { (format!("{:.4}", roughness(&losses))) } " nats for the training loss and "
                b { (format!("{:.4}", roughness(&validation_losses))) } " nats for the validation loss. "
                @match spikes.len() {
                    0 => "There is no spike.",
                    1 => "There is one spike, marked by a vertical line.",
                    count => { "There are " (count) " spikes" @if count > 40 { ", of which the first 40 are" } @else { ", each" } " marked by a vertical line." }
                }
            }
            div.charts { (loss(false).svg()) (loss(true).svg()) (accuracy.svg()) }
        }
    }

    /// How much the loss fluctuates and whether that is normal; empty if it was not measured.
    pub(super) fn fluctuation(&self) -> String {
        let Some(spread) = self.diagnosis.spread else { return String::new() };
        let batch = self.diagnosis.options.batch_size;
        let ratio = spread.seen / spread.sampling.max(1e-12);
        if spread.seen < SMOOTH {
            format!("The loss hardly fluctuates: by {:.4} nats from epoch to epoch.", spread.seen)
        } else if ratio <= 2.0 && self.diagnosis.findings.iter().any(|one| one.cause == Cause::GradientSpikes)
        {
            format!(
                "The loss fluctuates by {:.3} nats from epoch to epoch, and by {:.3} between different orders of the \
                 windows: it spikes in any order.",
                spread.seen, spread.sampling
            )
        } else if ratio <= 2.0 {
            format!(
                "The loss fluctuates by {:.3} nats from epoch to epoch. The order of the windows alone explains \
                 {:.3}: that is normal for batches of {batch}.",
                spread.seen, spread.sampling
            )
        } else {
            format!(
                "The loss fluctuates by {:.3} nats from epoch to epoch, {ratio:.1} times the {:.3} that the order of \
                 the windows alone explains with batches of {batch}.",
                spread.seen, spread.sampling
            )
        }
    }

    /// How much of the fluctuation is normal, with the gradient noise.
    pub(super) fn normal_fluctuation(&self) -> Markup {
        let found = self.diagnosis;
        html! {
            h3 { "How much of the fluctuation is normal" }
            p { (self.fluctuation()) }
            @if let Some(spread) = found.spread {
                p.soft {
                    "To measure this, the epoch after 70 % of the run was repeated from the same weights with \
                     different orders of the windows. The standard deviation of the loss of that epoch is "
                    (format!("{:.4}", spread.sampling)) " nats. In the 30 epochs after that point, the loss fluctuates by " (format!("{:.4}", spread.seen)) " nats."
                }
            }
            @if !found.noise.is_empty() {
                div.scroll { table {
                    tr { th { "after epoch" } th { "noise scale, windows" } th { "standard deviation of the loss of a window, nats" } th { "of a batch, nats" } }
                    @for noise in &found.noise {
                        tr {
                            td.n { (noise.epoch) }
                            td.n { (format!("{:.0}", noise.scale)) }
                            td.n { (format!("{:.3}", noise.loss_deviation)) }
                            td.n { (format!("{:.3}", noise.loss_deviation / (found.options.batch_size as f64).sqrt())) }
                        }
                    }
                } }
                p.soft {
                    "The noise scale is the batch size at which the noise of a gradient is as large as the gradient itself (McCandlish and others, 2018). Where it is far above the batch size of "
                    (found.options.batch_size) ", steps are mostly noise."
                }
            }
        }
    }
}
