//! Finds out by experiment why a training run misbehaves. The run is repeated with one thing changed at a
//! time, over several seeds, and a change that fixes the run shows what the cause is.
//!
//! [`diagnose()`] does the work in this order:
//! 1. [`inspection`] checks the recordings themselves: stuck channels, duplicate drives, wrong labels, units.
//!    [`reserve`] puts some recordings aside that choose nothing, and [`cleaning`] removes the faults.
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
pub(crate) mod cleaning;
pub(crate) mod diagnosis;
pub(crate) mod experiments;
pub(crate) mod fix;
pub(crate) mod inspection;
pub(crate) mod page;
pub(crate) mod phases;
pub(crate) mod prepared;
pub(crate) mod reference;
pub(crate) mod request;
pub(crate) mod reserve;
pub(crate) mod statistics;
pub(crate) mod verdict;
pub(crate) mod wording;
pub(crate) mod worker_pool;

pub(crate) use self::phases::diagnose;
pub(crate) use self::request::DiagnosisRequest;
