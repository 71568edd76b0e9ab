//! Writes a file so that it is always complete.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::error::ExportError;

/// Writes a temporary file beside `path` and moves it into place. Readers see the old file or the new one,
/// and after a crash there is no partial file under this name.
///
/// # Errors
/// [`ExportError::Write`] if the file cannot be written or moved into place.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), ExportError> {
    let failed = |why| ExportError::Write { path: path.into(), why };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".underfoot-").tempfile_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    set_readable(file.as_file()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    // The new name is only durable once the folder is synchronised as well.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// Checks that [`write_file`] can write to `path`, before time is spent on the content: creates a temporary
/// file beside it and removes it again.
///
/// # Errors
/// [`ExportError::Write`] if nothing can be written there, or if there is something other than a file.
pub(crate) fn check_writable(path: &Path) -> Result<(), ExportError> {
    let failed = |why| ExportError::Write { path: path.into(), why };
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(failed(io::Error::other("it is there and not a file")));
    }
    if path.file_name().is_none() {
        return Err(failed(io::Error::other("it has no name")));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::Builder::new().prefix(".underfoot-").tempfile_in(folder).map(drop).map_err(failed)
}

/// Makes a file readable for everybody. Temporary files are readable for their owner only, but the daemon
/// reads the model as another user.
fn set_readable(file: &File) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(0o644))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_file_whose_folder_does_not_exist() {
        let error = write_file(Path::new("/nonexistent/m.onnx"), b"").unwrap_err().to_string();
        assert!(error.starts_with("the file \"/nonexistent/m.onnx\" cannot be written: "), "{error}");
    }
}
