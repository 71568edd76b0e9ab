//! The demo's display: for each robot the true, predicted and decided surface, the confidence and the
//! latency.

use std::fmt::Write as _;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table, presets};
use console::Term;

use crate::decision::{Outcome, Prediction};
use crate::model::card::{Card, UNKNOWN};
use crate::signal::{StreamId, Time};
use crate::simulator::drive::Drive;

/// Outcomes, each with the moment at which the pipeline emitted it.
pub(crate) type TimedOutcomes = Receiver<(Instant, Outcome)>;

/// The robots shown, and the score so far.
pub(crate) struct Board {
    labels: Vec<String>,
    /// Time from a window's first step to its last, in nanoseconds.
    span: i64,
    robots: Vec<BoardRobot>,
    terminal: Term,
    /// Number of lines that the last drawing occupies.
    drawn_lines: usize,
    score: Tally,
}

/// One robot of the board.
struct BoardRobot {
    name: StreamId,
    drive: Drive,
    /// The newest prediction and its latency.
    last: Option<(Prediction, Duration)>,
    /// The decided surface that was last reported as a change; `None` is unknown.
    reported: Option<usize>,
    /// Lines about changes that have not been printed yet.
    changes: Vec<String>,
    /// The time and the new surface of the last boundary crossed, until that surface is decided.
    crossed: Option<(Time, String)>,
    /// The true surface at the last prediction.
    truth: Option<String>,
}

/// How many predictions and decisions were correct, over all robots.
#[derive(Default)]
struct Tally {
    /// Windows that lie on one surface from their first step to their last.
    windows: u64,
    correct_windows: u64,
    decisions: u64,
    correct_decisions: u64,
    /// Times from crossing a boundary to deciding the new surface, in seconds.
    delays: Vec<f64>,
}

impl Board {
    pub(crate) fn new(drives: Vec<(StreamId, Drive)>, card: &Card) -> Self {
        let robot = |(name, drive)| BoardRobot {
            name,
            drive,
            last: None,
            reported: None,
            changes: Vec::new(),
            crossed: None,
            truth: None,
        };
        Self {
            labels: card.labels.clone(),
            span: card.span(),
            robots: drives.into_iter().map(robot).collect(),
            terminal: Term::stdout(),
            drawn_lines: 0,
            score: Tally::default(),
        }
    }

    /// Takes the outcomes since the last call.
    pub(crate) fn take(&mut self, outcomes: &TimedOutcomes) {
        for (emitted, outcome) in outcomes.try_iter() {
            let Outcome::Prediction(prediction) = outcome else { continue };
            let latency = emitted.saturating_duration_since(prediction.arrived);
            let Self { labels, robots, score, span, .. } = self;
            if let Some(robot) = robots.iter_mut().find(|robot| robot.name == prediction.stream) {
                robot.take(prediction, latency, labels, *span, score);
            }
        }
    }

    /// Draws the table over the previous one.
    pub(crate) fn draw(&mut self) {
        let text = self.table();
        // Writing fails only if the terminal is gone, and then nobody sees the table.
        let _ = self.terminal.clear_last_lines(self.drawn_lines);
        let _ = self.terminal.write_str(&text);
        self.drawn_lines = text.lines().count();
    }

    /// Prints a line for each change of a decided surface since the last call.
    pub(crate) fn print_changes(&mut self) {
        for change in self.robots.iter_mut().flat_map(|robot| std::mem::take(&mut robot.changes)) {
            println!("{change}");
        }
    }

    /// Draws the table or prints the changes for the last time, then prints the score.
    pub(crate) fn finish(&mut self) {
        if self.drawn_lines > 0 {
            self.draw();
        } else {
            self.print_changes();
        }
        println!("\n{}", self.score);
    }

    fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["robot", "time", "true", "predicted", "decided", "confidence", "latency"]);
        for robot in &self.robots {
            table.add_row(robot.row(&self.labels));
        }
        for column in [1, 5, 6] {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut text = table.to_string();
        let _ = write!(text, "\n\n{}\n", self.score);
        text
    }
}

impl BoardRobot {
    fn take(
        &mut self,
        prediction: Prediction,
        latency: Duration,
        labels: &[String],
        span: i64,
        score: &mut Tally,
    ) {
        let at = |time| self.drive.surface_at(time).map(|surface| surface.name().to_owned());
        let now = at(prediction.time);
        let throughout =
            now.as_ref().is_some_and(|now| at(prediction.time.offset(-span)).as_ref() == Some(now));
        let name = |surface: Option<usize>| surface.and_then(|index| labels.get(index));
        if throughout {
            score.windows += 1;
            score.correct_windows += u64::from(name(prediction.likeliest()) == now.as_ref());
        }
        score.decisions += 1;
        score.correct_decisions += u64::from(name(prediction.surface) == now.as_ref());
        if self.truth.is_some()
            && self.truth != now
            && let Some(new) = &now
        {
            self.crossed = Some((prediction.time, new.clone()));
        }
        self.truth = now;
        if prediction.surface != self.reported {
            self.reported = prediction.surface;
            let decided = name(prediction.surface).map_or(UNKNOWN, String::as_str);
            let mut change = format!(
                "{} {:6.2} s  {decided:<9} {:3.0} % confidence",
                self.name,
                prediction.time.seconds(),
                100.0 * prediction.confidence
            );
            if let Some((crossed, _)) = self.crossed.take_if(|(_, new)| new == decided) {
                let delay = prediction.time.since(crossed) as f64 / 1e9;
                score.delays.push(delay);
                let _ = write!(change, ", {delay:.2} s after it began");
            } else if let Some(truth) = &self.truth
                && truth != decided
            {
                let _ = write!(change, ", the true surface is {truth}");
            }
            self.changes.push(change);
        }
        self.last = Some((prediction, latency));
    }

    fn row(&self, labels: &[String]) -> Vec<String> {
        let name = |surface: Option<usize>| {
            surface.and_then(|index| labels.get(index)).map_or(UNKNOWN, String::as_str).to_owned()
        };
        match &self.last {
            None => vec![self.name.to_string(), "0.0 s".into(), "-".into(), "-".into(), UNKNOWN.into()],
            Some((prediction, latency)) => vec![
                self.name.to_string(),
                format!("{:.1} s", prediction.time.seconds()),
                self.truth.clone().unwrap_or_default(),
                name(prediction.likeliest()),
                name(prediction.surface),
                format!("{:.0} %", 100.0 * prediction.confidence),
                format!("{:.1} ms", latency.as_secs_f64() * 1e3),
            ],
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = |part: u64, whole: u64| 100.0 * part as f64 / whole.max(1) as f64;
        write!(
            f,
            "correct so far: {:.1} % of predictions (windows on one surface), {:.1} % of decisions",
            percent(self.correct_windows, self.windows),
            percent(self.correct_decisions, self.decisions)
        )?;
        let mut delays = self.delays.clone();
        delays.sort_by(f64::total_cmp);
        if let Some(median) = delays.get(delays.len() / 2) {
            write!(f, "; a new surface is decided after {median:.1} s (median)")?;
        }
        Ok(())
    }
}
