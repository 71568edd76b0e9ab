//! The wiring: sources, lanes, inference, decisions, sinks. The one file that spawns the tasks of the daemon.
//!
//! Three bounded channels join the stages. Only sources see the shutdown; every other stage ends when its input closes, so what
//! is in flight comes out. `run` and `replay` are this same pipeline: replay waits where a live daemon drops.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::reload::{self, Reload};
use super::stages::{self, Observers};
use super::supervisor;
use crate::decision::{ServingContext, SurfaceTable};
use crate::health::Health;
use crate::http::HttpServer;
use crate::inference::{BatchQueue, Handover, WorkQueue, worker};
use crate::model::session::{Model, ModelError};
use crate::mqtt::{Connection, Publisher, Subscribed, Subscription};
use crate::shutdown::{self, Shutdown};
use crate::signal::{Drops, SourceEvent};
use crate::sink::Sink;
use crate::sink::live::events::LiveEvents;
use crate::sink::recorder::{OnFault, Recorder, RecorderHandle};
use crate::source::bytes::ByteSource;
use crate::source::file::FileSource;
use crate::source::handle::SourceHandle;
use crate::source::serial::SerialSource;
use crate::source::simulator::SimulatorSource;
use crate::source::stdin;
use crate::stream::{StreamTable, StreamTableOptions};

/// Blocks that may wait for the lanes.
const BLOCKS: usize = 64;

/// One source, ready to run.
pub(crate) enum SourceTask {
    /// A subscription on the broker's connection.
    Mqtt(Subscription),
    /// A serial port.
    Serial(SerialSource),
    /// Standard input.
    Stdin(ByteSource),
    /// Recordings.
    Files(FileSource),
    /// The simulator.
    Simulator(SimulatorSource),
}

/// The broker's connection, ready to run.
pub(crate) struct BrokerConnection {
    /// The network's side.
    pub connection: Connection,
    /// The topics' side.
    pub publisher: Publisher,
    /// How often the counters are published; a tool publishes none.
    pub health: Option<Duration>,
}

/// The model's side of a pipeline.
pub(crate) struct Serving {
    /// A loaded model for each thread of inference, all of one card.
    pub models: Vec<Model>,
    /// Windows that run together at the most.
    pub batch: usize,
    /// Work that may wait for the model.
    pub queue_limit: usize,
    /// How streams are followed.
    pub streams: StreamTableOptions,
    /// What surfaces are decided by.
    pub context: ServingContext,
    /// Where outcomes go.
    pub sinks: Vec<Sink>,
}

/// A whole pipeline, ready to run.
pub(crate) struct Pipeline {
    /// The sources, each with what messages call it.
    pub sources: Vec<(String, SourceTask)>,
    /// The broker, if any.
    pub broker: Option<BrokerConnection>,
    /// The model, if windows are predicted.
    pub serving: Option<Serving>,
    /// The recorder, if samples are recorded.
    pub recorder: Option<Recorder>,
    /// The page, the metrics and the probes, if they are served.
    pub http: Option<HttpServer>,
    /// The counters; it has each source's name.
    pub health: Arc<Health>,
    /// How another configuration takes over; a tool has one for good.
    pub reload: Option<Reload>,
    /// Whether the service manager is told how it is.
    pub supervised: bool,
    /// How long work in flight may take to end at shutdown.
    pub drain: Duration,
}

/// What is left when a pipeline has ended.
#[derive(Default)]
pub(crate) struct PipelineEnd {
    /// The sinks.
    pub sinks: Vec<Sink>,
    /// Recordings with their samples.
    pub recordings: Vec<(PathBuf, u64)>,
}

/// Why a pipeline ended before its sources did.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PipelineError {
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Recording, where that was all there was to do, failed.
    #[error(transparent)]
    Record(#[from] io::Error),
    /// A stage stopped by itself.
    #[error("{0} stopped by itself; please report this with the log")]
    Stage(&'static str),
    /// Work in flight did not end in time.
    #[error("work in flight did not end within limits.drain = {}", humantime::format_duration(*.0))]
    Drain(Duration),
}

impl Pipeline {
    /// Runs until every source has ended or `shutdown` resolves, then publishes what is in flight.
    ///
    /// # Errors
    /// [`PipelineError`].
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()>) -> Result<PipelineEnd, PipelineError> {
        let Self { sources, broker, serving, recorder, http, health, reload, supervised, drain } = self;
        let (trigger, asked) = shutdown::channel();
        let (events, received) = mpsc::channel(BLOCKS);
        let mut tasks = JoinSet::new();

        let mut subscribed = Vec::new();
        for (index, (name, source)) in sources.into_iter().enumerate() {
            let handle = SourceHandle::new(index, name, events.clone(), health.clone());
            spawn_source(&mut tasks, source, handle, asked.clone(), &mut subscribed);
        }
        drop(events);
        let every = broker.as_ref().and_then(|broker| broker.health).unwrap_or(Duration::MAX);
        let (pace, paced) = watch::channel(every);
        let publisher =
            broker.map(|broker| spawn_broker(&mut tasks, broker, subscribed, paced, &asked, &health));
        let (handovers, handed_over) = mpsc::channel(1);
        if let Some(reload) = reload {
            tasks.spawn(reload::run(reload, handovers, pace, health.clone(), supervised, asked.clone()));
        }

        let live = http.as_ref().map(HttpServer::live);
        if let Some(server) = http {
            tasks.spawn(spawn_connections(server, asked.clone()));
        }
        if supervised {
            tasks.spawn(supervisor::run(health.clone(), asked.clone()));
            supervisor::ready();
        }

        let on_fault = if serving.is_some() { OnFault::Pause } else { OnFault::End };
        let recording = recorder.map(|recorder| RecorderHandle::start(recorder, on_fault, health.clone()));
        let mut stages = std::pin::pin!(async {
            match serving {
                Some(serving) => serve(received, handed_over, serving, recording, live, &health, drain).await,
                None => record(received, recording, &health, drain).await,
            }
        });
        let ended = tokio::select! {
            ended = &mut stages => ended,
            () = shutdown => {
                if supervised {
                    supervisor::stopping();
                }
                trigger.pull();
                let drained = tokio::time::timeout(drain, &mut stages).await;
                drained.unwrap_or(Err(PipelineError::Drain(drain)))
            }
        };
        trigger.pull();
        if let Some(publisher) = publisher {
            // A connection that is stuck is left to the broker's own time-out, and its last will.
            let _ = tokio::time::timeout(drain, publisher.close()).await;
        }
        let all = async { while tasks.join_next().await.is_some() {} };
        // What hangs is cut off when the set is dropped.
        let _ = tokio::time::timeout(drain, all).await;
        ended
    }
}

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

fn spawn_broker(
    tasks: &mut JoinSet<()>,
    broker: BrokerConnection,
    subscribed: Vec<Subscribed>,
    paced: watch::Receiver<Duration>,
    shutdown: &Shutdown,
    health: &Arc<Health>,
) -> Publisher {
    let BrokerConnection { connection, publisher, health: every } = broker;
    let filters = subscribed.iter().map(|(subscription, _)| subscription.filter()).collect();
    tasks.spawn(connection.run(subscribed, shutdown.clone(), health.clone()));
    let mut asked = shutdown.clone();
    let topics = publisher.clone();
    tasks.spawn(async move {
        tokio::select! {
            () = topics.run(filters) => {}
            () = asked.requested() => {}
        }
    });
    if every.is_some() {
        tasks.spawn(publish_health(health.clone(), publisher.clone(), paced, shutdown.clone()));
    }
    publisher
}

/// Serves each client in a task of its own, as many as the server lets in.
async fn spawn_connections(mut server: HttpServer, mut shutdown: Shutdown) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            connection = server.next() => drop(connections.spawn(connection)),
            Some(_) = connections.join_next() => {}
            // Those who still look are cut off when the set is dropped.
            () = shutdown.requested() => return,
        }
    }
}

async fn publish_health(
    health: Arc<Health>,
    topics: Publisher,
    mut every: watch::Receiver<Duration>,
    mut shutdown: Shutdown,
) {
    let mut ticks = tokio::time::interval(*every.borrow_and_update());
    loop {
        tokio::select! {
            Ok(()) = every.changed() => ticks = tokio::time::interval(*every.borrow_and_update()),
            _ = ticks.tick() => {
                topics.retain("health", serde_json::to_vec(&health.report()).unwrap_or_default());
            }
            () = shutdown.requested() => return,
        }
    }
}

/// Samples to outcomes: lanes, inference on its own threads, decisions.
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
    // Each thread finds a whole batch waiting when it has ended one.
    let (work, queued) = mpsc::channel(batch * (models.len() + 1));
    let (results, inferred) = mpsc::channel(models.len() + 1);
    let queue = Arc::new(BatchQueue::new(queued));
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
    let queue_limit = WorkQueue::new(queue_limit, streams.live());
    let observers = Observers { recording: recording.as_ref(), live: live.as_ref() };
    let following = stages::follow(events, handovers, streams, queue_limit, work, observers, health);
    let deciding = stages::decide(inferred, surfaces, sinks, health);
    let ((), decided) = tokio::join!(following, deciding);
    let sinks = decided?;
    if threads.into_iter().any(|thread| thread.join().is_err()) {
        return Err(PipelineError::Stage("inference"));
    }
    let recordings = recording.map(|recording| recording.finish(drain)).transpose();
    // Surfaces were served, whatever became of the recordings.
    let recordings = recordings.inspect_err(|error| tracing::error!("{error}")).ok().flatten();
    Ok(PipelineEnd { sinks, recordings: recordings.unwrap_or_default() })
}

/// Samples to recordings, and nothing else.
async fn record(
    mut events: mpsc::Receiver<SourceEvent>,
    recording: Option<RecorderHandle>,
    health: &Arc<Health>,
    drain: Duration,
) -> Result<PipelineEnd, PipelineError> {
    let Some(recording) = recording else { return Ok(PipelineEnd::default()) };
    let mut drops = Drops::default();
    while let Some(event) = events.recv().await {
        if recording.failed() {
            break;
        }
        recording.take(&event, &mut drops);
        health.dropped("recorder", &mut drops);
    }
    Ok(PipelineEnd { sinks: Vec::new(), recordings: recording.finish(drain)? })
}
