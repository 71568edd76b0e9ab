//! When to connect again after a failure, and which failures are worth a line in the log.
//!
//! [`ReconnectPolicy`] does no I/O and reads no clock; its caller passes the time.
//!
//! - The delays between attempts grow ([`backoff`]), and start small again after a connection that lasted.
//! - A failure is reported when it differs from the one that was reported last, and then once in
//!   [`REPORT_INTERVAL`] attempts.
//! - A connection that the broker cuts off is made again at once, which tells two reasons apart. A broker that
//!   is being restarted does not accept that connection, and one attempt later the delays grow. A broker that
//!   accepts it is still there: it closed the older of two connections with one client id. After
//!   [`CONTESTED_AFTER`] of these in a row, the policy reports a second client with the same name, and from then
//!   on only a connection of more than [`CONTEST_END`] counts as one that lasted.

use std::time::{Duration, Instant};

use super::limits::TIMEOUT;
use crate::source::backoff::backoff;

/// The same failure is reported again after this many attempts.
const REPORT_INTERVAL: u32 = 100;
/// A connection that ends sooner than this did not last, and the next delay is longer.
const LASTING: Duration = Duration::from_secs(5);
/// After this many connections in a row that the broker accepted and cut off, another client probably has the
/// same name.
const CONTESTED_AFTER: u32 = 3;
/// How long a connection must last before it no longer counts as contested: longer than the longest delay of
/// the other client.
const CONTEST_END: Duration = Duration::from_secs(120);

/// A failed attempt to connect, or the end of a connection.
pub(super) struct ConnectionFault {
    /// What is wrong, and the fix.
    pub(super) reason: String,
    /// Whether the network connection was closed by the other side, as a broker does with the older of two
    /// clients of one name.
    pub(super) cut: bool,
}

/// What to do after a failure.
pub(super) struct ReconnectAdvice {
    /// How long to wait before the next attempt.
    pub(super) delay: Duration,
    /// The number of attempts since the last accepted connection.
    pub(super) tries: u32,
    /// What is wrong, and the fix.
    pub(super) reason: String,
    /// Whether it should be reported; false if it was reported before.
    pub(super) is_new: bool,
}

/// Decides, from the failures of one connection, how long to wait and what to report.
pub(super) struct ReconnectPolicy {
    /// The report for two clients with one name.
    contested_report: String,
    delays: Box<dyn Iterator<Item = Duration> + Send>,
    /// When the broker accepted the connection; `None` while there is no connection.
    connected: Option<Instant>,
    /// The number of attempts since the last accepted connection.
    tries: u32,
    /// The failure that was reported last; empty after a connection that lasted.
    reported: String,
    /// The number of connections in a row that the broker accepted and soon cut off.
    cuts: u32,
}

impl ReconnectPolicy {
    /// Creates the policy of the client `client_id` of a broker, before the first attempt.
    pub(super) fn new(broker: &str, client_id: &str) -> Self {
        let contested_report = format!(
            "the broker at {broker} accepts the client {client_id:?} and then ends its connection, again and \
             again: another client has the same name, and each of them ends the other's connection; give \
             each client a name of its own in [mqtt] client_id"
        );
        Self {
            contested_report,
            delays: Box::new(backoff()),
            connected: None,
            tries: 0,
            reported: String::new(),
            cuts: 0,
        }
    }

    /// Notes that the broker accepted the connection.
    ///
    /// Returns the number of attempts that it took, for the log; `None` while the connection is contested, so
    /// that the log is not filled with connections that soon end.
    pub(super) fn accepted(&mut self, now: Instant) -> Option<u32> {
        self.connected = Some(now);
        if self.cuts < CONTESTED_AFTER - 1 {
            // The next failure is reported, unless it is about to show that the connection is contested.
            self.reported.clear();
        }
        let tries = std::mem::take(&mut self.tries) + 1;
        (!self.contested()).then_some(tries)
    }

    /// Notes that the connection ended or that an attempt failed.
    pub(super) fn failed(&mut self, now: Instant, fault: ConnectionFault) -> ReconnectAdvice {
        let lasted = self.connected.take().map(|since| now.saturating_duration_since(since));
        let enough = if self.contested() { CONTEST_END } else { LASTING };
        let was_cut = lasted.is_some() && fault.cut;
        match lasted {
            Some(lasted) if lasted > enough => self.settle(),
            Some(_) if fault.cut => self.cuts += 1,
            // A broker that cannot be reached or refuses the connection is no sign of a second client.
            _ => self.cuts = 0,
        }
        self.tries += 1;
        let (reason, repeat) = if self.contested() {
            (self.contested_report.clone(), (self.cuts - CONTESTED_AFTER).is_multiple_of(REPORT_INTERVAL))
        } else {
            (fault.reason, self.tries.is_multiple_of(REPORT_INTERVAL))
        };
        let is_new = reason != self.reported || repeat;
        self.reported.clone_from(&reason);
        let delay =
            if was_cut && !self.contested() { Duration::ZERO } else { self.delays.next().unwrap_or(TIMEOUT) };
        ReconnectAdvice { delay, tries: self.tries, reason, is_new }
    }

    /// When a contested connection will have lasted long enough; `None` if it is not contested or there is no
    /// connection.
    pub(super) fn settles(&self) -> Option<Instant> {
        self.connected.filter(|_| self.contested()).map(|since| since + CONTEST_END)
    }

    /// Notes that the connection has lasted: delays start small again, and the next failure is reported.
    pub(super) fn settle(&mut self) {
        self.delays = Box::new(backoff());
        self.reported.clear();
        self.cuts = 0;
    }

    fn contested(&self) -> bool {
        self.cuts >= CONTESTED_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(reason: &str, cut: bool) -> ConnectionFault {
        ConnectionFault { reason: reason.into(), cut }
    }

    /// A connection that lasts for some seconds and is then cut off.
    fn connect_for(policy: &mut ReconnectPolicy, now: &mut Instant, seconds: u64) -> ReconnectAdvice {
        policy.accepted(*now);
        *now += Duration::from_secs(seconds);
        policy.failed(*now, fault("broke", true))
    }

    #[test]
    fn a_name_that_two_clients_have_is_reported_once_and_the_delays_grow() {
        let mut policy = ReconnectPolicy::new("here:1883", "rover");
        let mut now = Instant::now();
        let advice: Vec<_> = (0..11).map(|_| connect_for(&mut policy, &mut now, 1)).collect();
        let new = advice.iter().filter(|advice| advice.is_new);
        let reports: Vec<_> = new.map(|advice| advice.reason.as_str()).collect();
        assert_eq!((reports.len(), reports[0], reports[1]), (3, "broke", "broke"), "{reports:?}");
        assert!(reports[2].contains("\"rover\"") && reports[2].contains("[mqtt] client_id"), "{reports:?}");
        assert!(advice[10].delay >= Duration::from_secs(30));
        // The other client waits as well: its delays are longer than a connection that lasts otherwise.
        assert!(!connect_for(&mut policy, &mut now, 50).is_new);
        assert_eq!(policy.accepted(now), None);
    }

    #[test]
    fn a_name_that_is_free_again_is_no_longer_contested_after_a_while() {
        let mut policy = ReconnectPolicy::new("here:1883", "rover");
        let mut now = Instant::now();
        for _ in 0..5 {
            connect_for(&mut policy, &mut now, 1);
        }
        assert_eq!(policy.settles(), None, "it is not connected");
        policy.accepted(now);
        assert_eq!(policy.settles(), Some(now + CONTEST_END));
        policy.settle();
        assert_eq!(policy.settles(), None);
        let advice = connect_for(&mut policy, &mut now, 200);
        assert_eq!((advice.reason.as_str(), advice.is_new), ("broke", true));
    }

    #[test]
    fn a_broker_that_restarts_often_is_not_taken_for_a_second_client() {
        let mut policy = ReconnectPolicy::new("here:1883", "rover");
        let mut now = Instant::now();
        for _ in 0..9 {
            let advice = connect_for(&mut policy, &mut now, 1);
            assert_eq!((advice.reason.as_str(), advice.is_new), ("broke", true));
            assert_eq!(advice.delay, Duration::ZERO, "whether the broker is there is found out at once");
            let advice = policy.failed(now, fault("away", false));
            assert_eq!((advice.reason.as_str(), advice.is_new), ("away", true));
            assert!(advice.delay > Duration::ZERO);
            assert!(!policy.failed(now, fault("away", false)).is_new, "it was reported");
        }
        assert_eq!(policy.accepted(now), Some(4));
    }

    #[test]
    fn a_failure_that_lasts_is_reported_again_after_many_attempts() {
        let mut policy = ReconnectPolicy::new("here:1883", "rover");
        let now = Instant::now();
        let reports = (0..200).filter(|_| policy.failed(now, fault("away", false)).is_new).count();
        assert_eq!(reports, 3);
    }
}
