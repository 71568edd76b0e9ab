//! The network side of the connection: it receives samples, and connects again after each failure.

use std::sync::Arc;
use std::time::Instant;

use rumqttc::{
    ConnectReturnCode, ConnectionError, Event, EventLoop, Outgoing, Packet, StateError, SubscribeReasonCode,
};
use tokio::sync::watch;

use super::publisher::Retained;
use super::reconnect::{ConnectionFault, ReconnectPolicy};
use super::subscription::{self, Subscribed};
use super::tls;
use crate::health::{Health, SourceState};
use crate::shutdown::Shutdown;

/// The network side of the connection. Nothing is sent or received unless one of its methods polls it.
pub(crate) struct Connection {
    /// The broker's host and port, for messages.
    pub(super) broker: String,
    pub(super) username: Option<String>,
    pub(super) events: EventLoop,
    /// The number of connections that the broker has accepted so far; 0 while there is no connection.
    pub(super) accepted: watch::Sender<u64>,
    pub(super) retained: Arc<Retained>,
}

impl Connection {
    /// The broker's host and port.
    pub(crate) fn broker(&self) -> &str {
        &self.broker
    }

    /// Connects once, as `underfoot check` does.
    ///
    /// # Errors
    /// A message that names the broker, what is wrong, and the fix.
    pub(crate) async fn try_once(mut self) -> Result<(), String> {
        match self.events.poll().await {
            // A tool has no last will, so it may close the connection without a DISCONNECT packet.
            Ok(_) => Ok(()),
            Err(error) => Err(self.explain(&error)),
        }
    }

    /// Keeps the connection until the client asks to disconnect, and connects again after each failure.
    ///
    /// Received samples go to `subscribed` until the shutdown. After the shutdown the connection only
    /// publishes, until the client asks to disconnect or the connection fails.
    pub(crate) async fn run(
        mut self,
        subscribed: Vec<Subscribed>,
        mut shutdown: Shutdown,
        health: Arc<Health>,
    ) {
        let mut subscribed = Some(subscribed);
        let mut policy = self.policy();
        let mut connections = 0;
        loop {
            let polled = {
                let mut poll = std::pin::pin!(self.events.poll());
                loop {
                    tokio::select! {
                        // Dropping this future could cut a packet in two, so the same one is awaited again.
                        polled = &mut poll => break polled,
                        () = shutdown.requested(), if subscribed.is_some() => subscribed = None,
                        () = until(policy.settles()) => {
                            tracing::info!(
                                broker = self.broker,
                                "the connection to the broker is stable again"
                            );
                            policy.settle();
                        }
                    }
                }
            };
            match polled {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    if let Some(tries) = policy.accepted(Instant::now()) {
                        tracing::info!(broker = self.broker, tries, "connected to the broker");
                    }
                    connections += 1;
                    health.counters.connected();
                    self.accepted.send_replace(connections);
                    for (_, handle) in subscribed.iter().flatten() {
                        handle.set_state(SourceState::Silent);
                    }
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    let topic = String::from_utf8_lossy(publish.topic.as_bytes()).into_owned();
                    self.retained.received(&topic, &publish.payload);
                    let done = match &subscribed {
                        Some(subscribed) => subscription::receive(subscribed, &topic, &publish.payload).await,
                        None => Ok(()),
                    };
                    if done.is_err() {
                        subscribed = None;
                    }
                }
                Ok(Event::Incoming(Packet::SubAck(answer)))
                    if answer.return_codes.contains(&SubscribeReasonCode::Failure) =>
                {
                    let filters = subscribed.iter().flatten().map(|(subscription, _)| subscription.filter());
                    tracing::warn!("{}", self.explain_refusal(&filters.collect::<Vec<_>>()));
                }
                Ok(Event::Outgoing(Outgoing::Disconnect)) => return,
                Ok(_) => {}
                Err(ConnectionError::RequestsDone) => return,
                Err(error) => {
                    self.accepted.send_replace(0);
                    health.counters.disconnected();
                    // rumqttc keeps a collision of packet ids across connections, and would send nothing on
                    // the next connection because of it.
                    self.events.state.collision = None;
                    for (_, handle) in subscribed.iter().flatten() {
                        handle.set_state(SourceState::Connecting);
                    }
                    let advice = policy.failed(Instant::now(), self.fault(&error));
                    if let Some(why) = advice.report {
                        tracing::warn!(tries = advice.tries, "{why}; trying again");
                    }
                    if subscribed.is_none() {
                        // The daemon is ending, and no DISCONNECT packet can be sent.
                        return;
                    }
                    tokio::select! {
                        () = tokio::time::sleep(advice.delay) => {}
                        () = shutdown.requested() => return,
                    }
                }
            }
        }
    }

    /// A new reconnect policy for this connection.
    pub(super) fn policy(&self) -> ReconnectPolicy {
        ReconnectPolicy::new(&self.broker, &self.events.mqtt_options.client_id())
    }

    /// Says in plain words that the broker refused at least one of these topic filters, and how to fix it.
    ///
    /// Its answer does not say which filter it refused.
    pub(super) fn explain_refusal(&self, filters: &[String]) -> String {
        let (broker, filters) = (&self.broker, filters.join(", "));
        format!(
            "the broker at {broker} does not allow this user to subscribe to at least one of {filters}; \
             allow it to read these topics in the broker's ACL"
        )
    }

    /// Describes a failure for the reconnect policy.
    pub(super) fn fault(&self, error: &ConnectionError) -> ConnectionFault {
        let cut = matches!(
            error,
            ConnectionError::Io(_)
                | ConnectionError::MqttState(StateError::Io(_) | StateError::ConnectionAborted)
        );
        ConnectionFault { reason: self.explain(error), cut }
    }

    /// Says in plain words what an error means and how to fix it.
    pub(super) fn explain(&self, error: &ConnectionError) -> String {
        let broker = &self.broker;
        if let Some(why) = tls::explain(error) {
            return format!("the TLS connection to the broker at {broker} failed: {why}");
        }
        match error {
            ConnectionError::ConnectionRefused(code) => self.explain_return_code(*code),
            ConnectionError::Io(error) => {
                format!(
                    "the broker at {broker} cannot be reached: {error}; check mqtt.host and mqtt.port, and \
                     that the broker is running"
                )
            }
            ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => {
                format!("the broker at {broker} does not answer; check mqtt.host, mqtt.port and the network")
            }
            ConnectionError::Tls(why) => format!(
                "the broker at {broker} closed the connection during the TLS handshake ({why}); check that \
                 mqtt.port is its TLS port, often 8883"
            ),
            error => format!(
                "the connection to the broker at {broker} failed: {error}; if this continues, look at the \
                 broker's log"
            ),
        }
    }

    /// Says in plain words why the broker refused the connection and how to fix it.
    fn explain_return_code(&self, code: ConnectReturnCode) -> String {
        let broker = &self.broker;
        match code {
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized => match &self.username
            {
                Some(user) => format!(
                    "the broker at {broker} refuses the user {user:?} or its password; correct mqtt.username \
                     and mqtt.password_file"
                ),
                None => format!(
                    "the broker at {broker} requires a user and a password; set mqtt.username and \
                     mqtt.password_file"
                ),
            },
            ConnectReturnCode::BadClientId => format!(
                "the broker at {broker} does not accept this client's name; set another one in mqtt.client_id"
            ),
            ConnectReturnCode::RefusedProtocolVersion => {
                format!(
                    "the broker at {broker} does not accept MQTT 3.1.1; enable that version on the broker"
                )
            }
            ConnectReturnCode::ServiceUnavailable | ConnectReturnCode::Success => {
                format!("the broker at {broker} refuses the connection for now; look at the broker's log")
            }
        }
    }
}

/// Waits until a moment; forever for `None`.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}
