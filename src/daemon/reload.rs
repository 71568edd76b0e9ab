//! Reloading: a new configuration and model replace the ones in force while samples arrive.
//!
//! The new configuration is read and checked, and its model loaded, on a thread of its own. Only if all of
//! that succeeds is it handed to the pipeline, which takes it over between two batches of samples. Otherwise
//! the old configuration stays active. Keys that cannot change while the daemon runs are reported and take
//! effect at the next start.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot, watch};

use super::supervisor;
use crate::health::Health;
use crate::inference::Handover;
use crate::shutdown::Shutdown;

/// Why a reload fails when the pipeline has ended.
const ENDING: &str = "the daemon is ending";

/// How a running daemon is asked to reload, and how it gets its new configuration.
pub(crate) struct Reload {
    /// The signal that asks for a reload. Signals during a reload cause one more reload, however many they
    /// are.
    pub wishes: Signal,
    /// Reads and checks the configuration, and loads the model.
    pub prepare: Prepare,
}

/// Reads the configuration again and loads its model. It blocks. An error says in one line what is wrong.
pub(crate) type Prepare = Box<dyn FnMut() -> Result<Prepared, String> + Send>;

/// A configuration that has been checked and can take over.
pub(crate) struct Prepared {
    /// What the pipeline takes over.
    pub handover: Handover,
    /// Resolves when the pipeline has taken it over.
    pub taken: oneshot::Receiver<()>,
    /// The new interval between two health reports.
    pub pace: Duration,
    /// How long a source may be without samples before it is silent.
    pub silence: Duration,
    /// The keys whose new values take effect now, for the log.
    pub applied: Vec<String>,
    /// The keys whose new values take effect only at the next start.
    pub needs_restart: Vec<String>,
}

/// Reloads at each signal, until the shutdown.
pub(crate) async fn run(
    reload: Reload,
    handovers: mpsc::Sender<Box<Handover>>,
    interval: watch::Sender<Duration>,
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
            let outcome = once(&prepare, &handovers, &interval, &health).await;
            if let Err(why) = &outcome {
                tracing::error!("the reload failed, and the old configuration stays active: {why}");
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

/// Reloads once. Returns the keys whose new values take effect only at the next start, or why the reload
/// failed.
async fn once(
    prepare: &Arc<Mutex<Prepare>>,
    handovers: &mpsc::Sender<Box<Handover>>,
    interval: &watch::Sender<Duration>,
    health: &Health,
) -> Result<Vec<String>, String> {
    let prepare = prepare.clone();
    // Loading a model takes a while. It must not delay the samples.
    let preparing = tokio::task::spawn_blocking(move || {
        let mut prepare = prepare.lock().unwrap_or_else(PoisonError::into_inner);
        prepare()
    });
    let prepared = preparing
        .await
        .map_err(|_| "reading the configuration stopped by itself; please report this".to_owned())?;
    let Prepared { handover, taken, pace, silence, applied, needs_restart } = prepared?;
    let model = handover.context.model.clone();
    handovers.send(Box::new(handover)).await.map_err(|_| ENDING)?;
    taken.await.map_err(|_| ENDING)?;
    interval.send_replace(pace);
    health.silence(silence);
    let changed = if applied.is_empty() { "nothing".to_owned() } else { applied.join(", ") };
    tracing::info!(model, changed, "reloaded");
    if !needs_restart.is_empty() {
        tracing::warn!("these changes need a restart of the daemon: {}", needs_restart.join(", "));
    }
    Ok(needs_restart)
}
