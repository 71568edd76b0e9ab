//! The drives that choose nothing: they are reserved before any training, and score the run as it was and the
//! recommended settings at the end.

use std::collections::BTreeSet;

use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;

/// The share of the recordings of each surface that is reserved.
const SHARE: f64 = 0.15;
/// Recordings are reserved if each surface has at least this many of them (or groups of them); with fewer, too few
/// would be left to train on.
const MIN_GROUPS: usize = 4;
/// Added to the seed, so that other recordings are reserved than those that the first seed holds out.
const SEED: u64 = 0x5eed;

/// The recordings that are reserved, by index; none if a surface has too few.
pub(crate) fn reserve(dataset: &Dataset, seed: u64) -> BTreeSet<usize> {
    if Split::fewest_groups(dataset) < MIN_GROUPS {
        return BTreeSet::new();
    }
    let split = Split::new(dataset, SHARE, seed.wrapping_add(SEED));
    split.validation.iter().map(|window| dataset.recording_of_window[*window]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tests::sine_waves;

    #[test]
    fn some_recordings_of_each_surface_are_reserved_if_there_are_enough() {
        let dataset = sine_waves(3, 12, 2);
        let reserved = reserve(&dataset, 1);
        assert_eq!(reserved.len(), 6, "two of twelve of each of three surfaces");
        assert_eq!(dataset.windows_without(&reserved).len(), 60);
        assert!(reserve(&sine_waves(3, 3, 2), 1).is_empty());
    }
}
