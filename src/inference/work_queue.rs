//! The stream events that wait for inference, up to a limit.

use std::collections::VecDeque;

use super::handover::{Handover, QueueItem};
use crate::receipt::Receipt;
use crate::signal::{DropReason, Drops};
use crate::stream::{EventKind, StreamEvent};

/// A queue of items in order, with a limit.
///
/// If the streams are live, the oldest windows over the limit are dropped. A replay checks
/// [`WorkQueue::has_room`] before it reads further samples instead, and drops nothing.
pub(crate) struct WorkQueue {
    items: VecDeque<QueueItem>,
    limit: usize,
    live: bool,
    drops: Drops,
}

impl WorkQueue {
    /// Creates an empty queue for up to `limit` items. Between two calls of [`WorkQueue::drops`] there may be
    /// more.
    pub(crate) fn new(limit: usize, live: bool) -> Self {
        Self { items: VecDeque::new(), limit, live, drops: Drops::default() }
    }

    /// Adds an event at the end.
    pub(crate) fn push(&mut self, event: StreamEvent) {
        self.items.push_back(QueueItem::Event(event));
        // Dropping goes through the whole queue, so it is not done for every event over the limit.
        if self.live && self.items.len() > 2 * self.limit {
            self.drop_over_limit();
        }
    }

    /// Adds a handover at the end. It is never dropped.
    pub(crate) fn handover(&mut self, handover: Box<Handover>) {
        self.limit = handover.queue_limit;
        self.items.push_back(QueueItem::Handover(handover));
    }

    /// Adds a receipt at the end. It is never dropped before what is in front of it.
    pub(crate) fn receipt(&mut self, receipt: Receipt) {
        self.items.push_back(QueueItem::Receipt(receipt));
    }

    /// Removes the first item.
    pub(crate) fn pop(&mut self) -> Option<QueueItem> {
        self.items.pop_front()
    }

    /// The number of items.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are no items.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether there are fewer items than the limit.
    pub(crate) fn has_room(&self) -> bool {
        self.items.len() < self.limit
    }

    /// Drops what is over the limit if the streams are live. Returns the counts of what was dropped, which
    /// the caller takes.
    pub(crate) fn drops(&mut self) -> &mut Drops {
        if self.live {
            self.drop_over_limit();
        }
        &mut self.drops
    }

    /// Drops the oldest windows over the limit. Starts and resets are dropped only when no window is left:
    /// without a reset, a surface that no longer holds would stay named. Ends and handovers are never
    /// dropped.
    fn drop_over_limit(&mut self) {
        let excess = self.items.len().saturating_sub(self.limit);
        if excess == 0 {
            return;
        }
        let excess = self.drop_oldest(excess, |kind| matches!(kind, EventKind::Window { .. }));
        self.drop_oldest(excess, |kind| !matches!(kind, EventKind::End { .. } | EventKind::Moved));
    }

    /// Drops the `excess` oldest events of the kinds for which `may_drop` is true. Returns how many could not
    /// be dropped.
    fn drop_oldest(&mut self, mut excess: usize, may_drop: impl Fn(&EventKind) -> bool) -> usize {
        let Self { items, limit, drops, .. } = self;
        items.retain(|item| {
            let dropped = excess > 0 && matches!(item, QueueItem::Event(event) if may_drop(&event.kind));
            if dropped {
                excess -= 1;
                drops.add(DropReason::Overload, || {
                    format!(
                        "more than limits.windows = {limit} windows wait for the model; use a smaller model \
                         or a larger hop"
                    )
                });
            }
            !dropped
        });
        excess
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::signal::{StreamId, Time};
    use crate::stream::{Quality, ResetReason, Window};

    fn at(nanos: i64) -> Time {
        Time::from_nanos(nanos).unwrap()
    }

    fn push(queue: &mut WorkQueue, kind: EventKind) {
        queue.push(StreamEvent { stream: StreamId::new("a").unwrap(), kind });
    }

    fn pop(queue: &mut WorkQueue) -> EventKind {
        let Some(QueueItem::Event(event)) = queue.pop() else { panic!("no event waits") };
        event.kind
    }

    fn window(nanos: i64) -> EventKind {
        let window = Window { time: at(nanos), values: vec![], quality: Quality::default() };
        EventKind::Window { window, arrived: Instant::now() }
    }

    #[test]
    fn the_oldest_windows_are_dropped_and_a_reset_is_kept() {
        let mut queue = WorkQueue::new(2, true);
        let reset = EventKind::Reset { time: at(1), reason: ResetReason::Silence };
        for kind in [window(0), reset.clone(), window(2), window(3)] {
            push(&mut queue, kind);
        }
        assert_eq!(queue.drops().count(DropReason::Overload), 2);
        assert_eq!(pop(&mut queue), reset);
        assert!(matches!(pop(&mut queue), EventKind::Window { window, .. } if window.time == at(3)));
    }

    #[test]
    fn the_queue_never_holds_more_than_twice_its_limit() {
        let mut queue = WorkQueue::new(10, true);
        for nanos in 0..1000 {
            push(&mut queue, window(nanos));
            assert!(queue.items.len() <= 20);
        }
        assert_eq!(queue.drops().count(DropReason::Overload), 990);
    }

    #[test]
    fn a_replay_drops_nothing() {
        let mut queue = WorkQueue::new(2, false);
        (0..50).for_each(|nanos| push(&mut queue, window(nanos)));
        assert_eq!(queue.drops().total(), 0);
        assert!(!queue.has_room());
    }
}
