//! What arrives from the servers about a partition.

use async_nats::{Message, StatusCode};

use super::partition::{Delivery, numbers};
use super::setup::{acknowledged, nanoseconds};
use crate::config::subject::PartitionedSubject;

/// The beginning of the last token of the subjects on which the stream itself answers; the partition and the number of the first
/// message that was asked for follow.
pub(super) const READ: &str = "read-";
/// The beginning of the last token of the subjects on which the servers say what is acknowledged; the partition follows.
pub(super) const FLOOR: &str = "floor-";

/// The end of an answer of the stream itself.
const END: u16 = 204;
/// The answer of the stream itself if there is no message.
const NOT_FOUND: u16 = 404;

/// What arrives from the servers about a partition.
pub(super) enum PartitionEvent {
    /// A message that the consumer has delivered.
    Delivered(Delivery),
    /// A status of a request to the consumer: its code, and how many messages will not be delivered any more.
    Status(u16, usize),
    /// A message that was read from the stream itself, and the number of the one before it in the partition.
    Stored(Delivery, u64),
    /// The end of what was read from the stream itself: the number of its last message, and how many messages are left.
    StoredEnd(u64, u64),
    /// The number up to which every message is acknowledged.
    Floor(u64),
}

impl PartitionEvent {
    /// What a message is, and the index of its partition; `None` if it is nothing that was asked for.
    ///
    /// Messages of a consumer have the subject that they were published on. Its statuses, and everything else that the servers
    /// answer, have the one on which the answer was asked for. A robot may give its messages headers and a status, after which
    /// the servers write theirs.
    pub(super) fn of(message: Message, subject: &PartitionedSubject) -> Option<(usize, Self)> {
        let Message { subject: to, reply, payload, headers, status, .. } = message;
        let header = |name: &str| headers.as_ref()?.get_last(name).map(|value| value.as_str().to_owned());
        let number = |name: &str| header(name)?.parse::<u64>().ok();
        if let Some((partition, _)) = subject.names(&to) {
            let reply = reply.map(|reply| reply.to_string()).unwrap_or_default();
            let [sequence, delivery, time] = numbers(&reply)?;
            let (subject, pin) = (to.to_string(), header("Nats-Pin-Id").unwrap_or_default());
            let delivery = Delivery { subject, payload, reply, sequence, time, delivery, pin };
            return Some((usize::from(partition), Self::Delivered(delivery)));
        }
        let last = to.rsplit('.').next().unwrap_or_default();
        if let Some(partition) = last.strip_prefix(FLOOR) {
            return Some((partition.parse().ok()?, Self::Floor(acknowledged(&payload)?)));
        }
        let status = status.as_ref().map(StatusCode::as_u16);
        let Some(request) = last.strip_prefix(READ) else {
            let pending = number("Nats-Pending-Messages").and_then(|count| count.try_into().ok());
            return Some((last.parse().ok()?, Self::Status(status?, pending.unwrap_or(0))));
        };
        let (partition, from) = request.split_once('-')?;
        let (partition, from) = (partition.parse().ok()?, from.parse::<u64>().ok()?);
        // Before the first message of an answer is the one before those that were asked for.
        let before = number("Nats-Last-Sequence").filter(|number| *number > 0);
        let before = before.unwrap_or(from.saturating_sub(1));
        match (header("Nats-Subject").zip(number("Nats-Sequence")), status) {
            (Some((subject, sequence)), _) => {
                let (reply, pin) = (String::new(), String::new());
                let time = header("Nats-Time-Stamp").map_or(0, |time| nanoseconds(&time));
                let message = Delivery { subject, payload, reply, sequence, time, delivery: 0, pin };
                Some((partition, Self::Stored(message, before)))
            }
            (None, Some(END | NOT_FOUND)) => {
                Some((partition, Self::StoredEnd(before, number("Nats-Num-Pending").unwrap_or(0))))
            }
            (None, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use async_nats::HeaderMap;

    use super::*;

    fn arrival(
        to: &str,
        reply: Option<&str>,
        status: Option<u16>,
        headers: &[(&str, &str)],
    ) -> Option<(usize, PartitionEvent)> {
        let mut map = HeaderMap::new();
        headers.iter().for_each(|(name, value)| map.append(*name, *value));
        let message = Message {
            subject: to.into(),
            reply: reply.map(Into::into),
            payload: "x".into(),
            headers: Some(map),
            status: status.map(|code| StatusCode::from_u16(code).unwrap()),
            description: None,
            length: 1,
        };
        PartitionEvent::of(message, &PartitionedSubject::new("fleet.{partition}.robots.{stream}.current"))
    }

    #[test]
    fn what_arrives_is_told_apart_by_its_subject_and_status() {
        let reply = "$JS.ACK.FLEET.underfoot-7.2.14.9.1795710469961819254.1";
        let delivered = arrival("fleet.7.robots.r1.current", Some(reply), None, &[("Nats-Pin-Id", "p")]);
        assert!(
            matches!(delivered, Some((7, PartitionEvent::Delivered(Delivery { sequence: 14, delivery: 9, pin, .. }))) if pin == "p")
        );
        let status = arrival("_INBOX.a.7", None, Some(408), &[("Nats-Pending-Messages", "3")]);
        assert!(matches!(status, Some((7, PartitionEvent::Status(408, 3)))));
        let headers = [
            ("Nats-Subject", "fleet.7.robots.r1.current"),
            ("Nats-Sequence", "15"),
            ("Nats-Last-Sequence", "12"),
        ];
        let stored = arrival("_INBOX.a.read-7-10", None, None, &headers);
        assert!(
            matches!(stored, Some((7, PartitionEvent::Stored(Delivery { sequence: 15, subject, .. }, 12))) if subject.ends_with("r1.current"))
        );
        let first = arrival("_INBOX.a.read-7-10", None, None, &headers[..2]);
        assert!(matches!(first, Some((7, PartitionEvent::Stored(Delivery { sequence: 15, .. }, 9)))));
        let headers = [("Nats-Num-Pending", "5"), ("Nats-Last-Sequence", "15")];
        let end = arrival("_INBOX.a.read-7-10", None, Some(204), &headers);
        assert!(matches!(end, Some((7, PartitionEvent::StoredEnd(15, 5)))));
        let none = arrival("_INBOX.a.read-7-10", None, Some(404), &[]);
        assert!(matches!(none, Some((7, PartitionEvent::StoredEnd(9, 0)))));
        // What a robot has written into its message is before what the servers have.
        let delivered = arrival(
            "fleet.7.robots.r1.current",
            Some(reply),
            Some(503),
            &[("Nats-Pin-Id", "forged"), ("Nats-Pin-Id", "p")],
        );
        assert!(
            matches!(delivered, Some((7, PartitionEvent::Delivered(Delivery { pin, .. }))) if pin == "p")
        );
        let headers =
            [("Nats-Sequence", "99"), ("Nats-Subject", "fleet.7.robots.r1.current"), ("Nats-Sequence", "15")];
        let stored = arrival("_INBOX.a.read-7-10", None, Some(404), &headers);
        assert!(matches!(stored, Some((7, PartitionEvent::Stored(Delivery { sequence: 15, .. }, 9)))));
        for (to, reply, status) in [
            ("_INBOX.a.x", None, Some(100)),
            ("_INBOX.a.read-", None, Some(204)),
            ("_INBOX.a.read-7", None, Some(204)),
            ("_INBOX.a.read-7-x", None, Some(204)),
            ("_INBOX.a.read-7-10", None, None),
            ("_INBOX.a.read-7-10", None, Some(503)),
            ("_INBOX.a.floor-7", None, None),
            ("fleet.7.robots.r1.current", Some("_INBOX.b"), None),
            ("other", Some("$JS.ACK.FLEET.underfoot-7.2.14.9.1795710469961819254.1"), None),
        ] {
            assert!(arrival(to, reply, status, &[]).is_none(), "{to}");
        }
    }
}
