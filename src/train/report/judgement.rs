//! How good a model is, compared with what, how certain that is, and what to do next, in words.
//!
//! The limits between the grades are our own choice.

use super::surfaces::{SurfaceScore, recordings_per_label, surface_scores};
use crate::model::validation_choice::ValidationChoice;
use crate::score::Confusion;
use crate::train::data::dataset::Dataset;
use crate::train::decisions::{NO_CHANGES, recordings_with_changes};
use crate::train::fit::trained::Trained;
use crate::train::report::elements::document::{percent, sentence};
use crate::train::time_scores::TimeScores;

/// A good model publishes at least this share correctly, and at least [`GOOD_SURFACE`] of each surface.
const GOOD: f64 = 0.95;
pub(super) const GOOD_SURFACE: f64 = 0.85;
/// A usable model publishes at least this share correctly, and at least [`USABLE_SURFACE`] of each surface.
const USABLE: f64 = 0.8;
const USABLE_SURFACE: f64 = 0.6;
/// A model is better than naming always the same surface only if it is correct for this much more.
const CHANCE: f64 = 0.05;
/// With fewer recordings of a surface, its score depends on which of them were held out.
pub(super) const ENOUGH_RECORDINGS: usize = 5;
/// If the scores of the held-out parts are further apart, the score of a new drive is uncertain.
const LARGE_RANGE: f64 = 0.1;
/// If the score falls by more from recordings of the same sessions to others, it does not hold at another time.
pub(super) const LARGE_FALL: f64 = 0.05;
/// A window that takes longer, in seconds, is a warning.
const LONG_WINDOW: f64 = 5.0;

/// How good a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grade {
    Good,
    /// Good or usable by recording, but not in another session or later.
    Falling,
    /// Good on average, but not for every surface.
    Uneven,
    Usable,
    Weak,
    /// No better than naming always the same surface.
    Chance,
}

/// What is known about the quality of a model with held-out windows.
#[derive(Clone, Debug)]
pub(super) struct Judgement<'a> {
    pub labels: &'a [String],
    /// Balanced accuracy of what is published.
    pub published: f64,
    /// Balanced accuracy of each window alone.
    pub windows: f64,
    /// Balanced accuracy of extra trees on the same windows; `None` if they were not grown.
    pub trees: Option<f64>,
    /// The share of all windows for which the published surface is correct.
    pub published_of_all: f64,
    /// The share of all windows for which `unknown` is published.
    pub unknown: f64,
    /// The label with the most held-out windows, and its share of them.
    pub most_frequent: (usize, f64),
    /// Balanced accuracy of each held-out part, window by window.
    pub parts: Vec<f64>,
    /// How well each surface is published.
    pub surfaces: Vec<SurfaceScore>,
    /// The number of recordings of each label.
    pub recordings: Vec<usize>,
    /// What the held-out recordings also chose; `None` if they chose nothing.
    pub chosen: Option<String>,
    /// Whether each held-out recording is on a single surface.
    pub is_without_changes: bool,
    /// The length of a window in seconds.
    pub window: f64,
    /// The scores of windows in other sessions and later.
    pub in_time: &'a TimeScores,
}

impl<'a> Judgement<'a> {
    /// The judgement of a model; `None` if no windows are held out.
    pub(super) fn of(
        trained: &Trained,
        dataset: &'a Dataset,
        decisions: Option<&Confusion>,
        trees: Option<&Confusion>,
        in_time: &'a TimeScores,
    ) -> Option<Self> {
        let windows = trained.window_confusion(dataset);
        let published = decisions.unwrap_or(&windows);
        let surfaces = surface_scores(published);
        let most = surfaces.iter().rev().max_by_key(|score| score.windows).filter(|most| most.windows > 0)?;
        Some(Self {
            labels: &dataset.card.labels,
            published: published.balanced_accuracy(),
            windows: windows.balanced_accuracy(),
            trees: trees.map(Confusion::balanced_accuracy),
            published_of_all: published.accuracy(),
            unknown: published.unknown().iter().sum::<u64>() as f64 / published.total() as f64,
            most_frequent: (most.label, most.windows as f64 / published.total() as f64),
            parts: trained.fold_scores(dataset).iter().map(|scores| scores.balanced_accuracy).collect(),
            recordings: recordings_per_label(dataset),
            chosen: ValidationChoice::in_words(&trained.validation_chose()),
            is_without_changes: recordings_with_changes(dataset, trained.out_of_fold.windows.iter().copied())
                == 0,
            window: dataset.card.window as f64 / dataset.card.rate,
            in_time,
            surfaces,
        })
    }

    /// Balanced accuracy of guessing, and of naming always the same surface.
    pub(super) fn guessing(&self) -> f64 {
        1.0 / self.surfaces.iter().filter(|score| score.windows > 0).count().max(1) as f64
    }

    /// The surface that is published correctly least often. Surfaces without held-out windows do not count.
    pub(super) fn weakest(&self) -> Option<&SurfaceScore> {
        let held_out = self.surfaces.iter().filter(|score| score.windows > 0);
        held_out.min_by(|one, other| one.recall.total_cmp(&other.recall))
    }

    pub(super) fn grade(&self) -> Grade {
        let lowest = self.weakest().map_or(0.0, |score| score.recall);
        if self.published < self.guessing() + CHANCE {
            Grade::Chance
        } else if self.published >= USABLE && self.fall() > LARGE_FALL {
            Grade::Falling
        } else if self.published >= GOOD && lowest >= GOOD_SURFACE {
            Grade::Good
        } else if self.published >= USABLE {
            if lowest >= USABLE_SURFACE { Grade::Usable } else { Grade::Uneven }
        } else {
            Grade::Weak
        }
    }

    /// How much lower the score of windows is in other sessions or later than by recording; 0 if it is not lower, or
    /// not known.
    pub(super) fn fall(&self) -> f64 {
        self.windows - self.in_time.lowest(self.windows).1
    }

    /// How good the model is, in one sentence without a full stop.
    pub(super) fn headline(&self) -> String {
        let published = percent(self.published);
        let seen = "that it was not trained on";
        match self.grade() {
            Grade::Good => {
                format!("Good: on drives {seen}, {published} of the published surfaces are correct")
            }
            Grade::Usable => {
                format!(
                    "Usable, with mistakes: on drives {seen}, {published} of the published surfaces are correct"
                )
            }
            Grade::Falling => format!(
                "Good only at the time of the recordings: on drives {seen}, {published} of the published surfaces \
                 are correct, but at another time only {} of the windows",
                percent(self.windows - self.fall())
            ),
            Grade::Uneven => {
                let weakest = self.weakest().map_or("", |score| self.name(score.label));
                format!(
                    "Usable, but not for {weakest}: on drives {seen}, {published} of the published surfaces are \
                     correct"
                )
            }
            Grade::Weak => {
                format!("Weak: on drives {seen}, only {published} of the published surfaces are correct")
            }
            Grade::Chance if self.unknown > 0.5 => format!(
                "Not usable: on drives {seen}, {} of the published surfaces are unknown",
                percent(self.unknown)
            ),
            Grade::Chance => format!(
                "Not usable: on drives {seen}, {published} of the published surfaces are correct, which is not \
                 clearly better than guessing ({})",
                percent(self.guessing())
            ),
        }
    }

    /// The surface that is confused most, in one sentence.
    pub(super) fn weakest_surface(&self) -> String {
        let Some(score) = self.weakest().filter(|score| score.recall < 1.0) else {
            return "Every published surface was correct.".into();
        };
        let (name, correct) = (self.name(score.label), percent(score.recall));
        let instead = score.instead(self.labels);
        let instead = instead.map(|(other, share)| format!(", and {} are {other}", percent(share)));
        format!(
            "{name} is confused most: on {name}, {correct} of the published surfaces are correct{}.",
            instead.unwrap_or_default()
        )
    }

    /// How certain the score is, in words and with its range.
    pub(super) fn certainty(&self) -> String {
        let (low, high) =
            self.parts.iter().fold((1.0f64, 0.0f64), |(l, h), value| (l.min(*value), h.max(*value)));
        let fewest = self.recordings.iter().min().copied().unwrap_or(0);
        let most = self.recordings.iter().max().copied().unwrap_or(0);
        let few = fewest < ENOUGH_RECORDINGS;
        let several = self.parts.len() > 1;
        let sure = if few || !several || high - low > LARGE_RANGE {
            "The score is not very certain."
        } else {
            "The score is fairly certain."
        };
        let range = if several {
            format!(
                "The recordings were divided into {} folds, and each fold was held out in turn. By single windows, \
                 the worst fold scored {} and the best {}; a new drive may score as low as the worst.",
                self.parts.len(),
                percent(low),
                percent(high)
            )
        } else {
            "Only one part of the recordings was held out, so how much the score changes from drive to drive is not \
             known."
                .into()
        };
        let count = if fewest == most { format!("{fewest}") } else { format!("{fewest} to {most}") };
        let only = if few { "only " } else { "" };
        let recordings = if most == 1 { "recording" } else { "recordings" };
        let changes =
            if self.is_without_changes { format!(" {}", sentence(NO_CHANGES)) } else { String::new() };
        format!("{sure} {range} There are {only}{count} {recordings} of each surface.{changes}")
    }

    /// What a reader has to know before the score is believed or the model is used, one sentence each.
    pub(super) fn cautions(&self) -> Vec<String> {
        let mut cautions = Vec::new();
        if let Some(chosen) = &self.chosen {
            cautions.push(format!(
                "The held-out drives were also used to choose {chosen}, so a new drive will score \
                               lower."
            ));
        }
        if self.window > LONG_WINDOW {
            cautions.push(format!(
                "A window takes {:.1} s. A robot has to stay on a surface for longer than that before it is named, \
                 and surfaces that it crosses faster are missed or named wrongly. With a smaller --window, surfaces \
                 are named sooner, but the score may fall.",
                self.window
            ));
        }
        cautions
    }

    /// The name of a label.
    pub(super) fn name(&self, label: usize) -> &str {
        self.labels.get(label).map_or("", String::as_str)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A judgement of two surfaces with these recalls, recordings, and this score of trees.
    pub(in super::super) fn judgement(
        recalls: [f64; 2],
        recordings: [usize; 2],
        trees: f64,
        labels: &[String],
    ) -> Judgement<'_> {
        let surface = |label: usize| SurfaceScore {
            label,
            windows: 100,
            recall: recalls[label],
            taken_for: (recalls[label] < 1.0).then_some((1 - label, 1.0 - recalls[label])),
            unknown: 0.0,
        };
        let published = (recalls[0] + recalls[1]) / 2.0;
        Judgement {
            labels,
            published,
            windows: published,
            trees: Some(trees),
            published_of_all: published,
            unknown: 0.0,
            most_frequent: (0, 0.5),
            parts: vec![published - 0.02, published + 0.02],
            surfaces: vec![surface(0), surface(1)],
            recordings: recordings.to_vec(),
            chosen: None,
            is_without_changes: false,
            window: 1.0,
            in_time: &UNKNOWN,
        }
    }

    /// Nothing is known about other sessions.
    static UNKNOWN: TimeScores = TimeScores { later: None, session: None, warnings: Vec::new() };

    /// The names of two surfaces.
    pub(in super::super) fn labels() -> [String; 2] {
        ["carpet".into(), "tile".into()]
    }

    #[test]
    fn the_headline_grades_what_is_published_and_names_a_surface_that_is_not_recognised() {
        let labels = labels();
        let grade = |recalls| judgement(recalls, [9, 9], 0.5, &labels).grade();
        assert_eq!(grade([0.99, 0.97]), Grade::Good);
        assert_eq!(grade([1.0, 0.8]), Grade::Usable);
        assert_eq!(grade([0.7, 0.7]), Grade::Weak);
        assert_eq!(grade([1.0, 0.05]), Grade::Chance);
        let uneven = judgement([1.0, 0.58], [9, 9], 0.5, &labels);
        let headline = uneven.headline();
        assert!(
            headline.starts_with("Weak") || headline.starts_with("Usable, but not for tile"),
            "{headline}"
        );
        let headline = judgement([0.52, 0.5], [9, 9], 0.5, &labels).headline();
        assert!(headline.starts_with("Not usable") && headline.ends_with("guessing (50.0 %)"), "{headline}");
    }

    #[test]
    fn held_out_drives_that_chose_something_and_long_windows_are_cautioned_about() {
        let labels = labels();
        let chosen = Judgement {
            chosen: Some("the last epoch".into()),
            window: 15.4,
            ..judgement([1.0, 1.0], [9, 9], 0.9, &labels)
        };
        let cautions = chosen.cautions();
        assert!(cautions.len() == 2 && cautions[1].starts_with("A window takes 15.4 s."), "{cautions:?}");
        assert_eq!(
            cautions[0],
            "The held-out drives were also used to choose the last epoch, so a new drive will score lower."
        );
    }
}
