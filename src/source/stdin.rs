//! Standard input: one stream, until it ends.

use super::bytes::{self, ByteSource, Ended};
use super::handle::SourceHandle;
use crate::health::SourceState;
use crate::shutdown::Shutdown;

/// Reads standard input to its end.
pub(crate) async fn run(bytes: ByteSource, handle: SourceHandle, mut shutdown: Shutdown) {
    match bytes::read(&handle, &bytes, &mut tokio::io::stdin(), &mut shutdown).await {
        Ended::Shutdown => return,
        Ended::Failed(error) => {
            tracing::warn!(source = handle.name(), "standard input cannot be read: {error}");
        }
        Ended::Closed | Ended::Silent(_) => {}
    }
    handle.state(SourceState::Ended);
    // A closed pipeline needs no end.
    let _ = handle.end(&bytes.stream).await;
}
