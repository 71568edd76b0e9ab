//! The demo's display: for each robot the actual surface, that of the last window alone and the decided one, the
//! confidence and the latency.

use std::fmt::Write as _;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use console::{Style, Term, truncate_str};

use crate::decision::{Outcome, Prediction};
use crate::model::card::{Card, UNKNOWN};
use crate::signal::{StreamId, Time};
use crate::simulator::drive::Drive;

/// Outcomes, each with the moment at which the pipeline emitted it.
pub(crate) type TimedOutcomes = Receiver<(Instant, Outcome)>;

/// What the columns are.
const LEGEND: [&str; 2] = [
    "actual: under the robot; window: predicted from the last second alone;",
    "decided: what underfoot publishes, from the last windows together.",
];

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
    /// Whether the surface that was decided last is the true one.
    is_right: bool,
}

/// How many windows and decisions were correct, over all robots. Only windows count that lie on one surface from their
/// first step to their last: what is right for the others is a matter of taste.
#[derive(Default)]
struct Tally {
    windows: u64,
    correct_windows: u64,
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
            is_right: false,
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
        let (height, width) = self.terminal.size();
        let text = self.table(usize::from(height), usize::from(width));
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

    /// Draws the table, or prints the changes and the score, for the last time.
    pub(crate) fn finish(&mut self) {
        if self.drawn_lines > 0 {
            self.draw();
        } else {
            self.print_changes();
            println!("\n{}", self.score);
        }
    }

    /// The table with the score and the legend. No line is wrapped and none scrolls away, because the next table could not be
    /// drawn over it then.
    fn table(&self, height: usize, width: usize) -> String {
        let header = ["robot", "time", "actual", "window", "decided", "confidence", "latency"];
        let (plain, bold) = (Style::new(), Style::new().bold());
        let mut lines = vec![line(header.map(str::to_owned), &bold, &bold)];
        for robot in &self.robots {
            lines.push(line(robot.row(&self.labels), &plain, &robot.style()));
        }
        lines.push(String::new());
        lines.extend(self.score.to_string().lines().map(str::to_owned));
        lines.push(String::new());
        lines.extend(LEGEND.map(|text| plain.clone().dim().apply_to(text).to_string()));
        lines.truncate(height.saturating_sub(1).max(1));
        let cut = |line: String| truncate_str(&line, width.saturating_sub(1), "").into_owned() + "\n";
        lines.into_iter().map(cut).collect()
    }
}

/// One line of the table. `decided` is the style of the decided surface, `rest` that of the other cells.
fn line(
    [robot, time, actual, window, decided_name, confidence, latency]: [String; 7],
    rest: &Style,
    decided: &Style,
) -> String {
    let before = rest.apply_to(format!("{robot:<9} {time:>8}  {actual:<9} {window:<9} "));
    let after = rest.apply_to(format!(" {confidence:>10} {latency:>9}"));
    format!("{before}{}{after}", decided.apply_to(format!("{decided_name:<9}")))
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
            score.correct_decisions += u64::from(name(prediction.surface) == now.as_ref());
        }
        if self.truth.is_some()
            && self.truth != now
            && let Some(new) = &now
        {
            self.crossed = Some((prediction.time, new.clone()));
        }
        self.is_right = name(prediction.surface) == now.as_ref();
        self.truth = now;
        if prediction.surface != self.reported {
            self.reported = prediction.surface;
            let decided = name(prediction.surface).map_or(UNKNOWN, String::as_str);
            let mut change = format!("{} {:6.2} s  {decided:<9}", self.name, prediction.time.seconds());
            if prediction.surface.is_some() {
                let _ = write!(change, " {:3.0} % confidence", 100.0 * prediction.confidence);
            }
            if let Some((crossed, _)) = self.crossed.take_if(|(_, new)| new == decided) {
                let delay = prediction.time.since(crossed) as f64 / 1e9;
                score.delays.push(delay);
                let _ = write!(change, ", {delay:.2} s after it began");
            } else if let Some(truth) = &self.truth
                && truth != decided
            {
                let _ = write!(change, ", the actual surface is {truth}");
            }
            self.changes.push(change);
        }
        self.last = Some((prediction, latency));
    }

    /// How the decided surface is shown: green if it is the actual one, red if it is another one, and dim while it is unknown.
    fn style(&self) -> Style {
        match (&self.last, self.is_right) {
            (Some((Prediction { surface: Some(_), .. }, _)), true) => Style::new().green(),
            (Some((Prediction { surface: Some(_), .. }, _)), false) => Style::new().red(),
            _ => Style::new().dim(),
        }
    }

    fn row(&self, labels: &[String]) -> [String; 7] {
        let name = |surface: Option<usize>| {
            surface.and_then(|index| labels.get(index)).map_or(UNKNOWN, String::as_str).to_owned()
        };
        let dash = || "-".to_owned();
        let Some((prediction, latency)) = &self.last else {
            let name = self.name.to_string();
            return [name, "0.0 s".into(), dash(), dash(), UNKNOWN.into(), dash(), dash()];
        };
        let confidence = prediction.surface.map(|_| format!("{:.0} %", 100.0 * prediction.confidence));
        [
            self.name.to_string(),
            format!("{:.1} s", prediction.time.seconds()),
            self.truth.clone().unwrap_or_default(),
            name(prediction.likeliest()),
            name(prediction.surface),
            confidence.unwrap_or_else(dash),
            format!("{:.1} ms", latency.as_secs_f64() * 1e3),
        ]
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = |part: u64| 100.0 * part as f64 / self.windows.max(1) as f64;
        write!(
            f,
            "Away from boundaries: {:.1} % of decisions correct ({:.1} % of single windows).",
            percent(self.correct_decisions),
            percent(self.correct_windows)
        )?;
        let mut delays = self.delays.clone();
        delays.sort_by(f64::total_cmp);
        if let Some(median) = delays.get(delays.len() / 2) {
            let count = delays.len();
            write!(f, "\nA new surface is decided {median:.1} s after it begins (median of {count}).")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::drive::RATE;
    use crate::simulator::surface::Surface;

    #[test]
    fn the_table_fits_a_small_terminal_with_its_header_its_score_and_the_legend_once() {
        let drive = Drive::new(1, RATE, Surface::ALL.map(|surface| (surface, 8.0)).to_vec());
        let drives: Vec<_> =
            (1..=3).map(|robot| (StreamId::from_text(&format!("robot-{robot}")), drive.clone())).collect();
        let mut board = Board::new(drives, &Card::of_test(100, 10, &["gravel"]));
        board.score = Tally { windows: 10, correct_windows: 9, correct_decisions: 10, delays: vec![1.25] };
        let text = board.table(24, 80);
        assert!(text.lines().all(|line| console::measure_text_width(line) < 80), "{text}");
        for part in [
            "actual  ",
            "100.0 % of decisions correct (90.0 % of single windows)",
            "1.2 s after it begins",
            LEGEND[1],
        ] {
            assert_eq!(text.matches(part).count(), 1, "{part}: {text}");
        }
        assert_eq!(text.lines().count(), 1 + 3 + 1 + 2 + 1 + 2);
        let small = board.table(4, 20);
        assert_eq!(small.lines().count(), 3);
        assert!(small.lines().all(|line| console::measure_text_width(line) < 20), "{small}");
    }
}
