//! The dataset: the labelled windows of all recordings.
//!
//! The steps of all recordings are in one vector, and a window is a range of it. Overlapping windows share
//! their steps, and a window can be shifted in training without being cut again.

use std::collections::{BTreeMap, BTreeSet};

use super::channels::{channels_of_all, permutations};
use super::cut::{CutRecording, CutWindow, LoadedRecording, cut_all, read_all, sample_rate};
use super::drops::{self, RecordingDrops};
use super::error::DatasetError;
use super::plausibility::{self, ChannelOutliers, MixedUnit, Plausibility};
use super::sessions;
use super::window_index::{RecordingInfo, WindowIndex};
use crate::model::card::{Card, Method, Resample, UNKNOWN};
use crate::recordings::{self, Recording};

/// How windows are cut from recordings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DatasetOptions {
    /// The names of the channels to use; all channels if this is empty.
    pub channels: Vec<String>,
    /// The rate of the steps in Hz; `None` for the sample rate of the recordings.
    pub rate: Option<f64>,
    /// W, the steps in a window; `None` for 100.
    pub window: Option<usize>,
    /// The steps from the start of one window to the start of the next; `None` for a tenth of the window.
    pub hop: Option<usize>,
    /// Whether a channel that never changes is accepted. If not, it is an error.
    pub accept_constant: bool,
}

/// The labelled windows of all recordings: N windows of W steps of C channels.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// The card of a model trained on these windows, without the part about its training.
    pub card: Card,
    /// The SHA-256 digest of the recordings, in hexadecimal.
    pub digest: String,
    /// All recordings, including those without a window.
    pub recordings: Vec<RecordingInfo>,
    /// The steps of all recordings, row-major [S, C]. A window is W consecutive steps; windows overlap.
    pub steps: Vec<f32>,
    /// The position of each window among the steps, `[N]`.
    pub windows: Vec<WindowIndex>,
    /// The label of each window, as an index into the card's labels, `[N]`.
    pub labels: Vec<usize>,
    /// The recording that each window was cut from, as an index into [`Dataset::recordings`], `[N]`.
    pub recording_of_window: Vec<usize>,
    /// Orders of the channels under which the surface stays the same, as indices of channels; the recorded
    /// order need not be among them.
    pub permutations: Vec<Vec<usize>>,
    /// What was dropped of each recording, in the order of [`Dataset::recordings`].
    pub drops: Vec<RecordingDrops>,
    /// What is probably wrong with the recordings, one sentence each; see [`plausibility`].
    pub warnings: Vec<String>,
    /// The channels that some recordings have in another unit than most.
    pub mixed_units: Vec<MixedUnit>,
    /// The channels with single values far outside of all others.
    pub outliers: Vec<ChannelOutliers>,
}

impl Dataset {
    /// Reads recordings and cuts them into labelled windows for training. The labels of the card are those of
    /// the windows.
    ///
    /// # Errors
    /// [`DatasetError`]: a recording cannot be read, the recordings have different channels or are too short,
    /// or there are fewer than two surfaces.
    pub fn load(found: &[Recording], options: &DatasetOptions) -> Result<Self, DatasetError> {
        let channels = channels_of_all(found, &options.channels)?;
        let mut loaded = read_all(found, &channels)?;
        sessions::assign(found, &mut loaded);
        let width = channels.len();
        for (index, channel) in channels.iter().enumerate() {
            let has_value = |recording: &LoadedRecording| {
                recording.samples.values().iter().skip(index).step_by(width).any(|value| value.is_finite())
            };
            if !loaded.iter().any(has_value) {
                return Err(DatasetError::NoValue { name: channel.name.clone() });
            }
        }
        let sample_rate = sample_rate(&loaded).ok_or(DatasetError::NoRate)?;
        let rate = options.rate.unwrap_or(sample_rate);
        let window = options.window.unwrap_or(100);
        plausibility::check_rate(&loaded, sample_rate, rate, window)?;
        let mut card = Card {
            version: Card::VERSION,
            channels,
            rate,
            window,
            hop: options.hop.unwrap_or_else(|| (window / 10).max(1)),
            resample: Resample {
                method: if sample_rate <= 1.5 * rate { Method::Linear } else { Method::Mean },
                max_gap: f64::max(0.25, 10.0 / rate),
            },
            // A placeholder until the labels are known, so that the numbers can be validated before windows
            // are cut.
            labels: vec!["1".into(), "2".into()],
            candidates: None,
            made_by: format!("underfoot {}", env!("CARGO_PKG_VERSION")),
            training: None,
        };
        card.validate()?;
        let cuts = cut_all(&loaded, &card)?;
        card.labels = labels_of(&cuts).into_iter().cloned().collect();
        if let [label] = card.labels.as_slice() {
            let windows = cuts.iter().map(|cut| cut.windows.len()).sum();
            return Err(DatasetError::OneLabel { label: label.clone(), windows });
        }
        let unknown = |cut: &CutRecording| cut.windows.iter().any(|window| window.label == UNKNOWN);
        if let Some(index) = cuts.iter().position(unknown) {
            return Err(DatasetError::Unknown { recording: loaded[index].info.name.clone() });
        }
        if let Some((one, other)) = similar_labels(&card.labels) {
            return Err(DatasetError::Alike { one: one.clone(), other: other.clone() });
        }
        card.validate()?;
        let permutations = permutations(found, &card.channels)?;
        let plausibility = plausibility::check(&loaded, &card);
        let dataset = Self { permutations, ..Self::assemble(found, card, loaded, cuts, plausibility)? };
        match dataset.constant_channel() {
            Some(error) if !options.accept_constant => Err(error),
            _ => Ok(dataset),
        }
    }

    /// The error for the first channel that never changes, if there is one.
    fn constant_channel(&self) -> Option<DatasetError> {
        let width = self.card.channels.len();
        let first = self.steps.get(..width)?;
        let changes =
            |channel: &usize| self.steps.chunks_exact(width).any(|row| row[*channel] != first[*channel]);
        let (changing, constant): (Vec<usize>, Vec<usize>) = (0..width).partition(changes);
        let channel = *constant.first()?;
        let others: Vec<&str> =
            changing.iter().map(|other| self.card.channels[*other].name.as_str()).collect();
        let alternative = match others.as_slice() {
            [] => "use recordings of another source".into(),
            others => format!("train without it, with --channels {}", others.join(",")),
        };
        Some(DatasetError::Constant {
            name: self.card.channels[channel].name.clone(),
            value: first[channel],
            alternative,
        })
    }

    /// Reads recordings and cuts them into labelled windows as a model's card says, to evaluate the model.
    ///
    /// Channels, rate, window, hop and labels are those of the card.
    ///
    /// # Errors
    /// [`DatasetError`]: a recording cannot be read or is too short, or has a label that is not in the card.
    pub fn for_card(found: &[Recording], card: &Card) -> Result<Self, DatasetError> {
        let loaded = read_all(found, &card.channels)?;
        let mut plausibility = plausibility::check(&loaded, card);
        plausibility.warnings.extend(plausibility::differences_to_training(&loaded, card));
        let cuts = cut_all(&loaded, card)?;
        let labels = labels_of(&cuts).into_iter();
        let missing: Vec<_> = labels.filter(|label| !card.labels.contains(label)).cloned().collect();
        if !missing.is_empty() {
            let has = card.labels.join(", ");
            return Err(DatasetError::NotInCard { labels: missing.join(", "), has });
        }
        Self::assemble(found, card.clone(), loaded, cuts, plausibility)
    }

    /// Joins the steps and the windows of all recordings. Windows of a label that the card does not have are
    /// not included.
    fn assemble(
        found: &[Recording],
        card: Card,
        loaded: Vec<LoadedRecording>,
        cuts: Vec<CutRecording>,
        plausibility: Plausibility,
    ) -> Result<Self, DatasetError> {
        let all_drops: Vec<RecordingDrops> = cuts.iter().map(|cut| cut.drops.clone()).collect();
        let warnings = [drops::warnings(&all_drops, &card.channels), plausibility.warnings].concat();
        let labels = card.labels.clone();
        let label_indices: BTreeMap<&str, usize> =
            labels.iter().enumerate().map(|(index, label)| (label.as_str(), index)).collect();
        let mut dataset = Self {
            digest: recordings::digest(found)?,
            recordings: loaded.into_iter().map(|recording| recording.info).collect(),
            labels: Vec::new(),
            recording_of_window: Vec::new(),
            windows: Vec::new(),
            drops: all_drops,
            warnings,
            mixed_units: plausibility.mixed_units,
            outliers: plausibility.outliers,
            steps: Vec::with_capacity(cuts.iter().map(|cut| cut.steps.len()).sum()),
            permutations: Vec::new(),
            card: card.clone(),
        };
        for (recording, cut) in cuts.into_iter().enumerate() {
            let first = dataset.steps.len() / card.channels.len();
            dataset.steps.extend_from_slice(&cut.steps);
            for CutWindow { label, index } in cut.windows {
                let Some(label) = label_indices.get(label.as_str()) else { continue };
                dataset.labels.push(*label);
                dataset.recording_of_window.push(recording);
                dataset.windows.push(WindowIndex { start: first + index.start, ..index });
            }
        }
        Ok(dataset)
    }

    /// All orders of the channels under which the surface stays the same, as indices of channels. The
    /// recorded order is the first one.
    pub fn orders(&self) -> Vec<Vec<usize>> {
        let recorded: Vec<usize> = (0..self.card.channels.len()).collect();
        let mut orders = vec![recorded];
        for order in &self.permutations {
            if !orders.contains(order) {
                orders.push(order.clone());
            }
        }
        orders
    }

    /// The number of windows.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no windows.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The values of a window, row-major [W, C].
    pub fn window(&self, index: usize) -> &[f32] {
        self.at(self.windows[index].start)
    }

    /// The values of all windows, each row-major [W, C].
    pub(crate) fn all_windows(&self) -> Vec<&[f32]> {
        (0..self.len()).map(|index| self.window(index)).collect()
    }

    /// The values of a window, row-major [W, C], that starts `by` steps later, or earlier if `by` is
    /// negative. The shift is limited to what the window's [`WindowIndex`] allows.
    pub fn shifted(&self, index: usize, by: isize) -> &[f32] {
        let window = self.windows[index];
        let by = by.clamp(-(window.earlier as isize), window.later as isize);
        self.at(window.start.saturating_add_signed(by))
    }

    /// The values of the W steps from `start` on.
    fn at(&self, start: usize) -> &[f32] {
        let width = self.card.channels.len();
        &self.steps[start * width..(start + self.card.window) * width]
    }

    /// The values of the windows with these indices, row-major [windows, W, C].
    pub fn gather(&self, indices: &[usize]) -> Vec<f32> {
        indices.iter().flat_map(|index| self.window(*index)).copied().collect()
    }

    /// The same windows with only the channels with the indices `kept`, in that order, and without
    /// permutations.
    pub fn with_channels(&self, kept: &[usize]) -> Self {
        let width = self.card.channels.len();
        let rows = self.steps.chunks_exact(width);
        let mut dataset = Self { steps: Vec::new(), permutations: Vec::new(), ..self.clone() };
        dataset.steps = rows.flat_map(|row| kept.iter().map(|channel| row[*channel])).collect();
        dataset.card.channels = kept.iter().map(|channel| self.card.channels[*channel].clone()).collect();
        let index = |channel: &mut usize| {
            let new = kept.iter().position(|kept| kept == channel);
            *channel = new.unwrap_or_default();
            new.is_some()
        };
        dataset.mixed_units.retain_mut(|mixed| index(&mut mixed.channel));
        dataset.outliers.retain_mut(|outliers| index(&mut outliers.channel));
        dataset
    }

    /// The number of windows of each label, `[K]`, among the windows with these indices.
    pub fn count(&self, indices: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let mut counts = vec![0; self.card.labels.len()];
        indices.into_iter().for_each(|index| counts[self.labels[index]] += 1);
        counts
    }
}

/// The labels of all windows, each once, in alphabetical order.
fn labels_of(cuts: &[CutRecording]) -> BTreeSet<&String> {
    cuts.iter().flat_map(|cut| &cut.windows).map(|window| &window.label).collect()
}

/// The first two labels that differ only in case or in spaces at their ends.
fn similar_labels(labels: &[String]) -> Option<(&String, &String)> {
    let plain = |label: &String| label.trim().to_lowercase();
    let others = |index: usize| labels[index + 1..].iter();
    let mut pairs = labels.iter().enumerate().flat_map(|(index, one)| others(index).map(move |o| (one, o)));
    pairs.find(|(one, other)| plain(one) == plain(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recordings::tests::folder;

    /// The text of a CSV recording of one channel at 50 Hz.
    fn drive(samples: usize, column: &str) -> String {
        let rows = (0..samples).map(|i| format!("{},{}\n", i as f64 * 0.02, i % 7));
        format!("t,{column}\n{}", rows.collect::<String>())
    }

    /// Loads all recordings of a folder.
    fn load(folder: &tempfile::TempDir, options: &DatasetOptions) -> Result<Dataset, DatasetError> {
        Dataset::load(&recordings::find(&[folder.path().into()], None)?, options)
    }

    #[test]
    fn each_window_has_the_label_and_the_recording_it_was_cut_from() {
        let folder = folder(&[("tile/a.csv", drive(120, "current")), ("wood/b.csv", drive(110, "current"))]);
        let dataset = load(&folder, &DatasetOptions::default()).unwrap();
        assert_eq!((dataset.card.rate, dataset.card.window, dataset.card.hop), (50.0, 100, 10));
        assert_eq!(dataset.card.labels, ["tile", "wood"]);
        assert_eq!(
            (dataset.labels.as_slice(), dataset.recording_of_window.as_slice()),
            (&[0, 0, 0, 1, 1][..], &[0, 0, 0, 1, 1][..])
        );
        assert_eq!(dataset.window(0)[..8], [0., 1., 2., 3., 4., 5., 6., 0.]);
        assert_eq!(dataset.window(1)[0], 3.0);
        assert_eq!(dataset.recordings[1].name, "wood/b");
        let statistics = dataset.statistics(&[0, 1, 2, 3, 4]);
        assert!((statistics[0].mean - 3.0).abs() < 0.1 && statistics[0].max == 6.0);
    }

    #[test]
    fn a_window_across_a_change_of_label_is_dropped_and_counted() {
        let folder = folder(&[
            ("dataset.toml", "[label]\nfrom = 'intervals'".into()),
            ("a.csv", drive(300, "current")),
            ("a.labels.csv", "start,end,label\n0,3,wood\n3,6,tile\n".into()),
        ]);
        let dataset = load(&folder, &DatasetOptions { hop: Some(50), ..Default::default() }).unwrap();
        // Windows start at 0, 1, 2, 3 and 4 s and are 2 s long. The label changes at 3 s, in the window from
        // 2 s to 4 s.
        assert_eq!((dataset.len(), dataset.drops[0].windows_without_label), (4, 1));
        assert_eq!(dataset.labels, [1, 1, 0, 0]);
    }

    #[test]
    fn recordings_that_cannot_be_trained_on_are_named_with_the_fix() {
        let long = || drive(200, "current");
        let one = folder(&[("tile/a.csv", long())]);
        let short = folder(&[("tile/a.csv", drive(50, "current")), ("wood/a.csv", drive(40, "current"))]);
        let mixed = folder(&[("tile/a.csv", long()), ("wood/b.csv", drive(200, "m1"))]);
        let unknown = folder(&[("tile/a.csv", long()), ("unknown/b.csv", long())]);
        for (folder, expected) in [
            (one, "all 11 windows are labelled \"tile\""),
            (
                short,
                "the longest stretch without a gap is 1.0 s and a window of 100 steps at 50 Hz takes 2.0 s",
            ),
            (mixed, "wood/b has the channels m1 and tile/a has current"),
            (unknown, "unknown/b is labelled \"unknown\""),
        ] {
            let error = load(&folder, &DatasetOptions::default()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn permutations_are_kept_if_they_only_move_chosen_channels() {
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
