//! Reads whole recordings and cuts them into windows.
//!
//! The windows are cut by the daemon's own [`StreamWindower`], so that resampling, gaps and the steps of a
//! window are the same in training and in service.

use rayon::prelude::*;

use super::drops::{self, RecordingDrops};
use super::error::DatasetError;
use super::window_index::{RecordingInfo, WindowIndex};
use crate::model::card::Card;
use crate::model::card_text::printable;
use crate::recordings::labels::Labels;
use crate::recordings::layout::GroupBy;
use crate::recordings::reader::RecordingReader;
use crate::recordings::{Recording, RecordingError};
use crate::signal::{Channel, Drops, Samples, Time};
use crate::stream::{LeapFilter, Placement, StreamWindower, TimeUnwrapper, WindowerOptions, WindowerOutput};

/// The maximum number of values in the steps of all recordings. They take 2 GiB.
const MAX_VALUES: usize = 1 << 29;

/// A whole recording in memory.
pub(crate) struct LoadedRecording {
    pub(crate) samples: Samples,
    pub(crate) labels: Labels,
    pub(crate) info: RecordingInfo,
    /// What was dropped while the file was read; cutting windows adds to it.
    pub(crate) drops: RecordingDrops,
    /// Whether the layout or the recording itself says in which unit its times are, or the layout at which rate it
    /// was sampled.
    pub(crate) time_is_given: bool,
    /// That the times are not in seconds, if that was worked out.
    pub(crate) unit_conclusion: Option<String>,
    /// What seems to be wrong with the form of the file although it can be read.
    pub(crate) warning: Option<String>,
}

impl LoadedRecording {
    /// The values of a channel, one for each sample.
    pub(crate) fn column(&self, channel: usize) -> impl Iterator<Item = f32> + Clone {
        self.samples.values().iter().skip(channel).step_by(self.samples.channels()).copied()
    }

    /// The median interval between two samples in nanoseconds; `None` without two samples at different times.
    pub(crate) fn interval(&self) -> Option<f64> {
        let pairs = self.samples.times().windows(2);
        median(pairs.map(|pair| pair[1].since(pair[0]) as f64).filter(|interval| *interval > 0.0).collect())
    }
}

/// The steps of one recording, and its windows.
#[derive(Default)]
pub(crate) struct CutRecording {
    /// Every step that is in a window, row-major [S, C]. The stretches between gaps are stored one after the
    /// other, without a separator.
    pub(crate) steps: Vec<f32>,
    pub(crate) windows: Vec<CutWindow>,
    /// What was dropped of the recording until its windows were cut.
    pub(crate) drops: RecordingDrops,
}

/// One labelled window of a recording.
pub(crate) struct CutWindow {
    pub(crate) label: String,
    /// Its position in [`CutRecording::steps`].
    pub(crate) index: WindowIndex,
}

/// A position at which the windower completed a window.
struct Position<'a> {
    /// The index of the window's first step in [`CutRecording::steps`].
    start: usize,
    /// The time of the window's last step.
    time: Time,
    /// The label of the whole window; `None` if it changes or is unknown in some part.
    label: Option<&'a str>,
    /// The number of positions before this one in the same stretch without a gap.
    offset: usize,
}

/// Reads every recording; several are read in parallel.
///
/// # Errors
/// [`DatasetError::Recording`] of the first recording that cannot be read.
pub(crate) fn read_all(
    found: &[Recording],
    channels: &[Channel],
) -> Result<Vec<LoadedRecording>, DatasetError> {
    let loaded = found.par_iter().map(|recording| {
        let mut reader = RecordingReader::open(recording, Some(channels))?;
        let mut samples = Samples::new(channels.len());
        while reader.next_batch(&mut samples)? {}
        // The whole path, because recordings in different folders may have the same name.
        let group = match recording.layout.split.group_by {
            GroupBy::File => recording.path.display().to_string(),
            GroupBy::Folder | GroupBy::Column => reader.group(),
        };
        let folder = recording.folder().unwrap_or_default();
        let name = if recording.name.contains('/') || folder.is_empty() {
            recording.name.clone()
        } else {
            format!("{folder}/{}", recording.name)
        };
        let dropped = reader.drops();
        let drops = RecordingDrops {
            file: printable(&recording.path.display().to_string()).into_owned(),
            rows: samples.len() as u64 + dropped.total(),
            samples: dropped.clone(),
            missing: missing(&samples),
            ..RecordingDrops::default()
        };
        Ok(LoadedRecording {
            labels: reader.labels()?,
            info: RecordingInfo { name, group, ..RecordingInfo::default() },
            drops,
            time_is_given: reader.unit_is_known() || recording.layout.time.rate.is_some(),
            unit_conclusion: reader.unit_conclusion(),
            warning: reader.warning(),
            samples,
        })
    });
    // All results are collected first, so that of several errors that of the first recording is reported.
    loaded
        .collect::<Vec<Result<_, RecordingError>>>()
        .into_iter()
        .map(|loaded| loaded.map_err(Into::into))
        .collect()
}

/// For each channel, the number of samples without a number in it.
fn missing(samples: &Samples) -> Vec<u64> {
    let mut missing = vec![0; samples.channels()];
    for (_, row) in samples.iter() {
        row.iter().zip(&mut missing).for_each(|(value, count)| *count += u64::from(!value.is_finite()));
    }
    missing
}

/// The rate of the recordings in Hz, rounded to three significant digits: 1 / the median over the recordings
/// of their median interval between samples. `None` if no recording has two samples at different times.
pub(crate) fn sample_rate(recordings: &[LoadedRecording]) -> Option<f64> {
    let rate = 1e9 / median(recordings.iter().filter_map(LoadedRecording::interval).collect())?;
    let unit = 10f64.powf(rate.log10().floor() - 2.0);
    // Formatted and parsed again, because the multiplication may give 32.100000000000001 in place of 32.1.
    format!("{:.6e}", (rate / unit).round() * unit).parse().ok()
}

/// The upper median; `None` without values.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Cuts every recording into windows, as the card says; several recordings are cut in parallel.
///
/// # Errors
/// [`DatasetError`]: there is no labelled window, or the steps take too much memory.
pub(crate) fn cut_all(
    recordings: &[LoadedRecording],
    card: &Card,
) -> Result<Vec<CutRecording>, DatasetError> {
    let cuts: Vec<CutRecording> = recordings.par_iter().map(|recording| cut(recording, card)).collect();
    let values: usize = cuts.iter().map(|cut| cut.steps.len()).sum();
    if values > MAX_VALUES {
        return Err(DatasetError::TooMany { gib: values as f64 * 4.0 / f64::from(1 << 30) });
    }
    if cuts.iter().any(|cut| !cut.windows.is_empty()) {
        return Ok(cuts);
    }
    match cuts.iter().map(|cut| cut.drops.windows_without_label).sum() {
        0 => {
            if let Some(error) = no_complete_row(recordings, card) {
                return Err(error);
            }
            let stretches = recordings.iter().flat_map(|recording| stretches(&recording.samples, card));
            let longest = stretches.fold(0.0, f64::max);
            let needed = card.window as f64 / card.rate;
            let drops: Vec<RecordingDrops> = cuts.into_iter().map(|cut| cut.drops).collect();
            let form = recordings.iter().find_map(|recording| {
                recording.warning.as_ref().map(|why| format!("{}: {why}", recording.drops.file))
            });
            let reasons = drops::warnings(&drops, &card.channels).into_iter().chain(form);
            let dropped = reasons.map(|why| format!("; {why}")).collect();
            Err(DatasetError::TooShort { longest, window: card.window, rate: card.rate, needed, dropped })
        }
        windows => Err(DatasetError::NoLabels { windows }),
    }
}

/// Cuts one recording into the windows that the daemon would make of it.
///
/// The windower runs at a hop of one step, so it emits every step and every position that a window may be
/// shifted to in training. The windows of the dataset are those at every `card.hop`th position of a stretch.
fn cut(recording: &LoadedRecording, card: &Card) -> CutRecording {
    let mut windower = StreamWindower::new(&WindowerOptions { hop: 1, ..WindowerOptions::of(card) });
    let mut cut = CutRecording { drops: recording.drops.clone(), ..CutRecording::default() };
    let mut positions: Vec<Position<'_>> = Vec::new();
    let width = card.channels.len();
    let mut drops = Drops::default();
    let take = |output| {
        let WindowerOutput::Window(window) = output else { return };
        let step = 1e9 / card.rate;
        let previous = positions.last();
        let previous = previous.filter(|last| (window.time.since(last.time) as f64) < 1.5 * step);
        let (start, offset) = match previous {
            Some(previous) => {
                let last = window.values.len() - width;
                cut.steps.extend_from_slice(&window.values[last..]);
                (previous.start + 1, previous.offset + 1)
            }
            None => {
                let start = cut.steps.len() / width;
                cut.steps.extend_from_slice(&window.values);
                (start, 0)
            }
        };
        let label = recording.labels.throughout(window.time.offset(-card.span()), window.time);
        positions.push(Position { start, time: window.time, label, offset });
    };
    // A sample whose time leaps has to be confirmed by the next one, as in the daemon.
    let (mut samples, mut leaps) = (recording.samples.clone(), LeapFilter::default());
    leaps.filter(&mut samples, windower.max_gap(), &mut drops);
    leaps.finish(&mut drops);
    windower.push(&samples, &mut drops, take);
    cut.drops.samples.merge(&drops);
    let stretches = stretches(&samples, card);
    cut.drops.gaps = stretches.len().saturating_sub(1);
    cut.drops.windows_lost_to_gaps = lost_to_gaps(&stretches, card);
    for (index, position) in positions.iter().enumerate() {
        let Position { start, time, label, offset } = *position;
        if offset % card.hop != 0 {
            continue;
        }
        let Some(label) = label else {
            cut.drops.windows_without_label += 1;
            continue;
        };
        // A window may be shifted to the positions around it in the same stretch that have the same label
        // throughout.
        let reachable = |other: &&Position<'_>| {
            other.label == Some(label) && start.abs_diff(other.start) == offset.abs_diff(other.offset)
        };
        let reach = card.hop / 2;
        let before = positions[index.saturating_sub(reach)..index].iter().rev();
        let after = positions[index + 1..].iter().take(reach);
        let (earlier, later) = (before.take_while(reachable).count(), after.take_while(reachable).count());
        let index = WindowIndex { start, time, earlier, later };
        cut.windows.push(CutWindow { label: label.to_owned(), index });
    }
    cut
}

/// The durations of the stretches of samples without a gap, in seconds. Samples that the windower drops are
/// not counted.
fn stretches(samples: &Samples, card: &Card) -> Vec<f64> {
    let mut unwrapper = TimeUnwrapper::new((card.resample.max_gap * 1e9) as i64);
    let mut stretches: Vec<(Time, Time)> = Vec::new();
    for (time, row) in samples.iter() {
        if row.iter().any(|value| !value.is_finite()) {
            continue;
        }
        match (unwrapper.place(time), stretches.last_mut()) {
            (Placement::Next(time), Some((_, last))) => *last = time,
            (Placement::Next(time) | Placement::AfterGap(time) | Placement::AfterRestart(time), _) => {
                stretches.push((time, time));
            }
            (Placement::Duplicate | Placement::Late, _) => {}
        }
    }
    stretches.into_iter().map(|(first, last)| last.since(first) as f64 / 1e9).collect()
}

/// The windows that there would be in addition if the stretches followed each other without a gap.
fn lost_to_gaps(stretches: &[f64], card: &Card) -> usize {
    let steps = |seconds: f64| (seconds * card.rate + 1e-6) as usize + 1;
    let windows = |steps: usize| steps.checked_sub(card.window).map_or(0, |more| more / card.hop + 1);
    let all: usize = stretches.iter().map(|seconds| steps(*seconds)).sum();
    let there_are: usize = stretches.iter().map(|seconds| windows(steps(*seconds))).sum();
    windows(all).saturating_sub(there_are)
}

/// The error for recordings in which every channel has numbers, but no row has a number for every channel.
fn no_complete_row(recordings: &[LoadedRecording], card: &Card) -> Option<DatasetError> {
    let complete = |recording: &LoadedRecording| {
        recording.samples.iter().any(|(_, row)| row.iter().all(|value| value.is_finite()))
    };
    if recordings.iter().any(complete) {
        return None;
    }
    let first = recordings.first()?;
    let counts = card.channels.iter().zip(&first.drops.missing).map(|(channel, missing)| {
        format!("{} in {} rows", channel.name, (first.samples.len() as u64).saturating_sub(*missing))
    });
    Some(DatasetError::NoCompleteRow {
        file: first.drops.file.clone(),
        rows: first.samples.len(),
        counts: counts.collect::<Vec<_>>().join(", "),
    })
}
