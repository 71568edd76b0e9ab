//! What seems to help, but is not certain: it may be chance, or there was no time to be sure.

use super::certainty::threshold;
use super::criteria::{ACCURACY_RISE, criteria};
use super::evidence::Evidence;
use super::finding::{Finding, Priority};
use super::training_rules::{advice, best_rise};
use crate::train::diagnose::cause::Cause;
use crate::train::diagnose::experiments::change::Change;
use crate::train::diagnose::statistics::estimate::Estimate;

/// A change that seems to help.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Tendency {
    /// What was changed or compared, to be read after "with".
    pub change: String,
    /// The cause that it would show if it were certain; `None` if it shows none.
    pub cause: Option<Cause>,
    /// The mean rise of balanced accuracy on held-out recordings, as a share.
    pub rise: f64,
    /// The 90 % confidence interval of the rise; `None` with fewer than three seeds.
    pub interval: Option<[f64; 2]>,
    /// The number of seeds.
    pub seeds: usize,
    /// What to do, as a sentence without a full stop.
    pub fix: String,
}

/// The changes that seem to help, starting with the one that would help most. Causes that were found are not among
/// them.
pub(crate) fn tendencies(evidence: &Evidence<'_>, found: &[Finding]) -> Vec<Tendency> {
    let is_found = |cause: Option<Cause>| found.iter().any(|finding| Some(finding.cause) == cause);
    let thresholds = [false, true].map(|expected| threshold(evidence, expected));
    let is_explained = found.iter().any(|finding| finding.priority == Priority::Settings);
    let changes = evidence.trials.iter().filter_map(|trial| {
        let rise = trial.mean_rise()?;
        let criteria = criteria(evidence, trial);
        let by_other_figures = criteria.iter().any(|one| one.is_large() && one.estimate.low > 0.0);
        // What helps beyond chance is a finding, or another finding explains it.
        let limit = thresholds[usize::from(trial.expected)];
        let helps = criteria.iter().any(|one| one.is_large() && one.estimate.p <= limit);
        let counts = (rise >= ACCURACY_RISE || by_other_figures) && !(helps && is_explained);
        (counts && !is_found(trial.cause)).then(|| Tendency {
            change: trial.describe(),
            cause: trial.cause,
            rise,
            interval: trial.effect.map(|effect| [effect.accuracy.low, effect.accuracy.high]),
            seeds: trial.seeds(),
            fix: match trial.change {
                Change::Defaults => "train without flags".into(),
                _ => advice(evidence, trial),
            },
        })
    });
    let of = |cause, change: &str, estimate: Option<Estimate>, fix: &str| {
        let estimate =
            estimate.filter(|estimate| estimate.mean >= ACCURACY_RISE && !is_found(Some(cause)))?;
        Some(Tendency {
            change: change.into(),
            cause: Some(cause),
            rise: estimate.mean,
            interval: Some([estimate.low, estimate.high]),
            seeds: estimate.count,
            fix: fix.into(),
        })
    };
    let others = [
        of(
            Cause::NetworkBehindTrees,
            "trees on summary statistics instead of the network",
            // A change of a setting may make up for it.
            evidence.trees_ahead().filter(|ahead| ahead.mean - best_rise(evidence) >= ACCURACY_RISE),
            "let fit search for better settings: fit --budget 20m",
        ),
        of(
            Cause::TooManyEpochs,
            "the weights of the epoch with the lowest validation loss",
            evidence.lost_by_climb(),
            "stop training when the validation loss no longer falls: --patience=20",
        ),
        of(
            Cause::TooFewRecordings,
            "all recordings instead of half of them",
            evidence.loss_by_half(),
            "record more drives of each surface",
        ),
    ];
    let mut all: Vec<Tendency> = changes.chain(others.into_iter().flatten()).collect();
    all.sort_by(|one, other| other.rise.total_cmp(&one.rise));
    all
}
