//! Taking over another configuration and model while samples flow.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot, watch};

use super::supervisor;
use crate::health::Health;
use crate::inference::Handover;
use crate::shutdown::Shutdown;

/// Nobody takes over any more.
const ENDING: &str = "the daemon is ending";

/// How a running daemon is asked for another configuration, and where it gets it.
pub(crate) struct Reload {
    /// Each is a wish; those that come during a reload are one.
    pub wishes: Signal,
    /// Reads and checks it, and loads its model. It blocks.
    pub prepare: Prepare,
}

/// Reads the configuration again; an error is what is wrong, in one line.
pub(crate) type Prepare = Box<dyn FnMut() -> Result<Prepared, String> + Send>;

/// A configuration that can take over.
pub(crate) struct Prepared {
    /// What takes over in its place among the work.
    pub handover: Handover,
    /// Resolves when it has.
    pub taken: oneshot::Receiver<()>,
    /// How often counters are published.
    pub pace: Duration,
    /// After this long a source without samples is silent.
    pub silence: Duration,
    /// The keys that take effect, for the log.
    pub applied: Vec<String>,
    /// The keys that take effect at the next start only.
    pub needs_restart: Vec<String>,
}

/// Reloads at every wish, until the shutdown.
pub(crate) async fn run(
    reload: Reload,
    handovers: mpsc::Sender<Box<Handover>>,
    pace: watch::Sender<Duration>,
    health: Arc<Health>,
    supervised: bool,
    mut shutdown: Shutdown,
) {
    let Reload { mut wishes, prepare } = reload;
    let prepare = Arc::new(Mutex::new(prepare));
    let reloads = async {
        while wishes.recv().await.is_some() {
            if supervised {
                supervisor::reloading();
            }
            let outcome = once(&prepare, &handovers, &pace, &health).await;
            if let Err(why) = &outcome {
                tracing::error!("the reload failed, and what ran before goes on: {why}");
            }
            health.reloaded(outcome);
            if supervised {
                supervisor::reloaded(&health.report());
            }
        }
    };
    tokio::select! {
        () = reloads => {}
        () = shutdown.requested() => {}
    }
}

/// One reload; gives the keys that take a restart.
async fn once(
    prepare: &Arc<Mutex<Prepare>>,
    handovers: &mpsc::Sender<Box<Handover>>,
    pace: &watch::Sender<Duration>,
    health: &Health,
) -> Result<Vec<String>, String> {
    let prepare = prepare.clone();
    // Loading a model takes a while, in which samples flow on.
    let preparing = tokio::task::spawn_blocking(move || {
        let mut prepare = prepare.lock().unwrap_or_else(PoisonError::into_inner);
        prepare()
    });
    let prepared =
        preparing.await.map_err(|_| "reading it stopped by itself; please report this".to_owned())?;
    let Prepared { handover, taken, pace: every, silence, applied, needs_restart } = prepared?;
    let model = handover.context.model.clone();
    handovers.send(Box::new(handover)).await.map_err(|_| ENDING)?;
    taken.await.map_err(|_| ENDING)?;
    pace.send_replace(every);
    health.silence(silence);
    let changed = if applied.is_empty() { "nothing".to_owned() } else { applied.join(", ") };
    tracing::info!(model, changed, "reloaded");
    if !needs_restart.is_empty() {
        tracing::warn!(
            "restart the daemon for what cannot change while it runs: {}",
            needs_restart.join(", ")
        );
    }
    Ok(needs_restart)
}
