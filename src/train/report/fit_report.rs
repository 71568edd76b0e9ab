//! The page of a training run, `report.html`.

use maud::html;

use super::confusion_table::confusion_table;
use super::document::document;
use super::learning_curves::learning_curves;
use super::recordings::recordings_table;
use super::reliability_diagram::reliability_diagram;
use super::summary::{origin, summary};
use super::worst_windows::worst_windows;
use crate::score::Confusion;
use crate::train::data::dataset::Dataset;
use crate::train::data::drops::DropSummary;
use crate::train::fit::trained::Trained;

/// Everything that the page shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FitReport<'a> {
    /// The trained model.
    pub trained: &'a Trained,
    /// The windows that it was trained on and validated with.
    pub dataset: &'a Dataset,
    /// Actual labels against decisions on the held-out recordings, as `underfoot replay` makes and counts them.
    /// `None` if no recordings are held out, or training was interrupted.
    pub decisions: Option<&'a Confusion>,
    /// The baseline: predictions of the held-out windows by extra trees. `None` if no windows are held out.
    pub trees: Option<&'a Confusion>,
    /// The score of the same settings with a split by window, which leaks. `None` unless the user asked for
    /// it.
    pub leaky: Option<&'a Confusion>,
    /// The run's settings as TOML.
    pub config: &'a str,
}

impl FitReport<'_> {
    /// The page as HTML.
    pub(crate) fn html(&self) -> String {
        let Self { trained, dataset, decisions, trees, leaky, config } = *self;
        let windows = trained.window_confusion(dataset);
        let scored = windows.total() > 0;
        let body = html! {
            h1 { "Training report" }
            p.soft { (origin(dataset)) }
            @if let Some(interrupted) = &trained.interrupted {
                p.warn {
                    "Training was interrupted after " (interrupted) ". The model is unfinished, so it has no score; "
                    "the figures below are those of the networks as far as they were trained."
                }
            } @else if scored { (summary(trained, dataset, &windows, decisions, trees, leaky)) } @else {
                p { "No windows were held out, so how good the model is on a new drive is not known." }
            }
            @for warning in dataset.warnings.iter().chain(&trained.warnings) { p.warn { "Warning: " (warning) } }
            @for line in DropSummary::of(&dataset.drops).lines() { p.soft { (line) } }
            h2 { "Loss and accuracy, every epoch" }
            (learning_curves(trained))
            @if scored {
                h2 { "Which surfaces are confused" }
                div.pair {
                    div { h3 { "Each window alone" } (confusion_table(&windows)) }
                    @if let Some(decisions) = decisions {
                        div {
                            h3 { "Decisions, as underfoot replay makes and counts them" }
                            (confusion_table(decisions))
                        }
                    }
                }
                h2 { "Confidence and accuracy" }
                (reliability_diagram(trained, dataset))
                h2 { "Recordings, the worst first" }
                (recordings_table(trained, dataset))
                h2 { "Windows with the largest errors" }
                (worst_windows(trained, dataset))
            }
            h2 { "The settings" }
            details { summary { "config.toml" } pre { (config) } }
        };
        document("underfoot: training report", &body)
    }
}
