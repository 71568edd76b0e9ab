//! Moments on the clock of a stream.

use serde::Serialize;

/// A moment on the clock of a stream: whole nanoseconds since the clock's zero, such as the start of a board,
/// or 1970.
///
/// Times are integers so that equal times that were decoded from text, JSON and binary frames are equal bit
/// for bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Time(i64);

impl Time {
    /// A placeholder in samples that carry no device time, until they get a time that is derived from their
    /// arrival.
    pub const ARRIVAL: Time = Time(i64::MIN);

    /// The largest magnitude that an input may have: about 146 years.
    const MAX_GIVEN: i64 = i64::MAX / 2;
    /// The largest magnitude that [`Time::offset`] can give. It leaves room above [`Time::MAX_GIVEN`] for
    /// offsets.
    const MAX_NANOS: i64 = i64::MAX / 4 * 3;

    /// Converts nanoseconds; `None` if they are more than about 146 years.
    pub fn from_nanos(nanos: i64) -> Option<Self> {
        (-Self::MAX_GIVEN..=Self::MAX_GIVEN).contains(&nanos).then_some(Self(nanos))
    }

    /// Converts `value` units of `unit_nanos` nanoseconds, rounded to whole nanoseconds.
    ///
    /// `None` if the value is not finite, or is more than about 146 years.
    pub fn from_units(value: f64, unit_nanos: f64) -> Option<Self> {
        let nanos = (value * unit_nanos).round();
        // The comparison is also false for NaN.
        if nanos.abs() <= Self::MAX_GIVEN as f64 { Some(Self(nanos as i64)) } else { None }
    }

    /// Converts seconds, rounded to whole nanoseconds; `None` if they are not finite, or more than about 146
    /// years.
    pub fn from_seconds(seconds: f64) -> Option<Self> {
        Self::from_units(seconds, 1e9)
    }

    /// The time in whole nanoseconds.
    pub fn nanos(self) -> i64 {
        self.0
    }

    /// The time in seconds, as it is printed.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// This time plus `nanos` nanoseconds, clamped to three quarters of the range of an `i64`.
    pub fn offset(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos).clamp(-Self::MAX_NANOS, Self::MAX_NANOS))
    }

    /// The nanoseconds from `earlier` to this time.
    pub fn since(self, earlier: Time) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.seconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_times_in_different_units_are_equal_bit_for_bit() {
        assert_eq!(Time::from_seconds(12.3), Time::from_units(12300.0, 1e6));
        assert_eq!(Time::from_units(12_300_000.0, 1e3), Time::from_seconds(12.3));
    }

    #[test]
    fn seconds_that_are_not_finite_or_too_large_give_no_time() {
        for bad in [f64::NAN, f64::INFINITY, 1e300, -1e300, 1e11] {
            assert_eq!(Time::from_seconds(bad), None);
        }
    }
}
