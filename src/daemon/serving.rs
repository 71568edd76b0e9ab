//! The stages of a pipeline, from the samples of the sources to the sinks.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::parts::{Observer, PipelineError, Serving};
use super::stages::{self, Observers};
use crate::decision::{InferredBatch, SurfaceTable};
use crate::health::Health;
use crate::inference::{BatchQueue, Handover, InferenceError, WorkQueue, worker};
use crate::shutdown::{self, Shutdown};
use crate::signal::Drops;
use crate::sink::Sink;
use crate::sink::live::events::LiveEvents;
use crate::sink::recorder::RecordSender;
use crate::source::queue::{EventReceiver, QueuedEvent};
use crate::stream::StreamTable;
use crate::thread::{NamedThread, caught};

/// Turns samples into outcomes: the stream table here, inference on threads of its own, and the decisions and the sinks on
/// another. Ends when the sources have ended and everything is decided, and then returns the sinks.
///
/// # Errors
/// [`PipelineError`] as soon as the model fails, or one of the stages or threads stops by itself.
pub(super) async fn serve(
    events: EventReceiver,
    handovers: mpsc::Receiver<Box<Handover>>,
    serving: Serving,
    mut recording: Option<RecordSender>,
    live: Option<LiveEvents>,
    observer: Option<Observer>,
    health: &Arc<Health>,
) -> Result<Vec<Sink>, PipelineError> {
    let Serving { models, batch, queue_limit, streams, context, published, sinks, ends_with_output: _ } =
        serving;
    // Large enough that each thread finds a whole batch waiting when it has finished one.
    let (work, work_receiver) = mpsc::channel(batch * (models.len() + 1));
    let (results, inferred) = mpsc::channel(models.len() + 1);
    // Enough that a thread whose batch takes long does not hold the others up.
    let queue = Arc::new(BatchQueue::new(work_receiver, 4 * models.len()));
    for model in models {
        let (queue, results, health) = (queue.clone(), results.clone(), health.clone());
        // The thread ends with its input, and any other end is an error among the results.
        drop(NamedThread::spawn("inference", move || worker::run(model, &queue, batch, &results, &health)));
    }
    drop((queue, results));

    let surfaces = SurfaceTable::new(context).with_published(published);
    let streams = StreamTable::new(streams);
    let work_queue = WorkQueue::new(queue_limit, streams.is_live());
    let observers = Observers { recording: recording.as_mut(), live: live.as_ref(), other: observer };
    let stopped = |name: &str| PipelineError::Stopped(name.to_owned());
    let following = stages::follow(events, handovers, streams, work_queue, work, observers, health);
    let mut following = std::pin::pin!(caught(following));
    // When this future is dropped, so is the trigger, and the decisions end even if a model never answers.
    let (_trigger, stop) = shutdown::channel();
    let mut deciding = spawn_decisions(inferred, surfaces, sinks, health.clone(), stop);
    let mut followed = false;
    loop {
        tokio::select! {
            biased;
            decided = deciding.end() => {
                let Decided { sinks, ended } = decided.ok_or_else(|| stopped("decisions"))?;
                ended.ok_or_else(|| stopped("decisions"))??;
                // Without an error, all threads have ended although their input has not.
                return if followed { Ok(sinks) } else { Err(stopped("inference")) };
            }
            ended = &mut following, if !followed => {
                ended.ok_or_else(|| stopped("streams"))?;
                followed = true;
            }
        }
    }
}

/// How the thread of the decisions has ended.
struct Decided {
    /// The sinks, whatever happened: were one dropped before this is received, its thread would end, and that would be reported
    /// instead of the cause.
    sinks: Vec<Sink>,
    /// Whether inference has ended, or failed. `None` if the decisions panicked, or nobody waits for them any more.
    ended: Option<Result<(), InferenceError>>,
}

/// Starts the thread of the decisions and the sinks. It ends with inference, or at the request of `stop`.
fn spawn_decisions(
    inferred: mpsc::Receiver<Result<InferredBatch, InferenceError>>,
    surfaces: SurfaceTable,
    mut sinks: Vec<Sink>,
    health: Arc<Health>,
    mut stop: Shutdown,
) -> NamedThread<Decided> {
    let runtime = Handle::current();
    NamedThread::spawn("decisions", move || {
        let ended = runtime.block_on(async {
            tokio::select! {
                biased;
                () = stop.requested() => None,
                ended = caught(stages::decide(inferred, surfaces, &mut sinks, &health)) => ended,
            }
        });
        Decided { sinks, ended }
    })
}

/// Records samples or shows them to an observer, and does nothing else, until the sources have ended.
///
/// # Errors
/// [`PipelineError::Stopped`] if this panics.
pub(super) async fn record(
    mut events: EventReceiver,
    mut recording: Option<RecordSender>,
    mut observer: Option<Observer>,
    health: &Arc<Health>,
) -> Result<Vec<Sink>, PipelineError> {
    let recording = caught(async {
        let mut drops = Drops::default();
        while let Some((event, _room)) = events.recv().await.map(QueuedEvent::split) {
            if let Some(observer) = &mut observer {
                observer(&event);
            }
            if let Some(recording) = &mut recording {
                recording.take(&event, &mut drops);
                health.dropped("recorder", &mut drops);
            }
        }
    });
    recording.await.map(|()| Vec::new()).ok_or_else(|| PipelineError::Stopped("streams".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::ServingContext;

    #[tokio::test]
    async fn the_decisions_end_with_the_pipeline_although_a_model_never_answers() {
        let (_model, inferred) = mpsc::channel(1);
        let (trigger, stop) = shutdown::channel();
        let surfaces = SurfaceTable::new(ServingContext::of_test(&["a"], "m"));
        let health = Arc::new(Health::new(Vec::new()));
        let mut deciding = spawn_decisions(inferred, surfaces, Vec::new(), health, stop);
        drop(trigger);
        assert!(deciding.end().await.unwrap().ended.is_none());
    }
}
