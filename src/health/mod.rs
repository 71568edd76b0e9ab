//! What the daemon counts about itself, and whether it is healthy.
//!
//! - [`Health`] has the counters and states that every stage shares. It logs dropped samples and problems at
//!   most once a minute for each kind.
//! - [`HealthReport`] is a copy of them at one moment, which is published as `underfoot/health`.
//! - [`ProgressWatcher`] finds out whether the pipeline makes progress, for the watchdog and `/livez`.
//! - `counters.rs` has the measurements that only the metrics show.

mod counters;
mod drop_log;
mod problem_log;
mod progress;
mod report;
mod source_health;
mod status;
pub(crate) use progress::ProgressWatcher;
pub(crate) use report::{HealthReport, SourceState};
pub(crate) use status::Health;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// For this long after a warning about a kind of drop or problem, further ones of the same kind are not
/// logged.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Locks a mutex. What the mutexes of this folder protect stays valid if a thread panics while it holds one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
