//! A `dataset.toml` that anybody may have written.

use underfoot::recordings::layout::Layout;

/// It is read, or refused with an error that names the file.
pub fn dataset(data: &[u8]) {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no folder for the file: {error}"));
    let path = folder.path().join("dataset.toml");
    std::fs::write(&path, data).unwrap_or_else(|error| panic!("{error}"));
    if let Err(error) = Layout::read(&path) {
        assert!(error.to_string().contains("dataset.toml"), "{error}");
    }
}
