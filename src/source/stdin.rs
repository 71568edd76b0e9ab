//! Standard input as a source of one stream.

use super::bytes::{self, ByteSource, ReadEnd};
use super::handle::SourceHandle;
use crate::health::SourceState;
use crate::shutdown::Shutdown;

/// Reads standard input until its end or until the shutdown, and then ends the stream.
pub(crate) async fn run(bytes: ByteSource, handle: SourceHandle, mut shutdown: Shutdown) {
    handle.set_state(SourceState::Silent);
    match bytes::read(&handle, &bytes, &mut tokio::io::stdin(), &mut shutdown).await {
        ReadEnd::Shutdown => return,
        ReadEnd::Failed(error) => {
            tracing::warn!(
                source = handle.name(),
                "standard input cannot be read: {error}; check the program that writes to it"
            );
        }
        ReadEnd::Closed | ReadEnd::Silent(_) | ReadEnd::NoLines(_) => {}
    }
    handle.set_state(SourceState::Ended);
    // An error means that the pipeline has ended, and then nobody needs to know the end of the stream.
    let _ = handle.end(&bytes.stream).await;
}
