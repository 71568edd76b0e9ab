//! The async runtime of the commands.

use std::future::Future;

use super::failure::Failure;

/// Runs a future on a single-threaded runtime; everything the commands do there is waiting for I/O.
///
/// # Errors
/// [`Failure`] if the runtime cannot be created.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::failed(format!("the async runtime cannot be created: {error}")))?;
    let done = runtime.block_on(work);
    // A blocking read of standard input may never return, so it is not waited for.
    runtime.shutdown_background();
    Ok(done)
}
