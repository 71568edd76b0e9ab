//! Counts what the rows of a recording have, to find out what is wrong with it.

use crate::signal::{Channel, Samples, Time};

/// The number of rows from which a share of them says something.
const ENOUGH: u64 = 20;

/// How many rows of a recording have which channels, and how their times follow each other.
#[derive(Debug)]
pub(super) struct RowCounts {
    rows: u64,
    /// The rows that have a value of every channel.
    complete: u64,
    /// For each channel the rows that have a value of it.
    present: Vec<u64>,
    last: Option<Time>,
    advanced: u64,
    repeated: u64,
    went_back: u64,
}

impl RowCounts {
    pub(super) fn new(channels: usize) -> Self {
        let present = vec![0; channels];
        Self { rows: 0, complete: 0, present, last: None, advanced: 0, repeated: 0, went_back: 0 }
    }

    /// Counts the samples from index `first` on.
    pub(super) fn add(&mut self, samples: &Samples, first: usize) {
        for (time, row) in samples.iter().skip(first) {
            self.rows += 1;
            let mut is_complete = true;
            for (present, value) in self.present.iter_mut().zip(row) {
                *present += u64::from(!value.is_nan());
                is_complete &= !value.is_nan();
            }
            self.complete += u64::from(is_complete);
            match self.last.replace(time).map(|last| time.cmp(&last)) {
                None => {}
                Some(std::cmp::Ordering::Greater) => self.advanced += 1,
                Some(std::cmp::Ordering::Equal) => self.repeated += 1,
                Some(std::cmp::Ordering::Less) => self.went_back += 1,
            }
        }
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether the times never advance, or go back more than once.
    pub(super) fn times_do_not_advance(&self) -> bool {
        self.rows > 1 && (self.advanced == 0 || self.went_back > 1)
    }

    /// The number of rows that repeat the time of the row before, if most do.
    pub(super) fn mostly_repeated_times(&self) -> Option<u64> {
        (self.rows >= ENOUGH && self.repeated * 2 > self.rows).then_some(self.repeated)
    }

    /// That every channel has values, but no row has all of them; `None` if it is not so.
    pub(super) fn never_together(&self, channels: &[Channel]) -> Option<String> {
        let all_present = self.present.iter().all(|present| *present > 0);
        (channels.len() > 1 && self.complete == 0 && all_present)
            .then(|| self.describe("no row has", channels))
    }

    /// That fewer than half of the rows have all channels, with the fix; `None` if it is not so.
    pub(super) fn rarely_together(&self, channels: &[Channel]) -> Option<String> {
        let is_rare = channels.len() > 1 && self.rows >= ENOUGH && self.complete * 2 < self.rows;
        is_rare.then(|| {
            let begin = format!("only {} of {} rows have", self.complete, self.rows);
            format!(
                "{}; set hold of the slower channel under its [[channel]] in a dataset.toml, such as hold = \"500ms\"",
                self.describe(&begin, channels)
            )
        })
    }

    fn describe(&self, begin: &str, channels: &[Channel]) -> String {
        let names: Vec<_> = channels.iter().map(|channel| channel.name.as_str()).collect();
        let all = match names.as_slice() {
            [one, other] => format!("both {one} and {other}"),
            names => format!("all of {}", names.join(", ")),
        };
        let counts: Vec<_> =
            names.iter().zip(&self.present).map(|(name, rows)| format!("{name} in {rows}")).collect();
        format!("{begin} {all} (rows with a value: {})", counts.join(", "))
    }
}
