//! From recordings to labelled windows, made by the same code that makes the daemon's.

use std::collections::{BTreeMap, BTreeSet};

use super::channels::{channels_of_all, permutations};
use super::cut::{Cut, CutWindow, Read, cut_all, own_rate, read_all};
use super::error::DatasetError;
use super::window_index::{RecordingInfo, WindowIndex};
use crate::model::card::{Card, Method, Resample, Statistics, UNKNOWN};
use crate::recordings::{self, Recording};

/// How windows are cut; what is not given follows from the recordings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DatasetOptions {
    /// The channels to take, by name; all, where none is named.
    pub channels: Vec<String>,
    /// Steps a second, in Hz; the recordings' own, where none is given.
    pub rate: Option<f64>,
    /// Steps in a window; 100, where none is given.
    pub window: Option<usize>,
    /// Steps between two windows; a tenth of the window, where none is given.
    pub hop: Option<usize>,
    /// Whether a channel that never changes is let through.
    pub constant: bool,
}

/// Labelled windows of recordings.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// The card that a model of these windows carries, but for its training.
    pub card: Card,
    /// SHA-256 over the recordings, in hexadecimal.
    pub digest: String,
    /// The recordings, those without a window among them.
    pub recordings: Vec<RecordingInfo>,
    /// The steps of all recordings, row-major [S, C]; a window is W of them, and windows overlap.
    pub steps: Vec<f32>,
    /// Each window's place among the steps.
    pub places: Vec<WindowIndex>,
    /// Each window's label, as an index into the card's.
    pub labels: Vec<usize>,
    /// Each window's recording, as an index into [`Dataset::recordings`].
    pub sources: Vec<usize>,
    /// Orders of the channels under which the surface stays what it is.
    pub permutations: Vec<Vec<usize>>,
    /// Windows left out since their label changes, or is not known, within.
    pub left_out: usize,
}

impl Dataset {
    /// Cuts labelled windows for training.
    ///
    /// # Errors
    /// [`DatasetError`]: recordings that cannot be read or do not go together, too short, or of too few surfaces.
    pub fn load(found: &[Recording], options: &DatasetOptions) -> Result<Self, DatasetError> {
        let channels = channels_of_all(found, &options.channels)?;
        let read = read_all(found, &channels)?;
        let width = channels.len();
        for (index, channel) in channels.iter().enumerate() {
            let values =
                |read: &Read| read.samples.values().iter().skip(index).step_by(width).any(|v| v.is_finite());
            if !read.iter().any(values) {
                return Err(DatasetError::NoValue { name: channel.name.clone() });
            }
        }
        let own = own_rate(&read).ok_or(DatasetError::NoRate)?;
        let rate = options.rate.unwrap_or(own);
        let window = options.window.unwrap_or(100);
        let mut card = Card {
            version: Card::VERSION,
            channels,
            rate,
            window,
            hop: options.hop.unwrap_or_else(|| (window / 10).max(1)),
            resample: Resample {
                method: if own <= 1.5 * rate { Method::Linear } else { Method::Mean },
                max_gap: f64::max(0.25, 10.0 / rate),
            },
            // Stands in until the labels are known, so that the numbers can be checked before windows are cut.
            labels: vec!["1".into(), "2".into()],
            made_by: format!("underfoot {}", env!("CARGO_PKG_VERSION")),
            training: None,
        };
        card.validate()?;
        let cuts = cut_all(&read, &card)?;
        let labels: BTreeSet<&String> = cuts.iter().flat_map(|cut| &cut.windows).map(|w| &w.label).collect();
        card.labels = labels.into_iter().cloned().collect();
        if let [label] = card.labels.as_slice() {
            let windows = cuts.iter().map(|cut| cut.windows.len()).sum();
            return Err(DatasetError::OneLabel { label: label.clone(), windows });
        }
        if let Some((read, _)) =
            read.iter().zip(&cuts).find(|(_, cut)| cut.windows.iter().any(|window| window.label == UNKNOWN))
        {
            return Err(DatasetError::Unknown { recording: read.source.name.clone() });
        }
        if let Some((one, other)) = alike(&card.labels) {
            return Err(DatasetError::Alike { one: one.clone(), other: other.clone() });
        }
        card.validate()?;
        let permutations = permutations(found, &card.channels)?;
        let dataset = Self { permutations, ..Self::assemble(found, card, read, cuts)? };
        match dataset.constant() {
            Some(error) if !options.constant => Err(error),
            _ => Ok(dataset),
        }
    }

    /// The first channel that never changes, as an error.
    fn constant(&self) -> Option<DatasetError> {
        let width = self.card.channels.len();
        let first = self.steps.get(..width)?;
        let changes =
            |channel: &usize| self.steps.chunks_exact(width).any(|row| row[*channel] != first[*channel]);
        let (changing, still): (Vec<usize>, Vec<usize>) = (0..width).partition(changes);
        let channel = *still.first()?;
        let others: Vec<&str> =
            changing.iter().map(|other| self.card.channels[*other].name.as_str()).collect();
        let others = if others.is_empty() { "of another source".into() } else { others.join(",") };
        Some(DatasetError::Constant {
            name: self.card.channels[channel].name.clone(),
            value: first[channel],
            others,
        })
    }

    /// Cuts labelled windows as a model's card says, for its evaluation.
    ///
    /// # Errors
    /// [`DatasetError`]: as for [`Dataset::load`], or a label that the card lacks.
    pub fn for_card(found: &[Recording], card: &Card) -> Result<Self, DatasetError> {
        let read = read_all(found, &card.channels)?;
        let cuts = cut_all(&read, card)?;
        let labels: BTreeSet<&String> = cuts.iter().flat_map(|cut| &cut.windows).map(|w| &w.label).collect();
        let missing: Vec<_> =
            labels.into_iter().filter(|label| !card.labels.contains(label)).cloned().collect();
        if !missing.is_empty() {
            let has = card.labels.join(", ");
            return Err(DatasetError::NotInCard { labels: missing.join(", "), has });
        }
        Self::assemble(found, card.clone(), read, cuts)
    }

    fn assemble(
        found: &[Recording],
        card: Card,
        read: Vec<Read>,
        cuts: Vec<Cut>,
    ) -> Result<Self, DatasetError> {
        let labels = card.labels.clone();
        let index: BTreeMap<&str, usize> =
            labels.iter().enumerate().map(|(index, label)| (label.as_str(), index)).collect();
        let mut dataset = Self {
            digest: recordings::digest(found)?,
            recordings: read.into_iter().map(|read| read.source).collect(),
            labels: Vec::new(),
            sources: Vec::new(),
            places: Vec::new(),
            left_out: cuts.iter().map(|cut| cut.left_out).sum(),
            steps: Vec::with_capacity(cuts.iter().map(|cut| cut.steps.len()).sum()),
            permutations: Vec::new(),
            card: card.clone(),
        };
        for (source, cut) in cuts.into_iter().enumerate() {
            let before = dataset.steps.len() / card.channels.len();
            dataset.steps.extend_from_slice(&cut.steps);
            for CutWindow { label, place } in cut.windows {
                let Some(label) = index.get(label.as_str()) else { continue };
                dataset.labels.push(*label);
                dataset.sources.push(source);
                dataset.places.push(WindowIndex { start: before + place.start, ..place });
            }
        }
        Ok(dataset)
    }

    /// Every order of the channels under which the surface stays what it is; that in which they come is the first.
    pub fn orders(&self) -> Vec<Vec<usize>> {
        let own: Vec<usize> = (0..self.card.channels.len()).collect();
        let mut orders = vec![own];
        for order in &self.permutations {
            if !orders.contains(order) {
                orders.push(order.clone());
            }
        }
        orders
    }

    /// How many windows there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no window.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// A window's values, row-major [W, C].
    pub fn window(&self, index: usize) -> &[f32] {
        self.at(self.places[index].start)
    }

    /// A window's values where it begins `by` steps later, or earlier below 0; no further than its [`WindowIndex`] allows.
    pub fn shifted(&self, index: usize, by: isize) -> &[f32] {
        let place = self.places[index];
        let by = by.clamp(-(place.earlier as isize), place.later as isize);
        self.at(place.start.saturating_add_signed(by))
    }

    fn at(&self, start: usize) -> &[f32] {
        let width = self.card.channels.len();
        &self.steps[start * width..(start + self.card.window) * width]
    }

    /// The values of some windows, one after the other.
    pub fn gather(&self, indices: &[usize]) -> Vec<f32> {
        indices.iter().flat_map(|index| self.window(*index)).copied().collect()
    }

    /// The same windows with some of their channels only, by index.
    pub fn with_channels(&self, kept: &[usize]) -> Self {
        let width = self.card.channels.len();
        let rows = self.steps.chunks_exact(width);
        let mut dataset = Self { steps: Vec::new(), permutations: Vec::new(), ..self.clone() };
        dataset.steps = rows.flat_map(|row| kept.iter().map(|channel| row[*channel])).collect();
        dataset.card.channels = kept.iter().map(|channel| self.card.channels[*channel].clone()).collect();
        dataset
    }

    /// How many of these windows each label has.
    pub fn count(&self, indices: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let mut counts = vec![0; self.card.labels.len()];
        indices.into_iter().for_each(|index| counts[self.labels[index]] += 1);
        counts
    }

    /// Mean, deviation and range of each channel in some windows.
    pub fn statistics(&self, indices: &[usize]) -> Vec<Statistics> {
        let channels = self.card.channels.len();
        let of = |channel: usize| {
            let values = || indices.iter().flat_map(|index| self.window(*index).chunks_exact(channels));
            let values = || values().map(|row| f64::from(row[channel]));
            let count = (indices.len() * self.card.window).max(1) as f64;
            let mean = values().sum::<f64>() / count;
            let deviation = (values().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
            let (min, max) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
            Statistics { mean, deviation, min, max }
        };
        (0..channels).map(of).collect()
    }
}

/// Two labels that differ in nothing but case or blanks.
fn alike(labels: &[String]) -> Option<(&String, &String)> {
    let plain = |label: &String| label.trim().to_lowercase();
    let pairs = labels
        .iter()
        .enumerate()
        .flat_map(|(index, one)| labels[index + 1..].iter().map(move |other| (one, other)));
    pairs.into_iter().find(|(one, other)| plain(one) == plain(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recordings::tests::folder;

    fn drive(samples: usize, column: &str) -> String {
        let rows = (0..samples).map(|i| format!("{},{}\n", i as f64 * 0.02, i % 7));
        format!("t,{column}\n{}", rows.collect::<String>())
    }

    fn load(folder: &tempfile::TempDir, options: &DatasetOptions) -> Result<Dataset, DatasetError> {
        Dataset::load(&recordings::find(&[folder.path().into()], None)?, options)
    }

    #[test]
    fn windows_carry_the_label_and_the_recording_they_come_from() {
        let folder = folder(&[("tile/a.csv", drive(120, "current")), ("wood/b.csv", drive(110, "current"))]);
        let dataset = load(&folder, &DatasetOptions::default()).unwrap();
        assert_eq!((dataset.card.rate, dataset.card.window, dataset.card.hop), (50.0, 100, 10));
        assert_eq!(dataset.card.labels, ["tile", "wood"]);
        assert_eq!(
            (dataset.labels.as_slice(), dataset.sources.as_slice()),
            (&[0, 0, 0, 1, 1][..], &[0, 0, 0, 1, 1][..])
        );
        assert_eq!(dataset.window(0)[..8], [0., 1., 2., 3., 4., 5., 6., 0.]);
        assert_eq!(dataset.window(1)[0], 3.0);
        assert_eq!(dataset.recordings[1].name, "wood/b");
        let statistics = dataset.statistics(&[0, 1, 2, 3, 4]);
        assert!((statistics[0].mean - 3.0).abs() < 0.1 && statistics[0].max == 6.0);
    }

    #[test]
    fn a_window_over_a_change_of_label_is_left_out_and_counted() {
        let folder = folder(&[
            ("dataset.toml", "[label]\nfrom = 'intervals'".into()),
            ("a.csv", drive(300, "current")),
            ("a.labels.csv", "start,end,label\n0,3,wood\n3,6,tile\n".into()),
        ]);
        let dataset = load(&folder, &DatasetOptions { hop: Some(50), ..Default::default() }).unwrap();
        // Windows start at 0, 1, 2, 3 and 4 s and are 2 s long; the one from 2 s to 4 s, and that from 1.02 s on, are not.
        assert_eq!((dataset.len(), dataset.left_out), (4, 1));
        assert_eq!(dataset.labels, [1, 1, 0, 0]);
    }

    #[test]
    fn what_cannot_be_trained_on_is_named_with_the_mend() {
        let long = || drive(200, "current");
        let one = folder(&[("tile/a.csv", long())]);
        let short = folder(&[("tile/a.csv", drive(50, "current")), ("wood/a.csv", drive(40, "current"))]);
        let mixed = folder(&[("tile/a.csv", long()), ("wood/b.csv", drive(200, "m1"))]);
        let unknown = folder(&[("tile/a.csv", long()), ("unknown/b.csv", long())]);
        for (folder, expected) in [
            (one, "all 11 windows are labelled \"tile\""),
            (short, "the longest unbroken stretch is 1.0 s and a window of 100 steps at 50 Hz takes 2.0 s"),
            (mixed, "wood/b has the channels m1 and tile/a has current"),
            (unknown, "unknown/b is labelled \"unknown\""),
        ] {
            let error = load(&folder, &DatasetOptions::default()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn orders_of_channels_are_followed_as_far_as_the_channels_were_taken() {
        let row = |i: usize| format!("{},{},{},{}\n", i as f64 * 0.02, 1 + i % 2, 2 + i % 2, 3 + i % 2);
        let rows: String = (0..200).map(row).collect();
        let text = format!("t,a,b,c\n{rows}");
        let folder = folder(&[
            ("dataset.toml", "[augment]\npermutations = [['b', 'a', 'c'], ['b', 'c', 'a']]".into()),
            ("tile/a.csv", text.clone()),
            ("wood/b.csv", text),
        ]);
        let all = load(&folder, &DatasetOptions::default()).unwrap();
        assert_eq!(all.permutations, [vec![1, 0, 2], vec![1, 2, 0]]);
        let some = DatasetOptions { channels: vec!["b".into(), "a".into()], ..Default::default() };
        let some = load(&folder, &some).unwrap();
        assert_eq!(some.window(0)[..2], [2.0, 1.0]);
        assert_eq!(some.permutations, [vec![1, 0]]);
    }
}
