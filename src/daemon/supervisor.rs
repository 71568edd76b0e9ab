//! Informs the service manager how the daemon is, and that it makes progress.
//!
//! The watchdog is notified only while the pipeline makes progress: while the stream table is at work, and while
//! predictions come out of the decision if windows are on their way there. When the pipeline is stuck, the
//! service manager restarts the daemon.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;

use super::notifier::Notifier;
use crate::health::{Health, HealthReport, ProgressWatcher, SourceState};
use crate::shutdown::Shutdown;

/// The longest interval between two checks of the status line. Without a watchdog, it is also the interval
/// between two checks of progress.
const STATUS: Duration = Duration::from_secs(5);

/// Reports the status line when it has changed, and notifies the watchdog, until the shutdown.
pub(crate) async fn run(health: Arc<Health>, notifier: Arc<Notifier>, mut shutdown: Shutdown) {
    // Twice within the watchdog's timeout, as sd_watchdog_enabled(3) recommends.
    let watchdog = sd_notify::watchdog_enabled().map(|timeout| timeout / 2);
    let mut status_checks = tokio::time::interval(watchdog.map_or(STATUS, |half| half.min(STATUS)));
    let mut progress_checks = tokio::time::interval(watchdog.unwrap_or(STATUS));
    let (mut reported, mut watcher) = (String::new(), ProgressWatcher::default());
    loop {
        tokio::select! {
            _ = progress_checks.tick() => {
                if !watcher.makes_progress(health.progress()) {
                    tracing::error!(
                        "the pipeline makes no progress, so the watchdog is not notified; the service manager \
                         restarts the daemon if its unit sets WatchdogSec"
                    );
                } else if watchdog.is_some() {
                    notifier.update(&NotifyState::Watchdog);
                }
            }
            _ = status_checks.tick() => {
                notifier.send_kept();
                let status = status(&health.report());
                if status != reported {
                    notifier.update(&NotifyState::Status(&status));
                    reported = status;
                }
            }
            () = shutdown.requested() => return,
        }
    }
}

/// The status in one line, for `systemctl status`.
pub(crate) fn status(report: &HealthReport) -> String {
    let mut line = match report.streams {
        0 => "no stream yet".to_owned(),
        1 => "1 stream".to_owned(),
        count => format!("{count} streams"),
    };
    line += &format!(", {} predictions", report.predictions);
    for source in &report.sources {
        let state = match source.state {
            SourceState::Ok | SourceState::Ended => continue,
            SourceState::Connecting => "connecting",
            SourceState::Silent => "silent",
        };
        line += &format!(", {} is {state}", source.name);
    }
    if let Some(problem) = &report.broker_problem {
        line += &format!(", {problem}");
    }
    if let Some(problem) = report.problems.first() {
        let channel = problem.channel.as_ref().map(|channel| format!("{channel} of ")).unwrap_or_default();
        line += &format!(", {channel}{}: {}", problem.stream, problem.problem);
        if report.problem_count > 1 {
            let more = report.problem_count - 1;
            line += &format!(" and {more} more problem{}", if more == 1 { "" } else { "s" });
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
    fn the_status_line_names_the_sources_without_samples() {
        let health = Health::new([("serial0".into(), STATUS), ("fleet".into(), STATUS)]);
        health.count_samples(0, 1);
        health.set_streams(1);
        health.count_predictions(3);
        assert_eq!(status(&health.report()), "1 stream, 3 predictions, fleet is connecting");
        health.reloaded(Err("x.toml, line 3: no".into()));
        assert!(status(&health.report()).ends_with(", the last reload failed: x.toml, line 3: no"));
    }
}
