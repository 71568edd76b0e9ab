//! Reads the first lines of a recording, which show its form.

use std::io::Read;
use std::path::Path;

use super::bytes::RecordingBytes;
use super::error::RecordingError;
use crate::decode::csv::{CsvFormat, Preview};

/// The number of bytes that are looked at.
const BYTES: u64 = 256 * 1024;

/// Reads the first lines of a file. `format` and `header_row` say what is known about its form.
///
/// # Errors
/// [`RecordingError::Read`] if the file cannot be read, or [`RecordingError::Form`] if it is not text of
/// that form.
pub(super) fn read(
    path: &Path,
    format: CsvFormat,
    header_row: Option<u64>,
) -> Result<Preview, RecordingError> {
    let failed = RecordingError::reading(path);
    let mut bytes = Vec::new();
    RecordingBytes::open(path).map_err(failed)?.take(BYTES).read_to_end(&mut bytes).map_err(failed)?;
    Preview::read(&bytes, format, header_row)
        .map_err(|why| RecordingError::Form { path: path.into(), why: why.to_string() })
}
