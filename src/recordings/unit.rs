//! Works out the unit of the times in a recording that does not say it.

use std::io::Read;
use std::path::Path;

use super::bytes::RecordingBytes;
use super::error::RecordingError;
use crate::decode::csv::{CsvRows, Preview};
use crate::decode::{UNITS, UnitChoice, choose_unit};
use crate::signal::{Columns, Drops, TimeInput, TimeUnit};

/// The number of bytes at the start of a recording that tell the unit.
const START_BYTES: u64 = 16 * 1024;

/// The unit that the times of a recording have unless the layout or the name of their column says one: the one by
/// which the first samples have a plausible rate.
///
/// # Errors
/// [`RecordingError::Read`] if the file cannot be read.
pub(super) fn assumed_unit(
    path: &Path,
    time: &TimeInput,
    preview: &Preview,
    columns: &Columns,
) -> Result<TimeUnit, RecordingError> {
    if time.unit.is_some() || !time.sum.is_empty() {
        return Ok(TimeUnit::S);
    }
    let failed = RecordingError::reading(path);
    let mut start = Vec::new();
    RecordingBytes::open(path).map_err(failed)?.take(START_BYTES).read_to_end(&mut start).map_err(failed)?;
    let decoded = UNITS.map(|unit| {
        let time = TimeInput { assumed: unit, ..time.clone() };
        let mut rows = CsvRows::recorded(columns.clone(), time, preview.format, preview.header, Vec::new());
        let (mut samples, mut drops) = (columns.samples(), Drops::default());
        rows.feed(&start, &mut samples, &mut drops);
        samples
    });
    let candidates: Vec<_> =
        UNITS.into_iter().zip(&decoded).map(|(unit, samples)| (unit, samples.times())).collect();
    // Boards count whole milliseconds or microseconds. Seconds with decimals are what they seem to be, also those of a
    // very slow source.
    let seconds = decoded.first().map(|samples| samples.times()).unwrap_or_default();
    let with_decimals = seconds.iter().filter(|time| time.nanos() % 1_000_000_000 != 0).count();
    match choose_unit(&candidates, None, true) {
        UnitChoice::Unit(unit) if 2 * with_decimals <= seconds.len() => Ok(unit),
        UnitChoice::Unit(_) | UnitChoice::Open => Ok(TimeUnit::S),
    }
}
