//! What is wrong with the rate of a stream's samples.

use std::time::Duration;

/// A stream becomes too slow when its median interval is more than this many periods of the model's rate. It is
/// a little more than 2, so that the jitter of a source at half the rate is no fault.
const TOO_SLOW: f64 = 2.2;
/// A stream is absurdly fast when its median interval is shorter than this, in nanoseconds: motor currents are not
/// measured at more than 50 kHz.
const TOO_FAST: f64 = 20_000.0;
/// However high the rate of the model, a stream at less than this many times that rate is not absurdly fast.
const TOO_FAST_SHARE: f64 = 100.0;
/// A clock that advances this many times more slowly than the samples arrive is in another unit.
const SLOW_CLOCK: f64 = 30.0;

/// The rate of a stream's samples does not suit the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateFault {
    /// The samples are too far apart.
    TooSlow {
        /// The median time between two samples, in nanoseconds.
        interval: i64,
    },
    /// The samples are closer together than any sensor measures.
    TooFast {
        /// The median time between two samples, in nanoseconds.
        interval: i64,
    },
    /// The times of a live stream advance much more slowly than the samples arrive.
    SlowClock {
        /// How many times more slowly, rounded to a power of ten.
        factor: i64,
    },
}

impl RateFault {
    /// The name of the problem in messages, in `underfoot/health`, and as the reason of an unknown surface.
    pub const NAME: &'static str = "rate";

    /// Judges the median time between two samples, in nanoseconds, for a model whose steps are at `rate` Hz. `None` if
    /// it suits the model.
    pub fn of_interval(interval: i64, rate: f64) -> Option<Self> {
        let periods = interval as f64 * rate / 1e9;
        if periods > TOO_SLOW {
            Some(RateFault::TooSlow { interval })
        } else if (interval as f64) < TOO_FAST.min(1e9 / rate / TOO_FAST_SHARE) {
            Some(RateFault::TooFast { interval })
        } else {
            None
        }
    }

    /// Judges a clock that advanced by `advanced` nanoseconds while samples arrived for the time `arrived`. `None` if
    /// it is not much too slow, or stands still, which duplicate samples tell.
    pub fn of_clock(arrived: Duration, advanced: i64) -> Option<Self> {
        let factor = arrived.as_nanos() as f64 / advanced.max(1) as f64;
        let is_slow = factor > SLOW_CLOCK && advanced > 0;
        is_slow.then(|| RateFault::SlowClock { factor: 10i64.saturating_pow(factor.log10().round() as u32) })
    }

    /// The fault in a sentence with its numbers and how to fix it, for a model whose steps are at `rate` Hz.
    pub fn detail(&self, rate: f64) -> String {
        match *self {
            RateFault::TooSlow { interval } => {
                let measured = 1e9 / interval.max(1) as f64;
                // Times in a unit that is a thousand times shorter than the one that is configured.
                let thousands = (1..=3).map(|power| 1000f64.powi(power));
                let unit =
                    thousands.into_iter().find(|factor| (0.3..3.0).contains(&(measured * factor / rate)));
                let cause = match unit {
                    Some(factor) => format!(
                        "the unit of the times is {factor:.0} times too long: set unit under [source.time] to the \
                         unit that the board sends"
                    ),
                    None => {
                        "raise the rate of the source, or train a model on recordings at its rate".to_owned()
                    }
                };
                format!(
                    "the samples arrive at {} Hz, but the model takes {rate} Hz and needs at least half of \
                     that; {cause}",
                    two_digits(measured)
                )
            }
            RateFault::TooFast { interval } => {
                let measured = 1e9 / interval.max(1) as f64;
                let is_like = |factor: f64| (0.1..10.0).contains(&(measured / factor / rate));
                let cause = if is_like(86_400.0) {
                    "they look like days, as Excel stores dates: write the time in seconds, or as text of RFC 3339"
                } else if (1..=3).any(|power| is_like(1000f64.powi(power))) {
                    "they are in a longer unit: set unit under [source.time] to the unit that the board sends"
                } else {
                    "check the column and the unit of the times under [source.time]"
                };
                format!(
                    "by their times, {} samples arrive in a second, but the model takes {rate}; {cause}",
                    two_digits(measured)
                )
            }
            RateFault::SlowClock { factor } => format!(
                "the times of the samples advance about {factor} times more slowly than the samples arrive, so \
                 that a window at the model's {rate} Hz takes as much longer; set unit under [source.time] to the \
                 unit that the board sends"
            ),
        }
    }
}

/// A number with two significant digits, so that a message does not change with each measurement.
fn two_digits(value: f64) -> String {
    let magnitude = 10f64.powf(value.abs().max(1e-12).log10().floor() - 1.0);
    let rounded = (value / magnitude).round() * magnitude;
    // Formatting removes the rounding error of the multiplication.
    let decimals = usize::try_from((-magnitude.log10().floor()) as i64).unwrap_or(0);
    format!("{rounded:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_detail_names_both_rates_and_the_fix() {
        let detail = |interval: f64| RateFault::TooSlow { interval: (interval * 1e9) as i64 }.detail(100.0);
        let slow = detail(0.1);
        assert!(
            slow.contains("at 10 Hz") && slow.contains("100 Hz") && slow.contains("recordings"),
            "{slow}"
        );
        let milliseconds = detail(10.0);
        assert!(
            milliseconds.contains("at 0.10 Hz") && milliseconds.contains("1000 times too long"),
            "{milliseconds}"
        );
        let days = RateFault::TooFast { interval: 116 }.detail(100.0);
        assert!(days.contains("Excel"), "{days}");
        let fast = RateFault::TooFast { interval: 10_000 }.detail(100.0);
        assert!(fast.contains("longer unit"), "{fast}");
        let clock = RateFault::SlowClock { factor: 1000 }.detail(100.0);
        assert!(clock.contains("1000 times more slowly") && clock.contains("[source.time]"), "{clock}");
    }

    #[test]
    fn a_rate_has_two_digits() {
        for (rate, text) in
            [(33.4, "33"), (0.333, "0.33"), (1234.0, "1200"), (9.99, "10.0"), (1e-4, "0.00010")]
        {
            assert_eq!(two_digits(rate), text);
        }
    }
}
