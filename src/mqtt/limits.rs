//! The limits that the files of this folder share.

use std::time::Duration;

/// The most requests that may wait for the network.
pub(super) const REQUESTS: usize = 1024;
/// The largest packet that is read or written, in bytes.
///
/// A larger one ends the connection, and with it the samples of every other stream.
pub(super) const MAX_PACKET: usize = 32 << 20;
/// How long the broker may take to answer before it counts as unreachable.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);
