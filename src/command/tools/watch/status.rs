//! The lines above the table: how the broker and the daemons are, and what is wrong.

use std::time::{Duration, Instant};

use super::daemons::{MAX_DAEMONS, WatchedDaemon};
use super::fleet::{Fleet, Link, MAX_ROBOTS};
use super::message::HealthMessage;

/// The broker, the state of each daemon, and at most `room` lines about problems, each with how to fix it. Of several
/// daemons, at most `room` are listed, those with a problem first.
pub(super) fn status(fleet: &Fleet, broker: &str, now: Instant, room: usize) -> Vec<String> {
    let alone = WatchedDaemon::default();
    let daemons = fleet.daemons.by_urgency();
    let one = if daemons.is_empty() { Some((None, &alone)) } else { fleet.daemons.only() };
    let mut lines = match one {
        Some((node, daemon)) => {
            let first = format!(
                "{}, {} {}",
                link(fleet, broker, now),
                fleet.name(node),
                availability(fleet, daemon, now)
            );
            vec![first, state(daemon, now) + &remarks(fleet)]
        }
        None => {
            let offline = daemons.iter().filter(|(_, daemon)| !daemon.is_online()).count();
            let offline = if offline == 0 { String::new() } else { format!(", {offline} not online") };
            let first =
                format!("{}, {} daemons{offline}", link(fleet, broker, now), daemons.len()) + &remarks(fleet);
            let line = |(node, daemon): &(Option<&str>, &WatchedDaemon)| {
                format!("{} {}, {}", fleet.name(*node), availability(fleet, daemon, now), state(daemon, now))
            };
            let mut lines: Vec<_> = [first].into_iter().chain(daemons.iter().map(line)).collect();
            if daemons.len() > room {
                let shown = room.saturating_sub(1);
                lines.truncate(1 + shown);
                lines.push(format!("and {} more daemons", daemons.len() - shown));
            }
            lines
        }
    };
    if let Link::Connected(Some(error)) | Link::Lost(_, error) = &fleet.link {
        lines.push(error.clone());
    }
    // What a daemon that has died said last is no news while others go on.
    let current = daemons.iter().filter(|(_, daemon)| one.is_some() || daemon.is_online());
    let reports: Vec<_> = current.filter_map(|(_, daemon)| Some(&daemon.health.as_ref()?.0)).collect();
    lines.extend(problems(&reports, room));
    lines
}

/// The connection to the broker.
fn link(fleet: &Fleet, broker: &str, now: Instant) -> String {
    let link = match &fleet.link {
        Link::Connecting => "connecting".into(),
        Link::Connected(_) => "connected".into(),
        Link::Lost(moment, _) => format!("unreachable for {}", time(now.saturating_duration_since(*moment))),
    };
    format!("broker {broker} {link}")
}

/// Whether a daemon is online, and for how long it has been so or not.
fn availability(fleet: &Fleet, daemon: &WatchedDaemon, now: Instant) -> String {
    match (&daemon.status, &fleet.link) {
        (Some(status), Link::Connected(_)) => {
            let word = if status.online { "online" } else { "offline" };
            let since = status.since.map(|moment| time(now.saturating_duration_since(moment)));
            since.map_or(word.to_owned(), |since| format!("{word} for {since}"))
        }
        _ => "not heard".into(),
    }
}

/// A daemon's state and counters.
fn state(daemon: &WatchedDaemon, now: Instant) -> String {
    let Some((health, arrived)) = &daemon.health else { return "no health report yet".to_owned() };
    // A daemon that is offline does not get older.
    let age = if daemon.is_online() { now.saturating_duration_since(*arrived) } else { Duration::ZERO };
    describe_health(health, age)
}

/// What else is to be known about the whole.
fn remarks(fleet: &Fleet) -> String {
    let mut remarks = String::new();
    if fleet.over_limit {
        remarks += &format!(", more than {MAX_ROBOTS} streams");
    }
    if fleet.daemons.over_limit {
        remarks += &format!(", more than {MAX_DAEMONS} daemons");
    }
    if fleet.unrecognised > 0 {
        remarks += &format!(", {} unrecognised messages", fleet.unrecognised);
    }
    remarks
}

/// The state in a word, what is wrong, and the counters. `age` is the time since the report.
fn describe_health(health: &HealthMessage, age: Duration) -> String {
    let mut line = if health.is_ok() { "ok" } else { "degraded" }.to_owned();
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

/// A line for each problem of these reports, at most `room`; the last one says how many more there are.
fn problems(reports: &[&HealthMessage], room: usize) -> Vec<String> {
    let broker =
        |health: &&HealthMessage| health.broker_problem.as_ref().map(|problem| format!("! {problem}"));
    let streams = |health: &&HealthMessage| -> Vec<String> {
        health.problems.iter().map(|problem| format!("! {}: {}", problem.stream, problem.detail)).collect()
    };
    let unlisted =
        |health: &&HealthMessage| health.problem_count.saturating_sub(health.problems.len() as u64);
    let mut lines: Vec<_> =
        reports.iter().filter_map(broker).chain(reports.iter().flat_map(streams)).collect();
    let unlisted = reports.iter().map(unlisted).fold(0, u64::saturating_add);
    if lines.len() > room || unlisted > 0 {
        let shown = lines.len().min(room.saturating_sub(1));
        let more = unlisted.saturating_add((lines.len() - shown) as u64);
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
