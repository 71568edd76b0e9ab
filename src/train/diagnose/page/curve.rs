//! The whole curve, and how much of its fluctuation is normal.

use maud::{Markup, html};

use super::{DiagnosisPage, line};
use crate::train::diagnose::cause::Cause;
use crate::train::diagnose::loss_curve::{roughness, spikes};
use crate::train::diagnose::verdict::training_rules::SMOOTH;
use crate::train::report::chart::Chart;

impl DiagnosisPage<'_> {
    pub(super) fn curve(&self) -> Markup {
        let history = &self.diagnosis.history;
        let losses: Vec<f64> = history.iter().map(|epoch| epoch.loss).collect();
        let held: Vec<f64> = history.iter().filter_map(|epoch| epoch.validation_loss).collect();
        let jumps = spikes(&losses);
        let marks: Vec<f64> = jumps.iter().map(|epoch| *epoch as f64).collect();
        let loss = |logarithmic: bool| Chart {
            title: "Loss over the epochs".into(),
            x: "epoch".into(),
            y: if logarithmic { "loss, nats, logarithmic".into() } else { "loss, nats".into() },
            logarithmic,
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
            y: "share of windows right".into(),
            range: Some((0.0, 1.0)),
            lines: vec![
                line("training", 0, history, &|epoch| Some(epoch.accuracy)),
                line("validation", 1, history, &|epoch| epoch.validation_accuracy),
            ],
            ..Chart::default()
        };
        html! {
            h2 { "The whole curve" }
            p {
                (history.len()) " epochs. The training loss goes up by " b { (format!("{:.4}", roughness(&losses))) }
                " nats from one epoch to the next on average, epochs in which it falls counted as 0: that is its roughness. That of the validation loss is "
                b { (format!("{:.4}", roughness(&held))) } ". "
                @match jumps.len() {
                    0 => "There is no spike.",
                    1 => "There is one spike, marked by an upright line.",
                    count => { "There are " (count) " spikes" @if count > 40 { ", of which the first 40 are" } @else { ", each" } " marked by an upright line." }
                }
            }
            div.pair { (loss(false).svg()) (loss(true).svg()) (accuracy.svg()) }
        }
    }

    pub(super) fn fluctuation(&self) -> String {
        let Some(spread) = self.diagnosis.spread else { return String::new() };
        let batch = self.diagnosis.options.batch_size;
        let ratio = spread.seen / spread.sampling.max(1e-12);
        if spread.seen < SMOOTH {
            format!("Its loss hardly fluctuates: by {:.4} nats from epoch to epoch.", spread.seen)
        } else if ratio <= 2.0 && self.diagnosis.findings.iter().any(|one| one.cause == Cause::GradientSpikes)
        {
            format!(
                "Its loss fluctuates by {:.3} nats from epoch to epoch, and by {:.3} from one order of the windows to another: it jumps in any order.",
                spread.seen, spread.sampling
            )
        } else if ratio <= 2.0 {
            format!(
                "Its loss fluctuates by {:.3} nats from epoch to epoch. The order of the windows alone makes {:.3}: that is normal for batches of {batch}.",
                spread.seen, spread.sampling
            )
        } else {
            format!(
                "Its loss fluctuates by {:.3} nats from epoch to epoch, {ratio:.1} times the {:.3} that the order of the windows alone makes in batches of {batch}.",
                spread.seen, spread.sampling
            )
        }
    }

    pub(super) fn normal(&self) -> Markup {
        let found = self.diagnosis;
        html! {
            h2 { "How much of it is normal" }
            p { (self.fluctuation()) }
            @if let Some(spread) = found.spread {
                p.soft {
                    "Measured by training one epoch again and again from the same weights, in another order each time, after 70 % of the epochs: the loss then has a standard deviation of "
                    (format!("{:.4}", spread.sampling)) " nats. What was seen in the 30 epochs from there is " (format!("{:.4}", spread.seen)) "."
                }
            }
            @if !found.noise.is_empty() {
                div.scroll { table {
                    tr { th { "after epoch" } th { "noise scale, windows" } th { "deviation of the windows' losses, nats" } th { "so a batch's loss varies by, nats" } }
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
                    "The noise scale is the number of windows at which the noise of a step is as large as what it follows (McCandlish and others, 2018). Steps over "
                    (found.options.batch_size) " windows are mostly noise where it is far above that."
                }
            }
        }
    }
}
