//! The stream: whether it is the one that this node needs, and whether it is still the same.

use serde_json::Value;

use super::api::{ApiConfig, api_fault, request};
use crate::nats::connection::NatsConnection;
use crate::nats::fault::NatsFault;
use crate::nats::options::NatsOptions;

/// Checks that the stream has the subjects of the options, and that its messages can be read from each server. Returns the
/// number of its newest message.
///
/// # Errors
/// [`NatsFault`] if JetStream is off, there is no such stream, or it is another one.
pub(in crate::nats) async fn check_stream(
    options: &NatsOptions,
    connection: &NatsConnection,
) -> Result<u64, NatsFault> {
    let subject = format!("$JS.API.STREAM.INFO.{}", options.jetstream);
    let answer = request(options, connection, subject, Value::Null).await?;
    if let Some(error) = answer.error {
        return Err(api_fault(options, error, &options.jetstream));
    }
    let (stream, wanted) = (options.jetstream.clone(), options.subject.filter_of_all());
    let newest = answer.state.last_seq;
    match answer.config.unwrap_or_default() {
        ApiConfig { subjects, .. } if !subjects.iter().any(|subject| overlaps(subject, &wanted)) => {
            Err(NatsFault::OtherSubjects { stream, subjects, wanted })
        }
        ApiConfig { allow_direct: false, .. } => Err(NatsFault::NotDirect { stream }),
        _ => Ok(newest),
    }
}

/// Waits until the servers have begun the stream anew: its newest message is before one that was read, whose number `read`
/// returns. This happens to a stream in memory when too many servers are lost.
pub(in crate::nats) async fn begun_anew(
    options: &NatsOptions,
    connection: &NatsConnection,
    read: impl Fn() -> u64,
) -> NatsFault {
    // A new leader may answer before it has the newest messages.
    let mut was_before = false;
    loop {
        tokio::time::sleep(options.config.failover).await;
        let read = read();
        // What is wrong otherwise shows itself elsewhere.
        let Ok(newest) = check_stream(options, connection).await else { continue };
        if newest < read && was_before {
            return NatsFault::BegunAnew { stream: options.jetstream.clone(), newest, read };
        }
        was_before = newest < read;
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
