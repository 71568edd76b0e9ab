//! A connection of a tool that only receives: the messages of some topics, and whether the broker can be
//! reached.

use std::time::Instant;

use rumqttc::{ConnectionError, Event, Packet, QoS, SubscribeReasonCode};
use tokio::sync::mpsc;

use super::connection::Connection;
use super::publisher::Publisher;

/// What a listening tool learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The broker accepted the connection.
    Accepted,
    /// The broker cannot be reached, or refuses the connection.
    Away {
        /// What is wrong, and the fix.
        why: String,
        /// Whether a person should be informed. It is false for a failure that was already reported.
        news: bool,
    },
    /// The broker does not allow this user to read the topics; the text says so, with the fix.
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
    /// Subscribes to topic filters on each connection, and sends what it learns to `heard`.
    ///
    /// It connects again after each failure, and returns when the receiver of `heard` has been dropped.
    pub(crate) async fn listen(
        mut self,
        publisher: &Publisher,
        filters: &[String],
        heard: mpsc::Sender<Heard>,
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
                    Heard::Accepted
                }
                Ok(Event::Incoming(Packet::SubAck(answer)))
                    if answer.return_codes.contains(&SubscribeReasonCode::Failure) =>
                {
                    Heard::Refused(self.explain_refusal(filters))
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => Heard::Message(Message {
                    topic: publish.topic,
                    payload: publish.payload.to_vec(),
                    retained: publish.retain,
                }),
                Ok(_) => continue,
                Err(ConnectionError::RequestsDone) => return,
                Err(error) => {
                    let fault = self.fault(&error);
                    let why = fault.why.clone();
                    let advice = policy.failed(Instant::now(), fault);
                    let news = advice.report.is_some();
                    let away = Heard::Away { why: advice.report.unwrap_or(why), news };
                    if heard.send(away).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(advice.delay).await;
                    continue;
                }
            };
            if heard.send(event).await.is_err() {
                return;
            }
        }
    }
}
