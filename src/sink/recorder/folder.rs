//! The folder of the recordings.

use std::io;
use std::path::Path;

use rustix::fs::{Access, access};

/// Creates the folder.
///
/// # Errors
/// An error that names the folder.
pub(super) fn create(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("the folder \"{}\" cannot be created: {error}", folder.display()),
        )
    })
}

/// Checks that recordings could be written to the folder, or that it could be created, without creating it.
///
/// # Errors
/// An error that names the folder, and the part of its path that is wrong.
pub(crate) fn check(folder: &Path) -> io::Result<()> {
    let mut existing = folder.ancestors().filter(|part| !part.as_os_str().is_empty());
    // A relative path may have no part that exists; then it is the current folder that counts.
    let existing = existing.find(|part| part.symlink_metadata().is_ok()).unwrap_or(Path::new("."));
    let wrong = |kind, why: &str| {
        let (folder, existing) = (folder.display(), existing.display());
        Err(io::Error::new(kind, format!("nothing can be written to \"{folder}\": \"{existing}\" {why}")))
    };
    if !existing.is_dir() {
        return wrong(io::ErrorKind::NotADirectory, "is not a folder");
    }
    if access(existing, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        return wrong(io::ErrorKind::PermissionDenied, "does not allow this user to create files in it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_below_a_file_is_refused_and_a_new_one_is_not_created() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("new/gravel");
        check(&new).unwrap();
        assert!(!folder.path().join("new").exists());
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = check(&file.join("gravel")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
        assert!(error.to_string().contains(&format!("{file:?} is not a folder")), "{error}");
    }
}
