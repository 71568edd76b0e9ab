//! Builds the source of kind `nats` and the sink for its connection from a configuration.

use std::sync::Arc;

use crate::command::failure::Failure;
#[cfg(feature = "nats")]
use crate::config::subject::{PartitionedSubject, StreamSubject};
use crate::config::{Config, SourceConfig, SourceInput};
use crate::daemon::parts::SourceTask;
use crate::decision::{PublishedSurfaces, ServingContext};
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
    let surfaces = StreamSubject::new(&options.surfaces());
    let publisher = NatsPublisher::new(predictions.map(StreamSubject::new), surfaces);
    Ok(SourceTask::Nats(Box::new(NatsSource::new(options, publisher))))
}

/// The sink that publishes over the connection of a source; `None` without such a source.
#[cfg(feature = "nats")]
pub(super) fn sink(sources: &[(String, SourceTask)], context: &ServingContext) -> Option<Sink> {
    sources.iter().find_map(|(_, source)| match source {
        SourceTask::Nats(nats) => Some(Sink::Nats(NatsSink::new(nats.publisher().clone(), context))),
        _ => None,
    })
}

/// Makes the place where the sources keep the surfaces that other nodes publish; `None` if none follows robots of this daemon.
#[cfg(feature = "nats")]
pub(super) fn keep_published(
    config: &Config,
    sources: &mut [(String, SourceTask)],
) -> Option<Arc<PublishedSurfaces>> {
    let published = Arc::new(PublishedSurfaces::new(config.limits.streams));
    let mut is_kept = false;
    for (_, source) in sources {
        if let SourceTask::Nats(nats) = source {
            nats.keep_published(published.clone());
            is_kept = true;
        }
    }
    is_kept.then_some(published)
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

/// No other node follows robots of this program.
#[cfg(not(feature = "nats"))]
pub(super) fn keep_published(_: &Config, _: &mut [(String, SourceTask)]) -> Option<Arc<PublishedSurfaces>> {
    None
}
