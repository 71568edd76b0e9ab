//! Builds the source of kind `nats` and the sink for its connection from a configuration.

use crate::command::failure::Failure;
#[cfg(feature = "nats")]
use crate::config::subject::{PartitionedSubject, StreamSubject};
use crate::config::{Config, SourceConfig, SourceInput};
use crate::daemon::parts::SourceTask;
use crate::decision::ServingContext;
#[cfg(feature = "nats")]
use crate::nats::{NatsOptions, NatsPublisher, NatsSource};
use crate::sink::Sink;
#[cfg(feature = "nats")]
use crate::sink::nats::NatsSink;

/// Builds a source of kind `nats`.
///
/// # Errors
/// [`Failure`] with exit code 78 if the format does not exist.
#[cfg(feature = "nats")]
pub(super) fn source(
    config: &Config,
    source: &SourceConfig,
    input: SourceInput,
) -> Result<SourceTask, Failure> {
    let options = NatsOptions {
        config: config.nats.clone(),
        node: config.node.name.clone().unwrap_or_default(),
        base: config.publish.base.clone(),
        jetstream: source.jetstream.clone().unwrap_or_default(),
        subject: PartitionedSubject::new(source.subject.as_deref().unwrap_or_default()),
        partitions: source.partitions.unwrap_or(1),
        format: source.message_format().map_err(Failure::config)?,
        input,
        max_payload: config.limits.payload,
        max_streams: config.limits.streams,
    };
    let predictions = config.nats.predictions.as_deref();
    let publisher = predictions.map(|subject| NatsPublisher::new(StreamSubject::new(subject)));
    Ok(SourceTask::Nats(Box::new(NatsSource::new(options, publisher))))
}

/// The sink that publishes predictions over the connection of a source; `None` if they go elsewhere.
#[cfg(feature = "nats")]
pub(super) fn sink(sources: &[(String, SourceTask)], context: &ServingContext) -> Option<Sink> {
    sources.iter().find_map(|(_, source)| match source {
        SourceTask::Nats(nats) => {
            nats.publisher().map(|publisher| Sink::Nats(NatsSink::new(publisher.clone(), context)))
        }
        _ => None,
    })
}

/// Says that this program has no such source.
///
/// # Errors
/// [`Failure`] with exit code 78.
#[cfg(not(feature = "nats"))]
pub(super) fn source(_: &Config, _: &SourceConfig, _: SourceInput) -> Result<SourceTask, Failure> {
    Err(Failure::config(
        "source.kind is \"nats\", but this program was built without the feature \"nats\"; build it with `make build`",
    ))
}

/// There is no such sink in this program.
#[cfg(not(feature = "nats"))]
pub(super) fn sink(_: &[(String, SourceTask)], _: &ServingContext) -> Option<Sink> {
    None
}
