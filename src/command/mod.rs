//! What each subcommand does. The binaries only parse and dispatch.

pub mod failure;
pub mod service;
pub mod tools;
pub mod training;

use std::future::Future;

/// Resolves at Ctrl-C or at the system's wish to end.
pub(crate) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupt = signal(SignalKind::interrupt());
    let terminate = signal(SignalKind::terminate());
    // Without signals, which no Linux refuses, nothing but the sources ends the work.
    match (interrupt, terminate) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        _ => std::future::pending().await,
    }
}

/// The system's wishes that the configuration be read again. From here on they do not end the process.
///
/// # Errors
/// Where the system does not let the signal be caught.
pub(crate) fn hangups() -> std::io::Result<tokio::signal::unix::Signal> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::hangup())
}

/// Resolves when the terminal that the daemon was started at goes away, which the system tells by the same signal.
pub(crate) async fn hung_up() {
    use std::io::IsTerminal;
    if let (true, Ok(mut hangups)) = (std::io::stderr().is_terminal(), hangups()) {
        while hangups.recv().await.is_some() {
            if !std::io::stderr().is_terminal() {
                return;
            }
        }
    }
    std::future::pending().await
}

/// Runs a future on a runtime of one thread, which is all that waiting needs.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, failure::Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failure::Failure::failed(format!("no runtime: {error}")))?;
    let done = runtime.block_on(work);
    // A read of standard input that nobody answers is not waited for.
    runtime.shutdown_background();
    Ok(done)
}
