//! What there is of each surface, and how much of it is published correctly.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::elements::document::percent;
use crate::model::card::UNKNOWN;
use crate::score::Confusion;
use crate::train::data::dataset::Dataset;

/// How well one surface is recognised.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SurfaceScore {
    /// The index of the surface's label.
    pub label: usize,
    /// How many predictions there are for windows on this surface.
    pub windows: u64,
    /// The share of them that is correct; NaN without windows.
    pub recall: f64,
    /// The label that it was most often taken for, and the share of that; `None` if it was taken for no other.
    pub taken_for: Option<(usize, f64)>,
    /// The share that is unknown; NaN without windows.
    pub unknown: f64,
}

impl SurfaceScore {
    /// What was most often named instead, which may be `unknown`, and the share of that; `None` if all is correct.
    pub(super) fn instead<'a>(&self, labels: &'a [String]) -> Option<(&'a str, f64)> {
        let other = self.taken_for.and_then(|(label, share)| Some((labels.get(label)?.as_str(), share)));
        match other {
            Some((_, share)) if share >= self.unknown => other,
            _ if self.unknown > 0.0 => Some((UNKNOWN, self.unknown)),
            _ => other,
        }
    }
}

/// The score of each surface, in the order of the labels.
pub(super) fn surface_scores(confusion: &Confusion) -> Vec<SurfaceScore> {
    let rows = confusion.table().iter().zip(confusion.unknown()).enumerate();
    rows.map(|(label, (row, unknown))| {
        let windows = row.iter().sum::<u64>() + unknown;
        let share = |count: u64| count as f64 / windows as f64;
        let others = row.iter().enumerate().filter(|(other, count)| *other != label && **count > 0);
        // Of several with the same count, the first.
        let most = others.rev().max_by_key(|(_, count)| **count);
        SurfaceScore {
            label,
            windows,
            recall: share(row.get(label).copied().unwrap_or(0)),
            taken_for: most.map(|(other, count)| (other, share(*count))),
            unknown: share(*unknown),
        }
    })
    .collect()
}

/// The number of recordings that have windows of each label, in the order of the labels.
pub(crate) fn recordings_per_label(dataset: &Dataset) -> Vec<usize> {
    let pairs = dataset.labels.iter().zip(&dataset.recording_of_window);
    let pairs: BTreeSet<(usize, usize)> = pairs.map(|(label, recording)| (*label, *recording)).collect();
    let mut counts = vec![0; dataset.card.labels.len()];
    pairs.into_iter().for_each(|(label, _)| counts[label] += 1);
    counts
}

/// A table of all surfaces, the one that is recognised worst first.
pub(super) fn surfaces_table(published: &Confusion, dataset: &Dataset) -> Markup {
    let labels = published.labels();
    let recordings = recordings_per_label(dataset);
    let mut scores = surface_scores(published);
    scores.sort_by(|one, other| one.recall.total_cmp(&other.recall));
    html! {
        div.scroll { table {
            tr { th { "surface" } th { "recordings" } th { "published correctly" } th { "most often instead" } }
            @for score in &scores {
                tr {
                    td { (labels[score.label]) }
                    td.n { (recordings[score.label]) }
                    td.n { (percent(score.recall)) }
                    td { @if let Some((other, share)) = score.instead(labels) { (other) ", " (percent(share)) } }
                }
            }
        } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tests::sine_waves;

    #[test]
    fn a_surface_has_its_recall_and_what_it_is_mostly_taken_for() {
        let mut confusion = Confusion::new(&["a".into(), "b".into(), "c".into()]);
        for (truth, predicted, count) in
            [(0, Some(0), 6), (0, Some(1), 1), (0, Some(2), 2), (0, None, 1), (1, Some(1), 3)]
        {
            (0..count).for_each(|_| confusion.add(truth, predicted));
        }
        let scores = surface_scores(&confusion);
        assert_eq!((scores[0].windows, scores[0].recall, scores[0].taken_for), (10, 0.6, Some((2, 0.2))));
        assert_eq!(scores[0].instead(confusion.labels()), Some(("c", 0.2)));
        (0..5).for_each(|_| confusion.add(0, None));
        let scores = surface_scores(&confusion);
        assert_eq!(scores[0].instead(confusion.labels()), Some(("unknown", 0.4)));
        assert_eq!((scores[1].recall, scores[1].taken_for), (1.0, None));
        assert_eq!(scores[1].instead(confusion.labels()), None);
        assert!(scores[2].recall.is_nan() && scores[2].taken_for.is_none());
    }

    #[test]
    fn recordings_are_counted_once_for_each_of_their_labels() {
        let mut dataset = sine_waves(2, 3, 4);
        assert_eq!(recordings_per_label(&dataset), [3, 3]);
        dataset.labels[0] = 1;
        assert_eq!(recordings_per_label(&dataset), [3, 4]);
    }
}
