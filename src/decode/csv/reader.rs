//! The decoder of a CSV byte stream.

use super::advice;
use super::fields::FieldReader;
use super::format::CsvFormat;
use super::header::{Names, find};
use super::line::{LineSplitter, NumberedLine, ReadLine};
use super::live::LiveRows;
use super::row::{FieldSplitter, MAX_FIELDS, text};
use super::text_column::TextColumn;
use crate::decode::bytes::MAX_LINE;
use crate::signal::{Columns, DropReason, Drops, Samples, TimeInput, TimeUnit};

/// Decodes a byte stream of CSV rows, one sample from each.
#[derive(Debug)]
pub struct CsvRows {
    lines: LineSplitter,
    splitter: FieldSplitter,
    fields: FieldReader,
    rows: RowKind,
    /// The last conclusion that was returned.
    told: Option<String>,
}

/// Where the names of the columns of a recording are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// In the line with this number, counted from 1; empty lines count. The lines above it are skipped.
    Line(u64),
    /// Nowhere: the columns have their numbers as names, from `1`.
    Missing,
}

/// The two kinds of rows.
#[derive(Debug)]
enum RowKind {
    /// Rows of a recording, whose form is settled.
    Recorded(RecordedRows),
    /// Rows that come from a device.
    Live(LiveRows),
}

/// Decodes the rows of a recording.
#[derive(Debug)]
struct RecordedRows {
    header: Header,
    /// Which fields hold what; `None` until the header is read, and if it lacks a column.
    names: Option<Names>,
    /// Why the header cannot be used.
    error: Option<String>,
    texts: Vec<TextColumn>,
}

impl CsvRows {
    /// Creates a decoder for a recording: `header` says where the names of its columns are. A delimiter that
    /// `format` does not have is a comma; see [`Preview`](super::Preview).
    pub fn recorded(
        columns: Columns,
        time: TimeInput,
        format: CsvFormat,
        header: Header,
        texts: Vec<TextColumn>,
    ) -> Self {
        let rows = RecordedRows { header, names: None, error: None, texts };
        Self::new(FieldReader::new(columns, time, format), RowKind::Recorded(rows))
    }

    /// Creates a decoder for live rows, whose form is worked out as far as `format` does not say it.
    ///
    /// A header may come at any time; so may lines of `label:value`.
    pub fn live(columns: Columns, time: TimeInput, format: CsvFormat) -> Self {
        Self::new(FieldReader::new(columns, time, format), RowKind::Live(LiveRows::default()))
    }

    fn new(fields: FieldReader, rows: RowKind) -> Self {
        Self { lines: LineSplitter::default(), splitter: FieldSplitter::default(), fields, rows, told: None }
    }

    /// Says that the stream may begin within a line, as that of a serial port does. A first row that may be
    /// the end of a longer one is then left out.
    pub fn begin_within_a_line(&mut self) {
        if let RowKind::Live(live) = &mut self.rows {
            live.begin_within_a_line();
        }
    }

    /// The text columns, with what they have read so far.
    pub fn texts(&self) -> &[TextColumn] {
        match &self.rows {
            RowKind::Recorded(recorded) => &recorded.texts,
            RowKind::Live(_) => &[],
        }
    }

    /// Why no row can be decoded: the header of a recording cannot be used.
    pub fn header_error(&self) -> Option<&str> {
        match &self.rows {
            RowKind::Recorded(recorded) => recorded.error.as_deref(),
            RowKind::Live(_) => None,
        }
    }

    /// The unit of the times, as far as it is known: that which is configured, or that which the name of the
    /// column says; otherwise seconds.
    pub fn unit(&self) -> TimeUnit {
        self.fields.unit
    }

    /// Whether the unit of the times is configured, or the input itself says it.
    pub fn unit_is_known(&self) -> bool {
        self.fields.unit_is_known()
    }

    /// What was concluded about the rows where nothing is configured, in one sentence: once as soon as it is
    /// known, and again when it changes.
    pub fn take_conclusion(&mut self) -> Option<String> {
        let conclusion = match &self.rows {
            RowKind::Live(live) => live.conclusion(&self.fields),
            RowKind::Recorded(recorded) => recorded.conclusion(&self.fields),
        };
        if conclusion.is_none() || conclusion == self.told {
            return None;
        }
        self.told.clone_from(&conclusion);
        conclusion
    }

    /// Decodes the next bytes. The start of an incomplete row is kept for the next call, and so are the first
    /// rows of a live stream until their form is known.
    pub fn feed(&mut self, mut bytes: &[u8], samples: &mut Samples, drops: &mut Drops) {
        while !bytes.is_empty() {
            let (line, rest) = self.lines.read(bytes);
            bytes = rest;
            let parts = (&mut self.splitter, &mut self.fields);
            match line {
                ReadLine::Incomplete => {}
                ReadLine::Complete(line) => self.rows.line(line, parts, samples, drops),
                ReadLine::TooLong(number) => drop_too_long(number, drops),
            }
        }
    }

    /// Decodes what is left at the end of the stream.
    ///
    /// A last line without a line end is decoded, but not in a recording whose other lines have one: it may
    /// have been cut, even if what is left of it is a row. It is dropped.
    pub fn finish(&mut self, samples: &mut Samples, drops: &mut Drops) {
        let parts = (&mut self.splitter, &mut self.fields);
        match (self.lines.finish(), &mut self.rows) {
            (None | Some(ReadLine::Incomplete), _) => {}
            (Some(ReadLine::TooLong(number)), _) => drop_too_long(number, drops),
            (Some(ReadLine::Complete(line)), RowKind::Recorded(RecordedRows { names: Some(_), .. }))
                if line.number > 1 && !line.text.trim_ascii().is_empty() =>
            {
                drops.add(DropReason::Malformed, || {
                    format!("{line} is the last one and has no line end, so that it may be incomplete")
                });
            }
            (Some(ReadLine::Complete(line)), rows) => rows.line(line, parts, samples, drops),
        }
        if let RowKind::Live(live) = &mut self.rows {
            live.finish(&mut self.fields, samples, drops);
        }
    }
}

impl RowKind {
    #[inline]
    fn line(
        &mut self,
        mut line: NumberedLine<'_>,
        parts: (&mut FieldSplitter, &mut FieldReader),
        samples: &mut Samples,
        drops: &mut Drops,
    ) {
        // Files written on Windows may begin with a byte-order mark.
        if let Some(text) = line.text.strip_prefix("\u{feff}".as_bytes())
            && !text.is_empty()
        {
            line.text = text;
        }
        match self {
            _ if line.text.is_empty() => {}
            RowKind::Recorded(recorded) => recorded.line(line, parts, samples, drops),
            RowKind::Live(live) => live.line(line, parts, samples, drops),
        }
    }
}

impl RecordedRows {
    fn line(
        &mut self,
        line: NumberedLine<'_>,
        (splitter, fields): (&mut FieldSplitter, &mut FieldReader),
        samples: &mut Samples,
        drops: &mut Drops,
    ) {
        let Some(row) = splitter.split(line.text, fields.delimiter) else {
            drops.add(DropReason::TooLarge, || format!("{line} has more than {MAX_FIELDS} fields"));
            return;
        };
        let fault = match &self.names {
            Some(names) => match fields.read_named(row, names) {
                Ok(time) => {
                    fields.push(time, samples);
                    for column in &mut self.texts {
                        column.read(time, row);
                    }
                    return;
                }
                Err(fault) => Some(fault),
            },
            None => None,
        };
        // Rows of delimiters alone, as spreadsheets write them, hold nothing.
        if row.trimmed().all(<[u8]>::is_empty) {
            return;
        }
        match (fault, self.header) {
            (Some((reason, problem)), _) => drops.add(reason, || format!("{line}: {problem}")),
            (None, Header::Line(header)) if line.number < header => {}
            (None, Header::Line(header)) if line.number == header => {
                let names: Vec<String> = row.trimmed().map(text).collect();
                let found = Names::find(&names, &fields.columns, &fields.input, &self.texts);
                self.locate(found.map_err(|error| error.of_header(&names)), &names, fields, drops);
            }
            (None, Header::Missing) if self.error.is_none() => {
                let width = row.len() - usize::from(row.ends_empty() && row.len() > 1);
                let found = Names::by_number(width, &fields.columns, &fields.input, &self.texts);
                let names: Vec<String> = (1..=width).map(|number| number.to_string()).collect();
                let wrong = |_| {
                    let wanted = fields.columns.names().join(", ");
                    format!(
                        "there is no header, and rows have {width} fields, which are not {wanted}, or these \
                         after the time; name each channel's column by its number, such as column = \"2\""
                    )
                };
                self.locate(found.map_err(wrong), &names, fields, drops);
                if self.names.is_some() {
                    self.line(line, (splitter, fields), samples, drops);
                }
            }
            (None, _) => drops.add(DropReason::Malformed, || {
                let why = self.error.as_deref().unwrap_or("there is no header that names the columns");
                format!("{line}: {why}{}", advice::of_text(line.text))
            }),
        }
    }

    /// Settles which fields hold what, or keeps why it cannot be.
    fn locate(
        &mut self,
        found: Result<Names, String>,
        names: &[String],
        fields: &mut FieldReader,
        drops: &mut Drops,
    ) {
        match found {
            Ok(found) => {
                fields.set_unit(found.unit);
                for column in &mut self.texts {
                    column.locate(find(names, column.name()));
                }
                self.names = Some(found);
            }
            Err(why) => {
                drops.add(DropReason::Malformed, || why.clone());
                self.error = Some(why);
            }
        }
    }

    fn conclusion(&self, fields: &FieldReader) -> Option<String> {
        let names = self.names.as_ref()?;
        let header = if self.header == Header::Missing { "no header" } else { "header" };
        let delimiter = fields.describe_delimiter();
        Some(format!("{delimiter}, {header}: {}", fields.describe_header(names, "[time] column")))
    }
}

fn drop_too_long(number: u64, drops: &mut Drops) {
    drops.add(DropReason::TooLarge, || format!("line {number} is longer than {MAX_LINE} bytes"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{Channel, DropReason, Time, TimeUnit};

    fn columns(names: &[&str]) -> Columns {
        Columns::of(&names.iter().map(|name| Channel::in_ampere(name)).collect::<Vec<_>>()).unwrap()
    }

    fn decode(rows: &mut CsvRows, text: &str, chunk: usize) -> (Vec<(f64, Vec<f32>)>, Drops) {
        let (mut samples, mut drops) = (rows.fields.columns.samples(), Drops::default());
        for part in text.as_bytes().chunks(chunk) {
            rows.feed(part, &mut samples, &mut drops);
        }
        rows.finish(&mut samples, &mut drops);
        (samples.iter().map(|(t, row)| (t.seconds(), row.to_vec())).collect(), drops)
    }

    fn recorded(names: &[&str], time: TimeInput, header: u64) -> CsvRows {
        let semicolon = CsvFormat::new(Some(';').filter(|_| header == 3), None).unwrap();
        CsvRows::recorded(columns(names), time, semicolon, Header::Line(header), vec![])
    }

    fn live(names: &[&str]) -> CsvRows {
        CsvRows::live(columns(names), TimeInput::default(), CsvFormat::default())
    }

    #[test]
    fn a_recording_with_title_rows_and_a_different_delimiter_is_decoded_by_name() {
        let text = "Time;Current;\nms;A;\nt;x;m1;\n0;9;1.5;\n31.25;9;2.5;\n";
        let time = TimeInput { unit: Some(TimeUnit::Ms), ..TimeInput::default() };
        for chunk in [1, 7, 1000] {
            let mut rows = recorded(&["m1"], time.clone(), 3);
            let (samples, drops) = decode(&mut rows, text, chunk);
            assert_eq!(samples, [(0.0, vec![1.5]), (0.03125, vec![2.5])]);
            assert_eq!(drops.total(), 0, "{drops}");
        }
    }

    #[test]
    fn live_rows_are_decoded_by_position_with_or_without_a_time() {
        let (samples, drops) = decode(&mut live(&["m1", "m2"]), "0.5,1,2\r\n0.6,3,4\r\n", 3);
        assert_eq!((samples, drops.total()), (vec![(0.5, vec![1.0, 2.0]), (0.6, vec![3.0, 4.0])], 0));
        let (samples, drops) = decode(&mut live(&["m1", "m2"]), "1,2\n3,4\n", 3);
        let arrival = Time::ARRIVAL.seconds();
        assert_eq!((samples, drops.total()), (vec![(arrival, vec![1.0, 2.0]), (arrival, vec![3.0, 4.0])], 0));
    }

    #[test]
    fn a_missing_last_value_and_a_trailing_comma_are_distinguished() {
        let mut rows = live(&["m1", "m2"]);
        let (samples, drops) = decode(&mut rows, "0.5,1,2\n0.6,3,\n0.7,4,5,\n", 3);
        assert_eq!(samples.iter().map(|(t, _)| *t).collect::<Vec<_>>(), [0.5, 0.6, 0.7]);
        assert!(
            samples[1].1[0] == 3.0 && samples[1].1[1].is_nan() && samples[2].1 == [4.0, 5.0],
            "{samples:?}"
        );
        let mut rows = live(&["m1", "m2"]);
        let (samples, _) = decode(&mut rows, "1,2,\n3,4,\n", 3);
        assert!(samples.iter().all(|(t, _)| *t == Time::ARRIVAL.seconds()), "{samples:?}");
        assert_eq!(drops.total(), 0);
    }

    #[test]
    fn a_row_with_more_numbers_than_channels_says_how_to_name_them() {
        let mut rows = live(&["current"]);
        let (_, drops) = decode(&mut rows, "0.1,1,2\n0.2,1,2\n", 100);
        assert_eq!(
            drops.first().unwrap(),
            (
                DropReason::Malformed,
                "line 1: the row has 3 fields instead of 1 (current), or 2 with the time first; print 1.26 \
                 (current), or 12.3,1.26 with the time first; or name every channel that the board sends, with \
                 --channels or under [[source.channel]]"
            )
        );
    }

    #[test]
    fn a_board_that_prints_a_header_may_order_its_columns_freely() {
        let mut rows = live(&["m1", "m2"]);
        let (samples, drops) = decode(&mut rows, "boot v1\nm2,volts,t,m1\n20,12,1,10\n", 100);
        assert_eq!(samples, [(1.0, vec![10.0, 20.0])]);
        assert_eq!(
            drops.first().unwrap(),
            (
                DropReason::Malformed,
                "the line \"boot v1\" is neither a row of numbers nor a header with column \"m1\"; print \
                 1.26,2.29 (m1, m2), or 12.3,1.26,2.29 with the time first"
            )
        );
        assert_eq!(drops.total(), 1);
    }

    #[test]
    fn a_damaged_line_is_counted_and_the_next_is_decoded() {
        let mut rows = live(&["current"]);
        let (samples, drops) = decode(&mut rows, "0,1\n\"0.1,2\n0.2,x3\n0.3,4,5,6\nsoon,1\n0.4,5\n", 4);
        assert_eq!(samples, [(0.0, vec![1.0]), (0.4, vec![5.0])]);
        assert_eq!(drops.to_string(), "2 malformed, 2 bad_time");
    }

    #[test]
    fn an_endless_line_is_dropped_and_counted() {
        let mut rows = live(&["current"]);
        let text = format!("{}\n0,1\n", "9".repeat(10_000_000));
        let (samples, drops) = decode(&mut rows, &text, 65536);
        assert_eq!(samples, [(0.0, vec![1.0])]);
        assert_eq!(drops.to_string(), "1 too_large");
    }

    #[test]
    fn a_missing_value_is_nan_and_the_error_for_a_missing_column_names_it() {
        let mut rows = recorded(&["m1"], TimeInput::default(), 1);
        let (samples, _) = decode(&mut rows, "t,m1\n0,\n", 100);
        assert!(samples[0].1[0].is_nan());
        let mut rows = recorded(&["m2"], TimeInput::default(), 1);
        let (_, drops) = decode(&mut rows, "t,m1,m3\n0,1,2\n", 100);
        assert_eq!(drops.first().unwrap().1, "column \"m2\" is not in the header, which has t, m1, m3");
    }

    #[test]
    fn the_error_for_text_instead_of_a_number_names_the_line() {
        let mut rows = recorded(&["m1"], TimeInput::default(), 1);
        let (_, drops) = decode(&mut rows, "t,m1\n0,1\n1,abc\n", 100);
        assert_eq!(drops.first().unwrap().1, "line 3: column \"m1\" holds \"abc\", which is not a number");
    }

    #[test]
    fn a_text_column_stores_its_changes() {
        let text = "t,m1,floor\n0,1,wood\n1,1,wood\n2,1,\"tile, wet\"\n";
        let label = vec![TextColumn::new("floor")];
        let mut rows = CsvRows::recorded(
            columns(&["m1"]),
            TimeInput::default(),
            CsvFormat::default(),
            Header::Line(1),
            label,
        );
        decode(&mut rows, text, 5);
        let changes: Vec<_> =
            rows.texts()[0].changes().iter().map(|(t, text)| (t.seconds(), text.as_str())).collect();
        assert_eq!(changes, [(0.0, "wood"), (2.0, "tile, wet")]);
    }

    /// The times and the values of the first channel.
    fn firsts(samples: &[(f64, Vec<f32>)]) -> Vec<(f64, f32)> {
        samples.iter().map(|(time, values)| (*time, values[0])).collect()
    }

    #[test]
    fn a_header_that_calls_the_time_otherwise_gives_the_times_in_its_unit() {
        let mut rows = live(&["current"]);
        let (samples, drops) = decode(&mut rows, "time_ms,current\n12340,1.21\n12350,1.24\n", 5);
        assert_eq!(firsts(&samples), [(12.34, 1.21), (12.35, 1.24)]);
        assert_eq!(drops.total(), 0);
        assert!(rows.unit_is_known());
        let conclusion = "comma, header: time column \"time_ms\" in ms, channels current";
        assert_eq!(rows.take_conclusion().as_deref(), Some(conclusion));
        assert_eq!(rows.take_conclusion(), None);
    }

    #[test]
    fn a_header_without_a_time_is_said_and_what_may_be_one_is_named() {
        let mut rows = live(&["current"]);
        let (samples, _) = decode(&mut rows, "clock,current\n1,1.5\n2,1.6\n", 5);
        assert!(samples.iter().all(|(time, _)| *time == Time::ARRIVAL.seconds()));
        let conclusion = rows.take_conclusion().unwrap();
        assert!(
            conclusion.contains("no time column (if \"clock\" is one, name it under [source.time] column)")
        );
        assert!(!rows.unit_is_known());
    }

    #[test]
    fn every_delimiter_is_worked_out_and_decimal_commas_with_it() {
        for (text, said) in [
            ("0.1;1.5;2.5\n0.2;1.6;2.6\n", "semicolon, "),
            ("0,1;1,5;2,5\n0,2;1,6;2,6\n", "semicolon, decimal comma, "),
            ("0.1\t1.5\t2.5\n0.2\t1.6\t2.6\n", "tab, "),
            ("0,1\t1,5\t2,5\n0,2\t1,6\t2,6\n", "tab, decimal comma, "),
            ("0.1 1.5  2.5\n0.2   1.6 2.6\n", "blanks, "),
            ("0,1 1,5 2,5\n0,2 1,6 2,6\n", "blanks, decimal comma, "),
            ("0.1, 1.5, 2.5\r\n0.2, 1.6, 2.6\r\n", "comma, "),
            ("t; left; right\n0,1;1,5;2,5\n0,2;1,6;2,6\n", "semicolon, decimal comma, "),
            ("\"t\",\"left\",\"right\"\n\"0.1\",\"1.5\",\"2.5\"\n\"0.2\",\"1.6\",\"2.6\"\n", "comma, "),
            ("0.1,1.5 A,2.5A\n0.2,1.6 A,2.6 Amps\n", "comma, "),
        ] {
            let mut rows = live(&["left", "right"]);
            let (samples, drops) = decode(&mut rows, text, 4);
            assert_eq!(samples, [(0.1, vec![1.5, 2.5]), (0.2, vec![1.6, 2.6])], "{text}");
            assert_eq!(drops.total(), 0, "{text}: {:?}", drops.first());
            let conclusion = rows.take_conclusion().unwrap();
            assert!(conclusion.starts_with(said), "{conclusion}");
        }
    }

    #[test]
    fn a_configured_delimiter_and_decimal_separator_are_the_only_ones() {
        let decode = |delimiter, decimal, text: &str| {
            let format = CsvFormat::new(delimiter, decimal).unwrap();
            let mut rows = CsvRows::live(columns(&["current"]), TimeInput::default(), format);
            let (samples, drops) = decode(&mut rows, text, 5);
            (firsts(&samples), drops.total())
        };
        let arrival = Time::ARRIVAL.seconds();
        assert_eq!(decode(None, Some(','), "1,21\n1,24\n"), (vec![(arrival, 1.21), (arrival, 1.24)], 0));
        assert_eq!(decode(Some(','), None, "1,21\n2,24\n"), (vec![(1.0, 21.0), (2.0, 24.0)], 0));
        assert_eq!(decode(Some('|'), None, "1|21\n2|24\n"), (vec![(1.0, 21.0), (2.0, 24.0)], 0));
        assert_eq!(decode(Some(';'), None, "1,5\n1,6\n"), (vec![(arrival, 1.5), (arrival, 1.6)], 0));
        assert_eq!(decode(Some(';'), Some('.'), "0;1,5\n1;1,6\n"), (vec![], 2));
    }

    #[test]
    fn numbers_with_a_decimal_comma_are_not_taken_for_a_time_and_a_number() {
        for text in ["1,21\n1,24\n", &"1,21\n1,24\n1,19\n2,05\n1,98\n2,11\n1,87\n".repeat(20)] {
            let mut rows = live(&["current"]);
            let (samples, drops) = decode(&mut rows, text, 7);
            assert_eq!((samples.len(), drops.total()), (0, text.lines().count() as u64));
            assert!(drops.first().unwrap().1.contains("set decimal = \",\""), "{:?}", drops.first());
            assert!(rows.take_conclusion().unwrap().contains("set decimal = \",\""));
        }
        let counted: String =
            (0..50).map(|row| format!("{},{}\n", 12340 + 10 * row, 500 + row % 7)).collect();
        let (samples, drops) = decode(&mut live(&["current"]), &counted, 7);
        assert_eq!((samples.len(), drops.total(), samples[0].0), (50, 0, 12340.0));
    }

    #[test]
    fn noise_before_the_header_does_not_spoil_the_rows() {
        let rows: String = (0..50).map(|row| format!("0.{:02},1.5\n", row)).collect();
        for noise in
            [&b"!,\xff\xffbf4HXa>@%%\xff"[..], b"!\xff\xffbf4HXa>@%%\xff", b"\0\x01,\x02", b"\xfe,,\xff,"]
        {
            let bytes = [noise, b"t,current\n", rows.as_bytes()].concat();
            let mut decoder = live(&["current"]);
            let (mut samples, mut drops) = (decoder.fields.columns.samples(), Drops::default());
            decoder.feed(&bytes, &mut samples, &mut drops);
            assert_eq!((samples.len(), drops.total()), (50, 0), "{noise:?}");
            assert_eq!(samples.times()[7].seconds(), 0.07);
        }
        // Noise that is text makes another header. It is given up when rows do not have its form.
        let (samples, drops) = decode(&mut live(&["current"]), &format!("x,y4t,current\n{rows}"), 9);
        assert_eq!((samples.len(), drops.total(), samples[0].0), (46, 4, 0.04));
    }

    #[test]
    fn the_time_of_a_header_without_the_channels_is_not_taken_for_a_channel() {
        let rows: String = (0..20).map(|row| format!("{},1.5\n", 10_000 * row)).collect();
        // The header may also come after some rows, when the board starts again.
        for before in ["", &rows] {
            let text = format!("{before}t,current\n{rows}");
            let (samples, drops) = decode(&mut live(&["left", "right"]), &text, 9);
            assert_eq!((samples.len(), drops.total()), (before.lines().count(), 21), "{samples:?}");
        }
        let (_, drops) = decode(&mut live(&["left", "right"]), &format!("t,current\n\n{rows}"), 9);
        let first = &drops.first().unwrap().1;
        assert!(
            first.starts_with("the line \"t,current\" is neither a row of numbers nor a header"),
            "{first}"
        );
        let last = decode(&mut live(&["left"]), "t,current\n0.0,1.5\n0.1,1.5\n0.2,1.5\n", 9).0;
        assert_eq!(last.len(), 3, "a header with as many columns and other names leaves the order");
    }

    #[test]
    fn a_row_of_another_length_than_the_header_is_malformed() {
        let header: Vec<_> = (0..16).map(|column| format!("ch{column}_ma")).collect();
        let row =
            |fields: usize| (0..fields).map(|field| format!("{}", field + 10)).collect::<Vec<_>>().join(",");
        let text = format!("ms,{}\n{}\n{}\n{}\n{}\n", header.join(","), row(17), row(12), row(18), row(17));
        let (samples, drops) = decode(&mut live(&["ch0_ma"]), &text, 9);
        assert_eq!(firsts(&samples), [(0.01, 11.0), (0.01, 11.0)]);
        assert_eq!(drops.to_string(), "2 malformed");
        assert!(drops.first().unwrap().1.starts_with("line 3: the row has 12 fields, but the header has 17"));
    }

    #[test]
    fn no_cut_of_a_row_that_lacks_a_field_becomes_a_sample() {
        let rows: String = (100..120).map(|row| format!("{row}.5,3.000\n")).collect();
        for header in ["", "t,current\n"] {
            for cut in 1.."110.5,3.000".len() {
                for is_front in [true, false] {
                    let (front, back) = "110.5,3.000".split_at(cut);
                    let part = if is_front { front } else { back };
                    let text = format!("{header}{}", rows.replace("110.5,3.000", part));
                    let (samples, drops) = decode(&mut live(&["current"]), &text, 11);
                    let known = samples.iter().filter(|(_, values)| values[0] == 3.0).count();
                    if part.contains(',') {
                        assert!(samples.iter().all(|(time, _)| *time != Time::ARRIVAL.seconds()), "{part}");
                    } else {
                        assert_eq!((samples.len(), known, drops.total()), (19, 19, 1), "{part}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_lost_comma_does_not_make_a_sample() {
        let rows: String = (0..20).map(|row| format!("{},2.0,3.0\n", 100_001_900 + row)).collect();
        let text = rows.replace("100001919,2.0,3.0", "100001919,2226");
        let (samples, drops) = decode(&mut live(&["left", "right"]), &text, 11);
        assert_eq!((samples.len(), drops.to_string().as_str()), (19, "1 malformed"));
        assert!(samples.iter().all(|(_, values)| *values == [2.0, 3.0]));
    }

    #[test]
    fn another_form_is_believed_after_several_rows_of_it() {
        let timed: String = (0..10).map(|row| format!("{row}.5,7.0\n")).collect();
        let text = format!("{timed}{}", "8.0\n".repeat(10));
        let (samples, drops) = decode(&mut live(&["current"]), &text, 11);
        assert_eq!((samples.len(), drops.to_string().as_str()), (16, "4 malformed"));
        let alternating = "1.5,7.0\n8.0\n".repeat(20);
        let (samples, drops) = decode(&mut live(&["current"]), &alternating, 11);
        assert!(samples.len() <= 20 && samples.len() as u64 + drops.total() == 40);
        let values: std::collections::BTreeSet<_> = samples.iter().map(|(_, v)| v[0].to_bits()).collect();
        assert_eq!(values.len(), 1, "only one of the two forms is believed");
    }

    #[test]
    fn lines_for_serial_plotters_are_samples() {
        let expected = [(12.34, vec![1.5, 2.5]), (12.35, vec![1.6, 2.6])];
        for text in [
            "ms:12340,left:1.5,right:2.5\nms:12350,left:1.6,right:2.6\n",
            "ms:12340\tRight:2.5\tpwm:80\tLeft:1.5\nms:12350\tRight:2.6\tpwm:80\tLeft:1.6\n",
            "left: 1.5 right: 2.5 ms: 12340\nleft: 1.6 right: 2.6 ms: 12350\n",
            "left:1.5A,right:2.5 A,t:12.34\nleft:1.6A,right:2.6 A,t:12.35\n",
            ">left:12340:1.5|g\n>right:12340:2.5|g\n>pwm:12340:80|g\n>left:12350:1.6§A|g\n>right:12350:2.6|g\n",
            ">left:12340:1.5;12350:1.6\n>right:12340:2.5;12350:2.6\n>left:12340:1.5\n>right:12340:2.5\n>right:12350:2.6\n>left:12350:1.6\n",
        ] {
            let mut rows = live(&["left", "right"]);
            let (samples, _) = decode(&mut rows, text, 6);
            assert_eq!(samples[samples.len().saturating_sub(2)..], expected, "{text}");
            assert!(rows.take_conclusion().unwrap().contains("lines: channels left, right"));
        }
        let (samples, drops) = decode(&mut live(&["current"]), ">current:1.21\n>current:1.24§A\n", 6);
        assert_eq!((samples.len(), drops.total(), samples[1].1[0]), (2, 0, 1.24));
    }

    #[test]
    fn a_line_for_a_plotter_without_a_channel_is_named() {
        let says = |text: &str| {
            let (samples, drops) = decode(&mut live(&["left", "right"]), text, 6);
            assert_eq!((samples.len(), drops.total()), (0, 1), "{text}");
            drops.first().unwrap().1.to_owned()
        };
        assert!(
            says("left:1.5,links:2\n")
                .contains("has values of left, links, but not of \"right\"; print 1.26,2.29")
        );
        assert!(says("left:1.5mA,right:2\n").contains("which is not in \"A\", the unit of the channel"));
        assert!(says(">speed:5\n").contains("\"speed\" is none of the channels left, right"));
        assert!(says(">left:5:1.5\n").contains("a sample has left but not right at the same time"));
    }

    #[test]
    fn a_unit_that_contradicts_the_channel_is_named() {
        let (samples, drops) = decode(&mut live(&["current"]), "0.1,12.5mA\n0.2,12.6 mA\n0.3,1.2e\n", 6);
        assert_eq!((samples.len(), drops.total()), (0, 3));
        assert!(
            drops.first().unwrap().1.contains("holds \"12.5mA\", which is not in \"A\""),
            "{:?}",
            drops.first()
        );
    }

    #[test]
    fn a_byte_order_mark_is_skipped_and_utf16_is_named() {
        for text in ["\u{feff}t,current\n0,1.5\n", "\u{feff}0.0,1.5\n"] {
            let (samples, drops) = decode(&mut live(&["current"]), text, 2);
            assert_eq!((firsts(&samples), drops.total()), (vec![(0.0, 1.5)], 0));
        }
        let mut rows = recorded(&["current"], TimeInput::default(), 1);
        assert_eq!(decode(&mut rows, "\u{feff}t,current\n0,1.5\n", 2).0.len(), 1);
        let utf16: Vec<u8> = "t,current\n0,1.5\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut decoder = live(&["current"]);
        let (mut samples, mut drops) = (decoder.fields.columns.samples(), Drops::default());
        decoder.feed(&utf16, &mut samples, &mut drops);
        assert!(
            drops.first().unwrap().1.contains("the text is UTF-16, send it as UTF-8"),
            "{:?}",
            drops.first()
        );
    }

    #[test]
    fn times_of_rfc_3339_are_recognised_with_any_offset() {
        for text in [
            "2023-11-14T22:13:20.5Z,1.5\n2023-11-14T22:13:20.6Z,1.6\n",
            "2023-11-15 00:13:20.5+02:00,1.5\n2023-11-15 00:13:20.6+02:00,1.6\n",
            "2023-11-14 16:43:20.500000 1.5\n2023-11-14 16:43:20.600000 1.6\n",
            "stamp,current\n2023-11-14T16:43:20.5-0530,1.5\n2023-11-14T16:43:20.6-0530,1.6\n",
        ] {
            let mut rows = live(&["current"]);
            let (samples, drops) = decode(&mut rows, text, 9);
            assert_eq!((samples.len(), drops.total()), (2, 0), "{text}: {:?}", drops.first());
            let conclusion = rows.take_conclusion().unwrap();
            assert!(rows.unit_is_known() && conclusion.contains(" as RFC 3339"), "{conclusion}");
            let is_utc = conclusion.contains("without an offset, taken as UTC");
            assert_eq!(is_utc, text.contains("500000 1.5"), "{conclusion}");
            let seconds = if is_utc { 1_700_000_000.5 - 5.5 * 3600.0 } else { 1_700_000_000.5 };
            assert_eq!(samples[0].0, seconds, "{text}");
        }
        let (_, drops) = decode(&mut live(&["current"]), "t,current\n26.11.2026 12:00,1.5\n", 9);
        assert!(drops.first().unwrap().1.contains("write dates as in RFC 3339"), "{:?}", drops.first());
    }

    #[test]
    fn a_time_may_be_the_sum_of_two_columns() {
        let time: TimeInput =
            toml::from_str("sum = [{column = 'secs', unit = 's'}, {column = 'nsecs', unit = 'ns'}]").unwrap();
        let text = "secs,nsecs,current\n1700000000,123456789,1.5\n1700000001,7,1.6\nx,7,1\n";
        for mut rows in [
            recorded(&["current"], time.clone(), 1),
            CsvRows::live(columns(&["current"]), time.clone(), CsvFormat::default()),
        ] {
            let (mut samples, mut drops) = (rows.fields.columns.samples(), Drops::default());
            rows.feed(text.as_bytes(), &mut samples, &mut drops);
            let nanos: Vec<_> = samples.times().iter().map(|time| time.nanos()).collect();
            assert_eq!(nanos, [1_700_000_000_123_456_789, 1_700_000_001_000_000_007]);
            assert_eq!(
                drops.first().unwrap().1,
                "line 4: columns \"secs\" + \"nsecs\" hold \"x\" and \"7\", which is not a time"
            );
            assert!(rows.unit_is_known());
        }
    }

    #[test]
    fn lines_of_a_recording_are_counted_as_an_editor_counts_them() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["", "title", "", "t,current", "0,1.5", "", "1,x"].join(end) + end;
            let mut rows = recorded(&["current"], TimeInput::default(), 4);
            let (samples, drops) = decode(&mut rows, &text, 3);
            assert_eq!(samples.len(), 1);
            assert_eq!(
                drops.first().unwrap().1,
                "line 7: column \"current\" holds \"x\", which is not a number"
            );
        }
    }

    #[test]
    fn a_last_row_of_a_recording_without_a_line_end_is_dropped_although_it_is_a_row() {
        let mut rows = recorded(&["current"], TimeInput::default(), 1);
        let (samples, drops) = decode(&mut rows, "t,current\n0,1.5\n1,1.6", 3);
        assert_eq!((firsts(&samples), drops.total()), (vec![(0.0, 1.5)], 1));
        assert!(drops.first().unwrap().1.starts_with("line 3 is the last one and has no line end"));
        let (samples, drops) = decode(&mut live(&["current"]), "t,current\n0,1.5\n1,1.6", 3);
        assert_eq!((samples.len(), drops.total()), (2, 0), "a live stream was closed by the other side");
    }

    #[test]
    fn a_recording_without_a_header_has_its_columns_by_number_or_in_order() {
        for (names, expected) in [(["2"], 1.5), (["3"], 9.0)] {
            let mut rows = CsvRows::recorded(
                columns(&names),
                TimeInput::default(),
                CsvFormat::default(),
                Header::Missing,
                vec![],
            );
            let (samples, drops) = decode(&mut rows, "0.5,1.5,9\n0.6,1.6,9\n", 3);
            assert_eq!((firsts(&samples)[0], drops.total()), ((0.5, expected), 0));
        }
        let mut rows = CsvRows::recorded(
            columns(&["left", "right"]),
            TimeInput::default(),
            CsvFormat::default(),
            Header::Missing,
            vec![],
        );
        let (samples, _) = decode(&mut rows, "0.5,1.5,9\n0.6,1.6,9\n", 3);
        assert_eq!(samples[1], (0.6, vec![1.6, 9.0]));
        let mut rows = CsvRows::recorded(
            columns(&["left"]),
            TimeInput::default(),
            CsvFormat::default(),
            Header::Missing,
            vec![],
        );
        decode(&mut rows, "0.5,1.5,9\n0.6,1.6,9\n", 3);
        assert!(rows.header_error().unwrap().starts_with("there is no header, and rows have 3 fields"));
    }
}
