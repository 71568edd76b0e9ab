//! From what was found in an object to samples, and what is wrong with it.

use super::found::Found;
use super::names;
use super::slot::Slot;
use crate::signal::{Columns, DropReason, Drops, Samples, Time, TimeInput, TimeUnit};

impl Found {
    /// Adds the samples of the object to `samples`, and counts those that have a fault. `bytes` are the text of
    /// the object, for the message.
    pub(super) fn emit(
        &mut self,
        bytes: &[u8],
        columns: &Columns,
        time: &TimeInput,
        samples: &mut Samples,
        drops: &mut Drops,
    ) {
        self.flatten(Some(bytes), columns, time, drops.first().is_none());
        let rows = &mut self.rows;
        for (time, raw) in rows.times.iter().zip(rows.raw.chunks_exact(columns.names().len().max(1))) {
            columns.push(*time, raw, samples);
        }
        let Some((reason, detail)) = rows.fault.take() else { return };
        // The reason that is described goes first.
        let mut counts = [(DropReason::Malformed, rows.malformed), (DropReason::BadTime, rows.bad_times)];
        counts.sort_by_key(|(kind, _)| *kind != reason);
        for (kind, count) in counts {
            drops.add_many(kind, count, || detail.clone());
        }
    }

    /// Turns what was found in the object into rows: those of its list of samples, or else the values of its
    /// keys. Faults are described if `describe` is set; `bytes` are the text of the object, if it is known.
    pub(super) fn flatten(
        &mut self,
        bytes: Option<&[u8]>,
        columns: &Columns,
        input: &TimeInput,
        describe: bool,
    ) {
        if self.has_rows && self.time.is_empty() {
            return;
        }
        let parts = self.add_parts(input);
        if self.has_rows {
            if let Err(part) = parts {
                self.time.fault = Some(format!("lacks its part {part:?}"));
            }
            return self.place_rows(input);
        }
        let names = columns.names();
        let length =
            |slot: &Slot<f64>| if slot.is_list { slot.values.len() } else { slot.values.len().min(1) };
        let count = self.columns.iter().map(length).max().unwrap_or_default();
        let described = bytes.filter(|_| describe);
        let checked = self.check(names, count, input, described);
        let summed = parts.map_err(|name| (DropReason::BadTime, names::missing(name, described)));
        if let Err((reason, problem)) = checked.and(summed) {
            return self.rows.fail(reason, count.max(1) as u64, || problem);
        }
        let start = match (self.time.is_list, self.time.values.first()) {
            (false, Some(&start)) => Some(start),
            _ => None,
        };
        for index in 0..count {
            if self.time.bad.binary_search(&if self.time.is_list { index } else { 0 }).is_ok() {
                let why = self.time.fault.clone().unwrap_or_default();
                self.rows.fail(DropReason::BadTime, 1, || format!("{:?} {why}", input.column()));
                continue;
            }
            let bad = self.columns.iter().zip(names).find(|(slot, _)| slot.bad.binary_search(&index).is_ok());
            if let Some((slot, name)) = bad {
                let why = slot.fault.clone().unwrap_or_default();
                self.rows.fail(DropReason::Malformed, 1, || format!("{name:?} {why}"));
                continue;
            }
            let time = match start {
                Some(start) => after(start, index, input.rate.unwrap_or(f64::INFINITY)),
                None => self.time.values.get(index).copied().unwrap_or(Time::ARRIVAL),
            };
            self.rows.times.push(time);
            let value = |slot: &Slot<f64>| slot.values.get(index).copied().unwrap_or(f64::NAN);
            self.rows.raw.extend(self.columns.iter().map(value));
        }
    }

    /// Checks what concerns all samples of the object: that every key is there once, and that the lists go
    /// together.
    fn check(
        &self,
        names: &[String],
        count: usize,
        input: &TimeInput,
        bytes: Option<&[u8]>,
    ) -> Result<(), (DropReason, String)> {
        let malformed = |problem: String| Err((DropReason::Malformed, problem));
        for (slot, name) in self.columns.iter().zip(names) {
            if slot.is_empty() {
                return malformed(names::missing(name, bytes));
            }
            if slot.is_twice {
                return malformed(format!("the key {name:?} is there twice; send it once"));
            }
            if slot.values.len() != count {
                return malformed(format!(
                    "{name:?} has {}, but another column has {count}; send as many of each",
                    number_of_values(slot.values.len())
                ));
            }
        }
        let bad_time = |problem: String| Err((DropReason::BadTime, problem));
        let (name, time) = (input.sum.first().map_or(input.column(), |part| &part.column), &self.time);
        if time.is_empty() {
            // Without a configured key, samples may go without a time.
            let is_needed = input.column.is_some() && input.unit() != TimeUnit::None;
            return if is_needed { bad_time(names::missing(name, bytes)) } else { Ok(()) };
        }
        if time.is_twice {
            return bad_time(format!("the key {name:?} is there twice; send it once"));
        }
        match (time.is_list, time.values.len()) {
            (true, times) if times != count => bad_time(format!(
                "{name:?} has {} for {count} samples; send a time for each",
                number_of_values(times)
            )),
            (false, _) if count > 1 && input.rate.is_none() => bad_time(one_time(name, count)),
            _ => Ok(()),
        }
    }

    /// Gives the time beside the list of samples to those of its rows that have none.
    fn place_rows(&mut self, input: &TimeInput) {
        let name = input.column();
        let count = self.rows.times.len();
        let untimed = self.rows.times.iter().filter(|time| **time == Time::ARRIVAL).count();
        if self.time.is_empty() || untimed == 0 {
            return;
        }
        let problem = if let Some(why) = &self.time.fault {
            format!("{name:?} {why}")
        } else if self.time.is_list && self.time.values.len() != count {
            format!("{name:?} has {} for {count} samples", number_of_values(self.time.values.len()))
        } else if !self.time.is_list && count > 1 && input.rate.is_none() {
            one_time(name, count)
        } else {
            for (index, time) in self.rows.times.iter_mut().enumerate() {
                if *time == Time::ARRIVAL {
                    let given = self.time.values.get(if self.time.is_list { index } else { 0 });
                    let start = given.copied().unwrap_or(Time::ARRIVAL);
                    let steps = if self.time.is_list { 0 } else { index };
                    *time = after(start, steps, input.rate.unwrap_or(f64::INFINITY));
                }
            }
            return;
        };
        self.rows.times.clear();
        self.rows.raw.clear();
        self.rows.fail(DropReason::BadTime, count as u64, || problem);
    }
}

/// The time `steps` samples after `start`.
fn after(start: Time, steps: usize, rate: f64) -> Time {
    if steps == 0 { start } else { start.offset((steps as f64 * 1e9 / rate).round() as i64) }
}

fn one_time(name: &str, count: usize) -> String {
    format!(
        "{name:?} is one time for {count} samples; send a list with a time for each, or set source.time.rate"
    )
}

fn number_of_values(count: usize) -> String {
    if count == 1 { "1 value".into() } else { format!("{count} values") }
}
