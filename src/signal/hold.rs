//! Fills missing values of channels that are measured less often than others.

use super::columns::Columns;
use super::samples::Samples;
use super::time::Time;

/// Replaces missing values of one stream's channels by their last values, for as long as
/// [`ChannelInput::hold`](super::ChannelInput::hold) says.
///
/// It has no clock: a sample that carries no time keeps its missing values, unless the rate of the samples is
/// known.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    /// For each channel the longest time in nanoseconds (0 means never), and its last value with its time.
    channels: Vec<(i64, Option<(i64, f32)>)>,
    /// The nanoseconds between two samples without a time; `None` if the rate is not known.
    period: Option<f64>,
    /// The number of samples so far.
    count: u64,
}

impl Hold {
    /// Creates the state at the start of a stream; `None` if no channel is held. `rate` is that of samples
    /// without a time, in Hz.
    pub(crate) fn new(columns: &Columns, rate: Option<f64>) -> Option<Self> {
        let channels: Vec<_> = columns.holds().map(|hold| (hold, None)).collect();
        let period = rate.map(|rate| 1e9 / rate);
        channels.iter().any(|(hold, _)| *hold > 0).then_some(Self { channels, period, count: 0 })
    }

    /// Fills the missing values of the samples from index `first` on.
    pub(crate) fn fill(&mut self, samples: &mut Samples, first: usize) {
        let times: Vec<Time> = samples.times().iter().skip(first).copied().collect();
        let width = samples.channels();
        for (time, row) in times.into_iter().zip(samples.values_mut(first).chunks_exact_mut(width)) {
            self.count += 1;
            let now = match (time, self.period) {
                (Time::ARRIVAL, Some(period)) => (self.count as f64 * period) as i64,
                (Time::ARRIVAL, None) => continue,
                (time, _) => time.nanos(),
            };
            for (value, (hold, last)) in row.iter_mut().zip(&mut self.channels) {
                if !value.is_nan() {
                    *last = Some((now, *value));
                } else if let Some((then, held)) = *last
                    && (0..=*hold).contains(&now.saturating_sub(then))
                    && *hold > 0
                {
                    *value = held;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Columns {
        let inputs = ["name = 'left'", "name = 'right'\nhold = '500ms'"];
        Columns::new(&inputs.map(|toml| toml::from_str(toml).unwrap())).unwrap()
    }

    #[test]
    fn a_missing_value_is_the_last_one_for_as_long_as_it_is_held() {
        let columns = columns();
        let mut hold = Hold::new(&columns, None).unwrap();
        let mut samples = columns.samples();
        for (millis, left, right) in
            [(0, 1.0, 5.0), (300, 2.0, f32::NAN), (500, f32::NAN, f32::NAN), (501, 4.0, f32::NAN)]
        {
            samples.push(Time::from_nanos(millis * 1_000_000).unwrap(), [left, right]);
        }
        hold.fill(&mut samples, 0);
        let values = samples.values();
        assert_eq!((values[3], values[5], values[6]), (5.0, 5.0, 4.0));
        assert!(values[4].is_nan() && values[7].is_nan(), "left is not held, and right only for 500 ms");
    }

    #[test]
    fn samples_without_a_time_are_filled_only_if_their_rate_is_known() {
        for (rate, filled) in [(None, 0), (Some(4.0), 2)] {
            let columns = columns();
            let mut hold = Hold::new(&columns, rate).unwrap();
            let mut samples = columns.samples();
            samples.push(Time::ARRIVAL, [1.0, 5.0]);
            (0..5).for_each(|_| samples.push(Time::ARRIVAL, [1.0, f32::NAN]));
            hold.fill(&mut samples, 0);
            assert_eq!(samples.values().iter().filter(|value| **value == 5.0).count(), 1 + filled);
        }
    }

    #[test]
    fn a_time_that_cannot_be_held_is_an_error() {
        for hold in ["0s", "2h"] {
            let input = toml::from_str(&format!("name = 'm'\nhold = '{hold}'")).unwrap();
            let error = Columns::new(&[input]).unwrap_err().to_string();
            assert!(
                error.starts_with("channel \"m\" has hold") && error.ends_with("at most \"1h\""),
                "{error}"
            );
        }
    }
}
