//! Whether the pipeline makes progress.

/// How far the pipeline has come at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WorkProgress {
    /// Windows that were handed to the model.
    pub(super) windows: u64,
    /// Predictions that came out of the decision.
    pub(super) predictions: u64,
    /// Rounds of the loop that follows the streams.
    pub(super) rounds: u64,
}

impl WorkProgress {
    /// Whether the loop has run since `before`, and a prediction came out of the decision if one was on its way
    /// at that time. Without samples there is none, and the loop goes on.
    fn has_advanced_since(&self, before: &WorkProgress) -> bool {
        let was_waiting = before.windows > before.predictions;
        self.rounds != before.rounds && (!was_waiting || self.predictions != before.predictions)
    }
}

/// Compares the progress of the pipeline at regular times.
#[derive(Debug, Default)]
pub(crate) struct ProgressWatcher(Option<WorkProgress>);

impl ProgressWatcher {
    /// Whether the pipeline made progress since this was last called. The first call returns true.
    pub(crate) fn makes_progress(&mut self, now: WorkProgress) -> bool {
        self.0.replace(now).is_none_or(|before| now.has_advanced_since(&before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pipeline_makes_progress_if_its_loop_runs_and_windows_are_predicted() {
        let mut watcher = ProgressWatcher::default();
        let mut makes_progress = |windows, predictions, rounds| {
            watcher.makes_progress(WorkProgress { windows, predictions, rounds })
        };
        assert!(makes_progress(0, 0, 0), "the first call");
        assert!(!makes_progress(0, 0, 0), "the loop did not run");
        assert!(makes_progress(1, 0, 1), "no window was with the model before");
        assert!(!makes_progress(1, 0, 2), "the window is still with the model");
        assert!(makes_progress(1, 1, 3));
    }
}
