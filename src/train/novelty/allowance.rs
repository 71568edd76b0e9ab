//! What decisions take from the evidence of novelty, so that hardly any decision on a known surface is withheld.

use super::windows::NoveltyWindows;
use crate::decision::{DecisionFilter, DecisionOptions};
use crate::model::answers::Answer;
use crate::model::card::Card;
use crate::signal::Time;

/// The allowances that are tried, in nats, from the one with which unknown surfaces are noticed most often.
const ALLOWANCES: [f64; 10] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.3];
/// The allowance if with none of these few enough decisions are withheld: more than any evidence.
const NOTHING_COUNTS: f64 = 10.0;
/// The share of the decisions of a held-out recording that may be withheld, on average over recordings. What is exported is fitted
/// to all recordings and withholds fewer: about half as many or less, as measured.
const WITHHELD: f64 = 0.01;
/// Probabilities of a window that is certainly on the first surface. Those that are missing are 0.
const CERTAIN: [f32; 1] = [1.0];

/// The smallest allowance with which hardly any decision on held-out windows is withheld. Each has its position and its novelty.
///
/// The windows of each recording go through the daemon's filter with the novelty that was computed without this recording,
/// and with probabilities that leave no other doubt. Recordings that differ as a new drive does, such as drives in other
/// directions, therefore count as they will on the robot.
pub(super) fn novelty_allowance(
    windows: &NoveltyWindows,
    held_out: impl Iterator<Item = (usize, f64)>,
    card: &Card,
) -> f64 {
    let mut order: Vec<(usize, f64)> = held_out.collect();
    order.sort_by_key(|(position, _)| *position);
    let recording = |position: usize| windows.recordings.get(position);
    let recordings: Vec<&[(usize, f64)]> =
        order.chunk_by(|one, other| recording(one.0) == recording(other.0)).collect();
    let shares = |allowance: f64| {
        let card = Card { novelty_allowance: Some(allowance), ..card.clone() };
        recordings.iter().map(|windows_of| withheld(windows_of, windows.step, &card)).sum::<f64>()
    };
    let most = WITHHELD * recordings.len() as f64;
    ALLOWANCES.into_iter().find(|allowance| shares(*allowance) <= most).unwrap_or(NOTHING_COUNTS)
}

/// The share of the decisions of a recording that are withheld, given its windows, every `step`-th of those that it was cut
/// into.
fn withheld(windows: &[(usize, f64)], step: usize, card: &Card) -> f64 {
    let hop = card.hop * step;
    let mut filter = DecisionFilter::new(DecisionOptions::default(), card, hop);
    let mut count = 0;
    for (index, (_, novelty)) in windows.iter().enumerate() {
        let time = Time::from_seconds((index * hop) as f64 / card.rate).unwrap_or(Time::ARRIVAL);
        let answer = Answer { probabilities: &CERTAIN, novelty: Some(*novelty as f32) };
        count += usize::from(filter.step(time, answer).surface.is_none());
    }
    count as f64 / windows.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allowance_is_larger_where_more_held_out_recordings_are_novel() {
        let windows = NoveltyWindows::of_test(3, 40, 30, 4.0);
        let card = Card::of_test(10, 10, &["s0", "s1", "s2"]);
        let allowance = |novel: usize, novelty: f64| {
            let of = |position: usize| {
                if windows.recordings[position] % 40 < novel {
                    novelty
                } else {
                    (position * 7 % 30) as f64 / 30.0
                }
            };
            // The order of the windows is that of the parts in which they were held out.
            novelty_allowance(&windows, (0..windows.recordings.len()).rev().map(|at| (at, of(at))), &card)
        };
        let (none, some) = (allowance(0, 0.0), allowance(20, 0.9));
        assert!(none < some && some < NOTHING_COUNTS, "{none} {some}");
        assert_eq!(allowance(20, 1.0), NOTHING_COUNTS, "half of all recordings look like no surface at all");
        assert_eq!(novelty_allowance(&windows, std::iter::empty(), &card), 0.0);
    }
}
