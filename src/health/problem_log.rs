//! Keeps the current problems of the streams' input, and logs them.

use std::sync::Arc;
use std::time::Instant;

use super::LOG_INTERVAL;
use crate::stream::{Problem, ProblemDelta};

/// The current problems of the streams' input.
#[derive(Debug, Default)]
pub(super) struct ProblemLog {
    /// The problems that are listed in reports, which may not be all of them.
    pub(super) listed: Vec<Arc<Problem>>,
    /// The number of all problems.
    pub(super) count: usize,
    /// When each kind of problem was last logged.
    logged: Vec<(&'static str, Instant)>,
    /// Whether a problem was logged since there were last no problems.
    any_logged: bool,
}

impl ProblemLog {
    /// Applies changes in the streams' input problems. A problem that began is logged as a warning, unless
    /// its kind was logged within the last minute. When the last problem has ended, that is logged, too.
    pub(super) fn apply(&mut self, delta: ProblemDelta) {
        for problem in delta.begun {
            let kind = problem.problem;
            if self.logged.iter().any(|(logged, at)| *logged == kind && at.elapsed() < LOG_INTERVAL) {
                continue;
            }
            self.logged.retain(|(logged, _)| *logged != kind);
            self.logged.push((kind, Instant::now()));
            self.any_logged = true;
            let Problem { stream, detail, .. } = &*problem;
            tracing::warn!(%stream, problem = kind, total = delta.count, "{detail}");
        }
        for ended in delta.ended {
            let Problem { stream, channel, problem, .. } = &*ended;
            tracing::debug!(%stream, channel, problem, "the problem has ended");
        }
        if delta.count == 0 && std::mem::take(&mut self.any_logged) {
            tracing::info!("the problems with the streams' input have ended");
        }
        (self.listed, self.count) = (delta.current, delta.count);
    }
}
