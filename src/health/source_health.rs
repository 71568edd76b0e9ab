//! The counters and the state of one source.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::lock;
use super::report::{SourceReport, SourceState};
use crate::stream::Problem;

/// The counters and the state of one source.
#[derive(Debug)]
pub(super) struct SourceHealth {
    name: String,
    /// After this long without samples the source is silent.
    silence: Mutex<Duration>,
    samples: AtomicU64,
    reopened: AtomicU64,
    /// The state, and when it was last set.
    state: Mutex<(SourceState, Instant)>,
    /// What is wrong with the source; `None` if nothing is known to be.
    problem: Mutex<Option<Problem>>,
    /// What was worked out about its samples because the configuration leaves it open.
    conclusion: Mutex<Option<String>>,
}

impl SourceHealth {
    /// Creates the state of a source that is being connected. `silence` is the time without samples after
    /// which it is silent.
    pub(super) fn new(name: String, silence: Duration) -> Self {
        Self {
            name,
            silence: Mutex::new(silence),
            samples: AtomicU64::new(0),
            reopened: AtomicU64::new(0),
            state: Mutex::new((SourceState::Connecting, Instant::now())),
            problem: Mutex::default(),
            conclusion: Mutex::default(),
        }
    }

    pub(super) fn set_silence(&self, silence: Duration) {
        *lock(&self.silence) = silence;
    }

    pub(super) fn set_state(&self, state: SourceState) {
        *lock(&self.state) = (state, Instant::now());
    }

    /// Counts samples that have just arrived.
    pub(super) fn count_samples(&self, count: usize) {
        self.samples.fetch_add(count as u64, Ordering::Relaxed);
        self.set_state(SourceState::Ok);
        if let Some(Problem { problem, .. }) = lock(&self.problem).take() {
            tracing::info!(source = self.name, problem, "the problem of the source has ended");
        }
    }

    /// Sets what is wrong with the source, until its next samples.
    pub(super) fn set_problem(&self, problem: Problem) {
        *lock(&self.problem) = Some(problem);
    }

    pub(super) fn set_conclusion(&self, conclusion: String) {
        *lock(&self.conclusion) = Some(conclusion);
    }

    pub(super) fn problem(&self) -> Option<Problem> {
        lock(&self.problem).clone()
    }

    pub(super) fn count_reopened(&self) {
        self.reopened.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn report(&self) -> SourceReport {
        let (state, since) = *lock(&self.state);
        let silent = state == SourceState::Ok && since.elapsed() > *lock(&self.silence);
        SourceReport {
            name: self.name.clone(),
            state: if silent { SourceState::Silent } else { state },
            samples: self.samples.load(Ordering::Relaxed),
            reopened: self.reopened.load(Ordering::Relaxed),
            conclusion: lock(&self.conclusion).clone(),
        }
    }
}
