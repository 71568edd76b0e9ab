//! Writes simulated drives as recordings, in the format that the recorder writes.

use std::fs::{self, File};
use std::io::{BufWriter, Result, Write};
use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::drive::Drive;
use super::motors::Motors;
use super::surface::Surface;
use crate::csv::RowWriter;
use crate::recordings::layout;

/// The drives of simulated robots, each robot on one surface.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SimulatedDrives {
    /// The robots are drawn at random from this seed.
    pub seed: u64,
    /// The number of drives on each surface.
    pub per_surface: usize,
    /// The length of each drive in s; it must be finite, because otherwise the first file grows until the disk is
    /// full.
    pub seconds: f64,
    /// The sample rate in Hz.
    pub rate: f64,
    /// The number of motors of each robot.
    pub motors: usize,
    /// The only surface of which there are drives; they are the same as with all surfaces.
    pub only: Option<Surface>,
}

impl SimulatedDrives {
    /// The drives, each with its label and a name such as `sim003`, and made by a different robot.
    fn drives(self) -> impl Iterator<Item = (String, String, Motors)> {
        let Self { seed, per_surface, seconds, rate, motors, only } = self;
        let mut seeds = Pcg64::seed_from_u64(seed);
        let surfaces =
            Surface::ALL.into_iter().flat_map(move |surface| std::iter::repeat_n(surface, per_surface));
        let drives =
            surfaces.enumerate().map(move |(index, surface)| (index, surface, seeds.random::<u64>()));
        let wanted = drives.filter(move |(_, surface, _)| only.is_none_or(|only| only == *surface));
        wanted.map(move |(index, surface, seed)| {
            let drive = Drive::new(seed, rate, vec![(surface, seconds)]);
            (surface.name().to_owned(), format!("sim{index:03}"), Motors::new(drive, seed, rate, motors))
        })
    }

    /// Writes the drives as `FOLDER/LABEL/NAME.csv`, and returns their number.
    ///
    /// # Errors
    /// The error of the system if a folder or file cannot be written.
    pub(crate) fn write(self, folder: &Path) -> Result<usize> {
        let mut written = 0;
        for (label, name, drive) in self.drives() {
            let folder = folder.join(label);
            fs::create_dir_all(&folder)?;
            write_samples(&folder.join(name).with_extension("csv"), drive, self.motors)?;
            written += 1;
        }
        Ok(written)
    }
}

/// Writes a drive of a robot with this number of motors over several surfaces as `FOLDER/NAME.csv`, the surfaces as `FOLDER/NAME.labels.csv`, and
/// the `dataset.toml` that says where the labels are.
///
/// The drive must be finite, because otherwise its file grows until the disk is full.
///
/// # Errors
/// The error of the system if the folder or a file cannot be written.
pub(crate) fn write_tour(
    folder: &Path,
    name: &str,
    seed: u64,
    rate: f64,
    seconds: f64,
    motors: usize,
) -> Result<()> {
    let drive = Drive::tour(seed, rate, seconds);
    fs::create_dir_all(folder)?;
    fs::write(folder.join(layout::FILE_NAME), "[label]\nfrom = \"intervals\"\n")?;
    let mut row = RowWriter::default();
    let mut labels = row.field("start").field("end").field("label").end().to_vec();
    for (start, end, surface) in drive.segments() {
        row.field(format_args!("{start:.6}")).field(format_args!("{end:.6}")).field(surface.name());
        labels.extend_from_slice(row.end());
    }
    fs::write(folder.join(format!("{name}.labels.csv")), labels)?;
    write_samples(&folder.join(format!("{name}.csv")), Motors::new(drive, seed, rate, motors), motors)
}

fn write_samples(path: &Path, drive: Motors, motors: usize) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut row = RowWriter::default();
    row.field("t");
    for channel in Motors::channels(motors) {
        row.field(&channel.name);
    }
    file.write_all(row.end())?;
    for reading in drive {
        row.field(format_args!("{:.6}", reading.time.seconds()));
        for current in &reading.currents {
            row.field(format_args!("{current:.4}"));
        }
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

    fn drives(seed: u64) -> SimulatedDrives {
        SimulatedDrives { seed, per_surface: 2, seconds: 1.0, rate: RATE, motors: 1, only: None }
    }

    #[test]
    fn the_drives_on_one_surface_are_those_among_all_and_motors_are_columns() {
        let [all, tile, wheels] = [(); 3].map(|()| tempfile::tempdir().unwrap());
        drives(1).write(all.path()).unwrap();
        let only = Some(Surface::Tile);
        assert_eq!(SimulatedDrives { only, ..drives(1) }.write(tile.path()).unwrap(), 2);
        let text = |folder: &Path| fs::read_to_string(folder.join("tile/sim002.csv")).unwrap();
        assert_eq!(text(tile.path()), text(all.path()));
        assert_eq!(fs::read_dir(tile.path()).unwrap().count(), 1);

        SimulatedDrives { only, motors: 2, ..drives(1) }.write(wheels.path()).unwrap();
        let lines = text(wheels.path());
        assert!(lines.starts_with("t,left,right\n0.000000,"), "{lines}");
        assert!(lines.lines().all(|line| line.split(',').count() == 3));
    }

    #[test]
    fn the_same_seed_writes_the_same_bytes_and_each_label_has_its_folder() {
        let write = |seed| {
            let folder = tempfile::tempdir().unwrap();
            assert_eq!(drives(seed).write(folder.path()).unwrap(), 12);
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
        write_tour(folder.path(), "tour", 4, RATE, 2.0, 1).unwrap();
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
