//! Lines of numbers, with or without a header, from recordings, serial ports and messages.
//!
//! [`CsvRows`] is the decoder. It splits the bytes into lines and these into fields, finds the columns in each
//! row by the header or by position, and converts their fields to numbers. What is not configured in a
//! [`CsvFormat`] is worked out:
//!
//! - Fields are separated by commas, semicolons, tabs or blanks, and may be in double quotes. Where a comma
//!   does not separate fields, it may be the decimal separator.
//! - An empty field, `null`, `NA` and the like are missing values, which become NaN. A number may have its
//!   unit behind it, which must be that of the channel.
//! - The time is in the column that is configured, or else in `t` or one [whose name is that of a
//!   time](crate::signal::TimeInput::column), which may say the unit.
//! - Live rows may have no header: the columns are then in order, after the time if there is one number more.
//!   They may also be lines for a serial plotter, in which each value has a label.
//!
//! A [`Preview`] of the first lines of a recording says which columns it has, and a [`TextColumn`] collects a
//! column that is not a number, such as a label.

mod advice;
mod fields;
mod form;
mod format;
mod header;
mod labelled;
mod line;
mod live;
mod number;
mod preview;
mod reader;
mod row;
mod text_column;

pub use format::{CsvFormat, CsvFormatError, Decimal, Delimiter};
pub(crate) use preview::read_table;
pub use preview::{ColumnKind, Preview, PreviewError};
pub use reader::{CsvRows, Header};
pub use text_column::TextColumn;
