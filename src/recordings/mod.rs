//! Recordings: CSV files of samples with labels, which the daemon and the trainer read with the same code.
//!
//! - [`find()`] finds the recordings in files and folders, and [`layout`] reads the `dataset.toml` that
//!   describes their format.
//! - [`reader::RecordingReader`] reads the samples of a [`Recording`] in bounded memory.
//! - [`labels`] are the surfaces over the time of a recording: from its folder, a column, or a file of
//!   intervals.
//! - [`digest()`] identifies the data that a model was trained on.

mod digest;
mod error;
mod find;
mod first_lines;
pub mod labels;
pub mod layout;
pub mod reader;
mod recording;
mod row_counts;

pub use digest::digest;
pub use error::RecordingError;
pub use find::find;
pub use recording::Recording;

#[cfg(test)]
pub(crate) mod tests {
    use super::reader::RecordingReader;
    use super::*;
    use crate::signal::{Channel, Samples};

    /// Writes these files into a temporary folder, which is deleted when the result is dropped.
    pub(crate) fn folder(files: &[(&str, impl AsRef<[u8]>)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn read_all(
        recording: &Recording,
        wanted: Option<&[Channel]>,
    ) -> Result<(Samples, labels::Labels), RecordingError> {
        let mut reader = RecordingReader::open(recording, wanted)?;
        let mut samples = Samples::new(wanted.map_or(1, <[Channel]>::len));
        while reader.next_batch(&mut samples)? {}
        Ok((samples, reader.labels()?))
    }

    #[test]
    fn the_recordings_of_a_folder_of_folders_are_read_in_order_with_their_labels() {
        let folder = folder(&[
            ("wood/b.csv", "t,current\n0,1\n0.1,2\n"),
            ("tile/a.csv", "t,current\n0,3\n"),
            ("tile/a.labels.csv", ""),
            ("tile/.hidden.csv", ""),
        ]);
        let recordings = find(&[folder.path().into()], None).unwrap();
        assert_eq!(recordings.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["tile/a", "wood/b"]);
        let (samples, labels) = read_all(&recordings[1], None).unwrap();
        assert_eq!(samples.values(), [1.0, 2.0]);
        assert_eq!(labels.at(samples.times()[0]), Some("wood"));
        assert_eq!(digest(&recordings).unwrap().len(), 64);
    }

    #[test]
    fn a_single_file_is_read_with_the_dataset_toml_in_a_folder_above_it() {
        let folder = folder(&[
            (
                "dataset.toml",
                "[csv]\ndelimiter = ';'\n[time]\nunit = 'ms'\n[[channel]]\nname = 'm'\nsum = ['a', 'b']",
            ),
            ("wood/x.csv", "t;a;b;\n0;1;2;\n10;3;4;\n"),
        ]);
        let recordings = find(&[folder.path().join("wood/x.csv")], None).unwrap();
        let (samples, _) = read_all(&recordings[0], Some(&[Channel::in_ampere("m")])).unwrap();
        assert_eq!(samples.values(), [3.0, 7.0]);
        assert_eq!(samples.times()[1].seconds(), 0.01);
    }

    #[test]
    fn an_incomplete_last_row_after_a_crash_is_dropped() {
        let folder = folder(&[("wood/x.csv", "t,a,b\n0,1,2\n0.1,3")]);
        let recordings = find(&[folder.path().into()], None).unwrap();
        let channels = [Channel::in_ampere("a"), Channel::in_ampere("b")];
        let (samples, _) = read_all(&recordings[0], Some(&channels)).unwrap();
        assert_eq!(samples.len(), 1);
    }

    #[test]
    fn samples_without_a_time_get_one_from_the_rate() {
        let folder = folder(&[
            ("dataset.toml", "[time]\nunit = 'none'\nrate = 4.0\n"),
            ("wood/x.csv", "current\n1\n2\n3\n"),
        ]);
        let (samples, _) = read_all(&find(&[folder.path().into()], None).unwrap()[0], None).unwrap();
        assert_eq!(samples.times()[2].seconds(), 0.5);
    }

    #[test]
    fn every_error_is_one_line_that_names_the_file_and_the_fix() {
        let folder = folder(&[
            ("empty/x.csv", ""),
            ("header/x.csv", "t,current\n"),
            ("text/x.csv", "t,current\n0,1\n1,abc\n"),
            ("column/x.csv", "t,m1\n0,1\n"),
            ("time/x.csv", "clock,current\n0,1\n"),
            ("toml/x.csv", "t,current\n0,1\n"),
            ("toml/dataset.toml", "[csv]\ndelimeter = ';'\n"),
            ("nothing/notes.txt", ""),
        ]);
        let current = [Channel::in_ampere("current")];
        for (name, expected) in [
            ("empty", "is empty; delete it"),
            ("header", "has a header and no samples"),
            ("text", "line 3: column \"current\" holds \"abc\", which is not a number"),
            ("column", "column \"current\" is not in the header, which has t, m1"),
            ("time", "has no time column \"t\"; name it under [time] column"),
            ("toml", "line 2: unknown field `delimeter`"),
            ("nothing", "there is no .csv recording in"),
            ("absent", "cannot be read: No such file"),
        ] {
            let path = folder.path().join(name);
            let result =
                find(&[path], None).and_then(|found| read_all(&found[0], Some(&current)).map(|_| ()));
            let error = result.unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains(name) && !error.contains('\n'), "{error}");
        }
    }
}
