//! What arrives from the servers about a partition.

use async_nats::{Message, StatusCode};

use super::partition::{Delivery, numbers};
use crate::config::subject::PartitionedSubject;

/// The beginning of the last token of the subjects on which the stream itself answers; the partition follows.
pub(super) const READ: &str = "read-";

/// What arrives from the servers about a partition.
pub(super) enum PartitionEvent {
    /// A message that the consumer has delivered.
    Delivered(Delivery),
    /// A status of a request to the consumer: its code, and how many messages will not be delivered any more.
    Status(u16, usize),
    /// A message that was read from the stream itself.
    Stored(Delivery),
    /// The end of what was read from the stream itself, and how many messages are left.
    StoredEnd(u64),
}

impl PartitionEvent {
    /// What a message is, and the index of its partition; `None` if it is nothing that was asked for.
    ///
    /// Messages of a consumer have the subject that they were published on. Its statuses, and everything that the stream
    /// itself answers, have the one on which the answer was asked for.
    pub(super) fn of(message: Message, subject: &PartitionedSubject) -> Option<(usize, Self)> {
        let Message { subject: to, reply, payload, headers, status, .. } = message;
        let header = |name: &str| headers.as_ref()?.get(name).map(|value| value.as_str().to_owned());
        let number = |name: &str| header(name)?.parse::<u64>().ok();
        let last = to.rsplit('.').next().unwrap_or_default();
        let read = last.strip_prefix(READ);
        let partition = || read.unwrap_or(last).parse().ok();
        match (status, read) {
            (Some(_), Some(_)) => {
                let left = number("Nats-Num-Pending").unwrap_or(0);
                Some((partition()?, Self::StoredEnd(left)))
            }
            (Some(status), None) => {
                let pending = number("Nats-Pending-Messages").and_then(|count| count.try_into().ok());
                Some((partition()?, Self::Status(StatusCode::as_u16(&status), pending.unwrap_or(0))))
            }
            (None, Some(_)) => {
                let (subject, sequence) = (header("Nats-Subject")?, number("Nats-Sequence")?);
                let reply = String::new();
                let pin = String::new();
                let delivery = Delivery { subject, payload, reply, sequence, count: 1, delivery: 0, pin };
                Some((partition()?, Self::Stored(delivery)))
            }
            (None, None) => {
                let reply = reply.map(|reply| reply.to_string()).unwrap_or_default();
                let [count, sequence, delivery] = numbers(&reply)?;
                let (partition, _) = subject.names(&to)?;
                let (subject, pin) = (to.to_string(), header("Nats-Pin-Id").unwrap_or_default());
                let delivery = Delivery { subject, payload, reply, sequence, count, delivery, pin };
                Some((usize::from(partition), Self::Delivered(delivery)))
            }
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
        headers.iter().for_each(|(name, value)| map.insert(*name, *value));
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
            matches!(delivered, Some((7, PartitionEvent::Delivered(Delivery { sequence: 14, count: 2, delivery: 9, pin, .. }))) if pin == "p")
        );
        let status = arrival("_INBOX.a.7", None, Some(408), &[("Nats-Pending-Messages", "3")]);
        assert!(matches!(status, Some((7, PartitionEvent::Status(408, 3)))));
        let headers = [("Nats-Subject", "fleet.7.robots.r1.current"), ("Nats-Sequence", "15")];
        let stored = arrival("_INBOX.a.read-7", None, None, &headers);
        assert!(
            matches!(stored, Some((7, PartitionEvent::Stored(Delivery { sequence: 15, subject, .. }))) if subject.ends_with("r1.current"))
        );
        let end = arrival("_INBOX.a.read-7", None, Some(204), &[("Nats-Num-Pending", "5")]);
        assert!(matches!(end, Some((7, PartitionEvent::StoredEnd(5)))));
        for (to, reply, status) in [
            ("_INBOX.a.x", None, Some(100)),
            ("_INBOX.a.read-", None, Some(204)),
            ("_INBOX.a.read-7", None, None),
            ("fleet.7.robots.r1.current", Some("_INBOX.b"), None),
            ("other", Some("$JS.ACK.FLEET.underfoot-7.2.14.9.1795710469961819254.1"), None),
        ] {
            assert!(arrival(to, reply, status, &[]).is_none(), "{to}");
        }
    }
}
