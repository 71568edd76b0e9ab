//! Counts what was dropped, and logs it.

use std::time::Instant;

use super::LOG_INTERVAL;
use crate::signal::{DropReason, Drops};

/// Everything that was dropped since the start.
#[derive(Debug, Default)]
pub(super) struct DropLog {
    total: Drops,
    /// When each reason was last logged.
    logged: [Option<Instant>; DropReason::ALL.len()],
}

impl DropLog {
    /// Adds drops without logging them.
    pub(super) fn count(&mut self, drops: &Drops) {
        self.total.merge(drops);
    }

    /// Adds drops and logs the first of them, unless its reason was logged within the last minute. `origin`
    /// is the source or stage that dropped them.
    pub(super) fn record(&mut self, origin: &str, drops: &Drops) {
        self.total.merge(drops);
        let Some((reason, detail)) = drops.first() else { return };
        let Some(logged) = self.logged.get_mut(reason as usize) else { return };
        if logged.is_none_or(|last| last.elapsed() >= LOG_INTERVAL) {
            *logged = Some(Instant::now());
            let total = self.total.count(reason);
            tracing::warn!(source = origin, reason = reason.name(), total, "{detail}");
        }
    }

    /// What was dropped since the start.
    pub(super) fn total(&self) -> &Drops {
        &self.total
    }
}
