//! What counts beyond chance, given how many tests were made.

use super::criteria::{Criterion, criteria};
use super::evidence::Evidence;
use super::families::TestFamilies;
use crate::train::diagnose::statistics::estimate::Estimate;
use crate::train::diagnose::statistics::false_discovery;

/// The tests of this round and of the earlier ones.
pub(crate) fn tests(evidence: &Evidence<'_>) -> TestFamilies {
    let mut families = evidence.earlier_tests.clone();
    for trial in evidence.trials {
        let p = criteria(evidence, trial).into_iter().map(|Criterion { estimate, .. }| estimate.p);
        if trial.expected { families.expected.extend(p) } else { families.others.extend(p) }
    }
    let others = [evidence.trees_ahead(), evidence.loss_by_half(), evidence.lost_by_climb()];
    families.others.extend(others.into_iter().flatten().map(|estimate| estimate.p));
    families
}

/// The p-value up to which a test counts, corrected for the number of tests of its family.
pub(super) fn threshold(evidence: &Evidence<'_>, expected: bool) -> f64 {
    let TestFamilies { expected: likely, others } = tests(evidence);
    false_discovery::threshold(if expected { likely } else { others })
}

/// Whether an estimate is above 0 beyond chance.
pub(super) fn is_certain(evidence: &Evidence<'_>, estimate: &Estimate) -> bool {
    estimate.mean > 0.0 && estimate.p <= threshold(evidence, false)
}
