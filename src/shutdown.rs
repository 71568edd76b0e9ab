//! The wish to end, as sources see it; and how long what follows is waited for.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// Resolves when the daemon is asked to end. Clones all see it.
#[derive(Clone, Debug)]
pub(crate) struct Shutdown(watch::Receiver<bool>);

/// Asks for the end; dropping it asks, too.
#[derive(Debug)]
pub(crate) struct Trigger(watch::Sender<bool>);

/// A wish not yet made, and who can make it.
pub(crate) fn channel() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Trigger(sender), Shutdown(receiver))
}

impl Trigger {
    /// Asks for the end.
    pub(crate) fn pull(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Waits for the wish.
    pub(crate) async fn requested(&mut self) {
        // An error is a dropped trigger, which asks as well.
        let _ = self.0.wait_for(|asked| *asked).await;
    }
}

/// Waits for a thread to end, but no longer than `patience`; says whether it did.
pub(crate) fn ends_within<T>(thread: &JoinHandle<T>, patience: Duration) -> bool {
    let begun = Instant::now();
    while !thread.is_finished() {
        if begun.elapsed() >= patience {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}
