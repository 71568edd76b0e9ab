//! Counts what was dropped, and decides when that is logged.

use std::collections::HashMap;
use std::time::Instant;

use super::LOG_INTERVAL;
use crate::signal::{DropReason, Drops};

/// Everything that was dropped since the start, and what of it was logged.
///
/// For each source or stage, the first drop of each reason is logged at once. After that a reason is logged at
/// most once a minute, with the number of drops since it was last logged, so that each drop is in one line of
/// the log.
#[derive(Debug, Default)]
pub(super) struct DropLog {
    total: Drops,
    /// By the name of the source or stage; there are only as many as the pipeline has.
    origins: HashMap<String, [Option<LoggedDrops>; DropReason::ALL.len()]>,
}

/// The drops of one reason and one source.
#[derive(Debug, Default)]
struct LoggedDrops {
    /// When they were last logged.
    logged: Option<Instant>,
    /// The number of drops since the start.
    total: u64,
    /// The number of drops that no line of the log has counted.
    unlogged: u64,
    /// A description of the newest of them.
    detail: String,
}

/// A line for the log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DropLine {
    /// The source or stage.
    origin: String,
    reason: DropReason,
    /// The number of drops since the last line.
    count: u64,
    /// The number of drops since the start.
    total: u64,
    detail: String,
}

impl DropLog {
    /// Adds drops without logging them.
    pub(super) fn count(&mut self, drops: &Drops) {
        self.total.merge(drops);
    }

    /// Adds drops. Returns the lines to be logged now. `origin` is the source or stage that dropped them.
    pub(super) fn record(&mut self, origin: &str, drops: &Drops, now: Instant) -> Vec<DropLine> {
        self.total.merge(drops);
        if !self.origins.contains_key(origin) {
            self.origins.insert(origin.to_owned(), Default::default());
        }
        let Some(reasons) = self.origins.get_mut(origin) else { return Vec::new() };
        for (reason, detail) in drops.details() {
            let Some(logged) = reasons.get_mut(reason as usize) else { continue };
            let logged = logged.get_or_insert_default();
            logged.total += drops.count(reason);
            logged.unlogged += drops.count(reason);
            detail.clone_into(&mut logged.detail);
        }
        due(origin, reasons, now)
    }

    /// The lines about drops that were not logged yet because their reason had been logged shortly before.
    pub(super) fn due(&mut self, now: Instant) -> Vec<DropLine> {
        self.origins.iter_mut().flat_map(|(origin, reasons)| due(origin, reasons, now)).collect()
    }

    /// What was dropped since the start.
    pub(super) fn total(&self) -> &Drops {
        &self.total
    }
}

/// The lines of one origin that are to be logged now.
fn due(origin: &str, reasons: &mut [Option<LoggedDrops>], now: Instant) -> Vec<DropLine> {
    let mut lines = Vec::new();
    for (reason, logged) in DropReason::ALL.into_iter().zip(reasons) {
        let is_due = |logged: &&mut LoggedDrops| {
            let is_recent = |last| now.saturating_duration_since(last) < LOG_INTERVAL;
            logged.unlogged > 0 && !logged.logged.is_some_and(is_recent)
        };
        let Some(logged) = logged.as_mut().filter(is_due) else { continue };
        logged.logged = Some(now);
        let count = std::mem::take(&mut logged.unlogged);
        let detail = std::mem::take(&mut logged.detail);
        lines.push(DropLine { origin: origin.to_owned(), reason, count, total: logged.total, detail });
    }
    lines
}

impl DropLine {
    /// Writes the line to the log.
    pub(super) fn log(&self) {
        let DropLine { origin, reason, count, total, detail } = self;
        tracing::warn!(source = origin, reason = reason.name(), count, total, "{detail}");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn drops(counts: &[(DropReason, u64)]) -> Drops {
        let mut drops = Drops::default();
        for (reason, count) in counts {
            drops.add_many(*reason, *count, || format!("{count} are {}", reason.name()));
        }
        drops
    }

    /// The reason and the counts of each line.
    fn short(lines: &[DropLine]) -> Vec<(DropReason, u64, u64)> {
        lines.iter().map(|line| (line.reason, line.count, line.total)).collect()
    }

    const LATE: DropReason = DropReason::Late;
    const MALFORMED: DropReason = DropReason::Malformed;

    #[test]
    fn each_reason_of_a_batch_is_logged_the_first_time() {
        let mut log = DropLog::default();
        let lines = log.record("board", &drops(&[(LATE, 2), (MALFORMED, 3)]), Instant::now());
        assert_eq!(short(&lines), [(MALFORMED, 3, 3), (LATE, 2, 2)]);
        assert_eq!(lines[1].detail, "2 are late");
    }

    #[test]
    fn a_reason_is_logged_once_a_minute_with_its_count() {
        let (mut log, start) = (DropLog::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(log.record("board", &drops(&[(LATE, 1)]), start).len(), 1);
        assert_eq!(log.record("board", &drops(&[(LATE, 4)]), at(1)), []);
        assert_eq!(log.record("board", &drops(&[(LATE, 2)]), at(59)), []);
        assert_eq!(log.due(at(59)), []);
        assert_eq!(short(&log.due(at(60))), [(LATE, 6, 7)], "also if no further drop follows");
        assert_eq!(log.due(at(120)), []);
        assert_eq!(short(&log.record("board", &drops(&[(LATE, 1)]), at(121))), [(LATE, 1, 8)]);
    }

    #[test]
    fn sources_are_logged_apart() {
        let (mut log, now) = (DropLog::default(), Instant::now());
        log.record("one", &drops(&[(LATE, 1)]), now);
        assert_eq!(short(&log.record("two", &drops(&[(LATE, 1)]), now)), [(LATE, 1, 1)]);
        assert_eq!(log.total().to_string(), "2 late");
    }
}
