//! Works out the unit of the times in messages, when it is not configured.

use std::time::Duration;

use super::unit_choice::{UNITS, UnitChoice, choose_unit};
use crate::signal::{StreamId, Time, TimeUnit};

/// The most bytes of payloads that are held back.
const MAX_HELD_BYTES: usize = 1 << 20;
/// The most messages that are held back.
const MAX_HELD: usize = 1024;
/// The longest time for which messages are held back.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Holds the first messages of a source back until they tell the unit of their times, in bounded memory.
///
/// The first stream that sends tells for all, because the configuration has one unit for all streams of a source,
/// too.
#[derive(Debug)]
pub(crate) struct MessageUnit<M> {
    /// The stream that tells, once there is one.
    stream: Option<StreamId>,
    /// The times of its samples by each unit of [`UNITS`].
    times: [Vec<Time>; UNITS.len()],
    /// The messages of all streams, oldest first.
    held: Vec<M>,
    bytes: usize,
    /// When its first sample arrived.
    started: Option<Duration>,
}

impl<M> Default for MessageUnit<M> {
    fn default() -> Self {
        Self { stream: None, times: Default::default(), held: Vec::new(), bytes: 0, started: None }
    }
}

impl<M> MessageUnit<M> {
    /// Whether no message is held back.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Adds a message of `bytes` bytes that arrived at `now`. `times` gives the times of its samples by a unit, with
    /// [`Time::ARRIVAL`] for none.
    ///
    /// Returns the unit and the messages that were held back, once the unit is known.
    pub(crate) fn push(
        &mut self,
        stream: &StreamId,
        message: M,
        bytes: usize,
        now: Duration,
        times: impl Fn(&M, TimeUnit) -> Vec<Time>,
    ) -> Option<(TimeUnit, Vec<M>)> {
        if self.stream.as_ref().is_none_or(|telling| telling == stream) {
            for (unit, so_far) in UNITS.into_iter().zip(&mut self.times) {
                so_far.extend(times(&message, unit));
            }
            if self.times.iter().any(|times| !times.is_empty()) {
                self.stream = Some(stream.clone());
                self.started.get_or_insert(now);
            }
        }
        self.held.push(message);
        self.bytes += bytes;
        let elapsed = self.started.map_or(Duration::ZERO, |started| now.saturating_sub(started));
        let must = self.bytes >= MAX_HELD_BYTES || self.held.len() >= MAX_HELD || elapsed >= MAX_WAIT;
        let candidates: Vec<_> =
            UNITS.into_iter().zip(&self.times).map(|(unit, times)| (unit, times.as_slice())).collect();
        match choose_unit(&candidates, Some(elapsed), must) {
            UnitChoice::Unit(unit) => Some((unit, std::mem::take(&mut self.held))),
            UnitChoice::Open => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of messages with one time each, which arrive `pause` apart: the unit, and how many were held back.
    fn push(numbers: &[f64], pause: Duration) -> Option<(TimeUnit, usize)> {
        let mut unit = MessageUnit::default();
        let stream = StreamId::new("rover").unwrap();
        let mut now = Duration::ZERO;
        for number in numbers {
            now += pause;
            let times = |number: &f64, unit: TimeUnit| unit.time(*number).into_iter().collect();
            if let Some((unit, held)) = unit.push(&stream, *number, 10, now, times) {
                return Some((unit, held.len()));
            }
        }
        None
    }

    #[test]
    fn three_messages_tell_the_unit_where_only_one_is_plausible() {
        let pause = Duration::from_millis(10);
        assert_eq!(push(&[10_000.0, 20_000.0, 30_000.0], pause), Some((TimeUnit::Us, 3)));
        assert_eq!(push(&[10.0, 20.0, 30.0], pause), Some((TimeUnit::Ms, 3)));
        assert_eq!(push(&[0.01, 0.02, 0.03], pause), Some((TimeUnit::S, 3)));
        assert_eq!(push(&[0.01, 0.02], pause), None);
    }

    #[test]
    fn the_arrival_tells_where_two_units_are_plausible_and_no_more_than_a_bound_is_held() {
        let tenths: Vec<_> = (0..40).map(|index| f64::from(index) * 0.1).collect();
        assert_eq!(push(&tenths, Duration::from_millis(100)), Some((TimeUnit::S, 11)));
        assert_eq!(push(&[1.0; 5000], Duration::ZERO), Some((TimeUnit::S, MAX_HELD)));
    }
}
