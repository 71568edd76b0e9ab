//! What the service manager is told: that the daemon is ready, how it is, and that it moves.
//!
//! The protocol is that of sd_notify(3); without a manager that listens, nothing is sent. The watchdog is fed only while the
//! pipeline moves: while streams are looked after, and windows that wait for the model come out of it.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::health::{Health, HealthReport, ProgressWatcher, SourceState};
use crate::shutdown::Shutdown;

/// How often the status line is looked at where no watchdog sets the pace.
const STATUS: Duration = Duration::from_secs(5);

/// Says that samples are being served.
pub(crate) fn ready() {
    send(&[NotifyState::Ready]);
}

/// Says that the daemon is ending.
pub(crate) fn stopping() {
    send(&[NotifyState::Stopping, NotifyState::Status("publishing what is in flight")]);
}

/// Says that the configuration is being read again.
pub(crate) fn reloading() {
    // The manager tells by the time whether this is about the signal that it sent last.
    let now = NotifyState::monotonic_usec_now();
    send(&[NotifyState::Reloading].into_iter().chain(now).collect::<Vec<_>>());
}

/// Says that samples are being served again, and how the daemon is.
pub(crate) fn reloaded(report: &HealthReport) {
    send(&[NotifyState::Ready, NotifyState::Status(&status(report))]);
}

/// Tells how the daemon is, and feeds the watchdog, until the shutdown.
pub(crate) async fn run(health: Arc<Health>, mut shutdown: Shutdown) {
    // Twice in the time that the manager allows, as sd_watchdog_enabled(3) advises.
    let watchdog = sd_notify::watchdog_enabled().map(|within| within / 2);
    let mut looks = tokio::time::interval(watchdog.map_or(STATUS, |half| half.min(STATUS)));
    let mut pace = tokio::time::interval(watchdog.unwrap_or(STATUS));
    let (mut said, mut watcher) = (String::new(), ProgressWatcher::default());
    loop {
        tokio::select! {
            _ = pace.tick() => {
                if !watcher.moves(health.progress()) {
                    tracing::error!("the pipeline does not move; the watchdog is not fed");
                } else if watchdog.is_some() {
                    send(&[NotifyState::Watchdog]);
                }
            }
            _ = looks.tick() => {
                let status = status(&health.report());
                if status != said {
                    send(&[NotifyState::Status(&status)]);
                    said = status;
                }
            }
            () = shutdown.requested() => return,
        }
    }
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("the service manager cannot be told: {error}");
    }
}

/// One line for `systemctl status`.
fn status(report: &HealthReport) -> String {
    let mut line = match report.streams {
        0 => "no stream yet".to_owned(),
        1 => "1 stream".to_owned(),
        count => format!("{count} streams"),
    };
    line += &format!(", {} predictions", report.predictions);
    for source in &report.sources {
        let word = match source.state {
            SourceState::Ok | SourceState::Ended => continue,
            SourceState::Connecting => "connecting",
            SourceState::Silent => "silent",
        };
        line += &format!(", {} is {word}", source.name);
    }
    if let Some(problem) = report.problems.first() {
        let channel = problem.channel.as_ref().map(|channel| format!("{channel} of ")).unwrap_or_default();
        line += &format!(", {channel}{} is {}", problem.stream, problem.problem);
        if report.problem_count > 1 {
            line += &format!(" and {} more problems", report.problem_count - 1);
        }
    }
    let dropped: u64 = report.dropped.values().sum();
    if dropped > 0 {
        line += &format!(", {dropped} dropped");
    }
    if !report.reloads.needs_restart.is_empty() {
        line += &format!(", a restart is needed for {}", report.reloads.needs_restart.join(", "));
    }
    if let Some(why) = &report.reloads.error {
        line += &format!(", the last reload failed: {why}");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_line_names_the_sources_that_give_nothing() {
        let health = Health::new([("serial0".into(), STATUS), ("fleet".into(), STATUS)]);
        health.samples(0, 1);
        health.streams(1);
        health.predictions(3);
        assert_eq!(status(&health.report()), "1 stream, 3 predictions, fleet is connecting");
        health.reloaded(Err("x.toml, line 3: no".into()));
        assert!(status(&health.report()).ends_with(", the last reload failed: x.toml, line 3: no"));
    }
}
