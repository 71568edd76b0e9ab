//! The surfaces that a window may be of.

/// The surfaces whose probability is at least `least`, and in any case the most probable one: their indices among the
/// labels, by falling probability, and the first label first where two are equal. Nothing where no probability is a
/// number.
pub(crate) fn candidates(probabilities: &[f32], least: f64) -> impl Iterator<Item = usize> {
    let mut last: Option<(f32, usize)> = None;
    std::iter::from_fn(move || {
        let comes_after = |&(p, index): &(f32, usize)| match last {
            Some((last, last_index)) => {
                f64::from(p) >= least && (p < last || p == last && index > last_index)
            }
            None => !p.is_nan(),
        };
        let rest = probabilities.iter().copied().zip(0..).filter(comes_after);
        // Of equal ones, the first.
        last = Some(rest.reduce(|most, other| if other.0 > most.0 { other } else { most })?);
        last.map(|(_, index)| index)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_have_the_least_probability_and_the_most_probable_surface_always_is_one() {
        let of = |probabilities: &[f32], least| candidates(probabilities, least).collect::<Vec<_>>();
        assert_eq!(of(&[0.1, 0.5, 0.375, 0.025], 0.1), [1, 2, 0], "0.1 as f32 is a little more");
        assert_eq!(of(&[0.125, 0.5, 0.375], 0.125), [1, 2, 0]);
        assert_eq!(of(&[0.25, 0.25, 0.25, 0.25], 0.2), [0, 1, 2, 3]);
        assert_eq!(of(&[0.3, 0.4, 0.3], 1.0), [1]);
        assert_eq!(of(&[0.5, 0.0, 0.5], 0.0), [0, 2, 1]);
        assert_eq!(of(&[f32::NAN, 0.4, 0.3], 0.3), [1, 2]);
        assert!(of(&[f32::NAN; 2], 0.0).is_empty() && of(&[], 0.5).is_empty());
    }
}
