//! Decodes the fields of one row: finds the columns and the time, and converts them to numbers.

use super::record::CsvRecord;
use super::text_column::TextColumn;
use crate::decode::bytes::quote;
use crate::signal::{Columns, DropReason, Drops, Samples, Time, TimeInput, TimeUnit};

/// Which row is the header, which names the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// The row with this number, counted from 1 without empty rows. The rows above it are skipped.
    Row(usize),
    /// Any row without a number, if it names all the columns; a board may print one when it starts. Rows
    /// before a header are decoded by position: a row with one field more than there are columns has the time
    /// first.
    Anywhere,
}

/// Which fields of a row hold the time and the columns.
#[derive(Debug)]
enum Mapping {
    /// Not known, because the header has not been read yet.
    Unknown,
    /// By position: the columns in order, after the time if a row has one field more than there are columns.
    Position {
        /// Whether the rows so far had a time. If so, an empty last field is a missing value. Otherwise it
        /// only comes from a comma at the end of each line.
        timed: bool,
    },
    /// By the names in the header: the indices of the fields with the time, if there is one, and with each
    /// column.
    Names { time: Option<usize>, columns: Vec<usize> },
}

/// Decodes rows, one sample from each.
#[derive(Debug)]
pub(super) struct RowDecoder {
    pub(super) columns: Columns,
    time: TimeInput,
    header: Header,
    mapping: Mapping,
    /// The number of rows so far, without empty ones.
    row: usize,
    /// The raw values of the current row, in the order of the columns.
    raw: Vec<f64>,
    texts: Vec<TextColumn>,
}

impl RowDecoder {
    pub(super) fn new(columns: Columns, time: TimeInput, header: Header, texts: Vec<TextColumn>) -> Self {
        let mapping = match header {
            Header::Anywhere => Mapping::Position { timed: false },
            Header::Row(_) => Mapping::Unknown,
        };
        let raw = vec![0.0; columns.names().len()];
        Self { columns, time, header, mapping, row: 0, raw, texts }
    }

    /// The text columns, with what they have read so far.
    pub(super) fn texts(&self) -> &[TextColumn] {
        &self.texts
    }

    /// Decodes the next row, which may be a header.
    pub(super) fn decode(&mut self, row: &CsvRecord<'_>, samples: &mut Samples, drops: &mut Drops) {
        self.row += 1;
        match self.header {
            Header::Row(header) if self.row < header => return,
            Header::Row(header) if self.row == header => {
                match self.map_header(row) {
                    Ok(mapping) => self.mapping = mapping,
                    Err(missing) => drops.add(DropReason::Malformed, || {
                        format!("column {missing:?} is not in the header, which has {row}")
                    }),
                }
                for column in &mut self.texts {
                    column.locate(row);
                }
                return;
            }
            Header::Anywhere if row.trimmed().all(|field| !is_number(field)) => {
                match self.map_header(row) {
                    Ok(mapping) => self.mapping = mapping,
                    Err(missing) => drops.add(DropReason::Malformed, || {
                        let (text, names) = (row.to_string(), self.columns.names().join(", "));
                        format!(
                            "the line {text:?} is neither a row of numbers nor a header with column \
                             {missing:?}; send the values of {names}, separated by commas"
                        )
                    }),
                }
                return;
            }
            _ => {}
        }
        match self.read_values(row) {
            Ok(time) => {
                self.columns.push(time, &self.raw, samples);
                for column in &mut self.texts {
                    column.read(time, row);
                }
            }
            Err((reason, problem)) => drops.add(reason, || format!("line {}: {problem}", row.line)),
        }
    }

    /// The mapping by the names in a header, or the name of a column that the header lacks.
    fn map_header(&self, header: &CsvRecord<'_>) -> Result<Mapping, String> {
        let columns =
            self.columns.names().iter().map(|name| header.position(name).ok_or_else(|| name.clone()));
        let columns = columns.collect::<Result<_, _>>()?;
        let time = header.position(self.time.column()).filter(|_| self.time.unit() != TimeUnit::None);
        if time.is_none() && self.time.column.is_some() {
            return Err(self.time.column().into());
        }
        for column in &self.texts {
            header.position(column.name()).ok_or_else(|| column.name().to_owned())?;
        }
        Ok(Mapping::Names { time, columns })
    }

    /// Reads the row's values into `raw`, and returns its time.
    fn read_values(&mut self, row: &CsvRecord<'_>) -> Result<Time, (DropReason, String)> {
        let wanted = self.raw.len();
        let number = |index: usize, name: &str| {
            let field = row.get(index).ok_or_else(|| {
                (
                    DropReason::Malformed,
                    format!("the row has {} fields, but column {name:?} is field {}", row.len(), index + 1),
                )
            })?;
            parse_number(field).ok_or_else(|| {
                (
                    DropReason::Malformed,
                    format!("column {name:?} holds {}, which is not a number", quote(field)),
                )
            })
        };
        let time = match &mut self.mapping {
            Mapping::Unknown => {
                return Err((DropReason::Malformed, "there is no header that names the columns".into()));
            }
            Mapping::Position { timed } => {
                let last_is_missing = *timed && row.len() == wanted + 1;
                let has_trailing_comma = row.last().is_some_and(<[u8]>::is_empty) && !last_is_missing;
                let given = row.len() - usize::from(has_trailing_comma);
                if given != wanted && given != wanted + 1 {
                    let names = self.columns.names().join(", ");
                    let problem = format!(
                        "the row has {given} fields instead of {wanted} ({names}), or {} with the time first",
                        wanted + 1
                    );
                    return Err((DropReason::Malformed, problem));
                }
                let first = given - wanted;
                for (index, name) in self.columns.names().iter().enumerate() {
                    self.raw[index] = number(first + index, name)?;
                }
                // A row without a time shows that the board sends none. An earlier row with one number more
                // was damaged.
                *timed &= first == 1 || has_trailing_comma;
                (first == 1).then_some(0)
            }
            Mapping::Names { time, columns } => {
                for ((value, &field), name) in
                    self.raw.iter_mut().zip(columns.iter()).zip(self.columns.names())
                {
                    *value = number(field, name)?;
                }
                *time
            }
        };
        let Some(field) = time else { return Ok(Time::ARRIVAL) };
        let text = row.get(field).unwrap_or_default();
        let parsed = self.time.unit().parse(text.trim_ascii()).ok_or_else(|| {
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

/// The number in a field: NaN if the field holds a missing value, `None` if it holds something else.
fn parse_number(field: &[u8]) -> Option<f64> {
    match fast_float2::parse(field) {
        Ok(value) => Some(value),
        Err(_) => match field.trim_ascii() {
            b"" | b"null" | b"NA" => Some(f64::NAN),
            trimmed => fast_float2::parse(trimmed).ok(),
        },
    }
}

fn is_number(field: &[u8]) -> bool {
    fast_float2::parse::<f64, _>(field).is_ok()
}
