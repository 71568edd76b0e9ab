//! Lines of numbers between delimiters, with or without a header, from recordings, serial ports and messages.
//!
//! [`CsvRows`] is the decoder. It splits the bytes into records, finds the columns in each record by the
//! header or by position, and converts their fields to numbers. An empty field, `null` and `NA` are missing
//! values, which become NaN. A [`TextColumn`] collects a column that is not a number, such as a label.

mod reader;
mod record;
mod row;
mod text_column;

pub use reader::CsvRows;
pub use row::Header;
pub use text_column::TextColumn;
