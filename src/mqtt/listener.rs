//! The connection of a tool that only receives: messages, and changes of the connection itself.

use std::time::Instant;

use rumqttc::{ConnectionError, Event, Packet, QoS, SubscribeReasonCode};
use tokio::sync::mpsc;

use super::connection::Connection;
use super::publisher::Publisher;

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
            let event = match self.events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    policy.accepted(Instant::now());
                    for filter in filters {
                        // The queue of requests is longer than any list of filters.
                        let _ = publisher.client.try_subscribe(filter, QoS::AtMostOnce);
                    }
                    BrokerEvent::Accepted
                }
                Ok(Event::Incoming(Packet::SubAck(answer)))
                    if answer.return_codes.contains(&SubscribeReasonCode::Failure) =>
                {
                    BrokerEvent::Refused(self.explain_refusal(filters))
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => BrokerEvent::Message(Message {
                    topic: publish.topic,
                    payload: publish.payload.to_vec(),
                    retained: publish.retain,
                }),
                Ok(_) => continue,
                Err(ConnectionError::RequestsDone) => return,
                Err(error) => {
                    let fault = self.fault(&error);
                    let reason = fault.reason.clone();
                    let advice = policy.failed(Instant::now(), fault);
                    let is_new = advice.report.is_some();
                    let reason = advice.report.unwrap_or(reason);
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
