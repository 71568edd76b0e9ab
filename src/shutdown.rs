//! Requests to shut down, and waiting for threads to end.
//!
//! [`channel`] gives a [`Trigger`], which requests the shutdown, and a [`Shutdown`], which waits for the
//! request. In the daemon, sources, connections and helper tasks wait
//! for it; every other stage ends when its input closes.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// Waits for the request to shut down. All clones receive the same request.
#[derive(Clone, Debug)]
pub(crate) struct Shutdown(watch::Receiver<bool>);

/// Requests the shutdown. Dropping the trigger also requests it.
#[derive(Debug)]
pub(crate) struct Trigger(watch::Sender<bool>);

/// Creates a trigger and a future for its request.
pub(crate) fn channel() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Trigger(sender), Shutdown(receiver))
}

impl Trigger {
    /// Requests the shutdown.
    pub(crate) fn request(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Resolves when the shutdown is requested, or at once if it was requested before.
    pub(crate) async fn requested(&mut self) {
        // An error means that the trigger was dropped, which also requests the shutdown.
        let _ = self.0.wait_for(|requested| *requested).await;
    }
}

/// Waits for a thread to end, but at most for `timeout`. Returns whether it has ended.
///
/// It blocks the calling thread.
pub(crate) fn ends_within<T>(thread: &JoinHandle<T>, timeout: Duration) -> bool {
    let start = Instant::now();
    while !thread.is_finished() {
        if start.elapsed() >= timeout {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}
