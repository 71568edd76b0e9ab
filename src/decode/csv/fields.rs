//! Reads the time and the values of a row.

use super::advice;
use super::format::{CsvFormat, Delimiter};
use super::header::{Names, TimeFields};
use super::number::{self, NumberStyle, is_same_unit};
use super::row::{Row, text};
use crate::decode::bytes::quote;
use crate::signal::{Columns, DropReason, Samples, Time, TimeInput, TimeUnit, rfc3339, time_name};

/// Why a row is not a sample.
pub(super) type Fault = (DropReason, String);

/// Reads the fields of a row as a time and the raw values of the columns.
#[derive(Debug)]
pub(super) struct FieldReader {
    pub(super) columns: Columns,
    pub(super) input: TimeInput,
    /// What is configured about the format.
    pub(super) format: CsvFormat,
    /// The delimiter that the rows have as far as it is known.
    pub(super) delimiter: Delimiter,
    style: NumberStyle,
    /// The unit of the times.
    pub(super) unit: TimeUnit,
    /// The raw values of the last row, in the order of the columns.
    pub(super) raw: Vec<f64>,
    pub(super) notes: Notes,
}

/// What was noticed about the rows that their form does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Notes {
    /// Whether a time said its unit or its format itself.
    pub(super) unit_is_known: bool,
    /// Whether times are texts in the format of RFC 3339.
    pub(super) rfc3339: bool,
    /// Whether such a text names no offset from UTC.
    pub(super) lacks_offset: bool,
    /// Whether there are numbers with a decimal comma.
    pub(super) decimal_comma: bool,
}

impl FieldReader {
    pub(super) fn new(columns: Columns, input: TimeInput, format: CsvFormat) -> Self {
        let delimiter = format.assumed();
        Self {
            raw: vec![0.0; columns.names().len()],
            style: NumberStyle::of(format, delimiter),
            unit: input.unit(),
            delimiter,
            format,
            columns,
            input,
            notes: Notes::default(),
        }
    }

    /// Sets the delimiter of the rows, which decides whether a number may have a decimal comma.
    pub(super) fn set_delimiter(&mut self, delimiter: Delimiter) {
        self.delimiter = delimiter;
        self.style = NumberStyle::of(self.format, delimiter);
    }

    /// Sets the unit of the times to what the name of their column says, unless it is configured.
    pub(super) fn set_unit(&mut self, named: Option<TimeUnit>) {
        self.unit = self.input.unit.or(named).unwrap_or(self.input.assumed);
        self.notes.unit_is_known = named.is_some();
    }

    /// Whether the unit of the times is configured, or was said by the input.
    pub(super) fn unit_is_known(&self) -> bool {
        self.input.unit.is_some() || !self.input.sum.is_empty() || self.notes.unit_is_known
    }

    /// Adds a sample with the values of the last row.
    pub(super) fn push(&self, time: Time, samples: &mut Samples) {
        self.columns.push(time, &self.raw, samples);
    }

    /// Reads a row by the names in a header.
    pub(super) fn read_named(&mut self, row: Row<'_>, names: &Names) -> Result<Time, Fault> {
        if !names.fits(row) {
            let problem = format!("the row has {} fields, but the header has {}", row.len(), names.width);
            return Err((DropReason::Malformed, problem + self.decimal_comma_hint(row, &[names.width])));
        }
        for index in 0..self.raw.len() {
            let field = names.columns.get(index).and_then(|field| row.get(*field)).unwrap_or_default();
            let value = self.value(field, index)?;
            if let Some(raw) = self.raw.get_mut(index) {
                *raw = value;
            }
        }
        match &names.time {
            TimeFields::Absent => Ok(Time::ARRIVAL),
            TimeFields::One(field) => self.time(row.get(*field).unwrap_or_default(), &names.time_name),
            TimeFields::Sum(parts) => sum(row, parts).ok_or_else(|| {
                let shown: Vec<_> =
                    parts.iter().map(|(field, _)| quote(row.get(*field).unwrap_or_default())).collect();
                let problem = format!(
                    "columns \"{}\" hold {}, which is not a time",
                    names.time_name,
                    shown.join(" and ")
                );
                (DropReason::BadTime, problem)
            }),
        }
    }

    /// Reads a row by position: the columns in order, after the time if rows have one.
    ///
    /// An empty field at the end is a missing value if it is one of the columns; otherwise it comes from a
    /// delimiter at the end of each row.
    pub(super) fn read_by_position(&mut self, row: Row<'_>, timed: bool) -> Result<Time, Fault> {
        let first = usize::from(timed);
        let wanted = self.raw.len() + first;
        if row.len() != wanted && !(row.len() == wanted + 1 && row.ends_empty()) {
            return Err((DropReason::Malformed, self.wrong_length(row, timed)));
        }
        for index in 0..self.raw.len() {
            let value = self.value(row.get(first + index).unwrap_or_default(), index)?;
            if let Some(raw) = self.raw.get_mut(index) {
                *raw = value;
            }
        }
        if timed { self.time(row.get(0).unwrap_or_default(), "") } else { Ok(Time::ARRIVAL) }
    }

    /// The number in the field of a column.
    fn value(&mut self, field: &[u8], column: usize) -> Result<f64, Fault> {
        match number::parse_plain(field, self.style) {
            Some(value) => Ok(value),
            None => self.unusual_value(field, column),
        }
    }

    /// The value in a field that is not a plain number.
    fn unusual_value(&mut self, field: &[u8], column: usize) -> Result<f64, Fault> {
        if let Some(value) = number::parse(field, self.style) {
            self.notes.decimal_comma |= field.contains(&b',');
            return Ok(value);
        }
        self.value_with_unit(field, column)
    }

    /// The value in a field such as `1.21 A`.
    #[cold]
    fn value_with_unit(&self, field: &[u8], column: usize) -> Result<f64, Fault> {
        let name = self.columns.names().get(column).map(String::as_str).unwrap_or_default();
        let malformed = |problem: String| {
            Err((DropReason::Malformed, format!("column {name:?} holds {}, {problem}", quote(field))))
        };
        let Some((value, unit)) = number::parse_with_unit(field, self.style) else {
            return malformed("which is not a number".into());
        };
        match self.columns.raw_unit(column) {
            Some(expected) if !is_same_unit(&text(unit), expected) => malformed(format!(
                "which is not in {expected:?}, the unit of the channel; give the channel a scale, or send {expected:?}"
            )),
            // The start of an exponent is not a unit: the row is cut.
            None if unit.eq_ignore_ascii_case(b"e") => malformed("which is not a number".into()),
            _ => Ok(value),
        }
    }

    /// The value of a column that a line names, in a text such as `1.21` or `1.21 A`.
    pub(super) fn labelled_value(&mut self, text: &[u8], column: usize) -> Result<f64, Fault> {
        self.unusual_value(text, column)
    }

    /// The time in a field; `name` is that of its column, empty if it has none.
    pub(super) fn time(&mut self, field: &[u8], name: &str) -> Result<Time, Fault> {
        let field = field.trim_ascii();
        let time = match fast_float2::parse(field) {
            Ok(value) if !matches!(self.unit, TimeUnit::Rfc3339 | TimeUnit::None) => self.unit.time(value),
            _ => self.unusual_time(field),
        };
        time.ok_or_else(|| {
            let name = if name.is_empty() { self.input.column() } else { name };
            let problem = format!("column {name:?} holds {}, which is not a time", quote(field));
            (DropReason::BadTime, problem + advice::of_time(field, self.unit))
        })
    }

    /// The time in a field that is not a plain number.
    #[cold]
    fn unusual_time(&mut self, field: &[u8]) -> Option<Time> {
        if self.unit == TimeUnit::None {
            return None;
        }
        if (self.unit == TimeUnit::Rfc3339 || self.input.unit.is_none())
            && let Some(time) = rfc3339::parse(field)
        {
            self.notes.lacks_offset |= rfc3339::lacks_offset(field);
            (self.notes.rfc3339, self.notes.unit_is_known) = (true, true);
            return Some(time);
        }
        if let Some(value) = number::parse(field, self.style) {
            self.notes.decimal_comma |= field.contains(&b',');
            return self.unit.time(value);
        }
        let (value, unit) = number::parse_with_unit(field, self.style)?;
        let time = time_name::unit_of(&text(unit).to_lowercase())?.time(value)?;
        self.notes.unit_is_known = true;
        Some(time)
    }

    /// The delimiter, for a conclusion.
    pub(super) fn describe_delimiter(&self) -> String {
        let decimal = if self.notes.decimal_comma { ", decimal comma" } else { "" };
        format!("{}{decimal}", self.delimiter)
    }

    /// What a header says, for a conclusion. `key` is that of the column of the time.
    pub(super) fn describe_header(&self, header: &Names, key: &str) -> String {
        let channels = self.columns.names().join(", ");
        let time = match (&header.time, &header.perhaps_time) {
            (TimeFields::Absent, Some(column)) => {
                format!("no time column (if {column:?} is one, name it under {key})")
            }
            (TimeFields::Absent, None) => "no time column".into(),
            (TimeFields::One(_), _) => format!("time column {:?}{}", header.time_name, self.describe_unit()),
            (TimeFields::Sum(_), _) => format!("time columns \"{}\"", header.time_name),
        };
        format!("{time}, channels {channels}")
    }

    /// The unit of the times as far as it is known, for a conclusion.
    pub(super) fn describe_unit(&self) -> String {
        match (self.notes.rfc3339, self.notes.lacks_offset) {
            (true, true) => " as RFC 3339 without an offset, taken as UTC".into(),
            (true, false) => " as RFC 3339".into(),
            _ if self.unit_is_known() => format!(" in {}", self.unit.name()),
            _ => String::new(),
        }
    }

    /// What is wrong with a row of another length than rows by position have.
    fn wrong_length(&self, row: Row<'_>, timed: bool) -> String {
        let given = row.len() - usize::from(row.ends_empty() && row.len() > 1);
        let (wanted, names) = (self.raw.len(), self.columns.names().join(", "));
        let problem = if timed {
            format!("the row has {given} fields instead of {}: the time and {names}", wanted + 1)
        } else {
            format!(
                "the row has {given} fields instead of {wanted} ({names}), or {} with the time first",
                wanted + 1
            )
        };
        problem + self.decimal_comma_hint(row, &[wanted, wanted + 1])
    }

    /// The end of a message about a row that has twice as many fields as it should.
    fn decimal_comma_hint(&self, row: Row<'_>, wanted: &[usize]) -> &'static str {
        let is_fitting = wanted.contains(&row.len());
        let is_doubled = wanted.iter().any(|wanted| row.len() == 2 * wanted);
        if is_doubled && !is_fitting && self.delimiter == Delimiter::COMMA {
            "; if its numbers have decimal commas, separate them by semicolons"
        } else {
            ""
        }
    }
}

/// The sum of the parts of a time, in whole nanoseconds.
fn sum(row: Row<'_>, parts: &[(usize, TimeUnit)]) -> Option<Time> {
    let mut nanos = 0i64;
    for (field, unit) in parts {
        nanos = nanos.checked_add(unit.parse_nanos(row.get(*field)?.trim_ascii())?)?;
    }
    Time::from_nanos(nanos)
}
