//! From probabilities over time to a surface.
//!
//! A forward filter over a hidden Markov model (Rabiner, "A tutorial on hidden Markov models", 1989, section III.A): the
//! hidden state is the surface. A robot stays on a surface for `dwell` seconds on average, so over `dt` seconds
//! it stays with probability `exp(-dt / dwell)` and else moves to any other surface alike. A window's evidence for
//! a surface is the model's probability (Bourlard and Morgan, 1994; training weighs every surface alike, so there is no prior to
//! divide by), to the power of `evidence * hop / W`: windows overlap, so each brings only a hop of news. Three windows in ten
//! are taken to say nothing, as those on a boundary, a bump or a turn do: a model is as sure of these as of any, so its
//! probabilities are mixed with even ones by that share.
//!
//! Why this and not a majority vote over the last n windows: a vote has one number, n, that sets both how many wrong
//! windows it survives and how late it is, and it counts a window that is 51 % sure as much as one that is 99 % sure. The
//! filter is quick when the evidence is strong and slow when it is weak, says how sure it is, and its settings are in seconds
//! and probabilities, so they hold at any hop.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::card::Card;
use crate::signal::Time;

/// The share of windows whose probabilities say nothing. On spliced drives of a real robot, 0.2 to 0.5 did equally well.
const OUTLIERS: f64 = 0.3;

/// How probabilities become a decision.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DecisionOptions {
    /// How long a robot stays on a surface, on average.
    #[serde(with = "humantime_serde")]
    pub dwell: Duration,
    /// How many independent looks one window's length holds; more is quicker and less steady.
    pub evidence: f64,
    /// A surface is named from this probability on.
    pub min_confidence: f64,
    /// A named surface is kept down to this much below `min_confidence`, until another takes its place.
    pub hysteresis: f64,
}

impl Default for DecisionOptions {
    fn default() -> Self {
        Self { dwell: Duration::from_secs(20), evidence: 12.0, min_confidence: 0.5, hysteresis: 0.2 }
    }
}

/// What is decided after a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// The surface's index among the labels; `None` is [`UNKNOWN`](crate::model::card::UNKNOWN).
    pub surface: Option<usize>,
    /// The probability of that surface, of the likeliest one where it is unknown; given all windows since the last reset.
    pub confidence: f64,
}

impl Decision {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self { surface: None, confidence: 0.0 };
}

/// Decides for one stream. It does no I/O and reads no clock.
#[derive(Clone, Debug)]
pub struct DecisionFilter {
    options: DecisionOptions,
    /// The exponent of a window's evidence, once windows overlap.
    exponent: f64,
    belief: Vec<f64>,
    last: Option<Time>,
    surface: Option<usize>,
}

impl DecisionFilter {
    /// A decider before its first window, for a model and the hop it is served with.
    pub fn new(options: DecisionOptions, card: &Card, hop: usize) -> Self {
        let belief = vec![0.0; card.labels.len()];
        let exponent = (options.evidence * hop as f64 / card.window as f64).min(1.0);
        Self { options, exponent, belief, last: None, surface: None }
    }

    /// Takes a window's probabilities, one a label, and decides.
    pub fn step(&mut self, time: Time, probabilities: &[f32]) -> Decision {
        let even = 1.0 / self.belief.len() as f64;
        let exponent = if let Some(last) = self.last.replace(time) {
            self.advance(time.since(last) as f64 / 1e9);
            self.exponent
        } else {
            // Nothing is known yet, and the first window overlaps no other.
            self.belief.fill(even);
            1.0
        };
        for (belief, p) in self.belief.iter_mut().zip(probabilities) {
            // NaN, which a broken model may give, counts as no support.
            let p = if *p > 0.0 { f64::from(*p) } else { 0.0 };
            *belief *= ((1.0 - OUTLIERS) * p + OUTLIERS * even).powf(exponent);
        }
        let sum: f64 = self.belief.iter().sum();
        self.belief.iter_mut().for_each(|belief| *belief /= sum);
        self.decide()
    }

    /// Goes on with the settings of `fresh`, which decides among the same labels, and keeps what it believes.
    pub fn adopt(&mut self, fresh: &DecisionFilter) {
        self.options = fresh.options;
        self.exponent = fresh.exponent;
    }

    /// Forgets what it believed: the next window is the first. The surface is unknown until then.
    pub fn reset(&mut self) {
        self.last = None;
        self.surface = None;
    }

    /// Lets `seconds` pass: each surface is left at the rate of `dwell`, for any other alike.
    fn advance(&mut self, seconds: f64) {
        let stay = (-seconds.max(0.0) / self.options.dwell.as_secs_f64()).exp();
        let others = (self.belief.len().max(2) - 1) as f64;
        for belief in &mut self.belief {
            *belief = stay * *belief + (1.0 - stay) * (1.0 - *belief) / others;
        }
    }

    fn decide(&mut self) -> Decision {
        let likeliest =
            (0..self.belief.len()).max_by(|a, b| self.belief[*a].total_cmp(&self.belief[*b])).unwrap_or(0);
        let confidence = |surface: usize| self.belief.get(surface).copied().unwrap_or(0.0);
        let keep = self.options.min_confidence - self.options.hysteresis;
        self.surface = if confidence(likeliest) >= self.options.min_confidence {
            Some(likeliest)
        } else {
            self.surface.filter(|surface| confidence(*surface) >= keep)
        };
        Decision { surface: self.surface, confidence: confidence(self.surface.unwrap_or(likeliest)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn card() -> Card {
        Card::of_test(100, 10, &["a", "b", "c"])
    }

    fn decide(decider: &mut DecisionFilter, windows: &[[f32; 3]]) -> Vec<Option<usize>> {
        let step =
            |(i, p): (usize, &[f32; 3])| decider.step(Time::from_seconds(0.1 * i as f64).unwrap(), p).surface;
        windows.iter().enumerate().map(step).collect()
    }

    const A: [f32; 3] = [0.9, 0.05, 0.05];
    const B: [f32; 3] = [0.05, 0.9, 0.05];
    const NOTHING: [f32; 3] = [0.34, 0.33, 0.33];

    #[test]
    fn the_first_sure_window_decides_and_an_unsure_one_does_not() {
        let mut decider = DecisionFilter::new(DecisionOptions::default(), &card(), 10);
        assert_eq!(decide(&mut decider, &[A]), [Some(0)]);
        decider.reset();
        assert_eq!(decide(&mut decider, &[NOTHING]), [None]);
    }

    #[test]
    fn one_wrong_window_changes_nothing_and_a_new_surface_is_found() {
        let mut decider = DecisionFilter::new(DecisionOptions::default(), &card(), 10);
        let mut windows = vec![A; 20];
        windows[10] = B;
        windows.extend([B; 20]);
        let surfaces = decide(&mut decider, &windows);
        assert!(surfaces[..20].iter().all(|surface| *surface == Some(0)));
        let changed = surfaces.iter().position(|surface| *surface == Some(1)).unwrap();
        assert!((21..30).contains(&changed), "{changed}");
    }

    #[test]
    fn sure_evidence_decides_sooner_than_weak_evidence() {
        let delay = |p: [f32; 3]| {
            let mut decider = DecisionFilter::new(DecisionOptions::default(), &card(), 10);
            let mut windows = vec![A; 20];
            windows.extend([p; 100]);
            decide(&mut decider, &windows).iter().position(|surface| *surface == Some(1)).unwrap()
        };
        assert!(delay([0.01, 0.98, 0.01]) < delay([0.3, 0.5, 0.2]));
    }

    #[test]
    fn after_a_reset_the_surface_is_unknown_until_a_window_says_otherwise() {
        let mut decider = DecisionFilter::new(DecisionOptions::default(), &card(), 10);
        decide(&mut decider, &[A; 5]);
        decider.reset();
        assert_eq!(decide(&mut decider, &[NOTHING, B]), [None, Some(1)]);
    }

    proptest! {
        #[test]
        fn beliefs_stay_probabilities_whatever_the_model_says(
            windows in prop::collection::vec(prop::array::uniform3(prop_oneof![0f32..1.0, Just(f32::NAN), Just(0.0), Just(1.0)]), 1..50),
        ) {
            let mut decider = DecisionFilter::new(DecisionOptions::default(), &card(), 10);
            for (i, p) in windows.iter().enumerate() {
                let decision = decider.step(Time::from_seconds(i as f64).unwrap(), p);
                prop_assert!((0.0..=1.0 + 1e-9).contains(&decision.confidence));
                prop_assert!((decider.belief.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            }
        }
    }
}
