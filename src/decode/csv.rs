//! Lines of numbers between delimiters, with or without a header, from recordings, serial ports and messages.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::{MAX_LINE, quote};
use crate::signal::{Columns, DropReason, Drops, Samples, Time, TimeInput, TimeUnit};

/// The most fields in a line; a longer line is dropped.
const MAX_FIELDS: usize = 1024;

/// Where the names of the columns stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// In this row, counted from 1 without empty ones; the rows above it are skipped.
    Row(usize),
    /// Wherever a row names all the columns, as a board prints one when it starts; until then columns are taken by
    /// position, the time first where there is one field more.
    Anywhere,
}

/// Decodes rows, one sample each.
#[derive(Debug)]
pub struct CsvRows {
    reader: Reader,
    record: CsvRecord,
    columns: Columns,
    time: TimeInput,
    header: Header,
    mapping: Mapping,
    row: usize,
    raw: Vec<f64>,
    texts: Vec<TextColumn>,
}

/// The record being read, and how far.
#[derive(Debug, Default)]
struct CsvRecord {
    text: Vec<u8>,
    text_len: usize,
    ends: Vec<usize>,
    ends_len: usize,
    skipping: bool,
}

/// Which field holds what.
#[derive(Debug)]
enum Mapping {
    /// Not known yet: the header is still to come.
    None,
    /// By position; a field more than columns is the time, which comes first. Once a row had one, an empty field at the end is a value
    /// that is missing, and not what a comma at the end of each line leaves.
    Position { timed: bool },
    /// By the header's names.
    Names { time: Option<usize>, columns: Vec<usize> },
}

/// A column of text, such as a label, that is kept as the moments where it changes.
#[derive(Debug)]
pub struct TextColumn {
    name: String,
    field: Option<usize>,
    changes: Vec<(Time, String)>,
}

impl TextColumn {
    /// The column of this name.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), field: None, changes: Vec::new() }
    }

    /// Each moment from which on the column holds another text.
    pub fn changes(&self) -> &[(Time, String)] {
        &self.changes
    }

    fn note(&mut self, time: Time, text: &[u8]) {
        if self.changes.last().is_none_or(|(_, last)| last.as_bytes() != text) {
            self.changes.push((time, String::from_utf8_lossy(text).into_owned()));
        }
    }
}

impl CsvRows {
    /// A decoder of recorded rows: quoted fields are known, and the header stands where it is said to.
    pub fn recorded(
        columns: Columns,
        time: TimeInput,
        delimiter: u8,
        header: Header,
        texts: Vec<TextColumn>,
    ) -> Self {
        let reader = ReaderBuilder::new().delimiter(delimiter).build();
        Self::new(reader, columns, time, header, texts)
    }

    /// A decoder of live rows, comma-separated; a damaged line must not swallow the next, so quotes mean nothing.
    pub fn live(columns: Columns, time: TimeInput) -> Self {
        let reader = ReaderBuilder::new().quoting(false).build();
        Self::new(reader, columns, time, Header::Anywhere, Vec::new())
    }

    fn new(
        reader: Reader,
        columns: Columns,
        time: TimeInput,
        header: Header,
        texts: Vec<TextColumn>,
    ) -> Self {
        let record =
            CsvRecord { text: vec![0; 1024], text_len: 0, ends: vec![0; 64], ends_len: 0, skipping: false };
        let mapping = match header {
            Header::Anywhere => Mapping::Position { timed: false },
            Header::Row(_) => Mapping::None,
        };
        let raw = vec![0.0; columns.names().len()];
        Self { reader, record, columns, time, header, mapping, row: 0, raw, texts }
    }

    /// The columns of text that were asked for.
    pub fn texts(&self) -> &[TextColumn] {
        &self.texts
    }

    /// Decodes the next bytes; a row that they leave open is kept for the next call.
    pub fn feed(&mut self, mut bytes: &[u8], samples: &mut Samples, drops: &mut Drops) {
        while !bytes.is_empty() {
            bytes = self.step(bytes, samples, drops);
        }
    }

    /// Decodes the next bytes up to the first fault, which ends a recording.
    pub fn feed_until_fault(&mut self, mut bytes: &[u8], samples: &mut Samples, drops: &mut Drops) {
        while !bytes.is_empty() && drops.total() == 0 {
            bytes = self.step(bytes, samples, drops);
        }
    }

    /// Decodes a last row that no line end closed.
    pub fn finish(&mut self, samples: &mut Samples, drops: &mut Drops) {
        // An empty input is the end of the file to the reader.
        self.step(&[], samples, drops);
    }

    fn step<'a>(&mut self, bytes: &'a [u8], samples: &mut Samples, drops: &mut Drops) -> &'a [u8] {
        let record = &mut self.record;
        let (result, read, wrote, ended) = self.reader.read_record(
            bytes,
            &mut record.text[record.text_len..],
            &mut record.ends[record.ends_len..],
        );
        record.text_len += wrote;
        record.ends_len += ended;
        match result {
            ReadRecordResult::OutputFull if record.text.len() < MAX_LINE => record.text.resize(MAX_LINE, 0),
            ReadRecordResult::OutputEndsFull if record.ends.len() < MAX_FIELDS => {
                record.ends.resize(MAX_FIELDS, 0)
            }
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                record.skipping = true;
                record.text_len = 0;
                record.ends_len = 0;
            }
            ReadRecordResult::Record => {
                if std::mem::take(&mut self.record.skipping) {
                    let line = self.reader.line();
                    drops.add(DropReason::TooLarge, || {
                        format!("the row before line {line} is longer than {MAX_LINE} bytes or {MAX_FIELDS} fields")
                    });
                } else {
                    self.row += 1;
                    self.read(samples, drops);
                }
                self.record.text_len = 0;
                self.record.ends_len = 0;
            }
            ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
        }
        bytes.get(read..).unwrap_or_default()
    }

    fn read(&mut self, samples: &mut Samples, drops: &mut Drops) {
        let record = std::mem::take(&mut self.record);
        self.read_fields(
            &Fields { text: &record.text, ends: &record.ends[..record.ends_len] },
            samples,
            drops,
        );
        self.record = record;
    }

    fn read_fields(&mut self, fields: &Fields<'_>, samples: &mut Samples, drops: &mut Drops) {
        match self.header {
            Header::Row(header) if self.row < header => return,
            Header::Row(header) if self.row == header => {
                match self.names(fields) {
                    Ok(mapping) => self.mapping = mapping,
                    Err(problem) => drops.add(DropReason::Malformed, || problem),
                }
                let find =
                    |column: &TextColumn| fields.iter().position(|field| field == column.name.as_bytes());
                for column in &mut self.texts {
                    column.field = find(column);
                }
                return;
            }
            Header::Anywhere if fields.iter().all(|field| !is_number(field)) => {
                match self.names(fields) {
                    Ok(mapping) => self.mapping = mapping,
                    Err(problem) => {
                        drops.add(DropReason::Malformed, || {
                            format!("{problem}; it is neither a row nor a header")
                        });
                    }
                }
                return;
            }
            _ => {}
        }
        match self.sample(fields) {
            Ok(time) => {
                self.columns.push(time, &self.raw, samples);
                for column in &mut self.texts {
                    column.note(time, column.field.and_then(|field| fields.get(field)).unwrap_or_default());
                }
            }
            Err((reason, problem)) => {
                // The reader stands behind the row's line end.
                let line = self.reader.line().saturating_sub(1).max(1);
                drops.add(reason, || format!("line {line}: {problem}"));
            }
        }
    }

    /// The mapping that a header gives, or what it lacks.
    fn names(&self, fields: &Fields<'_>) -> Result<Mapping, String> {
        let find = |name: &str| fields.iter().position(|field| field == name.as_bytes());
        let has = || fields.iter().map(|field| String::from_utf8_lossy(field)).collect::<Vec<_>>().join(", ");
        let lacks = |name: &str| {
            let has: String = has().chars().take(400).collect();
            format!("column {name:?} is not in the header; it has {has}")
        };
        let columns = self.columns.names().iter().map(|name| find(name).ok_or_else(|| lacks(name)));
        let columns = columns.collect::<Result<_, _>>()?;
        let time = find(self.time.column()).filter(|_| self.time.unit != TimeUnit::None);
        if time.is_none() && self.time.column.is_some() {
            return Err(lacks(self.time.column()));
        }
        for column in &self.texts {
            find(&column.name).ok_or_else(|| lacks(&column.name))?;
        }
        Ok(Mapping::Names { time, columns })
    }

    /// Reads the row's values into `raw` and gives its time.
    fn sample(&mut self, fields: &Fields<'_>) -> Result<Time, (DropReason, String)> {
        let wanted = self.raw.len();
        let number = |index: usize, name: &str| {
            let field = fields.get(index).ok_or_else(|| {
                (
                    DropReason::Malformed,
                    format!("the row has {} fields, column {name:?} is field {}", fields.len(), index + 1),
                )
            })?;
            value(field).ok_or_else(|| {
                (
                    DropReason::Malformed,
                    format!("column {name:?} holds {}, which is not a number", quote(field)),
                )
            })
        };
        let time = match &mut self.mapping {
            Mapping::None => {
                return Err((DropReason::Malformed, "there is no header that names the columns".into()));
            }
            Mapping::Position { timed } => {
                let missing = *timed && fields.len() == wanted + 1;
                let open = fields.last().is_some_and(<[u8]>::is_empty) && !missing;
                let given = fields.len() - usize::from(open);
                if given != wanted && given != wanted + 1 {
                    let names = self.columns.names().join(", ");
                    let problem = format!(
                        "the row has {given} fields; {names} take {wanted}, or {} with the time first",
                        wanted + 1
                    );
                    return Err((DropReason::Malformed, problem));
                }
                let first = given - wanted;
                for (index, name) in self.columns.names().iter().enumerate() {
                    self.raw[index] = number(first + index, name)?;
                }
                // A board that sends no times does not begin to; a row that had a number too many was a damaged one.
                *timed &= first == 1 || open;
                (first == 1).then_some(0)
            }
            Mapping::Names { time, columns } => {
                for ((slot, &field), name) in
                    self.raw.iter_mut().zip(columns.iter()).zip(self.columns.names())
                {
                    *slot = number(field, name)?;
                }
                *time
            }
        };
        let Some(field) = time else { return Ok(Time::ARRIVAL) };
        let text = fields.get(field).unwrap_or_default();
        let parsed = self.time.unit.parse(text.trim_ascii()).ok_or_else(|| {
            (
                DropReason::BadTime,
                format!("column {:?} holds {}, which is not a time", self.time.column(), quote(text)),
            )
        })?;
        if let Mapping::Position { timed } = &mut self.mapping {
            *timed = true;
        }
        Ok(parsed)
    }
}

/// A field's number; NaN where it is empty, `None` where it is something else.
fn value(field: &[u8]) -> Option<f64> {
    match fast_float2::parse(field) {
        Ok(value) => Some(value),
        Err(_) => match field.trim_ascii() {
            b"" | b"null" | b"NA" => Some(f64::NAN),
            trimmed => fast_float2::parse(trimmed).ok(),
        },
    }
}

fn is_number(field: &[u8]) -> bool {
    fast_float2::parse::<f64, _>(field.trim_ascii()).is_ok()
}

/// The fields of a record.
struct Fields<'a> {
    text: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Fields<'a> {
    fn len(&self) -> usize {
        self.ends.len()
    }

    fn get(&self, index: usize) -> Option<&'a [u8]> {
        let start = if index == 0 { 0 } else { *self.ends.get(index - 1)? };
        self.text.get(start..*self.ends.get(index)?)
    }

    fn last(&self) -> Option<&'a [u8]> {
        self.get(self.len().checked_sub(1)?)
    }

    fn iter(&self) -> impl Iterator<Item = &'a [u8]> {
        (0..self.len()).map(|index| self.get(index).unwrap_or_default().trim_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Channel;

    fn columns(names: &[&str]) -> Columns {
        Columns::of(&names.iter().map(|name| Channel::in_ampere(name)).collect::<Vec<_>>()).unwrap()
    }

    fn decode(rows: &mut CsvRows, text: &str, chunk: usize) -> (Vec<(f64, Vec<f32>)>, Drops) {
        let (mut samples, mut drops) = (rows.columns.samples(), Drops::default());
        for part in text.as_bytes().chunks(chunk) {
            rows.feed(part, &mut samples, &mut drops);
        }
        rows.finish(&mut samples, &mut drops);
        (samples.iter().map(|(t, row)| (t.seconds(), row.to_vec())).collect(), drops)
    }

    #[test]
    fn a_recording_with_title_rows_and_another_delimiter_is_read_by_name() {
        let text = "Time;Current;\nms;A;\nt;x;m1;\n0;9;1.5;\n31.25;9;2.5;\n";
        let time = TimeInput { unit: TimeUnit::Ms, ..TimeInput::default() };
        for chunk in [1, 7, 1000] {
            let mut rows = CsvRows::recorded(columns(&["m1"]), time.clone(), b';', Header::Row(3), vec![]);
            let (samples, drops) = decode(&mut rows, text, chunk);
            assert_eq!(samples, [(0.0, vec![1.5]), (0.03125, vec![2.5])]);
            assert_eq!(drops.total(), 0, "{drops}");
        }
    }

    #[test]
    fn live_rows_are_read_by_position_with_or_without_a_time() {
        let mut rows = CsvRows::live(columns(&["m1", "m2"]), TimeInput::default());
        let (samples, drops) = decode(&mut rows, "0.5,1,2\r\n3,4\n", 3);
        assert_eq!(samples[0], (0.5, vec![1.0, 2.0]));
        assert_eq!((samples[1].0, &samples[1].1), (Time::ARRIVAL.seconds(), &vec![3.0, 4.0]));
        assert_eq!(drops.total(), 0);
    }

    #[test]
    fn a_last_value_that_is_missing_leaves_the_row_its_time_and_so_does_a_comma_at_the_end() {
        let mut rows = CsvRows::live(columns(&["m1", "m2"]), TimeInput::default());
        let (samples, drops) = decode(&mut rows, "0.5,1,2\n0.6,3,\n0.7,4,5,\n", 3);
        assert_eq!(samples.iter().map(|(t, _)| *t).collect::<Vec<_>>(), [0.5, 0.6, 0.7]);
        assert!(
            samples[1].1[0] == 3.0 && samples[1].1[1].is_nan() && samples[2].1 == [4.0, 5.0],
            "{samples:?}"
        );
        let mut rows = CsvRows::live(columns(&["m1", "m2"]), TimeInput::default());
        let (samples, _) = decode(&mut rows, "1,2,\n3,4,\n", 3);
        assert!(samples.iter().all(|(t, _)| *t == Time::ARRIVAL.seconds()), "{samples:?}");
        assert_eq!(drops.total(), 0);
    }

    #[test]
    fn a_board_that_prints_its_header_may_order_its_columns_as_it_likes() {
        let mut rows = CsvRows::live(columns(&["m1", "m2"]), TimeInput::default());
        let (samples, drops) = decode(&mut rows, "boot v1\nm2,volts,t,m1\n20,12,1,10\n", 100);
        assert_eq!(samples, [(1.0, vec![10.0, 20.0])]);
        assert_eq!(drops.count(DropReason::Malformed), 1, "the boot message");
    }

    #[test]
    fn a_damaged_line_is_counted_and_the_next_is_read() {
        let mut rows = CsvRows::live(columns(&["current"]), TimeInput::default());
        let (samples, drops) = decode(&mut rows, "0,1\n\"0.1,2\n0.2,x3\n0.3,4,5,6\nsoon,1\n0.4,5\n", 4);
        assert_eq!(samples, [(0.0, vec![1.0]), (0.4, vec![5.0])]);
        assert_eq!(drops.to_string(), "2 malformed, 2 bad_time");
    }

    #[test]
    fn an_endless_line_is_dropped_within_bounded_memory() {
        let mut rows = CsvRows::live(columns(&["current"]), TimeInput::default());
        let text = format!("{}\n0,1\n", "9".repeat(10_000_000));
        let (samples, drops) = decode(&mut rows, &text, 65536);
        assert_eq!(samples, [(0.0, vec![1.0])]);
        assert_eq!(drops.to_string(), "1 too_large");
        assert!(rows.record.text.len() <= MAX_LINE);
    }

    #[test]
    fn a_missing_value_is_nan_and_a_missing_column_is_named() {
        let mut rows =
            CsvRows::recorded(columns(&["m1"]), TimeInput::default(), b',', Header::Row(1), vec![]);
        let (samples, _) = decode(&mut rows, "t,m1\n0,\n", 100);
        assert!(samples[0].1[0].is_nan());
        let mut rows =
            CsvRows::recorded(columns(&["m2"]), TimeInput::default(), b',', Header::Row(1), vec![]);
        let (_, drops) = decode(&mut rows, "t,m1,m3\n0,1,2\n", 100);
        assert_eq!(drops.first().unwrap().1, "column \"m2\" is not in the header; it has t, m1, m3");
    }

    #[test]
    fn text_among_the_numbers_is_named_with_its_line() {
        let mut rows =
            CsvRows::recorded(columns(&["m1"]), TimeInput::default(), b',', Header::Row(1), vec![]);
        let (_, drops) = decode(&mut rows, "t,m1\n0,1\n1,abc\n", 100);
        assert_eq!(drops.first().unwrap().1, "line 3: column \"m1\" holds \"abc\", which is not a number");
    }

    #[test]
    fn a_label_column_is_kept_as_its_changes() {
        let text = "t,m1,floor\n0,1,wood\n1,1,wood\n2,1,\"tile, wet\"\n";
        let label = vec![TextColumn::new("floor")];
        let mut rows = CsvRows::recorded(columns(&["m1"]), TimeInput::default(), b',', Header::Row(1), label);
        decode(&mut rows, text, 5);
        let changes: Vec<_> =
            rows.texts()[0].changes().iter().map(|(t, text)| (t.seconds(), text.as_str())).collect();
        assert_eq!(changes, [(0.0, "wood"), (2.0, "tile, wet")]);
    }
}
