//! The tasks of a pipeline, each with a name and with whether it may end before the shutdown.

use std::collections::HashMap;

use tokio::task::{Id, JoinSet};

use super::parts::PipelineError;
use crate::thread::test_panic;

/// Whether a task may end before the shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TaskEnd {
    /// It may: a recording or standard input comes to its end.
    Any,
    /// It may not. If it ends earlier, that is a defect.
    AfterShutdown,
}

/// The tasks of a pipeline. They are aborted when this is dropped.
#[derive(Default)]
pub(super) struct Tasks {
    tasks: JoinSet<()>,
    names: HashMap<Id, (String, TaskEnd)>,
}

impl Tasks {
    /// Starts a task. Its name is in the error if it ends when it must not.
    pub(super) fn spawn(
        &mut self,
        name: impl Into<String>,
        end: TaskEnd,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let name = name.into();
        let kind = name.split(' ').next().unwrap_or_default().to_owned();
        let handle = self.tasks.spawn(async move {
            test_panic(&kind);
            task.await;
        });
        self.names.insert(handle.id(), (name, end));
    }

    /// Resolves when a task has panicked, or has ended although it must not before the shutdown.
    ///
    /// This is cancel safe.
    pub(super) async fn failure(&mut self) -> PipelineError {
        loop {
            match self.next().await {
                Some(Ok((_, TaskEnd::Any))) => {}
                Some(Ok((name, TaskEnd::AfterShutdown)) | Err(name)) => return PipelineError::Stopped(name),
                None => std::future::pending().await,
            }
        }
    }

    /// Waits for the end of all tasks after the shutdown.
    ///
    /// # Errors
    /// [`PipelineError::Stopped`] at the first task that has panicked.
    pub(super) async fn end(&mut self) -> Result<(), PipelineError> {
        while let Some(ended) = self.next().await {
            ended.map_err(PipelineError::Stopped)?;
        }
        Ok(())
    }

    /// Waits for the next task to end. An error has the name of a task that has panicked.
    async fn next(&mut self) -> Option<Result<(String, TaskEnd), String>> {
        let ended = self.tasks.join_next_with_id().await?;
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let (name, end) = self.names.remove(&id).unwrap_or_else(|| ("task".into(), TaskEnd::AfterShutdown));
        Some(if ended.is_ok() { Ok((name, end)) } else { Err(name) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
    }

    /// Lets every task run that can.
    async fn settle() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn a_task_that_panics_or_ends_too_early_is_named_and_one_that_may_end_is_not() {
        block_on(async {
            let mut tasks = Tasks::default();
            tasks.spawn("source board", TaskEnd::Any, async {});
            tasks.spawn("connection", TaskEnd::AfterShutdown, std::future::pending());
            let failure = tokio::select! {
                failure = tasks.failure() => Some(failure),
                () = settle() => None,
            };
            assert!(failure.is_none(), "{failure:?}");
            tasks.spawn("source port", TaskEnd::AfterShutdown, async {});
            assert!(matches!(tasks.failure().await, PipelineError::Stopped(name) if name == "source port"));
            tasks.spawn("source file", TaskEnd::Any, async { assert!(std::hint::black_box(false)) });
            assert!(matches!(tasks.failure().await, PipelineError::Stopped(name) if name == "source file"));
        });
    }

    #[test]
    fn after_the_shutdown_only_a_panic_is_an_error() {
        block_on(async {
            let mut tasks = Tasks::default();
            tasks.spawn("connection", TaskEnd::AfterShutdown, async {});
            assert!(tasks.end().await.is_ok());
            tasks.spawn("publisher", TaskEnd::AfterShutdown, async { assert!(std::hint::black_box(false)) });
            let ended = tasks.end().await;
            assert!(matches!(ended, Err(PipelineError::Stopped(name)) if name == "publisher"));
        });
    }
}
