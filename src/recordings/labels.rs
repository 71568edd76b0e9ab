//! Labels: the surface that a drive was really on, over the time of its recording.

use std::io::Read;
use std::path::Path;

use super::error::RecordingError;
use crate::decode::csv::read_table;
use crate::signal::{Time, TimeUnit, time_name};

/// The largest file of intervals, in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// The maximum number of intervals in one file.
const MAX_INTERVALS: usize = 1_000_000;

/// The surface over the time of a recording, stored as the times at which it changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labels {
    /// From each time on, this surface, or `None` if it is not known. In order of time.
    changes: Vec<(Time, Option<String>)>,
}

impl Labels {
    /// The same surface for the whole recording.
    pub fn constant(label: &str) -> Self {
        Self { changes: vec![(Time::ARRIVAL, Some(label.into()))] }
    }

    /// The surfaces in a label column, given the times at which its text changes.
    ///
    /// Spaces around the text are ignored. An empty text means that the surface is not known.
    pub fn from_changes(changes: &[(Time, String)]) -> Self {
        let label = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Self { changes: changes.iter().map(|(time, text)| (*time, label(text))).collect() }
    }

    /// Reads a file of intervals: a header and rows of `start,end,label` in order of time, which do not
    /// overlap.
    ///
    /// The surface is not known between the intervals. `unit` is the unit of the times, unless the header says
    /// another one, such as `start_ms`.
    ///
    /// # Errors
    /// [`RecordingError::Read`] if the file cannot be read, [`RecordingError::Form`] if it is not UTF-8 or too
    /// large, or [`RecordingError::Row`] if a row is not valid.
    pub fn read_intervals(path: &Path, unit: TimeUnit) -> Result<Self, RecordingError> {
        let failed = RecordingError::reading(path);
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .map_err(failed)?
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        let form = |why: String| RecordingError::Form { path: path.into(), why };
        if bytes.len() as u64 > MAX_BYTES {
            return Err(form(format!(
                "the file is larger than {} MiB; use longer intervals",
                MAX_BYTES >> 20
            )));
        }
        let (rows, delimiter) =
            read_table(&bytes, MAX_INTERVALS + 2).map_err(|error| form(error.to_string()))?;
        let mut unit = unit;
        let mut changes: Vec<(Time, Option<String>)> = Vec::new();
        for (index, (line, fields)) in rows.iter().enumerate() {
            let first = fields.first().map(String::as_str).unwrap_or_default();
            if index == 0 && first.to_lowercase().starts_with("start") {
                unit =
                    time_name::words(first).last().and_then(|word| time_name::unit_of(word)).unwrap_or(unit);
                continue;
            }
            let bad = |why: &str| RecordingError::Row {
                path: path.into(),
                why: format!("line {line}: {why}; write rows of start,end,label in order of time"),
            };
            if fields.len() > 3 && fields.iter().skip(3).any(|field| !field.is_empty()) {
                return Err(bad(
                    "the row has more than three fields; put a label with a comma in double quotes",
                ));
            }
            let time = |index: usize, name: &str| {
                let field = fields.get(index).map(String::as_str).unwrap_or_default();
                let is_decimal_comma = delimiter.text() != ',' && field.matches(',').count() == 1;
                let text = if is_decimal_comma { field.replace(',', ".") } else { field.to_owned() };
                unit.parse(text.as_bytes())
                    .or_else(|| TimeUnit::Rfc3339.parse(text.as_bytes()))
                    .ok_or_else(|| bad(&format!("{name} is {field:?}, which is not a time")))
            };
            let (start, end) = (time(0, "start")?, time(1, "end")?);
            let label = fields.get(2).map(String::as_str).unwrap_or_default();
            if label.is_empty() {
                return Err(bad("the label is empty"));
            }
            if end <= start || changes.last().is_some_and(|(last, _)| start < *last) {
                return Err(bad(
                    "the interval does not end after its start, or starts before the previous one ends",
                ));
            }
            if index > MAX_INTERVALS {
                return Err(bad(&format!("the file has more than {MAX_INTERVALS} intervals")));
            }
            if changes.last().is_some_and(|(last, _)| *last == start) {
                changes.pop();
            }
            changes.push((start, Some(label.to_owned())));
            changes.push((end, None));
        }
        Ok(Self { changes })
    }

    /// The surface at a time; `None` if it is not known.
    pub fn at(&self, time: Time) -> Option<&str> {
        let next = self.changes.partition_point(|(start, _)| *start <= time);
        self.changes.get(next.checked_sub(1)?)?.1.as_deref()
    }

    /// The surface from `start` to `end`; `None` if it changes or is not known somewhere between them.
    pub fn throughout(&self, start: Time, end: Time) -> Option<&str> {
        let first = self.changes.partition_point(|(change, _)| *change <= start).checked_sub(1)?;
        let last = self.changes.partition_point(|(change, _)| *change <= end);
        let label = self.changes.get(first)?.1.as_deref()?;
        let rest = self.changes.get(first..last)?;
        rest.iter().all(|(_, other)| other.as_deref() == Some(label)).then_some(label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Time {
        Time::from_seconds(seconds).unwrap()
    }

    fn intervals(text: &str) -> Result<Labels, RecordingError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Labels::read_intervals(file.path(), TimeUnit::S)
    }

    #[test]
    fn intervals_may_touch_or_leave_gaps() {
        let labels = intervals("start,end,label\n0,10,wood\n10,20,tile\n25,30,tile\n").unwrap();
        assert_eq!(
            (labels.at(at(9.9)), labels.at(at(10.0)), labels.at(at(22.0))),
            (Some("wood"), Some("tile"), None)
        );
        assert_eq!(labels.throughout(at(1.0), at(9.0)), Some("wood"));
        assert_eq!(labels.throughout(at(9.0), at(11.0)), None);
        assert_eq!(labels.throughout(at(19.0), at(26.0)), None, "the gap between two intervals");
        assert_eq!(labels.at(at(-1.0)), None);
    }

    #[test]
    fn intervals_are_read_as_csv_with_any_delimiter_and_quoted_labels() {
        for text in [
            "start,end,label\n0,1.5,\"wood, wet\"",
            "\u{feff}start;end;label\r\n0;1,5;wood, wet\r\n",
            "Start_ms,end_ms,label\n0,1500,\"wood, wet\"\n",
            "0\t1.5\twood, wet\n",
        ] {
            let labels = intervals(text).unwrap();
            assert_eq!((labels.at(at(1.4)), labels.at(at(1.5))), (Some("wood, wet"), None), "{text}");
        }
        let error = intervals("start,end,label\n0,1,wood, wet\n").unwrap_err().to_string();
        assert!(error.contains("line 2: the row has more than three fields; put a label"), "{error}");
    }

    #[test]
    fn the_error_for_an_invalid_interval_names_its_line() {
        for bad in ["0,10,wood\n5,20,tile\n", "0,x,wood\n", "3,2,wood\n", "0,1,\n", "0,1\n"] {
            let error = intervals(&format!("start,end,label\n{bad}")).unwrap_err().to_string();
            assert!(error.contains("line "), "{error}");
        }
    }
}
