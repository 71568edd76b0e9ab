//! Writes simulated drives as recordings, in the format that the recorder writes.

use std::fs::{self, File};
use std::io::{BufWriter, Result, Write};
use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::drive::Drive;
use super::surface::Surface;
use crate::csv::RowWriter;
use crate::recordings::layout;

/// Simulates `per_surface` drives on each surface. Each item is a label, a name such as `sim003`, and a
/// drive.
///
/// Each drive lasts for `seconds`, is sampled at `rate` Hz, and is made by a different robot. The robots are
/// drawn at random from `seed`.
pub(crate) fn recordings(
    seed: u64,
    per_surface: usize,
    seconds: f64,
    rate: f64,
) -> impl Iterator<Item = (String, String, Drive)> {
    let mut seeds = Pcg64::seed_from_u64(seed);
    let surfaces =
        Surface::ALL.into_iter().flat_map(move |surface| std::iter::repeat_n(surface, per_surface));
    surfaces.enumerate().map(move |(index, surface)| {
        let drive = Drive::new(seeds.random(), rate, vec![(surface, seconds)]);
        (surface.name().to_owned(), format!("sim{index:03}"), drive)
    })
}

/// Writes [`recordings`] as `FOLDER/LABEL/NAME.csv`, and returns their number.
///
/// `seconds` must be finite, because otherwise the first file grows until the disk is full.
///
/// # Errors
/// The error of the system if a folder or file cannot be written.
pub(crate) fn write(folder: &Path, seed: u64, per_surface: usize, seconds: f64, rate: f64) -> Result<usize> {
    let mut written = 0;
    for (label, name, drive) in recordings(seed, per_surface, seconds, rate) {
        let folder = folder.join(label);
        fs::create_dir_all(&folder)?;
        write_samples(&folder.join(name).with_extension("csv"), drive)?;
        written += 1;
    }
    Ok(written)
}

/// Writes a drive over several surfaces as `FOLDER/NAME.csv`, the surfaces as `FOLDER/NAME.labels.csv`, and
/// the `dataset.toml` that says where the labels are.
///
/// The drive must be finite, because otherwise its file grows until the disk is full.
///
/// # Errors
/// The error of the system if the folder or a file cannot be written.
pub(crate) fn write_tour(folder: &Path, name: &str, drive: Drive) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(layout::FILE_NAME), "[label]\nfrom = \"intervals\"\n")?;
    let mut row = RowWriter::default();
    let mut labels = row.field("start").field("end").field("label").end().to_vec();
    for (start, end, surface) in drive.segments() {
        row.field(format_args!("{start:.6}")).field(format_args!("{end:.6}")).field(surface.name());
        labels.extend_from_slice(row.end());
    }
    fs::write(folder.join(format!("{name}.labels.csv")), labels)?;
    write_samples(&folder.join(format!("{name}.csv")), drive)
}

fn write_samples(path: &Path, drive: Drive) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut row = RowWriter::default();
    file.write_all(row.field("t").field("current").end())?;
    for reading in drive {
        row.field(format_args!("{:.6}", reading.time.seconds()))
            .field(format_args!("{:.4}", reading.current));
        file.write_all(row.end())?;
    }
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recordings::reader::RecordingReader;
    use crate::recordings::{digest, find};
    use crate::signal::{Channel, Samples};
    use crate::simulator::drive::RATE;

    #[test]
    fn the_same_seed_writes_the_same_bytes_and_each_label_has_its_folder() {
        let write = |seed| {
            let folder = tempfile::tempdir().unwrap();
            assert_eq!(write(folder.path(), seed, 2, 1.0, RATE).unwrap(), 12);
            let recordings = find(&[folder.path().into()], None).unwrap();
            let labels: Vec<_> = recordings.iter().map(|r| r.folder().unwrap()).collect();
            assert_eq!(labels.iter().filter(|label| *label == "grass").count(), 2);
            digest(&recordings).unwrap()
        };
        assert_eq!(write(1), write(1));
        assert_ne!(write(1), write(2));
    }

    #[test]
    fn a_written_tour_is_read_with_its_times_and_surfaces() {
        let folder = tempfile::tempdir().unwrap();
        let drive = Drive::tour(4, RATE, 2.0);
        write_tour(folder.path(), "tour", drive.clone()).unwrap();
        let recordings = find(&[folder.path().into()], None).unwrap();
        let mut reader =
            RecordingReader::open(&recordings[0], Some(&[Channel::in_ampere("current")])).unwrap();
        let mut samples = Samples::new(1);
        while reader.next_batch(&mut samples).unwrap() {}
        let labels = reader.labels().unwrap();
        assert_eq!(samples.len(), 1200);
        for (reading, (time, row)) in drive.zip(samples.iter()) {
            assert_eq!((time, labels.at(time)), (reading.time, Some(reading.surface.name())));
            assert!((row[0] - reading.current).abs() < 1e-4);
        }
    }
}
