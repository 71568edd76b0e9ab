//! How far the partitions are decided, as far as the nodes say.

use std::collections::BTreeMap;
use std::time::Duration;

/// How long a number counts after the node that reads the partition last said it. When the servers lose the messages of a
/// stream in memory, they begin again with number 1 and keep the time at which the stream was made, so that an old number
/// cannot be told from one of the messages since; therefore it must not be passed on for ever.
const KNOWN: Duration = Duration::from_secs(60);

/// How far the partitions are decided, as far as the nodes say. Times are counted from the start of this node.
#[derive(Debug)]
pub(super) struct Progress {
    /// For each partition the number of the newest message that is decided, and until when that counts.
    newest: Vec<Option<(u64, Duration)>>,
}

impl Progress {
    /// Nothing is known of so many partitions.
    pub(super) fn new(partitions: u16) -> Self {
        Self { newest: vec![None; usize::from(partitions)] }
    }

    /// The number of partitions.
    pub(super) fn partitions(&self) -> usize {
        self.newest.len()
    }

    /// Notes that everything up to a number is decided in a partition by this node, which reads it.
    pub(super) fn note(&mut self, partition: usize, number: u64, now: Duration) {
        self.keep(partition, number, now + KNOWN);
    }

    /// Notes what another node says: for each partition a number, and how many milliseconds ago the node that reads it said so.
    pub(super) fn hear(&mut self, decided: BTreeMap<u16, (u64, u64)>, now: Duration) {
        for (partition, (number, age)) in decided {
            let left = KNOWN.saturating_sub(Duration::from_millis(age));
            self.keep(partition.into(), number, now + left);
        }
        self.forget(now);
    }

    /// What this node says about all partitions, in the form of [`Progress::hear`].
    pub(super) fn say(&mut self, now: Duration) -> BTreeMap<u16, (u64, u64)> {
        self.forget(now);
        let age = |until| KNOWN.saturating_sub(Duration::saturating_sub(until, now)).as_millis();
        let age = |until| u64::try_from(age(until)).unwrap_or(u64::MAX);
        let known = (0..).zip(&self.newest);
        known
            .filter_map(|(partition, newest)| newest.map(|(number, until)| (partition, (number, age(until)))))
            .collect()
    }

    /// The number of the newest message that is decided in a partition; `None` if nobody knows.
    pub(super) fn decided(&self, partition: usize) -> Option<u64> {
        self.newest.get(partition).copied().flatten().map(|(number, _)| number)
    }

    fn keep(&mut self, partition: usize, number: u64, until: Duration) {
        if let Some(newest) = self.newest.get_mut(partition).filter(|_| number > 0) {
            *newest = Some((number, until)).max(*newest);
        }
    }

    fn forget(&mut self, now: Duration) {
        for newest in &mut self.newest {
            newest.take_if(|(_, until)| *until <= now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_newest_number_counts_as_long_as_a_node_that_reads_the_partition_has_said_it_lately() {
        let mut progress = Progress::new(4);
        progress.hear(BTreeMap::from([(1, (250, 0)), (2, (7, 40_000)), (9, (1, 0))]), at(1));
        progress.note(1, 249, at(2));
        assert_eq!([1, 2, 3, 9].map(|index| progress.decided(index)), [Some(250), Some(7), None, None]);
        // It is passed on with its age, which a node that repeats it does not change.
        assert_eq!(progress.say(at(11)), BTreeMap::from([(1, (250, 10_000)), (2, (7, 50_000))]));
        progress.hear(BTreeMap::from([(2, (7, 55_000))]), at(16));
        progress.hear(BTreeMap::new(), at(21));
        assert_eq!([1, 2].map(|index| progress.decided(index)), [Some(250), None]);
        // The stream was begun anew, and what is read of it counts once the old number is forgotten.
        progress.note(1, 3, at(56));
        assert_eq!(progress.decided(1), Some(250));
        progress.hear(BTreeMap::from([(1, (250, 60_000))]), at(61));
        progress.note(1, 4, at(62));
        assert_eq!(progress.decided(1), Some(4));
        assert_eq!(progress.say(at(63)), BTreeMap::from([(1, (4, 1000))]));
    }
}
