//! McNemar's test, with recordings as the cases.

use std::f64::consts::LN_2;

use statrs::function::factorial::ln_binomial;

/// The probability below which a difference is taken for real.
pub(crate) const SIGNIFICANT: f64 = 0.05;
/// The fewest recordings on which two models have to differ for a p-value below 0.05: with five, it is at least
/// 2 · 0.5⁵ = 0.0625.
pub(crate) const FEWEST: usize = 6;

/// On how many recordings each of two models is right for longer than the other.
///
/// McNemar's test asks how likely it is that so unequal a division of the recordings on which the models differ comes
/// about by chance, if each model is as likely as the other to be the better one on a recording (McNemar, "Note on the
/// sampling error of the difference between correlated proportions or percentages", 1947). The p-value is that of the
/// exact binomial distribution, two-sided. How large a difference is has no influence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct McNemar {
    /// On how many recordings each model is right for longer.
    pub better: [usize; 2],
    /// On how many recordings both are right equally long.
    pub equal: usize,
}

impl McNemar {
    /// Counts recordings, given how long each model was right on each.
    pub(crate) fn of(recordings: impl IntoIterator<Item = [u64; 2]>) -> Self {
        let mut counts = Self::default();
        for [one, other] in recordings {
            let [better, better_other] = &mut counts.better;
            match one.cmp(&other) {
                std::cmp::Ordering::Greater => *better += 1,
                std::cmp::Ordering::Less => *better_other += 1,
                std::cmp::Ordering::Equal => counts.equal += 1,
            }
        }
        counts
    }

    /// The number of recordings on which the models differ.
    pub(crate) fn differing(&self) -> usize {
        self.better.iter().sum()
    }

    /// The two-sided p-value, from 0 to 1.
    pub(crate) fn p(&self) -> f64 {
        let all = self.differing() as u64;
        let fewer = self.better.iter().copied().min().unwrap_or_default() as u64;
        // In logarithms, because 0.5 to the power of 1,100 is 0 in f64.
        let tail: f64 = (0..=fewer).map(|count| (ln_binomial(all, count) - all as f64 * LN_2).exp()).sum();
        (2.0 * tail).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(one: usize, other: usize) -> f64 {
        McNemar { better: [one, other], equal: 3 }.p()
    }

    #[test]
    fn the_p_value_is_that_of_the_exact_binomial_test() {
        // As binom.test of R and scipy.stats.binomtest give it.
        for (one, other, expected) in [
            (0, 0, 1.0),
            (3, 3, 1.0),
            (5, 0, 0.0625),
            (6, 0, 0.03125),
            (1, 9, 0.021484375),
            (2, 8, 0.109375),
            (5, 15, 0.04138946533203125),
        ] {
            assert!((p(one, other) - expected).abs() < 1e-12, "{one} {other}: {}", p(one, other));
            assert_eq!(p(one, other), p(other, one));
        }
        assert!(p(20_000, 19_800) > 0.3 && p(20_000, 19_000) < 1e-6, "{}", p(20_000, 19_800));
    }

    #[test]
    fn six_recordings_can_be_significant_and_five_cannot() {
        assert!(p(FEWEST, 0) < SIGNIFICANT && p(FEWEST - 1, 0) > SIGNIFICANT);
    }

    #[test]
    fn recordings_on_which_both_are_right_equally_long_are_counted_apart() {
        let counts = McNemar::of([[5, 5], [9, 8], [0, 1], [0, 7], [0, 0]]);
        assert_eq!(counts, McNemar { better: [1, 2], equal: 2 });
        assert_eq!(counts.differing(), 3);
    }
}
