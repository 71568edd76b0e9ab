//! Interrupting a training run: the first Ctrl-C or SIGTERM asks for an orderly end with the results so far,
//! the second ends the process at once.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};

/// A training that was interrupted. The message says how far it came and what was written.
///
/// The process ends with the exit code 130, as shells report SIGINT, because the model that was asked for is
/// not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted {0}")]
pub struct Interrupted(String);

impl Interrupted {
    /// The exit code of an interrupted training.
    pub const EXIT_CODE: u8 = 130;

    /// The training was interrupted before there was anything to write.
    pub(crate) fn nothing_written(out: &Path) -> Self {
        Self(format!("before the first epoch had ended; {}", untouched(out)))
    }

    /// A refit was interrupted; it writes nothing before its end.
    pub(crate) fn during_refit(out: &Path) -> Self {
        Self(format!("before the refit had ended; {}", untouched(out)))
    }

    /// The training was interrupted and the model, as far as it was trained, written to `partial`.
    /// `interruption` says how far it came.
    pub(crate) fn with_partial(interruption: &str, out: &Path, partial: &Path, page: &Path) -> Self {
        let untouched = untouched(out);
        Self(format!(
            "{interruption}; {untouched}; the unfinished model is in {}, its report in {}",
            partial.display(),
            page.display()
        ))
    }
}

/// What happened to the file that the model was to be written to: nothing.
fn untouched(out: &Path) -> String {
    let what = if out.exists() { "is left as it was" } else { "was not written" };
    format!("{} {what}", out.display())
}

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
