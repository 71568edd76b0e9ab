//! Measures of a loss curve: how rough it is, and where it spikes.

/// The loss of a spike is compared with the median of at most this many epochs before it.
const EPOCHS_BEFORE: usize = 50;
/// An epoch with fewer epochs before it does not count as a spike.
const MIN_EPOCHS_BEFORE: usize = 10;
/// A spike rises above the median of the epochs before it by more than this, in nats.
const MIN_RISE: f64 = 0.05;

/// The mean rise of the loss from one epoch to the next, in nats, over the epochs after the first tenth.
/// Epochs in which the loss falls count as 0, so a curve that only falls has a roughness of 0, however steep
/// it is.
pub(crate) fn roughness(losses: &[f64]) -> f64 {
    let settled = losses.get(losses.len() / 10..).unwrap_or_default();
    let rises = settled.windows(2).map(|pair| (pair[1] - pair[0]).max(0.0));
    rises.sum::<f64>() / settled.len().saturating_sub(1).max(1) as f64
}

/// The epochs, counted from 1, whose loss is more than three times the median of the fifty epochs before, and
/// more than 0.05 nats above it. Of consecutive epochs only the first counts.
pub(crate) fn spikes(losses: &[f64]) -> Vec<usize> {
    let above = |epoch: usize| {
        let before = &losses[epoch.saturating_sub(EPOCHS_BEFORE)..epoch];
        let middle = median(before.to_vec());
        before.len() >= MIN_EPOCHS_BEFORE && losses[epoch] > 3.0 * middle && losses[epoch] - middle > MIN_RISE
    };
    let above: Vec<bool> = (0..losses.len()).map(above).collect();
    (1..losses.len()).filter(|epoch| above[*epoch] && !above[epoch - 1]).map(|epoch| epoch + 1).collect()
}

/// The median; NaN if there are no values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => 0.5 * (values[count / 2 - 1] + values[count / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_that_only_falls_is_not_rough_and_one_that_jumps_is() {
        let falling: Vec<f64> = (0..100).map(|epoch| (-0.1 * f64::from(epoch)).exp()).collect();
        assert_eq!(roughness(&falling), 0.0);
        assert!(spikes(&falling).is_empty());
        let mut jumping = falling.clone();
        jumping[60] = 1.0;
        assert!((roughness(&jumping) - (1.0 - falling[59]) / 89.0).abs() < 1e-9);
        assert_eq!(spikes(&jumping), [61]);
        assert_eq!((roughness(&[]), roughness(&[1.0])), (0.0, 0.0));
    }
}
