//! Lines in which each value stands beside the name of its channel, as serial plotters read them.
//!
//! - The Arduino plotter: `left:1.2,right:1.3`, separated by commas, semicolons or blanks. A line is a sample.
//!   It may have the time under a name of a time, such as `t` or `ms`.
//! - Teleplot: `>left:12340:1.2|g`, with one channel in each line and the time in milliseconds, or without a
//!   time. Lines with the same time are one sample; without a time, a sample ends when each channel has come.
//!
//! Other names are ignored.

use super::advice;
use super::fields::{Fault, FieldReader};
use super::line::NumberedLine;
use super::number::is_number;
use super::row::text;
use crate::decode::bytes::quote;
use crate::signal::{DropReason, Drops, Samples, Time, TimeUnit, time_name};

/// Reads lines with labels.
#[derive(Debug, Default)]
pub(super) struct LabelReader {
    /// The form of the last line that was read, for the conclusion; `None` before the first.
    pub(super) style: Option<&'static str>,
    /// The values so far of a sample of Teleplot, one for each column.
    open: Vec<Option<f64>>,
    /// The time of that sample.
    time: Option<Time>,
}

/// A name and the text of its value.
type Pair<'a> = (&'a [u8], &'a [u8]);

impl LabelReader {
    /// Reads a line of `label:value` pairs. Returns whether it is one.
    pub(super) fn read(
        &mut self,
        line: NumberedLine<'_>,
        fields: &mut FieldReader,
        samples: &mut Samples,
        drops: &mut Drops,
    ) -> bool {
        let Some(pairs) = pairs(line.text) else { return false };
        match read_pairs(&pairs, fields) {
            Ok(time) => {
                self.style = Some("label:value");
                fields.push(time, samples);
            }
            Err((reason, problem)) => drops.add(reason, || format!("{line}: {problem}")),
        }
        true
    }

    /// Reads a line of Teleplot, which begins with `>`.
    pub(super) fn read_teleplot(
        &mut self,
        line: NumberedLine<'_>,
        fields: &mut FieldReader,
        samples: &mut Samples,
        drops: &mut Drops,
    ) {
        let content = line.text.strip_prefix(b">").unwrap_or(line.text);
        let (content, flags) = split_once(content, b'|').unwrap_or((content, b""));
        let Some((name, points)) = split_once(content, b':') else {
            drops.add(DropReason::Malformed, || {
                format!("{line}: {} is not a line of Teleplot; print >name:value", quote(line.text))
            });
            return;
        };
        let (name, unit) = split_unit(name.trim_ascii());
        let columns = fields.columns.names();
        let Some(column) = columns.iter().position(|column| is_same_name(column, name)) else {
            // Other values may be plotted, too. If none of the channels is, the names are wrong.
            if self.style.is_none() {
                let names = columns.join(", ");
                drops.add(DropReason::Malformed, || {
                    format!(
                        "{line}: {} is none of the channels {names}; print >name:value with their names",
                        quote(name)
                    )
                });
            }
            return;
        };
        if flags.contains(&b't') || flags.starts_with(b"xy") {
            drops.add(DropReason::Malformed, || {
                format!("{line}: {} is not a number over time", quote(line.text))
            });
            return;
        }
        for point in points.split(|byte| *byte == b';').filter(|point| !point.is_empty()) {
            let result = read_point(point, unit, column, fields);
            match result {
                Ok((time, value)) => {
                    self.style = Some("Teleplot");
                    self.add(time, column, value, fields, samples, drops);
                }
                Err((reason, problem)) => drops.add(reason, || format!("{line}: {problem}")),
            }
        }
    }

    /// Adds a value to the open sample, which it may complete.
    fn add(
        &mut self,
        time: Time,
        column: usize,
        value: f64,
        fields: &mut FieldReader,
        samples: &mut Samples,
        drops: &mut Drops,
    ) {
        if self.time != Some(time) || self.open.get(column).is_none_or(Option::is_some) {
            self.finish(fields, drops);
            self.time = Some(time);
            self.open = vec![None; fields.raw.len()];
        }
        if let Some(open) = self.open.get_mut(column) {
            *open = Some(value);
        }
        if self.open.iter().all(Option::is_some) {
            for (raw, value) in fields.raw.iter_mut().zip(&self.open) {
                *raw = value.unwrap_or(f64::NAN);
            }
            self.open.clear();
            fields.push(time, samples);
        }
    }

    /// Counts an open sample that lacks channels.
    pub(super) fn finish(&mut self, fields: &FieldReader, drops: &mut Drops) {
        if self.open.iter().any(Option::is_some) {
            let names = |is_wanted: fn(&Option<f64>) -> bool| {
                let named = fields.columns.names().iter().zip(&self.open);
                named
                    .filter(|(_, value)| is_wanted(value))
                    .map(|(name, _)| name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            drops.add(DropReason::Malformed, || {
                format!(
                    "a sample has {} but not {} at the same time; print all channels with the same time",
                    names(Option::is_some),
                    names(Option::is_none)
                )
            });
        }
        self.open.clear();
    }
}

/// The time and the value in a point of Teleplot: `value`, or `time:value` in milliseconds unless another unit
/// is configured.
fn read_point(
    point: &[u8],
    unit: &[u8],
    column: usize,
    fields: &mut FieldReader,
) -> Result<(Time, f64), Fault> {
    let (time, value) = match split_once(point, b':') {
        Some((time, value)) => (Some(time), value),
        None => (None, point),
    };
    let (value, own_unit) = split_unit(value.trim_ascii());
    let unit = if own_unit.is_empty() { unit } else { own_unit };
    let value = fields.labelled_value(&[value, unit].concat(), column)?;
    let Some(time) = time else { return Ok((Time::ARRIVAL, value)) };
    fields.set_unit(Some(TimeUnit::Ms));
    Ok((fields.time(time, "")?, value))
}

/// Reads the values of all columns, and the time if there is one, from the pairs of a line.
fn read_pairs(pairs: &[Pair<'_>], fields: &mut FieldReader) -> Result<Time, Fault> {
    let find =
        |name: &str| pairs.iter().find(|(label, _)| is_same_name(name, label)).map(|(_, value)| *value);
    for index in 0..fields.raw.len() {
        let name = fields.columns.names().get(index).cloned().unwrap_or_default();
        let Some(value) = find(&name) else {
            let labels: Vec<_> = pairs.iter().map(|(label, _)| text(label)).collect();
            let problem = format!(
                "the line has values of {}, but not of {name:?}; {}",
                labels.join(", "),
                advice::example(&fields.columns, fields.format)
            );
            return Err((DropReason::Malformed, problem));
        };
        let value = fields.labelled_value(value, index)?;
        if let Some(raw) = fields.raw.get_mut(index) {
            *raw = value;
        }
    }
    let is_time = |label: &str| match &fields.input.column {
        Some(column) => column == label,
        None => time_name::recognise(label).is_some(),
    };
    if fields.input.unit == Some(TimeUnit::None) {
        return Ok(Time::ARRIVAL);
    }
    let time = pairs.iter().map(|(label, value)| (text(label), *value)).find(|(label, _)| is_time(label));
    let Some((label, value)) = time else { return Ok(Time::ARRIVAL) };
    fields.set_unit(time_name::recognise(&label).flatten());
    fields.time(value, &label)
}

/// The pairs of a line of `label:value`; `None` if it is not one.
fn pairs(line: &[u8]) -> Option<Vec<Pair<'_>>> {
    let mut parts = line.split(|byte| *byte == b':');
    let mut label = parts.next()?.trim_ascii();
    let mut pairs = Vec::new();
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let part = part.trim_ascii();
        // Before the next colon, the next label is the last word.
        let is_separator = |byte: &u8| matches!(byte, b',' | b';' | b' ' | b'\t');
        let (value, next) = match parts.peek() {
            Some(_) => part.split_at(part.iter().rposition(is_separator)? + 1),
            None => (part, &b""[..]),
        };
        let value = value.trim_ascii();
        let value =
            value.strip_suffix(b",").or_else(|| value.strip_suffix(b";")).unwrap_or(value).trim_ascii();
        let begins_as_number =
            value.first().is_some_and(|byte| byte.is_ascii_digit() || b"+-.".contains(byte));
        if label.first().is_none_or(|byte| !byte.is_ascii_alphabetic() && byte.is_ascii())
            || !(begins_as_number || is_number(value))
        {
            return None;
        }
        pairs.push((label, value));
        label = next.trim_ascii();
    }
    (!pairs.is_empty()).then_some(pairs)
}

/// Whether a label names a column; capitals make no difference.
fn is_same_name(column: &str, label: &[u8]) -> bool {
    column.to_lowercase() == text(label).to_lowercase()
}

/// A text before and after a `§`, which begins a unit of Teleplot.
fn split_unit(field: &[u8]) -> (&[u8], &[u8]) {
    const SIGN: &[u8] = "§".as_bytes();
    match field.windows(SIGN.len()).position(|part| part == SIGN) {
        Some(at) => {
            let (before, unit) = field.split_at(at);
            (before, unit.strip_prefix(SIGN).unwrap_or_default())
        }
        None => (field, b""),
    }
}

fn split_once(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(separator, bytes)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(line: &str) -> Option<Vec<(String, String)>> {
        let pairs = pairs(line.as_bytes())?;
        Some(pairs.into_iter().map(|(label, value)| (text(label), text(value))).collect())
    }

    #[test]
    fn pairs_are_separated_by_commas_semicolons_or_blanks() {
        let expected =
            Some(vec![("left".to_owned(), "1.2".to_owned()), ("right".to_owned(), "-1.3".to_owned())]);
        for line in [
            "left:1.2,right:-1.3",
            "left:1.2\tright:-1.3",
            "left: 1.2 right: -1.3",
            " left:1.2, right:-1.3,",
            "left:1.2;right:-1.3;",
        ] {
            assert_eq!(labels(line), expected, "{line}");
        }
        let with_units = labels("left:1.2 A, right:1.3 A").unwrap();
        assert_eq!(
            with_units,
            [("left", "1.2 A"), ("right", "1.3 A")].map(|(l, v)| (l.to_owned(), v.to_owned()))
        );
    }

    #[test]
    fn other_lines_have_no_pairs() {
        for line in ["", "1.2", "12:30:05,1.2", "warning: low battery", ":1", "left:", "left:1.2:3"] {
            assert_eq!(labels(line), None, "{line}");
        }
    }
}
