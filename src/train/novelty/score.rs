//! The novelty of a window: how unlike the training windows it is, as a share.

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::allowance::novelty_allowance;
use super::experts::{EXPERTS, Experts};
use super::surprise_table::SurpriseTable;
use super::windows::{FOLDS, NoveltyWindows, recording_weights};
use crate::model::card::Card;

/// The fewest windows that a score is calibrated with.
const MIN_CALIBRATED: usize = 20;

/// The novelty score: 1 - the conformal p-value of a window's summary statistics.
///
/// The surprise of each of three [`Experts`] is added up as in Fisher's combined test (Fisher 1925), and the sum is
/// ranked among those of windows of recordings that the experts were not fitted to. Each recording counts the same. So
/// a novelty above .95 is that of 5 % of the windows of a new recording of a known surface.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NoveltyScore {
    experts: Experts,
    calibration: Calibrated,
    allowance: f64,
}

/// What the measures of known windows are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Calibrated {
    /// The surprise of each measure.
    surprises: Vec<SurpriseTable>,
    /// The novelty of the sum of the surprises.
    novelty: SurpriseTable,
}

/// Measures of windows that were not fitted to.
pub(super) struct HeldOutMeasures {
    /// The positions of the windows, `[n]`.
    pub(super) windows: Vec<usize>,
    /// Their measures, [n, 3].
    pub(super) measures: Array2<f64>,
    /// What was fitted for each part, without this part; `None` where nothing could be.
    pub(super) experts: Vec<Option<Experts>>,
}

impl NoveltyScore {
    /// Fits the score, in the caller's thread pool. The windows are those of a model with this card.
    ///
    /// # Errors
    /// Why there is none, as the rest of a sentence after "because".
    pub(crate) fn fit(windows: &NoveltyWindows, card: &Card, seed: u64) -> Result<Self, String> {
        let (experts, held_out) = rayon::join(
            || Experts::fit(&windows.statistics, &windows.labels, seed),
            || HeldOutMeasures::of(windows, FOLDS, seed),
        );
        let experts = experts.ok_or("the summary statistics of the surfaces do not differ")?;
        let calibration = Calibrated::by(windows, &held_out).ok_or_else(|| {
            format!(
                "fewer than {MIN_CALIBRATED} windows belong to surfaces with two recordings or more; record each \
                 surface in three drives or more"
            )
        })?;
        let novelty = calibration.novelty(&held_out.measures);
        let allowance = novelty_allowance(windows, held_out.windows.iter().copied().zip(novelty), card);
        Ok(Self { experts, calibration, allowance })
    }

    /// The novelty of windows with these summary statistics, [n, F]: `[n]`.
    pub(crate) fn novelty(&self, statistics: ArrayView2<'_, f64>) -> Vec<f64> {
        self.calibration.novelty(&self.experts.measure(statistics))
    }

    /// What decisions take from the evidence of each observation, in nats, so that hardly any on a known surface is withheld.
    pub(crate) fn allowance(&self) -> f64 {
        self.allowance
    }

    /// F, the number of summary statistics.
    pub(crate) fn statistics(&self) -> usize {
        self.experts.statistics()
    }

    /// The constants of the measures.
    pub(crate) fn experts(&self) -> &Experts {
        &self.experts
    }

    /// The surprise of each measure, and the novelty of their sum.
    pub(crate) fn tables(&self) -> (&[SurpriseTable], &SurpriseTable) {
        (&self.calibration.surprises, &self.calibration.novelty)
    }
}

/// The experts that were fitted without a part, the positions of its windows, and their measures, [n, 3].
type FittedPart = (Experts, Vec<usize>, Array2<f64>);

impl HeldOutMeasures {
    /// Fits the experts without each of `parts` parts of the recordings, and measures the windows of this part whose surface is in
    /// the others, too.
    pub(super) fn of(windows: &NoveltyWindows, parts: usize, seed: u64) -> Self {
        let fitted: Vec<Option<FittedPart>> = (0..parts)
            .into_par_iter()
            .map(|fold| {
                let training =
                    windows.select(&windows.positions(|index| windows.folds[index] % parts != fold));
                let experts = Experts::fit(&training.statistics, &training.labels, seed)?;
                let mut is_known = vec![false; windows.classes];
                training.labels.iter().for_each(|label| is_known[*label] = true);
                let held_out = windows.positions(|index| {
                    windows.folds[index] % parts == fold && is_known[windows.labels[index]]
                });
                let measures = experts.measure(windows.statistics.select(Axis(0), &held_out).view());
                Some((experts, held_out, measures))
            })
            .collect();
        let mut all =
            Self { windows: Vec::new(), measures: Array2::zeros((0, EXPERTS)), experts: Vec::new() };
        for part in fitted {
            all.experts.push(part.map(|(experts, held_out, measures)| {
                // The number of columns is always the same.
                if all.measures.append(Axis(0), measures.view()).is_ok() {
                    all.windows.extend(held_out);
                }
                experts
            }));
        }
        all
    }
}

impl Calibrated {
    /// The calibration by held-out windows. `None` if there are too few.
    pub(super) fn by(windows: &NoveltyWindows, held_out: &HeldOutMeasures) -> Option<Self> {
        if held_out.windows.len() < MIN_CALIBRATED {
            return None;
        }
        let recordings: Vec<usize> =
            held_out.windows.iter().map(|index| windows.recordings[*index]).collect();
        let weights = recording_weights(&recordings);
        let columns = held_out.measures.columns();
        let surprises: Vec<SurpriseTable> = columns
            .into_iter()
            .map(|column| SurpriseTable::of(&column.to_vec(), &weights))
            .collect::<Option<_>>()?;
        let sums = sums(&surprises, &held_out.measures);
        Some(Self { novelty: SurpriseTable::of(&sums, &weights)?.into_shares(), surprises })
    }

    /// The novelty of windows with these measures, [n, 3]: `[n]`.
    pub(super) fn novelty(&self, measures: &Array2<f64>) -> Vec<f64> {
        sums(&self.surprises, measures).into_iter().map(|sum| self.novelty.surprise(sum)).collect()
    }
}

/// The sum of the surprises of each window.
fn sums(surprises: &[SurpriseTable], measures: &Array2<f64>) -> Vec<f64> {
    let sum = |row: ndarray::ArrayView1<'_, f64>| {
        row.iter().zip(surprises).map(|(measure, table)| table.surprise(*measure)).sum()
    };
    measures.rows().into_iter().map(sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card() -> Card {
        Card::of_test(10, 10, &["s0", "s1", "s2"])
    }

    /// The novelty of those windows whose recording is one of the last `count` of their surface, by a score that is
    /// fitted to the others without `left_out`; and the surfaces of these windows.
    fn novelty(count: usize, left_out: Option<usize>) -> (Vec<f64>, Vec<usize>) {
        let all = NoveltyWindows::of_test(3, 40, 20, 4.0);
        let is_new = |index: usize| all.recordings[index] % 40 >= 40 - count;
        let known = all.select(&all.positions(|index| !is_new(index) && Some(all.labels[index]) != left_out));
        let new = all.select(&all.positions(is_new));
        let score = NoveltyScore::fit(&known, &card(), 1).unwrap();
        (score.novelty(new.statistics.view()), new.labels)
    }

    #[test]
    fn about_5_percent_of_the_windows_of_new_recordings_of_known_surfaces_are_above_95() {
        let (novelty, _) = novelty(16, None);
        assert!(novelty.iter().all(|value| (0.0..=1.0).contains(value)));
        let above = |limit: f64| novelty.iter().filter(|value| **value > limit).count() as f64 / 960.0;
        assert!((above(0.95) - 0.05).abs() < 0.025, "{}", above(0.95));
        assert!((above(0.5) - 0.5).abs() < 0.1, "{}", above(0.5));
    }

    #[test]
    fn windows_of_a_left_out_surface_have_a_higher_novelty_than_those_of_known_ones() {
        for left_out in 0..3 {
            let (novelty, labels) = novelty(10, Some(left_out));
            let of = |is_known: bool| {
                let chosen =
                    novelty.iter().zip(&labels).filter(|(_, label)| (**label != left_out) == is_known);
                let chosen: Vec<f64> = chosen.map(|(novelty, _)| *novelty).collect();
                chosen.iter().sum::<f64>() / chosen.len() as f64
            };
            assert!(of(false) > 0.9 && of(true) < 0.6, "{} {}", of(false), of(true));
        }
    }

    #[test]
    fn the_same_windows_give_the_same_score_on_any_number_of_threads() {
        let windows = NoveltyWindows::of_test(3, 6, 10, 4.0);
        let fit = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| NoveltyScore::fit(&windows, &card(), 3).unwrap())
        };
        assert_eq!(fit(1), fit(4));
    }

    #[test]
    fn windows_that_cannot_be_told_apart_or_calibrated_have_no_score_and_a_reason() {
        let mut windows = NoveltyWindows::of_test(2, 6, 10, 4.0);
        let one_each =
            windows.select(&windows.positions(|index| windows.recordings[index].is_multiple_of(6)));
        let why = NoveltyScore::fit(&one_each, &card(), 0).unwrap_err();
        assert!(why.contains("record each surface in three drives or more"), "{why}");
        windows.statistics.fill(2.5);
        assert_eq!(
            NoveltyScore::fit(&windows, &card(), 0),
            Err("the summary statistics of the surfaces do not differ".into())
        );
        let none = windows.select(&[]);
        assert!(NoveltyScore::fit(&none, &card(), 0).is_err());
    }

    #[test]
    fn a_surface_with_a_single_recording_and_statistics_that_never_change_do_no_harm() {
        let mut windows = NoveltyWindows::of_test(3, 6, 10, 4.0);
        windows.statistics.column_mut(5).fill(-3.0);
        let is_kept = |index: usize| windows.labels[index] < 2 || windows.recordings[index] == 12;
        let windows = windows.select(&windows.positions(is_kept));
        let score = NoveltyScore::fit(&windows, &card(), 0).unwrap();
        assert!(score.novelty(windows.statistics.view()).iter().all(|value| (0.0..=1.0).contains(value)));
    }
}
