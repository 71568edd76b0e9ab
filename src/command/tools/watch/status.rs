//! The lines above the table: how the broker and the daemon are, and what is wrong.

use std::time::{Duration, Instant};

use super::fleet::{Fleet, Link, MAX_ROBOTS};
use super::message::HealthMessage;

/// The broker, the state of the daemon, and at most `room` lines about problems, each with how to fix it.
pub(super) fn status(fleet: &Fleet, broker: &str, now: Instant, room: usize) -> Vec<String> {
    let mut lines = vec![connection(fleet, broker, now), state(fleet, now)];
    if let Link::Connected(Some(error)) | Link::Lost(_, error) = &fleet.link {
        lines.push(error.clone());
    }
    if let Some((health, _)) = &fleet.health {
        lines.extend(problems(health, room));
    }
    lines
}

/// The line about the broker and the daemon.
fn connection(fleet: &Fleet, broker: &str, now: Instant) -> String {
    let since = |moment: Instant| time(now.saturating_duration_since(moment));
    let link = match &fleet.link {
        Link::Connecting => "connecting".into(),
        Link::Connected(_) => "connected".into(),
        Link::Lost(moment, _) => format!("unreachable for {}", since(*moment)),
    };
    let daemon = match (&fleet.daemon, &fleet.link) {
        (Some(daemon), Link::Connected(_)) => {
            let word = if daemon.online { "online" } else { "offline" };
            daemon.since.map_or(word.to_owned(), |moment| format!("{word} for {}", since(moment)))
        }
        _ => "not heard".into(),
    };
    format!("broker {broker} {link}, {} {daemon}", fleet.name())
}

/// The line about the daemon's state and counters.
fn state(fleet: &Fleet, now: Instant) -> String {
    let mut line = match &fleet.health {
        None => "no health report yet".to_owned(),
        Some((health, arrived)) => {
            // A daemon that is offline does not get older.
            let is_online = fleet.daemon.as_ref().is_some_and(|daemon| daemon.online);
            let age = if is_online { now.saturating_duration_since(*arrived) } else { Duration::ZERO };
            describe_health(health, age)
        }
    };
    if fleet.over_limit {
        line += &format!(", more than {MAX_ROBOTS} streams");
    }
    if fleet.unrecognised > 0 {
        line += &format!(", {} unrecognised messages", fleet.unrecognised);
    }
    line
}

/// The state in a word, what is wrong, and the counters. `age` is the time since the report.
fn describe_health(health: &HealthMessage, age: Duration) -> String {
    let is_ok = health.state.as_ref().map_or(health.healthy, |state| state.as_str() == "ok");
    let mut line = if is_ok { "ok" } else { "degraded" }.to_owned();
    for source in &health.sources {
        if !matches!(source.state.as_str(), "ok" | "ended") {
            line += &format!(", {} is {}", source.name, source.state);
        }
    }
    match health.problem_count {
        0 => {}
        1 => line += ", 1 problem",
        count => line += &format!(", {count} problems"),
    }
    let dropped = health.dropped.values().fold(0, |sum: u64, count| sum.saturating_add(*count));
    let uptime = Duration::from_secs(health.uptime).saturating_add(age);
    line += &format!(", up {}, streams {}", time(uptime), health.streams);
    if dropped > 0 {
        line += &format!(", dropped {dropped}");
    }
    line
}

/// A line for each problem, at most `room`; the last one says how many more there are.
fn problems(health: &HealthMessage, room: usize) -> Vec<String> {
    let broker = health.broker_problem.iter().map(|problem| format!("! {problem}"));
    let streams = health.problems.iter().map(|problem| format!("! {}: {}", problem.stream, problem.detail));
    let mut lines: Vec<_> = broker.chain(streams).collect();
    let unlisted = health.problem_count.saturating_sub(health.problems.len() as u64);
    if lines.len() > room || unlisted > 0 {
        let shown = lines.len().min(room.saturating_sub(1));
        let more = (lines.len() - shown) as u64 + unlisted;
        lines.truncate(shown);
        lines.push(format!("! and {more} more problem{}", if more == 1 { "" } else { "s" }));
        lines.truncate(room);
    }
    lines
}

/// A duration in a single unit.
pub(super) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", (seconds / 86_400).min(99_999)),
    }
}
