//! Creates the connection and its publisher from the configuration.

use std::sync::Arc;

use rumqttc::{AsyncClient, LastWill, MqttOptions, QoS, TlsConfiguration, Transport};
use tokio::sync::watch;
use tokio_rustls::rustls::ClientConfig;

use super::connection::Connection;
use super::limits::{MAX_PACKET, REQUESTS, TIMEOUT};
use super::publisher::Publisher;
use super::role::Role;
use crate::config::MqttConfig;

/// Creates a connection and its publisher. Nothing is sent before [`Connection::run`] or another of its
/// methods is called.
///
/// `base` is the first part of every topic that is published. `tls` is `None` for a connection without TLS.
pub(crate) fn connect(
    config: &MqttConfig,
    host: &str,
    password: Option<&str>,
    tls: Option<Arc<ClientConfig>>,
    base: &str,
    role: Role,
) -> (Connection, Publisher) {
    let name = config.client_id.clone().unwrap_or_else(|| format!("{base}-{}", host_name()));
    let client_id = match role {
        Role::Daemon => name,
        Role::Tool(tool) => format!("{name}-{tool}-{}", std::process::id()),
    };
    let mut options = MqttOptions::new(client_id, host, config.port);
    options.set_keep_alive(config.keep_alive);
    options.set_max_packet_size(MAX_PACKET, MAX_PACKET);
    if role == Role::Daemon {
        let status = format!("{base}/status");
        options.set_last_will(LastWill::new(status, "offline", QoS::AtLeastOnce, true));
    }
    if let Some(username) = &config.username {
        options.set_credentials(username.clone(), password.unwrap_or_default());
    }
    if let Some(tls) = tls {
        options.set_transport(Transport::Tls(TlsConfiguration::Rustls(tls)));
    }
    let (client, mut events) = AsyncClient::new(options, REQUESTS);
    // Without this, the system may hold a prediction back until the one before it has been acknowledged.
    events.network_options.set_tcp_nodelay(true);
    events.network_options.set_connection_timeout(TIMEOUT.as_secs());
    let (accepted, accepted_receiver) = watch::channel(0);
    let connection = Connection {
        broker: format!("{host}:{}", config.port),
        username: config.username.clone(),
        events,
        accepted,
        retained: Arc::default(),
    };
    let retained = connection.retained.clone();
    let publisher = Publisher { client, base: base.to_owned(), role, accepted: accepted_receiver, retained };
    (connection, publisher)
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
