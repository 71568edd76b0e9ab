//! Two models on the same recordings, by recording and by surface.

use std::collections::BTreeMap;

use super::answer_times::AnswerTimes;
use super::mcnemar::{FEWEST, McNemar, SIGNIFICANT};
use super::trace::DecisionTrace;
use crate::recordings::labels::Labels;

/// Two models on one recording.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ComparedRecording {
    pub name: String,
    /// The whole time, labelled or not.
    pub all: AnswerTimes,
    /// The time on surfaces that both models know, which is what they are scored on.
    pub scored: AnswerTimes,
    /// The number of these surfaces.
    pub surfaces: usize,
}

/// Two models on one actual surface.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ComparedSurface {
    /// Whether the surface is a label of each model.
    pub known: [bool; 2],
    pub times: AnswerTimes,
    /// The number of recordings with this surface.
    pub recordings: usize,
}

/// Which of two models is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ModelJudgement {
    /// The first one is better.
    ABetter,
    /// The second one is better.
    BBetter,
    /// On every recording, both are right equally long.
    NoDifference,
    /// The difference is within what chance does.
    Unclear,
    /// They differ on too few recordings for any certainty.
    TooFew,
    /// One of them was trained on the recordings.
    Unfair,
    /// Nothing is known about the actual surfaces, or no model knows a surface that the other one knows.
    NotMeasured,
}

/// Two models, A and B, on the same recordings.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ModelComparison {
    /// The labels of each model.
    labels: [Vec<String>; 2],
    /// The recordings that had a time at which both models had decided.
    pub recordings: Vec<ComparedRecording>,
    /// The recordings without such a time.
    pub without_decisions: Vec<String>,
    /// The actual surfaces, by name.
    pub surfaces: BTreeMap<String, ComparedSurface>,
    /// Whether one of the models was trained on the recordings.
    pub is_unfair: bool,
}

impl ModelComparison {
    /// Two models with these labels, on no recordings so far.
    pub(crate) fn new(labels: [&[String]; 2]) -> Self {
        Self { labels: labels.map(<[String]>::to_vec), ..Self::default() }
    }

    /// Adds a recording with these actual surfaces and the decisions of both models.
    pub(crate) fn add(&mut self, name: &str, truth: &Labels, traces: [&DecisionTrace; 2]) {
        let ([a, b], [own, others]) = (traces, &self.labels);
        let (mut all, mut surfaces) = (AnswerTimes::default(), BTreeMap::<&str, AnswerTimes>::new());
        for stretch in a.shared(b) {
            let [one, other] = stretch.surfaces;
            let answers = [label(own, one), label(others, other)];
            let truth = truth.at(stretch.from);
            let times = AnswerTimes::of(stretch.nanos, answers, truth);
            all += times;
            if let Some(truth) = truth {
                *surfaces.entry(truth).or_default() += times;
            }
        }
        if all.all == 0 {
            self.without_decisions.push(name.to_owned());
            return;
        }
        let mut recording =
            ComparedRecording { name: name.to_owned(), all, scored: AnswerTimes::default(), surfaces: 0 };
        for (label, times) in surfaces {
            let known = self.labels.each_ref().map(|labels| labels.iter().any(|known| known == label));
            if known == [true; 2] {
                recording.scored += times;
                recording.surfaces += 1;
            }
            let surface = self.surfaces.entry(label.to_owned()).or_default();
            surface.known = known;
            surface.times += times;
            surface.recordings += 1;
        }
        self.recordings.push(recording);
    }

    /// The whole time, labelled or not.
    pub(crate) fn all(&self) -> AnswerTimes {
        sum(self.recordings.iter().map(|recording| recording.all))
    }

    /// The time on surfaces that both models know.
    pub(crate) fn scored(&self) -> AnswerTimes {
        sum(self.recordings.iter().map(|recording| recording.scored))
    }

    /// The recordings with a surface that both models know.
    pub(crate) fn scored_recordings(&self) -> impl Iterator<Item = &ComparedRecording> + Clone {
        self.recordings.iter().filter(|recording| recording.scored.all > 0)
    }

    /// The surfaces that both models know, by name.
    pub(crate) fn scored_surfaces(&self) -> impl Iterator<Item = (&str, &ComparedSurface)> + Clone {
        let both = self.surfaces.iter().filter(|(_, surface)| surface.known == [true; 2]);
        both.map(|(name, surface)| (name.as_str(), surface))
    }

    /// On how many recordings each model is right for longer.
    pub(crate) fn mcnemar(&self) -> McNemar {
        McNemar::of(self.scored_recordings().map(|recording| recording.scored.right))
    }

    /// The share of the time in which each model is right, as the mean over the recordings; `None` without any.
    pub(crate) fn by_recording(&self) -> Option<[f64; 2]> {
        mean(self.scored_recordings().filter_map(|recording| recording.scored.right_shares()))
    }

    /// The share of the time in which each model is right, as the mean over the surfaces; `None` without any.
    pub(crate) fn by_surface(&self) -> Option<[f64; 2]> {
        mean(self.scored_surfaces().filter_map(|(_, surface)| surface.times.right_shares()))
    }

    /// Which model is better, by McNemar's test over the recordings.
    pub(crate) fn judgement(&self) -> ModelJudgement {
        let counts = self.mcnemar();
        let [a, b] = counts.better;
        match counts.differing() {
            _ if self.scored().all == 0 => ModelJudgement::NotMeasured,
            _ if self.is_unfair => ModelJudgement::Unfair,
            0 => ModelJudgement::NoDifference,
            differing if differing < FEWEST => ModelJudgement::TooFew,
            _ if counts.p() >= SIGNIFICANT => ModelJudgement::Unclear,
            _ if a > b => ModelJudgement::ABetter,
            _ => ModelJudgement::BBetter,
        }
    }
}

/// The name of a label; `None` for `unknown`.
fn label(labels: &[String], index: Option<usize>) -> Option<&str> {
    labels.get(index?).map(String::as_str)
}

fn sum(times: impl Iterator<Item = AnswerTimes>) -> AnswerTimes {
    times.fold(AnswerTimes::default(), |mut sum, times| {
        sum += times;
        sum
    })
}

/// The mean of several pairs; `None` without any.
fn mean(shares: impl Iterator<Item = [f64; 2]>) -> Option<[f64; 2]> {
    let (sum, count) =
        shares.fold(([0.0; 2], 0usize), |([a, b], count), [one, other]| ([a + one, b + other], count + 1));
    (count > 0).then(|| sum.map(|sum| sum / count as f64))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::signal::Time;

    /// Two models that know tile and wood; B also knows ice.
    pub(in crate::train::compare) fn models() -> ModelComparison {
        let labels = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        ModelComparison::new([&labels(&["tile", "wood"]), &labels(&["wood", "ice", "tile"])])
    }

    /// Adds a recording of ten seconds on one surface. Each model is right for the given number of them and decides
    /// `unknown` for the rest.
    pub(in crate::train::compare) fn add(
        comparison: &mut ModelComparison,
        name: &str,
        surface: Option<&str>,
        right: [i64; 2],
    ) {
        let second = 1_000_000_000;
        let traces = [0, 1].map(|model| {
            let index = comparison.labels[model].iter().position(|label| Some(label.as_str()) == surface);
            let mut trace = DecisionTrace::new(second);
            for at in 0..10 {
                let time = Time::from_nanos(at * second).unwrap();
                trace.push(time, index.filter(|_| at < right[model]));
            }
            trace
        });
        let truth = surface.map(Labels::constant).unwrap_or_default();
        let [a, b] = &traces;
        comparison.add(name, &truth, [a, b]);
    }

    /// A comparison of recordings on tile, in each of which the models are right for so many of ten seconds.
    pub(in crate::train::compare) fn compared(right: &[[i64; 2]]) -> ModelComparison {
        let mut comparison = models();
        for (index, right) in right.iter().enumerate() {
            add(&mut comparison, &format!("drive {index}"), Some("tile"), *right);
        }
        comparison
    }

    #[test]
    fn the_judgement_follows_from_the_recordings_on_which_the_models_differ() {
        assert_eq!(compared(&[[5, 8]; 6]).judgement(), ModelJudgement::BBetter);
        assert_eq!(compared(&[[9, 8]; 6]).judgement(), ModelJudgement::ABetter);
        assert_eq!(compared(&[[5, 8]; 5]).judgement(), ModelJudgement::TooFew);
        let mixed = [[[5, 8]; 4], [[8, 5]; 4]].concat();
        assert_eq!(compared(&mixed).judgement(), ModelJudgement::Unclear);
        assert_eq!(compared(&[[7, 7]; 20]).judgement(), ModelJudgement::NoDifference);
        assert_eq!(compared(&[]).judgement(), ModelJudgement::NotMeasured);
        let unfair = ModelComparison { is_unfair: true, ..compared(&[[5, 8]; 6]) };
        assert_eq!(unfair.judgement(), ModelJudgement::Unfair);
    }

    #[test]
    fn models_are_scored_on_surfaces_that_both_know_whatever_the_order_of_their_labels_is() {
        let mut comparison = compared(&[[10, 4]]);
        add(&mut comparison, "wet", Some("ice"), [0, 10]);
        add(&mut comparison, "dirt", Some("mud"), [0, 0]);
        add(&mut comparison, "no label", None, [0, 0]);
        let counts = comparison.mcnemar();
        assert_eq!((counts.better, counts.equal), ([1, 0], 0), "ice is known to B only");
        assert_eq!((comparison.all().seconds(), comparison.scored().seconds()), (40.0, 10.0));
        assert_eq!(comparison.by_recording(), Some([1.0, 0.4]));
        let ice = &comparison.surfaces["ice"];
        assert_eq!((ice.known, ice.times.right_shares()), ([false, true], Some([0.0, 1.0])));
        assert_eq!(comparison.surfaces["mud"].known, [false, false]);
        // Both are unknown on mud and without a label, and agree for the first four seconds on tile.
        assert_eq!(comparison.all().agreed, 24_000_000_000);
    }

    #[test]
    fn recordings_count_once_each_and_so_do_surfaces() {
        let mut comparison = compared(&[[10, 10], [10, 10], [10, 0]]);
        add(&mut comparison, "other", Some("wood"), [0, 10]);
        let near = |shares: Option<[f64; 2]>, expected: [f64; 2]| {
            let shares = shares.unwrap();
            assert!(
                shares.iter().zip(expected).all(|(one, other)| (one - other).abs() < 1e-12),
                "{shares:?}"
            );
        };
        near(comparison.by_recording(), [0.75, 0.75]);
        near(comparison.by_surface(), [0.5, 5.0 / 6.0]);
        assert_eq!(comparison.surfaces["tile"].recordings, 3);
    }

    #[test]
    fn a_recording_on_which_a_model_decides_nothing_is_named() {
        let mut comparison = models();
        let (mut one, none) = (DecisionTrace::new(1), DecisionTrace::new(1));
        one.push(Time::from_seconds(1.0).unwrap(), Some(0));
        comparison.add("short", &Labels::constant("tile"), [&one, &none]);
        assert_eq!(comparison.without_decisions, ["short"]);
        assert!(comparison.recordings.is_empty() && comparison.surfaces.is_empty());
    }
}
