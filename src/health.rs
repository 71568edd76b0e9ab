//! What the daemon counts about itself, and whether it is well.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::counters::Counters;
use crate::drops::{Drops, Reason};

/// The same kind of fault is logged once in this time; in between it is counted.
const QUIET: Duration = Duration::from_secs(60);

/// Counters that every stage shares. Reading and writing them never waits for I/O.
#[derive(Debug)]
pub struct Health {
    started: Instant,
    drops: Mutex<Ledger>,
    sources: Vec<SourceHealth>,
    streams: AtomicU64,
    predictions: AtomicU64,
    /// Windows handed to the model.
    windows: AtomicU64,
    /// Rounds of the loop that follows the streams.
    rounds: AtomicU64,
    /// What only the metrics tell.
    pub counters: Counters,
}

#[derive(Debug, Default)]
struct Ledger {
    total: Drops,
    logged: [Option<Instant>; Reason::ALL.len()],
}

/// One source's counters.
#[derive(Debug)]
struct SourceHealth {
    name: String,
    silence: Duration,
    samples: AtomicU64,
    reopened: AtomicU64,
    state: Mutex<(State, Instant)>,
}

/// How a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
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
pub struct Report {
    /// Whether every source that should give samples does.
    pub healthy: bool,
    /// Seconds since the start.
    pub uptime: u64,
    /// Streams that are followed.
    pub streams: u64,
    /// Predictions given.
    pub predictions: u64,
    /// The sources.
    pub sources: Vec<SourceReport>,
    /// What was left out, by reason.
    pub dropped: std::collections::BTreeMap<&'static str, u64>,
}

/// One source at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct SourceReport {
    /// Its name.
    pub name: String,
    /// How it is.
    pub state: State,
    /// Samples it gave.
    pub samples: u64,
    /// How often it was opened again.
    #[serde(skip)]
    pub reopened: u64,
}

/// How far the work has come, to see whether it moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    windows: u64,
    predictions: u64,
    rounds: u64,
}

impl Progress {
    /// Whether streams were followed since, and windows that waited then came out.
    pub(crate) fn moved_since(&self, before: &Progress) -> bool {
        let waited = before.windows > before.predictions;
        self.rounds != before.rounds && (!waited || self.predictions != before.predictions)
    }
}

impl Health {
    /// Counters at zero for sources of these names; one without samples for longer than its time is silent.
    pub fn new(sources: impl IntoIterator<Item = (String, Duration)>) -> Self {
        let source = |(name, silence)| SourceHealth {
            name,
            silence,
            samples: AtomicU64::new(0),
            reopened: AtomicU64::new(0),
            state: Mutex::new((State::Connecting, Instant::now())),
        };
        Self {
            started: Instant::now(),
            drops: Mutex::default(),
            sources: sources.into_iter().map(source).collect(),
            streams: AtomicU64::new(0),
            predictions: AtomicU64::new(0),
            windows: AtomicU64::new(0),
            rounds: AtomicU64::new(0),
            counters: Counters::default(),
        }
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
            *lock(&source.state) = (State::Ok, Instant::now());
        }
    }

    /// Says how a source is.
    pub(crate) fn state(&self, source: usize, state: State) {
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
        let Progress { windows, predictions, .. } = self.progress();
        (windows, predictions)
    }

    /// How far the work has come.
    pub(crate) fn progress(&self) -> Progress {
        Progress {
            // Before the windows, so that one that comes out in between is not taken for one that waits.
            predictions: self.predictions.load(Ordering::Relaxed),
            windows: self.windows.load(Ordering::Relaxed),
            rounds: self.rounds.load(Ordering::Relaxed),
        }
    }

    /// Everything left out since the start.
    pub fn drops(&self) -> Drops {
        lock(&self.drops).total.clone()
    }

    /// The counters now.
    pub fn report(&self) -> Report {
        let sources: Vec<_> = self.sources.iter().map(SourceHealth::report).collect();
        Report {
            healthy: sources.iter().all(|source| matches!(source.state, State::Ok | State::Ended)),
            uptime: self.started.elapsed().as_secs(),
            streams: self.streams.load(Ordering::Relaxed),
            predictions: self.predictions.load(Ordering::Relaxed),
            sources,
            dropped: lock(&self.drops).total.iter().map(|(reason, count)| (reason.name(), count)).collect(),
        }
    }
}

impl SourceHealth {
    fn report(&self) -> SourceReport {
        let (state, since) = *lock(&self.state);
        let silent = state == State::Ok && since.elapsed() > self.silence;
        SourceReport {
            name: self.name.clone(),
            state: if silent { State::Silent } else { state },
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
        assert_eq!((report.sources[0].state, report.sources[0].samples), (State::Ok, 3));
        assert_eq!(report.sources[1].state, State::Silent);
        health.state(1, State::Ended);
        assert!(health.report().healthy);
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
            drops.add(Reason::Late, || "late".into());
            health.dropped("serial0", &mut drops);
            assert_eq!(drops.total(), 0);
        }
        assert_eq!(health.report().dropped["late"], 3);
    }
}
