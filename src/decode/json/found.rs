//! What was found in one object.

use super::cell::Cell;
use super::path::Place;
use super::rows::JsonRows;
use super::slot::Slot;
use crate::signal::{Columns, Time, TimeInput};

/// What was found in an object. It is used again for each object, so that its memory is allocated once.
#[derive(Debug)]
pub(super) struct Found {
    /// One for each column.
    pub(super) columns: Vec<Slot<f64>>,
    pub(super) time: Slot<Time>,
    /// The further parts of a time that is a sum; `time` is the first one.
    parts: Vec<Slot<Time>>,
    /// The rows of the list of samples.
    pub(super) rows: JsonRows,
    /// Whether the object has a list of samples.
    pub(super) has_rows: bool,
}

impl Found {
    pub(super) fn new(columns: usize) -> Self {
        let columns = std::iter::repeat_with(Slot::default).take(columns.max(1)).collect();
        Self { columns, time: Slot::default(), parts: Vec::new(), rows: JsonRows::default(), has_rows: false }
    }

    pub(super) fn clear(&mut self) {
        self.columns.iter_mut().for_each(Slot::clear);
        self.time.clear();
        self.parts.iter_mut().for_each(Slot::clear);
        self.rows.clear();
        self.has_rows = false;
    }

    /// Adds a row that stands outside of an object, after [`clear`](Self::clear) or another row.
    pub(super) fn add_row(&mut self, row: &[Cell], columns: &Columns, time: &TimeInput) {
        self.has_rows = true;
        self.rows.add(row, columns, time);
    }

    pub(super) fn begin(&mut self, target: Place, depth: usize, spread: bool) -> bool {
        match target {
            Place::Column(index) => self.columns.get_mut(index).is_some_and(|slot| slot.begin(depth, spread)),
            Place::Time(part) => self.part(part).begin(depth, spread),
        }
    }

    pub(super) fn push(&mut self, target: Place, cell: &Cell, time: &TimeInput) {
        match target {
            Place::Column(index) => {
                if let Some(slot) = self.columns.get_mut(index) {
                    slot.push(cell.number(), f64::NAN);
                }
            }
            Place::Time(part) => {
                let unit = time.sum.get(part).map_or(time.unit(), |part| part.unit);
                self.part(part).push(cell.time(unit), Time::ARRIVAL);
            }
        }
    }

    pub(super) fn set_list(&mut self, target: Place) {
        match target {
            Place::Column(index) => {
                if let Some(slot) = self.columns.get_mut(index) {
                    slot.is_list = true;
                }
            }
            Place::Time(part) => self.part(part).is_list = true,
        }
    }

    /// The slot of a part of the time.
    fn part(&mut self, part: usize) -> &mut Slot<Time> {
        let Some(further) = part.checked_sub(1) else { return &mut self.time };
        if self.parts.len() <= further {
            self.parts.resize_with(further + 1, Slot::default);
        }
        self.parts.get_mut(further).unwrap_or(&mut self.time)
    }

    /// Adds the further parts of the time to the first one.
    ///
    /// # Errors
    /// The name of a part that is missing, or that has another number of values than the first.
    pub(super) fn add_parts<'a>(&mut self, input: &'a TimeInput) -> Result<(), &'a str> {
        let Some((first, further)) = input.sum.split_first() else { return Ok(()) };
        if self.time.is_empty() {
            return Err(&first.column);
        }
        for (index, part) in further.iter().enumerate() {
            let Some(slot) = self.parts.get(index).filter(|slot| slot.values.len() == self.time.values.len())
            else {
                return Err(&part.column);
            };
            for (time, more) in self.time.values.iter_mut().zip(&slot.values) {
                *time = time.offset(more.nanos());
            }
            self.time.is_twice |= slot.is_twice;
            self.time.bad.extend(&slot.bad);
            self.time.fault = self.time.fault.take().or_else(|| slot.fault.clone());
        }
        self.time.bad.sort_unstable();
        Ok(())
    }
}
