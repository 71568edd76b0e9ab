//! Threads with a name whose end can be awaited, and futures whose panic is noticed.
//!
//! A panic unwinds one thread or one task, and the others would go on as if nothing had happened. Whatever
//! the daemon runs therefore goes through [`NamedThread`] or [`caught`], or through the tasks of the pipeline,
//! so that its end is noticed. The message of a panic is in the log, where [`log`](crate::log) writes it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use tokio::sync::oneshot;

/// A thread with a name.
#[derive(Debug)]
pub(crate) struct NamedThread<T> {
    /// What the thread returned; `None` once it was taken.
    end: Option<oneshot::Receiver<T>>,
}

impl<T: Send + 'static> NamedThread<T> {
    /// Starts a thread. The name is in the log if it panics. Linux shows the first 15 bytes of it.
    pub(crate) fn spawn(name: &str, work: impl FnOnce() -> T + Send + 'static) -> Self {
        let (sender, end) = oneshot::channel();
        let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            // An error means that nobody waits for the end.
            let _ = sender.send(work());
        });
        if let Err(error) = spawned {
            // The sender is gone with the closure, so the thread counts as one that has panicked.
            tracing::error!(thread = name, "the system starts no further thread: {error}");
        }
        Self { end: Some(end) }
    }

    /// Waits for the end of the thread, and returns what it returned. `None` if it panicked, or if its end was
    /// already awaited.
    ///
    /// This is cancel safe.
    pub(crate) async fn end(&mut self) -> Option<T> {
        let ended = self.end.as_mut()?.await.ok();
        self.end = None;
        ended
    }
}

/// A future that gives the output of `work`, or `None` if it panics.
pub(crate) async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    // After a panic the future is only dropped, so nothing sees a state that was left half changed.
    std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(polled) => polled.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// Panics if the environment variable `UNDERFOOT_TEST_PANIC` has this name. Tests find out with it what
/// becomes of a daemon of which one part has panicked.
#[cfg(debug_assertions)]
#[allow(clippy::panic)]
pub(crate) fn test_panic(name: &str) {
    if std::env::var_os("UNDERFOOT_TEST_PANIC").is_some_and(|wanted| wanted == name) {
        panic!("this panic of {name} was asked for");
    }
}

/// Does nothing: only programs that are built for tests can be made to panic.
#[cfg(not(debug_assertions))]
pub(crate) fn test_panic(_: &str) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
    }

    #[test]
    fn a_thread_returns_its_value_once_and_a_panic_is_no_value() {
        let mut thread = NamedThread::spawn("seven", || 7);
        assert_eq!(block_on(thread.end()), Some(7));
        assert_eq!(block_on(thread.end()), None, "the value was taken");
        let mut thread = NamedThread::spawn("panics", || assert!(std::hint::black_box(false)));
        assert_eq!(block_on(thread.end()), None);
    }

    #[test]
    fn a_future_that_panics_gives_no_output() {
        assert_eq!(block_on(caught(async { 7 })), Some(7));
        assert_eq!(block_on(caught(async { assert!(std::hint::black_box(false)) })), None);
    }
}
