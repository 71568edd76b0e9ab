//! Fills in the setting `gain`, and says how it was chosen.

use std::sync::atomic::AtomicBool;

use crate::train::data::dataset::Dataset;
use crate::train::fit::context::TrainingContext;
use crate::train::fit::epoch::Epoch;
use crate::train::gain_choice::GainChoice;
use crate::train::options::FitOptions;

/// The settings with the gain of the channels filled in, by a trial if it is not given and the recordings have start
/// times.
///
/// # Errors
/// If the loss of a trial is not finite, or its threads cannot be started.
pub(super) fn with_gain(
    options: FitOptions,
    dataset: &Dataset,
    stop: &AtomicBool,
) -> anyhow::Result<FitOptions> {
    let progress = |_: usize, _: &Epoch| {};
    let context = TrainingContext { options: &options, dataset, stop, progress: &progress };
    let choice = GainChoice::try_out(&context)?;
    if let Some(choice) = choice {
        eprintln!("{choice}");
    }
    let gain = options.gain.or_else(|| choice.map(|choice| choice.gain()));
    Ok(FitOptions { gain, ..options })
}
