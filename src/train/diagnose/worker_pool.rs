//! Runs many independent jobs, such as training runs, on all cores until a deadline.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::train::fit::context::pool;
use crate::train::fit::epoch::FitError;

/// Runs jobs in parallel, each on a single thread. After the deadline or an interrupt it starts no further
/// job.
///
/// It does not stop a running job: jobs that may take long call [`WorkerPool::expired`] themselves.
#[derive(Clone, Copy)]
pub(crate) struct WorkerPool<'a> {
    /// How many jobs run at the same time.
    pub threads: usize,
    /// After this time no job is started, and jobs that call [`WorkerPool::expired`] end.
    pub deadline: Instant,
    /// Once this is set, the pool acts as it does after the deadline.
    pub stop: &'a AtomicBool,
    /// Called after each job.
    pub job_done: &'a (dyn Fn() + Sync),
}

/// The result of one of two jobs of different kinds.
enum Either<A, B> {
    First(A),
    Second(B),
}

impl WorkerPool<'_> {
    /// Whether the deadline has passed or the diagnosis was interrupted.
    pub(crate) fn expired(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || Instant::now() >= self.deadline
    }

    /// The time until the deadline, 0 after it.
    pub(crate) fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Runs the jobs 0 to `count` - 1 and returns their results in this order. The result is `None` for a job
    /// that returned `None` and for one that was not started in time.
    ///
    /// # Errors
    /// [`FitError::Threads`] if the threads cannot be started.
    pub(crate) fn run<T: Send>(
        &self,
        count: usize,
        job: impl Fn(usize) -> Option<T> + Sync,
    ) -> Result<Vec<Option<T>>, FitError> {
        let next = AtomicUsize::new(0);
        let results: Mutex<Vec<Option<T>>> = Mutex::new((0..count).map(|_| None).collect());
        let pools: Vec<_> = (0..self.threads.max(1)).map(|_| pool(1)).collect::<Result<_, _>>()?;
        std::thread::scope(|scope| {
            for pool in &pools {
                scope.spawn(|| {
                    pool.install(|| {
                        loop {
                            let index = next.fetch_add(1, Ordering::Relaxed);
                            if index >= count || self.expired() {
                                break;
                            }
                            let result = job(index);
                            (self.job_done)();
                            if let Ok(mut results) = results.lock() {
                                results[index] = result;
                            }
                        }
                    });
                });
            }
        });
        Ok(results.into_inner().unwrap_or_default())
    }

    /// Runs two jobs of different kinds at the same time. The result of a job that was not started in time is
    /// `None`.
    ///
    /// # Errors
    /// [`FitError::Threads`] if the threads cannot be started.
    pub(crate) fn run_both<A: Send, B: Send>(
        &self,
        first: impl Fn() -> A + Sync,
        second: impl Fn() -> B + Sync,
    ) -> Result<(Option<A>, Option<B>), FitError> {
        let job = |index| Some(if index == 0 { Either::First(first()) } else { Either::Second(second()) });
        let mut results = (None, None);
        for result in self.run(2, job)?.into_iter().flatten() {
            match result {
                Either::First(result) => results.0 = Some(result),
                Either::Second(result) => results.1 = Some(result),
            }
        }
        Ok(results)
    }
}
