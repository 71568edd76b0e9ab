//! What was heard of the broker, the daemon and its robots.

use std::collections::BTreeMap;
use std::time::Instant;

use super::message::{HealthMessage, Plain, SurfaceMessage, read, sentence};
use super::robot::WatchedRobot;
use crate::mqtt::{Heard, Message};
use crate::signal::StreamId;

/// Robots that are kept.
pub(crate) const MAX_ROBOTS: usize = 1024;

/// What was heard so far. It does no I/O; the caller tells the time.
pub(crate) struct Fleet {
    base: String,
    pub(crate) link: Link,
    pub(crate) daemon: Option<Daemon>,
    pub(crate) health: Option<HealthMessage>,
    pub(crate) robots: BTreeMap<StreamId, WatchedRobot>,
    /// Whether there are more robots than are kept.
    pub(crate) over: bool,
    /// Messages that are not what their topic holds.
    pub(crate) unreadable: u64,
}

/// How the broker is.
pub(crate) enum Link {
    /// It was not reached yet, since the start.
    Connecting,
    /// It accepted the connection; what it refuses nevertheless.
    Connected(Option<String>),
    /// It is away since then, and why.
    Away(Instant, String),
}

/// Whether there is a daemon, by its own word or the broker's.
pub(crate) struct Daemon {
    pub(crate) online: bool,
    /// Since when, where the change was seen.
    pub(crate) since: Option<Instant>,
}

/// What is worth a line where there is no table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FleetUpdate {
    /// A robot is on another surface.
    Surface { stream: StreamId, surface: Plain, confidence: f64, previous: Option<Plain> },
    /// The broker or the daemon came or went.
    State(String),
}

impl Fleet {
    /// Nothing yet, below this base.
    pub(crate) fn new(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            link: Link::Connecting,
            daemon: None,
            health: None,
            robots: BTreeMap::new(),
            over: false,
            unreadable: 0,
        }
    }

    /// What the broker is asked for.
    pub(crate) fn filters(base: &str) -> Vec<String> {
        ["+/surface", "+/prediction", "status", "health"].iter().map(|end| format!("{base}/{end}")).collect()
    }

    /// What the daemon is called.
    pub(crate) fn name(&self) -> Plain {
        Plain::new(&self.base)
    }

    /// Takes in what was heard.
    pub(crate) fn take(&mut self, heard: Heard, now: Instant) -> Option<FleetUpdate> {
        match heard {
            Heard::Accepted => {
                let first = matches!(self.link, Link::Connecting);
                self.link = Link::Connected(None);
                (!first).then(|| FleetUpdate::State("connected to the broker".into()))
            }
            Heard::Refused(why) => {
                let why = sentence(&why);
                self.link = Link::Connected(Some(why.clone()));
                Some(FleetUpdate::State(why))
            }
            Heard::Away { why, news } => {
                let why = sentence(&why);
                let since = if let Link::Away(since, _) = self.link { since } else { now };
                self.link = Link::Away(since, why.clone());
                news.then(|| FleetUpdate::State(format!("{why}; trying again")))
            }
            Heard::Message(message) => self.message(&message, now),
        }
    }

    fn message(&mut self, message: &Message, now: Instant) -> Option<FleetUpdate> {
        let topic = message.topic.strip_prefix(&self.base)?.strip_prefix('/')?;
        match topic.rsplit_once('/') {
            None if topic == "status" => return self.status(message, now),
            None if topic == "health" => match read(&message.payload) {
                Some(health) => self.health = Some(health),
                None => self.unreadable += 1,
            },
            Some((stream, kind @ ("surface" | "prediction"))) => match StreamId::new(stream) {
                Ok(stream) => return self.robot(stream, kind, message, now),
                Err(_) => self.unreadable += 1,
            },
            _ => {}
        }
        None
    }

    fn status(&mut self, message: &Message, now: Instant) -> Option<FleetUpdate> {
        let online = match message.payload.as_slice() {
            b"online" => true,
            b"offline" => false,
            _ => {
                self.unreadable += 1;
                return None;
            }
        };
        if self.daemon.as_ref().is_some_and(|daemon| daemon.online == online) {
            return None;
        }
        self.daemon = Some(Daemon { online, since: (!message.retained).then_some(now) });
        Some(FleetUpdate::State(format!("{} is {}", self.name(), if online { "online" } else { "offline" })))
    }

    fn robot(
        &mut self,
        stream: StreamId,
        kind: &str,
        message: &Message,
        now: Instant,
    ) -> Option<FleetUpdate> {
        if kind == "surface" && message.payload.is_empty() {
            // It was taken off the broker.
            self.robots.remove(&stream);
            return None;
        }
        if !self.robots.contains_key(&stream) && self.robots.len() >= MAX_ROBOTS {
            self.over = true;
            return None;
        }
        if kind == "prediction" {
            match read(&message.payload) {
                Some(prediction) => self.robots.entry(stream).or_default().prediction(prediction, now),
                None => self.unreadable += 1,
            }
            return None;
        }
        let Some(surface) = read::<SurfaceMessage>(&message.payload) else {
            self.unreadable += 1;
            return None;
        };
        let (name, confidence, previous) =
            (surface.surface.clone(), surface.confidence, surface.previous.clone());
        let robot = self.robots.entry(stream.clone()).or_default();
        let other = robot.surface(surface, message.retained, now);
        other.then_some(FleetUpdate::Surface { stream, surface: name, confidence, previous })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(topic: &str, payload: &str, retained: bool) -> Heard {
        Heard::Message(Message { topic: topic.into(), payload: payload.into(), retained })
    }

    const TILE: &str =
        r#"{"surface":"tile","confidence":0.9,"since":1,"t":1,"previous":"unknown","model":"m"}"#;

    #[test]
    fn each_change_is_news_once() {
        let mut fleet = Fleet::new("underfoot");
        let now = Instant::now();
        let mut take = |heard| fleet.take(heard, now);
        assert_eq!(take(Heard::Accepted), None, "it is what one expects");
        assert!(matches!(take(heard("underfoot/status", "online", true)), Some(FleetUpdate::State(_))));
        let change = take(heard("underfoot/rover/surface", TILE, true));
        let Some(FleetUpdate::Surface { stream, surface, previous, .. }) = change else {
            panic!("{change:?}")
        };
        assert_eq!((stream.as_str(), surface.as_str()), ("rover", "tile"));
        assert_eq!(previous, Some(Plain::new("unknown")));
        assert_eq!(take(heard("underfoot/rover/surface", TILE, false)), None);
        assert_eq!(take(heard("underfoot/status", "online", false)), None);
        assert!(take(Heard::Away { why: "gone".into(), news: true }).is_some());
        assert_eq!(take(Heard::Away { why: "gone".into(), news: false }), None);
        assert!(take(Heard::Accepted).is_some());
    }

    #[test]
    fn robots_are_bounded_and_can_be_taken_away() {
        let mut fleet = Fleet::new("underfoot");
        let now = Instant::now();
        for robot in 0..MAX_ROBOTS + 5 {
            fleet.take(heard(&format!("underfoot/r{robot}/surface"), TILE, true), now);
        }
        assert_eq!((fleet.robots.len(), fleet.over), (MAX_ROBOTS, true));
        fleet.take(heard("underfoot/r7/surface", "", false), now);
        assert_eq!(fleet.robots.len(), MAX_ROBOTS - 1);
    }

    #[test]
    fn what_no_daemon_says_is_counted_and_nothing_else() {
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
            assert_eq!(fleet.take(heard(topic, payload, false), now), None);
        }
        assert_eq!((fleet.unreadable, fleet.robots.len()), (6, 0));
        fleet.take(heard("elsewhere/rover/surface", TILE, false), now);
        assert_eq!(fleet.robots.len(), 0);
    }
}
