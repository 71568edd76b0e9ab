//! One robot, as far as it was heard.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::message::{Plain, PredictionMessage, SurfaceMessage};

/// Predictions that the rate is taken from.
const ARRIVALS: usize = 32;
/// Other surfaces that are shown.
const OTHERS: usize = 2;

/// One robot, as far as it was heard.
#[derive(Default)]
pub(crate) struct WatchedRobot {
    pub(crate) surface: Plain,
    /// How sure the decision is, from 0 to 1.
    pub(crate) confidence: f64,
    /// The likeliest other surfaces of the last window.
    pub(crate) others: Vec<(Plain, f64)>,
    /// Since when the surface holds, in the stream's own time.
    since: Option<f64>,
    /// The moment of the change, where it was seen.
    began: Option<Instant>,
    /// The last prediction's time, in the stream's own.
    newest: Option<f64>,
    /// When it was heard last.
    heard: Option<Instant>,
    arrivals: VecDeque<Instant>,
}

impl WatchedRobot {
    /// Takes a surface in; says whether it is another one.
    pub(crate) fn surface(&mut self, message: SurfaceMessage, retained: bool, now: Instant) -> bool {
        let SurfaceMessage { surface, confidence, since, .. } = message;
        let known = self.since.is_some();
        // A daemon that was away tells what it told before again.
        let changed = !known || self.surface != surface || self.since != Some(since);
        if changed {
            self.began = (!retained).then_some(now);
            self.heard = if retained { self.heard } else { Some(now) };
            self.confidence = confidence.clamp(0.0, 1.0);
            self.since = Some(since);
            if self.surface != surface {
                self.others.clear();
            }
        }
        let other = !known || self.surface != surface;
        self.surface = surface;
        other
    }

    /// Takes a prediction in.
    pub(crate) fn prediction(&mut self, message: PredictionMessage, now: Instant) {
        let PredictionMessage { t, surface, confidence, probabilities } = message;
        let mut others: Vec<_> = probabilities.into_iter().filter(|(label, _)| *label != surface).collect();
        others.sort_by(|a, b| b.1.total_cmp(&a.1));
        others.truncate(OTHERS);
        self.others = others;
        self.confidence = confidence.clamp(0.0, 1.0);
        self.newest = Some(t);
        if self.since.is_none() {
            // Who may not read surfaces still sees the decided one.
            self.surface = surface;
        }
        self.heard = Some(now);
        if self.arrivals.len() >= ARRIVALS {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back(now);
    }

    /// How long it has been on its surface, where that can be known.
    pub(crate) fn stays(&self, now: Instant) -> Option<Duration> {
        if let Some(began) = self.began {
            return Some(now.saturating_duration_since(began));
        }
        let before = Duration::try_from_secs_f64(self.newest? - self.since?).ok()?;
        before.checked_add(self.silence_limits(now)?)
    }

    /// For how long it was not heard; `None` where it never was.
    pub(crate) fn silence_limits(&self, now: Instant) -> Option<Duration> {
        self.heard.map(|heard| now.saturating_duration_since(heard))
    }

    /// Predictions a second, of late.
    pub(crate) fn rate(&self, now: Instant) -> Option<f64> {
        let first = *self.arrivals.front()?;
        let seconds = now.saturating_duration_since(first).as_secs_f64();
        (self.arrivals.len() > 1 && seconds > 0.1).then(|| (self.arrivals.len() - 1) as f64 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surface(name: &str, since: f64) -> SurfaceMessage {
        SurfaceMessage { surface: Plain::new(name), confidence: 0.75, since, previous: None }
    }

    fn prediction(t: f64, surface: &str) -> PredictionMessage {
        let probabilities = [("a", 0.1), ("b", 0.2), ("c", 0.3), ("d", 0.4)];
        PredictionMessage {
            t,
            surface: Plain::new(surface),
            confidence: 5.0,
            probabilities: probabilities.map(|(label, share)| (Plain::new(label), share)).into(),
        }
    }

    #[test]
    fn how_long_it_stays_is_counted_from_the_change_or_read_off_its_own_clock() {
        let now = Instant::now();
        let later = now + Duration::from_secs(2);
        let mut robot = WatchedRobot::default();
        assert!(robot.surface(surface("d", 10.0), true, now));
        assert_eq!(
            (robot.stays(later), robot.silence_limits(later)),
            (None, None),
            "it was there before we came"
        );
        robot.prediction(prediction(17.5, "d"), now);
        assert_eq!(robot.stays(later), Some(Duration::from_millis(9500)));
        assert!(!robot.surface(surface("d", 10.0), false, later), "it is told again after an outage");
        assert_eq!(robot.stays(later), Some(Duration::from_millis(9500)));
        assert!(robot.surface(surface("c", 19.5), false, later));
        assert_eq!(robot.stays(later), Some(Duration::ZERO));
    }

    #[test]
    fn times_that_make_no_sense_say_nothing() {
        let now = Instant::now();
        for (since, t) in [(10.0, 5.0), (0.0, 1e300), (-1e300, 1e300)] {
            let mut robot = WatchedRobot::default();
            robot.surface(surface("d", since), true, now);
            robot.prediction(prediction(t, "d"), now);
            assert_eq!(robot.stays(now), None);
            assert_eq!(robot.confidence, 1.0);
        }
    }

    #[test]
    fn the_two_likeliest_others_and_the_rate_are_those_of_late() {
        let mut now = Instant::now();
        let mut robot = WatchedRobot::default();
        for _ in 0..100 {
            robot.prediction(prediction(1.0, "d"), now);
            now += Duration::from_millis(100);
        }
        let others: Vec<_> = robot.others.iter().map(|(label, _)| label.as_str()).collect();
        assert_eq!(others, ["c", "b"]);
        assert!((robot.rate(now).unwrap() - 10.0).abs() < 0.5);
        assert!(robot.rate(now + Duration::from_secs(100)).unwrap() < 0.5);
        assert_eq!(robot.arrivals.len(), ARRIVALS);
    }
}
