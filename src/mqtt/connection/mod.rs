//! The network side of the connection: it receives samples, and connects again after each failure.
//!
//! `exchange` sends and receives.

mod exchange;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::{
    ConnectionError, Disconnect, Event, EventLoop, Outgoing, Packet, PubAck, Publish, Request, SubAck,
    SubscribeReasonCode,
};
use tokio::sync::watch;

use super::credentials::plain_password_warning;
use super::fault::{BrokerFault, explain_refusal};
use super::limits::ACKNOWLEDGEMENT;
use super::publisher::BrokerState;
use super::reconnect::{ConnectionFault, ReconnectPolicy};
use super::requests::RequestQueue;
use super::subscription::{ReceivedTopics, Receiver, Subscribed};
use crate::config::MqttConfig;
use crate::health::{Health, SourceState};
use crate::shutdown::Shutdown;

/// A pipeline that takes a message only after this long was busy.
const BUSY: Duration = Duration::from_millis(100);

/// The network side of the connection. Nothing is sent or received unless one of its methods polls it.
pub(crate) struct Connection {
    /// The broker's host and port, for messages.
    pub(super) broker: String,
    pub(super) config: MqttConfig,
    /// The topic of the health report; `None` for a tool, which publishes none.
    pub(super) health_topic: Option<String>,
    pub(super) events: EventLoop,
    /// The identifiers of the messages that were sent and are not acknowledged, oldest first.
    pub(super) unacknowledged: VecDeque<u16>,
    /// What is to be sent, apart from what the protocol itself needs.
    pub(super) requests: RequestQueue,
    /// The number of connections that the broker has accepted so far; 0 while there is no connection.
    pub(super) accepted: watch::Sender<u64>,
    pub(super) shared: Arc<BrokerState>,
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
        match self.poll().await {
            // A tool has no last will, so it may close the connection without a DISCONNECT packet.
            Ok(_) => Ok(()),
            Err(fault) => Err(self.explain(&fault)),
        }
    }

    /// Keeps the connection until the client asks to disconnect, and connects again after each failure.
    ///
    /// Received samples go to `subscribed` and other messages to `topics` until the shutdown. After the shutdown the connection
    /// only publishes, until the client asks to disconnect or the connection fails.
    pub(crate) async fn run(
        mut self,
        subscribed: Vec<Subscribed>,
        topics: ReceivedTopics,
        mut shutdown: Shutdown,
        health: Arc<Health>,
    ) {
        if let Some(warning) = plain_password_warning(&self.config, &self.broker) {
            tracing::warn!("{warning}");
        }
        let (broker, shared) = (self.broker.clone(), self.shared.clone());
        let mut receiver = Some(Receiver::new(subscribed, topics));
        let mut policy = self.policy();
        let mut connections = 0;
        let [least, most] = ACKNOWLEDGEMENT;
        let patience = (2 * self.config.keep_alive).clamp(least, most);
        loop {
            let polled = {
                let mut poll = std::pin::pin!(self.poll());
                loop {
                    tokio::select! {
                        // Dropping this future could cut a packet in two, so the same one is awaited again.
                        polled = &mut poll => break polled,
                        () = shutdown.requested(), if receiver.is_some() => receiver = None,
                        () = until(policy.settles()) => {
                            tracing::info!(broker, "the connection to the broker is stable again");
                            policy.settle();
                        }
                        // These two end the connection, so the future may be dropped.
                        () = until(shared.waiting_since().map(|since| since + patience)) => {
                            break Err(BrokerFault::Unanswered(patience));
                        }
                        () = shared.renew.notified() => break Err(BrokerFault::Renewed),
                    }
                }
            };
            match polled {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    if let Some(tries) = policy.accepted(Instant::now()) {
                        tracing::info!(broker, tries, "connected to the broker");
                    }
                    connections += 1;
                    health.counters.connected();
                    health.set_broker_problem(None);
                    self.accepted.send_replace(connections);
                    receiver.iter().for_each(|receiver| receiver.set_state(SourceState::Silent));
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    receive(&publish, &mut receiver, &shared).await
                }
                Ok(Event::Outgoing(Outgoing::Publish(id))) if id != 0 => self.unacknowledged.push_back(id),
                Ok(Event::Incoming(Packet::PubAck(PubAck { pkid }))) => self.acknowledged(pkid),
                Ok(Event::Incoming(Packet::SubAck(answer))) => {
                    let refused = self.answered(&answer);
                    if !refused.is_empty() {
                        let why = explain_refusal(&broker, &refused);
                        tracing::warn!("{why}");
                        receiver.iter().for_each(|receiver| receiver.refuse(&refused, &why));
                        self.publish_health(&health);
                    }
                }
                Ok(Event::Outgoing(Outgoing::Disconnect)) => return,
                Ok(_) => {}
                Err(BrokerFault::Client(ConnectionError::RequestsDone)) => return,
                Err(BrokerFault::Renewed) => {
                    tracing::info!(broker, "connecting again with the files as they are now");
                    self.say_goodbye().await;
                    self.end(&mut receiver, &health).await;
                }
                Err(fault) => {
                    self.end(&mut receiver, &health).await;
                    let fault = ConnectionFault { reason: self.explain(&fault), cut: fault.is_cut() };
                    let advice = policy.failed(Instant::now(), fault);
                    if advice.is_new {
                        tracing::warn!(tries = advice.tries, "{}; trying again", advice.reason);
                    }
                    health.set_broker_problem(Some(advice.reason));
                    if receiver.is_none() {
                        // The daemon is ending, and no DISCONNECT packet can be sent.
                        return;
                    }
                    tokio::select! {
                        () = tokio::time::sleep(advice.delay) => {}
                        () = shared.renew.notified() => {}
                        () = shutdown.requested() => return,
                    }
                }
            }
        }
    }

    /// Notes that the broker has acknowledged a message, and with it those before: a broker acknowledges in the order of the
    /// messages (MQTT-4.6.0-2), but one that cannot get rid of samples fast enough drops acknowledgements, as Mosquitto does.
    /// Without this, the identifier of such a message would never be free again, and nothing could be sent.
    fn acknowledged(&mut self, id: u16) {
        if !self.unacknowledged.contains(&id) {
            return;
        }
        while let Some(sent) = self.unacknowledged.pop_front() {
            self.shared.acknowledged();
            if sent == id {
                break;
            }
            // This fails only for an identifier that is free.
            let _ = self.events.state.handle_incoming_packet(Packet::PubAck(PubAck { pkid: sent }));
        }
    }

    /// The filters of the request that `answer` belongs to which the broker refused. They are asked for again
    /// later.
    fn answered(&self, answer: &SubAck) -> Vec<String> {
        let mut requests = self.shared.subscriptions();
        let filters = requests.sent.pop_front().map(|(filters, _)| filters).unwrap_or_default();
        let codes = answer.return_codes.iter();
        let refused =
            filters.into_iter().zip(codes).filter(|(_, code)| **code == SubscribeReasonCode::Failure);
        let refused: Vec<_> = refused.map(|(filter, _)| filter).collect();
        requests.refused.extend(refused.iter().cloned());
        refused
    }

    /// Publishes the health report at once, not only at the next interval.
    fn publish_health(&self, health: &Health) {
        if let Some(topic) = &self.health_topic {
            self.shared.retain(topic.clone(), serde_json::to_vec(&health.report()).unwrap_or_default());
        }
    }

    /// Sends a DISCONNECT packet, so that the broker does not publish the last will.
    async fn say_goodbye(&mut self) {
        if self.events.network.is_none() {
            return;
        }
        // A connection that is stuck ends without it.
        let _ = self.write(vec![Request::Disconnect(Disconnect)]).await;
    }

    /// Ends the connection after a failure. Messages that arrived before it are still passed on.
    async fn end(&mut self, receiver: &mut Option<Receiver>, health: &Health) {
        self.accepted.send_replace(0);
        self.events.clean();
        self.unacknowledged.clear();
        // Surfaces that were on their way are sent anew if they still hold, and not if another node publishes them now.
        self.events.pending.retain(|request| !matches!(request, Request::Publish(_)));
        // rumqttc keeps a collision of packet ids across connections, and would send nothing on the next
        // connection because of it.
        self.events.state.collision = None;
        self.shared.disconnected();
        health.counters.disconnected();
        let shared = self.shared.clone();
        for event in std::mem::take(&mut self.events.state.events) {
            if let Event::Incoming(Packet::Publish(publish)) = event {
                receive(&publish, receiver, &shared).await;
            }
        }
        if let Some(receiver) = receiver {
            if let Some(labels) = &mut receiver.topics.labels {
                labels.disconnected().await;
            }
            receiver.set_state(SourceState::Connecting);
        }
    }

    /// A new reconnect policy for this connection.
    pub(super) fn policy(&self) -> ReconnectPolicy {
        ReconnectPolicy::new(&self.broker, &self.events.mqtt_options.client_id())
    }

    /// Says in plain words what a fault means and how to fix it.
    pub(super) fn explain(&self, fault: &BrokerFault) -> String {
        fault.explain(&self.broker, self.config.username.as_deref())
    }
}

/// Passes a message on. The receiver is dropped when the pipeline has ended.
async fn receive(publish: &Publish, receiver: &mut Option<Receiver>, shared: &BrokerState) {
    shared.received(&publish.topic, &publish.payload);
    let begun = Instant::now();
    let done = match receiver {
        Some(receiver) => receiver.take(publish).await,
        None => Ok(()),
    };
    if done.is_err() {
        *receiver = None;
    }
    // While the pipeline was busy, no acknowledgement could be read.
    let busy = begun.elapsed();
    if busy > BUSY {
        shared.postpone(busy);
    }
}

/// Waits until a moment; forever for `None`.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}
