//! The scores of a trained model as text for people.

use std::collections::BTreeSet;
use std::fmt::{Display, Formatter, Result};

use crate::model::card::ScoresWithTrees;
use crate::model::validation_choice::ValidationChoice;
use crate::score::Confusion;
use crate::train::data::dataset::Dataset;
use crate::train::decisions::{NO_CHANGES, recordings_with_changes};
use crate::train::fit::trained::Trained;
use crate::train::time_scores::{TimeScore, TimeScores};

/// The scores of a trained model.
///
/// The text says which recordings were scored, by which networks, what else these recordings were used for, and
/// what was counted: windows one by one, or decisions.
pub(super) struct Scored<'a> {
    pub(super) trained: &'a Trained,
    pub(super) dataset: &'a Dataset,
    /// Decisions on the held-out recordings; `None` if nothing is held out.
    pub(super) decisions: Option<&'a Confusion>,
    pub(super) trees: Option<&'a Confusion>,
    pub(super) leaky: Option<&'a Confusion>,
    /// The scores in other sessions and later.
    pub(super) in_time: &'a TimeScores,
}

impl Display for Scored<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { trained, dataset, decisions, trees, leaky, in_time } = *self;
        let (windows, out_of_fold) = (trained.window_confusion(dataset), &trained.out_of_fold);
        if windows.total() == 0 {
            writeln!(f, "no recordings were held out, so the model has no score by recording")?;
            return write!(f, "{}", InTime(in_time));
        }
        let held_out: BTreeSet<usize> =
            out_of_fold.windows.iter().map(|window| dataset.recording_of_window[*window]).collect();
        writeln!(
            f,
            "scores on {} held-out recordings, each predicted by {}:",
            held_out.len(),
            networks(&out_of_fold.networks)
        )?;
        match ValidationChoice::in_words(&trained.validation_chose()) {
            Some(chosen) => writeln!(
                f,
                "  these recordings were also used to choose {chosen}, so the scores on new recordings will be lower"
            )?,
            None => writeln!(f, "  these recordings were used for nothing else")?,
        }
        writeln!(f, "  {} windows, each counted by itself: {}", windows.total(), windows.scores())?;
        let folds = trained.fold_scores(dataset);
        if folds.len() > 1 {
            let balanced = folds.iter().map(|scores| format!("{:.3}", scores.balanced_accuracy));
            writeln!(f, "    balanced accuracy of each fold: {}", balanced.collect::<Vec<_>>().join(" "))?;
        }
        if let Some(decisions) = decisions {
            writeln!(
                f,
                "  {} decisions, as `underfoot replay` makes and counts them: {}",
                decisions.total(),
                decisions.scores()
            )?;
            if recordings_with_changes(dataset, out_of_fold.windows.iter().copied()) == 0 {
                writeln!(f, "    {NO_CHANGES}")?;
            }
        }
        if let Some(trees) = trees {
            writeln!(f, "  extra trees on summary statistics, for comparison, windows: {}", trees.scores())?;
        }
        if let Some(leaky) = leaky {
            writeln!(
                f,
                "  leaky split by window, too optimistic because neighbouring windows are on both sides: {}",
                leaky.scores()
            )?;
        }
        write!(f, "{}", InTime(in_time))?;
        match &trained.calibration {
            Some(calibration) => writeln!(f, "  {calibration}")?,
            None if trained.options.calibrate => writeln!(
                f,
                "  the confidence was not calibrated, because fewer than two groups of recordings are held out"
            )?,
            None => {}
        }
        writeln!(f, "windows:\n{windows}")
    }
}

/// The scores in other sessions and later, a line each; nothing if none was measured.
struct InTime<'a>(&'a TimeScores);

impl Display for InTime<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for (name, score) in [
            ("trained on earlier recordings, windows of later ones", self.0.later),
            ("trained on other sessions, windows of held-out ones", self.0.session),
        ] {
            let Some(TimeScore { scores, recordings, surfaces }) = score else { continue };
            let ScoresWithTrees { network, extra_trees } = scores;
            writeln!(f, "  {name} ({recordings} recordings, {surfaces} surfaces): {network}")?;
            if let Some(trees) = extra_trees {
                writeln!(f, "    extra trees, for comparison: {trees}")?;
            }
        }
        Ok(())
    }
}

/// How many networks answered each window, in words; `counts` has the number for each window.
fn networks(counts: &[usize]) -> String {
    match (counts.iter().min(), counts.iter().max()) {
        (_, None | Some(1)) => "a network that was not trained on it".into(),
        (Some(low), Some(high)) if low < high => {
            format!("{low} to {high} networks that were not trained on it")
        }
        (_, Some(count)) => format!("{count} networks that were not trained on it"),
    }
}
