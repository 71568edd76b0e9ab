//! Derives the findings from the measurements. It only applies rules: nothing is trained or timed here.
//!
//! - [`evidence`]: all measurements that the rules use.
//! - [`finding`]: a cause with its evidence and advice on how to fix it.
//! - [`data_rules`]: the rules for causes in the recordings and their labels.
//! - [`training_rules`]: the rules for causes in the settings.

pub(crate) mod data_rules;
pub(crate) mod evidence;
pub(crate) mod finding;
pub(crate) mod training_rules;

use std::collections::BTreeSet;

use self::data_rules::{dead_channel, label_errors, leaky_split, not_separable, too_few_windows};
use self::evidence::Evidence;
use self::finding::{Finding, Priority};
use self::training_rules::{effective_change, explained_spike, prefer_batch_size};
use super::cause::Cause;

/// The causes for which there is enough evidence, each at most once. The first is the one to fix first.
pub(crate) fn findings(evidence: &Evidence<'_>) -> Vec<Finding> {
    let rules = [leaky_split, dead_channel, not_separable, label_errors, too_few_windows, explained_spike];
    let mut findings: Vec<Finding> = rules
        .into_iter()
        .filter_map(|rule| rule(evidence))
        .chain(evidence.trials.iter().filter_map(|trial| effective_change(evidence, trial)))
        .collect();
    // If the surfaces cannot be told apart, gains by other settings are chance.
    let not_separable = findings.iter().any(|finding| finding.cause == Cause::NotSeparable);
    findings.retain(|finding| !not_separable || finding.priority == Priority::MeaninglessScores);
    prefer_batch_size(evidence, &mut findings);
    findings.sort_by(|one, other| one.priority.cmp(&other.priority).then(other.score.total_cmp(&one.score)));
    let mut seen = BTreeSet::new();
    findings.retain(|finding| seen.insert(finding.cause));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::diagnose::experiments::change::Change;
    use crate::train::diagnose::experiments::effect::Effect;
    use crate::train::diagnose::experiments::outcome::ExperimentOutcome;
    use crate::train::diagnose::experiments::trial::Trial;
    use crate::train::diagnose::inspection::Inspection;
    use crate::train::diagnose::inspection::label_errors::LabelledStretch;
    use crate::train::diagnose::inspection::neighbours::NeighbourError;
    use crate::train::fit::epoch::Epoch;
    use crate::train::options::FitOptions;
    use crate::train::tests::sine_waves;

    /// The outcomes of five seeds with about this accuracy. The training loss is 0.02, and higher by `swing`
    /// in every 20th epoch.
    fn outcomes(accuracy: f64, swing: f64) -> Vec<Option<ExperimentOutcome>> {
        let one = |seed: usize| {
            let epoch = |epoch: usize| Epoch {
                epoch,
                loss: 0.02 + if epoch.is_multiple_of(20) { swing } else { 0.0 },
                accuracy: 1.0,
                validation_loss: Some(0.5),
                validation_accuracy: Some(accuracy),
                learning_rate: 1e-3,
            };
            let accuracy = accuracy + 0.002 * seed as f64;
            Some(ExperimentOutcome {
                history: (1..=100).map(epoch).collect(),
                accuracy,
                rarest_recall: accuracy,
                validation_loss: 0.5,
                training_loss: 0.02,
                roughness: swing / 20.0,
                validation_roughness: 0.0,
                diverged: false,
            })
        };
        (0..5).map(one).collect()
    }

    /// A trial of a change for `cause` with the outcomes `after`.
    fn trial(
        cause: Cause,
        control: &[Option<ExperimentOutcome>],
        after: Vec<Option<ExperimentOutcome>>,
    ) -> Trial {
        Trial {
            change: Change::Clip,
            cause: Some(cause),
            options: FitOptions { clip: 0.5, ..FitOptions::default() },
            effect: Effect::of(control, &after),
            outcomes: after,
        }
    }

    /// The causes that are found with these outcomes and this accuracy of trees, without suspected drives.
    fn causes(
        batch_size: usize,
        control: &[Option<ExperimentOutcome>],
        trials: &[Trial],
        trees: f64,
    ) -> Vec<Cause> {
        causes_of_suspected(0, batch_size, control, trials, trees)
    }

    /// The causes that are found if `suspected` of 20 drives look like another surface.
    fn causes_of_suspected(
        suspected: usize,
        batch_size: usize,
        control: &[Option<ExperimentOutcome>],
        trials: &[Trial],
        trees: f64,
    ) -> Vec<Cause> {
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
            mixed_units: Vec::new(),
            outliers: Vec::new(),
            channels: Vec::new(),
            duplicates: Vec::new(),
            stretches,
            neighbours: NeighbourError { error: 0.0, low: 0.0, high: 0.0 },
            trees,
            leaky_trees: trees,
        };
        let evidence = Evidence {
            options: &options,
            dataset: &dataset,
            inspection: &inspection,
            control,
            trials,
            shortened: false,
            steepest: None,
            history: &[],
            spike: None,
        };
        findings(&evidence).iter().map(|finding| finding.cause).collect()
    }

    #[test]
    fn changes_that_fix_nothing_are_not_named_and_the_most_effective_one_is_first() {
        let control = outcomes(0.8, 0.0);
        let trials = [
            trial(Cause::LearningRateTooHigh, &control, outcomes(0.81, 0.0)),
            trial(Cause::NetworkTooLarge, &control, outcomes(0.85, 0.0)),
            trial(Cause::RegularisationTooStrong, &control, outcomes(0.92, 0.0)),
        ];
        assert_eq!(
            causes(32, &control, &trials, 0.9),
            [Cause::RegularisationTooStrong, Cause::NetworkTooLarge]
        );
        assert_eq!(causes(32, &control, &trials[..1], 0.9), []);
    }

    #[test]
    fn small_batches_are_named_before_changes_that_only_calm_their_noise() {
        let control = outcomes(0.7, 0.0);
        let trials = [
            trial(Cause::LearningRateTooHigh, &control, outcomes(0.85, 0.0)),
            trial(Cause::BatchTooSmall, &control, outcomes(0.8, 0.0)),
        ];
        assert_eq!(causes(2, &control, &trials, 0.9)[0], Cause::BatchTooSmall);
        assert_eq!(causes(32, &control, &trials, 0.9)[0], Cause::LearningRateTooHigh);
    }

    #[test]
    fn late_spikes_are_named_where_a_calmer_training_does_not_have_them() {
        let control = outcomes(0.8, 1.0);
        let calmer = || outcomes(0.8, 0.1);
        let trials = [trial(Cause::GradientSpikes, &control, calmer())];
        assert_eq!(causes(32, &control, &trials, 0.9), [Cause::GradientSpikes]);
        let smooth = outcomes(0.8, 0.0);
        assert_eq!(causes(32, &smooth, &[trial(Cause::GradientSpikes, &smooth, calmer())], 0.9), []);
    }

    #[test]
    fn no_setting_is_named_where_nothing_is_better_than_guessing() {
        let control = outcomes(0.2, 0.0);
        let trials = [trial(Cause::LearningRateTooHigh, &control, outcomes(0.28, 0.0))];
        assert_eq!(causes(32, &control, &trials, 0.25), [Cause::NotSeparable]);
        assert_eq!(causes(32, &control, &trials, 0.9), [Cause::LearningRateTooHigh]);
    }

    #[test]
    fn label_errors_are_not_named_where_most_drives_look_wrong_and_scores_are_near_guessing() {
        let control = outcomes(0.2, 0.0);
        let of = |suspected| causes_of_suspected(suspected, 32, &control, &[], 0.44);
        assert_eq!((of(4), of(12)), (vec![Cause::LabelErrors], vec![Cause::NotSeparable]));
    }
}
