//! The pipeline: sources, stream table, inference, decision and sinks. Only this file spawns the daemon's
//! tasks. The text sink and the recorder each have a thread of their own, which writes to the terminal or the disk.
//!
//! Three bounded channels connect the stages:
//!
//! ```text
//! sources ──batches──▶ follow ──windows──▶ inference threads ──probabilities──▶ decide ──outcomes──▶ sinks
//! ```
//!
//! Only sources and helper tasks see the shutdown. Every other stage ends when its input closes, so that the
//! samples and windows in progress are still processed and published. `run` and `replay` use the same
//! pipeline. They differ when the queue of windows is full: a live daemon drops windows, and a replay waits.
//!
//! The loops between the channels are in [`stages`], and the parts that a pipeline is assembled from in
//! [`parts`](super::parts).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::parts::{BrokerConnection, PipelineEnd, PipelineError, Serving, SourceTask};
use super::reload::{self, Reload};
use super::stages::{self, Observers};
use super::supervisor;
use crate::decision::SurfaceTable;
use crate::health::Health;
use crate::http::HttpServer;
use crate::inference::{BatchQueue, Handover, WorkQueue, worker};
use crate::mqtt::{Publisher, Subscribed};
use crate::shutdown::{self, Shutdown};
use crate::signal::{Drops, SourceEvent};
use crate::sink::live::events::LiveEvents;
use crate::sink::recorder::{OnFault, Recorder, RecorderHandle};
use crate::source::handle::SourceHandle;
use crate::source::stdin;
use crate::stream::StreamTable;

/// Maximum number of batches of samples that wait for the stream table.
const BATCHES: usize = 64;

/// A function that is called with each event of the sources.
pub(crate) type Observer = Box<dyn FnMut(&SourceEvent) + Send>;

/// A whole pipeline that has been assembled, but does not run yet.
pub(crate) struct Pipeline {
    /// The sources, each with its name in log lines and health reports.
    pub sources: Vec<(String, SourceTask)>,
    /// The broker's connection; `None` without MQTT.
    pub broker: Option<BrokerConnection>,
    /// What is needed for predictions; `None` in a pipeline that only records.
    pub serving: Option<Serving>,
    /// The recorder; `None` if no samples are recorded.
    pub recorder: Option<Recorder>,
    /// Is called with each event of the sources in a pipeline without predictions; `None` if nothing observes them.
    pub observer: Option<Observer>,
    /// The server of the page, the metrics and the probes; `None` if they are not served.
    pub http: Option<HttpServer>,
    /// The counters, created for `sources` in the same order.
    pub health: Arc<Health>,
    /// How the daemon reloads its configuration; `None` in a tool, which never does.
    pub reload: Option<Reload>,
    /// Whether the service manager is informed of the daemon's state.
    pub supervised: bool,
    /// Maximum time for each step of the shutdown.
    pub drain: Duration,
}

impl Pipeline {
    /// Runs until every source has ended or `shutdown` resolves, then finishes and publishes the work in
    /// progress.
    ///
    /// # Errors
    /// [`PipelineError`] when the model or a recording fails, a stage stops by itself, or the shutdown takes
    /// too long.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()>) -> Result<PipelineEnd, PipelineError> {
        let Self { sources, broker, serving, recorder, observer, http, health, reload, supervised, drain } =
            self;
        let (trigger, stop) = shutdown::channel();
        let (events, event_receiver) = mpsc::channel(BATCHES);
        let mut tasks = JoinSet::new();

        let mut subscribed = Vec::new();
        for (index, (name, source)) in sources.into_iter().enumerate() {
            let handle = SourceHandle::new(index, name, events.clone(), health.clone());
            spawn_source(&mut tasks, source, handle, stop.clone(), &mut subscribed);
        }
        drop(events);
        let health_interval = broker.as_ref().and_then(|broker| broker.health).unwrap_or(Duration::MAX);
        let (interval, interval_receiver) = watch::channel(health_interval);
        let publisher = broker
            .map(|broker| spawn_broker(&mut tasks, broker, subscribed, interval_receiver, &stop, &health));
        let (handovers, handover_receiver) = mpsc::channel(1);
        if let Some(reload) = reload {
            tasks.spawn(reload::run(reload, handovers, interval, health.clone(), supervised, stop.clone()));
        }

        let live = http.as_ref().map(HttpServer::live);
        if let Some(server) = http {
            tasks.spawn(spawn_connections(server, stop.clone()));
        }
        if supervised {
            tasks.spawn(supervisor::run(health.clone(), stop.clone()));
            supervisor::ready();
        }

        let on_fault = if serving.is_some() { OnFault::Pause } else { OnFault::End };
        let recording = recorder.map(|recorder| RecorderHandle::start(recorder, on_fault, health.clone()));
        let mut stages = std::pin::pin!(async {
            match serving {
                Some(serving) => {
                    serve(event_receiver, handover_receiver, serving, recording, live, &health, drain).await
                }
                None => record(event_receiver, recording, observer, &health, drain).await,
            }
        });
        let ended = tokio::select! {
            ended = &mut stages => ended,
            () = shutdown => {
                if supervised {
                    supervisor::stopping();
                }
                trigger.request();
                let drained = tokio::time::timeout(drain, &mut stages).await;
                drained.unwrap_or(Err(PipelineError::Drain(drain)))
            }
        };
        trigger.request();
        if let Some(publisher) = publisher {
            // If the connection is stuck, the broker finds that out by itself and publishes the last will.
            let _ = tokio::time::timeout(drain, publisher.close()).await;
        }
        let all = async { while tasks.join_next().await.is_some() {} };
        // Tasks that are still running after that are aborted when the set is dropped.
        let _ = tokio::time::timeout(drain, all).await;
        ended
    }
}

/// Spawns the task of a source. An MQTT source has none of its own: it is added to `subscribed`.
fn spawn_source(
    tasks: &mut JoinSet<()>,
    source: SourceTask,
    handle: SourceHandle,
    shutdown: Shutdown,
    subscribed: &mut Vec<Subscribed>,
) {
    match source {
        SourceTask::Mqtt(subscription) => subscribed.push((subscription, handle)),
        SourceTask::Serial(serial) => drop(tasks.spawn(serial.run(handle, shutdown))),
        SourceTask::Stdin(bytes) => drop(tasks.spawn(stdin::run(bytes, handle, shutdown))),
        SourceTask::Files(files) => drop(tasks.spawn(files.run(handle, shutdown))),
        SourceTask::Simulator(simulator) => drop(tasks.spawn(simulator.run(handle, shutdown))),
    }
}

/// Spawns the tasks of the connection to the broker, and returns its publisher.
fn spawn_broker(
    tasks: &mut JoinSet<()>,
    broker: BrokerConnection,
    subscribed: Vec<Subscribed>,
    interval: watch::Receiver<Duration>,
    shutdown: &Shutdown,
    health: &Arc<Health>,
) -> Publisher {
    let BrokerConnection { connection, publisher, health: health_interval } = broker;
    let filters = subscribed.iter().map(|(subscription, _)| subscription.filter()).collect();
    tasks.spawn(connection.run(subscribed, shutdown.clone(), health.clone()));
    let mut stop = shutdown.clone();
    let topics = publisher.clone();
    tasks.spawn(async move {
        tokio::select! {
            () = topics.run(filters) => {}
            () = stop.requested() => {}
        }
    });
    if health_interval.is_some() {
        tasks.spawn(publish_health(health.clone(), publisher.clone(), interval, shutdown.clone()));
    }
    publisher
}

/// Serves each HTTP client in a task of its own. The server limits how many there are.
async fn spawn_connections(mut server: HttpServer, mut shutdown: Shutdown) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            connection = server.next() => drop(connections.spawn(connection)),
            Some(_) = connections.join_next() => {}
            // Connections that are still open are closed when the set is dropped.
            () = shutdown.requested() => return,
        }
    }
}

/// Publishes the health report at an interval that a reload can change.
async fn publish_health(
    health: Arc<Health>,
    publisher: Publisher,
    mut interval: watch::Receiver<Duration>,
    mut shutdown: Shutdown,
) {
    let mut ticks = tokio::time::interval(*interval.borrow_and_update());
    loop {
        tokio::select! {
            Ok(()) = interval.changed() => ticks = tokio::time::interval(*interval.borrow_and_update()),
            _ = ticks.tick() => {
                publisher.retain("health", serde_json::to_vec(&health.report()).unwrap_or_default());
            }
            () = shutdown.requested() => return,
        }
    }
}

/// Turns samples into outcomes: the stream table, inference on its own threads, the decision and the sinks.
async fn serve(
    events: mpsc::Receiver<SourceEvent>,
    handovers: mpsc::Receiver<Box<Handover>>,
    serving: Serving,
    recording: Option<RecorderHandle>,
    live: Option<LiveEvents>,
    health: &Arc<Health>,
    drain: Duration,
) -> Result<PipelineEnd, PipelineError> {
    let Serving { models, batch, queue_limit, streams, context, sinks } = serving;
    // Large enough that each thread finds a whole batch waiting when it has finished one.
    let (work, work_receiver) = mpsc::channel(batch * (models.len() + 1));
    let (results, inferred) = mpsc::channel(models.len() + 1);
    let queue = Arc::new(BatchQueue::new(work_receiver));
    let threads: Vec<_> = models
        .into_iter()
        .map(|model| {
            let (queue, results, health) = (queue.clone(), results.clone(), health.clone());
            std::thread::spawn(move || worker::run(model, &queue, batch, &results, &health))
        })
        .collect();
    drop((queue, results));

    let surfaces = SurfaceTable::new(context);
    let streams = StreamTable::new(streams);
    let work_queue = WorkQueue::new(queue_limit, streams.is_live());
    let observers = Observers { recording: recording.as_ref(), live: live.as_ref() };
    let following = stages::follow(events, handovers, streams, work_queue, work, observers, health);
    let deciding = stages::decide(inferred, surfaces, sinks, health);
    let ((), decided) = tokio::join!(following, deciding);
    let sinks = decided?;
    if threads.into_iter().any(|thread| thread.join().is_err()) {
        return Err(PipelineError::Stage("inference"));
    }
    let recordings = recording.map(|recording| recording.finish(drain)).transpose();
    // The predictions are complete, so a failed recording is only logged and is not an error of the pipeline.
    let recordings = recordings.inspect_err(|error| tracing::error!("{error}")).ok().flatten();
    Ok(PipelineEnd { sinks, recordings: recordings.unwrap_or_default() })
}

/// Records or observes samples, and does nothing else.
async fn record(
    mut events: mpsc::Receiver<SourceEvent>,
    recording: Option<RecorderHandle>,
    mut observer: Option<Observer>,
    health: &Arc<Health>,
    drain: Duration,
) -> Result<PipelineEnd, PipelineError> {
    let mut drops = Drops::default();
    while let Some(event) = events.recv().await {
        if let Some(observer) = &mut observer {
            observer(&event);
        }
        if let Some(recording) = &recording {
            if recording.failed() {
                break;
            }
            recording.take(&event, &mut drops);
            health.dropped("recorder", &mut drops);
        }
    }
    let recordings = recording.map(|recording| recording.finish(drain)).transpose()?;
    Ok(PipelineEnd { sinks: Vec::new(), recordings: recordings.unwrap_or_default() })
}
