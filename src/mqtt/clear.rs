//! Retained topics that are taken off the broker for good.

use rumqttc::{Event, Packet, QoS};

use super::{Connection, Publisher, TIMEOUT};

impl Connection {
    /// Empties retained topics, and returns when the broker has said that it has them all.
    ///
    /// # Errors
    /// What is wrong, with the broker and the mend.
    pub(crate) async fn clear(mut self, publisher: &Publisher, topics: &[String]) -> Result<(), String> {
        let mut waiting = topics.len();
        while waiting > 0 {
            let polled = tokio::time::timeout(TIMEOUT, self.events.poll()).await;
            let polled = polled.map_err(|_| {
                format!("the broker at {} does not answer; check mqtt.host and the network", self.broker)
            })?;
            match polled {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    for topic in topics {
                        let sent = publisher.client.try_publish(topic, QoS::AtLeastOnce, true, Vec::new());
                        sent.map_err(|_| {
                            format!("{} topics are too many at once; name fewer", topics.len())
                        })?;
                    }
                }
                Ok(Event::Incoming(Packet::PubAck(_))) => waiting -= 1,
                Ok(_) => {}
                Err(error) => return Err(self.explain(&error)),
            }
        }
        Ok(())
    }
}
