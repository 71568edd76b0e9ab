//! Works out the unit of times that nothing names, from how far apart the samples are.

use std::time::Duration;

use crate::signal::{Time, TimeUnit};

/// The units that a number may be in, the default first.
pub(super) const UNITS: [TimeUnit; 4] = [TimeUnit::S, TimeUnit::Ms, TimeUnit::Us, TimeUnit::Ns];

/// The fewest samples with a time by which a unit is chosen.
const MIN_SAMPLES: usize = 3;

/// The sample rates in Hz that motor currents are measured at. A unit by which the samples have another rate is
/// not plausible. Units differ by a factor of 1,000, so at most two are plausible.
const RATES: std::ops::Range<f64> = 0.5..20_000.0;

/// Samples that arrive over at least this time tell which of two plausible units is right.
const MIN_ELAPSED: Duration = Duration::from_secs(1);

/// What the samples say about the unit of their times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnitChoice {
    /// More samples, or more time, may tell.
    Open,
    /// The times are in this unit. It is seconds, the default, if no unit is plausible or the samples have no
    /// times.
    Unit(TimeUnit),
}

/// Chooses the unit by which the same samples have plausible times.
///
/// `candidates` has the times of the samples by each unit, in which [`Time::ARRIVAL`] stands for no time. A unit by
/// which times are out of range has fewer of them. `elapsed` is the time over which the samples arrived, if they
/// arrived while they were measured; it tells apart two units that are both plausible. With `is_end`, the answer is
/// never [`UnitChoice::Open`], and of two plausible units the longer one is chosen.
pub(crate) fn choose_unit(
    candidates: &[(TimeUnit, &[Time])],
    elapsed: Option<Duration>,
    is_end: bool,
) -> UnitChoice {
    let count = |times: &[Time]| times.iter().filter(|time| **time != Time::ARRIVAL).count();
    let samples = candidates.iter().map(|(_, times)| times.len()).max().unwrap_or(0);
    let timed = candidates.iter().map(|(_, times)| count(times)).max().unwrap_or(0);
    let open = if is_end { UnitChoice::Unit(TimeUnit::S) } else { UnitChoice::Open };
    if timed == 0 && samples >= MIN_SAMPLES {
        return UnitChoice::Unit(TimeUnit::S);
    }
    if timed < MIN_SAMPLES {
        return open;
    }
    let plausible: Vec<_> = candidates
        .iter()
        .filter(|(_, times)| 2 * count(times) > timed)
        .filter_map(|(unit, times)| Some((*unit, Spread::of(times)?)))
        .filter(|(_, spread)| RATES.contains(&(1e9 / spread.interval)))
        .collect();
    let elapsed = elapsed.filter(|elapsed| *elapsed >= MIN_ELAPSED);
    match (plausible.as_slice(), elapsed) {
        ([], _) if candidates.iter().all(|(_, times)| Spread::of(times).is_none()) => open,
        ([], _) => UnitChoice::Unit(TimeUnit::S),
        ([(unit, _)], _) => UnitChoice::Unit(*unit),
        (several, Some(elapsed)) => {
            let error = |spread: &Spread| (spread.total / elapsed.as_nanos() as f64).max(1e-300).ln().abs();
            let nearest = several.iter().min_by(|(_, a), (_, b)| error(a).total_cmp(&error(b)));
            UnitChoice::Unit(nearest.map_or(TimeUnit::S, |(unit, _)| *unit))
        }
        ([(first, _), ..], None) if is_end => UnitChoice::Unit(*first),
        _ => open,
    }
}

/// How far samples are apart, in nanoseconds.
struct Spread {
    /// The median of the intervals between samples with different times.
    interval: f64,
    /// The sum of these intervals.
    total: f64,
}

impl Spread {
    /// `None` if no time is later than the one before it.
    fn of(times: &[Time]) -> Option<Self> {
        let times: Vec<_> = times.iter().filter(|time| **time != Time::ARRIVAL).collect();
        let steps = times.windows(2).filter_map(|pair| match pair {
            [first, second] => Some(second.since(**first)).filter(|step| *step > 0),
            _ => None,
        });
        let mut steps: Vec<_> = steps.collect();
        let total = steps.iter().map(|step| *step as f64).sum();
        let middle = steps.len().checked_sub(1)? / 2;
        let (_, median, _) = steps.select_nth_unstable(middle);
        Some(Self { interval: *median as f64, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The unit of these numbers, which arrive over `elapsed`.
    fn choose(numbers: &[f64], elapsed: Option<f64>, is_end: bool) -> UnitChoice {
        let by_unit =
            UNITS.map(|unit| numbers.iter().filter_map(|number| unit.time(*number)).collect::<Vec<_>>());
        let candidates: Vec<_> =
            UNITS.iter().zip(&by_unit).map(|(unit, times)| (*unit, times.as_slice())).collect();
        choose_unit(&candidates, elapsed.map(Duration::from_secs_f64), is_end)
    }

    fn numbers(start: f64, interval: f64) -> Vec<f64> {
        (0..20).map(|index| start + interval * f64::from(index)).collect()
    }

    #[test]
    fn a_unit_that_alone_is_plausible_is_chosen_at_once() {
        for (start, interval, unit) in [
            (0.0, 0.01, TimeUnit::S),
            (1.7e9, 0.01, TimeUnit::S),
            (0.0, 0.001, TimeUnit::S),
            (12_340.0, 10.0, TimeUnit::Ms),
            (1.7e12, 10.0, TimeUnit::Ms),
            (133_456.0, 10_000.0, TimeUnit::Us),
            (1.7e15, 10_000.0, TimeUnit::Us),
            (4_000_000_000.0, 10_000.0, TimeUnit::Us),
            (1.7e18, 1e7, TimeUnit::Ns),
        ] {
            assert_eq!(
                choose(&numbers(start, interval), None, false),
                UnitChoice::Unit(unit),
                "{start} {interval}"
            );
        }
    }

    #[test]
    fn the_arrival_tells_two_plausible_units_apart() {
        // One step a millisecond, or one a second.
        assert_eq!(choose(&numbers(0.0, 1.0), Some(0.019), false), UnitChoice::Open);
        assert_eq!(choose(&numbers(0.0, 1.0), Some(19.0), false), UnitChoice::Unit(TimeUnit::S));
        let fast: Vec<_> = (0..1500).map(f64::from).collect();
        assert_eq!(choose(&fast, Some(1.5), false), UnitChoice::Unit(TimeUnit::Ms));
        // A buffer of four seconds that came at once does not mislead.
        assert_eq!(choose(&numbers(0.0, 0.25), Some(1.2), false), UnitChoice::Unit(TimeUnit::S));
        assert_eq!(choose(&numbers(0.0, 1.0), None, true), UnitChoice::Unit(TimeUnit::S));
    }

    #[test]
    fn a_recording_that_is_sent_as_fast_as_possible_stays_in_seconds() {
        let long: Vec<_> = (0..100_000).map(|index| f64::from(index) * 0.01).collect();
        assert_eq!(choose(&long, Some(1.5), false), UnitChoice::Unit(TimeUnit::S));
    }

    #[test]
    fn samples_without_times_and_clocks_that_stand_still_leave_the_default() {
        let untimed = [Time::ARRIVAL; 3];
        let candidates: Vec<_> = UNITS.iter().map(|unit| (*unit, untimed.as_slice())).collect();
        assert_eq!(choose_unit(&candidates, None, false), UnitChoice::Unit(TimeUnit::S));
        assert_eq!(choose_unit(&candidates[..1], None, false), UnitChoice::Unit(TimeUnit::S));
        assert_eq!(choose(&[5.0; 9], None, false), UnitChoice::Open);
        assert_eq!(choose(&[5.0; 9], None, true), UnitChoice::Unit(TimeUnit::S));
        assert_eq!(choose(&[], None, false), UnitChoice::Open);
    }
}
