//! From the model's answers to a stream's windows to its surface.
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
//! - **Unknown surfaces.** The novelty of the windows says how likely it is that the robot is on none of these surfaces;
//!   the probabilities of the surfaces share the rest. [`UnknownState`] has this evidence.
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

use super::unknown_state::{USUAL_ALLOWANCE, UnknownState};
use crate::model::answers::Answer;
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
    /// How much the novelty of the windows counts, from 0, not at all, to 1. It only counts with a model that says it.
    pub novelty: f64,
}

impl Default for DecisionOptions {
    fn default() -> Self {
        Self {
            dwell: Duration::from_secs(20),
            evidence: 6.0,
            min_confidence: 0.5,
            hysteresis: 0.2,
            novelty: 1.0,
        }
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
    /// Whether the surface is unknown because it is more likely one that the model does not know than any of its own.
    pub is_novel: bool,
}

impl Decision {
    /// The decision when nothing is known.
    pub const UNKNOWN: Self = Self { surface: None, confidence: 0.0, is_novel: false };
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
    /// Whether the robot is on a surface that the model does not know.
    unknown: UnknownState,
    /// What the model's card takes from the evidence of its novelty.
    novelty_allowance: f64,
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
        let novelty_allowance = card.novelty_allowance.unwrap_or(USUAL_ALLOWANCE);
        Self {
            options,
            window,
            hop,
            evidence,
            unknown: UnknownState::new(),
            novelty_allowance,
            posterior,
            doubted: 0.0,
            last: None,
            surface: None,
        }
    }

    /// Adds the answer to a window, with a probability for each label, and decides. `time` is that of the window's
    /// last step.
    pub fn step(&mut self, time: Time, answer: Answer<'_>) -> Decision {
        let labels = self.posterior.len() as f64;
        let (passed, new) = match self.last.replace(time) {
            Some(last) => {
                let passed = (time.since(last) as f64 / 1e9).max(self.hop);
                (passed, (passed / self.window).min(1.0))
            }
            None => {
                // Nothing speaks for any surface yet.
                self.evidence.fill(0.0);
                self.unknown = UnknownState::new();
                (self.hop, 1.0)
            }
        };
        let unknown = self.unknown.step(answer.novelty, self.options.novelty, self.novelty_allowance, new);
        let keep = (-passed / (MEMORY * self.window)).exp();
        for (index, evidence) in self.evidence.iter_mut().enumerate() {
            let p = answer.probabilities.get(index).copied().unwrap_or_default();
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
        self.posterior.iter_mut().for_each(|posterior| *posterior = *posterior / sum * (1.0 - unknown));
        self.decide(unknown)
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
        (self.options, self.novelty_allowance) = (other.options, other.novelty_allowance);
        (self.window, self.hop) = (other.window, other.hop);
    }

    /// Forgets all windows. The surface is unknown until the next window, which is handled as the first one.
    pub fn reset(&mut self) {
        self.last = None;
        self.surface = None;
    }

    /// Takes a surface for the one that was named before the first window, so that it needs less evidence than the others.
    /// `surface` is an index among the labels.
    pub(super) fn expect(&mut self, surface: usize) {
        self.surface = Some(surface);
    }

    /// Decides. `unknown` is the probability that the model does not know the surface.
    fn decide(&mut self, unknown: f64) -> Decision {
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
        let confidence = confidence(self.surface.unwrap_or(likeliest));
        let is_novel = self.surface.is_none() && unknown > confidence;
        Decision { surface: self.surface, confidence, is_novel }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_distr::{Distribution, StandardNormal};
    use rand_pcg::Pcg64;

    use super::*;

    fn card() -> Card {
        Card::of_test(100, 10, &["a", "b", "c"])
    }

    fn of(probabilities: &[f32]) -> Answer<'_> {
        Answer { probabilities, novelty: None }
    }

    fn surfaces(filter: &mut DecisionFilter, windows: &[[f32; 3]]) -> Vec<Option<usize>> {
        let step = |(i, p): (usize, &[f32; 3])| {
            filter.step(Time::from_seconds(0.1 * i as f64).unwrap(), of(p)).surface
        };
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
                let surface = filter.step(Time::from_seconds(time).unwrap(), of(&p)).surface;
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

    /// The decisions on windows of a robot on the first surface, ten in a window's length, with this novelty each.
    fn on_the_first(
        filter: &mut DecisionFilter,
        novelty: impl IntoIterator<Item = Option<f32>>,
    ) -> Vec<Decision> {
        let step = |(index, novelty): (usize, Option<f32>)| {
            let time = Time::from_seconds(0.1 * index as f64).unwrap();
            filter.step(time, Answer { probabilities: &A, novelty })
        };
        novelty.into_iter().enumerate().map(step).collect()
    }

    /// The novelty of `count` windows on known surfaces. Each value is equally likely, and windows resemble each other as far
    /// as they overlap, ten in a window's length.
    fn known(count: usize) -> Vec<f32> {
        let mut rng = Pcg64::new(1, 0);
        let steps: Vec<f64> = (0..count + 9).map(|_| StandardNormal.sample(&mut rng)).collect();
        let sums: Vec<f64> = steps.windows(10).map(|steps| steps.iter().sum()).collect();
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by(|a, b| sums[*a].total_cmp(&sums[*b]));
        let mut novelty = vec![0.0; count];
        order.into_iter().enumerate().for_each(|(rank, window)| novelty[window] = rank as f32 / count as f32);
        novelty
    }

    #[test]
    fn a_run_of_novel_windows_becomes_unknown_and_comes_back_and_one_bump_does_not() {
        let mut filter = DecisionFilter::new(DecisionOptions::default(), &card(), 10);
        let (ordinary, novel) = (Some(0.5), Some(0.999));
        // A bump is in all windows of a window's length, and a few more.
        let bump = [vec![ordinary; 30], vec![novel; 12], vec![ordinary; 60]].concat();
        let decisions = on_the_first(&mut filter, bump);
        assert!(decisions.iter().all(|decision| decision.surface == Some(0)), "{decisions:?}");
        filter.reset();
        let new_floor = [vec![ordinary; 30], vec![novel; 100], vec![ordinary; 60]].concat();
        let decisions = on_the_first(&mut filter, new_floor);
        let begins = decisions.iter().position(|decision| decision.is_novel).unwrap();
        let ends = decisions.iter().rposition(|decision| decision.is_novel).unwrap();
        assert!((40..55).contains(&begins), "{begins}");
        assert!((130..160).contains(&ends), "{ends}");
        for (index, decision) in decisions.iter().enumerate() {
            let is_unknown = (begins..=ends).contains(&index);
            assert_eq!((decision.surface.is_none(), decision.is_novel), (is_unknown, is_unknown), "{index}");
        }
        assert!(decisions[100].confidence < 0.2, "{:?}", decisions[100]);
    }

    #[test]
    fn known_windows_are_withheld_in_less_than_one_decision_of_a_hundred() {
        let mut filter = DecisionFilter::new(DecisionOptions::default(), &card(), 10);
        let decisions = on_the_first(&mut filter, known(100_000).into_iter().map(Some));
        let withheld = decisions.iter().filter(|decision| decision.surface.is_none()).count();
        assert!(withheld < 1000, "{withheld}");
        let starts = known(1000).into_iter().filter(|novelty| {
            filter.reset();
            on_the_first(&mut filter, [Some(*novelty)])[0].surface.is_none()
        });
        assert_eq!(starts.count(), 0, "a single window cannot decide");
    }

    #[test]
    fn without_novelty_or_with_a_weight_of_0_nothing_changes() {
        let decide = |weight, novelty: Option<f32>| {
            let options = DecisionOptions { novelty: weight, ..DecisionOptions::default() };
            let mut filter = DecisionFilter::new(options, &card(), 10);
            let windows = [A, A, B, UNDECIDED, B, B, UNDECIDED, A].into_iter().cycle().take(100);
            let step = |(index, p): (usize, [f32; 3])| {
                let time = Time::from_seconds(0.1 * index as f64).unwrap();
                filter.step(time, Answer { probabilities: &p, novelty })
            };
            windows.enumerate().map(step).collect::<Vec<_>>()
        };
        let expected = decide(1.0, None);
        assert_eq!(decide(0.0, Some(1.0)), expected);
        assert_eq!(decide(0.0, None), expected);
        assert_ne!(decide(1.0, Some(1.0)), expected);
        assert!(expected.iter().all(|decision| !decision.is_novel));
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
                let decision = filter.step(Time::from_seconds(i as f64).unwrap(), of(p));
                prop_assert!((0.0..=1.0 + 1e-9).contains(&decision.confidence));
                prop_assert!((filter.posterior.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            }
        }
    }
}
