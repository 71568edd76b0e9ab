//! The topics on which a daemon says how it is.

use crate::signal::NODES;

/// The topics on which a daemon says how it is: retained, and written by this daemon alone.
///
/// Without a name they are directly below the base, such as `underfoot/status`. Those of the node `a` are below
/// `underfoot/nodes/a`, so that one of several daemons at a broker speaks only of itself when it dies. The topics of
/// robots do not depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DaemonTopics {
    base: String,
    node: Option<String>,
}

impl DaemonTopics {
    /// The topics below `base` of the node of this name, or of a daemon without a name.
    pub(crate) fn new(base: &str, node: Option<&str>) -> Self {
        Self { base: base.to_owned(), node: node.map(str::to_owned) }
    }

    /// The first part of every topic, of this daemon and of its robots.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The name of the node; `None` for a daemon without a name.
    pub(crate) fn node(&self) -> Option<&str> {
        self.node.as_deref()
    }

    /// Whether the daemon is online. The last will is published here.
    pub(crate) fn status(&self) -> String {
        self.own("status")
    }

    /// Its version and its model.
    pub(crate) fn info(&self) -> String {
        self.own("info")
    }

    /// Its counters and problems.
    pub(crate) fn health(&self) -> String {
        self.own("health")
    }

    /// The topic filters that match the status and the health of every daemon below a base.
    pub(crate) fn filters(base: &str) -> [String; 4] {
        let of = |node| Self::new(base, node);
        let (unnamed, nodes) = (of(None), of(Some("+")));
        [unnamed.status(), unnamed.health(), nodes.status(), nodes.health()]
    }

    /// Splits a topic below the base into the name of the node, `None` without one, and the last level, which has not
    /// been checked yet; `None` for a topic that is not one of a daemon.
    pub(crate) fn split(topic: &str) -> Option<(Option<&str>, &str)> {
        match topic.strip_prefix(NODES).and_then(|rest| rest.strip_prefix('/')?.split_once('/')) {
            Some((node, end)) if !end.contains('/') => Some((Some(node), end)),
            None if !topic.contains('/') => Some((None, topic)),
            _ => None,
        }
    }

    fn own(&self, end: &str) -> String {
        match &self.node {
            None => format!("{}/{end}", self.base),
            Some(node) => format!("{}/{NODES}/{node}/{end}", self.base),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topics_of_a_node_are_below_its_name_and_those_without_a_name_below_the_base() {
        let unnamed = DaemonTopics::new("site/a", None);
        assert_eq!(
            [unnamed.status(), unnamed.info(), unnamed.health()],
            ["site/a/status", "site/a/info", "site/a/health"]
        );
        let node = DaemonTopics::new("site/a", Some("west"));
        assert_eq!(
            [node.status(), node.info(), node.health()],
            ["site/a/nodes/west/status", "site/a/nodes/west/info", "site/a/nodes/west/health"]
        );
        assert_eq!(DaemonTopics::filters("u")[2..], ["u/nodes/+/status", "u/nodes/+/health"]);
    }

    #[test]
    fn a_topic_below_the_base_is_that_of_a_daemon_or_of_a_robot() {
        assert_eq!(DaemonTopics::split("status"), Some((None, "status")));
        assert_eq!(DaemonTopics::split("nodes/west/health"), Some((Some("west"), "health")));
        for topic in ["rover/surface", "nodes/surface", "nodes/a/b/status"] {
            assert_eq!(DaemonTopics::split(topic), None, "{topic}");
        }
    }
}
