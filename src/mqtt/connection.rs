//! The network's side of the connection: it comes and goes.

use std::sync::Arc;
use std::time::Instant;

use rumqttc::{
    ConnectReturnCode, ConnectionError, Event, EventLoop, Packet, StateError, SubscribeReasonCode,
};
use tokio::sync::watch;

use super::publisher::Retained;
use super::reconnect::{ConnectionFault, ReconnectPolicy};
use super::subscription::{Subscribed, take};
use super::tls;
use crate::health::{Health, SourceState};
use crate::shutdown::Shutdown;

/// The network's side.
pub(crate) struct Connection {
    pub(super) broker: String,
    pub(super) username: Option<String>,
    pub(super) events: EventLoop,
    /// One more at each connection that the broker accepts; 0 while there is none.
    pub(super) accepted: watch::Sender<u64>,
    pub(super) retained: Arc<Retained>,
}

impl Connection {
    /// The broker's host and port.
    pub(crate) fn broker(&self) -> &str {
        &self.broker
    }

    /// Connects once and says what is wrong, as `underfoot check` does.
    ///
    /// # Errors
    /// What is wrong, with the broker and the mend.
    pub(crate) async fn try_once(mut self) -> Result<(), String> {
        match self.events.poll().await {
            // Without a last will, to hang up is leave enough.
            Ok(_) => Ok(()),
            Err(error) => Err(self.explain(&error)),
        }
    }

    /// Keeps the connection until the client asks to disconnect; connects again, with growing waits, for ever.
    ///
    /// Samples go to the feeds until the shutdown; after it only publishing goes on.
    pub(crate) async fn run(mut self, handles: Vec<Subscribed>, mut shutdown: Shutdown, health: Arc<Health>) {
        let mut handles = Some(handles);
        let mut policy = self.policy();
        let mut connections = 0;
        loop {
            let polled = {
                let poll = std::pin::pin!(self.events.poll());
                let mut poll = poll;
                loop {
                    tokio::select! {
                        // To cancel it could cut a packet in two: the same future is waited for again.
                        polled = &mut poll => break polled,
                        () = shutdown.requested(), if handles.is_some() => handles = None,
                        () = until(policy.settles()) => {
                            tracing::info!(broker = self.broker, "the connection to the broker holds again");
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
                    for (_, handle) in handles.iter().flatten() {
                        handle.state(SourceState::Silent);
                    }
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    let topic = String::from_utf8_lossy(publish.topic.as_bytes()).into_owned();
                    self.retained.heard(&topic, &publish.payload);
                    let done = match &handles {
                        Some(handles) => take(handles, &topic, &publish.payload).await,
                        None => Ok(()),
                    };
                    if done.is_err() {
                        handles = None;
                    }
                }
                Ok(Event::Incoming(Packet::SubAck(answer)))
                    if answer.return_codes.contains(&SubscribeReasonCode::Failure) =>
                {
                    let topics = handles.iter().flatten().map(|(subscription, _)| subscription.filter());
                    tracing::warn!("{}", self.refused(&topics.collect::<Vec<_>>()));
                }
                Ok(Event::Outgoing(rumqttc::Outgoing::Disconnect)) => return,
                Ok(_) => {}
                Err(ConnectionError::RequestsDone) => return,
                Err(error) => {
                    self.accepted.send_replace(0);
                    health.counters.disconnected();
                    // rumqttc keeps a collision of packet numbers across connections, and would send nothing on the next one.
                    self.events.state.collision = None;
                    for (_, handle) in handles.iter().flatten() {
                        handle.state(SourceState::Connecting);
                    }
                    let verdict = policy.broke(Instant::now(), self.fault(&error));
                    if let Some(why) = verdict.news {
                        tracing::warn!(tries = verdict.tries, "{why}; trying again");
                    }
                    if handles.is_none() {
                        // The daemon ends, and nobody is there to say goodbye to.
                        return;
                    }
                    tokio::select! {
                        () = tokio::time::sleep(verdict.wait) => {}
                        () = shutdown.requested() => return,
                    }
                }
            }
        }
    }

    /// The record of this connection's faults.
    pub(super) fn policy(&self) -> ReconnectPolicy {
        ReconnectPolicy::new(&self.broker, &self.events.mqtt_options.client_id())
    }

    /// What to say of a subscription to one of these topics that the broker refuses.
    pub(super) fn refused(&self, filters: &[String]) -> String {
        let (broker, filters) = (&self.broker, filters.join(", "));
        format!(
            "the broker at {broker} refuses a subscription, one of {filters}; allow this user to read it in the broker's ACL"
        )
    }

    pub(super) fn fault(&self, error: &ConnectionError) -> ConnectionFault {
        let cut = matches!(
            error,
            ConnectionError::Io(_)
                | ConnectionError::MqttState(StateError::Io(_) | StateError::ConnectionAborted)
        );
        ConnectionFault { why: self.explain(error), cut }
    }

    pub(super) fn explain(&self, error: &ConnectionError) -> String {
        let broker = &self.broker;
        if let Some(why) = tls::explain(error) {
            return format!("the broker at {broker} and TLS: {why}");
        }
        match error {
            ConnectionError::ConnectionRefused(
                ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
            ) => match &self.username {
                Some(user) => format!(
                    "the broker at {broker} refuses the user {user:?} or its password; mend mqtt.username and mqtt.password_file"
                ),
                None => format!(
                    "the broker at {broker} asks for a user and a password; set mqtt.username and mqtt.password_file"
                ),
            },
            ConnectionError::ConnectionRefused(code) => {
                format!("the broker at {broker} refuses the connection: {code:?}")
            }
            ConnectionError::Io(error) => {
                format!(
                    "the broker at {broker} cannot be reached: {error}; check mqtt.host, mqtt.port and that it runs"
                )
            }
            ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => {
                format!("the broker at {broker} does not answer; check mqtt.host, mqtt.port and the network")
            }
            ConnectionError::Tls(why) => format!(
                "the broker at {broker} breaks off while TLS is set up ({why}); see that mqtt.port is its TLS port, often 8883"
            ),
            error => format!(
                "the connection to the broker at {broker} broke: {error}; if this goes on, look into the broker's log"
            ),
        }
    }
}

/// Waits for a moment, or for ever.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}
