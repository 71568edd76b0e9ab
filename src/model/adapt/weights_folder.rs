//! The folder of a model, in which its weights may be.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use crate::model::onnx::WeightsPlace;

/// The folder of a model. Only files in it and below are read, wherever the program runs and whatever the model names.
pub(super) struct WeightsFolder {
    path: PathBuf,
}

impl WeightsFolder {
    /// The folder of a model's file.
    pub(super) fn of(model: &Path) -> Self {
        let parent = model.parent().filter(|parent| !parent.as_os_str().is_empty());
        Self { path: parent.unwrap_or(Path::new(".")).into() }
    }

    /// The bytes at a place.
    ///
    /// # Errors
    /// What is wrong with the file, as the rest of a sentence about it.
    pub(super) fn read(&self, place: &WeightsPlace) -> Result<Vec<u8>, String> {
        let relative = Path::new(&place.file);
        let is_below = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if place.file.is_empty() || !relative.components().all(is_below) {
            return Err(OUTSIDE.into());
        }
        let system = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => format!(
                "is not in the folder of the model, {:?}; the model and this file belong together",
                self.path.display().to_string()
            ),
            _ => format!("cannot be read: {error}"),
        };
        // Links are followed here, so that none of them leads out of the folder.
        let folder = self.path.canonicalize().map_err(system)?;
        let path = folder.join(relative).canonicalize().map_err(system)?;
        if !path.starts_with(&folder) {
            return Err(OUTSIDE.into());
        }
        // Asked for before it is opened, because opening a pipe waits for its other end.
        if !path.metadata().map_err(system)?.is_file() {
            return Err("is not a file".into());
        }
        let mut file = File::open(&path).map_err(system)?;
        let size = file.metadata().map_err(system)?.len();
        let length = place.length.or(size.checked_sub(place.offset)).unwrap_or(u64::MAX);
        if place.offset.checked_add(length).is_none_or(|end| end > size) {
            return Err(match place.length {
                Some(length) => format!(
                    "has {size} bytes, and its values are {length} bytes from byte {} on",
                    place.offset
                ),
                None => format!("has {size} bytes, and its values begin at byte {}", place.offset),
            });
        }
        if length > place.room {
            return Err(format!(
                "has {length} bytes of it, with which the model would have more than the 2 GiB of an ONNX file"
            ));
        }
        let mut values = Vec::new();
        file.seek(SeekFrom::Start(place.offset)).map_err(system)?;
        file.take(length).read_to_end(&mut values).map_err(system)?;
        if values.len() as u64 != length {
            return Err("changed while it was read".into());
        }
        Ok(values)
    }
}

/// What is wrong with a file that is not below the folder.
const OUTSIDE: &str = "is outside of the folder of the model; only files in this folder are read";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bytes_of_files_below_the_folder_are_read() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("model");
        std::fs::create_dir_all(folder.join("below")).unwrap();
        std::fs::write(outer.path().join("secret"), b"secret").unwrap();
        std::fs::write(folder.join("below/net.data"), b"0123456789").unwrap();
        std::os::unix::fs::symlink(outer.path().join("secret"), folder.join("link")).unwrap();
        std::os::unix::fs::symlink("below/net.data", folder.join("inner")).unwrap();
        let weights = WeightsFolder::of(&folder.join("net.onnx"));
        let read = |file: &str, offset, length, room| {
            weights.read(&WeightsPlace { file: file.into(), offset, length, room })
        };
        assert_eq!(read("below/net.data", 2, Some(3), 100).unwrap(), b"234");
        assert_eq!(read("./inner", 7, None, 100).unwrap(), b"789");
        assert_eq!(read("below/net.data", 10, None, 0).unwrap(), b"");
        let absolute = outer.path().join("secret").display().to_string();
        for (file, offset, length, expected) in [
            (absolute.as_str(), 0, None, "is outside of the folder"),
            ("../secret", 0, None, "is outside of the folder"),
            ("below/../../secret", 0, None, "is outside of the folder"),
            ("link", 0, None, "is outside of the folder"),
            ("", 0, None, "is outside of the folder"),
            ("below", 0, None, "is not a file"),
            ("none", 0, None, "is not in the folder of the model"),
            ("a\0b", 0, None, "cannot be read"),
            ("inner", 8, Some(3), "has 10 bytes, and its values are 3 bytes from byte 8 on"),
            ("inner", 11, None, "has 10 bytes, and its values begin at byte 11"),
            ("inner", u64::MAX, Some(u64::MAX), "has 10 bytes, and"),
            ("inner", 0, Some(9), "more than the 2 GiB"),
        ] {
            let error = read(file, offset, length, 8).unwrap_err();
            assert!(error.contains(expected), "{file}: {error}");
        }
    }
}
