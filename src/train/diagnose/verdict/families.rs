//! The tests of a diagnosis, in two families.

/// The p-values of the tests of some rounds, in two families that are corrected each for itself. Which tests are in the
/// first is known before any training, so the many tests of the second need not weaken them.
#[derive(Clone, Debug, Default)]
pub(crate) struct TestFamilies {
    /// Of changes that the settings or the recordings make likely to help.
    pub expected: Vec<f64>,
    /// Of all others.
    pub others: Vec<f64>,
}

impl TestFamilies {
    /// The number of tests.
    pub(crate) fn len(&self) -> usize {
        self.expected.len() + self.others.len()
    }
}
