//! The stream: whether it is the one that this node needs, and whether it is still the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use super::api::{ApiConfig, api_fault, request};
use crate::nats::connection::NatsConnection;
use crate::nats::fault::NatsFault;
use crate::nats::options::NatsOptions;

/// For this many times `nats.failover`, a stream must be behind what was read or delivered of it to count as begun anew: a
/// leader that is busy may be behind the others for some seconds.
pub(super) const PATIENCE: u32 = 3;

/// How the stream is now.
pub(in crate::nats) struct StreamState {
    /// The number of its newest message.
    pub newest: u64,
    /// When it was made.
    pub created: String,
}

/// Checks that the stream has the subjects of the options, and that its messages can be read from each server.
///
/// # Errors
/// [`NatsFault`] if JetStream is off, there is no such stream, or it is another one.
pub(in crate::nats) async fn check_stream(
    options: &NatsOptions,
    connection: &NatsConnection,
) -> Result<StreamState, NatsFault> {
    let subject = format!("$JS.API.STREAM.INFO.{}", options.jetstream);
    let answer = request(options, connection, subject, Value::Null).await?;
    if let Some(error) = answer.error {
        return Err(api_fault(options, error, &options.jetstream));
    }
    let (stream, wanted) = (options.jetstream.clone(), options.subject.filter_of_all());
    let state = StreamState { newest: answer.state.last_seq, created: answer.created };
    match answer.config.unwrap_or_default() {
        ApiConfig { subjects, .. } if !subjects.iter().any(|subject| overlaps(subject, &wanted)) => {
            Err(NatsFault::OtherSubjects { stream, subjects, wanted })
        }
        ApiConfig { allow_direct: false, .. } => Err(NatsFault::NotDirect { stream }),
        _ => Ok(state),
    }
}

/// Waits until the servers have begun the stream anew: its newest message is before the newest one that was read, whose
/// number is in `read`, and stays so. This happens to a stream in memory when too many servers are lost.
pub(in crate::nats) async fn begun_anew(
    options: NatsOptions,
    connection: NatsConnection,
    read: Arc<AtomicU64>,
) -> NatsFault {
    let mut before = None;
    loop {
        tokio::time::sleep(options.config.failover).await;
        let (read, times) = before.unwrap_or_else(|| (read.load(Ordering::Relaxed), 0));
        // What is wrong otherwise shows itself elsewhere.
        let Ok(StreamState { newest, .. }) = check_stream(&options, &connection).await else { continue };
        before = (newest < read).then_some((read, times + 1));
        if before.is_some_and(|(_, times)| times > PATIENCE) {
            return NatsFault::BegunAnew { stream: options.jetstream.clone(), newest, read };
        }
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
