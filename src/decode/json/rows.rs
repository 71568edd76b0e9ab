//! JsonRows of values by position, as they stand in lists.

use super::cell::Cell;
use crate::signal::{Columns, DropReason, Time, TimeInput};

/// JsonRows that have been read, each with the values of the columns in order.
#[derive(Debug, Default)]
pub(super) struct JsonRows {
    /// The time of each row; [`Time::ARRIVAL`] for a row without one.
    pub(super) times: Vec<Time>,
    /// The values, row by row.
    pub(super) raw: Vec<f64>,
    /// The rows with a fault, which are not among the others, by reason: malformed ones and bad times.
    pub(super) malformed: u64,
    pub(super) bad_times: u64,
    /// The first fault in words, with its reason.
    pub(super) fault: Option<(DropReason, String)>,
}

impl JsonRows {
    pub(super) fn clear(&mut self) {
        self.times.clear();
        self.raw.clear();
        (self.malformed, self.bad_times, self.fault) = (0, 0, None);
    }

    /// Adds a row: a value for each column, optionally with the time first.
    pub(super) fn add(&mut self, row: &[Cell], columns: &Columns, time: &TimeInput) {
        let names = columns.names();
        let start = self.raw.len();
        if let Err((reason, problem)) = self.read(row, names, time) {
            self.raw.truncate(start);
            self.fail(reason, 1, || problem);
        }
    }

    fn read(&mut self, row: &[Cell], names: &[String], time: &TimeInput) -> Result<(), (DropReason, String)> {
        let wanted = names.len();
        let (given, values) = match row.split_first() {
            Some((first, values)) if values.len() == wanted => {
                let given = first.time(time.unit());
                (given.map_err(|why| (DropReason::BadTime, format!("the time of a row {why}")))?, values)
            }
            _ if row.len() == wanted => (Time::ARRIVAL, row),
            _ => {
                let problem = format!(
                    "a row of samples has {} numbers instead of {wanted} ({}), or {} with the time first",
                    row.len(),
                    names.join(", "),
                    wanted + 1
                );
                return Err((DropReason::Malformed, problem));
            }
        };
        for (value, name) in values.iter().zip(names) {
            let value = value.number();
            self.raw.push(value.map_err(|why| (DropReason::Malformed, format!("{name:?} {why}")))?);
        }
        self.times.push(given);
        Ok(())
    }

    /// Counts rows with a fault.
    pub(super) fn fail(&mut self, reason: DropReason, count: u64, detail: impl FnOnce() -> String) {
        match reason {
            DropReason::BadTime => self.bad_times += count,
            _ => self.malformed += count,
        }
        if self.fault.is_none() && count > 0 {
            self.fault = Some((reason, detail()));
        }
    }
}
