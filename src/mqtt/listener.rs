//! A tool that only listens: what comes by, and whether the broker is there.

use std::time::Instant;

use rumqttc::{ConnectionError, Event, Packet, QoS, SubscribeReasonCode};
use tokio::sync::mpsc;

use super::{Connection, Publisher};

/// What a listener is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The broker accepted the connection.
    Accepted,
    /// The broker is away or refuses the connection; what it is, and whether that was not told before.
    Away {
        /// What is wrong, with the mend.
        why: String,
        /// Whether it was not told before.
        news: bool,
    },
    /// The broker does not let this user read.
    Refused(String),
    /// A message.
    Message(Message),
}

/// A message as it came; nothing in it is to be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// Its topic.
    pub topic: String,
    /// What it holds.
    pub payload: Vec<u8>,
    /// Whether it was there before the listener came.
    pub retained: bool,
}

impl Connection {
    /// Asks for these topics at each connection and hands on what comes, until nobody takes it; connects again for ever.
    pub(crate) async fn listen(
        mut self,
        publisher: &Publisher,
        filters: &[String],
        heard: mpsc::Sender<Heard>,
    ) {
        let mut policy = self.policy();
        loop {
            let told = match self.events.poll().await {
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
                    Heard::Refused(self.refused(filters))
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
                    let verdict = policy.broke(Instant::now(), fault);
                    let news = verdict.news.is_some();
                    let away = Heard::Away { why: verdict.news.unwrap_or(why), news };
                    if heard.send(away).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(verdict.wait).await;
                    continue;
                }
            };
            if heard.send(told).await.is_err() {
                return;
            }
        }
    }
}
