//! Limits that tell single wrong values of a channel from real ones.
//!
//! A converter that fails, a sentinel such as -999 or 65535 and a torn number give values that are far from
//! all others. A mean or a standard deviation is ruined by one of them among ten thousands, so statistics are
//! measured without these values, and networks get their input clipped.

/// Quantiles are taken of at most this many values, at equal distances.
const MAX_SAMPLE: usize = 1 << 18;
/// The quantiles between which nearly all values lie.
const QUANTILES: [f64; 2] = [0.01, 0.99];
/// A value is an outlier if it is farther outside of the quantiles than this many times their distance.
const NEAR: f64 = 50.0;
/// The same if more than [`RARE`] of the values are beyond [`NEAR`]. A robot that stands for nearly all of
/// the time draws far more current in the rest, and that is no fault.
const FAR: f64 = 1000.0;
/// The share of values up to which those beyond [`NEAR`] are taken for single ones.
const RARE: f64 = 0.001;
/// Numbers that drivers and converters write where there is no value: codes, and the ends of the ranges of
/// integers. They are no part of the quantiles, however often they occur, unless most values are such numbers.
const SENTINELS: [f64; 14] = [
    -999.0,
    -9999.0,
    -99999.0,
    9999.0,
    99999.0,
    32_767.0,
    -32_768.0,
    65_535.0,
    8_388_607.0,
    -8_388_608.0,
    2_147_483_647.0,
    -2_147_483_648.0,
    4_294_967_295.0,
    f32::MAX as f64,
];

/// The limits between which the values of a channel are plausible.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OutlierLimits {
    /// The lowest plausible value.
    pub low: f64,
    /// The highest plausible value.
    pub high: f64,
}

impl OutlierLimits {
    /// The limits of `values`, of which there are `count`. Values that are not finite are ignored.
    ///
    /// If nearly all values are equal, the limits are a thousand times their magnitude away, but at least
    /// 1000.
    pub(crate) fn of(values: impl Iterator<Item = f32>, count: usize) -> Self {
        // An odd distance, so that it is not a multiple of the usual numbers of channels and steps.
        let every = (count / MAX_SAMPLE) | 1;
        let mut sample: Vec<f32> = values.step_by(every).filter(|value| value.is_finite()).collect();
        let codes = sample.iter().filter(|value| is_sentinel(**value)).count();
        if 2 * codes < sample.len() {
            sample.retain(|value| !is_sentinel(*value));
        }
        let last = sample.len().saturating_sub(1) as f64;
        let mut quantile = |share: f64| {
            let index = (share * last).round() as usize;
            let exists = index < sample.len();
            exists.then(|| f64::from(*sample.select_nth_unstable_by(index, f32::total_cmp).1))
        };
        let [Some(low), Some(high), Some(median)] = [QUANTILES[0], QUANTILES[1], 0.5].map(&mut quantile)
        else {
            return Self { low: f64::NEG_INFINITY, high: f64::INFINITY };
        };
        let range = high - low;
        if range <= 0.0 {
            let reach = FAR * median.abs().max(1.0);
            return Self { low: median - reach, high: median + reach };
        }
        let within = |times: f64| Self { low: low - times * range, high: high + times * range };
        let near = within(NEAR);
        let beyond = sample.iter().filter(|value| !near.contains(**value)).count();
        if beyond as f64 <= RARE * sample.len() as f64 { near } else { within(FAR) }
    }

    /// The limits of each of `channels` channels of rows, which are each `[C]`; `count` is the number of
    /// rows.
    pub(crate) fn of_channels<'a>(
        rows: impl Iterator<Item = &'a [f32]> + Clone,
        count: usize,
        channels: usize,
    ) -> Vec<Self> {
        let column = |channel: usize| rows.clone().filter_map(move |row| row.get(channel).copied());
        (0..channels).map(|channel| Self::of(column(channel), count)).collect()
    }

    /// Whether a value is within the limits.
    pub(crate) fn contains(&self, value: f32) -> bool {
        (self.low..=self.high).contains(&f64::from(value))
    }
}

/// Whether a value is a number that drivers write where there is no value.
pub(crate) fn is_sentinel(value: f32) -> bool {
    sentinel(value).is_some()
}

/// The number that drivers write where there is no value, if this is its float32.
pub(crate) fn sentinel(value: f32) -> Option<f64> {
    SENTINELS.into_iter().find(|code| *code as f32 == value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(values: &[f32]) -> OutlierLimits {
        OutlierLimits::of(values.iter().copied(), values.len())
    }

    #[test]
    fn a_sentinel_among_many_currents_is_an_outlier_and_a_peak_is_not() {
        let mut values: Vec<f32> = (0..36_000).map(|i| 1.0 + (i as f32 * 0.37).sin()).collect();
        values[100] = 12.0;
        for sentinel in [4_294_967_295.0, -999.0, 65_535.0, 3e38, -3e38] {
            values[7] = sentinel;
            let limits = limits(&values);
            assert!(
                !limits.contains(sentinel) && limits.contains(12.0) && limits.contains(0.0),
                "{limits:?}"
            );
        }
    }

    #[test]
    fn a_code_for_a_missing_value_is_an_outlier_however_often_it_occurs() {
        let current = |i: usize| 1.0 + (i as f32 * 0.37).sin();
        for every in [2000, 200, 20, 3] {
            let values: Vec<f32> =
                (0..10_000).map(|i| if i % every == 0 { -999.0 } else { current(i) }).collect();
            let limits = limits(&values);
            assert!(!limits.contains(-999.0) && limits.contains(2.0), "one in {every}: {limits:?}");
        }
    }

    #[test]
    fn the_drives_of_a_robot_that_mostly_stands_are_no_outliers() {
        let values: Vec<f32> =
            (0..10_000).map(|i| if i % 200 == 0 { 4.0 } else { 0.001 * (i % 7) as f32 }).collect();
        assert!(limits(&values).contains(4.0), "{:?}", limits(&values));
    }

    #[test]
    fn values_that_are_nearly_all_equal_have_limits_too() {
        let mut values = vec![7.0; 1000];
        values[3] = 1e9;
        assert!(limits(&values).contains(8.0) && !limits(&values).contains(1e9));
        assert!(limits(&[]).contains(f32::MAX));
    }
}
