//! All scores of a run, as the terminal prints them and `scores.json` has them.

use maud::{Markup, html};

use crate::model::card::Scores;
use crate::model::validation_choice::ValidationChoice;
use crate::score::Confusion;
use crate::train::data::dataset::Dataset;
use crate::train::fit::trained::Trained;

/// A table of the scores of the model and of what it is compared with: decisions, trees, and a leaky split.
pub(super) fn scores_table(
    trained: &Trained,
    dataset: &Dataset,
    [decisions, trees, leaky]: [Option<&Confusion>; 3],
) -> Markup {
    let folds = trained.fold_scores(dataset);
    let row = |name: &str, scores: Scores| {
        let cell = |score: f64| html! { td.n { (format!("{score:.3}")) } };
        html! { tr { td { (name) } (cell(scores.accuracy)) (cell(scores.balanced_accuracy)) (cell(scores.macro_f1)) } }
    };
    html! {
        div.scroll { table {
            tr { th { "on held-out recordings" } th { "accuracy" } th { "balanced accuracy" } th { "macro F1" } }
            @if let Some(decisions) = decisions.map(Confusion::scores) {
                (row("decisions, as underfoot replay makes and counts them", decisions))
            }
            (row("each window alone", trained.window_confusion(dataset).scores()))
            @if folds.len() > 1 {
                @for (index, scores) in folds.iter().enumerate() {
                    (row(&format!("each window alone, fold {}", index + 1), *scores))
                }
            }
            @if let Some(trees) = trees.map(Confusion::scores) { (row("extra trees on summary statistics", trees)) }
            @if let Some(leaky) = leaky.map(Confusion::scores) { (row("leaky split by window, too optimistic", leaky)) }
        } }
        p.soft {
            "Accuracy is the share of correct windows. Balanced accuracy is its average over the surfaces, and macro F1 "
            "the average of the surfaces' F1 scores. "
            "Each held-out recording was predicted by networks that were not trained on it. "
            @if let Some(chosen) = ValidationChoice::in_words(&trained.validation_chose()) {
                "These recordings were also used to choose " (chosen) ", so a new drive will score lower."
            }
        }
    }
}
