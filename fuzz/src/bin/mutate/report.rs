//! What a target did, as a row of a table.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The head of the table.
pub(crate) const HEAD: &str = "target               inputs   inputs/s  panics  slowest input                        largest input  peak memory";

/// An input and how long it took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slowest {
    pub(crate) took: Duration,
    pub(crate) bytes: usize,
    /// The number of the input, from which it can be made again.
    pub(crate) number: u64,
}

/// The panics in one place of the code.
#[derive(Clone, Debug)]
pub(crate) struct Panics {
    pub(crate) count: u64,
    pub(crate) message: String,
    /// The smallest input that causes it.
    pub(crate) input: Vec<u8>,
}

/// What a thread, or all threads of a target, did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) inputs: u64,
    pub(crate) largest: usize,
    pub(crate) slowest: Slowest,
    /// By the place in the code.
    pub(crate) panics: BTreeMap<String, Panics>,
}

impl Report {
    /// Adds one panic.
    pub(crate) fn panicked(&mut self, place: String, message: String, input: &[u8]) {
        self.add(place, Panics { count: 1, message, input: input.to_vec() });
    }

    fn add(&mut self, place: String, panics: Panics) {
        match self.panics.get_mut(&place) {
            None => drop(self.panics.insert(place, panics)),
            Some(known) => {
                known.count += panics.count;
                if panics.input.len() < known.input.len() {
                    known.input = panics.input;
                    known.message = panics.message;
                }
            }
        }
    }

    /// Adds what another thread did.
    pub(crate) fn merge(&mut self, other: Report) {
        self.inputs += other.inputs;
        self.largest = self.largest.max(other.largest);
        if other.slowest.took > self.slowest.took {
            self.slowest = other.slowest;
        }
        for (place, panics) in other.panics {
            self.add(place, panics);
        }
    }

    /// The row of the table.
    pub(crate) fn row(&self, target: &str, took: Duration) -> impl fmt::Display {
        let rate = self.inputs as f64 / took.as_secs_f64().max(1e-9);
        let panics: u64 = self.panics.values().map(|panics| panics.count).sum();
        let slowest = format!(
            "{:.1} ms ({} B, no. {})",
            self.slowest.took.as_secs_f64() * 1e3,
            self.slowest.bytes,
            self.slowest.number
        );
        let largest = format!("{} B", self.largest);
        format!(
            "{target:<14} {:>12} {rate:>10.0} {panics:>7}  {slowest:<35}  {largest:<13}  {} MiB",
            self.inputs,
            peak_memory() / 1024
        )
    }
}

/// The most memory that this process has had, in KiB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
