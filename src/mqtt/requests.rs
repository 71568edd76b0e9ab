//! What the connection is to send: a queue of requests, of which many are written at once.
//!
//! The queue of rumqttc's own client is not used. Its loop writes each request to the network by itself and then reads again, so
//! that a daemon fell behind with some ten thousand predictions a second while it also received as many messages.

use rumqttc::{Disconnect, Publish, QoS, Request, Subscribe, SubscribeFilter};
use tokio::sync::mpsc;

/// Maximum number of requests that wait for the network: about a second of predictions of ten thousand robots, of some
/// hundred bytes each.
const MOST: usize = 16 << 10;
/// Maximum number of requests that are written at once, before the connection reads again.
const AT_ONCE: usize = 256;

/// Puts requests into the queue. Clones use the same queue.
#[derive(Clone)]
pub(super) struct RequestSender(mpsc::Sender<Request>);

/// The queue of requests of a connection.
pub(super) struct RequestQueue(mpsc::Receiver<Request>);

/// A queue without requests, and what puts them into it.
pub(super) fn request_queue() -> (RequestSender, RequestQueue) {
    let (sender, receiver) = mpsc::channel(MOST);
    (RequestSender(sender), RequestQueue(receiver))
}

impl RequestSender {
    /// Asks to publish a payload on a topic. Returns false if there is no room for the request.
    pub(super) fn publish(&self, topic: String, qos: QoS, retain: bool, payload: Vec<u8>) -> bool {
        self.send(Request::Publish(Publish { retain, ..Publish::new(topic, qos, payload) }))
    }

    /// Asks to subscribe to all of these filters. Returns false if there is no room for the request.
    pub(super) fn subscribe<'a>(&self, filters: impl IntoIterator<Item = &'a String>) -> bool {
        let filters = filters.into_iter().map(|filter| SubscribeFilter::new(filter.clone(), QoS::AtMostOnce));
        self.send(Request::Subscribe(Subscribe::new_many(filters)))
    }

    /// Asks to disconnect, and waits until there is room for the request. It ends at once if there is no connection any more.
    pub(super) async fn disconnect(&self) {
        let _ = self.0.send(Request::Disconnect(Disconnect)).await;
    }

    fn send(&self, request: Request) -> bool {
        self.0.try_send(request).is_ok()
    }
}

impl RequestQueue {
    /// Waits for requests and takes them: at least one and at most `most`, or as many as may be written at once. Returns `None`
    /// when nobody can put one into the queue any more.
    ///
    /// This is cancel safe.
    pub(super) async fn next(&mut self, most: usize) -> Option<Vec<Request>> {
        let mut requests = Vec::new();
        let taken = self.0.recv_many(&mut requests, most.clamp(1, AT_ONCE)).await;
        (taken > 0).then_some(requests)
    }

    /// Removes the requests of a connection that has ended, except that to disconnect, which is returned.
    pub(super) fn clear(&mut self) -> Option<Request> {
        let mut disconnect = None;
        while let Ok(request) = self.0.try_recv() {
            if matches!(request, Request::Disconnect(_)) {
                disconnect = Some(request);
            }
        }
        disconnect
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_are_taken_in_order_and_many_at_once() {
        let (sender, mut queue) = request_queue();
        let publish = |index: usize| sender.publish(index.to_string(), QoS::AtMostOnce, false, Vec::new());
        let topics = |requests: Vec<Request>| -> Vec<String> {
            let topic = |request| match request {
                Request::Publish(publish) => publish.topic,
                other => panic!("{other:?}"),
            };
            requests.into_iter().map(topic).collect()
        };
        assert!((0..AT_ONCE + 3).all(publish));
        assert_eq!(topics(queue.next(2).await.unwrap()), ["0", "1"]);
        assert_eq!(queue.next(usize::MAX).await.unwrap().len(), AT_ONCE);
        assert_eq!(topics(queue.next(0).await.unwrap()), [(AT_ONCE + 2).to_string()]);
        drop(sender);
        assert!(queue.next(1).await.is_none());
    }

    #[tokio::test]
    async fn a_full_queue_refuses_requests_and_an_old_one_keeps_only_the_wish_to_disconnect() {
        let (sender, mut queue) = request_queue();
        while sender.publish("a".into(), QoS::AtMostOnce, false, Vec::new()) {}
        assert!(!sender.subscribe([&"a/+".to_string()]));
        assert!(queue.clear().is_none());
        assert!(sender.subscribe([&"a/+".to_string()]));
        sender.disconnect().await;
        assert!(matches!(queue.clear(), Some(Request::Disconnect(_))));
    }
}
