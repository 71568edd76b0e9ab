//! Derives the findings from the measurements. It only applies rules: nothing is trained or timed here.
//!
//! - [`evidence`]: all measurements that the rules use.
//! - [`certainty`]: what counts beyond chance, given how many tests were made.
//! - [`criteria`]: what a change has to improve to show a cause.
//! - [`families`]: the tests, in two families that are corrected each for itself.
//! - [`finding`]: a cause with its evidence and advice on how to fix it.
//! - [`data_rules`]: the rules for causes in the recordings and their labels.
//! - [`training_rules`]: the rules for causes in the settings.
//! - [`health`]: the conditions of a healthy run.
//! - [`tendency`]: what seems to help, but is not certain.

pub(crate) mod certainty;
pub(crate) mod criteria;
pub(crate) mod data_rules;
pub(crate) mod evidence;
pub(crate) mod families;
pub(crate) mod finding;
pub(crate) mod health;
pub(crate) mod tendency;
pub(crate) mod training_rules;

use std::collections::BTreeSet;

use self::data_rules::{faults, inseparable_surfaces, not_separable, session_confounded};
use self::evidence::Evidence;
use self::finding::{Finding, Priority};
use self::health::{network_behind_trees, too_few_recordings, too_many_epochs};
use self::training_rules::{effective_changes, explained_spike};

/// The causes for which there is enough evidence, each at most once. The first is the one to fix first.
pub(crate) fn findings(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut found = faults(evidence);
    found.extend(session_confounded(evidence));
    if let Some(nothing_to_learn) = not_separable(evidence) {
        // Gains by other settings are chance.
        found.retain(|finding| finding.priority == Priority::MeaninglessScores);
        found.push(nothing_to_learn);
    } else {
        let rules = [inseparable_surfaces, explained_spike, too_many_epochs];
        found.extend(rules.into_iter().filter_map(|rule| rule(evidence)));
        found.extend(effective_changes(evidence));
        found.extend(network_behind_trees(evidence));
        found.extend(too_few_recordings(evidence));
    }
    sort(&mut found);
    found
}

/// Puts the cause to fix first at the front, and keeps each cause once.
pub(crate) fn sort(findings: &mut Vec<Finding>) {
    findings.sort_by(|one, other| one.priority.cmp(&other.priority).then(other.score.total_cmp(&one.score)));
    let mut seen = BTreeSet::new();
    findings.retain(|finding| seen.insert(finding.cause));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::diagnose::cause::Cause;
    use crate::train::diagnose::experiments::change::Change;
    use crate::train::diagnose::experiments::effect::Effect;
    use crate::train::diagnose::experiments::outcome::ExperimentOutcome;
    use crate::train::diagnose::experiments::trial::Trial;
    use crate::train::diagnose::inspection::Inspection;
    use crate::train::diagnose::inspection::label_errors::LabelledStretch;
    use crate::train::diagnose::inspection::neighbours::NeighbourError;
    use crate::train::diagnose::inspection::sessions::SessionFall;
    use crate::train::diagnose::statistics::estimate::Estimate;
    use crate::train::fit::epoch::Epoch;
    use crate::train::options::FitOptions;
    use crate::train::tests::sine_waves;
    use crate::train::time_scores::HeldOut;

    type Outcomes = Vec<Option<ExperimentOutcome>>;

    /// The outcomes of five seeds with about this accuracy, in another order for each `shift`. The training loss is
    /// 0.02, and higher by `swing` in every 20th epoch.
    fn outcomes(accuracy: f64, swing: f64, shift: usize) -> Outcomes {
        let one = |seed: usize| {
            let epoch = |epoch: usize| Epoch {
                epoch,
                loss: 0.02 + if epoch.is_multiple_of(20) { swing } else { 0.0 },
                accuracy: 1.0,
                validation_loss: Some(0.5),
                validation_accuracy: Some(accuracy),
                learning_rate: 1e-3,
            };
            let accuracy = accuracy + 0.002 * ((seed + shift) % 5) as f64;
            Some(ExperimentOutcome {
                history: (1..=100).map(epoch).collect(),
                accuracy,
                rarest_recall: accuracy,
                validation_loss: 0.5,
                training_loss: 0.02,
                roughness: swing / 20.0,
                validation_roughness: 0.0,
                diverged: false,
                accuracies: vec![accuracy; 100],
                recordings: Default::default(),
            })
        };
        (0..5).map(one).collect()
    }

    /// A trial of a change with the outcomes `after`.
    fn trial(change: Change, cause: impl Into<Option<Cause>>, control: &Outcomes, after: Outcomes) -> Trial {
        Trial {
            change,
            cause: cause.into(),
            options: FitOptions { clip: 0.5, ..FitOptions::default() },
            epochs_asked: 1,
            expected: false,
            before: control.clone(),
            effect: Effect::of(control, &after, 0.25),
            outcomes: after,
            missing_seconds: 0.0,
        }
    }

    /// The measurements of a test.
    struct Measured<'a> {
        batch_size: usize,
        control: &'a Outcomes,
        trials: &'a [Trial],
        /// The balanced accuracy of trees, on all drives and with each seed.
        trees: f64,
        /// So many of 20 drives look like another surface.
        suspected: usize,
        /// How much worse trees do later.
        fall: Option<SessionFall>,
    }

    fn causes(Measured { batch_size, control, trials, trees, suspected, fall }: Measured<'_>) -> Vec<Cause> {
        let dataset = sine_waves(4, 5, 2);
        let options = FitOptions { batch_size, ..FitOptions::default() };
        let stretches: Vec<LabelledStretch> = (0..20)
            .map(|stretch| LabelledStretch {
                recording: String::new(),
                label: String::new(),
                looks_like: String::new(),
                own: 0.9,
                other: 0.1,
                suspected: stretch < suspected,
                windows: Vec::new(),
            })
            .collect();
        let inspection = Inspection {
            labels: 4,
            channels: Vec::new(),
            live: vec![0],
            outliers: Vec::new(),
            duplicates: Vec::new(),
            mixed_units: Vec::new(),
            outlier_windows: Default::default(),
            stretches,
            neighbours: NeighbourError { error: 0.0, low: 0.0, high: 0.0 },
            trees,
            leaky_trees: trees,
            session_fall: fall,
        };
        let by_seed: Vec<Option<f64>> = (0..5).map(|seed| Some(trees + 0.002 * f64::from(seed))).collect();
        let evidence = Evidence {
            options: &options,
            dataset: &dataset,
            inspection: &inspection,
            control,
            trees: &by_seed,
            trials,
            overlap: 0.25,
            shortened: false,
            unfinished: false,
            steepest: None,
            history: &[],
            spike: None,
            earlier_tests: &Default::default(),
        };
        findings(&evidence).iter().map(|finding| finding.cause).collect()
    }

    /// The causes that are found in a run with batches of 32 windows, of which trees get `trees` right.
    fn found(control: &Outcomes, trials: &[Trial], trees: f64) -> Vec<Cause> {
        causes(Measured { batch_size: 32, control, trials, trees, suspected: 0, fall: None })
    }

    #[test]
    fn surfaces_in_sessions_of_their_own_are_named_if_trees_fall_from_one_session_to_another() {
        let control = outcomes(0.9, 0.0, 0);
        let named = |falls: [f64; 3], is_apart: bool| {
            let fall = Estimate::of(&falls, 0.0).unwrap();
            let (by_recording, in_time) = (0.95, 0.95 - fall.mean);
            let fall = Some(SessionFall { held_out: HeldOut::Later, by_recording, in_time, fall, is_apart });
            causes(Measured {
                batch_size: 32,
                control: &control,
                trials: &[],
                trees: 0.9,
                suspected: 0,
                fall,
            })
        };
        assert_eq!(named([0.28, 0.3, 0.32], true), [Cause::SessionConfounded]);
        assert_eq!(named([0.28, 0.3, 0.32], false), [], "the surfaces were recorded in turns");
        assert_eq!(named([0.03, 0.04, 0.05], true), [], "the fall is small");
        assert_eq!(named([-0.5, 0.3, 0.9], true), [], "the fall may be chance");
    }

    #[test]
    fn changes_that_fix_nothing_are_not_named_and_the_most_effective_one_is_first() {
        let control = outcomes(0.8, 0.0, 0);
        let trials = [
            trial(Change::LowerLearningRate, Cause::LearningRateTooHigh, &control, outcomes(0.81, 0.0, 1)),
            trial(
                Change::FewerUnits { from: 64, to: 12 },
                Cause::NetworkTooLarge,
                &control,
                outcomes(0.85, 0.0, 2),
            ),
            trial(Change::NoDropout, Cause::RegularisationTooStrong, &control, outcomes(0.92, 0.0, 3)),
        ];
        assert_eq!(found(&control, &trials, 0.82), [Cause::RegularisationTooStrong, Cause::NetworkTooLarge]);
        assert_eq!(found(&control, &trials[..1], 0.82), []);
    }

    #[test]
    fn a_gain_that_may_be_chance_among_so_many_changes_is_not_named() {
        let control = outcomes(0.8, 0.0, 0);
        // The gains of the seeds are 0.00 to 0.16: enough for one test, and not for one of twenty.
        let mut after = outcomes(0.8, 0.0, 0);
        after.iter_mut().flatten().enumerate().for_each(|(seed, one)| one.accuracy += 0.04 * seed as f64);
        let gain = || trial(Change::LowerLearningRate, Cause::LearningRateTooHigh, &control, after.clone());
        let estimate = gain().effect.unwrap().accuracy;
        assert!(estimate.mean > 0.05 && estimate.p < 0.08, "{estimate:?}");
        let nothing =
            || trial(Change::NoDropout, Cause::RegularisationTooStrong, &control, outcomes(0.8, 0.0, 1));
        let many: Vec<Trial> = std::iter::once(gain()).chain((0..19).map(|_| nothing())).collect();
        assert_eq!(found(&control, &many, 0.8), []);
    }

    #[test]
    fn a_change_that_is_expected_to_help_is_not_weakened_by_many_others() {
        let control = outcomes(0.8, 0.0, 0);
        // The gains of the seeds are 0.02 to 0.10.
        let mut after = outcomes(0.8, 0.0, 0);
        after
            .iter_mut()
            .flatten()
            .enumerate()
            .for_each(|(seed, one)| one.accuracy += 0.02 * (seed + 1) as f64);
        let nothing =
            || trial(Change::NoDropout, Cause::RegularisationTooStrong, &control, outcomes(0.8, 0.0, 1));
        let with = |expected: bool| {
            let gain = trial(Change::BalancedWeights, Cause::ClassImbalance, &control, after.clone());
            let all = (0..19).map(|_| nothing()).chain([Trial { expected, ..gain }]);
            found(&control, &all.collect::<Vec<_>>(), 0.8)
        };
        assert_eq!((with(false), with(true)), (vec![], vec![Cause::ClassImbalance]));
    }

    #[test]
    fn small_batches_are_named_before_changes_that_only_calm_their_noise() {
        let control = outcomes(0.7, 0.0, 0);
        let trials = [
            trial(Change::LowerLearningRate, Cause::LearningRateTooHigh, &control, outcomes(0.85, 0.0, 1)),
            trial(
                Change::BatchSize { from: 2, to: 32 },
                Cause::BatchTooSmall,
                &control,
                outcomes(0.8, 0.0, 2),
            ),
        ];
        let of = |batch_size| {
            causes(Measured {
                batch_size,
                control: &control,
                trials: &trials,
                trees: 0.72,
                suspected: 0,
                fall: None,
            })[0]
        };
        assert_eq!((of(2), of(32)), (Cause::BatchTooSmall, Cause::LearningRateTooHigh));
    }

    #[test]
    fn another_optimiser_that_helps_is_not_called_a_learning_rate() {
        let control = outcomes(0.8, 0.0, 0);
        let lower =
            trial(Change::LowerLearningRate, Cause::LearningRateTooHigh, &control, outcomes(0.7, 0.0, 1));
        let adamw = trial(Change::AdamW, Cause::WrongOptimizer, &control, outcomes(0.9, 0.0, 2));
        assert_eq!(found(&control, &[lower, adamw.clone()], 0.8), [Cause::WrongOptimizer]);
        // If a tenth of the learning rate does as much, that is the simpler cause.
        let lower =
            trial(Change::LowerLearningRate, Cause::LearningRateTooHigh, &control, outcomes(0.9, 0.0, 1));
        assert_eq!(found(&control, &[lower, adamw], 0.8), [Cause::LearningRateTooHigh]);
    }

    #[test]
    fn late_spikes_are_named_where_a_calmer_training_does_not_have_them() {
        let control = outcomes(0.8, 1.0, 0);
        let calmer = || outcomes(0.8, 0.1, 1);
        let clipped = |control: &Outcomes| trial(Change::Clip, Cause::GradientSpikes, control, calmer());
        assert_eq!(found(&control, &[clipped(&control)], 0.8), [Cause::GradientSpikes]);
        let smooth = outcomes(0.8, 0.0, 0);
        assert_eq!(found(&smooth, &[clipped(&smooth)], 0.8), []);
    }

    #[test]
    fn no_setting_is_named_where_nothing_is_better_than_guessing() {
        let control = outcomes(0.2, 0.0, 0);
        let trials =
            [trial(Change::LowerLearningRate, Cause::LearningRateTooHigh, &control, outcomes(0.28, 0.0, 1))];
        assert_eq!(found(&control, &trials, 0.25), [Cause::NotSeparable]);
        assert_eq!(found(&control, &trials, 0.9), [Cause::LearningRateTooHigh, Cause::NetworkBehindTrees]);
    }

    #[test]
    fn trees_that_are_ahead_are_named_unless_a_setting_explains_it() {
        let control = outcomes(0.8, 0.0, 0);
        assert_eq!(found(&control, &[], 0.91), [Cause::NetworkBehindTrees]);
        assert_eq!(found(&control, &[], 0.82), []);
        let trials =
            [trial(Change::NoDropout, Cause::RegularisationTooStrong, &control, outcomes(0.9, 0.0, 1))];
        assert_eq!(found(&control, &trials, 0.91), [Cause::RegularisationTooStrong]);
    }

    #[test]
    fn a_learning_curve_that_still_rises_asks_for_more_recordings() {
        let control = outcomes(0.8, 0.0, 0);
        let half = |accuracy| {
            trial(Change::RecordingShare { percent: 50 }, None, &control, outcomes(accuracy, 0.0, 1))
        };
        assert_eq!(found(&control, &[half(0.7)], 0.8), [Cause::TooFewRecordings]);
        assert_eq!(found(&control, &[half(0.78)], 0.8), []);
        // Trees that are far ahead get more out of the recordings that there are.
        assert_eq!(found(&control, &[half(0.7)], 0.95), [Cause::NetworkBehindTrees]);
    }

    #[test]
    fn a_validation_loss_that_climbs_is_named_only_if_it_costs_accuracy() {
        let with_climb = |at_best: f64| -> Outcomes {
            let mut control = outcomes(0.8, 0.0, 0);
            for outcome in control.iter_mut().flatten() {
                for epoch in &mut outcome.history {
                    epoch.validation_loss = Some(if epoch.epoch <= 50 { 0.3 } else { 0.6 });
                }
                outcome.validation_loss = 0.6;
                outcome.accuracies[..50].fill(outcome.accuracy - 0.8 + at_best);
            }
            control
        };
        assert_eq!(found(&with_climb(0.9), &[], 0.8), [Cause::TooManyEpochs]);
        assert_eq!(found(&with_climb(0.81), &[], 0.8), []);
    }
}
