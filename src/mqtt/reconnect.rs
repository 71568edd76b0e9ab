//! A connection that comes and goes: how long to wait for the next, and what is worth a line in the log.

use std::time::{Duration, Instant};

use super::TIMEOUT;
use crate::source::backoff::backoff;

/// The same fault is told again after this many tries.
const SAY_AGAIN: u32 = 100;
/// A connection that ends sooner than this did not work: the next try waits longer.
const STEADY: Duration = Duration::from_secs(5);
/// So many connections in a row that the broker accepts and soon cuts off are another client's doing.
const CONTESTED: u32 = 3;
/// A connection that was contested is held to be well after this long: more than the longest wait of the other side.
const SETTLED: Duration = Duration::from_secs(120);

/// A connection that broke, or did not come about.
pub(super) struct ConnectionFault {
    /// What is wrong, with the mend.
    pub(super) why: String,
    /// Whether the other side closed a connection that it had accepted, as a broker does with the elder of two namesakes.
    pub(super) cut: bool,
}

/// What follows from a fault.
pub(super) struct ReconnectAdvice {
    /// How long to wait.
    pub(super) wait: Duration,
    /// Tries since the last connection.
    pub(super) tries: u32,
    /// What to tell, unless it was told before.
    pub(super) news: Option<String>,
}

/// The faults of one connection. The caller tells the time.
pub(super) struct ReconnectPolicy {
    /// What to tell of two clients with one name.
    contested: String,
    waits: Box<dyn Iterator<Item = Duration> + Send>,
    /// Since when the broker has accepted it.
    connected: Option<Instant>,
    tries: u32,
    told: String,
    /// Connections in a row that were cut off soon.
    cuts: u32,
}

impl ReconnectPolicy {
    /// No fault yet of the client of this name at this broker.
    pub(super) fn new(broker: &str, client_id: &str) -> Self {
        let contested = format!(
            "the broker at {broker} accepts the client {client_id:?} and cuts it off again and again: another client has the same name, and each puts the other out; give each a name of its own in [mqtt] client_id"
        );
        Self {
            contested,
            waits: Box::new(backoff()),
            connected: None,
            tries: 0,
            told: String::new(),
            cuts: 0,
        }
    }

    /// The broker accepted; gives the tries that it took where that is worth a line.
    pub(super) fn accepted(&mut self, now: Instant) -> Option<u32> {
        self.connected = Some(now);
        if self.cuts < CONTESTED - 1 {
            // The next fault is a new one, unless there is a pattern to it.
            self.told.clear();
        }
        let tries = std::mem::take(&mut self.tries) + 1;
        (!self.contested()).then_some(tries)
    }

    /// The connection broke, or did not come about.
    pub(super) fn broke(&mut self, now: Instant, fault: ConnectionFault) -> ReconnectAdvice {
        let held = self.connected.take().map(|since| now.saturating_duration_since(since));
        let enough = if self.contested() { SETTLED } else { STEADY };
        match held {
            Some(held) if held > enough => self.settle(),
            Some(_) if fault.cut => self.cuts += 1,
            // A broker that is away, or refuses, is no rival.
            _ => self.cuts = 0,
        }
        self.tries += 1;
        let (why, again) = if self.contested() {
            (self.contested.clone(), (self.cuts - CONTESTED).is_multiple_of(SAY_AGAIN))
        } else {
            (fault.why, self.tries.is_multiple_of(SAY_AGAIN))
        };
        let news = (why != self.told || again).then(|| why.clone());
        self.told = why;
        ReconnectAdvice { wait: self.waits.next().unwrap_or(TIMEOUT), tries: self.tries, news }
    }

    /// When a contested connection will be held to be well.
    pub(super) fn settles(&self) -> Option<Instant> {
        self.connected.filter(|_| self.contested()).map(|since| since + SETTLED)
    }

    /// The connection is well: the next fault is a new one.
    pub(super) fn settle(&mut self) {
        self.waits = Box::new(backoff());
        self.told.clear();
        self.cuts = 0;
    }

    fn contested(&self) -> bool {
        self.cuts >= CONTESTED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(why: &str, cut: bool) -> ConnectionFault {
        ConnectionFault { why: why.into(), cut }
    }

    /// A connection that holds for so long, and is then cut off.
    fn hold(policy: &mut ReconnectPolicy, now: &mut Instant, seconds: u64) -> ReconnectAdvice {
        policy.accepted(*now);
        *now += Duration::from_secs(seconds);
        policy.broke(*now, fault("broke", true))
    }

    #[test]
    fn a_name_that_two_clients_have_is_told_once_and_the_waits_grow() {
        let mut policy = ReconnectPolicy::new("here:1883", "rover");
        let mut now = Instant::now();
        let verdicts: Vec<_> = (0..9).map(|_| hold(&mut policy, &mut now, 1)).collect();
        let news: Vec<_> = verdicts.iter().filter_map(|verdict| verdict.news.as_deref()).collect();
        assert_eq!((news.len(), news[0], news[1]), (3, "broke", "broke"), "{news:?}");
        assert!(news[2].contains("\"rover\"") && news[2].contains("[mqtt] client_id"), "{news:?}");
        assert!(verdicts[8].wait >= Duration::from_secs(30));
        // The other one waits, too: its waits are longer than what is steady elsewhere.
        assert!(hold(&mut policy, &mut now, 50).news.is_none());
        assert_eq!(policy.accepted(now), None);
    }

    #[test]
    fn a_name_that_is_free_again_is_well_after_a_while() {
        let mut policy = ReconnectPolicy::new("here:1883", "rover");
        let mut now = Instant::now();
        for _ in 0..5 {
            hold(&mut policy, &mut now, 1);
        }
        assert_eq!(policy.settles(), None, "it is not connected");
        policy.accepted(now);
        assert_eq!(policy.settles(), Some(now + SETTLED));
        policy.settle();
        assert_eq!(policy.settles(), None);
        assert_eq!(hold(&mut policy, &mut now, 200).news.as_deref(), Some("broke"));
    }

    #[test]
    fn a_broker_that_restarts_often_is_no_rival() {
        let mut policy = ReconnectPolicy::new("here:1883", "rover");
        let mut now = Instant::now();
        for _ in 0..9 {
            let verdict = hold(&mut policy, &mut now, 1);
            assert_eq!(verdict.news.as_deref(), Some("broke"));
            let verdict = policy.broke(now, fault("away", false));
            assert_eq!(verdict.news.as_deref(), Some("away"));
            assert!(policy.broke(now, fault("away", false)).news.is_none(), "it was told");
        }
        assert_eq!(policy.accepted(now), Some(4));
    }

    #[test]
    fn a_fault_that_stays_is_told_again_after_many_tries() {
        let mut policy = ReconnectPolicy::new("here:1883", "rover");
        let now = Instant::now();
        let told = (0..200).filter(|_| policy.broke(now, fault("away", false)).news.is_some()).count();
        assert_eq!(told, 3);
    }
}
