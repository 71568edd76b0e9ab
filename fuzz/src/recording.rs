//! A recording with its `dataset.toml`, as a stranger's folder may hold them.

use std::path::Path;

use underfoot::recordings::{self, labels::Labels, reader::RecordingReader};
use underfoot::signal::{Samples, TimeUnit};

use super::split_first;

/// Between the `dataset.toml` and the recording.
const SEPARATOR: &[u8] = b"\n%%%\n";

/// The recording is read to its end, or refused; no more samples come out than bytes went in, and each has a value for each channel.
pub fn recording(data: &[u8]) {
    let (choice, data) = split_first(data);
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no folder for the recording: {error}"));
    let at = data.windows(SEPARATOR.len()).position(|bytes| bytes == SEPARATOR);
    let (dataset, rows) = at.map_or((None, data), |at| (data.get(..at), &data[at + SEPARATOR.len()..]));
    if let Some(dataset) = dataset.filter(|dataset| !dataset.is_empty()) {
        write(&folder.path().join("dataset.toml"), dataset);
    }
    let path = folder.path().join("tile").join("drive.csv");
    std::fs::create_dir(folder.path().join("tile")).unwrap_or_else(|error| panic!("{error}"));
    write(&path, rows);
    if choice & 1 != 0 {
        // The same bytes as a file of labels.
        let _ = Labels::read_intervals(&path, TimeUnit::S);
    }
    read(folder.path(), rows.len(), |reader, samples| {
        let _ = reader.labels().map(|labels| labels.at(samples.times().first().copied()?).map(str::len));
        let _ = reader.group();
    });
}

/// Reads the recordings of a folder to their ends, each of at most so many bytes, and passes the reader of each with its samples.
pub(super) fn read(folder: &Path, bytes: usize, take: impl Fn(&RecordingReader<'_>, &Samples)) {
    let Ok(found) = recordings::find(&[folder.to_owned()], None) else { return };
    for recording in &found {
        let Ok(mut reader) = RecordingReader::open(recording, None) else { continue };
        let mut samples = reader.samples();
        while let Ok(true) = reader.next_batch(&mut samples) {}
        assert_eq!(samples.values().len(), samples.len() * samples.channels());
        assert!(samples.len() <= bytes, "a sample takes a byte or more");
        take(&reader, &samples);
    }
}

pub(super) fn write(path: &Path, data: &[u8]) {
    std::fs::write(path, data).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
