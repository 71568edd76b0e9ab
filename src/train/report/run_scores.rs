//! The scores of a run, as `scores.json` has them.

use serde::Serialize;

use super::fit_report::FitReport;
use super::recordings::{RecordingScore, recording_scores};
use crate::model::card::Scores;
use crate::model::validation_choice::ValidationChoice;
use crate::score::Confusion;
use crate::train::data::drops::DropSummary;
use crate::train::decisions::recordings_with_changes;
use crate::train::fit::calibration::Calibration;
use crate::train::fit::search::SearchTrial;
use crate::train::fit::trained::Interruption;
use crate::train::novelty::figures::NoveltyFigures;
use crate::train::time_scores::{HeldOut, TimeScore};

/// The content of `scores.json`.
#[derive(Debug, Serialize)]
struct RunScores<'a> {
    /// `cross-validation` over folds by recording, `validation` of a single network, or `none`.
    kind: &'a str,
    /// Whether the held-out recordings also chose something. Then the scores are higher than those to be expected
    /// on new recordings.
    chosen_on_validation: bool,
    /// What they chose: `epoch`, `learning_rate`, `settings`.
    validation_chose: Vec<ValidationChoice>,
    labels: &'a [String],
    /// Each held-out window counted by itself, answered by `calibration.networks` networks that were not trained on
    /// its recording; `None` if no windows are held out.
    windows: Option<ConfusionScores<'a>>,
    /// The decisions on the held-out recordings, as `underfoot replay` makes and counts them; `None` if no windows
    /// are held out.
    decisions: Option<ConfusionScores<'a>>,
    /// The number of held-out recordings with windows of more than one label. If there are none, the scores of the
    /// decisions are higher than on drives over several surfaces.
    recordings_with_changes: usize,
    /// One entry for each part of the recordings that a network of the model leaves out, counted by window.
    folds: Vec<Scores>,
    calibration: Option<Calibration>,
    extra_trees: Option<Scores>,
    /// From earlier to later: windows of the last recordings of each surface, answered by a network that was trained on
    /// the first ones; `None` if that was not measured.
    later: Option<TimeScore>,
    /// By session: windows of whole sessions that were held out; `None` if that was not measured.
    session: Option<TimeScore>,
    /// Which of `windows`, `later` and `session` has the lowest balanced accuracy of those that were measured, and is
    /// to be expected at another time; `None` if none was measured.
    expect: Option<HeldOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leaky: Option<Scores>,
    /// How well unknown surfaces stand out, and which surfaces are candidates.
    novelty: &'a NoveltyFigures,
    recordings: Vec<RecordingScore>,
    /// How far training came if it was interrupted. The scores are then those of an unfinished model.
    #[serde(skip_serializing_if = "Option::is_none")]
    interrupted: Option<Interruption>,
    /// What was dropped on the way from the rows of the recordings to windows.
    dropped: DropSummary,
    /// What is probably wrong with the recordings or their split, one sentence each.
    warnings: Vec<&'a String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tried: &'a [SearchTrial],
}

/// The scores of a confusion matrix, with the matrix itself.
#[derive(Debug, Serialize)]
struct ConfusionScores<'a> {
    #[serde(flatten)]
    scores: Scores,
    /// One row for each actual label, one column for each predicted label.
    confusion: &'a [Vec<u64>],
    /// For each actual label, how many windows were decided to be unknown.
    unknown: &'a [u64],
}

impl<'a> ConfusionScores<'a> {
    fn new(confusion: &'a Confusion) -> Self {
        Self { scores: confusion.scores(), confusion: confusion.table(), unknown: confusion.unknown() }
    }
}

/// The bytes of `scores.json`. `tried` is what a search tried, and empty without a search.
pub(super) fn run_scores(report: &FitReport<'_>, tried: &[SearchTrial]) -> Vec<u8> {
    let FitReport { trained, dataset, decisions, trees, leaky, in_time, .. } = *report;
    let windows = trained.window_confusion(dataset);
    let validation_chose = trained.validation_chose();
    let scored = windows.total() > 0;
    let scores = RunScores {
        kind: match trained.members.len() {
            _ if !scored => "none",
            1 => "validation",
            _ => "cross-validation",
        },
        chosen_on_validation: !validation_chose.is_empty(),
        validation_chose,
        labels: &dataset.card.labels,
        windows: scored.then(|| ConfusionScores::new(&windows)),
        decisions: decisions.map(ConfusionScores::new),
        recordings_with_changes: recordings_with_changes(
            dataset,
            trained.out_of_fold.windows.iter().copied(),
        ),
        folds: trained.fold_scores(dataset),
        calibration: trained.calibration,
        extra_trees: trees.map(Confusion::scores),
        later: in_time.later,
        session: in_time.session,
        expect: (scored || in_time.is_measured()).then(|| in_time.lowest(windows.balanced_accuracy()).0),
        leaky: leaky.map(Confusion::scores),
        novelty: report.novelty,
        recordings: recording_scores(trained, dataset),
        interrupted: trained.interrupted,
        dropped: DropSummary::of(&dataset.drops),
        warnings: dataset.warnings.iter().chain(&trained.warnings).chain(&in_time.warnings).collect(),
        tried,
    };
    // The structure holds only numbers, texts and lists, which always serialise.
    let mut bytes = serde_json::to_vec_pretty(&scores).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}
