//! What to do next with a model, and the commands for it.

use std::path::Path;

use super::elements::document::percent;
use super::elements::shell_word::quoted;
use super::judgement::{ENOUGH_RECORDINGS, GOOD_SURFACE, Grade, Judgement, LARGE_FALL};
use super::surfaces::SurfaceScore;

/// Trees that are better by more than this show that the network has not learned what there is to learn.
const TREES_GAIN: f64 = 0.03;

/// Something to do, with a command if there is one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NextStep {
    pub text: String,
    pub command: Option<RecommendedCommand>,
}

/// A command that a step recommends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecommendedCommand {
    /// `underfoot-train diagnose` of this run.
    Diagnose,
    /// `underfoot-train evaluate` of this model on new recordings.
    Evaluate,
}

impl RecommendedCommand {
    /// The command as the user would type it where the training was started; `model` and `folder` are the model and
    /// the run folder as the user named them.
    pub(super) fn written(self, model: &Path, folder: &Path) -> String {
        let name = |path: &Path| quoted(&path.display().to_string());
        match self {
            Self::Diagnose => {
                format!(
                    "underfoot-train diagnose --config {} --out why.html",
                    name(&folder.join("config.toml"))
                )
            }
            Self::Evaluate => format!("underfoot-train evaluate {} NEW-DRIVES", name(model)),
        }
    }
}

impl Judgement<'_> {
    /// What to do next, the most important first. There is always something.
    pub(super) fn next_steps(&self) -> Vec<NextStep> {
        let mut steps = Vec::new();
        let diagnose = |text: String| NextStep { text, command: Some(RecommendedCommand::Diagnose) };
        let trees = self.trees.filter(|trees| *trees > self.windows + TREES_GAIN);
        if let Some(trees) = trees {
            steps.push(diagnose(format!(
                "Find out why the network learns less than it could from these recordings: extra trees, a simpler \
                 kind of model, score {} on the same windows, and the network scores {}.",
                percent(trees),
                percent(self.windows)
            )));
        }
        if self.fall() > LARGE_FALL {
            let text = "Record every surface again, at other times and on other days, and train on all recordings: \
                        the score falls from one session to another, and more drives of the same session do not \
                        help.";
            steps.push(NextStep { text: text.into(), command: None });
        }
        let weak = self.weakest().filter(|score| score.recall < GOOD_SURFACE);
        if let Some(score) = weak {
            steps.extend(self.more_recordings(score));
        }
        if steps.is_empty() && (weak.is_some() || !matches!(self.grade(), Grade::Good | Grade::Usable)) {
            steps.push(diagnose(
                "Find out what is wrong: the settings, a label, or a sensor. There are enough recordings of every \
                 surface to find out."
                    .into(),
            ));
        }
        if weak.is_none() {
            steps.extend(self.too_few_recordings());
        }
        if let Some(chosen) = &self.chosen {
            let text = format!(
                "Score the model on new drives: the held-out drives were also used to choose {chosen}, so their score \
                 is too high."
            );
            steps.push(NextStep { text, command: Some(RecommendedCommand::Evaluate) });
        } else if steps.is_empty() {
            let text = "The model is ready to use. To be certain, drive over each surface on another day, and score \
                        the model on those drives.";
            steps.push(NextStep { text: text.into(), command: Some(RecommendedCommand::Evaluate) });
        }
        steps
    }

    /// The advice to record more of a surface, and of the surface that it is taken for, if there is little of it.
    fn more_recordings(&self, score: &SurfaceScore) -> Option<NextStep> {
        let most = self.recordings.iter().max().copied().unwrap_or(0);
        let own = self.recordings.get(score.label).copied().unwrap_or(0);
        if own >= ENOUGH_RECORDINGS && 2 * own >= most {
            return None;
        }
        let with = score
            .taken_for
            .map(|(other, _)| format!(" and of {}, with which it is confused", self.named(other)));
        let text = format!(
            "Record more drives of {}{}. Then train again.",
            self.named(score.label),
            with.unwrap_or_default()
        );
        Some(NextStep { text, command: None })
    }

    /// The advice to record more of the surfaces with so few recordings that their score is uncertain.
    fn too_few_recordings(&self) -> Option<NextStep> {
        let few: Vec<usize> =
            (0..self.recordings.len()).filter(|label| self.recordings[*label] < ENOUGH_RECORDINGS).collect();
        let surfaces = match few.len() {
            0 => return None,
            count if count == self.recordings.len() => "every surface".into(),
            _ => few.into_iter().map(|label| self.named(label)).collect::<Vec<_>>().join(", "),
        };
        let text = format!(
            "Record more drives of {surfaces}, at least {ENOUGH_RECORDINGS} of each and on different days. Then train \
             again: with so few, the score is partly chance."
        );
        Some(NextStep { text, command: None })
    }

    /// The name of a label with the number of its recordings.
    fn named(&self, label: usize) -> String {
        let count = self.recordings.get(label).copied().unwrap_or(0);
        format!("{} ({count} recording{})", self.name(label), if count == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::report::judgement::tests::{judgement, labels};

    #[test]
    fn a_good_model_needs_nothing_and_trees_that_are_better_ask_for_a_diagnosis() {
        let labels = labels();
        let good = judgement([0.99, 0.98], [9, 9], 0.98, &labels);
        let steps = good.next_steps();
        assert!(steps.len() == 1 && steps[0].text.starts_with("The model is ready"), "{steps:?}");
        assert!(good.certainty().starts_with("The score is fairly certain.") && good.cautions().is_empty());
        let beaten = judgement([0.93, 0.92], [9, 9], 0.98, &labels);
        let steps = beaten.next_steps();
        assert!(steps.len() == 1 && steps[0].command == Some(RecommendedCommand::Diagnose), "{steps:?}");
        assert!(steps[0].text.contains("98.0 %") && steps[0].text.contains("92.5 %"), "{steps:?}");
    }

    #[test]
    fn a_surface_that_is_confused_and_has_few_recordings_asks_for_more_of_them() {
        let labels = labels();
        let weak = judgement([1.0, 0.7], [12, 3], 0.8, &labels);
        assert_eq!(
            weak.weakest_surface(),
            "tile is confused most: on tile, 70.0 % of the published surfaces are correct, and 30.0 % are carpet."
        );
        let steps = weak.next_steps();
        assert!(
            steps[0].text.starts_with("Record more drives of tile (3 recordings) and of carpet"),
            "{steps:?}"
        );
        assert!(
            weak.certainty().starts_with("The score is not very certain.")
                && weak.certainty().contains("only 3 to 12 recordings")
        );
        let plenty = judgement([1.0, 0.7], [12, 12], 0.8, &labels).next_steps();
        assert!(plenty.len() == 1 && plenty[0].command == Some(RecommendedCommand::Diagnose), "{plenty:?}");
    }

    #[test]
    fn drives_that_chose_something_ask_for_a_score_on_others_and_commands_name_the_files_of_the_run() {
        let labels = labels();
        let chosen =
            Judgement { chosen: Some("the settings".into()), ..judgement([1.0, 1.0], [9, 9], 0.9, &labels) };
        let steps = chosen.next_steps();
        assert!(steps.iter().all(|step| step.command == Some(RecommendedCommand::Evaluate)), "{steps:?}");
        let written =
            |command: RecommendedCommand| command.written(Path::new("my m.onnx"), Path::new("my m.run"));
        assert_eq!(written(RecommendedCommand::Evaluate), "underfoot-train evaluate 'my m.onnx' NEW-DRIVES");
        assert_eq!(
            written(RecommendedCommand::Diagnose),
            "underfoot-train diagnose --config 'my m.run/config.toml' --out why.html"
        );
    }
}
