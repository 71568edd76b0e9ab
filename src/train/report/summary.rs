//! The head of the page: how good the model is, compared with what, what to do next, and how certain that is.

use std::path::Path;

use maud::{Markup, html};

use super::elements::bars::{Bar, bars};
use super::elements::document::{command_block, percent};
use super::judgement::{Grade, Judgement};
use super::time_table::time_table;
use crate::score::Confusion;
use crate::signal::channel_names;
use crate::train::data::dataset::Dataset;

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

/// The first screen of the page of a model with held-out windows. `model` and `folder` are the model and the run
/// folder as the user named them; `leaky` is the score of a split by window.
pub(super) fn summary(
    judgement: &Judgement<'_>,
    leaky: Option<&Confusion>,
    model: &Path,
    folder: &Path,
) -> Markup {
    let colour = if judgement.grade() == Grade::Good { "good" } else { "" };
    html! {
        h1 { (judgement.headline()) "." }
        p {
            "This share is averaged over the surfaces. Each published surface is decided from several windows, as in "
            code { "underfoot run" } ". " (judgement.weakest_surface())
            @if judgement.unknown >= 0.01 {
                " For " (percent(judgement.unknown)) " of all windows, no surface was certain enough, so "
                code { "unknown" } " was published, which counts as wrong."
            }
        }
        p { (judgement.expectation()) }
        @if judgement.in_time.is_measured() {
            (time_table(Some((judgement.windows, judgement.trees)), judgement.in_time))
        }
        @for caution in judgement.cautions() { p.warn { (caution) } }
        div class=(format!("verdict {colour}")) {
            h2 { "What to do next" }
            ol {
                @for step in judgement.next_steps() {
                    li {
                        (step.text)
                        @if let Some(command) = step.command { (command_block(&command.written(model, folder))) }
                    }
                }
            }
        }
        h2 { "Comparison" }
        (comparison(judgement, leaky))
        h2 { "How certain is this?" }
        p { (judgement.certainty()) }
    }
}

/// The model beside what needs no network: trees on the same windows, naming always the same surface, and guessing.
fn comparison(judgement: &Judgement<'_>, leaky: Option<&Confusion>) -> Markup {
    let bar = |name: &str, share: f64, main: bool| Bar { name: name.into(), share, main };
    let mut rows = vec![
        bar("this model, as published", judgement.published, true),
        bar("this model, each window alone", judgement.windows, true),
    ];
    if let Some(trees) = judgement.trees {
        rows.push(bar("extra trees on summary statistics, each window alone", trees, false));
    }
    if let Some(leaky) = leaky {
        rows.push(bar(
            "with a leaky split by window, which is too optimistic",
            leaky.balanced_accuracy(),
            false,
        ));
    }
    rows.push(bar("guessing, or naming always the same surface", judgement.guessing(), false));
    let (label, share) = judgement.most_frequent;
    html! {
        (bars(&rows))
        p.soft {
            "Each bar is the share of correct windows or decisions, averaged over the surfaces, on the same held-out drives. Without this average, " (percent(judgement.published_of_all)) " of the published surfaces are correct; always naming "
            (judgement.name(label)) ", the most frequent surface, would be correct in " (percent(share)) "."
        }
    }
}
