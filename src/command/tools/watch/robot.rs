//! What is known about one robot.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::message::{Candidates, Plain, PredictionMessage, SurfaceMessage};

/// Number of predictions over which the rate is measured.
const RATE_WINDOW: usize = 32;
/// Number of other surfaces shown.
const MAX_OTHERS: usize = 2;

/// The newest surface and prediction of one robot, and when its messages arrived.
#[derive(Default)]
pub(crate) struct WatchedRobot {
    pub(crate) surface: Plain,
    /// Why the surface is unknown; `None` if it is known.
    pub(crate) reason: Option<Plain>,
    /// Confidence of the decision, from 0 to 1.
    pub(crate) confidence: f64,
    /// The most likely other surfaces of the last window, with their probabilities.
    pub(crate) others: Vec<(Plain, f64)>,
    /// The candidates of the last window, or of the window at which the surface was decided; empty if they are not known.
    pub(crate) candidates: Candidates,
    /// When the surface began, in seconds on the stream's own clock.
    since: Option<f64>,
    /// When the change to the surface arrived; `None` if that was before this program connected.
    changed: Option<Instant>,
    /// The time of the last prediction, in seconds on the stream's own clock.
    last_time: Option<f64>,
    /// When the last message arrived; retained ones do not count.
    last_message: Option<Instant>,
    /// When the last predictions arrived.
    arrivals: VecDeque<Instant>,
}

impl WatchedRobot {
    /// Applies a surface message. Returns whether the surface is a different one.
    pub(crate) fn surface(&mut self, message: SurfaceMessage, retained: bool, now: Instant) -> bool {
        let SurfaceMessage { surface, confidence, since, candidates, reason, .. } = message;
        let known = self.since.is_some();
        // After an outage, the daemon publishes the retained surface again, although nothing changed.
        let is_new = !known || self.surface != surface || self.since != Some(since);
        if is_new {
            self.changed = (!retained).then_some(now);
            self.last_message = if retained { self.last_message } else { Some(now) };
            self.confidence = confidence.clamp(0.0, 1.0);
            self.since = Some(since);
            self.candidates = candidates.unwrap_or_default();
            if self.surface != surface {
                self.others.clear();
            }
        }
        // It may change while the surface and its start stay the same.
        self.reason = reason;
        let differs = !known || self.surface != surface;
        self.surface = surface;
        differs
    }

    /// Applies a prediction message.
    pub(crate) fn prediction(&mut self, message: PredictionMessage, now: Instant) {
        let PredictionMessage { t, surface, confidence, probabilities, candidates } = message;
        let mut others: Vec<_> = probabilities.into_iter().filter(|(label, _)| *label != surface).collect();
        others.sort_by(|a, b| b.1.total_cmp(&a.1));
        others.truncate(MAX_OTHERS);
        self.others = others;
        self.candidates = candidates.unwrap_or_default();
        self.confidence = confidence.clamp(0.0, 1.0);
        self.last_time = Some(t);
        if self.since.is_none() {
            // A user without access to the surface topic still sees the decided surface.
            self.surface = surface;
        }
        self.last_message = Some(now);
        if self.arrivals.len() >= RATE_WINDOW {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back(now);
    }

    /// How long the robot has been on its surface; `None` if that is not known.
    ///
    /// It is counted from the arrival of the change, or else read from the stream's own clock.
    pub(crate) fn time_on_surface(&self, now: Instant) -> Option<Duration> {
        if let Some(changed) = self.changed {
            return Some(now.saturating_duration_since(changed));
        }
        let before = Duration::try_from_secs_f64(self.last_time? - self.since?).ok()?;
        before.checked_add(self.silence(now)?)
    }

    /// Time since the last message; `None` if none has arrived.
    pub(crate) fn silence(&self, now: Instant) -> Option<Duration> {
        self.last_message.map(|last| now.saturating_duration_since(last))
    }

    /// Predictions per second over the last [`RATE_WINDOW`] predictions; `None` if there are too few.
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
        SurfaceMessage {
            surface: Plain::new(name),
            confidence: 0.75,
            since,
            previous: None,
            reason: None,
            candidates: None,
        }
    }

    fn prediction(t: f64, surface: &str) -> PredictionMessage {
        let probabilities = [("a", 0.1), ("b", 0.2), ("c", 0.3), ("d", 0.4)];
        PredictionMessage {
            t,
            surface: Plain::new(surface),
            confidence: 5.0,
            probabilities: probabilities.map(|(label, share)| (Plain::new(label), share)).into(),
            candidates: None,
        }
    }

    #[test]
    fn the_time_on_a_surface_is_counted_from_the_change_or_read_from_the_streams_clock() {
        let now = Instant::now();
        let later = now + Duration::from_secs(2);
        let mut robot = WatchedRobot::default();
        assert!(robot.surface(surface("d", 10.0), true, now));
        assert_eq!(
            (robot.time_on_surface(later), robot.silence(later)),
            (None, None),
            "the surface was published before this program connected"
        );
        robot.prediction(prediction(17.5, "d"), now);
        assert_eq!(robot.time_on_surface(later), Some(Duration::from_millis(9500)));
        assert!(
            !robot.surface(surface("d", 10.0), false, later),
            "the same surface is published again after an outage"
        );
        assert_eq!(robot.time_on_surface(later), Some(Duration::from_millis(9500)));
        assert!(robot.surface(surface("c", 19.5), false, later));
        assert_eq!(robot.time_on_surface(later), Some(Duration::ZERO));
    }

    #[test]
    fn a_reason_that_changes_alone_is_taken_over() {
        let now = Instant::now();
        let mut robot = WatchedRobot::default();
        for reason in [Some("left is stuck"), Some("no samples arrive"), None] {
            let reason = reason.map(Plain::new);
            robot.surface(SurfaceMessage { reason: reason.clone(), ..surface("unknown", 1.0) }, false, now);
            assert_eq!(robot.reason, reason);
        }
    }

    #[test]
    fn impossible_times_give_no_time_on_the_surface() {
        let now = Instant::now();
        for (since, t) in [(10.0, 5.0), (0.0, 1e300), (-1e300, 1e300)] {
            let mut robot = WatchedRobot::default();
            robot.surface(surface("d", since), true, now);
            robot.prediction(prediction(t, "d"), now);
            assert_eq!(robot.time_on_surface(now), None);
            assert_eq!(robot.confidence, 1.0);
        }
    }

    #[test]
    fn the_two_most_likely_others_and_the_rate_come_from_recent_predictions() {
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
        assert_eq!(robot.arrivals.len(), RATE_WINDOW);
    }
}
