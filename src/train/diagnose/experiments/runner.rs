//! Runs several experiments over several seeds.

use super::experiment::Experiment;
use super::outcome::ExperimentOutcome;
use crate::train::diagnose::request::DiagnosisRequest;
use crate::train::diagnose::worker_pool::WorkerPool;
use crate::train::fit::epoch::FitError;
use crate::train::options::FitOptions;

/// The numbers of seeds that a change may be tried over. The first is preferred; the second is for when time
/// is short.
pub(crate) const SEEDS: [usize; 2] = [5, 3];

/// The share of the remaining time that is planned for. The rest allows for epochs that take longer than the
/// measured one.
const PLANNED_TIME: f64 = 0.93;

/// The outcomes of each experiment, seed by seed; `None` for a seed that there was no time for.
pub(crate) type Outcomes = Vec<Vec<Option<ExperimentOutcome>>>;

/// Runs each experiment with the seeds 0, 1, … and returns one row per experiment.
///
/// # Errors
/// [`FitError::Threads`] if the threads cannot be started.
pub(crate) fn run_all(
    experiments: &[Experiment<'_>],
    seeds: usize,
    pool: &WorkerPool<'_>,
) -> Result<Outcomes, FitError> {
    // All experiments of one seed run before the next seed, so that a deadline cuts off the last seeds and
    // not the last experiments.
    let count = experiments.len();
    let flat =
        pool.run(count * seeds, |index| experiments[index % count].run((index / count) as u64, pool))?;
    let mut rows: Outcomes = vec![Vec::new(); count];
    flat.into_iter().enumerate().for_each(|(index, outcome)| rows[index % count].push(outcome));
    Ok(rows)
}

/// Like [`run_all`], but limits the epochs of each experiment so that all of them end before the deadline.
/// Time that one experiment does not need goes to the others.
///
/// # Errors
/// [`FitError::Threads`] if the threads cannot be started.
pub(crate) fn run_within_time(
    request: &DiagnosisRequest<'_>,
    experiments: &[Experiment<'_>],
    seeds: usize,
    pool: &WorkerPool<'_>,
) -> Result<Outcomes, FitError> {
    let epoch_time = |experiment: &Experiment<'_>| {
        let time = request.epoch_time(&experiment.options, experiment.dataset, &experiment.split(0))?;
        Ok(time.max(1e-5))
    };
    let times: Vec<f64> = experiments.iter().map(epoch_time).collect::<Result<_, FitError>>()?;
    let needed = |index: usize| times[index] * experiments[index].options.epochs() as f64;
    let rounds = (experiments.len() * seeds).div_ceil(pool.threads.max(1)) as f64;
    let each = PLANNED_TIME * pool.time_left().as_secs_f64() / rounds;
    let (longer, shorter): (Vec<usize>, Vec<usize>) =
        (0..experiments.len()).partition(|index| needed(*index) > each);
    let spare: f64 = shorter.into_iter().map(|index| each - needed(index)).sum();
    let each = each + spare / longer.len().max(1) as f64;
    let shortened = experiments.iter().zip(&times).map(|(experiment, time)| {
        let epochs = experiment.options.epochs().min((each / time) as usize).max(2);
        let options = FitOptions { epochs: Some(epochs), ..experiment.options.clone() };
        Experiment { options, ..experiment.clone() }
    });
    run_all(&shortened.collect::<Vec<_>>(), seeds, pool)
}
