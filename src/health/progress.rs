//! Whether the pipeline makes progress.

/// How far the pipeline has come at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WorkProgress {
    /// Windows that were handed to the model.
    pub(super) windows: u64,
    /// Windows that were predicted.
    pub(super) predictions: u64,
    /// Rounds of the loop that follows the streams.
    pub(super) rounds: u64,
}

impl WorkProgress {
    /// Whether the loop has run since `before`, and a window was predicted if any was with the model at that
    /// time.
    fn moved_since(&self, before: &WorkProgress) -> bool {
        let waited = before.windows > before.predictions;
        self.rounds != before.rounds && (!waited || self.predictions != before.predictions)
    }
}

/// Compares the progress of the pipeline at regular times.
#[derive(Debug, Default)]
pub(crate) struct ProgressWatcher(Option<WorkProgress>);

impl ProgressWatcher {
    /// Whether the pipeline made progress since this was last called. The first call returns true.
    pub(crate) fn moves(&mut self, now: WorkProgress) -> bool {
        self.0.replace(now).is_none_or(|before| now.moved_since(&before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pipeline_moves_if_its_loop_runs_and_windows_come_out_of_the_model() {
        let mut watcher = ProgressWatcher::default();
        let mut moves =
            |windows, predictions, rounds| watcher.moves(WorkProgress { windows, predictions, rounds });
        assert!(moves(0, 0, 0), "the first call");
        assert!(!moves(0, 0, 0), "the loop did not run");
        assert!(moves(1, 0, 1), "no window was with the model before");
        assert!(!moves(1, 0, 2), "the window is still with the model");
        assert!(moves(1, 1, 3));
    }
}
