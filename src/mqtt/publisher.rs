//! The publishing side of the connection: single messages, and retained topics that survive outages.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rumqttc::{AsyncClient, ClientError, QoS};
use tokio::sync::{Notify, watch};

use super::limits::TIMEOUT;
use super::role::Role;

/// Publishes messages. Clones publish over the same connection.
///
/// Single messages ([`send`](Self::send)) are lost while there is no connection. Retained topics
/// ([`retain`](Self::retain)) are kept here, and [`run`](Self::run) publishes them as soon as there is a
/// connection.
#[derive(Clone)]
pub struct Publisher {
    pub(super) client: AsyncClient,
    /// The first part of every topic.
    pub(super) base: String,
    pub(super) role: Role,
    /// The number of connections that the broker has accepted so far; 0 while there is no connection.
    pub(super) accepted: watch::Receiver<u64>,
    pub(super) retained: Arc<Retained>,
}

/// The retained topics, shared by the clones of a publisher and its connection.
#[derive(Default)]
pub(super) struct Retained {
    topics: Mutex<BTreeMap<String, RetainedTopic>>,
    /// Notified when a topic becomes dirty.
    changed: Notify,
    republish_rule: OnceLock<RepublishRule>,
}

/// Which message causes which retained topics to be published again.
struct RepublishRule {
    topic: String,
    payload: &'static [u8],
    /// The topics that start with this are published again.
    prefix: String,
}

struct RetainedTopic {
    payload: Vec<u8>,
    /// Whether the payload still has to be published.
    dirty: bool,
}

impl Publisher {
    /// Publishes a message once, below the base, with QoS 0 and without waiting.
    ///
    /// Returns false if it was not sent because there is no connection or the queue of requests is full.
    pub fn send(&self, topic: &str, payload: Vec<u8>) -> bool {
        let connected = *self.accepted.borrow() > 0;
        connected
            && self
                .client
                .try_publish(format!("{}/{topic}", self.base), QoS::AtMostOnce, false, payload)
                .is_ok()
    }

    /// Sets the payload of a retained topic below the base. It is published again after each outage.
    pub fn retain(&self, topic: &str, payload: Vec<u8>) {
        self.retain_at(format!("{}/{topic}", self.base), payload);
    }

    /// Sets the payload of a retained topic that is given in full, not below the base.
    pub fn retain_at(&self, topic: String, payload: Vec<u8>) {
        let entry = RetainedTopic { payload, dirty: true };
        self.retained.lock().insert(topic, entry);
        self.retained.changed.notify_one();
    }

    /// Publishes the retained topics that start with `prefix` again whenever `payload` is received on
    /// `topic`.
    ///
    /// Only the first call has an effect.
    pub fn republish_on(&self, topic: &str, payload: &'static [u8], prefix: String) {
        let rule = RepublishRule { topic: topic.to_owned(), payload, prefix };
        self.retained.republish_rule.get_or_init(|| rule);
    }

    /// The first part of every topic.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Forgets a retained topic below the base, so that it is not published again after the next outage.
    ///
    /// The broker keeps its last payload. A topic whose payload has not been published yet is kept.
    pub fn forget(&self, topic: &str) {
        self.retained.lock().retain(|name, entry| entry.dirty || *name != format!("{}/{topic}", self.base));
    }

    /// Subscribes to topic filters on each connection, and publishes the retained topics that are dirty. It
    /// ends when the connection is dropped.
    pub async fn run(self, filters: Vec<String>) {
        let mut accepted = self.accepted.clone();
        let mut last = 0;
        loop {
            let connection = *accepted.borrow_and_update();
            if connection > 0 {
                if connection != last {
                    last = connection;
                    self.retained.lock().values_mut().for_each(|entry| entry.dirty = true);
                    let rule = self.retained.republish_rule.get().map(|rule| &rule.topic);
                    for filter in filters.iter().chain(rule) {
                        self.within_timeout(self.client.subscribe(filter, QoS::AtMostOnce)).await;
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

    /// Publishes the topics that are still dirty, and for a daemon also that it is offline. Then asks the
    /// connection's task to disconnect.
    pub async fn close(&self) {
        if self.role == Role::Daemon {
            self.retain("status", b"offline".to_vec());
        }
        if *self.accepted.borrow() > 0 {
            self.flush().await;
        }
        self.within_timeout(self.client.disconnect()).await;
    }

    /// Publishes every retained topic that is dirty; stops at the first one that cannot be sent.
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
            if !self.within_timeout(request).await {
                // The connection is broken or stuck. The topic stays dirty until the next change or
                // connection.
                return;
            }
            // The payload may have changed in the meantime, and then the topic is still dirty.
            if let Some(entry) = self.retained.lock().get_mut(&topic).filter(|entry| entry.payload == payload)
            {
                entry.dirty = false;
            }
        }
    }

    /// Whether the queue of requests had room for a request before the time-out.
    async fn within_timeout(&self, request: impl Future<Output = Result<(), ClientError>>) -> bool {
        matches!(tokio::time::timeout(TIMEOUT, request).await, Ok(Ok(())))
    }
}

impl Retained {
    /// Marks retained topics as dirty if a received message is the one of the republish rule.
    pub(super) fn received(&self, topic: &str, payload: &[u8]) {
        let matches = |rule: &&RepublishRule| rule.topic == topic && rule.payload == payload;
        let Some(rule) = self.republish_rule.get().filter(matches) else { return };
        let mut topics = self.lock();
        let matching = topics.iter_mut().filter(|(topic, _)| topic.starts_with(&rule.prefix));
        matching.for_each(|(_, entry)| entry.dirty = true);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, RetainedTopic>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
