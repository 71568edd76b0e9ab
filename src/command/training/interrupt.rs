//! Interrupting a training run: the first Ctrl-C or SIGTERM asks for an orderly end with the results so far,
//! the second ends the process at once.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};

/// Installs handlers for SIGINT and SIGTERM and returns the flag that the first signal sets.
///
/// # Errors
/// If the handlers cannot be installed.
pub(crate) fn stop_flag() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The handler that ends the process is registered first, so that the first signal still finds the
        // flag unset.
        signal_hook::flag::register_conditional_default(signal, stop.clone())
            .context("the handlers for SIGINT and SIGTERM cannot be installed")?;
        signal_hook::flag::register(signal, stop.clone())
            .context("the handlers for SIGINT and SIGTERM cannot be installed")?;
    }
    Ok(stop)
}
