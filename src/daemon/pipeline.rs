//! The pipeline: sources, stream table, inference, decision and sinks. Only this file spawns the daemon's
//! tasks. Inference, the decisions, the text sink and the recorder have threads of their own.
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
//! No part may die in silence. While the pipeline runs, it waits for the end of every task and every thread; one
//! that panics, or ends before it may, ends the pipeline with [`PipelineError::Stopped`].
//!
//! The stages are run by [`serving`], the loops between the channels are in [`stages`](super::stages), and the
//! parts that a pipeline is assembled from in [`parts`](super::parts).

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::notifier::Notifier;
use super::output::{self, OutputThread};
use super::parts::{BrokerConnection, Observer, PipelineEnd, PipelineError, Serving, SourceTask};
use super::recording::RecordingThread;
use super::reload::{self, Reload};
use super::tasks::{TaskEnd, Tasks};
use super::{serving, supervisor};
use crate::health::Health;
use crate::http::HttpServer;
use crate::mqtt::{LabelTopic, Publisher, ReceivedTopics, Subscribed, SurfaceTopic};
use crate::shutdown::{self, Shutdown};
use crate::sink::recorder::Recorder;
use crate::source::handle::SourceHandle;
use crate::source::queue::event_queue;
use crate::source::stdin;

/// How often drops are logged that were held back because the log had just named their reason.
const DROP_LOG: Duration = Duration::from_secs(5);

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
    /// [`PipelineError`] when the model or a recording fails, a part stops by itself, or the shutdown takes
    /// too long.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()>) -> Result<PipelineEnd, PipelineError> {
        let Self {
            sources,
            broker,
            mut serving,
            recorder,
            observer,
            http,
            health,
            reload,
            supervised,
            drain,
        } = self;
        let (trigger, stop) = shutdown::channel();
        let (events, event_receiver) = event_queue();
        let mut tasks = Tasks::default();

        let mut subscribed = Vec::new();
        for (index, (name, source)) in sources.into_iter().enumerate() {
            let handle = SourceHandle::new(index, name, events.clone(), health.clone());
            spawn_source(&mut tasks, source, handle, &stop, &mut subscribed);
        }
        let published = serving.as_ref().and_then(|serving| serving.published.clone());
        let labels = broker
            .as_ref()
            .filter(|broker| broker.labels)
            .map(|broker| LabelTopic::new(broker.publisher.base(), events.downgrade(), health.clone()));
        let surfaces = broker.as_ref().zip(published);
        let surfaces =
            surfaces.map(|(broker, published)| SurfaceTopic::new(broker.publisher.base(), published));
        let topics = ReceivedTopics { labels, surfaces };
        drop(events);
        let health_interval = broker.as_ref().and_then(|broker| broker.health).unwrap_or(Duration::MAX);
        let (interval, interval_receiver) = watch::channel(health_interval);
        let publisher = broker.map(|broker| {
            spawn_broker(&mut tasks, broker, subscribed, topics, interval_receiver, &stop, &health)
        });
        let notifier = Arc::new(if supervised { Notifier::from_environment() } else { Notifier::silent() });
        let (handovers, handover_receiver) = mpsc::channel(1);
        if let Some(reload) = reload {
            let reloads =
                reload::run(reload, handovers, interval, health.clone(), notifier.clone(), stop.clone());
            tasks.spawn("reload", TaskEnd::AfterShutdown, reloads);
        }
        let live = http.as_ref().map(HttpServer::live);
        if let Some(server) = http {
            tasks.spawn("http", TaskEnd::AfterShutdown, spawn_connections(server, stop.clone()));
        }
        if supervised {
            let supervising = supervisor::run(health.clone(), notifier.clone(), stop.clone());
            tasks.spawn("supervisor", TaskEnd::AfterShutdown, supervising);
        }
        tasks.spawn("drop log", TaskEnd::AfterShutdown, log_drops(health.clone(), stop.clone()));

        let (sender, mut recording) = RecordingThread::start(recorder, serving.as_ref(), &health);
        let mut output = OutputThread::of(serving.as_mut(), drain);
        let mut output_closed = false;
        let mut shutdown = pin!(shutdown);
        notifier.ready();
        // The stages are dropped with this block, and with them what keeps the recorder and the output open.
        let ended = 'stages: {
            let mut stages = Box::pin(async {
                match serving {
                    Some(parts) => {
                        serving::serve(
                            event_receiver,
                            handover_receiver,
                            parts,
                            sender,
                            live,
                            observer,
                            &health,
                        )
                        .await
                    }
                    None => serving::record(event_receiver, sender, observer, &health).await,
                }
            });
            tokio::select! {
                biased;
                ended = &mut stages => break 'stages ended,
                error = tasks.failure() => break 'stages Err(error),
                error = recording.failure() => break 'stages Err(error),
                closed = output.closed() => match closed {
                    Ok(()) => {
                        output_closed = true;
                        tracing::info!("standard output was closed by its reader, and nothing else takes the predictions");
                    }
                    Err(error) => break 'stages Err(error),
                },
                () = &mut shutdown => output.waits_for_reader = false,
            }
            notifier.stopping();
            trigger.request();
            let drained = tokio::time::timeout(drain, &mut stages).await;
            drained.unwrap_or(Err(PipelineError::Drain(drain)))
        };
        trigger.request();
        let ended = ended.map(|sinks| output::close(sinks, &health));
        let ((), recordings, written) = tokio::join!(
            close_connection(publisher, drain),
            recording.finish(drain),
            output.finish(shutdown)
        );
        // Tasks that are still running after that are aborted when the set is dropped.
        let tasks_ended = tokio::time::timeout(drain, tasks.end()).await.unwrap_or(Ok(()));
        // The first error is the cause of the others.
        let sinks = ended?;
        tasks_ended?;
        written?;
        let recordings = recordings?;
        Ok(PipelineEnd { sinks, recordings, output_closed })
    }
}

/// Publishes what is left, for at most `drain`. If the connection is stuck, the broker finds that out by itself
/// and publishes the last will.
async fn close_connection(publisher: Option<Publisher>, drain: Duration) {
    if let Some(publisher) = publisher {
        let _ = tokio::time::timeout(drain, publisher.close()).await;
    }
}

/// Spawns the task of a source. An MQTT source has none of its own: it is added to `subscribed`.
fn spawn_source(
    tasks: &mut Tasks,
    source: SourceTask,
    handle: SourceHandle,
    stop: &Shutdown,
    subscribed: &mut Vec<Subscribed>,
) {
    let (name, stop) = (format!("source {}", handle.name()), stop.clone());
    match source {
        SourceTask::Mqtt(subscription) => subscribed.push((subscription, handle)),
        #[cfg(feature = "nats")]
        SourceTask::Nats(nats) => tasks.spawn(name, TaskEnd::AfterShutdown, nats.run(handle, stop)),
        SourceTask::Serial(serial) => tasks.spawn(name, TaskEnd::AfterShutdown, serial.run(handle, stop)),
        SourceTask::Stdin(bytes) => tasks.spawn(name, TaskEnd::Any, stdin::run(bytes, handle, stop)),
        SourceTask::Files(files) => {
            for part in files.parts() {
                tasks.spawn(name.clone(), TaskEnd::Any, part.run(handle.clone(), stop.clone()));
            }
        }
        SourceTask::Simulator(simulator) => tasks.spawn(name, TaskEnd::Any, simulator.run(handle, stop)),
    }
}

/// Spawns the tasks of the connection to the broker, and returns its publisher.
fn spawn_broker(
    tasks: &mut Tasks,
    broker: BrokerConnection,
    subscribed: Vec<Subscribed>,
    topics: ReceivedTopics,
    interval: watch::Receiver<Duration>,
    shutdown: &Shutdown,
    health: &Arc<Health>,
) -> Publisher {
    let BrokerConnection { connection, publisher, health: health_interval, labels: _ } = broker;
    let filters = subscribed.iter().map(|(subscription, _)| subscription.filter());
    let filters = filters.chain(topics.labels.as_ref().map(LabelTopic::filter));
    let filters = filters.chain(topics.surfaces.as_ref().map(SurfaceTopic::filter)).collect();
    let connection = connection.run(subscribed, topics, shutdown.clone(), health.clone());
    tasks.spawn("connection", TaskEnd::AfterShutdown, connection);
    let mut stop = shutdown.clone();
    let topics = publisher.clone();
    tasks.spawn("publisher", TaskEnd::AfterShutdown, async move {
        tokio::select! {
            () = topics.run(filters) => {}
            () = stop.requested() => {}
        }
    });
    if health_interval.is_some() {
        let reports = publish_health(health.clone(), publisher.clone(), interval, shutdown.clone());
        tasks.spawn("health", TaskEnd::AfterShutdown, reports);
    }
    publisher
}

/// Serves each HTTP client in a task of its own. The server limits how many there are.
async fn spawn_connections(mut server: HttpServer, mut shutdown: Shutdown) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            connection = server.next() => drop(connections.spawn(connection)),
            Some(ended) = connections.join_next() => if let Err(panicked) = ended {
                // The panic goes on in this task, so that it ends the daemon like any other.
                std::panic::resume_unwind(panicked.into_panic());
            },
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
                publisher.retain_at(publisher.topics().health(), serde_json::to_vec(&health.report()).unwrap_or_default());
            }
            () = shutdown.requested() => return,
        }
    }
}

/// Logs the drops that were held back, until the shutdown.
async fn log_drops(health: Arc<Health>, mut shutdown: Shutdown) {
    let mut ticks = tokio::time::interval(DROP_LOG);
    loop {
        tokio::select! {
            _ = ticks.tick() => health.log_drops(),
            () = shutdown.requested() => return,
        }
    }
}
