//! The consumers of the partitions.

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use super::api::{ApiConfig, NO_CONSUMER, api_fault, nanoseconds, request};
use super::stream::{PATIENCE, check_stream};
use crate::nats::connection::NatsConnection;
use crate::nats::fault::NatsFault;
use crate::nats::options::NatsOptions;
use crate::nats::partition::BATCH;
use crate::nats::timing::Timing;

/// The group of nodes to one of which a consumer delivers.
pub(in crate::nats) const GROUP: &str = "underfoot";
/// The key in a consumer's metadata that has the number of partitions.
const PARTITIONS: &str = "underfoot.partitions";
/// How many consumers are looked at or made at the same time.
const AT_ONCE: usize = 16;

/// The consumer of a partition.
pub(in crate::nats) struct Consumer {
    partition: u16,
    /// Its configuration; `None` if it does not exist.
    found: Option<ApiConfig>,
    /// The number of the newest message that it has delivered.
    delivered: u64,
    /// When it delivered that, in nanoseconds since 1970; 0 if its leader does not know.
    delivered_at: u64,
    /// Whether it waits for a message after the newest one of the stream.
    is_ahead: bool,
}

impl Consumer {
    /// Whether it exists.
    pub(in crate::nats) fn exists(&self) -> bool {
        self.found.is_some()
    }
}

/// Looks at the consumer of each partition.
///
/// # Errors
/// [`NatsFault`] if a consumer was made for another number of partitions, or the servers do not say.
pub(in crate::nats) async fn consumers(
    options: &NatsOptions,
    connection: &NatsConnection,
) -> Result<Vec<Consumer>, NatsFault> {
    let partitions = stream::iter(0..options.partitions);
    partitions
        .map(|partition| consumer(options, connection, partition))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

async fn consumer(
    options: &NatsOptions,
    connection: &NatsConnection,
    partition: u16,
) -> Result<Consumer, NatsFault> {
    let (stream, name) = (&options.jetstream, options.consumer(partition));
    let answer =
        request(options, connection, format!("$JS.API.CONSUMER.INFO.{stream}.{name}"), Value::Null).await?;
    if let Some(error) = answer.error.filter(|error| error.err_code != Some(NO_CONSUMER)) {
        return Err(api_fault(options, error, &name));
    }
    if let Some(config) = &answer.config {
        let found = config.metadata.get(PARTITIONS).cloned().unwrap_or_else(|| "another purpose".into());
        let wanted = options.partitions;
        if found != wanted.to_string() || config.filter_subject != options.subject.filter(partition) {
            return Err(NatsFault::OtherPartitions { consumer: name, wanted, found });
        }
    }
    let delivered_at = nanoseconds(&answer.delivered.last_active);
    let delivered = answer.delivered.stream_seq;
    Ok(Consumer { partition, found: answer.config, delivered, delivered_at, is_ahead: false })
}

/// Makes the consumers that do not exist or have other times, and makes those anew that wait for a message after the newest one
/// of a stream that the servers have begun anew.
///
/// # Errors
/// [`NatsFault`] if a consumer was made for another number of partitions, or cannot be made.
pub(in crate::nats) async fn make_consumers(
    options: &NatsOptions,
    connection: &NatsConnection,
) -> Result<(), NatsFault> {
    let mut consumers = consumers(options, connection).await?;
    // After the consumers, because messages come all the time.
    let stream = check_stream(options, connection).await?;
    for consumer in &mut consumers {
        consumer.is_ahead = stream.was_begun_anew_after(consumer.delivered, consumer.delivered_at);
    }
    if consumers.iter().any(|consumer| consumer.is_ahead) {
        tokio::time::sleep(PATIENCE * options.config.failover).await;
        let stream = check_stream(options, connection).await?;
        for consumer in &mut consumers {
            consumer.is_ahead &= stream.was_begun_anew_after(consumer.delivered, consumer.delivered_at);
        }
    }
    let ahead = consumers.iter().filter(|consumer| consumer.is_ahead).count();
    if ahead > 0 {
        tracing::warn!(
            consumers = ahead,
            "consumers wait for messages that the JetStream stream \"{}\" does not have, because the servers have begun it anew; \
             they are made anew",
            options.jetstream
        );
    }
    let made = stream::iter(consumers).map(|consumer| make(options, connection, consumer));
    made.buffer_unordered(AT_ONCE).try_collect().await
}

async fn make(
    options: &NatsOptions,
    connection: &NatsConnection,
    consumer: Consumer,
) -> Result<(), NatsFault> {
    let policy = match &consumer.found {
        _ if consumer.is_ahead => "all",
        Some(ApiConfig { deliver_policy: Some(policy), .. }) => policy,
        // What was published before the first node came is too old.
        _ => "new",
    };
    let (stream, name) = (&options.jetstream, options.consumer(consumer.partition));
    let wanted = wanted(options, consumer.partition, &name, policy);
    if consumer.found.as_ref().is_some_and(|found| is_same(found, &wanted)) && !consumer.is_ahead {
        return Ok(());
    }
    if consumer.is_ahead {
        let subject = format!("$JS.API.CONSUMER.DELETE.{stream}.{name}");
        request(options, connection, subject, Value::Null).await?;
    }
    let subject = format!("$JS.API.CONSUMER.DURABLE.CREATE.{stream}.{name}");
    let body = json!({ "stream_name": stream, "config": wanted });
    match request(options, connection, subject, body).await?.error {
        Some(error) => Err(api_fault(options, error, &name)),
        None => Ok(()),
    }
}

/// The configuration of a consumer that begins with the messages of this policy.
fn wanted(options: &NatsOptions, partition: u16, name: &str, policy: &str) -> Value {
    let timing = Timing::new(options.config.failover);
    json!({
        "durable_name": name,
        "description": "samples of the robots in one partition, for the underfoot node that reads it",
        "filter_subject": options.subject.filter(partition),
        "deliver_policy": policy,
        "ack_policy": "all",
        "ack_wait": timing.acknowledge.as_nanos() as u64,
        "max_ack_pending": 4 * BATCH,
        "priority_groups": [GROUP],
        "priority_policy": "pinned_client",
        "priority_timeout": timing.pinned.as_nanos() as u64,
        "metadata": { PARTITIONS: options.partitions.to_string() },
    })
}

/// Whether a consumer has the times that are wanted; `nats.failover` may have changed.
fn is_same(found: &ApiConfig, wanted: &Value) -> bool {
    let is = |key: &str, value: u64| wanted.get(key).and_then(Value::as_u64) == Some(value);
    is("priority_timeout", found.priority_timeout) && is("ack_wait", found.ack_wait)
}
