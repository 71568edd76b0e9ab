//! Splits bytes into CSV records and their fields, in bounded memory.

use csv_core::{ReadRecordResult, Reader};

use crate::decode::bytes::MAX_LINE;

/// The maximum number of fields in a record; a longer record is dropped.
pub(super) const MAX_FIELDS: usize = 1024;

/// Splits bytes into records, which may be spread over several calls.
#[derive(Debug)]
pub(super) struct RecordSplitter {
    reader: Reader,
    /// The text of the current record's fields, without delimiters and quotes; the first `text_len` bytes are
    /// valid.
    text: Vec<u8>,
    text_len: usize,
    /// Where each field ends in `text`; the first `ends_len` are valid.
    ends: Vec<usize>,
    ends_len: usize,
    /// Whether the current record is already over a limit, so that the rest of it is ignored.
    skipping: bool,
    /// Whether the current record was returned, so that the next call starts a new one.
    complete: bool,
}

/// What [`RecordSplitter::read`] found.
pub(super) enum ReadResult<'a> {
    /// The record does not end in these bytes, or does not fit in the memory yet.
    Incomplete,
    /// A complete record.
    Record(CsvRecord<'a>),
    /// The end of a record that is longer than the limits.
    TooLong {
        /// The number of the line after the record, counted from 1.
        next_line: u64,
    },
}

/// One record, split into fields.
pub(super) struct CsvRecord<'a> {
    text: &'a [u8],
    ends: &'a [usize],
    /// The number of the record's line, counted from 1.
    pub(super) line: u64,
}

impl RecordSplitter {
    pub(super) fn new(reader: Reader) -> Self {
        Self {
            reader,
            text: vec![0; 1024],
            text_len: 0,
            ends: vec![0; 64],
            ends_len: 0,
            skipping: false,
            complete: false,
        }
    }

    /// Reads bytes up to the end of the current record; also returns the bytes that were not read.
    ///
    /// Empty `bytes` mean the end of the input, which ends a last record that has no line end.
    pub(super) fn read<'a>(&mut self, bytes: &'a [u8]) -> (ReadResult<'_>, &'a [u8]) {
        if std::mem::take(&mut self.complete) {
            self.text_len = 0;
            self.ends_len = 0;
        }
        let (result, read, text_added, ends_added) =
            self.reader.read_record(bytes, &mut self.text[self.text_len..], &mut self.ends[self.ends_len..]);
        self.text_len += text_added;
        self.ends_len += ends_added;
        let rest = bytes.get(read..).unwrap_or_default();
        match result {
            ReadRecordResult::OutputFull if self.text.len() < MAX_LINE => self.text.resize(MAX_LINE, 0),
            ReadRecordResult::OutputEndsFull if self.ends.len() < MAX_FIELDS => {
                self.ends.resize(MAX_FIELDS, 0)
            }
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                self.skipping = true;
                self.text_len = 0;
                self.ends_len = 0;
            }
            ReadRecordResult::Record => {
                self.complete = true;
                let next_line = self.reader.line();
                if std::mem::take(&mut self.skipping) {
                    return (ReadResult::TooLong { next_line }, rest);
                }
                // The reader has already passed the line end of the record.
                let line = next_line.saturating_sub(1).max(1);
                let record = CsvRecord { text: &self.text, ends: &self.ends[..self.ends_len], line };
                return (ReadResult::Record(record), rest);
            }
            ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
        }
        (ReadResult::Incomplete, rest)
    }
}

impl<'a> CsvRecord<'a> {
    /// The number of fields.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The field at an index, with the spaces around it.
    pub(super) fn get(&self, index: usize) -> Option<&'a [u8]> {
        let start = if index == 0 { 0 } else { *self.ends.get(index - 1)? };
        self.text.get(start..*self.ends.get(index)?)
    }

    /// The last field, with the spaces around it.
    pub(super) fn last(&self) -> Option<&'a [u8]> {
        self.get(self.len().checked_sub(1)?)
    }

    /// The fields without the spaces around them.
    pub(super) fn trimmed(&self) -> impl Iterator<Item = &'a [u8]> {
        (0..self.len()).map(|index| self.get(index).unwrap_or_default().trim_ascii())
    }

    /// The index of the field that holds exactly this text, apart from spaces around it.
    pub(super) fn position(&self, text: &str) -> Option<usize> {
        self.trimmed().position(|field| field == text.as_bytes())
    }
}

impl std::fmt::Display for CsvRecord<'_> {
    /// Writes the fields separated by commas, at most 400 characters.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fields: Vec<_> = self.trimmed().map(String::from_utf8_lossy).collect();
        let text: String = fields.join(", ").chars().take(400).collect();
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use csv_core::ReaderBuilder;

    use super::*;

    #[test]
    fn an_endless_record_is_skipped_within_bounded_memory() {
        let mut splitter = RecordSplitter::new(ReaderBuilder::new().quoting(false).build());
        let text = format!("{}\n{}\n7\n", "9".repeat(1_000_000), ",".repeat(100_000));
        let (mut bytes, mut found) = (text.as_bytes(), Vec::new());
        while !bytes.is_empty() {
            let (result, rest) = splitter.read(bytes);
            match result {
                ReadResult::Incomplete => {}
                ReadResult::TooLong { next_line } => found.push(format!("too long before {next_line}")),
                ReadResult::Record(record) => found.push(record.to_string()),
            }
            bytes = rest;
        }
        assert_eq!(found, ["too long before 2", "too long before 3", "7"]);
        assert!(splitter.text.len() <= MAX_LINE && splitter.ends.len() <= MAX_FIELDS);
    }
}
