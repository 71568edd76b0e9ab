//! Quantiles of values with weights.

/// The quantiles of values with weights, for shares in ascending order: straight lines between the values, each in
/// the middle of its weight. `None` without values, if a value is not finite, or if the weights do not add up to more
/// than 0.
pub(super) fn weighted_quantiles(values: &[f64], weights: &[f64], shares: &[f64]) -> Option<Vec<f64>> {
    let mut pairs: Vec<(f64, f64)> = values.iter().copied().zip(weights.iter().copied()).collect();
    let total: f64 = pairs.iter().map(|(_, weight)| weight).sum();
    if pairs.iter().any(|(value, _)| !value.is_finite()) || !(total.is_finite() && total > 0.0) {
        return None;
    }
    pairs.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut below = 0.0;
    let places = pairs.iter().map(|(value, weight)| {
        below += weight;
        (*value, (below - 0.5 * weight) / total)
    });
    let places: Vec<(f64, f64)> = places.collect();
    let quantile = |share: &f64| {
        let after = places.partition_point(|(_, place)| place < share);
        let (value, place) = places[after.min(places.len() - 1)];
        match after.checked_sub(1).map(|before| places[before]) {
            Some((before, at)) if after < places.len() && place > at => {
                before + (value - before) * (share - at) / (place - at)
            }
            _ => value,
        }
    };
    Some(shares.iter().map(quantile).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_the_values_by_their_weights() {
        let quantiles = weighted_quantiles(&[3.0, 1.0, 2.0, 4.0], &[1.0; 4], &[0.0, 0.125, 0.25, 0.5, 1.0]);
        assert_eq!(quantiles.unwrap(), [1.0, 1.0, 1.5, 2.5, 4.0]);
        let heavy = weighted_quantiles(&[1.0, 2.0], &[1.0, 3.0], &[0.125, 0.625]).unwrap();
        assert_eq!(heavy, [1.0, 2.0]);
        assert_eq!(weighted_quantiles(&[], &[], &[0.5]), None);
    }
}
