//! The delays between attempts to open a serial port or to connect to a broker.

use std::time::Duration;

/// Endless delays that start at 250 ms and double up to 30 s.
///
/// Each delay has random jitter added to it, so that clients that lost the same broker do not all return at
/// once.
pub(crate) fn backoff() -> impl Iterator<Item = Duration> {
    use backon::BackoffBuilder;
    backon::ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(250))
        .with_max_delay(Duration::from_secs(30))
        .with_jitter()
        .without_max_times()
        .build()
}
