//! The connection to the servers, which is made again by itself after each failure.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event};

use super::fault::NatsFault;
use super::timing::Timing;
use crate::config::{NatsConfig, Secret};

/// Maximum time for a connection, and for the answer to a request.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The longest delay between two attempts to connect again.
const MOST_DELAY: Duration = Duration::from_secs(1);
/// Messages that may wait for the source: two requests of each partition, of the most partitions.
const CAPACITY: usize = 1 << 19;
/// Messages that may wait for the network: about a second of predictions of ten thousand robots, as for the broker.
const SENT: usize = 16 << 10;

/// A connection, and what happened to it.
#[derive(Clone)]
pub(super) struct NatsConnection {
    pub client: Client,
    events: Arc<Events>,
}

/// What happened to a connection.
#[derive(Default)]
struct Events {
    /// What the servers have refused last.
    refused: Mutex<Option<String>>,
    /// How often the connection was made.
    connections: AtomicU64,
}

impl NatsConnection {
    /// Connects to one of the servers.
    ///
    /// # Errors
    /// [`NatsFault`] if a file cannot be read, no server can be reached, or the login is refused.
    pub(super) async fn new(config: &NatsConfig, node: &str) -> Result<Self, NatsFault> {
        let url = config.url.clone().unwrap_or_default();
        let events = Arc::new(Events::default());
        let options = options(config, node, events.clone()).await?;
        let servers: Vec<String> = url.split(',').map(str::to_owned).collect();
        let client = options.connect(servers).await.map_err(|why| match why.kind() {
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                NatsFault::Login { url, user: config.username.clone() }
            }
            ConnectErrorKind::Tls => NatsFault::Tls { url, why: root(&why) },
            _ => NatsFault::Unreachable { url, why: root(&why) },
        })?;
        Ok(Self { client, events })
    }

    /// What the servers have refused last, and forgets it.
    pub(super) fn refused(&self) -> Option<String> {
        self.events.refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// How often the connection was made: it grows when it is made anew.
    pub(super) fn connections(&self) -> u64 {
        self.events.connections.load(Ordering::Relaxed)
    }
}

async fn options(config: &NatsConfig, node: &str, events: Arc<Events>) -> Result<ConnectOptions, NatsFault> {
    let password = config.read_password().map_err(|why| NatsFault::File(why.to_string()))?;
    let url = config.url.as_deref().unwrap_or_default();
    let mut options = ConnectOptions::new()
        .name(format!("underfoot {node}"))
        .connection_timeout(TIMEOUT)
        .request_timeout(Some(TIMEOUT))
        // A server that hangs is left as soon as a partition of it would be given up.
        .ping_interval(Timing::new(config.failover).give_up)
        .subscription_capacity(CAPACITY)
        .client_capacity(SENT)
        .require_tls(url.split(',').any(|server| server.starts_with("tls://")))
        .reconnect_delay_callback(|attempts| {
            MOST_DELAY.min(Duration::from_millis(50) * u32::try_from(attempts).unwrap_or(u32::MAX).min(100))
        })
        .event_callback(move |event| {
            let events = events.clone();
            async move { log(&event, &events) }
        });
    if let Some(user) = &config.username {
        let password = password.as_ref().map(Secret::reveal).unwrap_or_default();
        options = options.user_and_password(user.clone(), password.to_owned());
    }
    if let Some(path) = &config.credentials {
        options = options.credentials_file(path).await.map_err(|why| {
            NatsFault::File(format!(
                "nats.credentials is {:?}; it cannot be used: {why}; set it to a file that `nsc generate creds` has written",
                path.display().to_string()
            ))
        })?;
    }
    for (key, path) in [
        ("nats.ca_file", &config.ca_file),
        ("nats.certificate_file", &config.certificate_file),
        ("nats.key_file", &config.key_file),
    ] {
        // The client itself would name neither the key nor the file.
        if let Some(path) = path
            && let Err(why) = std::fs::metadata(path)
        {
            let fix = "check its path and its permissions";
            return Err(NatsFault::File(format!(
                "{key} is {:?}; the file cannot be read: {why}; {fix}",
                path.display().to_string()
            )));
        }
    }
    if let Some(path) = &config.ca_file {
        options = options.add_root_certificates(path.clone());
    }
    if let (Some(certificate), Some(key)) = (&config.certificate_file, &config.key_file) {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    Ok(options)
}

/// Logs what happens to the connection, and keeps what the servers refuse.
fn log(event: &Event, events: &Events) {
    match event {
        Event::Connected => {
            events.connections.fetch_add(1, Ordering::Relaxed);
            tracing::info!("connected to the NATS servers");
        }
        Event::Disconnected => tracing::warn!("the connection to the NATS servers was lost; trying again"),
        Event::SlowConsumer(_) => tracing::warn!(
            "messages of the NATS servers were dropped, because this daemon is too slow; they are delivered again"
        ),
        Event::ServerError(error) => {
            let text = error.to_string();
            tracing::debug!("the NATS server says: {text}");
            *events.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        }
        Event::ClientError(error) => tracing::debug!("NATS: {error}"),
        Event::LameDuckMode | Event::Draining | Event::Closed => {}
    }
}

/// The innermost cause of an error.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
