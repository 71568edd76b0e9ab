//! Work that waits for the model, within a bound.

use std::collections::VecDeque;

use crate::drops::{Drops, Reason};
use crate::lanes::{Task, Work};

/// A queue in order. Over its bound a live daemon drops the oldest windows; replay asks [`Pending::has_room`] and waits instead.
#[derive(Debug)]
pub struct Pending {
    queue: VecDeque<Work>,
    bound: usize,
}

impl Pending {
    /// An empty queue that should hold up to `bound` entries.
    pub fn new(bound: usize) -> Self {
        Self { queue: VecDeque::new(), bound }
    }

    /// Adds work at the end.
    pub fn push(&mut self, work: Work) {
        self.queue.push_back(work);
    }

    /// Takes the oldest work.
    pub fn pop(&mut self) -> Option<Work> {
        self.queue.pop_front()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether it is below its bound.
    pub fn has_room(&self) -> bool {
        self.queue.len() < self.bound
    }

    /// Drops the oldest work over the bound. The ends of streams stay: there are no more of them than streams.
    pub fn shed(&mut self, drops: &mut Drops) {
        let mut over = self.queue.len().saturating_sub(self.bound);
        if over == 0 {
            return;
        }
        let bound = self.bound;
        self.queue.retain(|work| {
            if over == 0 || matches!(work.task, Task::End { .. }) {
                return true;
            }
            over -= 1;
            drops.add(Reason::Overload, || {
                format!("more than limits.windows = {bound} windows wait for the model; use a smaller model or a larger hop")
            });
            false
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{StreamId, Time};

    #[test]
    fn the_oldest_is_dropped_and_ends_are_kept() {
        let mut pending = Pending::new(2);
        let time = |i| Time::from_nanos(i).unwrap();
        let stream = StreamId::new("a").unwrap();
        let tasks = [
            Task::Start { time: time(0) },
            Task::End { time: time(1) },
            Task::Start { time: time(2) },
            Task::Start { time: time(3) },
        ];
        for task in tasks {
            pending.push(Work { stream: stream.clone(), task });
        }
        let mut drops = Drops::default();
        pending.shed(&mut drops);
        assert_eq!(drops.count(Reason::Overload), 2);
        assert_eq!(pending.pop().unwrap().task, Task::End { time: time(1) });
        assert_eq!(pending.pop().unwrap().task, Task::Start { time: time(3) });
    }
}
