//! From what was measured to what is wrong: pure rules over effects, in one place.

use super::cause::Cause;
use super::curve::{median, spikes};
use super::inspection::{Inspection, STUCK};
use super::label_errors::Suspect;
use super::runner::ExperimentOutcome;
use super::spike::Spike;
use super::trial::Trial;
use crate::train::data::dataset::Dataset;
use crate::train::fit::epoch::Epoch;
use crate::train::options::FitOptions;

/// A cause, with what speaks for it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Finding {
    /// The cause.
    pub cause: Cause,
    /// By how much mending it raised balanced accuracy on held-out recordings, as a share; of a leaky split, by how much the score is
    /// too good.
    pub effect: f64,
    /// The interval of the effect, at 90 %.
    pub interval: [f64; 2],
    /// What was seen.
    pub evidence: String,
    /// What to do.
    pub fix: String,
    #[serde(skip)]
    score: f64,
    #[serde(skip)]
    rank: u8,
}

/// Everything that a verdict rests on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence<'a> {
    /// The settings that misbehave.
    pub options: &'a FitOptions,
    /// The windows.
    pub dataset: &'a Dataset,
    /// What the recordings show.
    pub inspection: &'a Inspection,
    /// The trainings as they are, seed by seed.
    pub control: &'a [Option<ExperimentOutcome>],
    /// What was tried.
    pub trials: &'a [Trial],
    /// Whether the trainings were cut to fewer epochs than asked for.
    pub shortened: bool,
    /// The learning rate at which the range test's loss falls fastest.
    pub steepest: Option<f64>,
    /// The training as it is, every epoch.
    pub history: &'a [Epoch],
    /// What was measured around its last spike.
    pub spike: Option<&'a Spike>,
}

/// A gain of balanced accuracy that counts.
const ACCURACY: f64 = 0.03;
/// Balanced accuracy from which on a training is good.
const GOOD: f64 = 0.9;
/// A fall of the validation loss that counts: to three quarters, as a logarithm.
const LOSS: f64 = 0.29;
/// A fall of roughness that counts: to half, as a logarithm.
const ROUGHNESS: f64 = 0.69;
/// A training loss that goes up by less than this from epoch to epoch, in nats, is smooth.
pub(crate) const SMOOTH: f64 = 0.02;
/// The share of stretches from which on suspected labels are a cause, and how many there have to be.
const SUSPECTED: (f64, usize) = (0.04, 2);
/// A training loss, in nats, below which a network has learned its windows.
const LEARNED: f64 = 0.1;
/// A jump of the training loss that counts as a spike, in nats.
pub(crate) const SPIKE: f64 = 0.05;

impl Evidence<'_> {
    /// The causes, the first the one to mend first.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> =
            [self.leak(), self.dead(), self.inseparable(), self.labels(), self.few(), self.caught()]
                .into_iter()
                .flatten()
                .chain(self.trials.iter().filter_map(|trial| self.training(trial)))
                .collect();
        let hopeless = findings.iter().any(|finding| finding.cause == Cause::NotSeparable);
        findings.retain(|finding| !hopeless || finding.rank == 0);
        self.prefer_the_batch(&mut findings);
        findings.sort_by(|one, other| one.rank.cmp(&other.rank).then(other.score.total_cmp(&one.score)));
        let mut seen = std::collections::BTreeSet::new();
        findings.retain(|finding| seen.insert(finding.cause));
        findings
    }

    fn trial(&self, cause: Cause) -> Option<&Trial> {
        self.trials.iter().find(|trial| trial.cause == Some(cause))
    }

    fn mean(&self, of: impl Fn(&ExperimentOutcome) -> f64) -> f64 {
        mean(self.control, of)
    }

    fn of(&self, cause: Cause, rank: u8, evidence: String, fix: String) -> Finding {
        let accuracy = self.trial(cause).and_then(|trial| trial.effect).map(|effect| effect.accuracy);
        let sign = if cause == Cause::LeakySplit { -1.0 } else { 1.0 };
        let [low, high] = accuracy.map_or([0.0, 0.0], |a| [a.low, a.high]);
        let interval = if sign < 0.0 { [-high, -low] } else { [low, high] };
        let effect = sign * accuracy.map_or(0.0, |accuracy| accuracy.mean);
        Finding { cause, effect, interval, evidence, fix, score: effect, rank }
    }

    fn leak(&self) -> Option<Finding> {
        let first = self.inspection.duplicates.first()?;
        let name = |index: usize| &self.dataset.recordings[index].name;
        let evidence = format!(
            "{} and {} hold the same drive, step by step{}",
            name(first.one),
            name(first.other),
            match self.inspection.duplicates.len() - 1 {
                0 => String::new(),
                more => format!(", and so do {more} more pairs"),
            }
        );
        let fix =
            "keep one file of each drive, or give both the same group under [group] in dataset.toml".into();
        Some(self.of(Cause::LeakySplit, 0, evidence, fix))
    }

    fn dead(&self) -> Option<Finding> {
        let worst = self.inspection.channels.iter().max_by(|one, other| one.stuck.total_cmp(&other.stuck))?;
        (worst.stuck >= STUCK).then(|| {
            let evidence = format!(
                "channel {:?} does not change at all in {:.0} % of the windows",
                worst.name,
                100.0 * worst.stuck
            );
            let others: Vec<&str> = self
                .inspection
                .channels
                .iter()
                .filter(|c| c.stuck < STUCK)
                .map(|channel| channel.name.as_str())
                .collect();
            let fix = if others.is_empty() {
                "mend the sensor or its wire, and record those drives again".to_owned()
            } else {
                format!(
                    "mend the sensor or its wire; until then leave it out with --channels={}",
                    others.join(",")
                )
            };
            self.of(Cause::DeadChannel, 0, evidence, fix)
        })
    }

    fn inseparable(&self) -> Option<Finding> {
        let labels = self.dataset.card.labels.len() as f64;
        let guess = 1.0 / labels;
        let chance =
            guess + 1.7 * (guess * (1.0 - guess) / self.inspection.stretches.len().max(1) as f64).sqrt();
        let best = self
            .trials
            .iter()
            .filter(|trial| {
                trial.cause.is_some_and(|cause| cause != Cause::LeakySplit && cause != Cause::LabelErrors)
            })
            .map(|trial| mean(&trial.outcomes, |outcome| outcome.accuracy))
            .fold(self.mean(|outcome| outcome.accuracy), f64::max);
        // Where most drives look like another surface there is no telling which labels are wrong.
        let most = 2 * self.suspects().len() > self.inspection.stretches.len();
        let slack = if most { 0.05 } else { 0.0 };
        (self.inspection.trees < chance + slack && best < chance + slack + 0.05).then(|| {
            let evidence = format!(
                "on recordings not seen, trees on summary statistics reach {:.0} % and the best of all networks {:.0} %, where guessing \
                 reaches {:.0} %",
                100.0 * self.inspection.trees,
                100.0 * best,
                100.0 * guess
            );
            let fix = "check how the recordings got their labels; if they are right, add a channel that feels the floor".into();
            self.of(Cause::NotSeparable, 0, evidence, fix)
        })
    }

    fn suspects(&self) -> Vec<&Suspect> {
        self.inspection.stretches.iter().filter(|stretch| stretch.suspected).collect()
    }

    fn labels(&self) -> Option<Finding> {
        let suspects = self.suspects();
        let share = suspects.len() as f64 / self.inspection.stretches.len().max(1) as f64;
        let first = suspects.first()?;
        (share >= SUSPECTED.0 && suspects.len() >= SUSPECTED.1).then(|| {
            let evidence = format!(
                "{} of {} drives look like another surface to a model that has not seen them; {} most of all, which is labelled {} and \
                 looks like {}",
                suspects.len(),
                self.inspection.stretches.len(),
                first.recording,
                first.label,
                first.looks_like
            );
            let fix = "look at the list of suspected recordings, and move those that are wrong to the right folder".into();
            self.of(Cause::LabelErrors, 1, evidence, fix)
        })
    }

    /// Whether more recordings help, which only counts where nothing else is wrong with how they are learned.
    fn few(&self) -> Option<Finding> {
        let half = self.trials.iter().find(|trial| trial.what.starts_with("50 %"))?.effect?.accuracy;
        let accuracy = self.mean(|outcome| outcome.accuracy);
        let fewer = half.mean <= -0.04 && half.high < 0.0;
        (fewer && accuracy < 0.85 && accuracy < self.inspection.trees + 0.05).then(|| Finding {
            cause: Cause::TooFewWindows,
            effect: -half.mean,
            interval: [-half.high, -half.low],
            evidence: format!(
                "with half of the recordings balanced accuracy is {:.1} points lower, so it still rises with every drive",
                -100.0 * half.mean
            ),
            fix: "record more drives of each surface".into(),
            score: 0.0,
            rank: 3,
        })
    }

    /// A spike of the whole curve that the curvature explains, and that shorter steps from before it end.
    fn caught(&self) -> Option<Finding> {
        let (spike, losses) = (self.spike?, self.history.iter().map(|epoch| epoch.loss).collect::<Vec<_>>());
        let (epoch, [before, after]) = (spike.epoch?, spike.calmed?);
        let late = median(losses[losses.len() / 2..].to_vec()) < LEARNED;
        let highest = spike.sharpness.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        let ends = spike.fall.is_some_and(|fall| fall.at_least(ROUGHNESS));
        (late && ends && highest > spike.limit).then(|| Finding {
            cause: Cause::GradientSpikes,
            effect: 0.0,
            interval: [0.0, 0.0],
            evidence: format!(
                "the loss jumps {} times, last at epoch {epoch}, where the valley is {:.0} times as steep as steps of this length allow; trained on \
                 from before it, the loss goes up by {before:.3} nats an epoch, and by {after:.3} at a tenth of the learning rate",
                spikes(&losses, SPIKE).len(),
                highest / spike.limit
            ),
            fix: "let the learning rate fall to 0 over the training: --schedule=cosine".into(),
            score: 0.2,
            rank: 2,
        })
    }

    fn training(&self, trial: &Trial) -> Option<Finding> {
        let (mut cause, effect) = (trial.cause?, trial.effect?);
        if cause == Cause::GradientSpikes && !self.spikes_late() {
            // What calms a training that has not yet learned calms steps that are too long.
            cause = Cause::LearningRateTooHigh;
        }
        if matches!(cause, Cause::LeakySplit | Cause::DeadChannel | Cause::LabelErrors) {
            return None;
        }
        if cause == Cause::LearningRateTooLow && self.shortened {
            // Fewer epochs than asked for make any rate look too low; the range test has to say the same.
            self.steepest.filter(|steepest| *steepest > 5.0 * self.options.learning_rate)?;
        }
        let no_worse = effect.accuracy.mean > -0.02;
        let accuracy = effect.accuracy.at_least(ACCURACY);
        let loss = !trial.other_loss && no_worse && effect.loss.at_least(LOSS);
        let rough = self.mean(|outcome| outcome.roughness);
        // More windows a pass make every pass smoother, and dropout is meant to roughen the training loss and to cost a little of
        // the other: neither says anything.
        let dropout = cause == Cause::RegularisationTooStrong;
        // More windows make any loss lower; where nearly all are told right already, that mends nothing.
        let plenty = cause == Cause::TooFewWindows && self.mean(|outcome| outcome.accuracy) >= GOOD;
        let loss = loss && !dropout && !plenty;
        let smoother = !dropout
            && cause != Cause::TooFewWindows
            && rough >= SMOOTH
            && no_worse
            && effect.roughness.at_least(ROUGHNESS)
            && effect.loss.high >= 0.0;
        let rarest =
            cause == Cause::ClassImbalance && effect.rarest.at_least(0.05) && effect.accuracy.mean > 0.0;
        if !(accuracy || loss || smoother || rarest) {
            return None;
        }
        let score = effect.accuracy.mean.max(0.0)
            + if loss { 0.1 * effect.loss.mean.min(1.0) } else { 0.0 }
            + if smoother { 0.05 * effect.roughness.mean.min(2.0) } else { 0.0 }
            + if rarest { 0.5 * effect.rarest.mean } else { 0.0 };
        let change = |of: &dyn Fn(&ExperimentOutcome) -> f64| (self.mean(of), mean(&trial.outcomes, of));
        let (right, loss, rough) = (
            change(&|outcome| outcome.accuracy),
            change(&|outcome| outcome.loss),
            change(&|outcome| outcome.roughness),
        );
        let evidence = format!(
            "with {}, balanced accuracy goes from {:.1} to {:.1} %, the validation loss from {:.2} to {:.2}, and the training loss goes up by \
             {:.3} and not by {:.3} nats an epoch",
            trial.what,
            100.0 * right.0,
            100.0 * right.1,
            loss.0,
            loss.1,
            rough.1,
            rough.0
        );
        let flags = trial.options.flags(self.options);
        let flags = if cause == Cause::TooFewWindows {
            format!("--hop={}", trial.options.hop.unwrap_or(1))
        } else {
            flags
        };
        let fix = format!("train with {}", if flags.is_empty() { "the change" } else { &flags });
        Some(Finding { score, ..self.of_trial(trial, cause, evidence, fix) })
    }

    fn of_trial(&self, trial: &Trial, cause: Cause, evidence: String, fix: String) -> Finding {
        let accuracy = trial.effect.map(|effect| effect.accuracy);
        let interval = accuracy.map_or([0.0, 0.0], |a| [a.low, a.high]);
        Finding {
            cause,
            effect: accuracy.map_or(0.0, |a| a.mean),
            interval,
            evidence,
            fix,
            score: 0.0,
            rank: 2,
        }
    }

    /// A lower learning rate, fewer units or clipping also calm the noise of tiny batches: where larger ones do about as much, they are
    /// the cause.
    fn prefer_the_batch(&self, findings: &mut [Finding]) {
        let most = findings
            .iter()
            .filter(|finding| finding.rank == 2)
            .map(|finding| finding.score)
            .fold(0.0, f64::max);
        let batch = findings.iter_mut().filter(|finding| finding.cause == Cause::BatchTooSmall);
        for finding in batch.filter(|finding| self.options.batch_size <= 8 && finding.score >= 0.4 * most) {
            finding.score += most;
        }
    }

    /// Whether the loss jumps out of a valley in which it was already small.
    fn spikes_late(&self) -> bool {
        let of = |outcome: &ExperimentOutcome, value: &dyn Fn(&[f64]) -> f64| {
            value(&outcome.history.iter().map(|epoch| epoch.loss).collect::<Vec<_>>())
        };
        let count = median(
            self.control
                .iter()
                .flatten()
                .map(|one| of(one, &|losses| spikes(losses, SPIKE).len() as f64))
                .collect(),
        );
        let small = |losses: &[f64]| median(losses[losses.len() / 2..].to_vec());
        let settled = median(self.control.iter().flatten().map(|one| of(one, &small)).collect());
        count >= 1.0 && settled < LEARNED
    }
}

/// The mean over the seeds that were run; NaN of none.
pub(crate) fn mean(outcomes: &[Option<ExperimentOutcome>], of: impl Fn(&ExperimentOutcome) -> f64) -> f64 {
    let values: Vec<f64> = outcomes.iter().flatten().map(of).collect();
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::diagnose::neighbours::Neighbours;
    use crate::train::diagnose::runner::Effect;
    use crate::train::fit::epoch::Epoch;
    use crate::train::tests::waves;

    /// Five seeds that reach this accuracy, with a training loss that goes up and down by this much around 0.02.
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
                rarest: accuracy,
                loss: 0.5,
                training_loss: 0.02,
                roughness: swing / 20.0,
                validation_roughness: 0.0,
                diverged: false,
            })
        };
        (0..5).map(one).collect()
    }

    fn trial(
        cause: Cause,
        control: &[Option<ExperimentOutcome>],
        after: Vec<Option<ExperimentOutcome>>,
    ) -> Trial {
        Trial {
            what: "a change".into(),
            cause: Some(cause),
            options: FitOptions { clip: 0.5, ..FitOptions::default() },
            effect: Effect::of(control, &after),
            outcomes: after,
            other_loss: false,
        }
    }

    fn causes(
        batch_size: usize,
        control: &[Option<ExperimentOutcome>],
        trials: &[Trial],
        trees: f64,
    ) -> Vec<Cause> {
        causes_of_suspected(0, batch_size, control, trials, trees)
    }

    /// Where so many of 20 drives look like another surface.
    fn causes_of_suspected(
        suspected: usize,
        batch_size: usize,
        control: &[Option<ExperimentOutcome>],
        trials: &[Trial],
        trees: f64,
    ) -> Vec<Cause> {
        let dataset = waves(4, 5, 2);
        let options = FitOptions { batch_size, ..FitOptions::default() };
        let stretches: Vec<Suspect> = (0..20)
            .map(|source| Suspect {
                source,
                recording: String::new(),
                label: String::new(),
                looks_like: String::new(),
                own: 0.9,
                other: 0.1,
                suspected: source < suspected,
                windows: Vec::new(),
            })
            .collect();
        let inspection = Inspection {
            channels: Vec::new(),
            duplicates: Vec::new(),
            stretches,
            neighbours: Neighbours { error: 0.0, low: 0.0, high: 0.0 },
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
        evidence.findings().iter().map(|finding| finding.cause).collect()
    }

    #[test]
    fn what_mends_nothing_is_not_named_and_what_mends_most_stands_first() {
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
    fn tiny_batches_stand_before_what_merely_calms_them() {
        let control = outcomes(0.7, 0.0);
        let trials = [
            trial(Cause::LearningRateTooHigh, &control, outcomes(0.85, 0.0)),
            trial(Cause::BatchTooSmall, &control, outcomes(0.8, 0.0)),
        ];
        assert_eq!(causes(2, &control, &trials, 0.9)[0], Cause::BatchTooSmall);
        assert_eq!(causes(32, &control, &trials, 0.9)[0], Cause::LearningRateTooHigh);
    }

    #[test]
    fn late_spikes_are_named_where_calming_the_steps_ends_them() {
        let control = outcomes(0.8, 1.0);
        let calmer = || outcomes(0.8, 0.1);
        let trials = [trial(Cause::GradientSpikes, &control, calmer())];
        assert_eq!(causes(32, &control, &trials, 0.9), [Cause::GradientSpikes]);
        let smooth = outcomes(0.8, 0.0);
        assert_eq!(causes(32, &smooth, &[trial(Cause::GradientSpikes, &smooth, calmer())], 0.9), []);
    }

    #[test]
    fn where_nothing_beats_guessing_no_setting_is_blamed() {
        let control = outcomes(0.2, 0.0);
        let trials = [trial(Cause::LearningRateTooHigh, &control, outcomes(0.28, 0.0))];
        assert_eq!(causes(32, &control, &trials, 0.25), [Cause::NotSeparable]);
        assert_eq!(causes(32, &control, &trials, 0.9), [Cause::LearningRateTooHigh]);
    }

    #[test]
    fn where_most_drives_look_wrong_and_little_beats_guessing_it_is_not_some_labels_that_are_wrong() {
        let control = outcomes(0.2, 0.0);
        let of = |suspected| causes_of_suspected(suspected, 32, &control, &[], 0.44);
        assert_eq!((of(4), of(12)), (vec![Cause::LabelErrors], vec![Cause::NotSeparable]));
    }
}
