//! The decoder of a CSV byte stream.

use csv_core::{Reader, ReaderBuilder};

use super::record::{MAX_FIELDS, ReadResult, RecordSplitter};
use super::row::{Header, RowDecoder};
use super::text_column::TextColumn;
use crate::decode::bytes::MAX_LINE;
use crate::signal::{Columns, DropReason, Drops, Samples, TimeInput};

/// Decodes a byte stream of CSV rows, one sample from each row.
#[derive(Debug)]
pub struct CsvRows {
    splitter: RecordSplitter,
    decoder: RowDecoder,
}

impl CsvRows {
    /// Creates a decoder for a recording: fields may be quoted, and `header` says which row is the header.
    pub fn recorded(
        columns: Columns,
        time: TimeInput,
        delimiter: u8,
        header: Header,
        texts: Vec<TextColumn>,
    ) -> Self {
        let reader = ReaderBuilder::new().delimiter(delimiter).build();
        Self::new(reader, RowDecoder::new(columns, time, header, texts))
    }

    /// Creates a decoder for live rows, which are separated by commas and may start with a header at any
    /// time.
    ///
    /// Quotes have no meaning in live rows: a damaged row with a single quote must not swallow the rows after
    /// it.
    pub fn live(columns: Columns, time: TimeInput) -> Self {
        let reader = ReaderBuilder::new().quoting(false).build();
        Self::new(reader, RowDecoder::new(columns, time, Header::Anywhere, Vec::new()))
    }

    fn new(reader: Reader, decoder: RowDecoder) -> Self {
        Self { splitter: RecordSplitter::new(reader), decoder }
    }

    /// The text columns, with what they have read so far.
    pub fn texts(&self) -> &[TextColumn] {
        self.decoder.texts()
    }

    /// Decodes the next bytes. The start of an incomplete row is kept for the next call.
    pub fn feed(&mut self, mut bytes: &[u8], samples: &mut Samples, drops: &mut Drops) {
        while !bytes.is_empty() {
            bytes = self.step(bytes, samples, drops);
        }
    }

    /// Decodes the next bytes, but stops at the first row that is dropped.
    pub fn feed_until_fault(&mut self, mut bytes: &[u8], samples: &mut Samples, drops: &mut Drops) {
        while !bytes.is_empty() && drops.total() == 0 {
            bytes = self.step(bytes, samples, drops);
        }
    }

    /// Decodes a last row that has no line end, at the end of the stream.
    pub fn finish(&mut self, samples: &mut Samples, drops: &mut Drops) {
        self.step(&[], samples, drops);
    }

    /// Decodes at most one row, and returns the bytes that follow.
    fn step<'a>(&mut self, bytes: &'a [u8], samples: &mut Samples, drops: &mut Drops) -> &'a [u8] {
        let (result, rest) = self.splitter.read(bytes);
        match result {
            ReadResult::Incomplete => {}
            ReadResult::Record(row) => self.decoder.decode(&row, samples, drops),
            ReadResult::TooLong { next_line } => drops.add(DropReason::TooLarge, || {
                format!(
                    "the row before line {next_line} is longer than {MAX_LINE} bytes or {MAX_FIELDS} fields"
                )
            }),
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{Channel, DropReason, Time, TimeUnit};

    fn columns(names: &[&str]) -> Columns {
        Columns::of(&names.iter().map(|name| Channel::in_ampere(name)).collect::<Vec<_>>()).unwrap()
    }

    fn decode(rows: &mut CsvRows, text: &str, chunk: usize) -> (Vec<(f64, Vec<f32>)>, Drops) {
        let (mut samples, mut drops) = (rows.decoder.columns.samples(), Drops::default());
        for part in text.as_bytes().chunks(chunk) {
            rows.feed(part, &mut samples, &mut drops);
        }
        rows.finish(&mut samples, &mut drops);
        (samples.iter().map(|(t, row)| (t.seconds(), row.to_vec())).collect(), drops)
    }

    #[test]
    fn a_recording_with_title_rows_and_a_different_delimiter_is_decoded_by_name() {
        let text = "Time;Current;\nms;A;\nt;x;m1;\n0;9;1.5;\n31.25;9;2.5;\n";
        let time = TimeInput { unit: Some(TimeUnit::Ms), ..TimeInput::default() };
        for chunk in [1, 7, 1000] {
            let mut rows = CsvRows::recorded(columns(&["m1"]), time.clone(), b';', Header::Row(3), vec![]);
            let (samples, drops) = decode(&mut rows, text, chunk);
            assert_eq!(samples, [(0.0, vec![1.5]), (0.03125, vec![2.5])]);
            assert_eq!(drops.total(), 0, "{drops}");
        }
    }

    #[test]
    fn live_rows_are_decoded_by_position_with_or_without_a_time() {
        let mut rows = CsvRows::live(columns(&["m1", "m2"]), TimeInput::default());
        let (samples, drops) = decode(&mut rows, "0.5,1,2\r\n3,4\n", 3);
        assert_eq!(samples[0], (0.5, vec![1.0, 2.0]));
        assert_eq!((samples[1].0, &samples[1].1), (Time::ARRIVAL.seconds(), &vec![3.0, 4.0]));
        assert_eq!(drops.total(), 0);
    }

    #[test]
    fn a_missing_last_value_and_a_trailing_comma_are_distinguished() {
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
    fn a_board_that_prints_a_header_may_order_its_columns_freely() {
        let mut rows = CsvRows::live(columns(&["m1", "m2"]), TimeInput::default());
        let (samples, drops) = decode(&mut rows, "boot v1\nm2,volts,t,m1\n20,12,1,10\n", 100);
        assert_eq!(samples, [(1.0, vec![10.0, 20.0])]);
        assert_eq!(
            drops.first().unwrap(),
            (
                DropReason::Malformed,
                "the line \"boot v1\" is neither a row of numbers nor a header with column \"m1\"; send the \
                 values of m1, m2, separated by commas"
            )
        );
        assert_eq!(drops.total(), 1);
    }

    #[test]
    fn a_damaged_line_is_counted_and_the_next_is_decoded() {
        let mut rows = CsvRows::live(columns(&["current"]), TimeInput::default());
        let (samples, drops) = decode(&mut rows, "0,1\n\"0.1,2\n0.2,x3\n0.3,4,5,6\nsoon,1\n0.4,5\n", 4);
        assert_eq!(samples, [(0.0, vec![1.0]), (0.4, vec![5.0])]);
        assert_eq!(drops.to_string(), "2 malformed, 2 bad_time");
    }

    #[test]
    fn an_endless_line_is_dropped_and_counted() {
        let mut rows = CsvRows::live(columns(&["current"]), TimeInput::default());
        let text = format!("{}\n0,1\n", "9".repeat(10_000_000));
        let (samples, drops) = decode(&mut rows, &text, 65536);
        assert_eq!(samples, [(0.0, vec![1.0])]);
        assert_eq!(drops.to_string(), "1 too_large");
    }

    #[test]
    fn a_missing_value_is_nan_and_the_error_for_a_missing_column_names_it() {
        let mut rows =
            CsvRows::recorded(columns(&["m1"]), TimeInput::default(), b',', Header::Row(1), vec![]);
        let (samples, _) = decode(&mut rows, "t,m1\n0,\n", 100);
        assert!(samples[0].1[0].is_nan());
        let mut rows =
            CsvRows::recorded(columns(&["m2"]), TimeInput::default(), b',', Header::Row(1), vec![]);
        let (_, drops) = decode(&mut rows, "t,m1,m3\n0,1,2\n", 100);
        assert_eq!(drops.first().unwrap().1, "column \"m2\" is not in the header, which has t, m1, m3");
    }

    #[test]
    fn the_error_for_text_instead_of_a_number_names_the_line() {
        let mut rows =
            CsvRows::recorded(columns(&["m1"]), TimeInput::default(), b',', Header::Row(1), vec![]);
        let (_, drops) = decode(&mut rows, "t,m1\n0,1\n1,abc\n", 100);
        assert_eq!(drops.first().unwrap().1, "line 3: column \"m1\" holds \"abc\", which is not a number");
    }

    #[test]
    fn a_text_column_stores_its_changes() {
        let text = "t,m1,floor\n0,1,wood\n1,1,wood\n2,1,\"tile, wet\"\n";
        let label = vec![TextColumn::new("floor")];
        let mut rows = CsvRows::recorded(columns(&["m1"]), TimeInput::default(), b',', Header::Row(1), label);
        decode(&mut rows, text, 5);
        let changes: Vec<_> =
            rows.texts()[0].changes().iter().map(|(t, text)| (t.seconds(), text.as_str())).collect();
        assert_eq!(changes, [(0.0, "wood"), (2.0, "tile, wet")]);
    }
}
