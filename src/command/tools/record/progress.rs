//! What `record` says while it waits for samples and while it records.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use super::layout;
use super::monitor::RecordMonitor;
use super::screen::BottomLines;
use crate::health::Health;
use crate::model::card_text::printable;

/// How often the lines on a terminal are rewritten.
const TICK: Duration = Duration::from_millis(200);
/// How often lines are printed where standard error is no terminal.
const PLAIN: Duration = Duration::from_secs(10);

/// Says on standard error what is waited for, what arrives, and what is wrong with it.
pub(super) struct RecordProgress {
    monitor: Arc<Mutex<RecordMonitor>>,
    health: Arc<Health>,
    texts: RecordTexts,
    /// `None` where standard error is no terminal.
    screen: Option<BottomLines>,
    /// When lines are printed next without a terminal; `None` before the first sample.
    next_plain: Option<Instant>,
}

/// What is said about a recording.
#[derive(Clone, Debug)]
pub(super) struct RecordTexts {
    /// The sources, such as `serial0 (/dev/ttyUSB0)`.
    pub sources: String,
    /// That recording has begun.
    pub begun: String,
    /// The command that finds out why nothing arrives.
    pub check: String,
}

impl RecordProgress {
    /// Says what is waited for.
    pub(super) fn new(monitor: Arc<Mutex<RecordMonitor>>, health: Arc<Health>, texts: RecordTexts) -> Self {
        let screen = BottomLines::open();
        if screen.is_none() {
            eprintln!("waiting for samples from {}; Ctrl-C stops", texts.sources);
        }
        Self { monitor, health, texts, screen, next_plain: None }
    }

    /// Goes on saying it until `duration` has passed since the first sample; without one, forever.
    pub(super) async fn run(&mut self, duration: Option<Duration>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let first = self.monitor.lock().unwrap_or_else(PoisonError::into_inner).first();
            let end = first.and_then(|first| first.checked_add(duration?));
            tokio::select! {
                _ = ticks.tick() => self.tell(Instant::now()),
                () = reached(end) => return,
            }
        }
    }

    /// Says what is new, and what has arrived until now.
    fn tell(&mut self, now: Instant) {
        let monitor = self.monitor.clone();
        let mut monitor = monitor.lock().unwrap_or_else(PoisonError::into_inner);
        let has_begun = monitor.first().is_some();
        if has_begun && self.next_plain.is_none() {
            eprintln!("{}", self.texts.begun);
            self.next_plain = Some(now + PLAIN);
        }
        for doubt in monitor.doubts_to_tell() {
            eprintln!("warning: {}", printable(&doubt));
        }
        if let Some(silence) = monitor.silence_to_tell(now) {
            eprintln!("{}", printable(&self.silence(silence)));
        }
        if let Some(screen) = &self.screen {
            let (height, width) = BottomLines::size();
            let mut lines = match has_begun {
                true => layout::lines(&monitor, &self.health.drops(), now, width),
                false => vec![layout::shortened(&self.waiting(monitor.silence(now)), width)],
            };
            lines.truncate(height);
            screen.show(lines);
        } else if self.next_plain.is_some_and(|next| now >= next) {
            self.next_plain = Some(now + PLAIN);
            for line in layout::plain_lines(&monitor, &self.health.drops(), now) {
                eprintln!("{line}");
            }
        }
    }

    fn waiting(&self, time: Duration) -> String {
        format!("waiting for samples from {}... {} s", self.texts.sources, time.as_secs())
    }

    /// That nothing has arrived for this long, why, as far as that is known, and what to do.
    fn silence(&self, time: Duration) -> String {
        let RecordTexts { sources, check, .. } = &self.texts;
        let known = self.health.report().problems.into_iter().next().map(|problem| problem.detail.clone());
        let why = known.unwrap_or_else(|| "check that the robot is on and sends samples".to_owned());
        format!(
            "no sample has arrived from {sources} for {} s: {why}; if none comes, stop with Ctrl-C and run `{check}`, \
             which says what arrives",
            time.as_secs()
        )
    }
}

/// Waits until a moment; forever for `None`.
async fn reached(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}
