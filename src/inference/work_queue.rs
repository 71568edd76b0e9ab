//! Work that waits for the model, within a bound.

use std::collections::VecDeque;

use super::handover::{Handover, QueueItem};
use crate::signal::{DropReason, Drops};
use crate::stream::{Task, Work};

/// A queue in order. Over its bound a live daemon drops the oldest windows; replay asks [`WorkQueue::has_room`] and waits instead.
pub(crate) struct WorkQueue {
    queue: VecDeque<QueueItem>,
    bound: usize,
    live: bool,
    drops: Drops,
}

impl WorkQueue {
    /// An empty queue that holds up to `bound` entries, or some more for a moment.
    pub(crate) fn new(bound: usize, live: bool) -> Self {
        Self { queue: VecDeque::new(), bound, live, drops: Drops::default() }
    }

    /// Adds work at the end.
    pub(crate) fn push(&mut self, work: Work) {
        self.queue.push_back(QueueItem::Work(work));
        // Now and then, so that dropping costs little a window.
        if self.live && self.queue.len() > 2 * self.bound {
            self.shed();
        }
    }

    /// Adds what takes over after all that waits; it is never dropped.
    pub(crate) fn handover(&mut self, handover: Box<Handover>) {
        self.bound = handover.queue_limit;
        self.queue.push_back(QueueItem::Handover(handover));
    }

    /// Takes what has waited longest.
    pub(crate) fn pop(&mut self) -> Option<QueueItem> {
        self.queue.pop_front()
    }

    /// How much waits.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether it is below its bound.
    pub(crate) fn has_room(&self) -> bool {
        self.queue.len() < self.bound
    }

    /// What was dropped since this was last asked.
    pub(crate) fn drops(&mut self) -> &mut Drops {
        if self.live {
            self.shed();
        }
        &mut self.drops
    }

    /// Drops the oldest windows over the bound. Starts, resets and ends go only where there are no windows left to drop: a
    /// surface that does not hold any more must not stay named.
    fn shed(&mut self) {
        let over = self.queue.len().saturating_sub(self.bound);
        if over == 0 {
            return;
        }
        let rest = self.drop_oldest(over, |task| matches!(task, Task::Window { .. }));
        self.drop_oldest(rest, |task| !matches!(task, Task::End { .. }));
    }

    /// Gives how many could not be dropped.
    fn drop_oldest(&mut self, mut over: usize, may_go: impl Fn(&Task) -> bool) -> usize {
        let Self { queue, bound, drops, .. } = self;
        queue.retain(|item| {
            let goes = over > 0 && matches!(item, QueueItem::Work(work) if may_go(&work.task));
            if goes {
                over -= 1;
                drops.add(DropReason::Overload, || {
                    format!(
                        "more than limits.windows = {bound} windows wait for the model; use a smaller model or a larger hop"
                    )
                });
            }
            !goes
        });
        over
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::signal::{StreamId, Time};
    use crate::stream::Quality;
    use crate::stream::{ResetReason, Window};

    fn at(nanos: i64) -> Time {
        Time::from_nanos(nanos).unwrap()
    }

    fn push(queue: &mut WorkQueue, task: Task) {
        queue.push(Work { stream: StreamId::new("a").unwrap(), task });
    }

    fn pop(queue: &mut WorkQueue) -> Task {
        let Some(QueueItem::Work(work)) = queue.pop() else { panic!("no work waits") };
        work.task
    }

    fn window(nanos: i64) -> Task {
        let window = Window { time: at(nanos), values: vec![], quality: Quality::default() };
        Task::Window { window, arrived: Instant::now() }
    }

    #[test]
    fn the_oldest_windows_are_dropped_and_a_reset_is_kept() {
        let mut queue = WorkQueue::new(2, true);
        let reset = Task::Reset { time: at(1), why: ResetReason::Silence };
        for task in [window(0), reset.clone(), window(2), window(3)] {
            push(&mut queue, task);
        }
        assert_eq!(queue.drops().count(DropReason::Overload), 2);
        assert_eq!(pop(&mut queue), reset);
        assert!(matches!(pop(&mut queue), Task::Window { window, .. } if window.time == at(3)));
    }

    #[test]
    fn one_push_after_another_never_holds_much_more_than_the_bound() {
        let mut queue = WorkQueue::new(10, true);
        for nanos in 0..1000 {
            push(&mut queue, window(nanos));
            assert!(queue.queue.len() <= 20);
        }
        assert_eq!(queue.drops().count(DropReason::Overload), 990);
    }

    #[test]
    fn replay_drops_nothing() {
        let mut queue = WorkQueue::new(2, false);
        (0..50).for_each(|nanos| push(&mut queue, window(nanos)));
        assert_eq!(queue.drops().total(), 0);
        assert!(!queue.has_room());
    }
}
