//! What counts beyond chance, given how many tests were made.

use super::criteria::{Criterion, criteria};
use super::evidence::Evidence;
use crate::train::diagnose::statistics::estimate::Estimate;
use crate::train::diagnose::statistics::false_discovery;

/// The p-values of all tests of this round.
pub(crate) fn tests(evidence: &Evidence<'_>) -> Vec<f64> {
    let changes = evidence.trials.iter().flat_map(|trial| criteria(evidence, trial));
    let others = [evidence.trees_ahead(), evidence.loss_by_half(), evidence.lost_by_climb()];
    let tests = changes.map(|Criterion { estimate, .. }| estimate.p);
    tests.chain(others.into_iter().flatten().map(|estimate| estimate.p)).collect()
}

/// The p-value up to which a test counts, corrected for the number of tests of this and of earlier rounds.
pub(super) fn threshold(evidence: &Evidence<'_>) -> f64 {
    false_discovery::threshold([evidence.earlier_tests.to_vec(), tests(evidence)].concat())
}

/// Whether an estimate is above 0 beyond chance.
pub(super) fn is_certain(evidence: &Evidence<'_>, estimate: &Estimate) -> bool {
    estimate.mean > 0.0 && estimate.p <= threshold(evidence)
}
