//! The limits that the files of this folder share.

use std::time::Duration;

/// The largest packet that is written, in bytes.
pub(super) const MAX_SENT: usize = 32 << 20;
/// The largest packet that is received, in bytes: the largest one that MQTT has.
///
/// A packet is held in memory until all of it has arrived. A payload that is too large is dropped after that;
/// ending the connection because of it would lose the samples of all streams, again and again if the message is a
/// retained one.
pub(super) const MAX_RECEIVED: usize = 268_435_455;
/// How long the broker may take to answer before it counts as unreachable.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);
/// How long the broker may take to acknowledge a message or a subscription: twice the keep-alive time, but at
/// least and at most this.
pub(super) const ACKNOWLEDGEMENT: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(60)];
/// How often a subscription that the broker refused is asked for again.
pub(super) const REFUSED_RETRY: Duration = Duration::from_secs(60);
