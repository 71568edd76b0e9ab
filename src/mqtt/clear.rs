//! Removing retained topics from the broker, for `underfoot forget`.

use rumqttc::{Event, Packet, QoS};

use super::connection::Connection;
use super::limits::TIMEOUT;
use super::publisher::Publisher;

impl Connection {
    /// Removes retained topics by publishing an empty payload to each; returns when the broker has
    /// acknowledged all.
    ///
    /// # Errors
    /// A message that names the broker, what is wrong, and the fix.
    pub(crate) async fn clear(mut self, publisher: &Publisher, topics: &[String]) -> Result<(), String> {
        let mut unacknowledged = topics.len();
        while unacknowledged > 0 {
            let polled = tokio::time::timeout(TIMEOUT, self.poll()).await;
            let polled = polled.map_err(|_| {
                format!("the broker at {} does not answer; check mqtt.host and the network", self.broker)
            })?;
            match polled {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    for topic in topics {
                        if !publisher.requests.publish(topic.clone(), QoS::AtLeastOnce, true, Vec::new()) {
                            return Err(format!(
                                "{} topics are too many at once; name fewer streams",
                                topics.len()
                            ));
                        }
                    }
                }
                Ok(Event::Incoming(Packet::PubAck(_))) => unacknowledged -= 1,
                Ok(_) => {}
                Err(error) => return Err(self.explain(&error)),
            }
        }
        Ok(())
    }
}
