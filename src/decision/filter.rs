//! From the probabilities of a stream's windows to its surface.
//!
//! The surface is the hidden state of a hidden Markov model, and the decision is made by its forward filter
//! (Rabiner, "A tutorial on hidden Markov models", 1989, section III.A):
//!
//! - **Transitions.** A robot stays on a surface for `dwell` seconds on average. Over `dt` seconds it
//!   therefore stays with probability `exp(-dt / dwell)`, and otherwise moves to any of the other surfaces
//!   with equal probability.
//! - **Evidence.** The evidence of a window for a surface is the model's probability of it (Bourlard and
//!   Morgan, 1994). Training gives every surface the same weight, so there is no prior to divide by. Windows
//!   overlap, so each one brings only a hop of new information: its evidence is raised to the power of
//!   `evidence * hop / W`.
//! - **Outliers.** Three windows in ten are assumed to say nothing, as windows across a boundary, a bump or a
//!   turn do. The model's confidence does not show which ones, so the probabilities of every window are mixed
//!   with uniform ones by that share.
//!
//! Why not a majority vote over the last n windows? Its only setting, n, determines both how many wrong
//! windows it tolerates and how long it takes to notice a new surface, and a window with a confidence of 51 %
//! counts as much as one with 99 %. The filter is fast when the evidence is strong and slow when it is weak,
//! and it gives a probability. Its settings are in seconds and probabilities, so they hold at any hop.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::card::Card;
use crate::signal::Time;

/// The share of windows that are assumed to say nothing. On spliced drives of a real robot, 0.2 to 0.5 did
/// equally well.
const OUTLIERS: f64 = 0.3;

/// The section `[decide]` of the configuration: how probabilities become a decision.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DecisionOptions {
    /// How long a robot stays on a surface, on average.
    #[serde(with = "humantime_serde")]
    pub dwell: Duration,
    /// Effective independent observations per window. With more of them a new surface is noticed sooner, and
    /// wrong windows cause more wrong surfaces.
    pub evidence: f64,
    /// The minimum probability at which a surface is named, from 0 to 1. Below it the surface is unknown.
    pub min_confidence: f64,
    /// A named surface stays named until its probability is this much below `min_confidence`, or until
    /// another surface is named.
    pub hysteresis: f64,
}

impl Default for DecisionOptions {
    fn default() -> Self {
        Self { dwell: Duration::from_secs(20), evidence: 12.0, min_confidence: 0.5, hysteresis: 0.2 }
    }
}

/// The decision after a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// The index of the surface among the labels. `None` if it is [`UNKNOWN`](crate::model::card::UNKNOWN).
    pub surface: Option<usize>,
    /// The probability of the surface given all windows since the last reset, from 0 to 1. If the surface is
    /// unknown, it is that of the likeliest surface.
    pub confidence: f64,
}

impl Decision {
    /// The decision when nothing is known.
    pub const UNKNOWN: Self = Self { surface: None, confidence: 0.0 };
}

/// Decides the surface of one stream.
#[derive(Clone, Debug)]
pub struct DecisionFilter {
    options: DecisionOptions,
    /// The exponent of a window's evidence: new observations in a hop, at most 1.
    exponent: f64,
    /// The probability of each surface given all windows since the last reset.
    posterior: Vec<f64>,
    /// The time of the previous window. `None` after a reset.
    last: Option<Time>,
    /// The index of the surface that is named now.
    surface: Option<usize>,
}

impl DecisionFilter {
    /// Creates a filter for the model with this card, whose windows are `hop` steps apart.
    pub fn new(options: DecisionOptions, card: &Card, hop: usize) -> Self {
        let posterior = vec![0.0; card.labels.len()];
        let exponent = (options.evidence * hop as f64 / card.window as f64).min(1.0);
        Self { options, exponent, posterior, last: None, surface: None }
    }

    /// Adds the probabilities of a window, one for each label, and decides. `time` is that of the window's
    /// last step.
    pub fn step(&mut self, time: Time, probabilities: &[f32]) -> Decision {
        let uniform = 1.0 / self.posterior.len() as f64;
        let exponent = if let Some(last) = self.last.replace(time) {
            self.advance(time.since(last) as f64 / 1e9);
            self.exponent
        } else {
            // Nothing is known yet, and the first window does not overlap with another one.
            self.posterior.fill(uniform);
            1.0
        };
        for (posterior, p) in self.posterior.iter_mut().zip(probabilities) {
            // NaN, which a broken model may give, counts as no support.
            let p = if *p > 0.0 { f64::from(*p) } else { 0.0 };
            *posterior *= ((1.0 - OUTLIERS) * p + OUTLIERS * uniform).powf(exponent);
        }
        let sum: f64 = self.posterior.iter().sum();
        self.posterior.iter_mut().for_each(|posterior| *posterior /= sum);
        self.decide()
    }

    /// Takes over the settings of another filter for the same labels, and keeps what is known about the
    /// surface.
    pub fn reconfigure(&mut self, other: &DecisionFilter) {
        self.options = other.options;
        self.exponent = other.exponent;
    }

    /// Forgets all windows. The surface is unknown until the next window, which is handled as the first one.
    pub fn reset(&mut self) {
        self.last = None;
        self.surface = None;
    }

    /// Applies the transitions of `seconds` seconds.
    fn advance(&mut self, seconds: f64) {
        let stay = (-seconds.max(0.0) / self.options.dwell.as_secs_f64()).exp();
        let others = (self.posterior.len().max(2) - 1) as f64;
        for posterior in &mut self.posterior {
            *posterior = stay * *posterior + (1.0 - stay) * (1.0 - *posterior) / others;
        }
    }

    fn decide(&mut self) -> Decision {
        let likeliest = (0..self.posterior.len())
            .max_by(|a, b| self.posterior[*a].total_cmp(&self.posterior[*b]))
            .unwrap_or(0);
        let confidence = |surface: usize| self.posterior.get(surface).copied().unwrap_or(0.0);
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

    fn surfaces(filter: &mut DecisionFilter, windows: &[[f32; 3]]) -> Vec<Option<usize>> {
        let step =
            |(i, p): (usize, &[f32; 3])| filter.step(Time::from_seconds(0.1 * i as f64).unwrap(), p).surface;
        windows.iter().enumerate().map(step).collect()
    }

    const A: [f32; 3] = [0.9, 0.05, 0.05];
    const B: [f32; 3] = [0.05, 0.9, 0.05];
    const UNDECIDED: [f32; 3] = [0.34, 0.33, 0.33];

    #[test]
    fn the_first_window_decides_if_its_confidence_is_high_enough() {
        let mut filter = DecisionFilter::new(DecisionOptions::default(), &card(), 10);
        assert_eq!(surfaces(&mut filter, &[A]), [Some(0)]);
        filter.reset();
        assert_eq!(surfaces(&mut filter, &[UNDECIDED]), [None]);
    }

    #[test]
    fn one_wrong_window_changes_nothing_but_several_show_a_new_surface() {
        let mut filter = DecisionFilter::new(DecisionOptions::default(), &card(), 10);
        let mut windows = vec![A; 20];
        windows[10] = B;
        windows.extend([B; 20]);
        let surfaces = surfaces(&mut filter, &windows);
        assert!(surfaces[..20].iter().all(|surface| *surface == Some(0)));
        let changed = surfaces.iter().position(|surface| *surface == Some(1)).unwrap();
        assert!((21..30).contains(&changed), "{changed}");
    }

    #[test]
    fn strong_evidence_decides_sooner_than_weak_evidence() {
        let delay = |p: [f32; 3]| {
            let mut filter = DecisionFilter::new(DecisionOptions::default(), &card(), 10);
            let mut windows = vec![A; 20];
            windows.extend([p; 100]);
            surfaces(&mut filter, &windows).iter().position(|surface| *surface == Some(1)).unwrap()
        };
        assert!(delay([0.01, 0.98, 0.01]) < delay([0.3, 0.5, 0.2]));
    }

    #[test]
    fn after_a_reset_the_surface_is_unknown_until_a_window_decides_it() {
        let mut filter = DecisionFilter::new(DecisionOptions::default(), &card(), 10);
        surfaces(&mut filter, &[A; 5]);
        filter.reset();
        assert_eq!(surfaces(&mut filter, &[UNDECIDED, B]), [None, Some(1)]);
    }

    proptest! {
        #[test]
        fn the_posterior_stays_a_distribution_whatever_the_model_gives(
            windows in prop::collection::vec(
                prop::array::uniform3(prop_oneof![0f32..1.0, Just(f32::NAN), Just(0.0), Just(1.0)]),
                1..50,
            ),
        ) {
            let mut filter = DecisionFilter::new(DecisionOptions::default(), &card(), 10);
            for (i, p) in windows.iter().enumerate() {
                let decision = filter.step(Time::from_seconds(i as f64).unwrap(), p);
                prop_assert!((0.0..=1.0 + 1e-9).contains(&decision.confidence));
                prop_assert!((filter.posterior.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            }
        }
    }
}
