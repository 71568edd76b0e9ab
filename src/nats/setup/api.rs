//! Requests to the JetStream API of the servers, and their answers as far as they are read.

use std::collections::BTreeMap;

use async_nats::RequestErrorKind;
use serde::Deserialize;
use serde_json::Value;

use crate::nats::connection::NatsConnection;
use crate::nats::fault::NatsFault;
use crate::nats::options::NatsOptions;
use crate::signal::rfc3339;

/// JetStream's code for a consumer that does not exist.
pub(super) const NO_CONSUMER: u64 = 10014;
/// JetStream's code for a stream that does not exist.
const NO_STREAM: u64 = 10059;
/// JetStream's codes for an account or a server without it.
const NOT_ENABLED: [u64; 2] = [10039, 10076];
/// JetStream's code while a cluster has no leader.
const UNAVAILABLE: u64 = 10008;

/// An answer of the JetStream API, as far as it is read.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ApiAnswer {
    pub error: Option<ApiError>,
    pub config: Option<ApiConfig>,
    /// The messages of a stream.
    #[serde(default)]
    pub state: ApiState,
    /// When a stream was made.
    #[serde(default)]
    pub created: String,
    /// What a consumer has delivered.
    #[serde(default)]
    pub delivered: ApiPosition,
    /// Up to where everything is acknowledged to a consumer.
    pub ack_floor: Option<ApiPosition>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct ApiState {
    #[serde(default)]
    pub last_seq: u64,
    /// When the newest message came.
    #[serde(default)]
    pub last_ts: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct ApiPosition {
    #[serde(default)]
    pub stream_seq: u64,
    /// When the consumer delivered last, if its leader knows that.
    #[serde(default)]
    pub last_active: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct ApiError {
    pub err_code: Option<u64>,
    #[serde(default)]
    pub description: String,
}

/// The configuration of a stream or of a consumer.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ApiConfig {
    #[serde(default)]
    pub subjects: Vec<String>,
    #[serde(default)]
    pub filter_subject: String,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    #[serde(default)]
    pub priority_timeout: u64,
    #[serde(default)]
    pub ack_wait: u64,
    #[serde(default)]
    pub allow_direct: bool,
    pub deliver_policy: Option<String>,
}

/// Sends a request, and waits for its answer.
///
/// # Errors
/// [`NatsFault`] if there is none.
pub(super) async fn request(
    options: &NatsOptions,
    connection: &NatsConnection,
    subject: String,
    body: Value,
) -> Result<ApiAnswer, NatsFault> {
    let payload = if body.is_null() { Vec::new() } else { serde_json::to_vec(&body).unwrap_or_default() };
    connection.refused();
    match connection.client.request(subject.clone(), payload.into()).await {
        Ok(message) => serde_json::from_slice(&message.payload).map_err(|why| NatsFault::NoAnswer {
            url: options.url(),
            subject,
            why: Some(why.to_string()),
        }),
        Err(error) if error.kind() == RequestErrorKind::NoResponders => {
            Err(NatsFault::NoJetStream { url: options.url() })
        }
        Err(error) => {
            Err(match connection.refused().filter(|why| why.to_lowercase().contains("permission")) {
                Some(why) => NatsFault::Permission { why },
                None => NatsFault::NoAnswer { url: options.url(), subject, why: Some(error.to_string()) },
            })
        }
    }
}

/// The number up to which every message of a consumer is acknowledged, by what the API has answered about it; `None` if it does
/// not say.
pub(in crate::nats) fn acknowledged(answer: &[u8]) -> Option<u64> {
    let answer: ApiAnswer = serde_json::from_slice(answer).ok()?;
    answer.ack_floor.map(|floor| floor.stream_seq)
}

/// A time as the servers write it, in nanoseconds since 1970; 0 for the time before anything came.
pub(in crate::nats) fn nanoseconds(text: &str) -> u64 {
    rfc3339::parse(text.as_bytes()).and_then(|time| time.nanos().try_into().ok()).unwrap_or(0)
}

/// What an error of the API means; `name` is what was asked for.
pub(super) fn api_fault(options: &NatsOptions, error: ApiError, name: &str) -> NatsFault {
    match error.err_code {
        Some(NO_STREAM) => NatsFault::NoStream { stream: options.jetstream.clone() },
        Some(code) if NOT_ENABLED.contains(&code) => NatsFault::NoJetStream { url: options.url() },
        Some(UNAVAILABLE) => {
            NatsFault::NoAnswer { url: options.url(), subject: name.to_owned(), why: Some(error.description) }
        }
        _ => NatsFault::Consumer { consumer: name.to_owned(), why: error.description },
    }
}
