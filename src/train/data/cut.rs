//! Recordings, read whole and cut into windows by the code that cuts the daemon's.

use rayon::prelude::*;

use super::error::DatasetError;
use super::window_index::{RecordingInfo, WindowIndex};
use crate::model::card::Card;
use crate::recordings::labels::Labels;
use crate::recordings::layout::GroupBy;
use crate::recordings::reader::RecordingReader;
use crate::recordings::{Recording, RecordingError};
use crate::signal::{Channel, Drops, Samples, Time};
use crate::stream::{StreamWindower, WindowerOptions, WindowerOutput};

/// The most values in all steps together: 2 GiB of them.
const MAX_VALUES: usize = 1 << 29;

/// A recording that was read.
pub(crate) struct Read {
    pub(crate) samples: Samples,
    pub(crate) labels: Labels,
    pub(crate) source: RecordingInfo,
}

/// One recording's steps, and its windows among them.
#[derive(Default)]
pub(crate) struct Cut {
    /// Every step that is in some window, row-major [S, C]; stretches between gaps stand one after the other.
    pub(crate) steps: Vec<f32>,
    pub(crate) windows: Vec<CutWindow>,
    pub(crate) left_out: usize,
}

/// One window of a recording.
pub(crate) struct CutWindow {
    pub(crate) label: String,
    pub(crate) place: WindowIndex,
}

/// Reads every recording, several at once.
pub(crate) fn read_all(found: &[Recording], channels: &[Channel]) -> Result<Vec<Read>, DatasetError> {
    let read = found.par_iter().map(|recording| {
        let mut reader = RecordingReader::open(recording, Some(channels))?;
        let mut samples = Samples::new(channels.len());
        while reader.next_block(&mut samples)? {}
        // Recordings of one name below different folders are still different recordings.
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
        Ok(Read { samples, labels: reader.labels()?, source: RecordingInfo { name, group } })
    });
    // Collected in order first, so that of several errors the first recording's is told.
    read.collect::<Vec<Result<_, RecordingError>>>()
        .into_iter()
        .map(|read| read.map_err(Into::into))
        .collect()
}

/// The recordings' own rate: the median over them of 1 / median interval, to three digits.
pub(crate) fn own_rate(read: &[Read]) -> Option<f64> {
    let interval = |read: &Read| {
        let pairs = read.samples.times().windows(2);
        median(pairs.map(|pair| pair[1].since(pair[0]) as f64).filter(|interval| *interval > 0.0).collect())
    };
    let rate = 1e9 / median(read.iter().filter_map(interval).collect())?;
    let unit = 10f64.powf(rate.log10().floor() - 2.0);
    // Written and read again, so that 32.1 is 32.1 and not 32.100000000000001.
    format!("{:.6e}", (rate / unit).round() * unit).parse().ok()
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The windows of every recording, of which there must be some.
pub(crate) fn cut_all(read: &[Read], card: &Card) -> Result<Vec<Cut>, DatasetError> {
    let cuts: Vec<Cut> = read.par_iter().map(|read| cut(read, card)).collect();
    let values: usize = cuts.iter().map(|cut| cut.steps.len()).sum();
    if values > MAX_VALUES {
        return Err(DatasetError::TooMany { gib: values as f64 * 4.0 / f64::from(1 << 30) });
    }
    if cuts.iter().any(|cut| !cut.windows.is_empty()) {
        return Ok(cuts);
    }
    match cuts.iter().map(|cut| cut.left_out).sum() {
        0 => {
            let longest = read.iter().map(|read| longest(&read.samples, card)).fold(0.0, f64::max);
            let needed = card.window as f64 / card.rate;
            Err(DatasetError::TooShort { longest, window: card.window, rate: card.rate, needed })
        }
        windows => Err(DatasetError::NoLabels { windows }),
    }
}

/// The windows of one recording, as the daemon would make them.
///
/// They are cut at a hop of one step, which gives every step and every place that a window may be shifted to; a window of the
/// data set is each `hop`th of those.
fn cut(read: &Read, card: &Card) -> Cut {
    let mut lane = StreamWindower::new(&WindowerOptions { hop: 1, ..WindowerOptions::of(card) });
    let mut cut = Cut::default();
    // Each place: the window's first step, the moment of its last, its label, and how many places the stretch has had.
    let mut places: Vec<(usize, Time, Option<&str>, usize)> = Vec::new();
    let width = card.channels.len();
    let take = |output| {
        let WindowerOutput::Window(window) = output else { return };
        let step = 1e9 / card.rate;
        let joins = places.last().filter(|(_, last, ..)| (window.time.since(*last) as f64) < 1.5 * step);
        let (start, count) = match joins {
            Some((start, _, _, count)) => {
                let last = window.values.len() - width;
                cut.steps.extend_from_slice(&window.values[last..]);
                (start + 1, count + 1)
            }
            None => {
                let start = cut.steps.len() / width;
                cut.steps.extend_from_slice(&window.values);
                (start, 0)
            }
        };
        let label = read.labels.throughout(window.time.offset(-card.span()), window.time);
        places.push((start, window.time, label, count));
    };
    lane.push(&read.samples, &mut Drops::default(), take);
    for (index, &(start, time, label, count)) in places.iter().enumerate() {
        if count % card.hop != 0 {
            continue;
        }
        let Some(label) = label else {
            cut.left_out += 1;
            continue;
        };
        // A place takes part in a window's shifts where the stretch and the label are the same.
        let same = |&(other, _, name, from): &(usize, Time, Option<&str>, usize)| {
            name == Some(label) && start.abs_diff(other) == count.abs_diff(from)
        };
        let reach = card.hop / 2;
        let earlier =
            places[index.saturating_sub(reach)..index].iter().rev().take_while(|place| same(place)).count();
        let later = places[index + 1..].iter().take(reach).take_while(|place| same(place)).count();
        let place = WindowIndex { start, time, earlier, later };
        cut.windows.push(CutWindow { label: label.to_owned(), place });
    }
    cut
}

/// The longest stretch without a gap, in seconds.
fn longest(samples: &Samples, card: &Card) -> f64 {
    let (mut longest, mut start) = (0i64, None);
    for pair in samples.times().windows(2) {
        let interval = pair[1].since(pair[0]);
        if interval <= 0 || interval as f64 > card.resample.max_gap * 1e9 {
            start = None;
        } else {
            longest = longest.max(pair[1].since(*start.get_or_insert(pair[0])));
        }
    }
    longest as f64 / 1e9
}
