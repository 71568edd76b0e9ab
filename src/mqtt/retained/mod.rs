//! The retained topics: which of them still have to be sent, which the broker has not acknowledged yet, and which
//! are only kept until then.
//!
//! This does no I/O. `settlement.rs` has the receipts that wait until everything before them is published. The
//! [`Publisher`](super::Publisher) sends what [`Retained::next`] returns, and the
//! [`Connection`](super::Connection) reports what the broker acknowledged.

mod settlement;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::settlement::Settlement;
use crate::receipt::Receipt;

/// Maximum size of all topics together with their payloads, in bytes.
pub(super) const MAX_BYTES: usize = 64 << 20;
/// What a topic takes in addition to its name and its payload, in bytes.
const OVERHEAD: usize = 200;
/// Maximum number of topics that are sent before the broker has acknowledged the first of them.
const WINDOW: usize = 64;

/// The retained topics.
///
/// A topic is kept while it may have to be published again after an outage. One that has been
/// [forgotten](Self::forget) leaves as soon as the broker has acknowledged its last payload. Adding, sending and
/// acknowledging a topic take the same time however many there are.
#[derive(Debug, Default)]
pub(super) struct Retained {
    topics: HashMap<Arc<str>, RetainedTopic>,
    /// The topics that still have to be sent, in order.
    dirty: VecDeque<Arc<str>>,
    /// The topics that were sent and are not acknowledged, in order.
    sent: VecDeque<SentTopic>,
    /// The topics that were forgotten before they left, oldest first. Some may be in use again.
    leaving: VecDeque<Arc<str>>,
    bytes: usize,
    settlement: Settlement,
}

#[derive(Debug)]
struct SentTopic {
    topic: Arc<str>,
    at: Instant,
    /// The oldest change that it publishes; `None` if it publishes an old payload again.
    change: Option<u64>,
}

#[derive(Debug)]
struct RetainedTopic {
    payload: Vec<u8>,
    /// Whether the payload still has to be sent.
    is_dirty: bool,
    /// The oldest change that was not sent.
    change: Option<u64>,
    /// The number of messages that were sent and are not acknowledged.
    in_flight: u32,
    /// Whether the topic leaves once its payload is acknowledged.
    is_leaving: bool,
}

impl Retained {
    /// Sets the payload of a topic. Returns how many topics were dropped for lack of memory: forgotten ones,
    /// or this one.
    #[must_use]
    pub(super) fn set(&mut self, topic: String, payload: Vec<u8>) -> u64 {
        if let Some(entry) = self.topics.get_mut(topic.as_str()) {
            self.bytes = self.bytes + payload.len() - entry.payload.len();
            entry.payload = payload;
            entry.is_leaving = false;
            if entry.change.is_none() {
                entry.change = Some(self.settlement.begin());
            }
            if !std::mem::replace(&mut entry.is_dirty, true)
                && let Some((name, _)) = self.topics.get_key_value(topic.as_str())
            {
                self.dirty.push_back(name.clone());
            }
            return 0;
        }
        let size = topic.len() + payload.len() + OVERHEAD;
        let mut dropped = 0;
        while self.bytes + size > MAX_BYTES {
            let Some(oldest) = self.leaving.pop_front() else { return dropped + 1 };
            if self.is_leaving(&oldest) {
                self.remove(&oldest);
                dropped += 1;
            }
        }
        let topic: Arc<str> = topic.into();
        self.bytes += size;
        self.dirty.push_back(topic.clone());
        let change = Some(self.settlement.begin());
        let entry = RetainedTopic { payload, is_dirty: true, change, in_flight: 0, is_leaving: false };
        self.topics.insert(topic, entry);
        self.trim();
        dropped
    }

    /// Forgets a topic, so that it is not published again after the next outage. The last payload is still
    /// sent.
    pub(super) fn forget(&mut self, topic: &str) {
        let Some(entry) = self.topics.get_mut(topic) else { return };
        if !entry.is_dirty && entry.in_flight == 0 {
            self.remove(topic);
        } else if !std::mem::replace(&mut entry.is_leaving, true)
            && let Some((name, _)) = self.topics.get_key_value(topic)
        {
            self.leaving.push_back(name.clone());
            self.trim();
        }
    }

    /// Discards a topic with a payload that may not be sent any more, because another client publishes it from here on.
    pub(super) fn discard(&mut self, topic: &str) {
        self.remove(topic);
    }

    /// Holds receipts until everything that was set before is acknowledged.
    pub(super) fn hold(&mut self, receipts: Vec<Receipt>) {
        self.settlement.hold(receipts);
    }

    /// The next topic to send with its payload, if the broker has acknowledged enough of those before.
    pub(super) fn next(&mut self) -> Option<(Arc<str>, &[u8])> {
        if self.sent.len() >= WINDOW {
            return None;
        }
        // A topic that has left meanwhile is skipped.
        while let Some(topic) = self.dirty.front() {
            if self.topics.get(topic).is_some_and(|entry| entry.is_dirty) {
                break;
            }
            self.dirty.pop_front();
        }
        let topic = self.dirty.front()?;
        Some((topic.clone(), self.topics.get(topic)?.payload.as_slice()))
    }

    /// Notes that the topic of [`next`](Self::next) was sent.
    pub(super) fn sent(&mut self, now: Instant) {
        let Some(topic) = self.dirty.pop_front() else { return };
        let mut change = None;
        if let Some(entry) = self.topics.get_mut(&topic) {
            entry.is_dirty = false;
            entry.in_flight += 1;
            change = entry.change.take();
        }
        self.sent.push_back(SentTopic { topic, at: now, change });
    }

    /// Notes that the broker has acknowledged a message. It does so in the order in which they were sent.
    pub(super) fn acknowledged(&mut self) {
        let Some(SentTopic { topic, change, .. }) = self.sent.pop_front() else { return };
        change.into_iter().for_each(|change| self.settlement.settle(change));
        let Some(entry) = self.topics.get_mut(&topic) else { return };
        entry.in_flight = entry.in_flight.saturating_sub(1);
        if entry.is_leaving && !entry.is_dirty && entry.in_flight == 0 {
            self.remove(&topic);
        }
        while self.leaving.front().is_some_and(|topic| !self.is_leaving(topic)) {
            self.leaving.pop_front();
        }
    }

    /// Bounds the queues by the number of topics: they may have names of topics that have left.
    fn trim(&mut self) {
        let most = 2 * self.topics.len() + WINDOW;
        if self.dirty.len() > most {
            let topics = &self.topics;
            self.dirty.retain(|topic| topics.get(topic).is_some_and(|entry| entry.is_dirty));
        }
        if self.leaving.len() > most {
            let topics = &self.topics;
            self.leaving.retain(|topic| topics.get(topic).is_some_and(|entry| entry.is_leaving));
        }
    }

    fn is_leaving(&self, topic: &str) -> bool {
        self.topics.get(topic).is_some_and(|entry| entry.is_leaving)
    }

    /// Begins with a new connection: nothing is in flight, and every topic has to be sent.
    pub(super) fn reconnected(&mut self) {
        for SentTopic { topic, change, .. } in std::mem::take(&mut self.sent) {
            let Some(change) = change else { continue };
            match self.topics.get_mut(&topic) {
                // It is not known whether the broker has it.
                Some(entry) => {
                    let newer = entry.change.replace(change);
                    newer.into_iter().for_each(|newer| self.settlement.settle(newer));
                }
                None => self.settlement.settle(change),
            }
        }
        self.dirty.clear();
        for (topic, entry) in &mut self.topics {
            (entry.is_dirty, entry.in_flight) = (true, 0);
            self.dirty.push_back(topic.clone());
        }
        self.dirty.make_contiguous().sort();
    }

    /// Marks the topics that start with `prefix` as dirty.
    pub(super) fn republish(&mut self, prefix: &str) {
        for (topic, entry) in self.topics.iter_mut().filter(|(topic, _)| topic.starts_with(prefix)) {
            if !std::mem::replace(&mut entry.is_dirty, true) {
                self.dirty.push_back(topic.clone());
            }
        }
    }

    /// Whether every topic has been sent, and the broker has acknowledged all of them.
    pub(super) fn is_settled(&self) -> bool {
        self.sent.is_empty()
            && self.dirty.iter().all(|topic| self.topics.get(topic).is_none_or(|entry| !entry.is_dirty))
    }

    /// When the oldest message that is not acknowledged was sent; `None` if all are.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        self.sent.front().map(|sent| sent.at)
    }

    /// Adds a time in which nothing could be received to the time of every message that is not acknowledged.
    pub(super) fn postpone(&mut self, time: Duration) {
        self.sent.iter_mut().for_each(|sent| sent.at += time);
    }

    fn remove(&mut self, topic: &str) {
        if let Some((topic, entry)) = self.topics.remove_entry(topic) {
            self.bytes -= topic.len() + entry.payload.len() + OVERHEAD;
            entry.change.into_iter().for_each(|change| self.settlement.settle(change));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends everything that may be sent, and returns the topics.
    fn send(retained: &mut Retained) -> Vec<String> {
        let mut topics = Vec::new();
        while let Some((topic, _)) = retained.next() {
            topics.push(topic.to_string());
            retained.sent(Instant::now());
        }
        topics
    }

    fn set(retained: &mut Retained, topic: &str, payload: &str) {
        assert_eq!(retained.set(topic.into(), payload.into()), 0);
    }

    #[test]
    fn a_topic_is_sent_once_for_each_payload_and_again_on_a_new_connection() {
        let mut retained = Retained::default();
        set(&mut retained, "b", "1");
        set(&mut retained, "a", "1");
        set(&mut retained, "b", "2");
        assert_eq!(retained.next().unwrap().1, b"2");
        assert_eq!(send(&mut retained), ["b", "a"]);
        assert!(!retained.is_settled() && retained.waiting_since().is_some());
        retained.acknowledged();
        retained.acknowledged();
        assert_eq!((send(&mut retained).len(), retained.waiting_since()), (0, None));
        retained.reconnected();
        assert_eq!(send(&mut retained), ["a", "b"]);
        retained.republish("b");
        assert_eq!(send(&mut retained), ["b"]);
    }

    #[test]
    fn names_that_rotate_leave_nothing_behind_and_do_not_come_back() {
        let mut retained = Retained::default();
        for index in 0..1000 {
            let topic = format!("robot{index}/surface");
            set(&mut retained, &topic, "gravel");
            set(&mut retained, &topic, "unknown");
            retained.forget(&topic);
            assert_eq!(send(&mut retained), [topic]);
            retained.acknowledged();
        }
        assert_eq!((retained.topics.len(), retained.dirty.len(), retained.leaving.len()), (0, 0, 0));
        assert_eq!(retained.bytes, 0);
        retained.reconnected();
        assert_eq!(send(&mut retained).len(), 0);
    }

    #[test]
    fn the_last_payload_of_a_forgotten_topic_is_sent_until_it_is_acknowledged() {
        let mut retained = Retained::default();
        set(&mut retained, "rover", "gravel");
        retained.forget("rover");
        assert_eq!(send(&mut retained), ["rover"]);
        retained.reconnected();
        assert_eq!(send(&mut retained), ["rover"]);
        set(&mut retained, "rover", "tile");
        retained.acknowledged();
        assert_eq!(send(&mut retained), ["rover"], "it is in use again");
        retained.acknowledged();
        retained.reconnected();
        assert_eq!(send(&mut retained), ["rover"]);
        retained.acknowledged();
        retained.forget("rover");
        assert_eq!(retained.bytes, 0);
    }

    #[test]
    fn memory_is_bounded_and_forgotten_topics_are_dropped_first() {
        let mut retained = Retained::default();
        let big = "x".repeat(1 << 20);
        set(&mut retained, "dead", &big);
        retained.forget("dead");
        let dropped: Vec<_> =
            (0..70).map(|index| retained.set(index.to_string(), big.clone().into())).collect();
        assert!(retained.bytes <= MAX_BYTES);
        assert_eq!(dropped.iter().sum::<u64>(), 71 - retained.topics.len() as u64);
        assert!(!retained.topics.contains_key("dead") && retained.topics.contains_key("0"));
        for index in 0..100_000 {
            let topic = format!("robot{}", index % 100);
            let _ = retained.set(topic.clone(), big.clone().into());
            retained.forget(&topic);
        }
        assert!(retained.dirty.len() + retained.leaving.len() < 4 * (retained.topics.len() + WINDOW));
    }

    #[test]
    fn receipts_are_released_when_everything_before_them_is_acknowledged_also_over_an_outage() {
        let released = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let receipt = || {
            let released = released.clone();
            vec![Receipt::new(move || {
                released.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            })]
        };
        let count = || released.load(std::sync::atomic::Ordering::Relaxed);
        let mut retained = Retained::default();
        set(&mut retained, "rover", "gravel");
        retained.hold(receipt());
        assert_eq!(send(&mut retained), ["rover"]);
        set(&mut retained, "rover", "tile");
        retained.hold(receipt());
        retained.reconnected();
        assert_eq!((send(&mut retained), count()), (vec!["rover".to_owned()], 0));
        set(&mut retained, "cart", "wood");
        retained.hold(receipt());
        retained.acknowledged();
        assert_eq!(count(), 2, "the second payload has replaced the first");
        // Another client publishes it from here on.
        retained.discard("cart");
        assert_eq!((send(&mut retained).len(), count()), (0, 3));
    }

    #[test]
    fn no_more_than_a_window_of_topics_waits_for_the_broker() {
        let mut retained = Retained::default();
        (0..100).for_each(|index| set(&mut retained, &index.to_string(), ""));
        assert_eq!(send(&mut retained).len(), WINDOW);
        retained.acknowledged();
        assert_eq!(send(&mut retained).len(), 1);
        assert!(!retained.is_settled());
    }
}
