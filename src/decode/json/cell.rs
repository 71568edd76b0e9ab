//! Single values: a number, text, or nothing, and what they mean as a value of a column or as a time.

use serde::Deserialize;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::decode::bytes::quote;
use crate::signal::{Time, TimeUnit};

/// A value where a number, a time or text is expected.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Number(f64),
    Text(String),
    /// `null`.
    Null,
    /// An object with seconds and nanoseconds, in nanoseconds.
    Stamp(i64),
    /// Anything else, in words.
    Wrong(String),
}

impl Cell {
    /// The value as a value of a column: NaN if it is missing.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence that begins with its name.
    pub(super) fn number(&self) -> Result<f64, String> {
        match self {
            Cell::Number(value) => Ok(*value),
            Cell::Null => Ok(f64::NAN),
            Cell::Text(text) => match text.trim() {
                "" | "null" | "NA" => Ok(f64::NAN),
                trimmed => fast_float2::parse(trimmed).map_err(|_| {
                    format!("holds {}, which is not a number; send the number alone", quote(text.as_bytes()))
                }),
            },
            Cell::Stamp(_) => Err("holds an object, which is not a number".into()),
            Cell::Wrong(what) => Err(format!("holds {what}, which is not a number")),
        }
    }

    /// The value as a time.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence that begins with its name.
    pub(super) fn time(&self, unit: TimeUnit) -> Result<Time, String> {
        match self {
            Cell::Number(value) => unit.time(*value).ok_or_else(|| {
                let why = if unit == TimeUnit::Rfc3339 { "no text" } else { "out of range" };
                format!("holds {value:e}, which is {why}; check source.time.unit")
            }),
            Cell::Text(text) => {
                let text = text.trim().as_bytes();
                // Text of RFC 3339 cannot be mistaken for a number.
                let time = unit.parse(text).or_else(|| TimeUnit::Rfc3339.parse(text));
                time.ok_or_else(|| format!("holds {}, which is not a time", quote(text)))
            }
            Cell::Stamp(nanos) => {
                Time::from_nanos(*nanos).ok_or_else(|| format!("holds {nanos} ns, which is out of range"))
            }
            Cell::Null => Err("holds null, which is not a time".into()),
            Cell::Wrong(what) => Err(format!("holds {what}, which is not a time")),
        }
    }
}

/// Reads a value that stands alone.
pub(super) fn single(bytes: &[u8]) -> Cell {
    match serde_json::from_slice::<Cell>(bytes) {
        Ok(cell) => cell,
        // No JSON, but what Python writes for a missing value.
        Err(_) if matches!(bytes, b"NaN" | b"nan" | b"-NaN" | b"Infinity" | b"-Infinity") => Cell::Null,
        Err(_) => Cell::Wrong(quote(bytes)),
    }
}

/// Reads a row of values. Only the first `columns + 2` are kept: one more than the longest valid row, so that a
/// row that is too long is noticed.
///
/// # Errors
/// The row is not valid JSON.
pub(super) fn row(bytes: &[u8], columns: usize) -> Result<Vec<Cell>, serde_json::Error> {
    let mut row = Vec::with_capacity(columns + 2);
    let mut json = serde_json::Deserializer::from_slice(bytes);
    RowCells { row: &mut row, limit: columns + 2 }.deserialize(&mut json)?;
    json.end()?;
    Ok(row)
}

/// Deserialises a list into cells, of which only the first `limit` are kept. A single value is a row of one.
pub(super) struct RowCells<'a> {
    pub(super) row: &'a mut Vec<Cell>,
    pub(super) limit: usize,
}

impl<'de> DeserializeSeed<'de> for RowCells<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowCells<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a row of numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        self.row.clear();
        while self.row.len() < self.limit {
            match values.next_element::<Cell>()? {
                Some(cell) => self.row.push(cell),
                None => return Ok(()),
            }
        }
        while values.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CellVisitor)
    }
}

/// Deserialises any value. It never refuses one, so that a bad value costs only itself.
pub(super) struct CellVisitor;

impl<'de> Visitor<'de> for CellVisitor {
    type Value = Cell;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Cell, E> {
        Ok(Cell::Number(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Cell, E> {
        Ok(Cell::Number(value as f64))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Cell, E> {
        Ok(Cell::Number(value as f64))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cell, E> {
        Ok(Cell::Text(text.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Cell, E> {
        Ok(Cell::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Cell, E> {
        Ok(Cell::Wrong(value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Cell, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Cell::Wrong("a list".into()))
    }

    /// Reads an object, which is a stamp if it has seconds and nanoseconds under one of their usual names.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cell, A::Error> {
        let (mut seconds, mut nanos) = (None, None);
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            match key.as_ref() {
                "sec" | "secs" | "seconds" => seconds = Some(map.next_value::<Cell>()?),
                "nsec" | "nsecs" | "nanosec" | "nanosecs" | "nanoseconds" => {
                    nanos = Some(map.next_value::<Cell>()?);
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        match (seconds, nanos) {
            (Some(Cell::Number(seconds)), Some(Cell::Number(nanos))) => {
                // Both are whole numbers far below 2^53. Anything larger is out of range either way.
                let total = (seconds as i64).checked_mul(1_000_000_000);
                Ok(Cell::Stamp(total.and_then(|total| total.checked_add(nanos as i64)).unwrap_or(i64::MIN)))
            }
            _ => Ok(Cell::Wrong("an object".into())),
        }
    }
}
