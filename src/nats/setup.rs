//! The stream and the consumers on the servers: whether they are as this node needs them.

use std::collections::BTreeMap;

use async_nats::RequestErrorKind;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};

use super::connection::NatsConnection;
use super::fault::NatsFault;
use super::options::NatsOptions;
use super::partition::BATCH;
use super::timing::Timing;

/// The group of nodes to one of which a consumer delivers.
pub(super) const GROUP: &str = "underfoot";
/// The key in a consumer's metadata that has the number of partitions.
const PARTITIONS: &str = "underfoot.partitions";
/// How many consumers are looked at or made at the same time.
const AT_ONCE: usize = 16;
/// JetStream's code for a consumer that does not exist, and for a stream that does not.
const NO_CONSUMER: u64 = 10014;
const NO_STREAM: u64 = 10059;
/// JetStream's codes for an account or a server without it.
const NOT_ENABLED: [u64; 2] = [10039, 10076];
/// JetStream's code while a cluster has no leader.
const UNAVAILABLE: u64 = 10008;

/// An answer of the JetStream API, as far as it is read.
#[derive(Debug, Default, Deserialize)]
struct ApiAnswer {
    error: Option<ApiError>,
    config: Option<ApiConfig>,
}

#[derive(Debug, Deserialize)]
struct ApiError {
    err_code: Option<u64>,
    #[serde(default)]
    description: String,
}

/// The configuration of a stream or of a consumer.
#[derive(Debug, Deserialize)]
struct ApiConfig {
    #[serde(default)]
    subjects: Vec<String>,
    #[serde(default)]
    filter_subject: String,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    #[serde(default)]
    priority_timeout: u64,
    #[serde(default)]
    ack_wait: u64,
}

/// Checks that the stream has the subjects of the options.
///
/// # Errors
/// [`NatsFault`] if JetStream is off, there is no such stream, or it has other subjects.
pub(super) async fn check_stream(
    options: &NatsOptions,
    connection: &NatsConnection,
) -> Result<(), NatsFault> {
    let subject = format!("$JS.API.STREAM.INFO.{}", options.jetstream);
    let answer = request(options, connection, subject, Value::Null).await?;
    if let Some(error) = answer.error {
        return Err(api_fault(options, error, &options.jetstream));
    }
    let (subjects, wanted) =
        (answer.config.map(|config| config.subjects).unwrap_or_default(), options.subject.filter_of_all());
    if subjects.iter().any(|subject| overlaps(subject, &wanted)) {
        return Ok(());
    }
    Err(NatsFault::OtherSubjects { stream: options.jetstream.clone(), subjects, wanted })
}

/// Looks at the consumer of each partition, and makes those that do not exist if `make` is true. Returns how many there
/// were.
///
/// # Errors
/// [`NatsFault`] if a consumer was made for another number of partitions, or cannot be made.
pub(super) async fn consumers(
    options: &NatsOptions,
    connection: &NatsConnection,
    make: bool,
) -> Result<usize, NatsFault> {
    let partitions = stream::iter(0..options.partitions);
    let found =
        partitions.map(|partition| consumer(options, connection, partition, make)).buffer_unordered(AT_ONCE);
    found.try_fold(0, async |sum, found| Ok(sum + usize::from(found))).await
}

async fn consumer(
    options: &NatsOptions,
    connection: &NatsConnection,
    partition: u16,
    make: bool,
) -> Result<bool, NatsFault> {
    let (stream, name) = (&options.jetstream, options.consumer(partition));
    let found =
        request(options, connection, format!("$JS.API.CONSUMER.INFO.{stream}.{name}"), Value::Null).await?;
    let wanted = config(options, partition, &name);
    let config = match (found.error, found.config) {
        (Some(error), _) if error.err_code != Some(NO_CONSUMER) => {
            return Err(api_fault(options, error, &name));
        }
        (_, config) => config,
    };
    if let Some(config) = &config {
        let partitions = config.metadata.get(PARTITIONS).cloned().unwrap_or_else(|| "another purpose".into());
        if partitions != options.partitions.to_string()
            || config.filter_subject != options.subject.filter(partition)
        {
            return Err(NatsFault::OtherPartitions {
                consumer: name,
                wanted: options.partitions,
                found: partitions,
            });
        }
        if is_same(config, &wanted) {
            return Ok(true);
        }
    }
    if make {
        let subject = format!("$JS.API.CONSUMER.DURABLE.CREATE.{stream}.{name}");
        let made =
            request(options, connection, subject, json!({ "stream_name": stream, "config": wanted })).await?;
        if let Some(error) = made.error {
            return Err(api_fault(options, error, &name));
        }
    }
    Ok(config.is_some())
}

/// The configuration of a consumer.
fn config(options: &NatsOptions, partition: u16, name: &str) -> Value {
    let timing = Timing::new(options.config.failover);
    json!({
        "durable_name": name,
        "description": "samples of the robots in one partition, for the underfoot node that reads it",
        "filter_subject": options.subject.filter(partition),
        // What was published before the first node came is too old.
        "deliver_policy": "new",
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

async fn request(
    options: &NatsOptions,
    connection: &NatsConnection,
    subject: String,
    body: Value,
) -> Result<ApiAnswer, NatsFault> {
    let payload = if body.is_null() { Vec::new() } else { serde_json::to_vec(&body).unwrap_or_default() };
    let url = || options.config.url.clone().unwrap_or_default();
    connection.refused();
    match connection.client.request(subject.clone(), payload.into()).await {
        Ok(message) => serde_json::from_slice(&message.payload).map_err(|why| NatsFault::NoAnswer {
            url: url(),
            subject,
            why: Some(why.to_string()),
        }),
        Err(error) if error.kind() == RequestErrorKind::NoResponders => {
            Err(NatsFault::NoJetStream { url: url() })
        }
        Err(error) => {
            Err(match connection.refused().filter(|why| why.to_lowercase().contains("permission")) {
                Some(why) => NatsFault::Permission { why },
                None => NatsFault::NoAnswer { url: url(), subject, why: Some(error.to_string()) },
            })
        }
    }
}

fn api_fault(options: &NatsOptions, error: ApiError, name: &str) -> NatsFault {
    match error.err_code {
        Some(NO_STREAM) => NatsFault::NoStream { stream: options.jetstream.clone() },
        Some(code) if NOT_ENABLED.contains(&code) => {
            NatsFault::NoJetStream { url: options.config.url.clone().unwrap_or_default() }
        }
        Some(UNAVAILABLE) => NatsFault::NoAnswer {
            url: options.config.url.clone().unwrap_or_default(),
            subject: name.to_owned(),
            why: Some(error.description),
        },
        _ => NatsFault::Consumer { consumer: name.to_owned(), why: error.description },
    }
}

/// Whether some subject matches both patterns, in which `*` stands for a token and `>` for the tokens that are left.
fn overlaps(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        match (one.next(), other.next()) {
            (Some(">"), Some(_)) | (Some(_), Some(">")) | (None, None) => return true,
            (Some(a), Some(b)) if a == b || a == "*" || b == "*" => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_overlap_if_some_subject_matches_both() {
        let wanted = "fleet.*.robots.*.current";
        for pattern in ["fleet.>", ">", "fleet.*.robots.>", "fleet.3.robots.rover.current", wanted] {
            assert!(overlaps(pattern, wanted), "{pattern}");
        }
        for pattern in
            ["robots.>", "fleet", "fleet.*.robots.*", "fleet.*.robots.*.current.x", "fleet.*.carts.>"]
        {
            assert!(!overlaps(pattern, wanted), "{pattern}");
        }
    }
}
