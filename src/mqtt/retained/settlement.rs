//! Which changes of retained topics the broker has not acknowledged yet, and the receipts that wait for them.

use std::collections::{BTreeSet, VecDeque};

use crate::receipt::Receipt;

/// Numbers the changes of retained topics, and holds receipts until everything that was changed before them is settled:
/// acknowledged by the broker, or given up.
#[derive(Debug, Default)]
pub(super) struct Settlement {
    /// The number of the newest change.
    newest: u64,
    /// The changes that are not settled.
    open: BTreeSet<u64>,
    /// Receipts, each with the newest change before it, oldest first.
    held: VecDeque<(u64, Vec<Receipt>)>,
}

impl Settlement {
    /// Begins a change, and returns its number.
    pub(super) fn begin(&mut self) -> u64 {
        self.newest += 1;
        self.open.insert(self.newest);
        self.newest
    }

    /// Notes that a change is settled, and releases the receipts that waited for it alone.
    pub(super) fn settle(&mut self, change: u64) {
        self.open.remove(&change);
        self.release();
    }

    /// Holds receipts until all changes so far are settled.
    pub(super) fn hold(&mut self, receipts: Vec<Receipt>) {
        if !receipts.is_empty() {
            self.held.push_back((self.newest, receipts));
            self.release();
        }
    }

    fn release(&mut self) {
        let oldest = self.open.first().copied().unwrap_or(u64::MAX);
        while self.held.front().is_some_and(|(change, _)| *change < oldest) {
            self.held.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn receipts_wait_for_every_change_before_them_and_for_none_after() {
        let released = Arc::new(AtomicUsize::new(0));
        let receipt = || {
            let released = released.clone();
            vec![Receipt::new(move || {
                released.fetch_add(1, Ordering::Relaxed);
            })]
        };
        let count = || released.load(Ordering::Relaxed);
        let mut settlement = Settlement::default();
        settlement.hold(receipt());
        assert_eq!(count(), 1, "nothing is open");
        let (first, second) = (settlement.begin(), settlement.begin());
        settlement.hold(receipt());
        let third = settlement.begin();
        settlement.hold(receipt());
        settlement.settle(second);
        assert_eq!(count(), 1);
        settlement.settle(first);
        assert_eq!(count(), 2);
        settlement.settle(third);
        assert_eq!(count(), 3);
    }
}
