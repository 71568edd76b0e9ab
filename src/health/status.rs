//! The counters and states that every stage of the daemon shares.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::counters::Counters;
use super::drop_log::{DropLine, DropLog};
use super::lock;
use super::problem_log::ProblemLog;
use super::progress::WorkProgress;
use super::report::{DaemonState, HealthReport, Reloads, SourceState};
use super::source_health::SourceHealth;
use crate::signal::Drops;
use crate::stream::{Problem, ProblemDelta, Problems};

/// The counters and states that every stage shares. Reading and writing them never waits for I/O.
#[derive(Debug)]
pub struct Health {
    /// When the daemon started.
    started: Instant,
    drops: Mutex<DropLog>,
    /// The sources, by their index in the pipeline.
    sources: Vec<SourceHealth>,
    /// Streams that are followed now.
    streams: AtomicU64,
    /// Windows that were handed to the model.
    windows: AtomicU64,
    /// Predictions that came out of the decision.
    predictions: AtomicU64,
    /// Rounds of the loop that follows the streams.
    rounds: AtomicU64,
    reloads: Mutex<Reloads>,
    problems: Mutex<ProblemLog>,
    /// What is wrong with the connection to the broker; `None` if it is up, or if there is no broker.
    broker_problem: Mutex<Option<String>>,
    /// The measurements that only the metrics show.
    pub counters: Counters,
}

impl Health {
    /// Creates counters at zero, for sources with these names. A source that gives no samples for longer than
    /// its duration is silent.
    pub fn new(sources: impl IntoIterator<Item = (String, Duration)>) -> Self {
        Self {
            started: Instant::now(),
            drops: Mutex::default(),
            sources: sources.into_iter().map(|(name, silence)| SourceHealth::new(name, silence)).collect(),
            streams: AtomicU64::new(0),
            windows: AtomicU64::new(0),
            predictions: AtomicU64::new(0),
            rounds: AtomicU64::new(0),
            reloads: Mutex::default(),
            problems: Mutex::default(),
            broker_problem: Mutex::default(),
            counters: Counters::default(),
        }
    }

    /// Counts what a stage dropped, without logging it because the stage has done so. `drops` is emptied.
    pub(crate) fn count_drops(&self, drops: &mut Drops) {
        lock(&self.drops).count(&drops.take());
    }

    /// Counts what the source or stage `origin` dropped. Logs the first drop of each reason, and then each
    /// reason at most once a minute. `drops` is emptied.
    pub fn dropped(&self, origin: &str, drops: &mut Drops) {
        if drops.total() > 0 {
            let lines = lock(&self.drops).record(origin, &drops.take(), Instant::now());
            lines.iter().for_each(DropLine::log);
        }
    }

    /// Logs the drops that have not been logged because their reason had been logged less than a minute before.
    pub(crate) fn log_drops(&self) {
        let lines = lock(&self.drops).due(Instant::now());
        lines.iter().for_each(DropLine::log);
    }

    /// Counts samples from a source, and sets its state to `Ok`.
    pub(crate) fn count_samples(&self, source: usize, count: usize) {
        if let Some(source) = self.sources.get(source) {
            source.count_samples(count);
        }
    }

    /// Sets what was worked out about the samples of a source.
    pub(crate) fn set_conclusion(&self, source: usize, conclusion: String) {
        if let Some(source) = self.sources.get(source) {
            source.set_conclusion(conclusion);
        }
    }

    /// Sets the problem of a source, which lasts until its next samples. The source logs it.
    pub(crate) fn set_source_problem(&self, source: usize, problem: Problem) {
        if let Some(source) = self.sources.get(source) {
            source.set_problem(problem);
        }
    }

    /// Sets what is wrong with the connection to the broker; `None` if it is up. The connection logs it.
    pub(crate) fn set_broker_problem(&self, problem: Option<String>) {
        *lock(&self.broker_problem) = problem;
    }

    /// Sets the state of a source.
    pub(crate) fn set_state(&self, source: usize, state: SourceState) {
        if let Some(source) = self.sources.get(source) {
            source.set_state(state);
        }
    }

    /// Counts that a source was opened again.
    pub(crate) fn count_reopened(&self, source: usize) {
        if let Some(source) = self.sources.get(source) {
            source.count_reopened();
        }
    }

    /// Sets how many streams are followed.
    pub(crate) fn set_streams(&self, count: usize) {
        self.streams.store(count as u64, Ordering::Relaxed);
    }

    /// Counts predictions that came out of the decision. A window counts here only when its turn has come.
    pub(crate) fn count_predictions(&self, count: usize) {
        self.predictions.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Counts a window that was handed to the model.
    pub(crate) fn count_window(&self) {
        self.windows.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a round of the loop that follows the streams.
    pub(crate) fn count_round(&self) {
        self.rounds.fetch_add(1, Ordering::Relaxed);
    }

    /// The windows that were handed to the model, and those that were predicted.
    pub(crate) fn windows(&self) -> (u64, u64) {
        let WorkProgress { windows, predictions, .. } = self.progress();
        (windows, predictions)
    }

    /// How far the pipeline has come.
    pub(crate) fn progress(&self) -> WorkProgress {
        WorkProgress {
            // Read before the windows, so that there are never more predictions than windows.
            predictions: self.predictions.load(Ordering::Relaxed),
            windows: self.windows.load(Ordering::Relaxed),
            rounds: self.rounds.load(Ordering::Relaxed),
        }
    }

    /// Sets after how long without samples each source is silent.
    pub(crate) fn set_silence(&self, silence: Duration) {
        self.sources.iter().for_each(|source| source.set_silence(silence));
    }

    /// Applies changes in the streams' input problems, and logs them at most once a minute for each kind.
    pub(crate) fn problems(&self, delta: ProblemDelta) {
        lock(&self.problems).apply(delta);
    }

    /// Counts a reload. `outcome` has the keys that only take effect after a restart, or why the reload
    /// failed.
    pub(crate) fn reloaded(&self, outcome: Result<Vec<String>, String>) {
        let mut reloads = lock(&self.reloads);
        match outcome {
            Ok(needs_restart) => {
                let done = reloads.done + 1;
                *reloads = Reloads { done, failed: reloads.failed, error: None, needs_restart };
            }
            Err(error) => {
                reloads.failed += 1;
                reloads.error = Some(error);
            }
        }
    }

    /// Everything that was dropped since the start.
    pub fn drops(&self) -> Drops {
        lock(&self.drops).total().clone()
    }

    /// The state of the daemon now.
    pub fn report(&self) -> HealthReport {
        let sources: Vec<_> = self.sources.iter().map(SourceHealth::report).collect();
        let healthy =
            sources.iter().all(|source| matches!(source.state, SourceState::Ok | SourceState::Ended));
        let mut problems: Vec<_> =
            self.sources.iter().filter_map(SourceHealth::problem).map(Arc::new).collect();
        let streams = lock(&self.problems);
        let problem_count = problems.len() + streams.count;
        problems.extend(
            streams
                .listed
                .iter()
                .take(Problems::MAX_LISTED - problems.len().min(Problems::MAX_LISTED))
                .cloned(),
        );
        drop(streams);
        let broker_problem = lock(&self.broker_problem).clone();
        let is_ok = healthy && problem_count == 0 && broker_problem.is_none();
        HealthReport {
            healthy,
            state: if is_ok { DaemonState::Ok } else { DaemonState::Degraded },
            problems,
            problem_count,
            broker_problem,
            uptime: self.started.elapsed().as_secs(),
            streams: self.streams.load(Ordering::Relaxed),
            predictions: self.predictions.load(Ordering::Relaxed),
            sources,
            reloads: lock(&self.reloads).clone(),
            dropped: lock(&self.drops).total().iter().map(|(reason, count)| (reason.name(), count)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::DropReason;

    #[test]
    fn a_source_without_samples_makes_the_daemon_unhealthy() {
        let health = Health::new([("a".into(), Duration::from_secs(9)), ("b".into(), Duration::ZERO)]);
        assert!(!health.report().healthy, "no sample has arrived yet");
        health.count_samples(0, 3);
        health.count_samples(1, 1);
        let report = health.report();
        assert_eq!((report.sources[0].state, report.sources[0].samples), (SourceState::Ok, 3));
        assert_eq!(report.sources[1].state, SourceState::Silent);
        health.set_state(1, SourceState::Ended);
        assert!(health.report().healthy);
    }

    #[test]
    fn a_failed_reload_is_reported_until_one_succeeds() {
        let health = Health::new([]);
        health.reloaded(Ok(vec!["publish.base".into()]));
        health.reloaded(Err("no such file".into()));
        let reloads = health.report().reloads;
        assert_eq!((reloads.done, reloads.failed, reloads.error.as_deref()), (1, 1, Some("no such file")));
        assert_eq!(reloads.needs_restart, ["publish.base"], "a failed reload changes nothing");
        health.reloaded(Ok(vec![]));
        assert_eq!(health.report().reloads, Reloads { done: 2, failed: 1, ..Reloads::default() });
    }

    #[test]
    fn the_drops_of_all_stages_are_added_by_reason() {
        let health = Health::new([]);
        for _ in 0..3 {
            let mut drops = Drops::default();
            drops.add(DropReason::Late, || "late".into());
            health.dropped("serial0", &mut drops);
            assert_eq!(drops.total(), 0);
        }
        assert_eq!(health.report().dropped["late"], 3);
    }
}
