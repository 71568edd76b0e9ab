//! Files with a secret.

use std::path::Path;

use super::secret::Secret;
use crate::config::error::ValueError;

/// Reads the secret of a file, without the line end behind it. `key` is the key that names the file.
///
/// # Errors
/// The file cannot be read, or every user of this computer can read it.
pub(super) fn read(key: &str, path: &Path) -> Result<Secret, ValueError> {
    check(key, path)?;
    let text = std::fs::read_to_string(path).map_err(|why| {
        let fix = format!("the file cannot be read: {why}; check its path and its permissions");
        ValueError::new(key, path, fix)
    })?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

/// Checks that not every user of this computer can read a file with a secret.
///
/// A file that does not exist is no error here: the code that reads it reports that.
pub(super) fn check(key: &str, path: &Path) -> Result<(), ValueError> {
    use std::os::unix::fs::PermissionsExt;
    let Ok(metadata) = std::fs::metadata(path) else { return Ok(()) };
    let mode = metadata.permissions().mode() & 0o777;
    if metadata.is_file() && mode & 0o007 != 0 {
        let fix = format!(
            "every user of this computer can read the file (mode {mode:03o}); run `chmod o= {}`",
            path.display()
        );
        return Err(ValueError::new(key, path, fix));
    }
    Ok(())
}
