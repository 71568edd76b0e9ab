//! The page of a training run, `report.html`.

use std::path::Path;

use maud::{Markup, html};

use super::elements::confusion_table::confusion_table;
use super::elements::document::document;
use super::elements::novelty_table::novelty_table;
use super::judgement::Judgement;
use super::learning_curves::learning_curves;
use super::recordings::recordings_table;
use super::reliability_diagram::reliability_diagram;
use super::scores_table::scores_table;
use super::summary::{origin, summary};
use super::surfaces::surfaces_table;
use super::time_table::time_table;
use super::worst_windows::worst_windows;
use crate::score::Confusion;
use crate::train::data::dataset::Dataset;
use crate::train::data::drops::DropSummary;
use crate::train::fit::trained::Trained;
use crate::train::novelty::figures::NoveltyFigures;
use crate::train::time_scores::TimeScores;

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
    /// The scores in other sessions and later.
    pub in_time: &'a TimeScores,
    /// How well unknown surfaces stand out, and which surfaces are candidates.
    pub novelty: &'a NoveltyFigures,
    /// The run's settings as TOML.
    pub config: &'a str,
    /// The model and the run folder as the user named them, for the commands that the page recommends.
    pub model: &'a Path,
    pub folder: &'a Path,
}

impl FitReport<'_> {
    /// The page as HTML. What a reader has to know and do comes first; what needs knowledge of training is at the
    /// end.
    pub(crate) fn html(&self) -> String {
        let Self { trained, dataset, config, .. } = *self;
        let judgement = Judgement::of(trained, dataset, self.decisions, self.trees, self.in_time);
        let body = html! {
            @if let Some(interrupted) = &trained.interrupted {
                h1 { "This model is unfinished." }
                p.warn {
                    "Training was interrupted after " (interrupted) ". The model has no score; the figures below are "
                    "those of the networks up to that point. Train it again to its end."
                }
            } @else if let Some(judgement) = &judgement {
                (summary(judgement, self.leaky, self.model, self.folder))
            } @else {
                h1 { "How good this model is on a new drive is not known." }
                p { "No windows were held out to score it. Train with " code { "--folds 5" } ", which is the default, to get a score." }
                @if self.in_time.is_measured() { (time_table(None, self.in_time)) }
            }
            @for warning in dataset.warnings.iter().chain(&trained.warnings).chain(&self.in_time.warnings) { p.warn { "Warning: " (warning) } }
            @if judgement.is_some() { (self.mistakes()) }
            h2 { "What the model was made from" }
            p { (origin(dataset)) }
            @for line in DropSummary::of(&dataset.drops).lines() { p.soft { (line) } }
            (self.expert_part(judgement.is_some()))
            h3 { "The settings" }
            details { summary { "config.toml" } pre { (config) } }
        };
        document("underfoot: training report", &body)
    }

    /// The first screen of the page for a terminal: how good the model is, and what to do next, one line each. Empty
    /// if training was interrupted or no windows are held out.
    pub(crate) fn conclusion(&self) -> Vec<String> {
        let judgement = Judgement::of(self.trained, self.dataset, self.decisions, self.trees, self.in_time);
        let Some(judgement) = judgement.filter(|_| self.trained.interrupted.is_none()) else {
            return Vec::new();
        };
        let mut lines = vec![format!("{}.", judgement.headline()), judgement.expectation()];
        lines.extend(judgement.cautions());
        for step in judgement.next_steps() {
            lines.push(format!("-> {}", step.text));
            lines.extend(
                step.command.map(|command| format!("   {}", command.written(self.model, self.folder))),
            );
        }
        lines
    }

    /// Which surfaces, recordings and windows were predicted wrongly.
    fn mistakes(&self) -> Markup {
        let Self { trained, dataset, decisions, .. } = *self;
        html! {
            @if let Some(decisions) = decisions {
                h2 { "Surfaces, the worst first" }
                (surfaces_table(decisions, dataset))
            }
            h2 { "Which surfaces are confused" }
            p.soft {
                "Each row is an actual surface and adds up to 100 %; the columns are the surfaces that were \
                 predicted. Correct predictions are on the diagonal."
            }
            div.pair {
                @if let Some(decisions) = decisions {
                    div { h3 { "As published: decisions, as underfoot replay makes them" } (confusion_table(decisions)) }
                }
                div { h3 { "Each window alone" } (confusion_table(&trained.window_confusion(dataset))) }
            }
            h2 { "Recordings, the worst first" }
            (recordings_table(trained, dataset))
            h2 { "Windows with the largest errors" }
            (worst_windows(trained, dataset))
        }
    }

    /// The scores, the learning curves and the calibration. `scored` says whether windows were held out.
    fn expert_part(&self, scored: bool) -> Markup {
        let Self { trained, dataset, .. } = *self;
        html! {
            h2 { "For experts" }
            @if scored { h3 { "Scores" } (scores_table(trained, dataset, [self.decisions, self.trees, self.leaky])) }
            h3 { "Loss and accuracy in every epoch" }
            (learning_curves(trained))
            @if *self.novelty != NoveltyFigures::default() { h3 { "Unknown surfaces, and candidates" } (novelty_table(self.novelty)) }
            @if scored { h3 { "Confidence and accuracy" } (reliability_diagram(trained, dataset)) }
        }
    }
}
