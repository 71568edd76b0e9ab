//! Standard input: one stream, until it ends.

use super::Feed;
use super::bytes::{self, Bytes, Ended};
use crate::health::State;
use crate::shutdown::Shutdown;

/// Reads standard input to its end.
pub async fn run(bytes: Bytes, feed: Feed, mut shutdown: Shutdown) {
    match bytes::read(&feed, &bytes, &mut tokio::io::stdin(), &mut shutdown).await {
        Ended::Shutdown => return,
        Ended::Failed(error) => {
            tracing::warn!(source = feed.name(), "standard input cannot be read: {error}");
        }
        Ended::Closed | Ended::Silent(_) => {}
    }
    feed.state(State::Ended);
    // A closed pipeline needs no end.
    let _ = feed.end(&bytes.stream).await;
}
