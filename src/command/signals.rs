//! The signals that end or reload a command.

use std::io::IsTerminal;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Resolves at the first SIGINT (Ctrl-C) or SIGTERM.
pub(crate) async fn shutdown_signal() {
    let interrupt = signal(SignalKind::interrupt());
    let terminate = signal(SignalKind::terminate());
    // Linux always lets these signals be caught. If it did not, the command would end only when its sources
    // do.
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

/// Starts to catch SIGHUP, which asks the daemon to reload its configuration. From then on it does not end
/// the process.
///
/// # Errors
/// An I/O error if the signal cannot be caught.
pub(crate) fn reload_signals() -> std::io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Resolves when the terminal in which the daemon was started is closed.
///
/// The system reports this by SIGHUP, too, so the terminal is checked at each of these signals.
pub(crate) async fn terminal_hangup() {
    if let (true, Ok(mut hangups)) = (std::io::stderr().is_terminal(), reload_signals()) {
        while hangups.recv().await.is_some() {
            if !std::io::stderr().is_terminal() {
                return;
            }
        }
    }
    std::future::pending().await
}
