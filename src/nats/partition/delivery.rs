//! A message of a JetStream stream as it was delivered.

use bytes::Bytes;

/// A message of a JetStream stream as it was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::nats) struct Delivery {
    /// The subject that it was published on.
    pub subject: String,
    /// The payload.
    pub payload: Bytes,
    /// The subject on which it is acknowledged.
    pub reply: String,
    /// Its number in the stream.
    pub sequence: u64,
    /// When the servers received it, in nanoseconds since 1970.
    pub time: u64,
    /// The number of this delivery among all of its consumer, also those to other nodes.
    pub delivery: u64,
    /// The name under which the servers have given the partition to this node.
    pub pin: String,
}

/// What the subject on which a message is acknowledged says: its number in the stream, the number of this delivery, and when
/// the servers received the message, in nanoseconds since 1970. `None` if it is no such subject.
///
/// It is `$JS.ACK.<stream>.<consumer>.<delivered>.<number in the stream>.<number of the delivery>.<time>.<pending>`, with
/// a domain and an account after `ACK`, and a token at the end, on servers of another layout (ADR-15 of NATS).
pub(in crate::nats) fn numbers(reply: &str) -> Option<[u64; 3]> {
    let tokens: Vec<&str> = reply.strip_prefix("$JS.ACK.")?.split('.').collect();
    let at = match tokens.len() {
        7 => 3,
        9.. => 5,
        _ => return None,
    };
    let number = |index: usize| tokens.get(index)?.parse().ok();
    Some([number(at)?, number(at + 1)?, number(at + 2)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_of_an_acknowledgement_has_the_numbers_of_the_message() {
        let found = Some([14, 7, 1795710469961819254]);
        assert_eq!(numbers("$JS.ACK.FLEET.underfoot-1.2.14.7.1795710469961819254.1"), found);
        assert_eq!(numbers("$JS.ACK.hub.AB12.FLEET.underfoot-1.2.14.7.1795710469961819254.1.tok"), found);
        for other in ["$JS.ACK.FLEET.underfoot-1.2.14", "_INBOX.a.b", "$JS.ACK.a.b.c.d.e.f.g"] {
            assert_eq!(numbers(other), None, "{other}");
        }
    }
}
