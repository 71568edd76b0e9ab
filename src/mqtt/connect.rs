//! Creates the connection and its publisher from the configuration.

use std::collections::VecDeque;
use std::sync::Arc;

use rumqttc::{EventLoop, LastWill, MqttOptions, QoS};
use tokio::sync::watch;

use super::connection::Connection;
use super::limits::{MAX_RECEIVED, MAX_SENT, TIMEOUT};
use super::publisher::{BrokerState, Publisher};
use super::requests::request_queue;
use super::role::Role;
use super::topics::DaemonTopics;
use crate::config::MqttConfig;

/// Creates a connection and its publisher. Nothing is sent before [`Connection::run`] or another of its
/// methods is called.
///
/// `topics` has the base of every topic that is published, and the topics of the daemon itself.
pub(crate) fn connect(
    config: &MqttConfig,
    host: &str,
    topics: DaemonTopics,
    role: Role,
) -> (Connection, Publisher) {
    let name = config.client_id.clone();
    let name = name.unwrap_or_else(|| default_name(&topics, config.instance.as_deref(), &host_name()));
    let client_id = match role {
        Role::Daemon => name,
        Role::Tool(tool) => format!("{name}-{tool}-{}", std::process::id()),
    };
    let mut options = MqttOptions::new(client_id, host, config.port);
    options.set_keep_alive(config.keep_alive);
    options.set_max_packet_size(MAX_RECEIVED, MAX_SENT);
    if role == Role::Daemon {
        options.set_last_will(LastWill::new(topics.status(), "offline", QoS::AtLeastOnce, true));
    }
    let mut events = EventLoop::new(options, 0);
    // Without this, the system may hold a prediction back until the one before it has been acknowledged.
    events.network_options.set_tcp_nodelay(true);
    events.network_options.set_connection_timeout(TIMEOUT.as_secs());
    let (sender, requests) = request_queue();
    let (accepted, accepted_receiver) = watch::channel(0);
    let shared = Arc::new(BrokerState::default());
    let connection = Connection {
        broker: format!("{host}:{}", config.port),
        config: config.clone(),
        health_topic: (role == Role::Daemon).then(|| topics.health()),
        events,
        unacknowledged: VecDeque::new(),
        requests,
        accepted,
        shared: shared.clone(),
    };
    let publisher = Publisher { requests: sender, topics, role, accepted: accepted_receiver, shared };
    (connection, publisher)
}

/// The client's name if none is configured: from the base, the name of this computer, the instance and the node, so
/// that two daemons of one computer have names of their own, and so have nodes on computers of the same name.
fn default_name(topics: &DaemonTopics, instance: Option<&str>, host: &str) -> String {
    let instance = instance.map(|instance| format!("-{instance}")).unwrap_or_default();
    // No host and no instance has this character, so that no instance is taken for a node.
    let node = topics.node().map(|node| format!("@{node}")).unwrap_or_default();
    format!("{}-{host}{instance}{node}", topics.base())
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn daemons_on_one_computer_have_client_ids_of_their_own_without_one_being_configured() {
        let name = |node, instance| default_name(&DaemonTopics::new("underfoot", node), instance, "robot");
        assert_eq!(name(None, None), "underfoot-robot");
        assert_eq!(name(None, Some("a")), "underfoot-robot-a");
        assert_eq!(name(Some("a"), None), "underfoot-robot@a");
        assert_eq!(name(Some("a"), Some("b")), "underfoot-robot-b@a");
    }
}
