//! Runs experiments over several seeds, as many as there is time for.

use std::ops::Range;
use std::sync::Mutex;
use std::time::Instant;

use super::experiment::Experiment;
use super::outcome::ExperimentOutcome;
use crate::train::diagnose::worker_pool::WorkerPool;
use crate::train::fit::epoch::FitError;

/// Experiments with their outcomes so far.
#[derive(Debug)]
pub(crate) struct Runner<'a> {
    experiments: Vec<Experiment<'a>>,
    /// The outcomes of each experiment, seed by seed; `None` for a seed that there was no time for.
    outcomes: Vec<Vec<Option<ExperimentOutcome>>>,
    pace: Mutex<Pace>,
}

/// How long the runs so far took, and how long they were expected to take.
#[derive(Clone, Copy, Debug)]
struct Pace {
    spent: f64,
    expected: f64,
}

impl<'a> Runner<'a> {
    pub(crate) fn new(experiments: Vec<Experiment<'a>>) -> Self {
        let outcomes = vec![Vec::new(); experiments.len()];
        // A little more than expected is assumed until something was measured.
        Self { experiments, outcomes, pace: Mutex::new(Pace { spent: 0.011, expected: 0.01 }) }
    }

    /// Runs the experiments with the indices `chosen` with each of the seeds that they were not yet run with. All experiments of one seed come
    /// before the next seed, so that a deadline cuts off seeds and not experiments; an experiment that would
    /// not end before the deadline is not started.
    ///
    /// # Errors
    /// [`FitError::Threads`] if the threads cannot be started.
    pub(crate) fn run(
        &mut self,
        chosen: &[usize],
        seeds: Range<usize>,
        pool: &WorkerPool<'_>,
    ) -> Result<(), FitError> {
        let is_done = |index: usize, seed: usize| self.outcomes[index].get(seed).is_some_and(Option::is_some);
        let jobs = seeds.flat_map(|seed| chosen.iter().map(move |index| (*index, seed)));
        let jobs: Vec<(usize, usize)> = jobs.filter(|(index, seed)| !is_done(*index, *seed)).collect();
        let results = pool.run(jobs.len(), |job| {
            let (index, seed) = jobs[job];
            let experiment = &self.experiments[index];
            let expected = experiment.seconds();
            if expected * self.pace() > pool.time_left().as_secs_f64() {
                return None;
            }
            let started = Instant::now();
            let outcome = experiment.run(seed as u64, pool)?;
            if let (Ok(mut pace), false) = (self.pace.lock(), outcome.diverged) {
                pace.spent += started.elapsed().as_secs_f64();
                pace.expected += expected;
            }
            Some(outcome)
        })?;
        for ((index, seed), outcome) in jobs.into_iter().zip(results) {
            let row = &mut self.outcomes[index];
            if row.len() <= seed {
                row.resize(seed + 1, None);
            }
            row[seed] = outcome;
        }
        Ok(())
    }

    /// How many times as long as expected the runs took.
    pub(crate) fn pace(&self) -> f64 {
        self.pace.lock().map_or(1.0, |pace| pace.spent / pace.expected)
    }

    pub(crate) fn experiment(&self, index: usize) -> &Experiment<'a> {
        &self.experiments[index]
    }

    /// The outcomes of an experiment, seed by seed.
    pub(crate) fn outcomes(&self, index: usize) -> &[Option<ExperimentOutcome>] {
        &self.outcomes[index]
    }
}
