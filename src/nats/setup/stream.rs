//! The stream: whether it is the one that this node needs, and whether it is still the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use super::api::{ApiConfig, api_fault, nanoseconds, request};
use crate::nats::connection::NatsConnection;
use crate::nats::fault::NatsFault;
use crate::nats::options::NatsOptions;
use crate::nats::partition::Delivery;

/// For this many times `nats.failover`, a stream must look as if it were begun anew before it counts as that: not every leader
/// knows when its consumer delivered, and the clocks of the servers may differ.
pub(super) const PATIENCE: u32 = 3;

/// How the stream is now.
pub(in crate::nats) struct StreamState {
    /// The number of its newest message.
    pub newest: u64,
    /// When the servers received that, in nanoseconds since 1970; 0 if it never had a message.
    newest_time: u64,
    /// When it was made.
    pub created: String,
}

impl StreamState {
    /// Whether it is not the stream any more that had a message with this number at this time.
    ///
    /// A leader that is busy may only be behind the others, by many seconds: then its newest message is older than that one.
    pub(super) fn was_begun_anew_after(&self, number: u64, time: u64) -> bool {
        self.newest < number && (self.newest_time == 0 || self.newest_time > time)
    }
}

/// The newest message that was read.
#[derive(Debug, Default)]
pub(in crate::nats) struct NewestRead {
    number: AtomicU64,
    time: AtomicU64,
}

impl NewestRead {
    /// Notes a message that was read.
    pub(in crate::nats) fn note(&self, message: &Delivery) {
        if self.number.fetch_max(message.sequence, Ordering::Relaxed) < message.sequence {
            self.time.store(message.time, Ordering::Relaxed);
        }
    }

    /// Its number, and when the servers received it, in nanoseconds since 1970.
    fn get(&self) -> (u64, u64) {
        (self.number.load(Ordering::Relaxed), self.time.load(Ordering::Relaxed))
    }
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
    let newest_time = nanoseconds(&answer.state.last_ts);
    let state = StreamState { newest: answer.state.last_seq, newest_time, created: answer.created };
    match answer.config.unwrap_or_default() {
        ApiConfig { subjects, .. } if !subjects.iter().any(|subject| overlaps(subject, &wanted)) => {
            Err(NatsFault::OtherSubjects { stream, subjects, wanted })
        }
        ApiConfig { allow_direct: false, .. } => Err(NatsFault::NotDirect { stream }),
        _ => Ok(state),
    }
}

/// Waits until the servers have begun the stream anew: what it has is newer than the newest message that was read and has a smaller
/// number, and that stays so. This happens to a stream in memory when too many servers are lost.
pub(in crate::nats) async fn begun_anew(
    options: NatsOptions,
    connection: NatsConnection,
    read: Arc<NewestRead>,
) -> NatsFault {
    let mut before = None;
    loop {
        tokio::time::sleep(options.config.failover).await;
        let ((number, time), times) = before.unwrap_or_else(|| (read.get(), 0));
        // What is wrong otherwise shows itself elsewhere.
        let Ok(state) = check_stream(&options, &connection).await else { continue };
        before = state.was_begun_anew_after(number, time).then_some(((number, time), times + 1));
        if before.is_some_and(|(_, times)| times > PATIENCE) {
            let stream = options.jetstream.clone();
            return NatsFault::BegunAnew { stream, newest: state.newest, read: number };
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
    fn a_stream_that_is_only_behind_is_not_begun_anew() {
        let state = |newest, newest_time| StreamState { newest, newest_time, created: String::new() };
        assert!(!state(100, 50).was_begun_anew_after(99, 40), "the message is one of its own");
        assert!(!state(100, 50).was_begun_anew_after(120, 60), "its leader has not stored 120 yet");
        assert!(state(100, 50).was_begun_anew_after(120, 40));
        assert!(state(0, 0).was_begun_anew_after(120, 40), "it has no message yet");
        assert!(state(100, 50).was_begun_anew_after(120, 0), "nobody knows when 120 came");
    }

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
