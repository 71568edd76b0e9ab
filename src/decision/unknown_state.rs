//! Whether a stream is on a surface that the model does not know.
//!
//! Beside the surfaces of the model there is one more state, "none of them". Its evidence is the novelty `u` of the
//! windows, which is one minus a conformal p-value: on the model's surfaces `p = 1 - u` has each value from 0 to 1 equally
//! often, elsewhere it is small. The likelihood of `p` elsewhere, relative to that on the model's surfaces, is taken to be
//! the power betting function `e p^(e - 1)` of conformal test martingales (Vovk, Nouretdinov and Gammerman, "Testing
//! exchangeability on-line", 2003): large when `p` is small, and below 1 when it is ordinary. On the model's surfaces it is
//! 1 on average, whatever they are, so that its product seldom becomes large there.
//!
//! - **Overlap.** Only that share of a window counts that the window before it did not have, so that a window's length
//!   of windows counts as one observation at any hop. A bump is in all windows over a window's length, and counts no more.
//! - **Accumulation.** The evidence of all windows adds up, within limits, as in a cumulative sum (Page, "Continuous
//!   inspection schemes", 1954): the probability of an unknown surface never leaves [`LEAST`] to [`MOST`]. So what was long
//!   ago is forgotten, and a few ordinary windows' lengths suffice to be back on a known surface.
//!
//! Why not the short memory that the evidence for surfaces has? That one has to follow a change within a window's
//! length, and a bump lasts as long as that. A new floor differs from a bump only by what comes
//! after a window's length.

// The constants were chosen by scripts/measure-novelty on two robots, each of their fourteen floors left out in turn, so
// that as many drives on the left-out floor as possible are unknown for most of the time. The card's `novelty_allowance` says how
// much is taken from the evidence of a model, so that decisions on its own surfaces are not withheld.

/// The exponent `e` of the betting function. A smaller one needs a higher novelty, and forgets it sooner.
const EXPONENT: f64 = 0.5;
/// No p-value counts as less than this, so that a single window, or one bump, cannot decide.
const SMALLEST: f64 = 0.01;
/// How many independent observations the windows within a window's length are worth: more than one, because the novelty of
/// known windows is a little lower than uniform.
const OBSERVATIONS: f64 = 4.0;
/// The probability of an unknown surface while nothing speaks for one.
const LEAST: f64 = 0.001;
/// The highest probability of an unknown surface.
const MOST: f64 = 0.9;
/// What is taken from the evidence of a model whose card has no allowance. Among the recordings of two robots, hardly any
/// needed more.
pub(super) const USUAL_ALLOWANCE: f64 = 0.4;

/// The state "none of the model's surfaces" of one stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct UnknownState {
    /// The logarithm of the odds of this state against all surfaces of the model.
    log_odds: f64,
}

impl UnknownState {
    /// The state when nothing speaks for it.
    pub(super) fn new() -> Self {
        Self { log_odds: log_odds(LEAST) }
    }

    /// Adds the evidence of a window, and returns the probability that the surface is unknown to the model: 0 if there is no
    /// novelty, or `weight` is 0. `allowance` is taken from the evidence, as the reference value of a cumulative sum is. `new` is the share of the window that the one before it did not have, from 0 to 1.
    pub(super) fn step(&mut self, novelty: Option<f32>, weight: f64, allowance: f64, new: f64) -> f64 {
        let Some(novelty) = novelty.filter(|_| weight > 0.0) else {
            *self = Self::new();
            return 0.0;
        };
        // NaN, which a broken model may give, counts as ordinary.
        let p = if novelty.is_nan() { 1.0 } else { (1.0 - f64::from(novelty)).clamp(SMALLEST, 1.0) };
        let evidence = EXPONENT.ln() + (EXPONENT - 1.0) * p.ln() - allowance;
        self.log_odds += weight * OBSERVATIONS * new * evidence;
        self.log_odds = self.log_odds.clamp(log_odds(LEAST), log_odds(MOST));
        1.0 / (1.0 + (-self.log_odds).exp())
    }
}

fn log_odds(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The probability of an unknown surface after each of these windows, ten in a window's length.
    fn run(windows: impl IntoIterator<Item = f32>) -> Vec<f64> {
        let mut state = UnknownState::new();
        windows.into_iter().map(|novelty| state.step(Some(novelty), 1.0, 0.0, 0.1)).collect()
    }

    #[test]
    fn the_betting_function_is_1_on_average_where_every_value_is_equally_likely() {
        const STEPS: u32 = 100_000;
        let mean = (0..STEPS).map(|step| {
            let p = (f64::from(step) + 0.5) / f64::from(STEPS);
            (EXPONENT.ln() + (EXPONENT - 1.0) * p.max(SMALLEST).ln()).exp() / f64::from(STEPS)
        });
        // The bound on p-values takes away what the smallest ones would add.
        let mean: f64 = mean.sum();
        assert!((0.7..1.0).contains(&mean), "{mean}");
    }

    #[test]
    fn without_novelty_or_weight_no_surface_is_unknown() {
        let mut state = UnknownState::new();
        for _ in 0..100 {
            state.step(Some(1.0), 1.0, 0.0, 1.0);
        }
        assert_eq!(state.step(None, 1.0, 0.0, 1.0), 0.0);
        assert_eq!(state, UnknownState::new());
        assert_eq!(state.step(Some(1.0), 0.0, 0.0, 1.0), 0.0);
    }

    #[test]
    fn the_probability_stays_within_its_limits_and_grows_faster_with_more_novelty() {
        let when = |novelty| run([novelty; 300]).iter().position(|probability| *probability > 0.7);
        let times: Vec<_> = [0.7, 0.9, 0.95, 0.97, 0.99, 1.0].into_iter().map(when).collect();
        assert_eq!(times[0], None, "a novelty that three in ten known windows have says nothing");
        assert!(times[2..].is_sorted_by(|one, other| one >= other) && times[1] > times[2], "{times:?}");
        assert!(times[5] > Some(10), "one bump is in the windows of a window's length: {times:?}");
        assert!((run([1.0; 300])[299] - MOST).abs() < 1e-9);
        assert!((run([0.0; 300])[299] - LEAST).abs() < 1e-9);
        assert!((run([f32::NAN; 300])[299] - LEAST).abs() < 1e-9);
    }
}
