//! The page of a diagnosis: one HTML file that needs nothing else. What is wrong and what to do stand first; the evidence is below.

use std::path::PathBuf;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Diagnosis;
use super::cause::Cause;
use super::curve::{roughness, spikes};
use super::estimate::Estimate;
use super::label_errors::Suspect;
use super::laboratory::Outcome;
use super::verdict::{SMOOTH, SPIKE, mean};
use crate::train::dataset::Dataset;
use crate::train::fit::Epoch;
use crate::train::report::chart::{Chart, Line};
use crate::train::report::percent;

/// Suspects that are listed, and of these how many are drawn.
const SUSPECTS: (usize, usize) = (20, 6);

/// What the page shows.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// What was found out.
    pub diagnosis: &'a Diagnosis,
    /// The windows.
    pub dataset: &'a Dataset,
    /// The recordings, as they were named.
    pub data: &'a [PathBuf],
}

impl Page<'_> {
    /// The page.
    pub fn html(&self) -> String {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { "underfoot: why a training misbehaves" }
                    style { (PreEscaped(include_str!("../report/style.css"))) }
                }
                body {
                    (self.verdict())
                    (self.curve())
                    (self.normal())
                    (self.changes())
                    (self.steps())
                    (self.windows())
                    (self.suspects())
                    (self.reach())
                }
            }
        };
        page.into_string()
    }

    fn verdict(&self) -> Markup {
        let found = self.diagnosis;
        html! {
            h1 { @if !found.conclusive() { "There was no time to say what is wrong with this training" } @else if found.findings.is_empty() { "Nothing is wrong with this training" } @else { "Why this training misbehaves" } }
            p.soft {
                (self.dataset.len()) " windows of " (self.dataset.card.window) " steps from " (self.dataset.recordings.len()) " recordings of "
                (self.dataset.card.labels.len()) " surfaces. Each change was tried over " (found.seeds) " seeds, each of which holds out other recordings, for "
                (found.epochs) " epochs"
                @if found.epochs < found.options.epochs() {
                    ", which is fewer than the " (found.options.epochs()) " that were asked for: there was no time for more. Give a larger "
                    code { "--budget" } " to be surer"
                }
                "."
            }
            @for warning in &found.warnings { p.warn { "Warning: " (warning) } }
            @if found.conclusive() && found.findings.is_empty() {
                div.verdict.good {
                    h3 { "It is healthy" }
                    p { "None of " (found.trials.len()) " changes made it reliably better. " (self.fluctuation()) }
                }
            }
            @for (index, finding) in found.findings.iter().enumerate() {
                div.verdict {
                    h3 { (index + 1) ". " (finding.cause.title()) }
                    p { (finding.cause.meaning()) }
                    p { b { "Seen: " } (finding.evidence) "." }
                    p { b { "What to do: " } (finding.fix) "." }
                    @if finding.effect != 0.0 {
                        p.soft {
                            "Effect: " (points(finding.effect)) " points of balanced accuracy on recordings not trained on, at 90 % between "
                            (points(finding.interval[0])) " and " (points(finding.interval[1])) "."
                        }
                    }
                }
            }
            @if let Some((_, after)) = &found.mended {
                h2 { "Train like this instead" }
                pre.command { (self.command()) }
                (self.side_by_side(after))
            }
        }
    }

    fn command(&self) -> String {
        let data: Vec<_> = self.data.iter().map(|path| path.display().to_string()).collect();
        let flags = self.diagnosis.command().unwrap_or_default();
        format!("underfoot-train fit {} --out model.onnx {flags}", data.join(" ")).trim_end().to_owned()
    }

    fn side_by_side(&self, after: &[Option<Outcome>]) -> Markup {
        let before = &self.diagnosis.control;
        let row = |name: &str, of: fn(&Outcome) -> f64, share: bool| {
            let shown = |side: &[Option<Outcome>]| {
                let value = mean(side, of);
                if share { percent(value) } else { format!("{value:.3}") }
            };
            html! { tr { td { (name) } td.n { (shown(before)) } td.n { (shown(after)) } } }
        };
        let first = |side: &[Option<Outcome>]| {
            side.iter().flatten().next().map(|one| one.history.clone()).unwrap_or_default()
        };
        let (old, new) = (first(before), first(after));
        let chart = |of: &dyn Fn(&Epoch) -> Option<f64>, title: &str, y: &str| Chart {
            title: title.into(),
            x: "share of the training, %".into(),
            y: y.into(),
            lines: vec![share_line("before", 1, &old, of), share_line("after", 0, &new, of)],
            ..Chart::default()
        };
        html! {
            div.scroll { table {
                tr { th { "mean over the seeds" } th { "before" } th { "after" } }
                (row("balanced accuracy on recordings not trained on", |outcome| outcome.accuracy, true))
                (row("validation loss at the end, nats", |outcome| outcome.loss, false))
                (row("roughness of the validation loss, nats an epoch", |outcome| outcome.validation_roughness, false))
                (row("roughness of the training loss, nats an epoch", |outcome| outcome.roughness, false))
            } }
            div.pair {
                (chart(&|epoch| Some(epoch.loss), "Training loss before and after", "training loss, nats").svg())
                (chart(&|epoch| epoch.validation_loss, "Validation loss before and after", "validation loss, nats").svg())
            }
            p.soft { "The curves are those of the first seed." }
        }
    }

    fn curve(&self) -> Markup {
        let history = &self.diagnosis.history;
        let losses: Vec<f64> = history.iter().map(|epoch| epoch.loss).collect();
        let held: Vec<f64> = history.iter().filter_map(|epoch| epoch.validation_loss).collect();
        let jumps = spikes(&losses, SPIKE);
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

    fn fluctuation(&self) -> String {
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

    fn normal(&self) -> Markup {
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

    fn changes(&self) -> Markup {
        let found = self.diagnosis;
        let control = &found.control;
        html! {
            h2 { "What was changed, and what that did" }
            p {
                "As it is: balanced accuracy " b { (percent(mean(control, |outcome| outcome.accuracy))) } " on recordings not trained on, validation loss "
                b { (format!("{:.3}", mean(control, |outcome| outcome.loss))) } ", roughness of the training loss "
                b { (format!("{:.4}", mean(control, |outcome| outcome.roughness))) } ". Each row changes one thing, with the same seeds; "
                "the interval holds the true mean in 90 of 100 cases."
            }
            div.scroll { table {
                tr { th { "with" } th { "balanced accuracy, points" } th { "validation loss" } th { "roughness" } }
                @for trial in &found.trials {
                    tr {
                        td { (trial.what) }
                        @match &trial.effect {
                            Some(effect) => {
                                (bar(&effect.accuracy))
                                td.n { @if trial.other_loss { "–" } @else { (times(&effect.loss)) } }
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
                    lines: vec![Line { colour: 0, points: found.range.iter().map(|(rate, loss)| (rate.log10(), *loss)).collect(), ..Line::default() }],
                    marks: vec![found.options.learning_rate.log10()],
                    ..Chart::default()
                }.svg()) }
                p.soft { "From the first weights on, with a learning rate that grows at every step (Smith, 2015). The upright line is the one in use: it should stand where the loss falls, well before it rises." }
            }
        }
    }

    fn steps(&self) -> Markup {
        let Some(spike) = &self.diagnosis.spike else { return html! {} };
        let points: Vec<(f64, f64)> =
            spike.sharpness.iter().map(|(epoch, value)| (*epoch as f64, *value)).collect();
        let (first, last) = (points.first().map_or(0.0, |p| p.0), points.last().map_or(0.0, |p| p.0));
        let part: Vec<Epoch> = self
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
            logarithmic: true,
            lines: vec![
                Line {
                    name: "largest eigenvalue of the preconditioned Hessian".into(),
                    colour: 0,
                    points,
                    ..Line::default()
                },
                Line {
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
            logarithmic: true,
            lines: vec![line("training", 0, &part, &|epoch| Some(epoch.loss))],
            marks: spike.epoch.iter().map(|epoch| *epoch as f64).collect(),
            ..Chart::default()
        };
        html! {
            @if let Some(epoch) = spike.epoch {
                h2 { "A spike, caught in the act" }
                p {
                    "The loss jumps at epoch " b { (epoch) } ". The valley that the network is in was steeper than its steps allow after " b { (above) } " of the "
                    (spike.sharpness.len()) " epochs around it. "
                    "Optimisers that divide by the size of recent gradients take ever longer steps as these become tiny; past the limit, a step lands higher than it began, "
                    "and the loss leaps until the gradients are large again (Cohen and others, 2022)."
                }
                div.pair { (loss.svg()) (sharpness.svg()) }
            } @else if let Some((epoch, value)) = spike.sharpness.last() {
                h2 { "How steep the valley is" }
                p {
                    "There was no spike. After epoch " (epoch) " the largest eigenvalue of the preconditioned Hessian is " (format!("{value:.0}"))
                    ", and it may be " (format!("{:.0}", spike.limit)) " at the learning rate of that epoch."
                }
            }
        }
    }

    fn windows(&self) -> Markup {
        let (found, dataset) = (self.diagnosis, self.dataset);
        let counts = dataset.count(0..dataset.len());
        let of = |label: usize| {
            let sources = (0..dataset.len())
                .filter(|window| dataset.labels[*window] == label)
                .map(|window| dataset.sources[window]);
            sources.collect::<std::collections::BTreeSet<_>>().len()
        };
        html! {
            h2 { "The windows" }
            div.pair {
                div.scroll { table {
                    tr { th { "surface" } th { "recordings" } th { "windows" } }
                    @for (label, name) in dataset.card.labels.iter().enumerate() {
                        tr { td { (name) } td.n { (of(label)) } td.n { (counts[label]) } }
                    }
                } }
                div.scroll { table {
                    tr { th { "channel" } th { "stuck windows" } th { "steps at its limits" } th { "different values" } }
                    @for channel in &found.channels {
                        tr {
                            td { (channel.name) }
                            td.n { (percent(channel.stuck)) }
                            td.n { (percent(channel.clipped)) }
                            td.n { (channel.values) @if channel.values <= 64 { " (coarse)" } }
                        }
                    }
                } }
            }
            @if found.duplicates.is_empty() {
                p { "No two recordings hold the same drive." }
            } @else {
                p.warn { (found.duplicates.len()) " pairs of recordings hold the same drive:" }
                ul {
                    @for pair in found.duplicates.iter().take(SUSPECTS.0) {
                        li { (dataset.recordings[pair.one].name) " and " (dataset.recordings[pair.other].name) }
                    }
                }
            }
            p {
                "Split by recording, trees on summary statistics reach " b { (percent(found.trees)) } "; split by window, with neighbours on both sides, "
                b { (percent(found.leaky_trees)) } " (leaky). The difference, " (points(found.leaky_trees - found.trees)) " points, is what a split by window flatters."
            }
        }
    }

    fn suspects(&self) -> Markup {
        let found = self.diagnosis;
        let suspects: Vec<&Suspect> = found.stretches.iter().filter(|one| one.suspected).collect();
        html! {
            h2 { "Labels that may be wrong" }
            @if suspects.is_empty() {
                p { "No recording looks like another surface than the one that it is labelled with." }
            } @else {
                p {
                    "To trees that have not seen them, these look like another surface (confident learning; Northcutt and others, 2021). Some are merely hard: look before you move them."
                }
                div.scroll { table {
                    tr { th { "recording" } th { "labelled" } th { "looks like" } th { "probability of each" } }
                    @for one in suspects.iter().take(SUSPECTS.0) {
                        tr {
                            td { (one.recording) } td { (one.label) } td { (one.looks_like) }
                            td.n { (percent(one.own)) " and " (percent(one.other)) }
                        }
                    }
                } }
                @if suspects.len() > SUSPECTS.0 { p.soft { (suspects.len() - SUSPECTS.0) " more are in the JSON." } }
                div.pair { @for one in suspects.iter().take(SUSPECTS.1) { (self.trace(one)) } }
            }
        }
    }

    /// The trace of a suspect's middle window.
    fn trace(&self, one: &Suspect) -> Markup {
        let card = &self.dataset.card;
        let Some(window) = one.windows.get(one.windows.len() / 2) else { return html! {} };
        let channels = card.channels.len();
        let lines = card.channels.iter().enumerate().map(|(index, channel)| {
            let values = self.dataset.window(*window).iter().skip(index).step_by(channels).enumerate();
            let points = values.map(|(step, value)| (step as f64 / card.rate, f64::from(*value))).collect();
            Line { name: channel.name.clone(), colour: index % 4, faint: false, points }
        });
        let unit = card.channels.first().map(|channel| channel.unit.clone()).unwrap_or_default();
        let chart = Chart {
            title: format!("A window of {}", one.recording),
            x: "time in the window, s".into(),
            y: if unit.is_empty() { "value".into() } else { format!("current, {unit}") },
            lines: lines.collect(),
            ..Chart::default()
        };
        html! { div { p { b { (one.recording) } ": labelled " (one.label) ", looks like " (one.looks_like) } (chart.svg()) } }
    }

    fn reach(&self) -> Markup {
        let found = self.diagnosis;
        let labels = self.dataset.card.labels.len() as f64;
        let part = |share: &str| {
            let trial = found.trials.iter().find(|trial| trial.what.starts_with(share));
            trial
                .map(|trial| mean(&trial.outcomes, |outcome| outcome.accuracy))
                .filter(|value| value.is_finite())
        };
        let whole = mean(&found.control, |outcome| outcome.accuracy);
        let points: Vec<(f64, f64)> = [(25.0, part("25 %")), (50.0, part("50 %")), (100.0, Some(whole))]
            .into_iter()
            .filter_map(|(x, y)| Some((x, y?)))
            .collect();
        let chart = Chart {
            title: "Balanced accuracy against the share of the recordings".into(),
            x: "recordings trained on, %".into(),
            y: "balanced accuracy".into(),
            range: Some((0.0, 1.0)),
            lines: vec![Line { colour: 0, points, ..Line::default() }],
            ..Chart::default()
        };
        html! {
            h2 { "What could be reached" }
            div.scroll { table {
                tr { th { "on recordings not trained on" } th { "right" } }
                tr { td { "this network, balanced" } td.n { (percent(whole)) } }
                tr { td { "extra trees on summary statistics, balanced" } td.n { (percent(found.trees)) } }
                tr { td { "the nearest neighbour on the same" } td.n { (percent(1.0 - found.neighbours.error)) } }
                tr { td { "guessing" } td.n { (percent(1.0 / labels)) } }
            } }
            p.soft {
                "With endlessly many windows, the nearest neighbour's error would say that no classifier on these features can be right in more than "
                (percent(1.0 - found.neighbours.low)) " (Cover and Hart, 1967). With as few as these it is a hint and no proof: its own error is not yet what it would become."
            }
            h3 { "Would more drives help?" }
            div.one { (chart.svg()) }
            h3 { "Can this training learn anything?" }
            @match &found.artificial {
                Some(outcome) => {
                    p {
                        "On cos(x) against arccos(x) with noise, two curves that nobody would mix up, the same settings reach " b { (percent(outcome.accuracy)) } " on as many windows. "
                        @if outcome.accuracy > 0.95 { "So it can learn; what is hard is in the recordings." }
                        @else { "What cannot learn that cannot learn anything: mend the settings before you look at the recordings." }
                    }
                }
                None => { p.soft { "There was no time for the artificial task, cos(x) against arccos(x)." } }
            }
        }
    }
}

fn line(name: &str, colour: usize, history: &[Epoch], of: &dyn Fn(&Epoch) -> Option<f64>) -> Line {
    let points = history.iter().filter_map(|epoch| Some((epoch.epoch as f64, of(epoch)?))).collect();
    Line { name: name.into(), colour, faint: false, points }
}

fn share_line(name: &str, colour: usize, history: &[Epoch], of: &dyn Fn(&Epoch) -> Option<f64>) -> Line {
    let line = line(name, colour, history, of);
    let count = history.len().max(1) as f64;
    Line {
        points: line.points.iter().map(|(epoch, value)| (100.0 * epoch / count, *value)).collect(),
        ..line
    }
}

fn points(share: f64) -> String {
    format!("{:+.1}", 100.0 * share)
}

/// An estimate of a difference in points, as a picture and in numbers.
fn bar(estimate: &Estimate) -> Markup {
    let place = |value: f64| 60.0 + (value * 100.0).clamp(-29.0, 29.0) * 2.0;
    let clear = estimate.low > 0.0 || estimate.high < 0.0;
    html! {
        td.n {
            svg.effect viewBox="0 0 120 14" role="img" aria-label=(points(estimate.mean)) {
                line.grid x1="60" x2="60" y1="0" y2="14" {}
                line class=(if clear { "line c0" } else { "line c3 faint" }) x1=(format!("{:.1}", place(estimate.low))) x2=(format!("{:.1}", place(estimate.high))) y1="7" y2="7" {}
                circle cx=(format!("{:.1}", place(estimate.mean))) cy="7" r="3" {}
            }
            (points(estimate.mean)) small { " (" (points(estimate.low)) " to " (points(estimate.high)) ")" }
        }
    }
}

/// A fall as a logarithm, as what the value is multiplied by.
fn times(estimate: &Estimate) -> Markup {
    html! { "× " (format!("{:.2}", (-estimate.mean).exp())) small { " (" (format!("{:.2}", (-estimate.high).exp())) " to " (format!("{:.2}", (-estimate.low).exp())) ")" } }
}
