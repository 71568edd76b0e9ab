//! The limits that the files of this folder share.

use std::time::Duration;

/// Maximum number of requests that wait for the network.
pub(super) const REQUESTS: usize = 1024;
/// The largest packet that is read or written, in bytes.
///
/// A larger packet ends the connection for all streams.
pub(super) const MAX_PACKET: usize = 32 << 20;
/// How long the broker may take to answer before it counts as unreachable.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);
