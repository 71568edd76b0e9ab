//! What the daemon counts about itself, and whether it is well.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::counters::Counters;
use crate::signal::{DropReason, Drops};
use crate::stream::{Problem, ProblemDelta};

/// The same kind of fault is logged once in this time; in between it is counted.
const QUIET: Duration = Duration::from_secs(60);

/// Counters that every stage shares. Reading and writing them never waits for I/O.
#[derive(Debug)]
pub struct Health {
    started: Instant,
    drops: Mutex<DropLog>,
    sources: Vec<SourceHealth>,
    streams: AtomicU64,
    predictions: AtomicU64,
    /// Windows handed to the model.
    windows: AtomicU64,
    /// Rounds of the loop that follows the streams.
    rounds: AtomicU64,
    reloads: Mutex<Reloads>,
    problems: Mutex<ProblemLog>,
    /// What only the metrics tell.
    pub counters: Counters,
}

/// What is wrong with the streams' input, and when each kind was last logged.
#[derive(Debug, Default)]
struct ProblemLog {
    listed: Vec<Problem>,
    count: usize,
    logged: Vec<(&'static str, Instant)>,
    /// Whether a problem was logged since all was well.
    told: bool,
}

#[derive(Debug, Default)]
struct DropLog {
    total: Drops,
    logged: [Option<Instant>; DropReason::ALL.len()],
}

/// One source's counters.
#[derive(Debug)]
struct SourceHealth {
    name: String,
    silence: Mutex<Duration>,
    samples: AtomicU64,
    reopened: AtomicU64,
    state: Mutex<(SourceState, Instant)>,
}

/// How a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceState {
    /// It is being opened or connected.
    Connecting,
    /// Samples come.
    Ok,
    /// It is connected, and no sample comes.
    Silent,
    /// It came to its end.
    Ended,
}

/// The counters at one moment, as they are published.
#[derive(Clone, Debug, Serialize)]
pub struct HealthReport {
    /// Whether every source that should give samples does.
    pub healthy: bool,
    /// Whether that is so, and their samples are as they should be.
    pub state: DaemonState,
    /// What is wrong with the streams' input, up to a hundred.
    pub problems: Vec<Problem>,
    /// How many problems there are.
    pub problem_count: usize,
    /// Seconds since the start.
    pub uptime: u64,
    /// Streams that are followed.
    pub streams: u64,
    /// Predictions given.
    pub predictions: u64,
    /// The sources.
    pub sources: Vec<SourceReport>,
    /// How often the configuration and the model were read again.
    pub reloads: Reloads,
    /// What was left out, by reason.
    pub dropped: std::collections::BTreeMap<&'static str, u64>,
}

/// How the daemon is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DaemonState {
    /// All is well.
    Ok,
    /// A source gives no samples, or a stream's input has a problem.
    Degraded,
}

/// One source at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct SourceReport {
    /// Its name.
    pub name: String,
    /// How it is.
    pub state: SourceState,
    /// Samples it gave.
    pub samples: u64,
    /// How often it was opened again.
    #[serde(skip)]
    pub reopened: u64,
}

/// How often the configuration and the model were read again, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reloads {
    /// Reloads that took over.
    pub done: u64,
    /// Reloads that were refused: what ran before goes on.
    pub failed: u64,
    /// Why the last reload was refused, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Keys that have changed and take effect at the next start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs_restart: Vec<String>,
}

/// How far the work has come, to see whether it moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WorkProgress {
    windows: u64,
    predictions: u64,
    rounds: u64,
}

impl WorkProgress {
    /// Whether streams were followed since, and windows that waited then came out.
    pub(crate) fn moved_since(&self, before: &WorkProgress) -> bool {
        let waited = before.windows > before.predictions;
        self.rounds != before.rounds && (!waited || self.predictions != before.predictions)
    }
}

/// Looks again and again whether the work moves.
#[derive(Debug, Default)]
pub(crate) struct ProgressWatcher(Option<WorkProgress>);

impl ProgressWatcher {
    /// Whether the work has moved since the last look; at the first it is taken to move.
    pub(crate) fn moves(&mut self, health: &Health) -> bool {
        let now = health.progress();
        self.0.replace(now).is_none_or(|before| now.moved_since(&before))
    }
}

impl Health {
    /// Counters at zero for sources of these names; one without samples for longer than its time is silent.
    pub fn new(sources: impl IntoIterator<Item = (String, Duration)>) -> Self {
        let source = |(name, silence)| SourceHealth {
            name,
            silence: Mutex::new(silence),
            samples: AtomicU64::new(0),
            reopened: AtomicU64::new(0),
            state: Mutex::new((SourceState::Connecting, Instant::now())),
        };
        Self {
            started: Instant::now(),
            drops: Mutex::default(),
            sources: sources.into_iter().map(source).collect(),
            streams: AtomicU64::new(0),
            predictions: AtomicU64::new(0),
            windows: AtomicU64::new(0),
            rounds: AtomicU64::new(0),
            reloads: Mutex::default(),
            problems: Mutex::default(),
            counters: Counters::default(),
        }
    }

    /// Adds what a stage left out for a reason that it has told itself.
    pub(crate) fn count(&self, drops: &mut Drops) {
        lock(&self.drops).total.merge(&drops.take());
    }

    /// Adds what a stage left out, and logs the first of each kind, then again once a minute with the count.
    pub fn dropped(&self, origin: &str, drops: &mut Drops) {
        if drops.total() == 0 {
            return;
        }
        let drops = drops.take();
        let mut ledger = lock(&self.drops);
        ledger.total.merge(&drops);
        let Some((reason, detail)) = drops.first() else { return };
        let Some(slot) = ledger.logged.get_mut(reason as usize) else { return };
        if slot.is_none_or(|last| last.elapsed() >= QUIET) {
            *slot = Some(Instant::now());
            tracing::warn!(
                source = origin,
                reason = reason.name(),
                total = ledger.total.count(reason),
                "{detail}"
            );
        }
    }

    /// Counts samples that a source gave.
    pub(crate) fn samples(&self, source: usize, count: usize) {
        if let Some(source) = self.sources.get(source) {
            source.samples.fetch_add(count as u64, Ordering::Relaxed);
            *lock(&source.state) = (SourceState::Ok, Instant::now());
        }
    }

    /// Says how a source is.
    pub(crate) fn state(&self, source: usize, state: SourceState) {
        if let Some(source) = self.sources.get(source) {
            *lock(&source.state) = (state, Instant::now());
        }
    }

    /// Counts a source that is opened again.
    pub(crate) fn reopened(&self, source: usize) {
        if let Some(source) = self.sources.get(source) {
            source.reopened.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Says how many streams are followed.
    pub(crate) fn streams(&self, count: usize) {
        self.streams.store(count as u64, Ordering::Relaxed);
    }

    /// Counts predictions given.
    pub(crate) fn predictions(&self, count: usize) {
        self.predictions.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Counts a window handed to the model.
    pub(crate) fn window(&self) {
        self.windows.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a round of the loop that follows the streams.
    pub(crate) fn round(&self) {
        self.rounds.fetch_add(1, Ordering::Relaxed);
    }

    /// Windows that were handed to the model, and those that came out of it.
    pub(crate) fn windows(&self) -> (u64, u64) {
        let WorkProgress { windows, predictions, .. } = self.progress();
        (windows, predictions)
    }

    /// How far the work has come.
    pub(crate) fn progress(&self) -> WorkProgress {
        WorkProgress {
            // Before the windows, so that one that comes out in between is not taken for one that waits.
            predictions: self.predictions.load(Ordering::Relaxed),
            windows: self.windows.load(Ordering::Relaxed),
            rounds: self.rounds.load(Ordering::Relaxed),
        }
    }

    /// Sets how long every source may be without samples before it is silent.
    pub(crate) fn silence(&self, silence: Duration) {
        self.sources.iter().for_each(|source| *lock(&source.silence) = silence);
    }

    /// Takes what changed in what is wrong with the streams' input. The first of each kind is logged, then again once a minute.
    pub(crate) fn problems(&self, delta: ProblemDelta) {
        let mut troubles = lock(&self.problems);
        for problem in delta.begun {
            let kind = problem.problem;
            if troubles.logged.iter().any(|(logged, at)| *logged == kind && at.elapsed() < QUIET) {
                continue;
            }
            troubles.logged.retain(|(logged, _)| *logged != kind);
            troubles.logged.push((kind, Instant::now()));
            troubles.told = true;
            tracing::warn!(stream = %problem.stream, problem = kind, total = delta.count, "{}", problem.detail);
        }
        for Problem { stream, channel, problem, .. } in delta.ended {
            tracing::debug!(%stream, channel, problem, "it is well again");
        }
        if delta.count == 0 && std::mem::take(&mut troubles.told) {
            tracing::info!("the input of every stream is well again");
        }
        (troubles.listed, troubles.count) = (delta.now, delta.count);
    }

    /// Counts a reload: with the keys that take a restart, or why it was refused.
    pub(crate) fn reloaded(&self, outcome: Result<Vec<String>, String>) {
        let mut reloads = lock(&self.reloads);
        match outcome {
            Ok(needs_restart) => {
                let done = reloads.done + 1;
                *reloads = Reloads { done, failed: reloads.failed, error: None, needs_restart };
            }
            Err(why) => {
                reloads.failed += 1;
                reloads.error = Some(why);
            }
        }
    }

    /// Everything left out since the start.
    pub fn drops(&self) -> Drops {
        lock(&self.drops).total.clone()
    }

    /// The counters now.
    pub fn report(&self) -> HealthReport {
        let sources: Vec<_> = self.sources.iter().map(SourceHealth::report).collect();
        let healthy =
            sources.iter().all(|source| matches!(source.state, SourceState::Ok | SourceState::Ended));
        let troubles = lock(&self.problems);
        HealthReport {
            healthy,
            state: if healthy && troubles.count == 0 { DaemonState::Ok } else { DaemonState::Degraded },
            problems: troubles.listed.clone(),
            problem_count: troubles.count,
            uptime: self.started.elapsed().as_secs(),
            streams: self.streams.load(Ordering::Relaxed),
            predictions: self.predictions.load(Ordering::Relaxed),
            sources,
            reloads: lock(&self.reloads).clone(),
            dropped: lock(&self.drops).total.iter().map(|(reason, count)| (reason.name(), count)).collect(),
        }
    }
}

impl SourceHealth {
    fn report(&self) -> SourceReport {
        let (state, since) = *lock(&self.state);
        let silent = state == SourceState::Ok && since.elapsed() > *lock(&self.silence);
        SourceReport {
            name: self.name.clone(),
            state: if silent { SourceState::Silent } else { state },
            samples: self.samples.load(Ordering::Relaxed),
            reopened: self.reopened.load(Ordering::Relaxed),
        }
    }
}

/// Counters stay usable after a panic elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_without_samples_makes_the_daemon_unhealthy() {
        let health = Health::new([("a".into(), Duration::from_secs(9)), ("b".into(), Duration::ZERO)]);
        assert!(!health.report().healthy, "nothing came yet");
        health.samples(0, 3);
        health.samples(1, 1);
        let report = health.report();
        assert_eq!((report.sources[0].state, report.sources[0].samples), (SourceState::Ok, 3));
        assert_eq!(report.sources[1].state, SourceState::Silent);
        health.state(1, SourceState::Ended);
        assert!(health.report().healthy);
    }

    #[test]
    fn a_refused_reload_is_told_until_one_takes_over() {
        let health = Health::new([]);
        health.reloaded(Ok(vec!["publish.base".into()]));
        health.reloaded(Err("no such file".into()));
        let reloads = health.report().reloads;
        assert_eq!((reloads.done, reloads.failed, reloads.error.as_deref()), (1, 1, Some("no such file")));
        assert_eq!(reloads.needs_restart, ["publish.base"], "what is refused changes nothing");
        health.reloaded(Ok(vec![]));
        assert_eq!(health.report().reloads, Reloads { done: 2, failed: 1, ..Reloads::default() });
    }

    #[test]
    fn work_that_waits_has_to_come_out_for_the_daemon_to_move() {
        let health = Health::new([]);
        let mut before = health.progress();
        let mut look = |health: &Health| {
            let now = health.progress();
            now.moved_since(&std::mem::replace(&mut before, now))
        };
        assert!(!look(&health), "no round");
        health.round();
        health.window();
        assert!(look(&health), "nothing waited before");
        health.round();
        assert!(!look(&health), "the window waits still");
        health.round();
        health.predictions(1);
        assert!(look(&health));
    }

    #[test]
    fn drops_of_every_stage_are_added_up_by_reason() {
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
