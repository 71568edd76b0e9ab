//! Reloading: a new configuration and model replace the ones in force while samples arrive.
//!
//! The new configuration is read and checked, and its model loaded, on a thread of its own. Only if all of
//! that succeeds is it passed to the pipeline, which switches to it between two batches of samples. Otherwise
//! the old configuration stays active. Keys that cannot change while the daemon runs are reported and take
//! effect at the next start.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot, watch};

use super::notifier::Notifier;
use super::supervisor;
use crate::health::Health;
use crate::inference::Handover;
use crate::shutdown::Shutdown;

/// The error message of a reload when the pipeline has ended.
const ENDING: &str = "the daemon is ending";

/// How a reload is requested, and how the new configuration is prepared.
pub(crate) struct Reload {
    /// The signal that requests a reload. Any number of signals during a reload cause one further reload.
    pub requests: Signal,
    /// Reads and checks the configuration, and loads the model.
    pub prepare: Prepare,
}

/// Reads the configuration again and loads its model. It blocks. An error says in one line what is wrong.
pub(crate) type Prepare = Box<dyn FnMut() -> Result<Prepared, String> + Send>;

/// A new configuration that has been checked and whose model is loaded.
pub(crate) struct Prepared {
    /// The new model and settings for the pipeline.
    pub handover: Handover,
    /// Resolves when the pipeline has switched to them.
    pub done: oneshot::Receiver<()>,
    /// The new interval between two health reports.
    pub health_interval: Duration,
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
    notifier: Arc<Notifier>,
    mut shutdown: Shutdown,
) {
    let Reload { mut requests, prepare } = reload;
    let prepare = Arc::new(Mutex::new(prepare));
    let reloads = async {
        while requests.recv().await.is_some() {
            notifier.reloading();
            let outcome = reload_once(&prepare, &handovers, &interval, &health).await;
            if let Err(why) = &outcome {
                tracing::error!("the reload failed, and the old configuration stays active: {why}");
            }
            health.reloaded(outcome);
            notifier.reloaded(&supervisor::status(&health.report()));
        }
    };
    tokio::select! {
        () = reloads => {}
        () = shutdown.requested() => {}
    }
}

/// Reloads once. Returns the keys whose new values take effect only at the next start, or why the reload
/// failed.
async fn reload_once(
    prepare: &Arc<Mutex<Prepare>>,
    handovers: &mpsc::Sender<Box<Handover>>,
    interval: &watch::Sender<Duration>,
    health: &Health,
) -> Result<Vec<String>, String> {
    let prepare = prepare.clone();
    // Loading a model takes long, and must not delay the samples.
    let preparing = tokio::task::spawn_blocking(move || {
        let mut prepare = prepare.lock().unwrap_or_else(PoisonError::into_inner);
        prepare()
    });
    let prepared = preparing
        .await
        .map_err(|_| "reading the configuration panicked; please report this with the log".to_owned())?;
    let Prepared { handover, done, health_interval, silence, applied, needs_restart } = prepared?;
    let model = handover.context.model.clone();
    handovers.send(Box::new(handover)).await.map_err(|_| ENDING)?;
    done.await.map_err(|_| ENDING)?;
    interval.send_replace(health_interval);
    health.set_silence(silence);
    let changed = if applied.is_empty() { "nothing".to_owned() } else { applied.join(", ") };
    tracing::info!(model, changed, "reloaded");
    if !needs_restart.is_empty() {
        tracing::warn!("these changes need a restart of the daemon: {}", needs_restart.join(", "));
    }
    Ok(needs_restart)
}
