//! How rare a value is among known ones, as a table.

use super::weighted_quantile::weighted_quantiles;

/// The shares of known values above the places where the table is exact.
const SHARES: [f64; 15] = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.03, 0.02, 0.01];
/// Beyond the last place, the surprise is that of the place plus ln(1 + t), where t would be added on a straight line.
/// The table is exact where t + 0.5 is a power of two, up to this one. So no expert alone outweighs the others, and
/// the novelty comes almost as near to 1 as single precision allows.
const LAST_POWER: i32 = 13;
/// The least width of a segment, as a share of the range of the known values and of their magnitude. Single precision
/// cannot tell narrower ones.
const LEAST_WIDTH: f64 = 1e-4;

/// A table of the surprise of a value: -ln of the share of known values above it, which a conformal p-value
/// estimates (Vovk, Gammerman and Shafer 2005, "Algorithmic Learning in a Random World").
///
/// It is a continuous function that never falls: the sum over segments of height · clip((value - start) / width, 0, 1).
/// So a graph computes it with two matrix products and one clip.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SurpriseTable {
    segments: Vec<Segment>,
}

/// A piece in which the surprise rises in a straight line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Segment {
    /// The value at which it begins.
    pub(crate) start: f64,
    /// From its first to its last value; more than 0.
    pub(crate) width: f64,
    /// By how much the surprise rises in it.
    pub(crate) height: f64,
}

impl SurpriseTable {
    /// The table of known values, each with a weight. `None` if there are none, or a value is not finite.
    pub(super) fn of(known: &[f64], weights: &[f64]) -> Option<Self> {
        let below: Vec<f64> = SHARES.iter().map(|share| 1.0 - share).collect();
        let mut places = weighted_quantiles(known, weights, &below)?;
        let (first, last) = (*places.first()?, *places.last()?);
        let least = LEAST_WIDTH * (last - first).max(0.1 * last.abs()).max(1e-9);
        for index in 1..places.len() {
            places[index] = places[index].max(places[index - 1] + least);
        }
        let surprise: Vec<f64> = SHARES.iter().map(|share| -share.ln()).collect();
        let slope = |from: usize, to: usize| (surprise[to] - surprise[from]) / (places[to] - places[from]);
        let (end, width) = (places.len() - 1, surprise[0] / slope(0, 1));
        let mut segments = vec![Segment { start: places[0] - width, width, height: surprise[0] }];
        segments.extend(places.windows(2).zip(surprise.windows(2)).map(|(place, surprise)| Segment {
            start: place[0],
            width: place[1] - place[0],
            height: surprise[1] - surprise[0],
        }));
        let tail = slope(end - 3, end);
        let steps: Vec<f64> = (-1..=LAST_POWER).map(|power| 2f64.powi(power) - 0.5).collect();
        segments.extend(steps.windows(2).map(|steps| Segment {
            start: places[end] + steps[0] / tail,
            width: (steps[1] - steps[0]) / tail,
            height: ((1.0 + steps[1]) / (1.0 + steps[0])).ln(),
        }));
        Some(Self { segments })
    }

    /// The surprise of a value.
    pub(super) fn surprise(&self, value: f64) -> f64 {
        self.segments.iter().map(|segment| segment.height * segment.share(value)).sum()
    }

    /// The same table with 1 - exp(-surprise) in place of the surprise: the share of known values that are not above.
    pub(super) fn into_shares(self) -> Self {
        let mut sum = 0.0;
        let segments = self.segments.into_iter().map(|segment| {
            let height = f64::exp(-sum) - f64::exp(-(sum + segment.height));
            sum += segment.height;
            Segment { height, ..segment }
        });
        Self { segments: segments.collect() }
    }

    /// The segments, from the lowest value to the highest.
    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }
}

impl Segment {
    /// How much of the segment lies below a value, from 0 to 1.
    fn share(&self, value: f64) -> f64 {
        ((value - self.start) / self.width).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surprise_is_the_logarithm_of_the_share_above() {
        let known: Vec<f64> = (0..10_000).map(|value| f64::from(value) / 100.0).collect();
        let table = SurpriseTable::of(&known, &[1.0; 10_000]).unwrap();
        for (value, share) in [(10.0, 0.9), (50.0, 0.5), (95.0, 0.05), (99.0, 0.01)] {
            assert!(
                (table.surprise(value) + f64::ln(share)).abs() < 0.02,
                "{value}: {}",
                table.surprise(value)
            );
            let novelty = table.clone().into_shares().surprise(value);
            assert!((novelty - (1.0 - share)).abs() < 0.002, "{value}: {novelty}");
        }
        assert_eq!(table.surprise(-1e9), 0.0);
        let far = [120.0, 200.0, 1000.0, 10_000.0].map(|value| table.surprise(value));
        assert!(far.windows(2).all(|pair| pair[0] < pair[1]) && far[3] < 15.0, "{far:?}");
    }

    #[test]
    fn a_value_of_high_weight_counts_more_often() {
        let table = SurpriseTable::of(&[0.0, 1.0, 2.0, 3.0], &[1.0, 1.0, 1.0, 97.0]).unwrap();
        assert!(table.surprise(2.0) < 0.2, "{table:?}");
    }

    #[test]
    fn known_values_that_are_all_equal_make_a_table() {
        let table = SurpriseTable::of(&[7.0; 30], &[1.0; 30]).unwrap();
        assert!(table.surprise(6.9) == 0.0 && table.surprise(7.1) > 4.0, "{table:?}");
        assert!(table.segments().iter().all(|segment| segment.width > 0.0 && segment.height > 0.0));
        assert_eq!(SurpriseTable::of(&[], &[]), None);
        assert_eq!(SurpriseTable::of(&[1.0, f64::NAN], &[1.0; 2]), None);
    }

    #[test]
    fn shares_stay_below_1() {
        let table = SurpriseTable::of(&[1.0, 2.0, 3.0, 4.0], &[1.0; 4]).unwrap().into_shares();
        let highest = table.surprise(1e12);
        assert!((0.999_998..1.0).contains(&highest), "{highest}");
    }
}
