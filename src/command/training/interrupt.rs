//! Interrupting a training: the first Ctrl-C or SIGTERM asks for an orderly end with the results so far, the
//! second ends the process at once.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};

/// Installs the signal handlers and gives the flag that the first signal sets.
///
/// # Errors
/// If the system does not let the handlers be installed.
pub(crate) fn flag() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The order matters: the second signal finds the flag set and ends the process.
        signal_hook::flag::register_conditional_default(signal, stop.clone())
            .context("cannot catch signals")?;
        signal_hook::flag::register(signal, stop.clone()).context("cannot catch signals")?;
    }
    Ok(stop)
}
