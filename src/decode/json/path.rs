//! Where in an object the columns and the time are looked for.

use crate::signal::{Columns, TimeInput, TimeUnit};

/// What is looked for inside an object or list: a column by its index, or the time, with the rest of its path.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) place: Place,
    pub(super) path: &'a str,
}

/// A column by its index, or the time.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Column(usize),
    Time,
}

/// The paths of all columns, and that of the time unless samples have none.
pub(super) fn wanted<'a>(columns: &'a Columns, time: &'a TimeInput) -> Vec<Wanted<'a>> {
    let names = columns.names().iter().enumerate();
    let mut wanted: Vec<_> =
        names.map(|(index, path)| Wanted { place: Place::Column(index), path }).collect();
    if time.unit() != TimeUnit::None {
        wanted.push(Wanted { place: Place::Time, path: time.column() });
    }
    wanted
}
