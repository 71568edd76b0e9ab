//! Finds out by experiment why a training run misbehaves. The run is repeated with one thing changed at a
//! time, over several seeds, and a change that fixes the run shows what the cause is.
//!
//! [`diagnose()`] does the work in this order:
//! 1. [`inspection`] checks the recordings themselves: stuck channels, duplicate drives, wrong labels.
//! 2. [`mod@reference`] repeats the run unchanged, and measures its noise, its learning rate and its last spike.
//! 3. [`experiments`] repeats the run with one thing changed at a time and measures the effect of each
//!    change.
//! 4. [`verdict`] derives the findings from all of these measurements. It only applies rules and trains
//!    nothing.
//! 5. [`fix`] trains with the settings that the findings suggest, and with the defaults, before recommending
//!    either.
//! 6. [`diagnosis`] holds the result and writes it as JSON; [`page`] shows it as an HTML page.
//!
//! [`request`] holds what is to be diagnosed, and [`cause`] the causes that can be found. [`worker_pool`],
//! [`loss_curve`] and [`estimate`] are used by several of the steps.

pub(crate) mod cause;
pub(crate) mod diagnosis;
pub(crate) mod estimate;
pub(crate) mod experiments;
pub(crate) mod fix;
pub(crate) mod inspection;
pub(crate) mod loss_curve;
pub(crate) mod page;
pub(crate) mod reference;
pub(crate) mod request;
pub(crate) mod verdict;
pub(crate) mod worker_pool;

use std::time::Instant;

use self::diagnosis::Diagnosis;
use self::experiments::trial::try_changes;
use self::fix::find_fix;
use self::inspection::inspect;
use self::reference::measure_steps;
use self::reference::range_test::steepest_rate;
use self::reference::training::train_unchanged;
pub(crate) use self::request::DiagnosisRequest;
use self::verdict::evidence::Evidence;
use self::verdict::findings;
use self::worker_pool::WorkerPool;
use crate::train::data::split::Split;
use crate::train::fit::epoch::FitError;

/// The share of the budget after which each phase has to be finished. The last phase, the fix, may take until
/// the end of the budget.
mod phase_end {
    pub(super) const REFERENCE: f64 = 0.4;
    pub(super) const STEPS: f64 = 0.55;
    pub(super) const CHANGES: f64 = 0.75;
}

/// Diagnoses the training run of `request` within its budget.
///
/// # Errors
/// [`FitError::TooFew`] if there are fewer training windows than labels, and [`FitError::Threads`] if the
/// threads cannot be started.
pub(crate) fn diagnose(request: &DiagnosisRequest<'_>) -> Result<Diagnosis, FitError> {
    let DiagnosisRequest { options, dataset, budget, stop, progress, .. } = *request;
    let started = Instant::now();
    let labels = dataset.card.labels.len();
    let split = Split::for_one(dataset, options.validation(), options.seed);
    if split.training.len() < labels {
        return Err(FitError::TooFew { windows: split.training.len(), labels });
    }
    let threads = match options.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let job_done = || progress(None);
    let pool_until = |share: f64| WorkerPool {
        threads,
        deadline: started + budget.mul_f64(share),
        stop,
        job_done: &job_done,
    };

    progress(Some("inspecting the windows"));
    let whole_budget = pool_until(1.0);
    let (inspection, cleaned) = inspect(dataset, options.seed, &whole_budget)?;

    progress(Some("training with the given settings"));
    let epoch_time = request.epoch_time(options, dataset, &split)?.max(1e-5);
    let pool = pool_until(phase_end::REFERENCE);
    let reference = train_unchanged(request, &split, epoch_time, &whole_budget, &pool)?;

    progress(Some("measuring the steps"));
    let pool = pool_until(phase_end::STEPS);
    let (range, spike) = measure_steps(request, &reference, &split, epoch_time, &pool)?;

    progress(Some("changing one thing at a time"));
    let tried = try_changes(request, &cleaned, epoch_time, &pool_until(phase_end::CHANGES))?;

    let findings = findings(&Evidence {
        options: &tried.options,
        dataset,
        inspection: &inspection,
        control: &tried.control,
        trials: &tried.trials,
        shortened: tried.options.epochs() < options.epochs(),
        steepest: steepest_rate(&range),
        history: &reference.history,
        spike: spike.as_ref(),
    });
    let fixed = if findings.is_empty() {
        None
    } else {
        progress(Some("trying better settings"));
        find_fix(request, &findings, &tried, &cleaned, &whole_budget)?
    };
    Ok(Diagnosis {
        findings,
        options: options.clone(),
        history: reference.history,
        noise: reference.noise,
        spread: reference.spread,
        spike,
        range,
        seeds: tried.seeds,
        epochs: tried.options.epochs(),
        control: tried.control,
        trials: tried.trials,
        fixed,
        inspection,
        artificial: reference.artificial,
        warnings: split.warnings,
    })
}
