//! The first lines of a text: what separates their fields, and whether the first one is a header.

use crate::decode::csv::format::{CsvFormat, Delimiter};
use crate::decode::csv::line::{LineSplitter, ReadLine};
use crate::decode::csv::number::{self, NumberStyle, is_number};
use crate::decode::csv::row::FieldSplitter;
use crate::signal::TimeUnit;

/// A line that is not empty, with its number.
pub(super) type NumberedText = (u64, Vec<u8>);

/// Up to `limit` lines that are not empty, from the line with the number `first` on.
///
/// A last line without an end may be cut, so that it counts only if it is alone or `with_last` is set.
pub(super) fn lines(bytes: &[u8], first: u64, limit: usize, with_last: bool) -> Vec<NumberedText> {
    let (mut splitter, mut rest, mut lines) = (LineSplitter::default(), bytes, Vec::new());
    let take = |line: ReadLine<'_>| match line {
        ReadLine::Complete(line) if line.number >= first && !line.text.trim_ascii().is_empty() => {
            Some((line.number, line.text.to_vec()))
        }
        _ => None,
    };
    while !rest.is_empty() && lines.len() < limit {
        let (line, after) = splitter.read(rest);
        rest = after;
        lines.extend(take(line));
    }
    if lines.is_empty() || (with_last && lines.len() < limit) {
        lines.extend(splitter.finish().and_then(take));
    }
    lines
}

/// Whether these are the fields of a row of numbers, not of a header.
pub(super) fn is_row(fields: &[Vec<u8>], style: NumberStyle) -> bool {
    let is_value = |field: &Vec<u8>| {
        number::parse(field, style).is_some()
            || number::parse_with_unit(field, style).is_some()
            || TimeUnit::Rfc3339.parse(field).is_some()
    };
    let has_number = |field: &Vec<u8>| number::parse(field, style).is_some_and(|value| !value.is_nan());
    fields.iter().all(is_value)
        && (fields.iter().any(has_number) || fields.iter().any(|field| is_number(field)))
}

/// Whether the fields of the first line are those of a row like the others, of which some hold text: they have numbers
/// wherever the rows have some. A header has names there.
pub(super) fn is_like(first: &[Vec<u8>], rows: &[Vec<Vec<u8>>], style: NumberStyle) -> bool {
    let is_value = |field: &[u8]| number::parse(field, style).is_some_and(|value| !value.is_nan());
    let below = rows.get(1..).unwrap_or_default();
    let holds_numbers = |index: &usize| {
        !below.is_empty() && below.iter().all(|row| row.get(*index).is_some_and(|field| is_value(field)))
    };
    let numbers = (0..first.len()).filter(holds_numbers);
    let values: Option<Vec<f64>> =
        numbers.map(|index| first.get(index).and_then(|field| number::parse(field, style))).collect();
    let Some(values) = values.filter(|values| values.len() > 1) else { return false };
    // Programs call columns without a name 0, 1, 2 and so on.
    values.iter().all(|value| !value.is_nan()) && !count_up(&values)
}

/// Whether values count up by one, from 0 or from 1.
pub(super) fn count_up(values: &[f64]) -> bool {
    let counts_from =
        |first: f64| values.iter().zip(0u32..).all(|(value, place)| *value == first + f64::from(place));
    counts_from(0.0) || counts_from(1.0)
}

/// The delimiter of these lines: the first that splits the first line, and the others into as many fields.
pub(super) fn delimiter_of(lines: &[NumberedText], format: CsvFormat) -> Delimiter {
    let mut splitter = FieldSplitter::default();
    let mut widest = (1, None);
    for delimiter in format.candidates() {
        let mut widths = lines.iter().map(|(_, line)| {
            splitter
                .split(line, delimiter)
                .map_or(0, |row| row.len() - usize::from(row.ends_empty() && row.len() > 1))
        });
        let width = widths.next().unwrap_or(0);
        let (same, all) =
            widths.fold((0, 0), |(same, all), other| (same + usize::from(other == width), all + 1));
        if width > 1 && 10 * same >= 9 * all {
            return delimiter;
        }
        if width > widest.0 && delimiter != Delimiter::Blanks {
            widest = (width, Some(delimiter));
        }
    }
    // With one column, a comma can only be a decimal separator.
    let has_commas = |(_, line): &NumberedText| line.contains(&b',');
    let decimal_commas = widest.1.is_none() && lines.len() > 1 && lines.iter().skip(1).all(has_commas);
    widest.1.unwrap_or(if decimal_commas { Delimiter::Character(b';') } else { format.assumed() })
}
