//! What a model is trained on again: the windows of new recordings, and old ones.

use std::collections::{BTreeMap, BTreeSet};

use super::error::RefitError;
use crate::model::card::Card;
use crate::recordings::{self, Recording};
use crate::signal::Time;
use crate::train::data::dataset::Dataset;
use crate::train::data::window_index::{RecordingInfo, WindowIndex};
use crate::train::rehearsal::RehearsalWindows;

/// Where the old windows are from, which are trained on so that nothing is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OldWindows {
    /// From old recordings.
    Recordings,
    /// The rehearsal windows in the model's file.
    Rehearsal,
    /// There are none.
    None,
}

/// The windows of new recordings, and old ones.
#[derive(Clone, Debug)]
pub(crate) struct Material {
    /// All windows. The labels of its card are those of the model, followed by new ones.
    pub dataset: Dataset,
    /// The new recordings and the old ones, in the order of the dataset. Recordings of rehearsal windows are not among
    /// them.
    pub found: Vec<Recording>,
    /// The short digest of each of them.
    pub digests: Vec<String>,
    /// The number of new recordings, which are the first of the dataset.
    pub new: usize,
    /// The new recordings that the model was trained on before.
    pub known: BTreeSet<usize>,
    /// The old recordings that were left out because they are among the new ones.
    pub repeated: usize,
    /// Where the old windows are from.
    pub old: OldWindows,
}

impl Material {
    /// Reads new recordings, and old ones if there are any. Without old ones, the rehearsal windows are the old
    /// windows.
    ///
    /// # Errors
    /// [`RefitError`] if a recording cannot be read, or the windows are of a single label.
    pub(crate) fn read(
        new: Vec<Recording>,
        old: Vec<Recording>,
        card: &Card,
        rehearsal: &RehearsalWindows,
    ) -> Result<Self, RefitError> {
        let has_old = !old.is_empty();
        let mut digests = recordings::short_digests(&new)?;
        let known: BTreeSet<&String> =
            card.training.iter().flat_map(|training| &training.recording_digests).collect();
        let known = digests.iter().enumerate().filter(|(_, digest)| known.contains(digest));
        let known = known.map(|(index, _)| index).collect();
        let own: BTreeSet<String> = digests.iter().cloned().collect();
        let (count, given) = (new.len(), old.len());
        let mut found = new;
        for (recording, digest) in old.iter().zip(recordings::short_digests(&old)?) {
            if !own.contains(&digest) {
                found.push(recording.clone());
                digests.push(digest);
            }
        }
        let repeated = given - (found.len() - count);
        let mut dataset = Dataset::to_train_on(&found, card).map_err(|why| RefitError::of_data(why, card))?;
        let old = match () {
            () if has_old => OldWindows::Recordings,
            () if rehearsal.len() > 0 => OldWindows::Rehearsal,
            () => OldWindows::None,
        };
        if old == OldWindows::Rehearsal {
            append(&mut dataset, rehearsal);
        }
        let material = Self { dataset, found, digests, new: count, known, repeated, old };
        let counts = material.dataset.count(0..material.dataset.len());
        let mut present = material.dataset.card.labels.iter().zip(counts).filter(|(_, count)| *count > 0);
        match (present.next(), present.next()) {
            (Some((label, windows)), None) => Err(RefitError::OneLabel { label: label.clone(), windows }),
            _ => Ok(material),
        }
    }

    /// Whether a window is of a new recording.
    pub(crate) fn is_new(&self, window: usize) -> bool {
        self.dataset.recording_of_window[window] < self.new
    }

    /// The windows of new recordings, or those of old ones, ascending.
    pub(crate) fn windows(&self, new: bool) -> Vec<usize> {
        (0..self.dataset.len()).filter(|window| self.is_new(*window) == new).collect()
    }
}

/// Appends rehearsal windows to a dataset. Each is a window that cannot be shifted, of a recording without times.
fn append(dataset: &mut Dataset, rehearsal: &RehearsalWindows) {
    let width = dataset.card.channels.len().max(1);
    let mut recordings: BTreeMap<usize, usize> = BTreeMap::new();
    for ((window, label), number) in
        rehearsal.windows.iter().zip(&rehearsal.labels).zip(&rehearsal.recordings)
    {
        let recording = *recordings.entry(*number).or_insert_with(|| {
            let name = format!("(rehearsal windows of recording {number})");
            let info = RecordingInfo { group: name.clone(), name, ..RecordingInfo::default() };
            dataset.recordings.push(info);
            dataset.recordings.len() - 1
        });
        let start = dataset.steps.len() / width;
        dataset.steps.extend_from_slice(window);
        dataset.labels.push(*label);
        dataset.recording_of_window.push(recording);
        dataset.windows.push(WindowIndex { start, time: Time::ARRIVAL, earlier: 0, later: 0 });
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::recordings::{find, tests::folder};
    use crate::train::tests::sine_waves;

    /// Sine waves as material, with the first `new` recordings as the new ones and the others as old ones.
    pub(in crate::train::refit) fn sine_material(dataset: Dataset, new: usize) -> Material {
        let digests = (0..dataset.recordings.len()).map(|index| format!("{index:016}")).collect();
        let (known, old) = (BTreeSet::new(), OldWindows::Recordings);
        Material { dataset, found: Vec::new(), digests, new, known, repeated: 0, old }
    }

    /// A recording of ten seconds at 50 Hz.
    fn drive(seed: usize) -> String {
        let rows = (0..500).map(|i| format!("{},{}\n", i as f64 * 0.02, (i * 7 + seed) % 11));
        format!("t,current\n{}", rows.collect::<String>())
    }

    #[test]
    fn old_recordings_that_are_new_as_well_are_taken_as_new_and_known_ones_are_recognised() {
        let files =
            [("new/tile/a.csv", drive(1)), ("new/wood/b.csv", drive(2)), ("old/tile/again.csv", drive(1))];
        let folder = folder(&[&files[..], &[("old/grass/c.csv", drive(3))]].concat());
        let [new, old] = ["new", "old"].map(|name| find(&[folder.path().join(name)], None).unwrap());
        let training = crate::model::card::TrainingSummary {
            recording_digests: recordings::short_digests(&new[..1]).unwrap(),
            ..Default::default()
        };
        let card =
            Card { rate: 50.0, training: Some(training), ..Card::of_test(100, 10, &["tile", "stone"]) };
        let material = Material::read(new.clone(), old, &card, &RehearsalWindows::default()).unwrap();
        assert_eq!(material.dataset.card.labels, ["tile", "stone", "grass", "wood"]);
        assert_eq!((material.new, material.found.len(), material.repeated), (2, 3, 1));
        assert_eq!((material.old, material.known), (OldWindows::Recordings, [0].into()));
        let one = Material::read(new[..1].to_vec(), Vec::new(), &card, &RehearsalWindows::default());
        let error = one.unwrap_err().to_string();
        assert!(
            error.starts_with("all 41 windows are labelled \"tile\", and the model has no rehearsal"),
            "{error}"
        );
        let short = Card { window: 1000, ..card };
        let error =
            Material::read(new, Vec::new(), &short, &RehearsalWindows::default()).unwrap_err().to_string();
        assert!(
            error.contains("a window of the model takes 20.0 s") && !error.contains("--window"),
            "{error}"
        );
    }

    #[test]
    fn rehearsal_windows_follow_the_new_ones_and_keep_their_recordings_apart() {
        let mut dataset = sine_waves(2, 2, 4);
        let all: Vec<usize> = (0..dataset.len()).collect();
        let rehearsal = RehearsalWindows::choose(&dataset, &all, 2);
        append(&mut dataset, &rehearsal);
        assert_eq!((dataset.len(), dataset.recordings.len()), (20, 8));
        for (index, window) in rehearsal.windows.iter().enumerate() {
            assert_eq!(dataset.window(16 + index), window);
            assert_eq!(dataset.labels[16 + index], rehearsal.labels[index]);
        }
        assert_eq!(dataset.recording_of_window[16..], [4, 5, 6, 7]);
    }
}
