//! What is known about the daemons below the base: one, or several nodes.

use std::collections::BTreeMap;
use std::time::Instant;

use super::message::{HealthMessage, Plain, read};
use crate::mqtt::{DaemonTopics, Message};
use crate::signal::level_fault;

/// Maximum number of daemons shown.
pub(crate) const MAX_DAEMONS: usize = 128;

/// The daemons that have been heard, by the names of their nodes; a daemon without a name has the key `None`.
#[derive(Default)]
pub(crate) struct WatchedDaemons {
    daemons: BTreeMap<Option<String>, WatchedDaemon>,
    /// Whether there are more than [`MAX_DAEMONS`].
    pub(crate) over_limit: bool,
}

/// One daemon, as its retained topics say.
#[derive(Default)]
pub(crate) struct WatchedDaemon {
    /// Whether it is online; `None` if its status has not been heard.
    pub(crate) status: Option<DaemonStatus>,
    /// The newest health report, and when it arrived.
    pub(crate) health: Option<(HealthMessage, Instant)>,
}

/// The status of a daemon.
pub(crate) struct DaemonStatus {
    pub(crate) online: bool,
    /// When it changed; `None` if that was before this program connected.
    pub(crate) since: Option<Instant>,
}

/// What became of a message about a daemon.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DaemonUpdate {
    /// The daemon of this name is online now, or no longer.
    Status(Option<String>, bool),
    /// Nothing that is worth a line of output.
    Nothing,
    /// The message is not in the format of its topic.
    Unrecognised,
}

impl WatchedDaemons {
    /// Applies a message whose topic below the base is `topic`. Returns `None` if it is not the topic of a daemon.
    pub(crate) fn take(&mut self, topic: &str, message: &Message, now: Instant) -> Option<DaemonUpdate> {
        let (node, end) = DaemonTopics::split(topic)?;
        if !matches!(end, "status" | "health") {
            return None;
        }
        if node.is_some_and(|node| level_fault(node).is_some()) {
            return Some(DaemonUpdate::Unrecognised);
        }
        let node = node.map(str::to_owned);
        if message.payload.is_empty() {
            // The topic was removed from the broker, as `underfoot forget --node` does.
            self.daemons.remove(&node);
            return Some(DaemonUpdate::Nothing);
        }
        if !self.daemons.contains_key(&node) && self.daemons.len() >= MAX_DAEMONS {
            self.over_limit = true;
            return Some(DaemonUpdate::Nothing);
        }
        if end == "health" {
            let Some(health) = read(&message.payload) else { return Some(DaemonUpdate::Unrecognised) };
            self.daemons.entry(node).or_default().health = Some((health, now));
            return Some(DaemonUpdate::Nothing);
        }
        let online = match message.payload.as_slice() {
            b"online" => true,
            b"offline" => false,
            _ => return Some(DaemonUpdate::Unrecognised),
        };
        let daemon = self.daemons.entry(node.clone()).or_default();
        if daemon.status.as_ref().is_some_and(|status| status.online == online) {
            return Some(DaemonUpdate::Nothing);
        }
        daemon.status = Some(DaemonStatus { online, since: (!message.retained).then_some(now) });
        Some(DaemonUpdate::Status(node, online))
    }

    /// The daemon if there is exactly one, with the name of its node.
    pub(crate) fn only(&self) -> Option<(Option<&str>, &WatchedDaemon)> {
        let mut daemons = self.daemons.iter();
        daemons.next().filter(|_| daemons.next().is_none()).map(|(node, daemon)| (node.as_deref(), daemon))
    }

    /// All daemons: first those that are offline, then those with a problem, each group in the order of the names.
    pub(crate) fn by_urgency(&self) -> Vec<(Option<&str>, &WatchedDaemon)> {
        let mut daemons: Vec<_> =
            self.daemons.iter().map(|(node, daemon)| (node.as_deref(), daemon)).collect();
        daemons.sort_by_key(|(_, daemon)| (daemon.is_online(), daemon.is_ok()));
        daemons
    }
}

impl WatchedDaemon {
    /// Whether it is known to be online.
    pub(crate) fn is_online(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.online)
    }

    /// Whether its last report says that all is well. Without a report, nothing is known to be wrong.
    fn is_ok(&self) -> bool {
        self.health.as_ref().is_none_or(|(health, _)| health.is_ok())
    }
}

/// The name by which a daemon is shown: that of its node, or the base of its topics.
pub(crate) fn daemon_name(node: Option<&str>, base: &str) -> String {
    node.map_or_else(|| Plain::new(base).to_string(), |node| format!("node {}", Plain::new(node)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(payload: &str, retained: bool) -> Message {
        Message { topic: String::new(), payload: payload.into(), retained }
    }

    fn take(daemons: &mut WatchedDaemons, topic: &str, payload: &str) -> Option<DaemonUpdate> {
        daemons.take(topic, &message(payload, false), Instant::now())
    }

    fn names(daemons: &WatchedDaemons) -> Vec<Option<&str>> {
        daemons.by_urgency().into_iter().map(|(node, _)| node).collect()
    }

    #[test]
    fn daemons_that_are_offline_come_first_and_then_those_with_a_problem() {
        let mut daemons = WatchedDaemons::default();
        for node in ["a", "b", "c", "d"] {
            let topic = format!("nodes/{node}/status");
            let update = take(&mut daemons, &topic, if node == "c" { "offline" } else { "online" });
            assert_eq!(update, Some(DaemonUpdate::Status(Some(node.into()), node != "c")));
        }
        assert_eq!(take(&mut daemons, "status", "online"), Some(DaemonUpdate::Status(None, true)));
        let degraded = r#"{"healthy":true,"state":"degraded","uptime":1,"streams":1}"#;
        assert_eq!(take(&mut daemons, "nodes/b/health", degraded), Some(DaemonUpdate::Nothing));
        assert_eq!(names(&daemons), [Some("c"), Some("b"), None, Some("a"), Some("d")]);
        assert!(daemons.only().is_none());
    }

    #[test]
    fn a_removed_node_is_no_longer_shown_and_the_number_of_nodes_is_limited() {
        let mut daemons = WatchedDaemons::default();
        for node in 0..MAX_DAEMONS + 2 {
            take(&mut daemons, &format!("nodes/n{node}/status"), "online");
        }
        assert_eq!((names(&daemons).len(), daemons.over_limit), (MAX_DAEMONS, true));
        assert_eq!(take(&mut daemons, "nodes/n5/status", ""), Some(DaemonUpdate::Nothing));
        assert_eq!(names(&daemons).len(), MAX_DAEMONS - 1);
    }

    #[test]
    fn other_topics_are_not_those_of_a_daemon_and_invalid_names_are_unrecognised() {
        let mut daemons = WatchedDaemons::default();
        for topic in ["rover/surface", "nodes/a/info", "nodes/a/b/status", "info"] {
            assert_eq!(take(&mut daemons, topic, "online"), None, "{topic}");
        }
        for (topic, payload) in
            [("nodes//status", "online"), ("nodes/a/status", "maybe"), ("nodes/a/health", "[]")]
        {
            assert_eq!(take(&mut daemons, topic, payload), Some(DaemonUpdate::Unrecognised), "{topic}");
        }
        assert_eq!(names(&daemons).len(), 0);
    }
}
