//! The correction for the number of tests: of many changes that do nothing, a few look as if they helped.
//!
//! The procedure of Benjamini and Hochberg ("Controlling the False Discovery Rate", 1995) bounds the expected
//! share of false discoveries among all discoveries. It holds for tests that are positively dependent
//! (Benjamini and Yekutieli 2001), as these are, because all changes are compared with the same unchanged runs. If
//! no change does anything, it is a bound of the probability that any is named.

/// The bound of the share of false discoveries.
const RATE: f64 = 0.1;

/// The p-value up to which a test is a discovery; 0 if none is. `p` holds the p-values of all tests.
pub(crate) fn threshold(mut p: Vec<f64>) -> f64 {
    p.retain(|value| value.is_finite());
    p.sort_by(f64::total_cmp);
    let count = p.len() as f64;
    let mut ranked = p.iter().enumerate().rev();
    let last = ranked.find(|(rank, value)| **value <= RATE * (rank + 1) as f64 / count);
    last.map_or(0.0, |(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_that_of_the_published_example() {
        // The p-values of section 3.2 of Benjamini and Hochberg (1995), of which four are rejected at 5 %; at 10 %, the
        // ninth is the last one below its bound, 0.06.
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
            0.6528, 0.7590, 1.0,
        ];
        assert_eq!(threshold(p.to_vec()), 0.0459);
    }

    #[test]
    fn a_single_test_needs_the_level_itself_and_one_of_many_needs_more() {
        assert_eq!(threshold(vec![0.09]), 0.09);
        assert_eq!(threshold([vec![0.04], vec![0.5; 19]].concat()), 0.0);
        assert_eq!(threshold(Vec::new()), 0.0);
    }
}
