//! An MQTT client of the broker that collects messages and publishes them for a test.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rumqttc::{Event, MqttOptions, Packet, QoS};

use super::broker::Broker;
use super::{TIMEOUT, json, wait_for};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: String,
    /// Whether the broker had retained the message before the client subscribed.
    pub(crate) retain: bool,
}

pub(crate) struct Client {
    client: rumqttc::Client,
    messages: Arc<Mutex<Vec<Message>>>,
    thread: Option<JoinHandle<()>>,
}

impl Client {
    /// Connects, and waits until the broker has acknowledged the subscription.
    pub(crate) fn new(broker: &Broker, filter: &str) -> Self {
        Self::with_user(broker, None, filter)
    }

    /// Like `new`, as a user whose password is "sun".
    pub(crate) fn with_user(broker: &Broker, user: Option<&str>, filter: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut options = MqttOptions::new(name, "127.0.0.1", broker.port);
        options.set_max_packet_size(1 << 28, 1 << 28);
        if let Some(user) = user {
            options.set_credentials(user, "sun");
        }
        let (client, mut connection) = rumqttc::Client::new(options, 64);
        client.subscribe(filter, QoS::AtLeastOnce).unwrap();
        let messages = Arc::new(Mutex::new(Vec::new()));
        let (sink, (subscribed, acknowledged)) = (messages.clone(), channel());
        let thread = std::thread::spawn(move || {
            for event in connection.iter() {
                match event {
                    Ok(Event::Incoming(Packet::Publish(publish))) => sink.lock().unwrap().push(Message {
                        topic: publish.topic.clone(),
                        payload: String::from_utf8_lossy(&publish.payload).into_owned(),
                        retain: publish.retain,
                    }),
                    Ok(Event::Incoming(Packet::SubAck(_))) => drop(subscribed.send(())),
                    Ok(_) => {}
                    // The broker has stopped, or the test has ended.
                    Err(_) => return,
                }
            }
        });
        acknowledged.recv_timeout(TIMEOUT).unwrap();
        Self { client, messages, thread: Some(thread) }
    }

    pub(crate) fn publish(&self, topic: &str, payload: impl Into<Vec<u8>>) {
        self.client.publish(topic, QoS::AtMostOnce, false, payload).unwrap();
    }

    /// Publishes a message that the broker retains.
    pub(crate) fn retain(&self, topic: &str, payload: impl Into<Vec<u8>>) {
        self.client.publish(topic, QoS::AtMostOnce, true, payload).unwrap();
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap().clone()
    }

    /// The payloads of all messages so far on a topic.
    pub(crate) fn on(&self, topic: &str) -> Vec<String> {
        self.messages().into_iter().filter(|message| message.topic == topic).map(|m| m.payload).collect()
    }

    /// Waits for a message on this topic for which `matches` is true, and returns it.
    pub(crate) fn wait_for(&self, topic: &str, mut matches: impl FnMut(&Message) -> bool) -> Message {
        wait_for(&format!("a message on {topic}"), || {
            self.messages().into_iter().find(|message| message.topic == topic && matches(message))
        })
    }

    /// Waits until `matches` is true for the newest health report, and returns the report.
    pub(crate) fn health(&self, mut matches: impl FnMut(&serde_json::Value) -> bool) -> serde_json::Value {
        wait_for("a report in underfoot/health", || {
            self.on("underfoot/health").last().map(json).filter(|report| matches(report))
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // This fails if the connection is already lost.
        let _ = self.client.disconnect();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
