//! Writing CSV: a comma between fields, a line feed after each row, and quotes where a field needs them.
//!
//! The recorder, the text sink and the training history use it. [`decode::csv`](crate::decode::csv) reads
//! CSV.

use std::fmt::{Display, Write as _};

use csv_core::Writer;

/// Builds one row at a time, in memory that it reuses.
#[derive(Debug, Default)]
pub(crate) struct RowWriter {
    writer: Writer,
    /// The bytes of the current row. A finished row stays here until the next one begins.
    row: Vec<u8>,
    /// Whether the current row has a field already.
    begun: bool,
    /// The text of the field that is being added, before it is quoted.
    field: String,
}

impl RowWriter {
    /// Adds a field to the row. The first field after [`RowWriter::end`] begins a new row.
    pub(crate) fn field(&mut self, value: impl Display) -> &mut Self {
        let Self { writer, row, begun, field } = self;
        if std::mem::replace(begun, true) {
            append(row, 2, |free| writer.delimiter(free).1);
        } else {
            row.clear();
        }
        field.clear();
        // Writing into a string cannot fail.
        let _ = write!(field, "{value}");
        append(row, 2 + 2 * field.len(), |free| writer.field(field.as_bytes(), free).2);
        self
    }

    /// Ends the row and returns its bytes, with the line feed.
    pub(crate) fn end(&mut self) -> &[u8] {
        self.begun = false;
        append(&mut self.row, 4, |free| self.writer.terminator(free).1);
        &self.row
    }
}

/// Appends up to `max` bytes. `write` gets a buffer of `max` bytes, fills the start of it, and returns the
/// number of bytes that it wrote.
fn append(row: &mut Vec<u8>, max: usize, write: impl FnOnce(&mut [u8]) -> usize) {
    let begin = row.len();
    row.resize(begin + max, 0);
    let written = write(row.get_mut(begin..).unwrap_or_default());
    row.truncate(begin + written);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_needed_and_each_row_is_returned_alone() {
        let mut rows = RowWriter::default();
        let names = ["plain", "a,b", "\"", "\"\"\"\"", "two\nlines", "\r", " å ", ""];
        for name in names {
            rows.field(name);
        }
        let row = "plain,\"a,b\",\"\"\"\",\"\"\"\"\"\"\"\"\"\",\"two\nlines\",\"\r\", å ,\n";
        assert_eq!(str::from_utf8(rows.end()), Ok(row));
        assert_eq!(rows.field(0.1f32).field(format_args!("{:.2}", 2.0)).field("").end(), b"0.1,2.00,\n");
        assert_eq!(rows.field("").field(",").end(), b",\",\"\n");
    }
}
