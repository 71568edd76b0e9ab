//! What was dropped on the way from the rows of the recordings to windows, by recording and reason.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::signal::{Channel, DropReason, Drops};

/// Drops are a warning from this share of the rows on.
const NOTABLE: f64 = 0.01;
/// The maximum number of recordings that are listed.
const MAX_LISTED: usize = 3;

/// What was dropped of one recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordingDrops {
    /// The path of the file, as messages name it.
    pub file: String,
    /// The number of its rows, dropped or not.
    pub rows: u64,
    /// The dropped rows, by reason.
    pub samples: Drops,
    /// For each channel, the number of rows without a number in it, `[C]`.
    pub missing: Vec<u64>,
    /// The number of gaps, and of restarts of the clock.
    pub gaps: usize,
    /// The windows that there would be in addition if there were no gaps.
    pub windows_lost_to_gaps: usize,
    /// The windows whose label changes or is not known between their first and last step.
    pub windows_without_label: usize,
}

/// The drops of all recordings together, as `scores.json` and `evaluate --json` have them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct DropSummary {
    /// The number of rows of all recordings, dropped or not.
    pub rows: u64,
    /// The number of dropped rows for each reason.
    pub samples: BTreeMap<&'static str, u64>,
    pub gaps: usize,
    pub windows_lost_to_gaps: usize,
    pub windows_without_label: usize,
    /// The recordings with dropped rows, the worst first.
    pub recordings: Vec<FileDrops>,
}

/// The dropped rows of one recording.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct FileDrops {
    pub file: String,
    pub rows: u64,
    /// The number of dropped rows for each reason.
    pub samples: BTreeMap<&'static str, u64>,
}

impl DropSummary {
    /// Sums up the drops of all recordings.
    pub(crate) fn of(recordings: &[RecordingDrops]) -> Self {
        let mut all = Drops::default();
        recordings.iter().for_each(|recording| all.merge(&recording.samples));
        let sum = |count: fn(&RecordingDrops) -> usize| recordings.iter().map(count).sum();
        let file = |recording: &RecordingDrops| FileDrops {
            file: recording.file.clone(),
            rows: recording.rows,
            samples: by_name(&recording.samples),
        };
        Self {
            rows: recordings.iter().map(|recording| recording.rows).sum(),
            samples: by_name(&all),
            gaps: sum(|recording| recording.gaps),
            windows_lost_to_gaps: sum(|recording| recording.windows_lost_to_gaps),
            windows_without_label: sum(|recording| recording.windows_without_label),
            recordings: worst_first(recordings, |drops| drops.total()).into_iter().map(file).collect(),
        }
    }

    /// The drops in a few lines for people; empty if nothing was dropped.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for file in self.recordings.iter().take(MAX_LISTED) {
            let rows = grouped(file.rows);
            lines.push(format!("dropped: {} of {rows} rows in {}", counts(&file.samples), file.file));
        }
        if self.recordings.len() > MAX_LISTED {
            let more = self.recordings.len() - MAX_LISTED;
            lines.push(format!(
                "dropped: {} of {} rows in all, also in {more} more recording{}",
                counts(&self.samples),
                grouped(self.rows),
                if more == 1 { "" } else { "s" }
            ));
        }
        let windows = [
            (self.windows_lost_to_gaps, format!("to {} gaps between samples", grouped(self.gaps as u64))),
            (self.windows_without_label, "because their label changes or is not known".to_owned()),
        ];
        for (count, why) in windows.into_iter().filter(|(count, _)| *count > 0) {
            lines.push(format!("dropped: {} windows {why}", grouped(count as u64)));
        }
        lines
    }
}

/// A warning for each reason for which at least 1 % of the rows of a recording were dropped.
pub(crate) fn warnings(recordings: &[RecordingDrops], channels: &[Channel]) -> Vec<String> {
    let mut warnings = Vec::new();
    for reason in DropReason::ALL {
        let notable = |recording: &&RecordingDrops| {
            recording.samples.count(reason) as f64 >= NOTABLE * recording.rows as f64
        };
        let worst = worst_first(recordings, |drops| drops.count(reason));
        let worst: Vec<&RecordingDrops> = worst.into_iter().filter(notable).collect();
        let Some(first) = worst.first() else { continue };
        let others = match worst.len() - 1 {
            0 => String::new(),
            1 => ", and many of 1 more recording,".to_owned(),
            more => format!(", and many of {more} more recordings,"),
        };
        let count = first.samples.count(reason);
        warnings.push(format!(
            "{} of {} rows ({:.0} %) of {}{others} were dropped as {}: {}",
            grouped(count),
            grouped(first.rows),
            100.0 * count as f64 / first.rows as f64,
            first.file,
            reason.name(),
            explanation(reason, first, channels)
        ));
    }
    warnings
}

/// What the reason means and how to fix it, as the rest of a sentence.
fn explanation(reason: DropReason, recording: &RecordingDrops, channels: &[Channel]) -> String {
    match reason {
        DropReason::Duplicate => "they have the time of the row before. The time column may hold only a part of \
                                  the time, such as whole seconds; name the columns of the whole time under \
                                  [time] in dataset.toml"
            .into(),
        DropReason::Late => {
            "they are older than a row before them; sort the rows by time, and keep each drive in a file of its own"
                .into()
        }
        DropReason::NotFinite => {
            let worst = recording.missing.iter().zip(channels).max_by_key(|(count, _)| **count);
            let (count, name) = worst.map_or((0, ""), |(count, channel)| (*count, channel.name.as_str()));
            format!(
                "channel {name:?} has no number in {} of them. A row needs a number for every channel; if a \
                 channel is written less often than the others, set hold for it under [[channel]] in \
                 dataset.toml, or train without it",
                grouped(count)
            )
        }
        DropReason::BadTime => "their time is not a number, or too large; check [time] in dataset.toml".into(),
        _ => recording.samples.first().map_or_else(String::new, |(_, detail)| format!("the first: {detail}")),
    }
}

/// The recordings with a `count` above 0, the one with the largest share of its rows first.
fn worst_first(recordings: &[RecordingDrops], count: impl Fn(&Drops) -> u64) -> Vec<&RecordingDrops> {
    let share = |recording: &RecordingDrops| count(&recording.samples) as f64 / recording.rows.max(1) as f64;
    let mut worst: Vec<_> = recordings.iter().filter(|recording| count(&recording.samples) > 0).collect();
    worst.sort_by(|one, other| share(other).total_cmp(&share(one)));
    worst
}

fn by_name(drops: &Drops) -> BTreeMap<&'static str, u64> {
    drops.iter().map(|(reason, count)| (reason.name(), count)).collect()
}

/// The counts as text, such as `29,700 duplicate, 12 late`; the largest first.
fn counts(samples: &BTreeMap<&'static str, u64>) -> String {
    let mut counts: Vec<_> = samples.iter().collect();
    counts.sort_by(|one, other| other.1.cmp(one.1));
    counts
        .into_iter()
        .map(|(name, count)| format!("{} {name}", grouped(*count)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A number with commas between its thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        // Writing into a string cannot fail.
        let _ = write!(text, "{digit}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(file: &str, rows: u64, reason: DropReason, count: u64) -> RecordingDrops {
        let mut samples = Drops::default();
        samples.add_many(reason, count, || "row 3".into());
        RecordingDrops { file: file.into(), rows, samples, missing: vec![0, count], ..Default::default() }
    }

    #[test]
    fn the_worst_recordings_are_listed_first_and_the_others_are_summed_up() {
        let mut all: Vec<RecordingDrops> = (0..6)
            .map(|i| recording(&format!("tile/{i}.csv"), 30_000, DropReason::Duplicate, 100 * i))
            .collect();
        all[0].windows_lost_to_gaps = 12;
        all[0].gaps = 2;
        let lines = DropSummary::of(&all).lines();
        assert_eq!(lines.len(), 5, "{lines:#?}");
        assert_eq!(lines[0], "dropped: 500 duplicate of 30,000 rows in tile/5.csv");
        assert_eq!(lines[3], "dropped: 1,500 duplicate of 180,000 rows in all, also in 2 more recordings");
        assert_eq!(lines[4], "dropped: 12 windows to 2 gaps between samples");
        assert!(DropSummary::of(&all[1..1]).lines().is_empty());
    }

    #[test]
    fn a_warning_names_the_recording_the_share_and_the_fix_from_one_percent_on() {
        let channels = ["left", "right"].map(Channel::in_ampere);
        let of = |reason, count| warnings(&[recording("tile/a.csv", 1000, reason, count)], &channels);
        assert_eq!(of(DropReason::Duplicate, 9), Vec::<String>::new());
        let warning = of(DropReason::Duplicate, 990).remove(0);
        assert!(
            warning.starts_with("990 of 1,000 rows (99 %) of tile/a.csv were dropped as duplicate: "),
            "{warning}"
        );
        let warning = of(DropReason::NotFinite, 900).remove(0);
        assert!(warning.contains("channel \"right\" has no number in 900 of them"), "{warning}");
    }
}
