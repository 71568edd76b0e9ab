//! The topics' side of the connection: what is published, and what is published again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rumqttc::{AsyncClient, QoS};
use tokio::sync::{Notify, watch};

use super::{Role, TIMEOUT};

/// The topics' side. Clones publish by the same connection.
#[derive(Clone)]
pub struct Publisher {
    pub(super) client: AsyncClient,
    pub(super) base: String,
    pub(super) role: Role,
    pub(super) accepted: watch::Receiver<u64>,
    pub(super) retained: Arc<Retained>,
}

#[derive(Default)]
pub(super) struct Retained {
    topics: Mutex<BTreeMap<String, RetainedTopic>>,
    changed: Notify,
    renewal: OnceLock<Renewal>,
}

/// A message that asks for retained topics anew.
struct Renewal {
    topic: String,
    payload: &'static [u8],
    /// What the topics start with.
    below: String,
}

struct RetainedTopic {
    payload: Vec<u8>,
    dirty: bool,
}

impl Publisher {
    /// Publishes once, at most, now; says whether it went on its way.
    pub fn send(&self, topic: &str, payload: Vec<u8>) -> bool {
        let connected = *self.accepted.borrow() > 0;
        connected
            && self
                .client
                .try_publish(format!("{}/{topic}", self.base), QoS::AtMostOnce, false, payload)
                .is_ok()
    }

    /// Keeps a retained topic at this payload, across outages.
    pub fn retain(&self, topic: &str, payload: Vec<u8>) {
        self.retain_at(format!("{}/{topic}", self.base), payload);
    }

    /// The same for a topic that is not below the base.
    pub fn retain_at(&self, topic: String, payload: Vec<u8>) {
        let entry = RetainedTopic { payload, dirty: true };
        self.retained.lock().insert(topic, entry);
        self.retained.changed.notify_one();
    }

    /// Publishes the retained topics that start so again, whenever this payload comes by this topic. Only the first such wish
    /// counts.
    pub fn renew_on(&self, topic: &str, payload: &'static [u8], below: String) {
        let renewal = Renewal { topic: topic.to_owned(), payload, below };
        self.retained.renewal.get_or_init(|| renewal);
    }

    /// What every topic starts with.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Does not publish a topic again after the next outage.
    pub fn release(&self, topic: &str) {
        self.retained.lock().retain(|name, entry| entry.dirty || *name != format!("{}/{topic}", self.base));
    }

    /// Subscribes at each connection, and publishes what is retained and dirty, for ever.
    pub async fn run(self, filters: Vec<String>) {
        let mut accepted = self.accepted.clone();
        let mut seen = 0;
        loop {
            let connection = *accepted.borrow_and_update();
            if connection > 0 {
                if connection != seen {
                    seen = connection;
                    self.retained.lock().values_mut().for_each(|entry| entry.dirty = true);
                    let renewal = self.retained.renewal.get().map(|renewal| &renewal.topic);
                    for filter in filters.iter().chain(renewal) {
                        self.in_time(self.client.subscribe(filter, QoS::AtMostOnce)).await;
                    }
                }
                self.flush().await;
            }
            tokio::select! {
                changed = accepted.changed() => if changed.is_err() { return },
                () = self.retained.changed.notified() => {}
            }
        }
    }

    /// Publishes the last words and ends the connection; the connection's task returns when they are sent.
    pub async fn close(&self) {
        if self.role == Role::Daemon {
            self.retain("status", b"offline".to_vec());
        }
        if *self.accepted.borrow() > 0 {
            self.flush().await;
        }
        self.in_time(self.client.disconnect()).await;
    }

    async fn flush(&self) {
        loop {
            let next = self
                .retained
                .lock()
                .iter()
                .find(|(_, entry)| entry.dirty)
                .map(|(topic, entry)| (topic.clone(), entry.payload.clone()));
            let Some((topic, payload)) = next else { return };
            let request = self.client.publish(&topic, QoS::AtLeastOnce, true, payload.clone());
            if !self.in_time(request).await {
                // The connection is dead or stuck. It stays dirty for the next change or connection.
                return;
            }
            if let Some(entry) = self.retained.lock().get_mut(&topic).filter(|entry| entry.payload == payload)
            {
                entry.dirty = false;
            }
        }
    }

    /// Whether a request found room in time.
    async fn in_time(&self, request: impl Future<Output = Result<(), rumqttc::ClientError>>) -> bool {
        matches!(tokio::time::timeout(TIMEOUT, request).await, Ok(Ok(())))
    }
}

impl Retained {
    /// Looks whether a message asks for topics anew.
    pub(super) fn heard(&self, topic: &str, payload: &[u8]) {
        let asked = |renewal: &&Renewal| renewal.topic == topic && renewal.payload == payload;
        let Some(renewal) = self.renewal.get().filter(asked) else { return };
        let mut topics = self.lock();
        let below = topics.iter_mut().filter(|(topic, _)| topic.starts_with(&renewal.below));
        below.for_each(|(_, entry)| entry.dirty = true);
        self.changed.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, RetainedTopic>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
