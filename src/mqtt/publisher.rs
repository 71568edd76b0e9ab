//! The publishing side of the connection: single messages, retained topics that survive outages, and the
//! subscriptions.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rumqttc::QoS;
use tokio::sync::{Notify, watch};

use super::limits::{REFUSED_RETRY, TIMEOUT};
use super::requests::RequestSender;
use super::retained::Retained;
use super::role::Role;
use super::topics::DaemonTopics;
use crate::receipt::Receipt;

/// How long to wait before a request is tried again that found no room in the queue of requests.
const NO_ROOM: Duration = Duration::from_millis(20);

/// Publishes messages. Clones publish over the same connection.
///
/// Single messages ([`send`](Self::send)) are lost while there is no connection. Retained topics
/// ([`retain`](Self::retain)) are kept here, and [`run`](Self::run) publishes them as soon as there is a
/// connection.
#[derive(Clone)]
pub struct Publisher {
    pub(super) requests: RequestSender,
    /// The base of every topic, and the topics of the daemon itself.
    pub(super) topics: DaemonTopics,
    pub(super) role: Role,
    /// The number of connections that the broker has accepted so far; 0 while there is no connection.
    pub(super) accepted: watch::Receiver<u64>,
    pub(super) shared: Arc<BrokerState>,
}

/// What the clones of a publisher and its connection share, about the topics at the broker.
#[derive(Default)]
pub(super) struct BrokerState {
    retained: Mutex<Retained>,
    /// Notified when a retained topic becomes dirty, or when the broker has acknowledged one.
    changed: Notify,
    republish_rule: OnceLock<RepublishRule>,
    /// The subscriptions that the broker has not answered yet, in order.
    pub(super) subscriptions: Mutex<SubscriptionRequests>,
    /// Notified when the connection is to be made anew, with the files of `[mqtt]` as they are now.
    pub(super) renew: Notify,
}

/// The requests to subscribe that have no answer yet, and the filters that the broker has refused.
#[derive(Default)]
pub(super) struct SubscriptionRequests {
    /// The filters of each request, with when it was sent.
    pub(super) sent: std::collections::VecDeque<(Vec<String>, Instant)>,
    pub(super) refused: Vec<String>,
}

/// Which message causes which retained topics to be published again.
struct RepublishRule {
    topic: String,
    payload: &'static [u8],
    /// The topics that start with this are published again.
    prefix: String,
}

impl Publisher {
    /// Publishes a message once, below the base, with QoS 0 and without waiting.
    ///
    /// Returns false if it was not sent because there is no connection or the queue of requests is full.
    pub fn send(&self, topic: &str, payload: Vec<u8>) -> bool {
        let connected = *self.accepted.borrow() > 0;
        connected
            && self.requests.publish(format!("{}/{topic}", self.base()), QoS::AtMostOnce, false, payload)
    }

    /// Sets the payload of a retained topic below the base. It is published again after each outage.
    ///
    /// Returns the number of topics that were dropped because all of them together would take too much memory.
    pub fn retain(&self, topic: &str, payload: Vec<u8>) -> u64 {
        self.retain_at(format!("{}/{topic}", self.base()), payload)
    }

    /// Sets the payload of a retained topic that is given in full, not below the base.
    ///
    /// Returns the number of topics that were dropped, as [`retain`](Self::retain) does.
    pub fn retain_at(&self, topic: String, payload: Vec<u8>) -> u64 {
        let dropped = self.shared.retained().set(topic, payload);
        self.shared.changed.notify_one();
        dropped
    }

    /// Publishes the retained topics that start with `prefix` again whenever `payload` is received on
    /// `topic`.
    ///
    /// Only the first call has an effect.
    pub fn republish_on(&self, topic: &str, payload: &'static [u8], prefix: String) {
        let rule = RepublishRule { topic: topic.to_owned(), payload, prefix };
        self.shared.republish_rule.get_or_init(|| rule);
    }

    /// The first part of every topic.
    pub fn base(&self) -> &str {
        self.topics.base()
    }

    /// The topics on which the daemon says how it is.
    pub(crate) fn topics(&self) -> &DaemonTopics {
        &self.topics
    }

    /// Forgets a retained topic below the base, so that it is not published again after the next outage.
    ///
    /// The broker keeps its last payload. A payload that has not been published yet is published first.
    pub fn forget(&self, topic: &str) {
        self.forget_at(&format!("{}/{topic}", self.base()));
    }

    /// Discards a retained topic below the base: its payload is not published any more, because another client publishes
    /// the topic from here on.
    pub(crate) fn discard(&self, topic: &str) {
        self.shared.retained().discard(&format!("{}/{topic}", self.base()));
    }

    /// Holds receipts until the broker has acknowledged everything that was retained before.
    pub(crate) fn hold(&self, receipts: Vec<Receipt>) {
        self.shared.retained().hold(receipts);
    }

    /// Forgets a retained topic that is given in full, as [`forget`](Self::forget) does.
    pub fn forget_at(&self, topic: &str) {
        self.shared.retained().forget(topic);
    }

    /// Ends the connection and makes it anew, with the password and the certificates that the files of `[mqtt]`
    /// have now.
    pub(crate) fn renew(&self) {
        self.shared.renew.notify_one();
    }

    /// Subscribes to topic filters on each connection, and publishes the retained topics that are dirty. It
    /// ends when the connection is dropped.
    ///
    /// Filters that the broker refused are asked for again from time to time, because its rules may change.
    pub async fn run(self, filters: Vec<String>) {
        let mut accepted = self.accepted.clone();
        let mut last = 0;
        let mut wanted = Vec::new();
        let mut ask_again = tokio::time::interval(REFUSED_RETRY);
        loop {
            let connection = *accepted.borrow_and_update();
            let mut room = true;
            if connection > 0 {
                if connection != last {
                    last = connection;
                    self.shared.retained().reconnected();
                    let rule = self.shared.republish_rule.get().map(|rule| &rule.topic);
                    wanted = filters.iter().chain(rule).cloned().collect();
                    *self.shared.subscriptions() = SubscriptionRequests::default();
                }
                room = self.subscribe(&mut wanted) && self.flush();
            }
            tokio::select! {
                changed = accepted.changed() => if changed.is_err() { return },
                () = self.shared.changed.notified() => {}
                () = tokio::time::sleep(NO_ROOM), if !room => {}
                _ = ask_again.tick() => wanted.append(&mut self.shared.subscriptions().refused),
            }
        }
    }

    /// Publishes the topics that are still dirty, and for a daemon also that it is offline. Waits until the broker has
    /// acknowledged them: a connection that is closed before everything is read may lose what was sent last. Then asks the
    /// connection's task to disconnect.
    pub async fn close(&self) {
        if self.role == Role::Daemon {
            self.retain_at(self.topics.status(), b"offline".to_vec());
        }
        let mut accepted = self.accepted.clone();
        let flush = async {
            while *accepted.borrow_and_update() > 0 && !self.shared.retained().is_settled() {
                self.flush();
                tokio::select! {
                    changed = accepted.changed() => if changed.is_err() { return },
                    () = self.shared.changed.notified() => {}
                    () = tokio::time::sleep(NO_ROOM) => {}
                }
            }
        };
        // A broker that does not answer gets no more of the time for the shutdown than this.
        let _ = tokio::time::timeout(TIMEOUT, flush).await;
        let _ = tokio::time::timeout(TIMEOUT, self.requests.disconnect()).await;
    }

    /// Asks for all of `wanted` at once, and empties it. Returns false if there was no room for the request.
    fn subscribe(&self, wanted: &mut Vec<String>) -> bool {
        if wanted.is_empty() {
            return true;
        }
        let sent = self.requests.subscribe(&*wanted);
        if sent {
            self.shared.subscriptions().sent.push_back((std::mem::take(wanted), Instant::now()));
        }
        sent
    }

    /// Publishes retained topics that are dirty, as many as may wait for an acknowledgement. Returns false if
    /// there was no room for a request.
    fn flush(&self) -> bool {
        let mut retained = self.shared.retained();
        while let Some((topic, payload)) = retained.next() {
            if !self.requests.publish(topic.to_string(), QoS::AtLeastOnce, true, payload.to_vec()) {
                return false;
            }
            retained.sent(Instant::now());
        }
        true
    }
}

impl BrokerState {
    /// Marks retained topics as dirty if a received message is the one of the republish rule.
    pub(super) fn received(&self, topic: &str, payload: &[u8]) {
        let matches = |rule: &&RepublishRule| rule.topic == topic && rule.payload == payload;
        let Some(rule) = self.republish_rule.get().filter(matches) else { return };
        self.retained().republish(&rule.prefix);
        self.changed.notify_one();
    }

    /// Notes that the broker has acknowledged a retained topic.
    pub(super) fn acknowledged(&self) {
        self.retained().acknowledged();
        self.changed.notify_one();
    }

    /// Sets the payload of a retained topic that is given in full. The connection itself publishes its state
    /// with it.
    pub(super) fn retain(&self, topic: String, payload: Vec<u8>) {
        // The topic of the daemon's health is there from the start, so that there is room for it.
        let _ = self.retained().set(topic, payload);
        self.changed.notify_one();
    }

    /// When the oldest request that the broker has not answered was sent; `None` if it has answered all.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        let subscribed = self.subscriptions().sent.front().map(|(_, sent)| *sent);
        [subscribed, self.retained().waiting_since()].into_iter().flatten().min()
    }

    /// Adds a time in which nothing could be received to the time of every request without an answer.
    pub(super) fn postpone(&self, time: Duration) {
        self.subscriptions().sent.iter_mut().for_each(|(_, sent)| *sent += time);
        self.retained().postpone(time);
    }

    /// Forgets the requests of a connection that has ended.
    pub(super) fn disconnected(&self) {
        self.subscriptions().sent.clear();
        self.retained().reconnected();
    }

    pub(super) fn subscriptions(&self) -> MutexGuard<'_, SubscriptionRequests> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn retained(&self) -> MutexGuard<'_, Retained> {
        self.retained.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
