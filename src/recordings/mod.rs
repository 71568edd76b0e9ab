//! Recordings: CSV files of samples, found in folders and read the same way by the daemon and the trainer.

pub mod labels;
pub mod layout;
pub mod reader;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use self::layout::{LabelFrom, Layout};
use crate::signal::{ChannelError, StreamId};

/// The most recordings that one command reads.
const MAX_RECORDINGS: usize = 100_000;

/// One file of samples of one drive.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The file.
    pub path: PathBuf,
    /// Its path below the folder that was named, without the extension: `gravel/drive03`.
    pub name: String,
    /// How to read it.
    pub layout: Arc<Layout>,
}

impl Recording {
    /// The folder's name, which is the label where labels come from folders.
    pub fn folder(&self) -> Option<String> {
        let path = self.path.canonicalize().ok()?;
        Some(path.parent()?.file_name()?.to_string_lossy().into_owned())
    }

    /// Its name as a stream's.
    pub fn stream(&self) -> StreamId {
        StreamId::from_text(&self.name)
    }
}

/// Why recordings cannot be read. Each names the file and the mend.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The system refuses.
    #[error("{path:?} cannot be read: {why}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// No recording in a folder.
    #[error(
        "there is no .csv recording in {path:?} or below it; record some with `underfoot record`, or name another folder"
    )]
    NoRecordings {
        /// The folder.
        path: PathBuf,
    },
    /// More recordings than a command reads.
    #[error("there are more than {MAX_RECORDINGS} recordings below {path:?}; name fewer folders")]
    TooMany {
        /// The folder.
        path: PathBuf,
    },
    /// A `dataset.toml` that cannot be used.
    #[error("{path:?}, {why}")]
    Layout {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line.
        why: String,
    },
    /// A recording of no bytes.
    #[error("the recording {path:?} is empty; delete it")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A recording with a header and nothing else.
    #[error("the recording {path:?} has a header and no samples; delete it")]
    NoSamples {
        /// The file.
        path: PathBuf,
    },
    /// No column of numbers.
    #[error(
        "{path:?} has no column of numbers besides the time; row {row} has {has}. Say how to read it in a dataset.toml beside it"
    )]
    NoChannels {
        /// The file.
        path: PathBuf,
        /// The header's row.
        row: usize,
        /// The columns that it names.
        has: String,
    },
    /// Channels that do not fit.
    #[error("{path:?}: {why}")]
    Channels {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: ChannelError,
    },
    /// A row that is not what the header says.
    #[error(
        "{path:?}, {why}. Mend or remove it, or say how to read the file in a dataset.toml; a missing value is an empty field"
    )]
    Row {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line.
        why: String,
    },
    /// No time and no rate.
    #[error(
        "{path:?} has no time column {column:?}; name it under [time] column in a dataset.toml, or give [time] unit = \"none\" and rate"
    )]
    NoTime {
        /// The file.
        path: PathBuf,
        /// The column that was looked for.
        column: String,
    },
}

/// Finds recordings: each path is a file, or a folder of which every `.csv` below it is one, in the order of names.
///
/// `dataset` takes the place of the `dataset.toml` in or above each path.
///
/// # Errors
/// [`RecordingError`]: a path that is not there, a folder without recordings, a `dataset.toml` that cannot be used.
pub fn find(paths: &[PathBuf], dataset: Option<&Path>) -> Result<Vec<Recording>, RecordingError> {
    let mut recordings = Vec::new();
    let given = dataset.map(|path| Layout::read(path).map(Arc::new)).transpose()?;
    for path in paths {
        let failed = |why: std::io::Error| RecordingError::Read { path: path.clone(), why: why.to_string() };
        let absolute = path.canonicalize().map_err(failed)?;
        let folder =
            if absolute.is_dir() { absolute.as_path() } else { absolute.parent().unwrap_or(&absolute) };
        let layout = match (&given, Layout::find(folder)) {
            (Some(given), _) => given.clone(),
            (None, Some(file)) => Arc::new(Layout::read(&file)?),
            (None, None) => Arc::new(Layout::default()),
        };
        let mut files = Vec::new();
        if absolute.is_dir() {
            walk(path, &mut files)?;
            if files.is_empty() {
                return Err(RecordingError::NoRecordings { path: path.clone() });
            }
        } else {
            files.push(path.clone());
        }
        for file in files {
            let name = if file == *path {
                file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
            } else {
                file.strip_prefix(path).unwrap_or(&file).with_extension("").to_string_lossy().into_owned()
            };
            recordings.push(Recording { path: file, name, layout: layout.clone() });
        }
        if recordings.len() > MAX_RECORDINGS {
            return Err(RecordingError::TooMany { path: path.clone() });
        }
    }
    Ok(recordings)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), RecordingError> {
    let failed = |why: std::io::Error| RecordingError::Read { path: folder.into(), why: why.to_string() };
    let entries =
        std::fs::read_dir(folder).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        if name.starts_with('.') {
            continue;
        }
        // Links to folders could lead round in a circle; links to files are as good as files.
        if path.is_dir() && !path.is_symlink() {
            walk(&path, files)?;
        } else if path.is_file() && name.ends_with(".csv") && !name.ends_with(".labels.csv") {
            files.push(path);
        }
        if files.len() > MAX_RECORDINGS {
            return Err(RecordingError::TooMany { path: folder.into() });
        }
    }
    Ok(())
}

/// SHA-256 over the names and bytes of recordings, in hexadecimal: which data a model was trained on.
///
/// # Errors
/// [`RecordingError::Read`].
pub fn digest(recordings: &[Recording]) -> Result<String, RecordingError> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    for recording in recordings {
        let path = &recording.path;
        let failed = |why: std::io::Error| RecordingError::Read { path: path.clone(), why: why.to_string() };
        let mut files = vec![path.clone()];
        if recording.layout.label.from == LabelFrom::Intervals {
            files.push(path.with_extension("labels.csv"));
        }
        hasher.update(recording.name.as_bytes());
        for file in files {
            let mut file = std::fs::File::open(file).map_err(failed)?;
            loop {
                let read = file.read(&mut buffer).map_err(failed)?;
                if read == 0 {
                    break;
                }
                hasher.update(buffer.get(..read).unwrap_or_default());
            }
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::reader::RecordingReader;
    use super::*;
    use crate::signal::Channel;
    use crate::signal::Samples;

    /// A folder of these files, for as long as it is held.
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
        while reader.next_block(&mut samples)? {}
        Ok((samples, reader.labels()?))
    }

    #[test]
    fn a_folder_of_folders_is_read_in_order_with_its_labels() {
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
    fn a_single_file_is_read_by_the_dataset_toml_above_it() {
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
    fn a_row_that_a_crash_cut_off_is_left_out() {
        let folder = folder(&[("wood/x.csv", "t,a,b\n0,1,2\n0.1,3")]);
        let recordings = find(&[folder.path().into()], None).unwrap();
        let channels = [Channel::in_ampere("a"), Channel::in_ampere("b")];
        let (samples, _) = read_all(&recordings[0], Some(&channels)).unwrap();
        assert_eq!(samples.len(), 1);
    }

    #[test]
    fn samples_without_a_time_come_at_the_rate() {
        let folder = folder(&[
            ("dataset.toml", "[time]\nunit = 'none'\nrate = 4.0\n"),
            ("wood/x.csv", "current\n1\n2\n3\n"),
        ]);
        let (samples, _) = read_all(&find(&[folder.path().into()], None).unwrap()[0], None).unwrap();
        assert_eq!(samples.times()[2].seconds(), 0.5);
    }

    #[test]
    fn bad_input_is_one_line_that_names_the_file_and_the_mend() {
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
            ("column", "column \"current\" is not in the header; it has t, m1"),
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
