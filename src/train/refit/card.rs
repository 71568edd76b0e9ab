//! The card of a model that was trained further.

use super::comparison::Comparison;
use super::material::{Material, OldWindows};
use crate::model::card::{Card, HeldOutChange, RefitSummary, Statistics, TrainingSummary};
use crate::model::card_text::printable;
use crate::recordings::{MAX_DIGESTS, short_digest_of};
use crate::signal::Time;

/// The card of a model that was trained further: that of the model before, whose file has the bytes `base`, with the new
/// recordings, and with the scores on those of them that were held out. Scores of the model before are left out.
pub(crate) fn card(
    before: &Card,
    base: &[u8],
    material: &Material,
    comparison: &Comparison,
    rehearsal_windows: usize,
    seed: u64,
) -> Card {
    let dataset = &material.dataset;
    let earlier = before.training.clone().unwrap_or_default();
    let has_all = material.old == OldWindows::Recordings;
    let is_added = |recording: usize| has_all || !material.known.contains(&recording);
    let added: Vec<usize> = (0..dataset.len())
        .filter(|window| has_all || material.is_new(*window))
        .filter(|window| is_added(dataset.recording_of_window[*window]))
        .collect();
    let counts = dataset.count(added.iter().copied());
    let earlier_counts = earlier.windows_per_class.iter().copied().chain(std::iter::repeat(0));
    let windows_per_class = counts.iter().zip(earlier_counts);
    let windows_per_class: Vec<usize> =
        windows_per_class.map(|(count, earlier)| if has_all { *count } else { count + earlier }).collect();
    let measured = dataset.statistics(&added);
    let earlier_windows: usize = earlier.windows_per_class.iter().sum();
    let statistics = if has_all || earlier.statistics.is_empty() || earlier_windows == 0 {
        measured
    } else if added.is_empty() {
        earlier.statistics.clone()
    } else {
        let both = earlier.statistics.iter().zip(&measured);
        both.map(|(one, other)| joined(*one, earlier_windows, *other, added.len())).collect()
    };
    let mut recording_digests = earlier.recording_digests.clone();
    recording_digests.extend(material.digests.iter().cloned());
    recording_digests.sort_unstable();
    recording_digests.dedup();
    recording_digests.truncate(MAX_DIGESTS);
    let new_recordings = (0..material.new).filter(|recording| is_added(*recording)).count();
    let held_out = comparison.recordings();
    let confusion = comparison.confusion();
    let refit = RefitSummary {
        count: earlier.refit.map_or(0, |refit| refit.count) + 1,
        base: short_digest_of(base),
        recordings: material.new,
        until: latest_day(material),
        held_out: comparison.drives().map(|drives| HeldOutChange {
            drives: drives.recordings,
            before: drives.before,
            after: drives.after,
        }),
    };
    let training = TrainingSummary {
        data_digest: dataset.digest.clone(),
        recordings: if has_all { material.found.len() } else { earlier.recordings + new_recordings },
        windows_per_class,
        validation: held_out
            .into_iter()
            .map(|recording| printable(&dataset.recordings[recording].name).into_owned())
            .collect(),
        validation_scores: (confusion.total() > 0).then(|| confusion.scores()),
        recording_digests,
        rehearsal_windows,
        refit: Some(refit),
        seed,
        statistics,
        ..TrainingSummary::default()
    };
    Card {
        labels: dataset.card.labels.clone(),
        made_by: format!("underfoot {}", env!("CARGO_PKG_VERSION")),
        // Other networks have other probabilities.
        candidates: None,
        novelty_allowance: None,
        training: Some(training),
        ..before.clone()
    }
}

/// The statistics of a channel over the windows of two parts of the data.
fn joined(one: Statistics, windows: usize, other: Statistics, other_windows: usize) -> Statistics {
    let share = windows as f64 / (windows + other_windows).max(1) as f64;
    let mean = share * one.mean + (1.0 - share) * other.mean;
    let square = |part: Statistics| part.deviation.powi(2) + (part.mean - mean).powi(2);
    Statistics {
        mean,
        deviation: (share * square(one) + (1.0 - share) * square(other)).sqrt(),
        min: one.min.min(other.min),
        max: one.max.max(other.max),
        still: one.still.max(other.still),
    }
}

/// The day of the latest new recording, in UTC; `None` if no time is known.
fn latest_day(material: &Material) -> Option<String> {
    let new = material.dataset.recordings.iter().take(material.new);
    let latest: Time = new.filter_map(|recording| recording.span.map(|[_, end]| end)).max()?;
    let since = std::time::Duration::from_nanos(u64::try_from(latest.nanos()).ok()?);
    let text = humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + since).to_string();
    text.get(..10).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statistics_of_two_parts_are_those_of_all_their_values() {
        let of = |values: &[f64]| {
            let count = values.len() as f64;
            let mean = values.iter().sum::<f64>() / count;
            let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
            let (min, max) = (values[0], values[values.len() - 1]);
            Statistics { mean, deviation, min, max, still: 0.0 }
        };
        let all = joined(of(&[1.0, 2.0, 6.0]), 3, of(&[10.0, 12.0]), 2);
        let expected = of(&[1.0, 2.0, 6.0, 10.0, 12.0]);
        assert!(
            (all.mean - expected.mean).abs() < 1e-12 && (all.deviation - expected.deviation).abs() < 1e-12
        );
        assert_eq!((all.min, all.max), (1.0, 12.0));
    }
}
