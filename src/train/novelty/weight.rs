//! How much the novelty may count in decisions, so that hardly any decision on a known surface is withheld.

use super::score::{Calibrated, HeldOutMeasures};
use super::windows::NoveltyWindows;
use crate::decision::{DecisionFilter, DecisionOptions};
use crate::model::answers::Answer;
use crate::model::card::Card;
use crate::signal::Time;

/// The weights that are tried, from the one with which unknown surfaces are noticed most often.
const WEIGHTS: [f64; 8] = [1.0, 0.8, 0.65, 0.5, 0.4, 0.3, 0.2, 0.1];
/// The share of the decisions of a held-out recording that may be withheld, on average over recordings.
const WITHHELD: f64 = 0.01;

/// The highest weight of the novelty with which hardly any decision on held-out windows is withheld; 0 if even the lowest
/// is too much.
///
/// The windows of each recording go through the daemon's filter with the novelty that was computed without this recording,
/// and with probabilities that leave no other doubt. Recordings that differ as a new drive does, such as drives in other
/// directions, therefore count as they will on the robot.
pub(super) fn novelty_weight(
    windows: &NoveltyWindows,
    held_out: &HeldOutMeasures,
    calibrated: &Calibrated,
    card: &Card,
) -> f64 {
    let novelty = calibrated.novelty(&held_out.measures);
    let mut order: Vec<(usize, f64)> = held_out.windows.iter().copied().zip(novelty).collect();
    order.sort_by_key(|(position, _)| *position);
    let recording = |position: usize| windows.recordings.get(position);
    let recordings: Vec<&[(usize, f64)]> =
        order.chunk_by(|one, other| recording(one.0) == recording(other.0)).collect();
    let card = Card { novelty_weight: None, ..card.clone() };
    let hop = card.hop * windows.step;
    let withheld = |weight: f64| {
        let options = DecisionOptions { novelty: weight, ..DecisionOptions::default() };
        let shares = recordings.iter().map(|recording| {
            let mut filter = DecisionFilter::new(options, &card, hop);
            let is_withheld = |(index, (_, novelty)): (usize, &(usize, f64))| {
                let time = Time::from_seconds((index * hop) as f64 / card.rate).unwrap_or(Time::ARRIVAL);
                let answer = Answer { probabilities: &CERTAIN, novelty: Some(*novelty as f32) };
                filter.step(time, answer).surface.is_none()
            };
            recording.iter().enumerate().map(is_withheld).filter(|withheld| *withheld).count() as f64
                / recording.len() as f64
        });
        shares.sum::<f64>() / recordings.len().max(1) as f64
    };
    WEIGHTS.into_iter().find(|weight| withheld(*weight) <= WITHHELD).unwrap_or(0.0)
}

/// Probabilities of a window that is certainly on the first surface. Those that are missing are 0.
const CERTAIN: [f32; 1] = [1.0];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::novelty::windows::FOLDS;

    #[test]
    fn the_weight_is_lower_where_recordings_of_known_surfaces_differ_more_from_each_other() {
        let card = Card::of_test(10, 10, &["s0", "s1", "s2"]);
        let weight = |windows: &NoveltyWindows| {
            let held_out = HeldOutMeasures::of(windows, FOLDS, 1);
            novelty_weight(windows, &held_out, &Calibrated::by(windows, &held_out).unwrap(), &card)
        };
        let alike = NoveltyWindows::of_test(3, 24, 20, 4.0);
        // One recording of each surface is like no other.
        let mut unlike = alike.clone();
        for (index, mut row) in unlike.statistics.rows_mut().into_iter().enumerate() {
            if unlike.recordings[index] % 24 == 5 {
                row += 8.0;
            }
        }
        let (alike, unlike) = (weight(&alike), weight(&unlike));
        assert!(unlike < alike && alike > 0.0, "{unlike} {alike}");
    }
}
