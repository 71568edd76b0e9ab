//! What was found in one object.

use super::cell::Cell;
use super::path::Place;
use super::rows::Rows;
use super::slot::Slot;
use crate::signal::{Columns, Time, TimeInput};

/// What was found in an object. It is used again for each object, so that its memory is allocated once.
#[derive(Debug)]
pub(super) struct Found {
    /// One for each column.
    pub(super) columns: Vec<Slot<f64>>,
    pub(super) time: Slot<Time>,
    /// The rows of the list of samples.
    pub(super) rows: Rows,
    /// Whether the object has a list of samples.
    pub(super) has_rows: bool,
}

impl Found {
    pub(super) fn new(columns: usize) -> Self {
        let columns = std::iter::repeat_with(Slot::default).take(columns.max(1)).collect();
        Self { columns, time: Slot::default(), rows: Rows::default(), has_rows: false }
    }

    pub(super) fn clear(&mut self) {
        self.columns.iter_mut().for_each(Slot::clear);
        self.time.clear();
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
            Place::Time => self.time.begin(depth, spread),
        }
    }

    pub(super) fn push(&mut self, target: Place, cell: &Cell, time: &TimeInput) {
        match target {
            Place::Column(index) => {
                if let Some(slot) = self.columns.get_mut(index) {
                    slot.push(cell.number(), f64::NAN);
                }
            }
            Place::Time => self.time.push(cell.time(time), Time::ARRIVAL),
        }
    }

    pub(super) fn set_list(&mut self, target: Place) {
        match target {
            Place::Column(index) => {
                if let Some(slot) = self.columns.get_mut(index) {
                    slot.is_list = true;
                }
            }
            Place::Time => self.time.is_list = true,
        }
    }
}
