//! The axes of a chart: their range, and the round numbers at their ticks.

/// How many round numbers an axis should have. There may be fewer, and a linear axis may have a few more.
const TICKS: usize = 5;
/// The maximum number of ticks of a logarithmic axis. With more, only powers of ten are left.
const MAX_LOGARITHMIC_TICKS: usize = 7;

/// How an axis places its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scale {
    #[default]
    Linear,
    /// Values that are not above 0 have no place on it.
    Logarithmic,
}

impl Scale {
    /// The value on the scale: itself, or its logarithm to base 10. `None` if it has no finite place.
    pub(super) fn of(self, value: f64) -> Option<f64> {
        let scaled = match self {
            Self::Linear => value,
            Self::Logarithmic if value > 0.0 => value.log10(),
            Self::Logarithmic => return None,
        };
        scaled.is_finite().then_some(scaled)
    }
}

/// An axis with its ticks. All positions are on its [`Scale`].
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    pub low: f64,
    pub high: f64,
    /// The ticks: their positions and their texts.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis from `low` to `high`, which are on the scale. A logarithmic axis that would have fewer than two
    /// ticks is widened to the round numbers around it.
    pub(super) fn new(scale: Scale, low: f64, high: f64) -> Self {
        match scale {
            Scale::Linear => Self::linear(low, high),
            Scale::Logarithmic => Self::logarithmic(low, high),
        }
    }

    fn linear(low: f64, high: f64) -> Self {
        let (low, high) = if high - low < 1e-9 { (low - 0.5, high + 0.5) } else { (low, high) };
        let ticks = round_numbers(low, high, TICKS).into_iter().map(|at| (at, short_number(at))).collect();
        Self { low, high, ticks }
    }

    /// Each tick is 1, 2 or 5 times a power of ten.
    fn logarithmic(mut low: f64, mut high: f64) -> Self {
        // A float's logarithm is between -324 and 309, so the casts do not saturate.
        let powers = low.floor() as i32 - 1..=high.ceil() as i32 + 1;
        let all: Vec<(f64, i32, i32)> = powers
            .flat_map(|power| [1, 2, 5].map(|by| ((f64::from(by) * 10f64.powi(power)).log10(), by, power)))
            .collect();
        // The logarithm of a round number may be off by one rounding.
        const ROUNDING: f64 = 1e-9;
        let within = |low: f64, high: f64| {
            all.iter()
                .filter(|(at, ..)| (low - ROUNDING..=high + ROUNDING).contains(at))
                .copied()
                .collect::<Vec<_>>()
        };
        if within(low, high).len() < 2 {
            let below = all.iter().rfind(|(at, ..)| *at <= low + ROUNDING).map_or(low - 1.0, |found| found.0);
            let above = all.iter().find(|(at, ..)| *at > below.max(high - ROUNDING) + ROUNDING);
            (low, high) = (below, above.map_or(high + 1.0, |found| found.0));
        }
        let mut ticks = within(low, high);
        if ticks.len() > MAX_LOGARITHMIC_TICKS {
            ticks.retain(|(_, by, _)| *by == 1);
            let every = ticks.len().div_ceil(MAX_LOGARITHMIC_TICKS).max(1);
            ticks = ticks.into_iter().step_by(every).collect();
        }
        let text = |(at, by, power): (f64, i32, i32)| (at, short_number(f64::from(by) * 10f64.powi(power)));
        Self { low, high, ticks: ticks.into_iter().map(text).collect() }
    }

    /// Where a position is between the ends of the axis, from 0 to 1.
    pub(super) fn share(&self, position: f64) -> f64 {
        (position - self.low) / (self.high - self.low)
    }
}

/// About `count` round numbers at equal distances between `low` and `high`: 1, 2 or 5 times a power of ten apart.
pub(crate) fn round_numbers(low: f64, high: f64, count: usize) -> Vec<f64> {
    let rough = (high - low) / count as f64;
    let unit = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|by| by * unit >= rough).unwrap_or(10.0) * unit;
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last.min(first + 20)).map(|index| index as f64 * step).collect()
}

/// A number without trailing zeros, as the text of a tick.
pub(crate) fn short_number(value: f64) -> String {
    let trimmed = |text: &str| text.trim_end_matches('0').trim_end_matches('.').to_owned();
    // Longer texts would not fit beside the axis.
    if value != 0.0 && !(9e-4..1e5).contains(&value.abs()) {
        let text = format!("{value:.3e}");
        return match text.split_once('e') {
            Some((digits, power)) => format!("{}e{power}", trimmed(digits)),
            None => text,
        };
    }
    let text = trimmed(&format!("{value:.6}"));
    if text == "-0" { "0".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts of the ticks of a logarithmic axis between two values.
    fn logarithmic(low: f64, high: f64) -> Vec<String> {
        let axis = Axis::new(Scale::Logarithmic, low.log10(), high.log10());
        assert!(axis.low <= low.log10() && axis.high >= high.log10(), "{axis:?}");
        assert!(axis.ticks.iter().all(|(at, _)| (-1e-6..=1.0 + 1e-6).contains(&axis.share(*at))), "{axis:?}");
        axis.ticks.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round_numbers_within_the_axis() {
        assert_eq!(round_numbers(0.0, 1.0, 5), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(round_numbers(1.0, 1500.0, 6), [500.0, 1000.0, 1500.0]);
        assert_eq!(
            [0.30000000000000004, 0.000_05, 0.0, 150_000.0, -0.25, 40_000.0].map(short_number),
            ["0.3", "5e-5", "0", "1.5e5", "-0.25", "40000"]
        );
        let axis = Axis::new(Scale::Linear, 3.0, 3.0);
        assert!(axis.low < 3.0 && axis.high > 3.0 && axis.ticks.len() > 2, "{axis:?}");
    }

    #[test]
    fn the_ticks_of_a_logarithmic_axis_are_1_2_or_5_times_a_power_of_ten() {
        assert_eq!(logarithmic(0.001, 3.0), ["0.001", "0.01", "0.1", "1"]);
        assert_eq!(logarithmic(0.3, 1.7), ["0.5", "1"]);
        assert_eq!(logarithmic(0.04, 3.2), ["0.05", "0.1", "0.2", "0.5", "1", "2"]);
        assert_eq!(logarithmic(1e-9, 1e9).len(), 7);
        // From the narrowest to the widest range, at any place.
        for start in 1..400 {
            for width in [0.0, 0.01, 0.1, 0.4, 0.9, 2.0, 7.0, 40.0] {
                let low = f64::from(start) * 0.037 - 8.0;
                let texts = logarithmic(10f64.powf(low), 10f64.powf(low + width));
                assert!(texts.len() >= 2 && texts.len() <= MAX_LOGARITHMIC_TICKS, "{low} {width}: {texts:?}");
                for text in texts {
                    let value: f64 = text.parse().unwrap();
                    let digit = value / 10f64.powf((value.log10() + 1e-9).floor());
                    assert!([1.0, 2.0, 5.0].iter().any(|round| (digit - round).abs() < 1e-6), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_logarithmic_axis_with_fewer_than_two_round_numbers_is_widened_to_those_around_it() {
        assert_eq!(logarithmic(0.8, 0.9), ["0.5", "1"]);
        assert_eq!(logarithmic(0.9, 1.6), ["0.5", "1", "2"]);
        assert_eq!(logarithmic(1.0, 1.0), ["1", "2"]);
    }
}
