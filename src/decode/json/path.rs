//! Where in an object the columns and the time are looked for.

use crate::signal::{Columns, TimeInput, TimeUnit};

/// What is looked for inside an object or list: a column by its index, or the time, with the rest of its path.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) place: Place,
    pub(super) path: &'a str,
}

/// A column by its index, or a part of the time by its index; a time that is no sum has one part.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Column(usize),
    Time(usize),
}

/// The number of paths that need no memory of their own.
const USUAL: usize = 8;

/// Calls `read` with the paths of all columns, and that of the time unless samples have none.
pub(super) fn with_wanted<T>(
    columns: &Columns,
    time: &TimeInput,
    read: impl FnOnce(&[Wanted<'_>]) -> T,
) -> T {
    let names = columns.names().iter().enumerate();
    let whole = (time.sum.is_empty() && time.unit() != TimeUnit::None).then(|| time.column());
    let parts = time.sum.iter().map(|part| part.column.as_str()).chain(whole).enumerate();
    let time = parts.clone().map(|(index, path)| Wanted { place: Place::Time(index), path });
    let all = names.map(|(index, path)| Wanted { place: Place::Column(index), path }).chain(time);
    // This runs for each object, so that memory is allocated only if there are many columns.
    let mut usual = [Wanted { place: Place::Time(0), path: "" }; USUAL];
    let count = columns.names().len() + parts.count();
    match usual.get_mut(..count) {
        Some(some) => {
            some.iter_mut().zip(all).for_each(|(place, wanted)| *place = wanted);
            read(some)
        }
        None => read(&all.collect::<Vec<_>>()),
    }
}
