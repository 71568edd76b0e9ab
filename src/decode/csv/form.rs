//! Finds out which form a live line has, that of a header or of a row of numbers, and whether the first rows
//! can be what they seem to be.

use super::fields::FieldReader;
use super::format::Delimiter;
use super::header::{HeaderError, Names, TimeFields};
use super::number::is_number;
use super::row::{FieldSplitter, Row, text};
use crate::signal::{Time, time_name};

/// The form of rows without a header.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RowForm {
    /// Whether the time comes first.
    pub(super) timed: bool,
    /// `None` while rows have only one field.
    pub(super) delimiter: Option<Delimiter>,
}

/// A row that waits until another one has the same form.
#[derive(Debug)]
pub(super) struct HeldRow {
    pub(super) time: Time,
    pub(super) raw: Vec<f64>,
    pub(super) line: u64,
    /// Whether the row is of two whole numbers, so that it may be one number with a decimal comma.
    pub(super) is_integers: bool,
}

/// A header whose first name is that of a time, and which lacks a column that is wanted.
#[derive(Debug)]
pub(super) struct ForeignHeader {
    /// The number of its fields.
    width: usize,
    /// Which column it lacks, and which it has.
    pub(super) why: String,
}

impl ForeignHeader {
    /// Finds such a header in a line, with any of the possible delimiters.
    pub(super) fn find(line: &[u8], splitter: &mut FieldSplitter, fields: &FieldReader) -> Option<Self> {
        fields.format.candidates().find_map(|delimiter| {
            let row = splitter.split(line, delimiter).filter(|row| row.len() > 1)?;
            let names: Vec<String> = row.trimmed().map(text).collect();
            time_name::recognise(names.first()?)?;
            let error = Names::find(&names, &fields.columns, &fields.input, &[]).err()?;
            Some(Self { width: names.len(), why: error.of_header(&names) })
        })
    }

    /// What is wrong with a row that is taken for one of this form, if it has the time of this header in the place of a
    /// channel; `None` if it has not.
    pub(super) fn contradiction(&self, form: RowForm, row: Row<'_>) -> Option<&str> {
        (!form.timed && row.len() == self.width).then_some(&self.why)
    }
}

/// Whether a line has no number, so that it is not a damaged row.
pub(super) fn is_text(line: &[u8], splitter: &mut FieldSplitter, fields: &FieldReader) -> bool {
    let begins_as_number = |field: &[u8]| {
        let digits = field.strip_prefix(b"-").unwrap_or(field);
        digits.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.')
    };
    let row = splitter.split(line, fields.delimiter);
    row.is_some_and(|row| !row.trimmed().any(|field| is_number(field) || begins_as_number(field)))
}

/// Finds the columns in a line that may be a header, with any of the possible delimiters. The delimiter is
/// `None` if the header has only one field.
pub(super) fn find_header(
    line: &[u8],
    splitter: &mut FieldSplitter,
    fields: &FieldReader,
) -> Result<(Names, Option<Delimiter>), HeaderError> {
    let whole = header_in(line, splitter, fields);
    // What came before the header, such as noise at another speed, may be on its line.
    let Some(tail) = after_noise(line) else { return whole };
    let begin = tail.iter().take_while(|byte| matches!(byte, b',' | b';' | b' ' | b'\t')).count();
    let tail = tail.get(begin..).unwrap_or_default();
    let tail = header_in(tail, splitter, fields);
    let has_time = |header: &Result<(Names, _), _>| {
        header.as_ref().is_ok_and(|(names, _)| names.time != TimeFields::Absent)
    };
    if tail.is_ok() && (whole.is_err() || has_time(&tail) || !has_time(&whole)) { tail } else { whole }
}

fn header_in(
    line: &[u8],
    splitter: &mut FieldSplitter,
    fields: &FieldReader,
) -> Result<(Names, Option<Delimiter>), HeaderError> {
    let first = fields.columns.names().first().cloned().unwrap_or_default();
    let mut error = HeaderError::Missing(first);
    for delimiter in fields.format.candidates() {
        let Some(row) = splitter.split(line, delimiter) else { continue };
        if row.trimmed().any(is_number) {
            continue;
        }
        let names: Vec<String> = row.trimmed().map(text).collect();
        match Names::find(&names, &fields.columns, &fields.input, &[]) {
            Ok(names) => return Ok((names, Some(delimiter).filter(|_| row.len() > 1))),
            Err(why) => {
                let is_better =
                    row.len() > 1 && (delimiter != Delimiter::Blanks || fields.format.delimiter.is_some());
                if is_better || matches!(why, HeaderError::Unit(_)) {
                    error = why;
                }
            }
        }
    }
    Err(error)
}

/// The end of a line after the last byte that no text has; `None` if there is no such byte.
fn after_noise(line: &[u8]) -> Option<&[u8]> {
    let is_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    let mut tail = None;
    let mut at = 0;
    for chunk in line.utf8_chunks() {
        at += chunk.valid().len() + chunk.invalid().len();
        if !chunk.invalid().is_empty() {
            tail = line.get(at..);
        }
    }
    let rest = tail.unwrap_or(line);
    match rest.iter().rposition(is_control) {
        Some(last) => rest.get(last + 1..),
        None => tail,
    }
}

/// Finds the form that a line has as a row without a header: `preferred` if it has that one. The raw values are
/// then in `fields`.
pub(super) fn find_position(
    line: &[u8],
    preferred: Option<RowForm>,
    splitter: &mut FieldSplitter,
    fields: &mut FieldReader,
) -> Option<(RowForm, Time)> {
    let in_force = fields.delimiter;
    let found = preferred.and_then(|position| {
        let delimiter = position.delimiter.unwrap_or(in_force);
        let (_, time) = position_with(line, delimiter, Some(position.timed), splitter, fields)?;
        Some((position, time))
    });
    let mut candidates = fields.format.candidates();
    let found = found
        .or_else(|| candidates.find_map(|delimiter| position_with(line, delimiter, None, splitter, fields)));
    fields.set_delimiter(in_force);
    found
}

/// The form that a line has with this delimiter. `timed` says whether it has a time, if that is known.
fn position_with(
    line: &[u8],
    delimiter: Delimiter,
    timed: Option<bool>,
    splitter: &mut FieldSplitter,
    fields: &mut FieldReader,
) -> Option<(RowForm, Time)> {
    let wanted = fields.raw.len();
    // The parts of a time are found by their names only.
    let row = splitter.split(line, delimiter).filter(|_| fields.input.sum.is_empty())?;
    let is_single = row.len() == 1;
    // A comma in the only field may separate a time from a number.
    if is_single && (wanted != 1 || (fields.format.is_open() && line.contains(&b','))) {
        return None;
    }
    let timed = timed.unwrap_or(match row.len().checked_sub(wanted)? {
        0 => false,
        1 => !row.ends_empty(),
        _ => true,
    });
    fields.set_delimiter(delimiter);
    let time = fields.read_by_position(row, timed).ok()?;
    let has_value = fields.raw.iter().any(|value| !value.is_nan());
    let delimiter = Some(delimiter).filter(|_| !is_single);
    has_value.then_some((RowForm { timed, delimiter }, time))
}

/// Whether a row is of two whole numbers without a sign, separated by a comma.
pub(super) fn is_two_integers(row: Row<'_>) -> bool {
    let is_integer = |field: Option<&[u8]>| {
        field.is_some_and(|field| !field.is_empty() && field.iter().all(u8::is_ascii_digit))
    };
    row.len() == 2
        && is_integer(row.get(1))
        && is_integer(row.get(0).map(|field| field.strip_prefix(b"-").unwrap_or(field)))
}

/// Whether the times of rows never advance, or more than once do not.
pub(super) fn repeat_or_go_back(rows: &[HeldRow]) -> bool {
    let steps = || rows.windows(2).filter_map(|pair| Some(pair.last()?.time.since(pair.first()?.time)));
    rows.len() > 1 && (steps().all(|step| step <= 0) || steps().filter(|step| *step <= 0).count() > 1)
}

/// Whether the first of these rows may be the end of a longer one: it is much earlier than the distance of the
/// others explains. Without times, nobody can tell.
pub(super) fn begins_cut(rows: &[HeldRow]) -> bool {
    let [first, second, rest @ ..] = rows else { return false };
    if first.time == Time::ARRIVAL {
        return true;
    }
    let step = second.time.since(first.time);
    match rest.first().map(|third| third.time.since(second.time)) {
        Some(usual) if usual > 0 => !(0..usual.saturating_mul(4)).contains(&step),
        _ => step < 0,
    }
}
