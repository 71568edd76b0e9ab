//! The delays between attempts to open a port or to connect to a broker.

use std::time::Duration;

/// The waits between tries to open or connect again: from 250 ms, doubling, up to 30 s, with jitter, without end.
pub(crate) fn backoff() -> impl Iterator<Item = Duration> {
    use backon::BackoffBuilder;
    backon::ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(250))
        .with_max_delay(Duration::from_secs(30))
        .with_jitter()
        .without_max_times()
        .build()
}
