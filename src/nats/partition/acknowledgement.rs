//! Which messages of a partition are acknowledged when.

use super::delivery::numbers;
use super::pulls::BATCH;

/// After this many deliveries without an acknowledgement, it is sent at once. The servers deliver four times as many, and then wait.
const MOST: u64 = BATCH as u64;

/// The acknowledgement of a partition that is put off. The servers of a cluster agree on each one, and a later one covers all
/// messages before.
#[derive(Debug, Default)]
pub(in crate::nats) struct Acknowledgement {
    /// The newest message: its number in the stream, that of its delivery, and the subject on which it is acknowledged.
    newest: Option<(u64, u64, String)>,
    /// The number of the last delivery that was acknowledged.
    sent: u64,
}

impl Acknowledgement {
    /// Puts off to acknowledge what was delivered with this subject. Returns the subject of what is to be acknowledged at once.
    pub(in crate::nats) fn put_off(&mut self, reply: String) -> Option<String> {
        let [sequence, delivery, _] = numbers(&reply)?;
        if self.newest.as_ref().is_none_or(|newest| newest.0 < sequence) {
            self.newest = Some((sequence, delivery, reply));
        }
        // Another leader of the consumer may count anew.
        if delivery.abs_diff(self.sent) >= MOST { self.take() } else { None }
    }

    /// The subject of what is to be acknowledged, which is not put off any longer; `None` if there is nothing.
    pub(in crate::nats) fn take(&mut self) -> Option<String> {
        let (_, delivery, reply) = self.newest.take()?;
        self.sent = delivery;
        Some(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(sequence: u64, delivery: u64) -> String {
        format!("$JS.ACK.FLEET.underfoot-1.1.{sequence}.{delivery}.1795710469961819254.0")
    }

    #[test]
    fn the_newest_message_is_acknowledged_when_many_were_delivered_or_it_is_asked_for() {
        let mut acknowledgement = Acknowledgement::default();
        assert_eq!(acknowledgement.put_off(reply(500, 100)), Some(reply(500, 100)));
        assert_eq!(acknowledgement.take(), None);
        assert_eq!(acknowledgement.put_off(reply(600, 163)), None);
        // One that is delivered again has a newer delivery.
        assert_eq!(acknowledgement.put_off(reply(550, 164)), Some(reply(600, 163)));
        assert_eq!(acknowledgement.put_off(reply(700, 170)), None);
        assert_eq!(acknowledgement.put_off("other".into()), None);
        assert_eq!(acknowledgement.take(), Some(reply(700, 170)));
        assert_eq!(acknowledgement.put_off(reply(800, 5)), Some(reply(800, 5)), "it is counted anew");
    }
}
