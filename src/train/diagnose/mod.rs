//! Finds out by experiment why a training run misbehaves. The run is repeated with one thing changed at a
//! time, over several seeds, and a change that fixes the run shows what the cause is.
//!
//! [`diagnose()`] does the work in this order:
//! 1. [`inspection`] checks the recordings themselves: stuck channels, duplicate drives, wrong labels, units.
//!    [`mod@reserve`] puts some recordings aside that choose nothing, and [`experiments::cleaning`] removes the faults.
//! 2. [`mod@reference`] repeats the run unchanged, and measures its noise, its learning rate and its last spike.
//! 3. [`experiments`] repeats the run with one thing changed at a time and measures the effect of each
//!    change. If that shows a cause, a second round starts from the run without it, and finds further causes.
//! 4. [`verdict`] derives the findings from all of these measurements. It only applies rules and trains
//!    nothing.
//! 5. [`fix`] chooses better settings, and compares them with the run as it was on the reserved recordings.
//! 6. [`diagnosis`] holds the result and writes it as JSON, [`wording`] says it in words, and [`page`] shows it as
//!    an HTML page.
//!
//! [`request`] holds what is to be diagnosed, [`phases`] how the time is divided, and [`cause`] the causes that can
//! be found. [`statistics`] has the intervals and the correction for many tests.

pub(crate) mod cause;
pub(crate) mod diagnosis;
pub(crate) mod experiments;
pub(crate) mod fix;
pub(crate) mod inspection;
pub(crate) mod page;
pub(crate) mod phases;
pub(crate) mod reference;
pub(crate) mod request;
pub(crate) mod reserve;
pub(crate) mod statistics;
pub(crate) mod verdict;
pub(crate) mod wording;
pub(crate) mod worker_pool;

use std::sync::atomic::Ordering;
use std::time::Instant;

use self::diagnosis::{Diagnosis, SecondRound};
use self::experiments::cleaning::faults;
use self::experiments::prepared::PreparedData;
use self::inspection::inspect;
use self::phases::{Measured, Phases, RoundFindings, phase_end};
use self::reference::measure_steps;
use self::reference::training::train_unchanged;
pub(crate) use self::request::DiagnosisRequest;
use self::reserve::reserve;
use self::verdict::certainty::tests;
use self::verdict::families::TestFamilies;
use self::verdict::health::conditions;
use self::verdict::tendency::tendencies;
use self::worker_pool::WorkerPool;
use crate::train::baseline::Features;
use crate::train::data::split::Split;
use crate::train::fit::context::pool;
use crate::train::fit::epoch::FitError;

/// About how many training runs a diagnosis needs.
const USUAL_RUNS: f64 = 36.0;
/// The share of the budget that the reference run may take if time is short.
const SHORT_REFERENCE: f64 = 0.06;

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
    let pool_until = |share: f64| {
        let deadline = started + budget.mul_f64(share);
        WorkerPool { threads, deadline, stop, job_done: &job_done }
    };
    progress(Some("inspecting the windows"));
    let inspection = inspect(dataset, options.seed, &pool_until(phase_end::INSPECTION))?;
    let faults = faults(dataset, &inspection);
    let data = PreparedData::new(request, &inspection, &faults, reserve(dataset, options.seed));
    let clean = &data.cleaned.dataset;
    let in_time = pool_until(phase_end::REFERENCE);
    let features = pool(threads)?.install(|| Features::of(clean, &|| in_time.expired()));

    progress(Some("training with the given settings"));
    let epoch_time = request.epoch_time(options, dataset, &split)?.max(1e-5);
    // If the changes need far more time than there is, most of it goes to them: the reference run is shorter, and the
    // steps are not measured.
    let needed = epoch_time * options.epochs() as f64 * USUAL_RUNS / threads as f64;
    let is_short = needed > budget.as_secs_f64();
    let share = if is_short { SHORT_REFERENCE } else { phase_end::STEPS - phase_end::INSPECTION };
    let spent = started.elapsed().as_secs_f64() / budget.as_secs_f64();
    let reference_pool = pool_until((spent + share).min(phase_end::REFERENCE));
    let reference = train_unchanged(request, &split, epoch_time, &reference_pool)?;
    progress(Some("measuring the steps"));
    let steps_pool = pool_until(if is_short { 0.0 } else { phase_end::STEPS });
    let (range, spike) = measure_steps(request, &reference, &split, epoch_time, &steps_pool)?;
    let epoch_time = reference.epoch_time.unwrap_or(epoch_time);
    let phases = Phases {
        request,
        started,
        threads,
        job_done: &job_done,
        inspection: &inspection,
        faults: &faults,
        data: &data,
        measured: Measured { reference, range, spike },
        own: data.own_settings(options, &faults),
        window_time: epoch_time / split.training.len() as f64,
        defaults: data.default_settings(request)?,
        features,
    };
    let RoundFindings { findings, first, second, fixed } = phases.rounds()?;
    let none = TestFamilies::default();
    let evidence = phases.evidence(&first, &none);
    let (conditions, tendencies) = (conditions(&evidence), tendencies(&evidence, &findings));
    let of_first = tests(&evidence);
    let of_both = second.as_ref().map(|second| tests(&phases.evidence(second, &of_first)).len());
    let tests = of_both.unwrap_or(of_first.len());
    let Measured { reference, range, spike } = phases.measured;
    Ok(Diagnosis {
        findings,
        conditions,
        tendencies,
        tests,
        options: options.clone(),
        channels_given: request.channels_given,
        history: reference.history,
        noise: reference.noise,
        spread: reference.spread,
        artificial: reference.artificial,
        spike,
        range,
        epochs: first.options.epochs(),
        missing_seconds: first.missing_seconds / threads as f64,
        control: first.control,
        trees: first.trees,
        trials: first.trials,
        second_round: second.map(|second| SecondRound { control: second.control, trials: second.trials }),
        fixed,
        reserved: data.reserved.len(),
        inspection,
        warnings: split.warnings,
        budget,
        used: started.elapsed(),
        interrupted: stop.load(Ordering::Relaxed),
    })
}
