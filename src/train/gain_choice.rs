//! Chooses whether training varies the gain of each channel at random.
//!
//! A network that is trained with random gains leans less on what differs between the sensors and motors of one
//! afternoon. That helps where these change over time, and harms where the ratio of the channels tells the surface, so
//! it is tried: a network that is trained on early recordings is scored on later ones.

use super::data::split::Split;
use super::fit::context::TrainingContext;
use super::fit::cross_validation::score_splits;
use super::fit::epoch::FitError;
use super::options::FitOptions;

/// The standard deviation of the random gains that is tried.
const GAIN: f64 = 0.05;
/// The smallest rise of balanced accuracy that counts.
const RISE: f64 = 0.005;

/// What networks that were trained on early recordings reach on later ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct GainChoice {
    /// Balanced accuracy with the gains as they are.
    without: f64,
    /// Balanced accuracy with random gains.
    with: f64,
}

impl GainChoice {
    /// Trains a network without and one with random gains. The recordings that the score from earlier to later is
    /// measured on have no part in it. `None` if the setting is given, if there are no start times or too few
    /// recordings, or if it was interrupted.
    ///
    /// # Errors
    /// [`FitError`] if the loss is not finite, or the threads cannot be started.
    pub(crate) fn try_out(context: &TrainingContext<'_>) -> Result<Option<Self>, FitError> {
        let TrainingContext { options, dataset, .. } = *context;
        if options.gain.is_some() {
            return Ok(None);
        }
        let earlier = Split::later(dataset).map(|later| later.training);
        let Some(split) = earlier.and_then(|windows| Split::later_within(dataset, windows)) else {
            return Ok(None);
        };
        let splits = [split];
        let reached = |gain: f64| {
            let options = FitOptions { gain: Some(gain), ..options.clone() };
            let confusion = score_splits(&TrainingContext { options: &options, ..*context }, &splits)?;
            Ok::<_, FitError>(confusion.map(|confusion| confusion.scores().balanced_accuracy))
        };
        let Some(without) = reached(0.0)? else { return Ok(None) };
        Ok(reached(GAIN)?.map(|with| Self { without, with }))
    }

    /// The standard deviation of the random gains to train with.
    pub(crate) fn gain(&self) -> f64 {
        if self.with >= self.without + RISE { GAIN } else { 0.0 }
    }
}

impl std::fmt::Display for GainChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (with, without) = (100.0 * self.with, 100.0 * self.without);
        let chosen = if self.gain() > 0.0 { "with" } else { "without" };
        write!(
            f,
            "a network that was trained on early recordings has a balanced accuracy of {with:.1} % on later windows \
             with random gains of the channels, and of {without:.1} % without; the model is trained {chosen} them \
             (--gain)"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_gains_have_to_help() {
        let gain = |without, with| GainChoice { without, with }.gain();
        assert_eq!([gain(0.80, 0.81), gain(0.80, 0.801), gain(0.80, 0.70)], [GAIN, 0.0, 0.0]);
        let said = GainChoice { without: 0.8, with: 0.85 }.to_string();
        assert!(said.contains("85.0 % on later windows with") && said.contains("is trained with them"));
    }
}
