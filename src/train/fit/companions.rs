//! Companion networks: networks that are trained for calibration only and are not exported.
//!
//! The exported model answers a new drive with the mean of all its networks, none of which has seen the drive.
//! Of a drive of the data set, only one of these networks has not seen it, and a single network is surer of
//! its answers than the mean of several. So scores and temperatures of single networks are not those of the
//! model. With companions, each window is answered by several networks that have not seen its recording:
//!
//! - With four parts or more, companion i leaves out part i and the part after it. A window is then answered
//!   by three networks: the member that leaves out its part, and two companions.
//! - With fewer parts, or where a label would not be trained on any more, companion i leaves out part i alone,
//!   as member i does, and differs from it by its random draws.
//!
//! Three networks are fewer than the model has, and two of them are trained on fewer recordings than those of
//! the model. So the answers are a little less accurate than those of the model on a new drive, and a
//! temperature that is fitted to them is slightly too cautious.

use std::collections::BTreeSet;

use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::options::FitOptions;

/// The splits of the companions of a training run with these settings; none if they turn calibration off.
pub(crate) fn planned(options: &FitOptions, dataset: &Dataset, splits: &[Split]) -> Vec<Split> {
    if options.calibrate { companion_splits(dataset, splits) } else { Vec::new() }
}

/// The splits of the companions, one for each split of a cross-validation; none for a single network.
fn companion_splits(dataset: &Dataset, splits: &[Split]) -> Vec<Split> {
    match splits {
        [] | [_] => Vec::new(),
        [first, ..] => {
            let next = splits.iter().skip(1).chain([first]);
            splits
                .iter()
                .zip(next)
                .map(|(own, next)| companion_split(dataset, own, next, splits.len()))
                .collect()
        }
    }
}

/// The split of the companion that leaves out the part of `own` and, where enough is left, that of `next`.
fn companion_split(dataset: &Dataset, own: &Split, next: &Split, parts: usize) -> Split {
    let both = own.validation.iter().chain(&next.validation).copied().collect::<BTreeSet<usize>>();
    let training: Vec<usize> = own.training.iter().filter(|window| !both.contains(window)).copied().collect();
    let counts = dataset.count(training.iter().copied());
    let is_enough = training.len() >= counts.len() && counts.iter().all(|count| *count > 0);
    if parts >= 4 && is_enough {
        Split { training, validation: both.into_iter().collect(), warnings: Vec::new() }
    } else {
        Split { warnings: Vec::new(), ..own.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tests::sine_waves;

    #[test]
    fn a_companion_leaves_out_two_parts_if_there_are_four_and_every_label_is_still_trained_on() {
        let dataset = sine_waves(3, 10, 2);
        let left_out = |folds: usize| {
            let splits = Split::folds(&dataset, folds, 1);
            let companions = companion_splits(&dataset, &splits);
            assert_eq!(companions.len(), splits.len());
            for (index, companion) in companions.iter().enumerate() {
                assert!(splits[index].validation.iter().all(|window| companion.validation.contains(window)));
                assert_eq!(companion.training.len() + companion.validation.len(), dataset.len());
            }
            companions[0].validation.len() as f64 / splits[0].validation.len() as f64
        };
        assert_eq!([2, 3, 5].map(left_out), [1.0, 1.0, 2.0]);
        assert!(companion_splits(&dataset, &[Split::new(&dataset, 0.2, 0)]).is_empty());
    }

    #[test]
    fn a_companion_leaves_out_one_part_if_a_label_were_not_trained_on_without_two() {
        // Each label has two recordings, which are in neighbouring parts for some of the labels.
        let dataset = sine_waves(3, 2, 4);
        let splits = Split::folds(&dataset, 5, 1);
        let companions = companion_splits(&dataset, &splits);
        for companion in &companions {
            assert!(dataset.count(companion.training.iter().copied()).iter().all(|count| *count > 0));
        }
        let one =
            companions.iter().zip(&splits).filter(|(companion, own)| companion.validation == own.validation);
        assert!(one.count() > 0);
    }
}
