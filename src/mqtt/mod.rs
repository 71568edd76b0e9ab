//! The one connection to the broker: samples in, surfaces out.
//!
//! [`Connection`] owns the network and is polled by one task that is never cancelled; it tells others each time the broker has
//! accepted the connection. [`Publisher`] keeps every retained topic, so that all of them can be published again
//! after an outage: what is retained is sent when it is dirty, and a new connection makes everything dirty.

pub(crate) mod clear;
pub(crate) mod connection;
pub(crate) mod listener;
pub(crate) mod publisher;
pub(crate) mod reconnect;
pub(crate) mod subscription;
pub(crate) mod tls;

use std::sync::Arc;
use std::time::Duration;

use rumqttc::{AsyncClient, LastWill, MqttOptions, QoS, TlsConfiguration, Transport};
use tokio::sync::watch;
use tokio_rustls::rustls::ClientConfig;

use crate::config::MqttConfig;

pub(crate) use self::connection::Connection;
pub(crate) use self::listener::{Heard, Message};
pub(crate) use self::publisher::Publisher;
pub(crate) use self::subscription::{Subscribed, Subscription};

/// Requests that may wait for the network.
const REQUESTS: usize = 1024;
/// The largest packet that is read; a larger one would end the connection, and with it every other stream.
const MAX_PACKET: usize = 32 << 20;
/// A broker that does not answer for this long is away.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Who connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The daemon: its name is known, and the broker says when it is gone.
    Daemon,
    /// A tool beside it, which must not be taken for it.
    Tool(&'static str),
}

/// Makes the connection's two sides; nothing is sent before [`Connection::run`].
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
    // A prediction must not wait for the one before to be acknowledged.
    events.network_options.set_tcp_nodelay(true);
    events.network_options.set_connection_timeout(TIMEOUT.as_secs());
    let (accepted, watched) = watch::channel(0);
    let connection = Connection {
        broker: format!("{host}:{}", config.port),
        username: config.username.clone(),
        events,
        accepted,
        retained: Arc::default(),
    };
    let retained = connection.retained.clone();
    let publisher = Publisher { client, base: base.to_owned(), role, accepted: watched, retained };
    (connection, publisher)
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
