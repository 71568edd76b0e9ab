//! From the probabilities of a stream's windows to its surface.
//!
//! The probability of each surface is a prior times evidence (Bayes' rule), as in the forward filter of a hidden Markov
//! model (Rabiner, "A tutorial on hidden Markov models", 1989, section III.A), with exponential forgetting of the
//! evidence (Kulhavý and Zarrop, "On a general concept of forgetting", 1993):
//!
//! - **Prior.** A robot stays on a surface for `dwell` seconds on average. Over a window of `W` seconds it therefore stays on
//!   the surface that is named with probability `exp(-W / dwell)`, and otherwise moves to any of the other surfaces
//!   with equal probability. While the evidence speaks for another surface, the prior is that of all this time, so that
//!   weak evidence decides in the end, too. Before a surface is named, all are equally likely.
//! - **Evidence.** The evidence of a window for a surface is the model's probability of it (Bourlard and Morgan, 1994).
//!   Training gives every surface the same weight, so there is no prior to divide by. Windows overlap, so those of the
//!   last moment say the same thing again and again: their evidence is averaged, as the mean of its logarithm over about
//!   the last ninth of a window, and counts as `evidence` independent observations.
//! - **Outliers.** One window in ten is assumed to say nothing, as windows across a boundary, a bump or a turn do. The
//!   model's confidence does not show which ones, so the probabilities of every window are mixed with uniform ones by
//!   that share.
//!
//! Why is evidence forgotten so soon? A window holds its own past already: one that ends a second after a boundary is
//! for the most part about the surface before it. A filter that also adds up the evidence of windows before that one has
//! to unlearn it first. Measured by `scripts/measure-decisions` on drives of four robots that the networks had not seen,
//! with both checks of `[quality]` off, the new surface is decided 0.65 to 0.78 windows after the boundary; a filter that
//! adds up evidence over `dwell` took 0.77 to 0.90, and changed the surface 1.1 to 1.8 times where this one changes it 1.2
//! to 1.95 times. A single window names the new surface 0.5 to 0.63 windows after the boundary, and no rule on these
//! windows can be sooner.
//!
//! Why not a majority vote over the last n windows? Its only setting, n, determines both how many wrong windows it
//! tolerates and how long it takes to notice a new surface, and a window with a confidence of 51 % counts as much as one
//! with 99 %. This filter is fast when the evidence is strong and slow when it is weak, and it gives a probability. Its
//! settings are in seconds and probabilities, so they hold at any hop.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::card::Card;
use crate::signal::Time;

/// The share of windows that are assumed to say nothing. On spliced drives of four robots, 0.01 to 0.1 did equally
/// well.
const OUTLIERS: f64 = 0.1;
/// The time over which evidence is forgotten, as a share of a window. On the same drives, 0.08 to 0.17 trade speed for
/// steadiness.
const MEMORY: f64 = 0.11;

/// The section `[decide]` of the configuration: how probabilities become a decision.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DecisionOptions {
    /// How long a robot stays on a surface, on average.
    #[serde(with = "humantime_serde")]
    pub dwell: Duration,
    /// Effective independent observations in the last windows. With more of them a new surface is noticed sooner, and
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
        Self { dwell: Duration::from_secs(20), evidence: 6.0, min_confidence: 0.5, hysteresis: 0.2 }
    }
}

/// The decision after a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// The index of the surface among the labels. `None` if it is [`UNKNOWN`](crate::model::card::UNKNOWN).
    pub surface: Option<usize>,
    /// The probability of the surface given the last windows and the surface named before, from 0 to 1. If the surface
    /// is unknown, it is that of the likeliest surface.
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
    /// The length of a window in seconds.
    window: f64,
    /// The time between two windows in seconds.
    hop: f64,
    /// The forgotten mean of the logarithm of the evidence for each surface.
    evidence: Vec<f64>,
    /// The probability of each surface.
    posterior: Vec<f64>,
    /// For how many seconds the evidence has spoken for another surface than the one that is named.
    doubted: f64,
    /// The time of the previous window. `None` after a reset.
    last: Option<Time>,
    /// The index of the surface that is named now.
    surface: Option<usize>,
}

impl DecisionFilter {
    /// Creates a filter for the model with this card, whose windows are `hop` steps apart.
    pub fn new(options: DecisionOptions, card: &Card, hop: usize) -> Self {
        let labels = card.labels.len();
        let (window, hop) = (card.window as f64 / card.rate, hop as f64 / card.rate);
        let (evidence, posterior) = (vec![0.0; labels], vec![0.0; labels]);
        Self { options, window, hop, evidence, posterior, doubted: 0.0, last: None, surface: None }
    }

    /// Adds the probabilities of a window, one for each label, and decides. `time` is that of the window's
    /// last step.
    pub fn step(&mut self, time: Time, probabilities: &[f32]) -> Decision {
        let labels = self.posterior.len() as f64;
        let passed = match self.last.replace(time) {
            Some(last) => (time.since(last) as f64 / 1e9).max(self.hop),
            None => {
                // Nothing speaks for any surface yet.
                self.evidence.fill(0.0);
                self.hop
            }
        };
        let keep = (-passed / (MEMORY * self.window)).exp();
        for (index, evidence) in self.evidence.iter_mut().enumerate() {
            let p = probabilities.get(index).copied().unwrap_or_default();
            // NaN, which a broken model may give, counts as no support.
            let p = if p > 0.0 { f64::from(p) } else { 0.0 };
            let new = ((1.0 - OUTLIERS) * p + OUTLIERS / labels).ln();
            *evidence = keep * *evidence + (1.0 - keep) * new;
        }
        let most = self.evidence.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (stay, moved) = self.prior(passed, most);
        for (index, posterior) in self.posterior.iter_mut().enumerate() {
            let evidence = self.evidence.get(index).copied().unwrap_or(most);
            let prior = match self.surface {
                Some(surface) if surface == index => stay,
                Some(_) => moved,
                None => 1.0,
            };
            *posterior = prior * (self.options.evidence * (evidence - most)).exp();
        }
        let sum: f64 = self.posterior.iter().sum();
        self.posterior.iter_mut().for_each(|posterior| *posterior /= sum);
        self.decide()
    }

    /// The prior probabilities that the robot is still on the surface that is named, and that it is on a certain other
    /// one. `most` is the evidence for the surface with most of it.
    fn prior(&mut self, passed: f64, most: f64) -> (f64, f64) {
        let named = self.surface.and_then(|surface| self.evidence.get(surface));
        self.doubted =
            if named.is_none_or(|evidence| *evidence >= most) { 0.0 } else { self.doubted + passed };
        let time = self.window.max(passed).max(self.doubted);
        let labels = self.posterior.len() as f64;
        // After a long time, the surface that was named is as likely as any other.
        let stay = (-time / self.options.dwell.as_secs_f64()).exp().max(1.0 / labels);
        (stay, ((1.0 - stay) / (labels - 1.0).max(1.0)).max(f64::MIN_POSITIVE))
    }

    /// Takes over the settings of another filter for the same labels, and keeps what is known about the
    /// surface.
    pub fn reconfigure(&mut self, other: &DecisionFilter) {
        self.options = other.options;
        (self.window, self.hop) = (other.window, other.hop);
    }

    /// Forgets all windows. The surface is unknown until the next window, which is handled as the first one.
    pub fn reset(&mut self) {
        self.last = None;
        self.surface = None;
    }

    fn decide(&mut self) -> Decision {
        let likeliest = (0..self.posterior.len())
            .max_by(|a, b| self.posterior[*a].total_cmp(&self.posterior[*b]))
            .unwrap_or(0);
        let confidence = |surface: usize| self.posterior.get(surface).copied().unwrap_or(0.0);
        let keep = self.options.min_confidence - self.options.hysteresis;
        let before = self.surface;
        self.surface = if confidence(likeliest) >= self.options.min_confidence {
            Some(likeliest)
        } else {
            self.surface.filter(|surface| confidence(*surface) >= keep)
        };
        if self.surface != before {
            self.doubted = 0.0;
        }
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
    fn a_change_is_followed_before_a_window_has_passed_at_any_hop() {
        for hop in [1, 5, 10, 25] {
            let mut filter = DecisionFilter::new(DecisionOptions::default(), &card(), hop);
            // Windows of 1 s that end after a boundary at 10 s, and are of the new surface as far as they are new.
            let step = 0.01 * hop as f64;
            let delay = (0..).map(|index| f64::from(index) * step).find_map(|time| {
                let new = (time - 10.0).clamp(0.0, 1.0) as f32;
                let p = [0.9 - 0.8 * new, 0.05 + 0.8 * new, 0.05];
                let surface = filter.step(Time::from_seconds(time).unwrap(), &p).surface;
                (surface == Some(1)).then_some(time - 10.0)
            });
            assert!((0.5..1.0).contains(&delay.unwrap()), "hop {hop}: {delay:?}");
        }
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
