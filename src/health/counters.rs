//! Measurements that only the metrics show: durations, queue lengths, resets, and the connection to the
//! broker.
//!
//! Counting is a relaxed atomic addition, apart from the predictions by surface, which are under a short lock.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::decision::Withheld;
use crate::stream::ResetReason;

/// Counters that every stage shares, as a field of [`Health`](super::Health).
#[derive(Debug, Default)]
pub struct Counters {
    /// How long the model takes for a batch of windows.
    pub inference: Histogram,
    /// The latency of a prediction: from the arrival of the window's last sample to the prediction.
    pub latency: Histogram,
    /// The queue lengths when they were last set: batches of samples, and windows.
    queue_lengths: [AtomicU64; 2],
    resets: [AtomicU64; Counters::RESET_REASONS.len()],
    connects: AtomicU64,
    connected: AtomicBool,
    surfaces: Mutex<BTreeMap<String, u64>>,
    withheld: [AtomicU64; Withheld::ALL.len()],
}

/// The lengths of the pipeline's queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLengths {
    /// Batches of samples that wait for the stream table.
    pub batches: u64,
    /// Windows and other stream events that wait for the model.
    pub windows: u64,
}

impl Counters {
    /// The names of the reset reasons in the metrics.
    const RESET_REASONS: [&'static str; 6] = ["gap", "restart", "silence", "missing", "model", "rate"];

    /// Sets the queue lengths.
    pub(crate) fn set_queue_lengths(&self, batches: usize, windows: usize) {
        let [first, second] = &self.queue_lengths;
        first.store(batches as u64, Ordering::Relaxed);
        second.store(windows as u64, Ordering::Relaxed);
    }

    /// The queue lengths when they were last set.
    pub fn queue_lengths(&self) -> QueueLengths {
        let [batches, windows] = &self.queue_lengths;
        QueueLengths { batches: batches.load(Ordering::Relaxed), windows: windows.load(Ordering::Relaxed) }
    }

    /// Counts a reset of a stream's window.
    pub(crate) fn count_reset(&self, reason: ResetReason) {
        let index = match reason {
            ResetReason::Gap => 0,
            ResetReason::Restart => 1,
            ResetReason::Silence => 2,
            ResetReason::Missing(_) => 3,
            ResetReason::Model => 4,
            ResetReason::Rate(_) => 5,
        };
        if let Some(count) = self.resets.get(index) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The number of resets for each reason.
    pub fn resets(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Self::RESET_REASONS
            .iter()
            .zip(&self.resets)
            .map(|(name, count)| (*name, count.load(Ordering::Relaxed)))
    }

    /// Counts a connection that the broker accepted.
    pub(crate) fn connected(&self) {
        self.connects.fetch_add(1, Ordering::Relaxed);
        self.connected.store(true, Ordering::Relaxed);
    }

    /// Sets that there is no connection to the broker.
    pub(crate) fn disconnected(&self) {
        self.connected.store(false, Ordering::Relaxed);
    }

    /// Whether the connection to the broker is up now, and how many connections it has accepted so far.
    pub fn broker(&self) -> (bool, u64) {
        (self.connected.load(Ordering::Relaxed), self.connects.load(Ordering::Relaxed))
    }

    /// Counts predictions after which the surface with this name was decided.
    pub(crate) fn surface(&self, name: &str, count: u64) {
        let mut surfaces = self.surfaces.lock().unwrap_or_else(PoisonError::into_inner);
        match surfaces.get_mut(name) {
            Some(so_far) => *so_far += count,
            None => drop(surfaces.insert(name.to_owned(), count)),
        }
    }

    /// Counts a prediction after which the surface is unknown.
    pub(crate) fn withheld(&self, reason: Withheld) {
        if let Some(count) = self.withheld.get(reason as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The number of predictions after which the surface is unknown, for each reason.
    pub fn all_withheld(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.withheld.iter().map(|count| count.load(Ordering::Relaxed));
        Withheld::ALL.into_iter().map(Withheld::name).zip(counts)
    }

    /// The number of predictions for each decided surface.
    pub fn surfaces(&self) -> BTreeMap<String, u64> {
        self.surfaces.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A histogram of durations.
///
/// The histogram of `prometheus-client` takes a lock to count, which a scrape holds too; this one does not.
#[derive(Debug, Default)]
pub struct Histogram {
    /// The number of durations up to each of [`Histogram::BOUNDS`] and above the previous one. The last is
    /// for longer ones.
    buckets: [AtomicU64; Histogram::BOUNDS.len() + 1],
    nanos: AtomicU64,
}

impl Histogram {
    /// The upper bounds of the buckets, in microseconds.
    const BOUNDS: [u64; 14] = [
        100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
        5_000_000,
    ];

    /// Counts one duration.
    pub(crate) fn observe(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let index = Self::BOUNDS.partition_point(|bound| bound * 1_000 < nanos);
        if let Some(bucket) = self.buckets.get(index) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let bounds = Self::BOUNDS.iter().map(|micros| *micros as f64 / 1e6).chain([f64::INFINITY]);
        let counts = self.buckets.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let seconds = self.nanos.load(Ordering::Relaxed) as f64 / 1e9;
        encoder.encode_histogram::<NoLabelSet>(seconds, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::prometheus_text;
    use prometheus_client::registry::Registry;

    use super::*;
    use crate::stream::RateFault;

    #[test]
    fn every_reason_to_empty_a_window_is_counted_under_its_name() {
        let counters = Counters::default();
        for reason in [
            ResetReason::Gap,
            ResetReason::Restart,
            ResetReason::Silence,
            ResetReason::Missing(1),
            ResetReason::Missing(6),
            ResetReason::Model,
            ResetReason::Rate(RateFault::TooSlow { interval: 1 }),
        ] {
            counters.count_reset(reason);
        }
        let resets: Vec<_> = counters.resets().collect();
        assert_eq!(
            resets,
            [("gap", 1), ("restart", 1), ("silence", 1), ("missing", 2), ("model", 1), ("rate", 1)]
        );
    }

    #[test]
    fn withheld_decisions_are_counted_by_their_reason() {
        let counters = Counters::default();
        for reason in
            [Withheld::Unlikely, Withheld::Novel, Withheld::Fault, Withheld::NoNumber, Withheld::Novel]
        {
            counters.withheld(reason);
        }
        let counts: Vec<_> = counters.all_withheld().collect();
        assert_eq!(counts, [("unlikely", 1), ("novel", 2), ("fault", 1), ("no_number", 1)]);
    }

    #[test]
    fn a_duration_is_counted_in_every_bucket_whose_bound_it_does_not_exceed() {
        let histogram = Histogram::default();
        for micros in [100, 101, 9_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let mut registry = Registry::default();
        registry.register("a_seconds", "x", histogram);
        let mut text = String::new();
        prometheus_text::encode(&mut text, &registry).unwrap();
        for line in [
            "# TYPE a_seconds histogram\n",
            "a_seconds_bucket{le=\"0.0001\"} 1\n",
            "a_seconds_bucket{le=\"0.00025\"} 2\n",
            "a_seconds_bucket{le=\"5\"} 2\n",
            "a_seconds_bucket{le=\"+Inf\"} 3\n",
            "a_seconds_sum 9.000201\n",
            "a_seconds_count 3\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }

    #[test]
    fn a_connection_that_was_lost_stays_counted() {
        let counters = Counters::default();
        counters.connected();
        counters.disconnected();
        assert_eq!(counters.broker(), (false, 1));
    }
}
