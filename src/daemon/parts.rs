//! The parts that a pipeline is assembled from, what it returns, and its errors.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::decision::{PublishedSurfaces, ServingContext};
use crate::inference::InferenceError;
use crate::model::session::{Model, ModelError};
use crate::mqtt::{Connection, Publisher, Subscription};
#[cfg(feature = "nats")]
use crate::nats::NatsSource;
use crate::signal::SourceEvent;
use crate::sink::Sink;
use crate::sink::recorder::FinishedRecording;
use crate::source::bytes::ByteSource;
use crate::source::file::FileSource;
use crate::source::serial::SerialSource;
use crate::source::simulator::SimulatorSource;
use crate::stream::StreamTableOptions;

/// A function that is called with each event of the sources.
pub(crate) type Observer = Box<dyn FnMut(&SourceEvent) + Send>;

/// One source that has been configured and checked, but does not run yet.
pub(crate) enum SourceTask {
    /// Messages on the broker's connection.
    Mqtt(Subscription),
    /// A JetStream stream on the servers of `[nats]`.
    #[cfg(feature = "nats")]
    Nats(Box<NatsSource>),
    /// A serial port.
    Serial(SerialSource),
    /// Standard input.
    Stdin(ByteSource),
    /// Recordings.
    Files(FileSource),
    /// The built-in simulator.
    Simulator(SimulatorSource),
}

impl SourceTask {
    /// The same source for a tool that reads beside the daemons: it is in no group of a shared subscription, so that it
    /// takes no message from them.
    pub(crate) fn without_group(self) -> Self {
        match self {
            Self::Mqtt(subscription) => Self::Mqtt(subscription.without_group()),
            other => other,
        }
    }
}

/// The two sides of the connection to the broker, which does not run yet.
pub(crate) struct BrokerConnection {
    /// The network side.
    pub connection: Connection,
    /// The publishing side.
    pub publisher: Publisher,
    /// How often the health report is published; `None` to publish none, as tools do.
    pub health: Option<Duration>,
    /// Whether robots can be given a label over it.
    pub labels: bool,
}

/// What a pipeline needs to make predictions: the model, the windows, the decision and the sinks.
pub(crate) struct Serving {
    /// The model, loaded once for each inference thread. All have the same card.
    pub models: Vec<Model>,
    /// Maximum batch size, in windows.
    pub batch: usize,
    /// Maximum number of windows that wait for the model.
    pub queue_limit: usize,
    /// How samples become windows.
    pub streams: StreamTableOptions,
    /// The model card and decision settings in force at the start. A reload replaces them.
    pub context: ServingContext,
    /// The surfaces that were published last, also by other nodes; `None` for a daemon that follows its robots alone.
    pub published: Option<Arc<PublishedSurfaces>>,
    /// Where outcomes go. Each outcome goes to every sink, in this order.
    pub sinks: Vec<Sink>,
    /// Whether the pipeline ends when standard output is closed or cannot be written, because nothing else takes
    /// what it finds out.
    pub ends_with_output: bool,
}

/// What a pipeline returns when it has ended.
#[derive(Default)]
pub(crate) struct PipelineEnd {
    /// The sinks, with what they have collected.
    pub sinks: Vec<Sink>,
    /// The recordings that were written.
    pub recordings: Vec<FinishedRecording>,
    /// Whether the pipeline ended because the reader of standard output has closed it.
    pub output_closed: bool,
}

/// Why a pipeline ended before its sources did.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PipelineError {
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A recording could not be written, in a pipeline that does nothing but record.
    #[error(transparent)]
    Record(#[from] io::Error),
    /// Standard output could not be written.
    #[error("standard output cannot be written: {0}")]
    Output(io::Error),
    /// A part of the pipeline panicked or ended by itself, which is a defect of this program.
    #[error(
        "the part \"{0}\" of underfoot stopped by itself, which is a defect; please report this with the log"
    )]
    Stopped(String),
    /// At shutdown, processing the samples and windows in progress took too long.
    #[error(
        "the work in progress did not end within limits.drain = \"{}\"; raise limits.drain",
        humantime::format_duration(*.0)
    )]
    Drain(Duration),
}

impl From<InferenceError> for PipelineError {
    fn from(error: InferenceError) -> Self {
        match error {
            InferenceError::Model(error) => Self::Model(error),
            InferenceError::Stopped => Self::Stopped("inference".into()),
        }
    }
}
