//! Looks at the first lines of a recording: its delimiter, its header, and what its columns hold.

mod first_rows;

use self::first_rows::{NumberedText, count_up, delimiter_of, is_like, is_row, lines};
use super::advice;
use super::format::{CsvFormat, Delimiter};
use super::header::time_column;
use super::number::{self, NumberStyle};
use super::reader::Header;
use super::row::{FieldSplitter, text};
use crate::signal::{TimeInput, TimePart, TimeUnit, time_name};

/// The number of rows that are looked at.
const ROWS: usize = 100;

/// Seconds since 1970 that are a time of the calendar: the years 2001 to 2286.
const CALENDAR: std::ops::Range<u64> = 1_000_000_000..10_000_000_000;

/// A column counts rows, and is not a channel, only if this number of rows shows it.
const COUNTED_ROWS: usize = 4;

/// The first lines of a recording, split into fields.
#[derive(Debug)]
pub struct Preview {
    /// How rows are separated into fields; its delimiter is known.
    pub format: CsvFormat,
    /// Where the names of the columns are.
    pub header: Header,
    /// The names of the columns.
    pub names: Vec<String>,
    /// The fields of the first rows after the header.
    rows: Vec<Vec<Vec<u8>>>,
}

/// What a column of a recording holds, as its first rows show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// The time.
    Time,
    /// Another time, by its name.
    OtherTime,
    /// Numbers.
    Numbers,
    /// The number of the row, as tools that write tables add it.
    RowNumber,
    /// Something that is not a number.
    Text,
    /// Nothing in any row.
    Empty,
}

/// Why the first lines of a recording cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PreviewError {
    /// The text is not in UTF-8.
    #[error("the file is UTF-16; save it as UTF-8")]
    Utf16,
    /// There is no line with the number of the header.
    #[error("line {0} is missing or empty, but [csv] header_row says that the header is there")]
    NoHeader(u64),
}

impl Preview {
    /// Looks at the first bytes of a recording.
    ///
    /// `header_row` is the number of the line with the header, counted from 1, or 0 if there is none. For
    /// `None`, the header is the first line that is not empty, unless it consists of numbers, or has numbers
    /// wherever the lines below have some.
    ///
    /// # Errors
    /// [`PreviewError`]: the text is in UTF-16, or there is no line with that number.
    pub fn read(bytes: &[u8], format: CsvFormat, header_row: Option<u64>) -> Result<Self, PreviewError> {
        if advice::is_utf16(bytes) {
            return Err(PreviewError::Utf16);
        }
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let lines = lines(bytes, header_row.unwrap_or(0), ROWS + 1, false);
        let header = match header_row {
            None => None,
            Some(0) => Some(Header::Missing),
            Some(number) if lines.first().is_some_and(|(first, _)| *first == number) => {
                Some(Header::Line(number))
            }
            Some(number) => return Err(PreviewError::NoHeader(number)),
        };
        let delimiter = format.delimiter.unwrap_or_else(|| delimiter_of(&lines, format));
        let mut splitter = FieldSplitter::default();
        let mut split = |line: &[u8]| -> Vec<Vec<u8>> {
            let row = splitter.split(line, delimiter);
            row.map(|row| row.trimmed().map(<[u8]>::to_vec).collect()).unwrap_or_default()
        };
        let style = NumberStyle::of(CsvFormat { delimiter: Some(delimiter), ..format }, delimiter);
        let first = lines.first().map(|(number, line)| (*number, split(line)));
        let mut rows: Vec<Vec<Vec<u8>>> = lines.iter().map(|(_, line)| split(line)).collect();
        let header = header.unwrap_or_else(|| match &first {
            // A header of numbers would name nothing.
            Some((_, fields)) if is_row(fields, style) || is_like(fields, &rows, style) => Header::Missing,
            Some((number, _)) => Header::Line(*number),
            None => Header::Line(1),
        });
        let names = match (&first, header) {
            (Some((_, fields)), Header::Line(_)) => fields.iter().map(|field| text(field)).collect(),
            (Some((_, fields)), Header::Missing) => {
                let is_trailing = fields.len() > 1 && fields.last().is_some_and(Vec::is_empty);
                (1..=fields.len() - usize::from(is_trailing)).map(|number| number.to_string()).collect()
            }
            (None, _) => Vec::new(),
        };
        if matches!(header, Header::Line(_)) && !rows.is_empty() {
            rows.remove(0);
        }
        Ok(Self { format: CsvFormat { delimiter: Some(delimiter), ..format }, header, names, rows })
    }

    /// What each column holds. `input` says where the time is, as far as that is configured.
    pub fn kinds(&self, input: &TimeInput) -> Vec<ColumnKind> {
        let input = &self.time_input(input);
        let is_time = |index: usize, name: &String| {
            input.column.as_ref() == Some(name)
                || input.sum.iter().any(|part| part.column == *name)
                || self.time_column(input) == Some(index)
        };
        let kind =
            |(index, name)| if is_time(index, name) { ColumnKind::Time } else { self.kind(index, name) };
        let mut kinds: Vec<_> = self.names.iter().enumerate().map(kind).collect();
        let names_a_time = |name: &str| time_name::recognise(name).is_some() && time_name::resembles(name);
        for (kind, name) in kinds.iter_mut().zip(&self.names) {
            if *kind == ColumnKind::Numbers && names_a_time(name) {
                *kind = ColumnKind::OtherTime;
            }
        }
        // What counts may be all there is.
        if !kinds.contains(&ColumnKind::Numbers)
            && let Some(only) = kinds.iter_mut().find(|kind| **kind == ColumnKind::RowNumber)
        {
            *only = ColumnKind::Numbers;
        }
        kinds
    }

    /// Where the time is: as `input` says, or if that leaves it open and no name says it, as the rows show it. It is in a
    /// column of dates, such as the index of a table, or in the first two columns without a header, as seconds and
    /// nanoseconds of the calendar, as `ros2 topic echo --csv` prints a stamp.
    pub fn time_input(&self, input: &TimeInput) -> TimeInput {
        let is_open =
            input.column.is_none() && input.sum.is_empty() && input.unit.is_none() && input.rate.is_none();
        let is_named = matches!(self.header, Header::Line(_)) && time_column(&self.names, &[]).is_some();
        let mut found = input.clone();
        if !is_open || is_named || self.rows.is_empty() {
            return found;
        }
        let holds = |index: usize, is_it: &dyn Fn(&[u8]) -> bool| {
            self.rows.iter().all(|row| row.get(index).is_some_and(|field| is_it(field)))
        };
        let whole = |field: &[u8]| std::str::from_utf8(field).ok().and_then(|text| text.parse::<u64>().ok());
        let is_second = |field: &[u8]| whole(field).is_some_and(|second| CALENDAR.contains(&second));
        let is_nano = |field: &[u8]| whole(field).is_some_and(|nano| nano < 1_000_000_000);
        let is_date = |field: &[u8]| TimeUnit::Rfc3339.parse(field).is_some();
        match (self.header, self.names.as_slice()) {
            (Header::Missing, [seconds, nanos, _, ..]) if holds(0, &is_second) && holds(1, &is_nano) => {
                let part = |column: &String, unit| TimePart { column: column.clone(), unit };
                found.sum = vec![part(seconds, TimeUnit::S), part(nanos, TimeUnit::Ns)];
            }
            (Header::Line(_), names) => {
                found.column = names
                    .iter()
                    .enumerate()
                    .find(|(index, _)| holds(*index, &is_date))
                    .map(|(_, name)| name.clone());
            }
            _ => {}
        }
        found
    }

    /// The index of the column that holds the time although none is configured.
    fn time_column(&self, input: &TimeInput) -> Option<usize> {
        if input.column.is_some() || !input.sum.is_empty() || input.unit == Some(TimeUnit::None) {
            return None;
        }
        match self.header {
            Header::Line(_) => time_column(&self.names, &[]),
            Header::Missing => (self.names.len() > 1 && input.rate.is_none()).then_some(0),
        }
    }

    fn kind(&self, index: usize, name: &str) -> ColumnKind {
        let delimiter = self.format.delimiter.unwrap_or(Delimiter::COMMA);
        let style = NumberStyle::of(self.format, delimiter);
        let fields = self.rows.iter().filter_map(|row| row.get(index));
        let given: Vec<&[u8]> =
            fields.map(Vec::as_slice).filter(|field| !number::is_missing(field)).collect();
        let value = |field: &&[u8]| {
            number::parse(field, style).or_else(|| Some(number::parse_with_unit(field, style)?.0))
        };
        let values: Vec<f64> = given.iter().filter_map(value).collect();
        let is_named = name.is_empty() || name.starts_with("Unnamed:") || name.eq_ignore_ascii_case("index");
        let counts = count_up(&values);
        if given.is_empty() {
            ColumnKind::Empty
        } else if values.len() < given.len() {
            ColumnKind::Text
        } else if is_named || (counts && values.len() >= COUNTED_ROWS) {
            ColumnKind::RowNumber
        } else {
            ColumnKind::Numbers
        }
    }

    /// The columns whose names end in units of one time, such as whole seconds and nanoseconds: the names of
    /// the first and the second, with their units.
    pub fn split_time(&self) -> Option<[(&str, TimeUnit); 2]> {
        let parts = |name: &str| {
            let mut words = time_name::words(name);
            let unit = time_name::unit_of(&words.pop()?)?;
            time_name::recognise(name).is_some().then_some((words, unit))
        };
        self.names.iter().find_map(|name| {
            let (words, unit) = parts(name).filter(|(_, unit)| *unit == TimeUnit::S)?;
            let other = self.names.iter().find(|other| {
                parts(other).is_some_and(|(others, fine)| others == words && fine != TimeUnit::S)
            })?;
            Some([(name.as_str(), unit), (other.as_str(), parts(other)?.1)])
        })
    }

    /// What is wrong with rows without a header that consist of two whole numbers, if their times repeat or go
    /// back: each row may be one number with a decimal comma. `None` if the rows are not so.
    pub fn decimal_comma_problem(&self) -> Option<&'static str> {
        let is_integer = |field: &Vec<u8>| !field.is_empty() && field.iter().all(u8::is_ascii_digit);
        let is_pair = |row: &Vec<Vec<u8>>| row.len() == 2 && row.iter().all(is_integer);
        let may_be = self.format.delimiter == Some(Delimiter::COMMA)
            && self.header == Header::Missing
            && self.rows.iter().all(is_pair);
        may_be.then_some(advice::DECIMAL_COMMA)
    }
}

/// Splits a short text into rows, with the number of each line, and says what separates their fields. Rows
/// after the first `limit` are ignored.
///
/// # Errors
/// [`PreviewError::Utf16`].
pub(crate) fn read_table(bytes: &[u8], limit: usize) -> Result<(Vec<TableRow>, Delimiter), PreviewError> {
    if advice::is_utf16(bytes) {
        return Err(PreviewError::Utf16);
    }
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let lines = lines(bytes, 0, limit, true);
    let shown = lines.get(..ROWS).unwrap_or(&lines);
    let delimiter = delimiter_of(shown, CsvFormat::default());
    let mut splitter = FieldSplitter::default();
    let split = |(number, line): &NumberedText| {
        let row = splitter.split(line, delimiter);
        (*number, row.map(|row| row.trimmed().map(text).collect()).unwrap_or_default())
    };
    Ok((lines.iter().map(split).collect(), delimiter))
}

/// The number of a line, and its fields.
pub(crate) type TableRow = (u64, Vec<String>);

#[cfg(test)]
mod tests {
    use super::*;

    fn preview(text: &str) -> Preview {
        Preview::read(text.as_bytes(), CsvFormat::default(), None).unwrap()
    }

    #[test]
    fn the_delimiter_is_the_one_that_splits_all_rows_alike() {
        for (text, delimiter) in [
            ("t,current\n0,1\n", ','),
            ("t;current\n0,01;1,21\n", ';'),
            ("t\tcurrent\n0,01\t1,21\n", '\t'),
            ("t current\n0.01  1.21\n", ' '),
            ("Time (ms),Motor current\n0,1.2\n", ','),
            ("t,current;A\n0,1\n", ','),
            ("current\n1,21\n1,24\n", ';'),
            ("current\n1.21\n", ','),
            ("0,01;1,21\n0,02;1,22\n", ';'),
            ("t,a,b\n0,1,2\n0,1\n0\n", ','),
        ] {
            assert_eq!(preview(text).format.delimiter.map(Delimiter::text), Some(delimiter), "{text}");
        }
    }

    #[test]
    fn the_header_is_the_first_line_unless_that_has_only_numbers() {
        assert_eq!(preview("\r\n\r\nt,current\r\n0,1\r\n").header, Header::Line(3));
        let without = preview("0,1.5,\n1,1.6,\n");
        assert_eq!(
            (without.header, without.names.as_slice()),
            (Header::Missing, &["1", "2"].map(String::from)[..])
        );
        assert_eq!(preview("2026-01-31T12:00:00Z,1.5\n").header, Header::Missing);
        let text = b"\nx;y\nt;current\n0;1\n";
        let read = |row| Preview::read(text, CsvFormat::default(), Some(row));
        assert_eq!(read(3).unwrap().names, ["t", "current"]);
        assert_eq!(read(1).unwrap_err(), PreviewError::NoHeader(1));
        assert_eq!(read(9).unwrap_err(), PreviewError::NoHeader(9));
    }

    #[test]
    fn rows_that_begin_with_a_stamp_and_hold_text_are_not_a_header() {
        let row = |nano: u32| format!("1700000000,{nano},,left_wheel,right_wheel,0.1,1.5,{nano}\n");
        let echoed = preview(&[row(0), row(10_000_000), row(20_000_000)].concat());
        assert_eq!((echoed.header, echoed.names.len()), (Header::Missing, 8));
        let time = echoed.time_input(&TimeInput::default());
        let parts: Vec<_> = time.sum.iter().map(|part| (part.column.as_str(), part.unit)).collect();
        assert_eq!(parts, [("1", TimeUnit::S), ("2", TimeUnit::Ns)]);
        use ColumnKind::{Empty, Numbers, Text, Time};
        assert_eq!(echoed.kinds(&time), [Time, Time, Empty, Text, Text, Numbers, Numbers, Numbers]);
        assert_eq!(preview("left,1.5,2\nleft,3,4\nleft,5,6\n").header, Header::Missing);
        for header in [
            "t,1,2\n0,3,4\n1,5,6\n",
            "label,0,1\nwood,3,4\nwood,5,6\n",
            "name,current\nx,1\ny,2\n",
            "t,current,\n0,1,x\n",
        ] {
            assert_eq!(preview(header).header, Header::Line(1), "{header}");
        }
        // Whole numbers that are no stamps.
        assert_eq!(preview("0,1,2\n1,5,6\n").time_input(&TimeInput::default()), TimeInput::default());
    }

    #[test]
    fn an_index_of_dates_is_the_time() {
        let text = ",current,made\n2026-11-20 12:00:00.010,1.5,x\n2026-11-20 12:00:00.020,1.6,x\n";
        let time = preview(text).time_input(&TimeInput::default());
        assert_eq!(time.column.as_deref(), Some(""));
        let named = preview(&text.replace(",current", "t,current")).time_input(&TimeInput::default());
        assert_eq!(named, TimeInput::default());
        let rate = TimeInput { rate: Some(100.0), ..TimeInput::default() };
        assert_eq!(preview(text).time_input(&rate), rate);
    }

    #[test]
    fn a_column_that_counts_or_holds_text_is_not_one_of_numbers() {
        use ColumnKind::{Empty, Numbers, RowNumber, Text, Time};
        let rows: String = (0..9).map(|row| format!("{row},{row},{}.5,dry,,x{row}\n", 9 - row)).collect();
        let found = preview(&format!(",time_ms,current,note,gap,code\n{rows}")).kinds(&TimeInput::default());
        assert_eq!(found, [RowNumber, Time, Numbers, Text, Empty, Text]);
        let rows: String = (0..9).map(|row| format!("{}.1,{row},{}\n", row, 3 * row)).collect();
        assert_eq!(
            preview(&format!("t,n,current\n{rows}")).kinds(&TimeInput::default()),
            [Time, RowNumber, Numbers]
        );
        assert_eq!(
            preview("t,current\n0,\n1,1\n2,2\n3,3\n4,4\n").kinds(&TimeInput::default()),
            [Time, Numbers]
        );
    }

    #[test]
    fn a_second_time_is_not_a_channel() {
        use ColumnKind::{Numbers, OtherTime, Text, Time};
        let row = |second: u32| {
            format!("{second},170000000{second}.5,170000000{second}.4,/joint_states.effort[0],1.5\n")
        };
        let header = "elapsed time (seconds),receive time,header.stamp,topic,value\n";
        let found = preview(&(header.to_owned() + &row(0) + &row(1) + &row(2))).kinds(&TimeInput::default());
        assert_eq!(found, [Time, OtherTime, OtherTime, Text, Numbers]);
    }

    #[test]
    fn text_in_utf16_is_named() {
        let bytes: Vec<u8> = "\u{feff}t,current\n0,1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let error = Preview::read(&bytes, CsvFormat::default(), None).unwrap_err();
        assert_eq!(error.to_string(), "the file is UTF-16; save it as UTF-8");
    }

    #[test]
    fn a_time_in_two_columns_is_found() {
        let found = preview("header.stamp.secs,header.stamp.nsecs,current\n1,2,3\n");
        assert_eq!(
            found.split_time(),
            Some([("header.stamp.secs", TimeUnit::S), ("header.stamp.nsecs", TimeUnit::Ns)])
        );
        assert_eq!(preview("t,current\n1,2\n").split_time(), None);
    }
}
