//! What is known about the broker, the daemons and their robots.

use std::collections::BTreeMap;
use std::time::Instant;

use super::daemons::{DaemonUpdate, WatchedDaemons, daemon_name};
use super::message::{Candidates, Plain, SurfaceMessage, read, sentence};
use super::robot::WatchedRobot;
use crate::mqtt::{BrokerEvent, DaemonTopics, Message};
use crate::signal::StreamId;

/// Maximum number of robots shown.
pub(crate) const MAX_ROBOTS: usize = 1024;

/// The state of everything watched, updated by each message. It does no I/O; the caller passes the time.
pub(crate) struct Fleet {
    base: String,
    pub(crate) link: Link,
    pub(crate) daemons: WatchedDaemons,
    pub(crate) robots: BTreeMap<StreamId, WatchedRobot>,
    /// Whether there are more than [`MAX_ROBOTS`] robots.
    pub(crate) over_limit: bool,
    /// Number of messages that are not in the format of their topic.
    pub(crate) unrecognised: u64,
}

/// The connection to the broker.
pub(crate) enum Link {
    /// The broker has not been reached since the start.
    Connecting,
    /// The broker accepted the connection; with an error message if it refused a subscription.
    Connected(Option<String>),
    /// There is no connection: since when, and the reason.
    Lost(Instant, String),
}

/// A change that is worth a line of output where no table is drawn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FleetUpdate {
    /// A robot's surface changed.
    Surface {
        stream: StreamId,
        surface: Plain,
        confidence: f64,
        reason: Option<Plain>,
        candidates: Candidates,
        previous: Option<Plain>,
    },
    /// The connection to the broker or the state of a daemon changed; as text.
    State(String),
}

impl Fleet {
    /// Starts without any knowledge. `base` is the base of all topics.
    pub(crate) fn new(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            link: Link::Connecting,
            daemons: WatchedDaemons::default(),
            robots: BTreeMap::new(),
            over_limit: false,
            unrecognised: 0,
        }
    }

    /// The topics to subscribe to.
    pub(crate) fn filters(base: &str) -> Vec<String> {
        let robots = ["+/surface", "+/prediction"].map(|end| format!("{base}/{end}"));
        robots.into_iter().chain(DaemonTopics::filters(base)).collect()
    }

    /// The name by which a daemon is shown.
    pub(crate) fn name(&self, node: Option<&str>) -> String {
        daemon_name(node, &self.base)
    }

    /// Applies an event of the connection. Returns the change that it makes, if it is worth a line.
    pub(crate) fn take(&mut self, event: BrokerEvent, now: Instant) -> Option<FleetUpdate> {
        match event {
            BrokerEvent::Accepted => {
                let first = matches!(self.link, Link::Connecting);
                self.link = Link::Connected(None);
                (!first).then(|| FleetUpdate::State("connected to the broker".into()))
            }
            BrokerEvent::Refused(error) => {
                let error = sentence(&error);
                self.link = Link::Connected(Some(error.clone()));
                Some(FleetUpdate::State(error))
            }
            BrokerEvent::Unavailable { reason, is_new } => {
                let reason = sentence(&reason);
                let since = if let Link::Lost(since, _) = self.link { since } else { now };
                self.link = Link::Lost(since, reason.clone());
                is_new.then(|| FleetUpdate::State(format!("{reason}; trying again")))
            }
            BrokerEvent::Message(message) => self.message(&message, now),
        }
    }

    fn message(&mut self, message: &Message, now: Instant) -> Option<FleetUpdate> {
        let topic = message.topic.strip_prefix(&self.base)?.strip_prefix('/')?;
        match self.daemons.take(topic, message, now) {
            None => {}
            Some(DaemonUpdate::Nothing) => return None,
            Some(DaemonUpdate::Status(node, online)) => {
                let word = if online { "online" } else { "offline" };
                return Some(FleetUpdate::State(format!("{} is {word}", self.name(node.as_deref()))));
            }
            Some(DaemonUpdate::Unrecognised) => {
                self.unrecognised += 1;
                return None;
            }
        }
        if let Some((stream, kind @ ("surface" | "prediction"))) = topic.rsplit_once('/') {
            match StreamId::new(stream) {
                Ok(stream) => return self.robot(stream, kind, message, now),
                Err(_) => self.unrecognised += 1,
            }
        }
        None
    }

    fn robot(
        &mut self,
        stream: StreamId,
        kind: &str,
        message: &Message,
        now: Instant,
    ) -> Option<FleetUpdate> {
        if kind == "surface" && message.payload.is_empty() {
            // An empty retained message means that the robot was removed from the broker, as by `underfoot
            // forget`.
            self.robots.remove(&stream);
            return None;
        }
        if !self.robots.contains_key(&stream) && self.robots.len() >= MAX_ROBOTS {
            self.over_limit = true;
            return None;
        }
        if kind == "prediction" {
            match read(&message.payload) {
                Some(prediction) => self.robots.entry(stream).or_default().prediction(prediction, now),
                None => self.unrecognised += 1,
            }
            return None;
        }
        let Some(surface) = read::<SurfaceMessage>(&message.payload) else {
            self.unrecognised += 1;
            return None;
        };
        let SurfaceMessage { surface: name, confidence, previous, reason, candidates, .. } = surface.clone();
        let candidates = candidates.unwrap_or_default();
        let robot = self.robots.entry(stream.clone()).or_default();
        let changed = robot.surface(surface, message.retained, now);
        changed.then_some(FleetUpdate::Surface {
            stream,
            surface: name,
            confidence,
            reason,
            candidates,
            previous,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(topic: &str, payload: &str, retained: bool) -> BrokerEvent {
        BrokerEvent::Message(Message { topic: topic.into(), payload: payload.into(), retained })
    }

    const TILE: &str =
        r#"{"surface":"tile","confidence":0.9,"since":1,"t":1,"previous":"unknown","model":"m"}"#;

    #[test]
    fn each_change_is_reported_once() {
        let mut fleet = Fleet::new("underfoot");
        let now = Instant::now();
        let mut take = |event| fleet.take(event, now);
        assert_eq!(
            take(BrokerEvent::Accepted),
            None,
            "the first connection is expected and not worth a line"
        );
        assert!(matches!(take(message("underfoot/status", "online", true)), Some(FleetUpdate::State(_))));
        let change = take(message("underfoot/rover/surface", TILE, true));
        let Some(FleetUpdate::Surface { stream, surface, previous, .. }) = change else {
            panic!("{change:?}")
        };
        assert_eq!((stream.as_str(), surface.as_str()), ("rover", "tile"));
        assert_eq!(previous, Some(Plain::new("unknown")));
        assert_eq!(take(message("underfoot/rover/surface", TILE, false)), None);
        assert_eq!(take(message("underfoot/status", "online", false)), None);
        assert!(take(BrokerEvent::Unavailable { reason: "gone".into(), is_new: true }).is_some());
        assert_eq!(take(BrokerEvent::Unavailable { reason: "gone".into(), is_new: false }), None);
        assert!(take(BrokerEvent::Accepted).is_some());
    }

    #[test]
    fn the_number_of_robots_is_limited_and_robots_can_be_removed() {
        let mut fleet = Fleet::new("underfoot");
        let now = Instant::now();
        for robot in 0..MAX_ROBOTS + 5 {
            fleet.take(message(&format!("underfoot/r{robot}/surface"), TILE, true), now);
        }
        assert_eq!((fleet.robots.len(), fleet.over_limit), (MAX_ROBOTS, true));
        fleet.take(message("underfoot/r7/surface", "", false), now);
        assert_eq!(fleet.robots.len(), MAX_ROBOTS - 1);
    }

    #[test]
    fn unrecognised_messages_are_only_counted() {
        let mut fleet = Fleet::new("underfoot");
        let now = Instant::now();
        for (topic, payload) in [
            ("underfoot/rover/surface", "tile"),
            ("underfoot/rover/prediction", r#"{"t":"late"}"#),
            ("underfoot/health", "[]"),
            ("underfoot/status", "\u{1b}[2J"),
            ("underfoot//surface", TILE),
            ("underfoot/a/b/surface", TILE),
        ] {
            assert_eq!(fleet.take(message(topic, payload, false), now), None);
        }
        assert_eq!((fleet.unrecognised, fleet.robots.len()), (6, 0));
        fleet.take(message("elsewhere/rover/surface", TILE, false), now);
        assert_eq!(fleet.robots.len(), 0);
    }
}
