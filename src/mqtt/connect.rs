//! Creates the connection and its publisher from the configuration.

use std::sync::Arc;

use rumqttc::{AsyncClient, LastWill, MqttOptions, QoS};
use tokio::sync::watch;

use super::connection::Connection;
use super::limits::{MAX_RECEIVED, MAX_SENT, REQUESTS, TIMEOUT};
use super::publisher::{Publisher, Shared};
use super::role::Role;
use crate::config::MqttConfig;

/// Creates a connection and its publisher. Nothing is sent before [`Connection::run`] or another of its
/// methods is called.
///
/// `base` is the first part of every topic that is published.
pub(crate) fn connect(config: &MqttConfig, host: &str, base: &str, role: Role) -> (Connection, Publisher) {
    let name = config.client_id.clone().unwrap_or_else(|| default_name(base, config.instance.as_deref()));
    let client_id = match role {
        Role::Daemon => name,
        Role::Tool(tool) => format!("{name}-{tool}-{}", std::process::id()),
    };
    let mut options = MqttOptions::new(client_id, host, config.port);
    options.set_keep_alive(config.keep_alive);
    options.set_max_packet_size(MAX_RECEIVED, MAX_SENT);
    if role == Role::Daemon {
        let status = format!("{base}/status");
        options.set_last_will(LastWill::new(status, "offline", QoS::AtLeastOnce, true));
    }
    let (client, mut events) = AsyncClient::new(options, REQUESTS);
    // Without this, the system may hold a prediction back until the one before it has been acknowledged.
    events.network_options.set_tcp_nodelay(true);
    events.network_options.set_connection_timeout(TIMEOUT.as_secs());
    let (accepted, accepted_receiver) = watch::channel(0);
    let shared = Arc::new(Shared::default());
    let connection = Connection {
        broker: format!("{host}:{}", config.port),
        config: config.clone(),
        health_topic: (role == Role::Daemon).then(|| format!("{base}/health")),
        events,
        accepted,
        shared: shared.clone(),
    };
    let publisher = Publisher { client, base: base.to_owned(), role, accepted: accepted_receiver, shared };
    (connection, publisher)
}

/// The client's name if none is configured: from the base, the name of this computer and the instance, so that
/// two daemons of one computer have names of their own.
fn default_name(base: &str, instance: Option<&str>) -> String {
    let instance = instance.map(|instance| format!("-{instance}")).unwrap_or_default();
    format!("{base}-{}{instance}", host_name())
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
