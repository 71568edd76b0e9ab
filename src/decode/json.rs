//! JSON objects, one on each line of a byte stream or one in each message.
//!
//! There are two forms. All objects may have other keys as well, which are ignored.
//!
//! - `{"t": 12.3, "current": 1.2}` is one sample: a key for each column, and optionally the time. `null` is a
//!   missing value.
//! - `{"samples": [[t, c1, c2, …], …]}` is several samples: a row for each, which has the values of the
//!   columns in order, optionally with the time first.
//!
//! The time is a number in the source's unit. In the first form it may also be a text, such as an RFC 3339
//! time if that is the unit.

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::bytes::{MAX_LINE, Splitter, quote};
use crate::signal::{Columns, DropReason, Drops, Samples, Time, TimeInput};

/// Decodes a byte stream with one JSON object on each line.
#[derive(Debug)]
pub struct JsonLines {
    splitter: Splitter,
    columns: Columns,
    time: TimeInput,
}

impl JsonLines {
    /// Creates a decoder at the start of a stream.
    pub fn new(columns: Columns, time: TimeInput) -> Self {
        Self { splitter: Splitter::new(b'\n', MAX_LINE), columns, time }
    }

    /// Decodes the next bytes. The start of an incomplete line is kept for the next call.
    pub fn feed(&mut self, bytes: &[u8], samples: &mut Samples, drops: &mut Drops) {
        let Self { splitter, columns, time } = self;
        splitter.feed(bytes, drops, |line, drops| {
            if !line.trim_ascii().is_empty() {
                decode_object(line, columns, time, samples, drops);
            }
        });
    }

    /// Decodes a last line that has no line end, at the end of the stream.
    pub fn finish(&mut self, samples: &mut Samples, drops: &mut Drops) {
        if let Some(line) = self.splitter.finish() {
            decode_object(&line, &self.columns, &self.time, samples, drops);
        }
    }
}

/// Decodes one object. If it has a fault, the samples in the rows before the fault are kept.
pub(super) fn decode_object(
    bytes: &[u8],
    columns: &Columns,
    time: &TimeInput,
    samples: &mut Samples,
    drops: &mut Drops,
) {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let seed = JsonObject { columns, time, samples };
    if let Err(error) = seed.deserialize(&mut json).and_then(|()| json.end()) {
        drops.add(DropReason::Malformed, || format!("{error} in {}", quote(bytes)));
    }
}

/// Deserialises one object in either form into `samples`.
struct JsonObject<'a> {
    columns: &'a Columns,
    time: &'a TimeInput,
    samples: &'a mut Samples,
}

impl<'de> DeserializeSeed<'de> for JsonObject<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for JsonObject<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object with the channels' names or \"samples\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let names = self.columns.names();
        let mut raw = vec![None; names.len()];
        let mut time = Time::ARRIVAL;
        let mut has_rows = false;
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            if let Some(index) = names.iter().position(|name| *name == key) {
                raw[index] = Some(map.next_value::<Option<f64>>()?.unwrap_or(f64::NAN));
            } else if key == self.time.column() {
                time = map.next_value_seed(JsonTime(self.time))?;
            } else if key == "samples" {
                has_rows = true;
                map.next_value_seed(JsonRows {
                    columns: self.columns,
                    time: self.time,
                    samples: &mut *self.samples,
                })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if has_rows {
            return Ok(());
        }
        let values: Option<Vec<f64>> = raw.iter().copied().collect();
        let Some(values) = values else {
            let missing = names.iter().zip(&raw).find(|(_, value)| value.is_none());
            let name = missing.map_or("", |(name, _)| name.as_str());
            return Err(A::Error::custom(format_args!("there is no key {name:?}")));
        };
        self.columns.push(time, &values, self.samples);
        Ok(())
    }
}

/// Deserialises a time: a number in the source's unit, or a text.
struct JsonTime<'a>(&'a TimeInput);

impl<'de> DeserializeSeed<'de> for JsonTime<'_> {
    type Value = Time;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Time, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for JsonTime<'_> {
    type Value = Time;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a time")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Time, E> {
        self.0.unit().time(value).ok_or_else(|| E::custom(format_args!("time {value:e} is out of range")))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Time, E> {
        self.visit_f64(value as f64)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Time, E> {
        self.visit_f64(value as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Time, E> {
        let time = self.0.unit().parse(text.as_bytes());
        time.ok_or_else(|| E::custom(format_args!("{} is not a time", quote(text.as_bytes()))))
    }
}

/// Deserialises the rows of `samples` into samples.
struct JsonRows<'a> {
    columns: &'a Columns,
    time: &'a TimeInput,
    samples: &'a mut Samples,
}

impl<'de> DeserializeSeed<'de> for JsonRows<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for JsonRows<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("rows of numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        let wanted = self.columns.names().len();
        // One more than the longest valid row, so that a row that is too long is noticed.
        let mut row = Vec::with_capacity(wanted + 2);
        while rows.next_element_seed(JsonRow { row: &mut row, limit: wanted + 2 })?.is_some() {
            let (time, values) = match row.split_first() {
                Some((&t, values)) if values.len() == wanted => {
                    let time = self.time.unit().time(t);
                    (
                        time.ok_or_else(|| A::Error::custom(format_args!("time {t:e} is out of range")))?,
                        values,
                    )
                }
                _ if row.len() == wanted => (Time::ARRIVAL, row.as_slice()),
                _ => {
                    let names = self.columns.names().join(", ");
                    return Err(A::Error::custom(format_args!(
                        "a row of samples has {} numbers instead of {wanted} ({names}), or {} with the time \
                         first",
                        row.len(),
                        wanted + 1
                    )));
                }
            };
            self.columns.push(time, values, self.samples);
        }
        Ok(())
    }
}

/// Deserialises up to `limit` numbers of a row into a vector that is reused for every row.
struct JsonRow<'a> {
    row: &'a mut Vec<f64>,
    limit: usize,
}

impl<'de> DeserializeSeed<'de> for JsonRow<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for JsonRow<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a row of numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        self.row.clear();
        while let Some(value) = values.next_element::<Option<f64>>()? {
            if self.row.len() < self.limit {
                self.row.push(value.unwrap_or(f64::NAN));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Channel;

    fn decode(text: &str, names: &[&str]) -> (Samples, Drops) {
        let channels: Vec<_> = names.iter().map(|name| Channel::in_ampere(name)).collect();
        let columns = Columns::of(&channels).unwrap();
        let (mut samples, mut drops) = (columns.samples(), Drops::default());
        let mut lines = JsonLines::new(columns, TimeInput::default());
        lines.feed(text.as_bytes(), &mut samples, &mut drops);
        lines.finish(&mut samples, &mut drops);
        (samples, drops)
    }

    #[test]
    fn an_object_is_a_sample_and_other_keys_are_ignored() {
        let (samples, drops) = decode("{\"x\": [1, {}], \"m2\": 2, \"t\": 1.5, \"m1\": 1}\n", &["m1", "m2"]);
        assert_eq!(samples.values(), [1.0, 2.0]);
        assert_eq!(samples.times()[0].seconds(), 1.5);
        assert_eq!(drops.total(), 0);
    }

    #[test]
    fn each_row_is_a_sample_with_or_without_a_time() {
        let (samples, drops) = decode("{\"samples\": [[0, 1], [0.1, null], [3]]}", &["current"]);
        assert_eq!(drops.total(), 0, "{:?}", drops.first());
        assert_eq!(samples.times()[1].seconds(), 0.1);
        assert!(samples.values()[1].is_nan());
        assert_eq!((samples.times()[2], samples.values()[2]), (Time::ARRIVAL, 3.0));
    }

    #[test]
    fn a_fault_is_described_and_the_next_line_is_decoded() {
        for (bad, problem) in [
            ("{\"t\": 1}", "there is no key \"current\""),
            ("{\"current\": \"high\"}", "invalid type"),
            (
                "{\"samples\": [[1, 2, 3]]}",
                "a row of samples has 3 numbers instead of 1 (current), or 2 with the time first",
            ),
            ("{\"t\": 1e300, \"current\": 1}", "time 1e300 is out of range"),
            ("[1]", "expected an object"),
            ("{\"t\": 1", "EOF"),
        ] {
            let (samples, drops) = decode(&format!("{bad}\n{{\"t\": 2, \"current\": 5}}"), &["current"]);
            let (reason, detail) = drops.first().unwrap();
            assert_eq!((reason, drops.total()), (DropReason::Malformed, 1));
            assert!(detail.contains(problem), "{detail}");
            assert_eq!(samples.values(), [5.0]);
        }
    }

    #[test]
    fn deep_nesting_does_not_overflow_the_stack() {
        let (_, drops) = decode(&"{\"x\":[".repeat(10_000), &["current"]);
        assert_eq!(drops.total(), 1);
    }
}
