//! The connection of a tool that only receives: messages, and changes of the connection itself.

use std::time::Instant;

use rumqttc::{ConnectionError, Event, Packet, SubscribeReasonCode};
use tokio::sync::mpsc;

use super::connection::Connection;
use super::fault::{BrokerFault, explain_refusal};
use super::publisher::Publisher;
use super::reconnect::ConnectionFault;

/// An event that a listening tool receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BrokerEvent {
    /// The broker accepted the connection.
    Accepted,
    /// The broker cannot be reached, or refuses the connection.
    Unavailable {
        /// What is wrong, and the fix.
        reason: String,
        /// Whether the failure should be reported; false if it was reported before.
        is_new: bool,
    },
    /// The broker does not allow this user to read the topics. The text is an error message with the fix.
    Refused(String),
    /// A message.
    Message(Message),
}

/// A message as it was received. Nothing in it has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// The topic.
    pub topic: String,
    /// The payload.
    pub payload: Vec<u8>,
    /// Whether the broker had kept it from before the subscription.
    pub retained: bool,
}

impl Connection {
    /// Subscribes to topic filters on each connection, and sends all events to `sender`.
    ///
    /// It connects again after each failure, and returns when the receiver has been dropped.
    pub(crate) async fn listen(
        mut self,
        publisher: &Publisher,
        filters: &[String],
        sender: mpsc::Sender<BrokerEvent>,
    ) {
        let mut policy = self.policy();
        loop {
            let event = match self.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    policy.accepted(Instant::now());
                    // The queue of requests is empty now.
                    let _ = publisher.requests.subscribe(filters);
                    BrokerEvent::Accepted
                }
                Ok(Event::Incoming(Packet::SubAck(answer)))
                    if answer.return_codes.contains(&SubscribeReasonCode::Failure) =>
                {
                    let answers = filters.iter().zip(&answer.return_codes);
                    let refused = answers.filter(|(_, code)| **code == SubscribeReasonCode::Failure);
                    let refused: Vec<_> = refused.map(|(filter, _)| filter.clone()).collect();
                    BrokerEvent::Refused(explain_refusal(self.broker(), &refused))
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => BrokerEvent::Message(Message {
                    topic: publish.topic,
                    payload: publish.payload.to_vec(),
                    retained: publish.retain,
                }),
                Ok(_) => continue,
                Err(BrokerFault::Client(ConnectionError::RequestsDone)) => return,
                Err(fault) => {
                    let fault = ConnectionFault { reason: self.explain(&fault), cut: fault.is_cut() };
                    let advice = policy.failed(Instant::now(), fault);
                    let (reason, is_new) = (advice.reason, advice.is_new);
                    if sender.send(BrokerEvent::Unavailable { reason, is_new }).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(advice.delay).await;
                    continue;
                }
            };
            if sender.send(event).await.is_err() {
                return;
            }
        }
    }
}
