//! The head of the page: what the model was made from, and how good it is, in words and figures.

use maud::{Markup, html};

use super::document::percent;
use crate::model::validation_choice::ValidationChoice;
use crate::score::Confusion;
use crate::signal::channel_names;
use crate::train::data::dataset::Dataset;
use crate::train::decisions::{NO_CHANGES, recordings_with_changes};
use crate::train::fit::trained::Trained;

/// A confusion of a smaller share of a surface's windows is not mentioned.
const NOTABLE_CONFUSION: f64 = 0.005;

/// The data that the model was made from, in one sentence.
pub(super) fn origin(dataset: &Dataset) -> String {
    let card = &dataset.card;
    format!(
        "{} recordings, {} windows of {} steps at {} Hz ({:.1} s), channels {}, surfaces {}. Made by {}.",
        dataset.recordings.len(),
        dataset.len(),
        card.window,
        card.rate,
        card.window as f64 / card.rate,
        channel_names(&card.channels),
        card.labels.join(", "),
        card.made_by,
    )
}

/// How good the model is: the score in words, a caveat, and the figures. `windows` holds the predictions of
/// the held-out windows, of which there is at least one.
pub(super) fn summary(
    trained: &Trained,
    dataset: &Dataset,
    windows: &Confusion,
    decisions: Option<&Confusion>,
    trees: Option<&Confusion>,
    leaky: Option<&Confusion>,
) -> Markup {
    let folds = trained.fold_scores(dataset);
    let balanced: Vec<f64> = folds.iter().map(|scores| scores.balanced_accuracy).collect();
    let (low, high) = balanced.iter().fold((1.0f64, 0.0f64), |(l, h), v| (l.min(*v), h.max(*v)));
    let scores = windows.scores();
    html! {
        p {
            "On recordings that it was not trained on, the model predicts " b { (percent(scores.balanced_accuracy)) }
            " of a surface's windows correctly, on average over the surfaces"
            @if folds.len() > 1 {
                ", from " (percent(low)) " to " (percent(high)) " in the " (folds.len())
                " parts that were held out in turn"
            }
            ". " (largest_confusion(windows))
        }
        p.soft {
            "Each held-out recording was answered by networks that were not trained on it; each of its windows counts "
            "by itself, and so does each decision."
        }
        @if let Some(chosen) = ValidationChoice::in_words(&trained.validation_chose()) {
            p.warn { "These recordings also chose " (chosen) ", so a new drive will score lower." }
        }
        @if decisions.is_some() && recordings_with_changes(dataset, trained.out_of_fold.windows.iter().copied()) == 0 {
            p.soft { "For decisions, " (NO_CHANGES) "." }
        }
        div.figures {
            div.figure { b { (percent(scores.balanced_accuracy)) } span { "balanced accuracy, windows" } }
            @if let Some(decisions) = decisions {
                div.figure {
                    b { (percent(decisions.balanced_accuracy())) }
                    span { "balanced accuracy, decisions" }
                }
            }
            div.figure { b { (percent(scores.macro_f1)) } span { "macro F1, windows" } }
            @if let Some(trees) = trees {
                div.figure {
                    b { (percent(trees.balanced_accuracy())) }
                    span { "extra trees on summary statistics, for comparison" }
                }
            }
            @if let Some(leaky) = leaky {
                div.figure {
                    b.warn { (percent(leaky.balanced_accuracy())) }
                    span { "leaky split, with neighbouring windows on both sides: too optimistic" }
                }
            }
        }
    }
}

/// The largest confusion of two surfaces, in words.
fn largest_confusion(windows: &Confusion) -> String {
    let labels = windows.labels();
    let cells = windows.table().iter().enumerate().flat_map(|(actual, row)| {
        let total = row.iter().sum::<u64>().max(1);
        let cells = row.iter().enumerate().filter(move |(predicted, _)| *predicted != actual);
        cells.map(move |(predicted, count)| (*count as f64 / total as f64, actual, predicted))
    });
    match cells.max_by(|one, other| one.0.total_cmp(&other.0)) {
        Some((share, actual, predicted)) if share >= NOTABLE_CONFUSION => format!(
            "Most common mistake: {} of the {} windows are predicted as {}.",
            percent(share),
            labels[actual],
            labels[predicted]
        ),
        _ => "It makes almost no mistakes.".into(),
    }
}
