//! The page that a training run leaves: one HTML file that needs nothing else. It is for people who run robots; what the numbers
//! mean stands first, in words, and the evidence below.

pub(crate) mod chart;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::chart::{Chart, ChartLine};
use crate::score::Confusion;
use crate::train::data::dataset::Dataset;
use crate::train::fit::calibration::reliability;
use crate::train::fit::cross_validation::Trained;

/// Recordings in the table; those told worst come first.
const RECORDINGS: usize = 30;
/// Windows that are drawn.
const WORST: usize = 12;

/// What the page shows beside the trained model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FitReport<'a> {
    /// The model.
    pub trained: &'a Trained,
    /// What it was trained on.
    pub dataset: &'a Dataset,
    /// Extra trees on the same windows held out.
    pub trees: Option<&'a Confusion>,
    /// The same model with windows split without regard to recordings, where that was asked for.
    pub leaky: Option<&'a Confusion>,
    /// The run's settings as TOML.
    pub config: &'a str,
}

/// A whole page that needs nothing else.
pub(crate) fn document(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body { (body) }
        }
    };
    page.into_string()
}

/// One recording's windows held out.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct RecordingScore {
    /// Its name, as `label/name`.
    pub recording: String,
    /// Windows held out.
    pub windows: usize,
    /// Of these, told right.
    pub right: usize,
    /// The label that the others were mostly taken for.
    pub taken_for: Option<String>,
}

impl FitReport<'_> {
    /// The page.
    pub(crate) fn html(&self) -> String {
        let windows = self.trained.windows(self.dataset);
        let scored = windows.total() > 0;
        let body = html! {
            h1 { "Training report" }
            p.soft { (self.made_of()) }
            @if scored { (self.verdict(&windows)) } @else {
                p { "Nothing was held out, so how good the model is on a new drive is not known." }
            }
            @for warning in &self.trained.warnings { p.warn { "Warning: " (warning) } }
            h2 { "Loss and accuracy, every epoch" }
            (self.curves())
            @if scored {
                h2 { "What is taken for what" }
                div.pair {
                    div { h3 { "Each window alone" } (table(&windows)) }
                    div { h3 { "Decided, as the daemon decides" } (table(&self.trained.decisions(self.dataset))) }
                }
                h2 { "How sure, and how often right" }
                (self.calibration())
                h2 { "Recordings, the worst first" }
                (self.recordings())
                h2 { "Windows it gets most wrong" }
                (self.worst())
            }
            h2 { "The settings" }
            details { summary { "config.toml" } pre { (self.config) } }
        };
        document("underfoot: training report", &body)
    }

    fn made_of(&self) -> String {
        let card = &self.dataset.card;
        format!(
            "{} recordings, {} windows of {} steps at {} Hz ({:.1} s), channels {}, surfaces {}. Made by {}.",
            self.dataset.recordings.len(),
            self.dataset.len(),
            card.window,
            card.rate,
            card.window as f64 / card.rate,
            crate::signal::channel_names(&card.channels),
            card.labels.join(", "),
            card.made_by,
        )
    }

    fn verdict(&self, windows: &Confusion) -> Markup {
        let decisions = self.trained.decisions(self.dataset).scores();
        let folds = self.trained.scores(self.dataset);
        let balanced: Vec<f64> = folds.iter().map(|scores| scores.balanced_accuracy).collect();
        let (low, high) = balanced.iter().fold((1.0f64, 0.0f64), |(l, h), v| (l.min(*v), h.max(*v)));
        let scores = windows.scores();
        html! {
            p {
                "On recordings that it was not trained on, the model names " b { (percent(scores.balanced_accuracy)) }
                " of a surface's windows right, on average over the surfaces"
                @if folds.len() > 1 { ", from " (percent(low)) " to " (percent(high)) " in the " (folds.len()) " parts that were held out in turn" }
                ". " (confused(windows))
            }
            @if self.trained.chosen_on_validation() {
                p.warn { "These windows also chose when training stopped: it is a validation score, not a test score, and a new drive will do a little worse." }
            } @else {
                p.soft { "Nothing was chosen by these windows, and no recording stands on both sides." }
            }
            div.figures {
                div.figure { b { (percent(scores.balanced_accuracy)) } span { "balanced accuracy, windows" } }
                div.figure { b { (percent(decisions.balanced_accuracy)) } span { "balanced accuracy, decisions" } }
                div.figure { b { (percent(scores.macro_f1)) } span { "macro F1, windows" } }
                @if let Some(trees) = self.trees {
                    div.figure { b { (percent(trees.balanced_accuracy())) } span { "extra trees on summary statistics, for comparison" } }
                }
                @if let Some(leaky) = self.leaky {
                    div.figure { b.warn { (percent(leaky.balanced_accuracy())) } span { "leaky: neighbouring windows on both sides; do not believe it" } }
                }
            }
        }
    }

    fn curves(&self) -> Markup {
        let several = self.trained.members.len() > 1;
        let line = |name: &str,
                    colour,
                    of: &dyn Fn(&crate::train::fit::epoch::Epoch) -> Option<f64>|
         -> Vec<ChartLine> {
            let members = self.trained.members.iter().enumerate();
            members
                .map(|(index, member)| ChartLine {
                    name: if index == 0 { name.to_owned() } else { String::new() },
                    colour,
                    faint: several,
                    points: member
                        .history
                        .iter()
                        .filter_map(|epoch| Some((epoch.epoch as f64, of(epoch)?)))
                        .collect(),
                })
                .filter(|line| !line.points.is_empty())
                .collect()
        };
        let losses = || {
            let mut lines = line("training loss", 0, &|epoch| Some(epoch.loss));
            lines.extend(line("validation loss", 1, &|epoch| epoch.validation_loss));
            lines
        };
        let mut accuracies = line("training accuracy", 0, &|epoch| Some(epoch.accuracy));
        accuracies.extend(line("validation accuracy", 1, &|epoch| epoch.validation_accuracy));
        let chart = |title: &str, y: &str, logarithmic, range, lines| Chart {
            title: title.into(),
            x: "epoch".into(),
            y: y.into(),
            logarithmic,
            range,
            lines,
            ..Chart::default()
        };
        html! {
            div.pair {
                (chart("Loss over the epochs", "loss", false, None, losses()).svg())
                (chart("Loss over the epochs, logarithmic", "loss, logarithmic", true, None, losses()).svg())
                (chart("Accuracy over the epochs", "share of windows right", false, Some((0.0, 1.0)), accuracies).svg())
            }
            @if several { p.soft { "One line a network; each was trained without one part of the recordings, which is its validation." } }
        }
    }

    fn calibration(&self) -> Markup {
        let (dataset, held) = (self.dataset, &self.trained.held);
        let labels: Vec<usize> = held.windows.iter().map(|window| dataset.labels[*window]).collect();
        let bins = reliability(&held.probabilities, &labels, dataset.card.labels.len());
        let points = bins.iter().map(|(sure, right, _)| (*sure, *right)).collect();
        let chart = Chart {
            title: "How often the model is right against how sure it is".into(),
            x: "probability of the most probable surface".into(),
            y: "share of windows right".into(),
            range: Some((0.0, 1.0)),
            lines: vec![
                ChartLine {
                    name: "as sure as right".into(),
                    colour: 3,
                    faint: true,
                    points: vec![(0.0, 0.0), (1.0, 1.0)],
                },
                ChartLine { name: "the model".into(), colour: 0, faint: false, points },
            ],
            ..Chart::default()
        };
        html! {
            div.pair {
                (chart.svg())
                @if let Some(calibration) = &self.trained.calibration {
                    p {
                        "Its logits are divided by " (format!("{:.2}", calibration.temperature)) ", which brings the expected calibration error from "
                        (format!("{:.3}", calibration.error_before)) " to " (format!("{:.3}", calibration.error_after))
                        ". That was fitted to these same windows."
                    }
                }
            }
        }
    }

    fn recordings(&self) -> Markup {
        let scores = recordings(self.trained, self.dataset);
        html! {
            div.scroll { table {
                tr { th { "recording" } th { "windows" } th { "right" } th { "mostly taken for" } }
                @for score in scores.iter().take(RECORDINGS) {
                    tr {
                        td { (score.recording) }
                        td.n { (score.windows) }
                        td.n { (percent(score.right as f64 / score.windows as f64)) }
                        td { (score.taken_for.as_deref().unwrap_or("")) }
                    }
                }
            } }
            @if scores.len() > RECORDINGS { p.soft { (scores.len() - RECORDINGS) " more do at least as well." } }
        }
    }

    fn worst(&self) -> Markup {
        let (dataset, held) = (self.dataset, &self.trained.held);
        let card = &dataset.card;
        let rows = held.windows.iter().zip(held.probabilities.chunks_exact(card.labels.len()));
        let mut rows: Vec<_> =
            rows.map(|(window, row)| (row[dataset.labels[*window]], *window, row)).collect();
        rows.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut seen = std::collections::BTreeSet::new();
        // Neighbouring windows look alike: one a recording.
        let rows =
            rows.into_iter().filter(|(_, window, _)| seen.insert(dataset.sources[*window])).take(WORST);
        let shown: Vec<Markup> = rows
            .map(|(probability, window, row)| {
                let channels = card.channels.len();
                let line = |(index, channel): (usize, &crate::signal::Channel)| ChartLine {
                    name: channel.name.clone(),
                    colour: index % 4,
                    faint: false,
                    points: dataset
                        .window(window)
                        .iter()
                        .skip(index)
                        .step_by(channels)
                        .enumerate()
                        .map(|(step, value)| (step as f64 / card.rate, f64::from(*value)))
                        .collect(),
                };
                let unit = card.channels.first().map(|channel| channel.unit.clone()).unwrap_or_default();
                let predicted = &card.labels[crate::train::network::loss::most_probable(row)];
                let truth = &card.labels[dataset.labels[window]];
                let chart = Chart {
                    title: "A window".into(),
                    x: "time in the window, s".into(),
                    y: if unit.is_empty() { "value".into() } else { format!("current, {unit}") },
                    lines: card.channels.iter().enumerate().map(line).collect(),
                    ..Chart::default()
                };
                let place = &dataset.windows[window];
                html! {
                    div {
                        p {
                            b { (dataset.recordings[dataset.sources[window]].name) } ", up to " (format!("{:.1}", place.time.seconds())) " s: "
                            (truth) " (" (percent(f64::from(probability))) "), taken for " (predicted)
                        }
                        (chart.svg())
                    }
                }
            })
            .collect();
        html! { div.pair { @for one in shown { (one) } } }
    }
}

/// How each recording's windows held out were told, the worst first.
pub(crate) fn recordings(trained: &Trained, dataset: &Dataset) -> Vec<RecordingScore> {
    let labels = &dataset.card.labels;
    let mut tables: std::collections::BTreeMap<usize, (usize, usize, Vec<usize>)> = Default::default();
    let rows = trained.held.windows.iter().zip(trained.held.probabilities.chunks_exact(labels.len()));
    for (window, row) in rows {
        let (windows, right, taken) =
            tables.entry(dataset.sources[*window]).or_insert_with(|| (0, 0, vec![0; labels.len()]));
        let predicted = crate::train::network::loss::most_probable(row);
        *windows += 1;
        if predicted == dataset.labels[*window] { *right += 1 } else { taken[predicted] += 1 }
    }
    let mut scores: Vec<RecordingScore> = tables
        .into_iter()
        .map(|(source, (windows, right, taken))| {
            let most = taken.iter().max().copied().filter(|most| *most > 0);
            let taken_for = most.and_then(|most| taken.iter().position(|count| *count == most));
            RecordingScore {
                recording: dataset.recordings[source].name.clone(),
                windows,
                right,
                taken_for: taken_for.map(|label| labels[label].clone()),
            }
        })
        .collect();
    scores.sort_by(|one, other| {
        let share = |score: &RecordingScore| score.right as f64 / score.windows as f64;
        share(one).total_cmp(&share(other)).then_with(|| one.recording.cmp(&other.recording))
    });
    scores
}

/// The largest confusion in words.
fn confused(windows: &Confusion) -> String {
    let labels = windows.labels();
    let cells = windows.table().iter().enumerate().flat_map(|(truth, row)| {
        let total = row.iter().sum::<u64>().max(1);
        let cells = row.iter().enumerate().filter(move |(predicted, _)| *predicted != truth);
        cells.map(move |(predicted, count)| (*count as f64 / total as f64, truth, predicted))
    });
    match cells.max_by(|one, other| one.0.total_cmp(&other.0)) {
        Some((share, truth, predicted)) if share >= 0.005 => {
            format!(
                "Its commonest mistake: {} of {} is taken for {}.",
                percent(share),
                labels[truth],
                labels[predicted]
            )
        }
        _ => "It makes hardly a mistake.".into(),
    }
}

/// A confusion table with shares of each row as shades.
fn table(confusion: &Confusion) -> Markup {
    let unknown = confusion.unknown();
    let with_unknown = unknown.iter().any(|count| *count > 0);
    html! {
        div.scroll { table {
            tr {
                th { "true \\ told" }
                @for label in confusion.labels() { th { (label) } }
                @if with_unknown { th { "unknown" } }
            }
            @for (truth, row) in confusion.table().iter().enumerate() {
                @let total = (row.iter().sum::<u64>() + unknown[truth]).max(1) as f64;
                tr {
                    th { (confusion.labels()[truth]) }
                    @for count in row { (cell(*count, total)) }
                    @if with_unknown { (cell(unknown[truth], total)) }
                }
            }
        } }
    }
}

fn cell(count: u64, total: f64) -> Markup {
    let share = count as f64 / total;
    html! {
        td.n style=(format!("background: rgb(var(--heat) / {:.2})", 0.6 * share)) {
            (count) @if count > 0 { br; small { (percent(share)) } }
        }
    }
}

pub(super) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1} %", 100.0 * share) } else { "–".into() }
}
