//! What the demo shows: for each robot what is true, predicted and decided, how sure, and how late.

use std::fmt::Write as _;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table, presets};
use console::Term;

use crate::decision::{Outcome, Prediction};
use crate::model::card::{Card, UNKNOWN};
use crate::signal::{StreamId, Time};
use crate::simulator::drive::Drive;

/// Outcomes with the moments they came out.
pub(crate) type Watched = Receiver<(Instant, Outcome)>;

/// The robots on the table, and the score so far.
pub(crate) struct Board {
    labels: Vec<String>,
    /// From a window's first step to its last, in nanoseconds.
    span: i64,
    robots: Vec<BoardRobot>,
    terminal: Term,
    drawn: usize,
    score: Tally,
}

struct BoardRobot {
    name: StreamId,
    drive: Drive,
    last: Option<(Prediction, Duration)>,
    /// The surface that was told of last.
    told: Option<usize>,
    news: Vec<String>,
    /// The boundary it crossed last, until the surface after it is decided.
    crossed: Option<(Time, String)>,
    truth: Option<String>,
}

#[derive(Default)]
struct Tally {
    windows: u64,
    right: u64,
    decisions: u64,
    decided: u64,
    latencies: Vec<Duration>,
    delays: Vec<f64>,
}

impl Board {
    pub(crate) fn new(drives: Vec<(StreamId, Drive)>, card: &Card) -> Self {
        let robot = |(name, drive)| BoardRobot {
            name,
            drive,
            last: None,
            told: None,
            news: Vec::new(),
            crossed: None,
            truth: None,
        };
        Self {
            labels: card.labels.clone(),
            span: card.span(),
            robots: drives.into_iter().map(robot).collect(),
            terminal: Term::stdout(),
            drawn: 0,
            score: Tally::default(),
        }
    }

    /// Takes in what came out since the last time.
    pub(crate) fn take(&mut self, outcomes: &Watched) {
        for (out, outcome) in outcomes.try_iter() {
            let Outcome::Prediction(prediction) = outcome else { continue };
            let late = out.saturating_duration_since(prediction.arrived);
            let Self { labels, robots, score, span, .. } = self;
            if let Some(robot) = robots.iter_mut().find(|robot| robot.name == prediction.stream) {
                robot.take(prediction, late, labels, *span, score);
            }
        }
    }

    /// Draws the table over the one before.
    pub(crate) fn draw(&mut self) {
        let text = self.table();
        // A terminal that went away has nobody who looks.
        let _ = self.terminal.clear_last_lines(self.drawn);
        let _ = self.terminal.write_str(&text);
        self.drawn = text.lines().count();
    }

    /// Prints a line for each surface that was decided anew.
    pub(crate) fn tell(&mut self) {
        for news in self.robots.iter_mut().flat_map(|robot| std::mem::take(&mut robot.news)) {
            println!("{news}");
        }
    }

    /// Draws or tells the last of it, and the score.
    pub(crate) fn finish(&mut self) {
        if self.drawn > 0 {
            self.draw();
        } else {
            self.tell();
        }
        println!("\n{}", self.score);
    }

    fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["robot", "time", "true", "predicted", "decided", "sure", "late"]);
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
        late: Duration,
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
            score.right += u64::from(name(prediction.likeliest()) == now.as_ref());
        }
        score.decisions += 1;
        score.decided += u64::from(name(prediction.surface) == now.as_ref());
        score.late(late);
        if self.truth.is_some()
            && self.truth != now
            && let Some(new) = &now
        {
            self.crossed = Some((prediction.time, new.clone()));
        }
        self.truth = now;
        if prediction.surface != self.told {
            self.told = prediction.surface;
            let decided = name(prediction.surface).map_or(UNKNOWN, String::as_str);
            let mut news = format!(
                "{} {:6.2} s  {decided:<9} {:3.0} % sure",
                self.name,
                prediction.time.seconds(),
                100.0 * prediction.confidence
            );
            if let Some((crossed, _)) = self.crossed.take_if(|(_, new)| new == decided) {
                let delay = prediction.time.since(crossed) as f64 / 1e9;
                score.delays.push(delay);
                let _ = write!(news, ", {delay:.2} s after it began");
            } else if let Some(truth) = &self.truth
                && truth != decided
            {
                let _ = write!(news, ", it is {truth}");
            }
            self.news.push(news);
        }
        self.last = Some((prediction, late));
    }

    fn row(&self, labels: &[String]) -> Vec<String> {
        let name = |surface: Option<usize>| {
            surface.and_then(|index| labels.get(index)).map_or(UNKNOWN, String::as_str).to_owned()
        };
        match &self.last {
            None => vec![self.name.to_string(), "0.0 s".into(), "-".into(), "-".into(), UNKNOWN.into()],
            Some((prediction, late)) => vec![
                self.name.to_string(),
                format!("{:.1} s", prediction.time.seconds()),
                self.truth.clone().unwrap_or_default(),
                name(prediction.likeliest()),
                name(prediction.surface),
                format!("{:.0} %", 100.0 * prediction.confidence),
                format!("{:.1} ms", late.as_secs_f64() * 1e3),
            ],
        }
    }
}

impl Tally {
    fn late(&mut self, late: Duration) {
        // The last few thousand tell the median well enough.
        if self.latencies.len() >= 10_000 {
            self.latencies.clear();
        }
        self.latencies.push(late);
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let share = |part: u64, whole: u64| 100.0 * part as f64 / whole.max(1) as f64;
        write!(
            f,
            "right so far: {:.1} % of windows on one surface, {:.1} % of decisions",
            share(self.right, self.windows),
            share(self.decided, self.decisions)
        )?;
        let mut delays = self.delays.clone();
        delays.sort_by(f64::total_cmp);
        if let Some(median) = delays.get(delays.len() / 2) {
            write!(f, "; a new surface is named after {median:.1} s")?;
        }
        Ok(())
    }
}
