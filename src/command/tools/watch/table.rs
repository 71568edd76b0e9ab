//! Lays out the fleet as lines of text within a terminal's width and height.

use std::time::{Duration, Instant};

use comfy_table::{Table, presets};
use console::truncate_str;

use super::fleet::Fleet;
use super::message::Plain;
use super::reason::{needs_action, reason_in_words};
use super::robot::WatchedRobot;
use super::status::{status, time};
use crate::model::card::UNKNOWN;
use crate::signal::StreamId;

/// A robot without a message for this long is shown as silent.
const SILENT_AFTER: Duration = Duration::from_secs(5);
/// Length of a full confidence bar, in characters.
const BAR: usize = 10;
/// The columns from left to right, each with its priority. Where the table is too wide, columns with the
/// highest number are hidden first; those with 0 always stay.
const COLUMNS: [(&str, usize); 9] = [
    ("stream", 0),
    ("surface", 0),
    (REASON, 1),
    (CANDIDATES, 3),
    ("for", 4),
    ("confidence", 2),
    ("others", 7),
    ("rate", 6),
    ("heard", 5),
];
/// The column of the reasons, which is hidden while every surface is known.
const REASON: &str = "reason";
/// The column of the candidates, which is hidden while no robot has two or more.
const CANDIDATES: &str = "candidates";
/// The levels of detail: at each, the columns with a lower priority number are shown. The last one shows all.
const LEVELS: std::ops::RangeInclusive<usize> = 1..=8;
/// The least probability of another surface that is shown. A smaller one would be 0 %.
const LEAST_OTHER: f64 = 0.005;

/// One line of the screen, which may be drawn dim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableLine {
    pub(crate) text: String,
    pub(crate) dim: bool,
}

impl TableLine {
    fn new(text: String) -> Self {
        Self { text, dim: false }
    }
}

/// The whole screen, in at most `height` lines of at most `width` columns.
pub(crate) fn screen(
    fleet: &Fleet,
    broker: &str,
    now: Instant,
    height: usize,
    width: usize,
) -> Vec<TableLine> {
    let status = status(fleet, broker, now, height / 4);
    let mut lines: Vec<_> = status.into_iter().map(TableLine::new).collect();
    lines.push(TableLine::new(String::new()));
    // One line for the header of the table.
    let room = height.saturating_sub(lines.len() + 1);
    lines.extend(table(fleet, now, room, width));
    lines.truncate(height);
    for line in &mut lines {
        line.text = truncate_str(line.text.trim_end(), width, "~").into_owned();
    }
    lines
}

/// A header and a line for each robot, with at most `room` lines below the header.
fn table(fleet: &Fleet, now: Instant, room: usize, width: usize) -> Vec<TableLine> {
    if fleet.robots.is_empty() {
        return vec![TableLine::new("no stream yet".into())];
    }
    let mut robots: Vec<_> = fleet.robots.iter().collect();
    // The order of the names stays within each group.
    robots.sort_by_key(|(_, robot)| !has_problem(robot));
    let hidden = if robots.len() > room { robots.len() - room.saturating_sub(1) } else { 0 };
    if hidden > 0 {
        // Robots with a problem come first, and those that send messages before silent ones.
        robots.sort_by_key(|(_, robot)| (!has_problem(robot), silent(robot, now)));
        robots.truncate(room.saturating_sub(1));
    }
    let mut lines = Vec::new();
    for level in LEVELS.rev() {
        lines = draw(&robots, now, level);
        if lines.iter().all(|line| console::measure_text_width(line.trim_end()) <= width) {
            break;
        }
    }
    let dim = |index: usize| {
        let robot = index.checked_sub(1).and_then(|index| robots.get(index));
        robot.is_some_and(|(_, robot)| silent(robot, now))
    };
    let line = |(index, text)| TableLine { text, dim: dim(index) };
    let mut lines: Vec<_> = lines.into_iter().enumerate().map(line).collect();
    if hidden > 0 {
        lines.push(TableLine { text: format!("and {hidden} more"), dim: true });
    }
    lines
}

/// The header and a line for each robot, with the columns of one level of detail.
fn draw(robots: &[(&StreamId, &WatchedRobot)], now: Instant, level: usize) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let has_candidates = robots.iter().any(|(_, robot)| robot.candidates.text().is_some());
    let has_reasons = robots.iter().any(|(_, robot)| robot.reason.is_some());
    let shown = |cells: [String; COLUMNS.len()]| -> Vec<String> {
        let is_empty = |name| (!has_candidates && name == CANDIDATES) || (!has_reasons && name == REASON);
        let is_shown = |name, priority| priority < level && !is_empty(name);
        let kept = cells.into_iter().zip(COLUMNS).filter(|(_, (name, priority))| is_shown(*name, *priority));
        kept.map(|(cell, _)| cell).collect()
    };
    table.set_header(shown(COLUMNS.map(|(name, _)| name.to_owned())));
    for (stream, robot) in robots {
        table.add_row(shown(cells(stream, robot, now)));
    }
    table.lines().collect()
}

fn cells(stream: &StreamId, robot: &WatchedRobot, now: Instant) -> [String; COLUMNS.len()] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    // What a window of a stuck sensor looks like says nothing.
    let others = robot.others.iter().filter(|(_, share)| *share >= LEAST_OTHER && !has_problem(robot));
    let others: Vec<_> = others.map(|(label, share)| format!("{label} {:.0} %", percent(*share))).collect();
    let heard = match robot.silence(now) {
        None => "not yet".into(),
        Some(silence) if silence >= SILENT_AFTER => format!("silent {}", time(silence)),
        Some(silence) => format!("{} ago", time(silence)),
    };
    [
        Plain::new(stream.as_str()).to_string(),
        robot.surface.to_string(),
        robot.reason.as_ref().map(reason_in_words).unwrap_or_default(),
        robot.candidates.text().unwrap_or_default(),
        or_dash(robot.time_on_surface(now).map(time)),
        bar(robot),
        others.join(", "),
        or_dash(robot.rate(now).map(|rate| format!("{rate:.1}/s"))),
        heard,
    ]
}

fn silent(robot: &WatchedRobot, now: Instant) -> bool {
    robot.silence(now).is_none_or(|silence| silence >= SILENT_AFTER)
}

fn has_problem(robot: &WatchedRobot) -> bool {
    robot.reason.as_ref().is_some_and(needs_action)
}

/// The confidence as a bar of ASCII characters and as a percentage. An unknown surface has none.
fn bar(robot: &WatchedRobot) -> String {
    if robot.surface.as_str() == UNKNOWN {
        return "-".into();
    }
    let confidence = if robot.confidence.is_finite() { robot.confidence } else { 0.0 };
    let filled = ((confidence * BAR as f64).round() as usize).min(BAR);
    format!("{}{} {:3.0} %", "#".repeat(filled), ".".repeat(BAR - filled), percent(confidence))
}

fn percent(share: f64) -> f64 {
    100.0 * share.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::{BrokerEvent, Message};

    fn fleet(robots: usize, now: Instant) -> Fleet {
        let mut fleet = Fleet::new("underfoot");
        fleet.take(BrokerEvent::Accepted, now);
        let mut send = |topic: &str, payload: String, retained| {
            let topic = format!("underfoot/{topic}");
            fleet.take(BrokerEvent::Message(Message { topic, payload: payload.into(), retained }), now);
        };
        send("status", "online".into(), false);
        send("health", r#"{"healthy":false,"uptime":7300,"streams":2,"sources":[{"name":"board","state":"silent"}],"dropped":{"late":3}}"#.into(), true);
        for robot in 0..robots {
            let surface =
                r#"{"surface":"gravel","confidence":0.8,"since":1,"t":1,"previous":null,"model":"m"}"#;
            send(&format!("robot-{robot:02}/surface"), surface.into(), false);
            let prediction = r#"{"t":3,"surface":"gravel","confidence":0.84,"probabilities":{"gravel":0.5,"tile":0.3,"grass":0.2}}"#;
            send(&format!("robot-{robot:02}/prediction"), prediction.into(), false);
        }
        fleet
    }

    fn texts(fleet: &Fleet, now: Instant, height: usize, width: usize) -> Vec<String> {
        screen(fleet, "here:1883", now, height, width).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn a_robot_is_shown_on_one_line_with_all_columns() {
        let now = Instant::now();
        let fleet = fleet(1, now);
        let later = now + Duration::from_secs(3);
        let lines = texts(&fleet, later, 24, 120);
        assert_eq!(lines[0], "broker here:1883 connected, underfoot online for 3 s");
        assert_eq!(lines[1], "degraded, board is silent, up 2 h, streams 2, dropped 3");
        let header: Vec<_> = lines[3].split_whitespace().collect();
        assert_eq!(header, ["stream", "surface", "for", "confidence", "others", "rate", "heard"]);
        let line = lines[4].split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(line, "robot-00 gravel 3 s ########.. 84 % tile 30 %, grass 20 % - 3 s ago");
        let silent = screen(&fleet, "here:1883", now + Duration::from_secs(12), 24, 120);
        assert!(silent[4].dim && silent[4].text.ends_with("silent 12 s"), "{silent:?}");
        assert!(!silent[3].dim);
    }

    #[test]
    fn candidates_are_shown_where_a_robot_has_two_or_more() {
        let now = Instant::now();
        let mut fleet = fleet(2, now);
        let prediction =
            r#"{"t":4,"surface":"unknown","confidence":0.4,"novelty":0.6,"candidates":["gravel","tile"]}"#;
        let topic = "underfoot/robot-01/prediction".into();
        let message = Message { topic, payload: prediction.into(), retained: false };
        fleet.take(BrokerEvent::Message(message), now);
        let lines = texts(&fleet, now, 24, 120);
        let header: Vec<_> = lines[3].split_whitespace().collect();
        let shown = COLUMNS.map(|(name, _)| name).into_iter().filter(|name| *name != REASON);
        assert_eq!(header, shown.collect::<Vec<_>>());
        assert!(!lines[4].contains(" or ") && lines[5].contains(" gravel or tile "), "{lines:?}");
    }

    #[test]
    fn problems_stand_above_the_table_and_their_robots_first_with_the_reason() {
        let now = Instant::now();
        let mut fleet = fleet(3, now);
        let mut send = |topic: &str, payload: &str| {
            let topic = format!("underfoot/{topic}");
            fleet
                .take(BrokerEvent::Message(Message { topic, payload: payload.into(), retained: false }), now);
        };
        send(
            "robot-02/surface",
            r#"{"surface":"unknown","confidence":0,"since":2,"t":2,"reason":"current is stuck"}"#,
        );
        send(
            "robot-02/prediction",
            r#"{"t":4,"surface":"unknown","confidence":0,"probabilities":{"gravel":1.0,"tile":0.001}}"#,
        );
        let problem = |stream: &str| {
            format!(r#"{{"stream":"{stream}","problem":"stuck","detail":"current stays at 1 A; check it"}}"#)
        };
        let problems = ["a", "b", "c"].map(problem).join(",");
        let health = format!(
            r#"{{"healthy":true,"state":"degraded","uptime":60,"streams":3,"problems":[{}, {problems}],"problem_count":9}}"#,
            problem("robot-02")
        );
        send("health", &health);
        let lines = texts(&fleet, now + Duration::from_secs(9), 12, 120);
        assert_eq!(lines[1], "degraded, 9 problems, up 69 s, streams 3");
        assert_eq!(lines[2], "! robot-02: current stays at 1 A; check it");
        assert_eq!(lines[4], "! and 7 more problems");
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words(&lines[7]), "robot-02 unknown current is stuck 9 s - 0.1/s silent 9 s");
        assert!(lines[8].trim_start().starts_with("robot-00"), "{lines:?}");
    }

    #[test]
    fn each_of_several_nodes_has_a_line_and_those_with_a_problem_come_first() {
        let now = Instant::now();
        let mut fleet = fleet(1, now);
        let mut send = |topic: &str, payload: &str| {
            let topic = format!("underfoot/{topic}");
            fleet
                .take(BrokerEvent::Message(Message { topic, payload: payload.into(), retained: false }), now);
        };
        send("status", "");
        let ok = r#"{"healthy":true,"state":"ok","uptime":60,"streams":1}"#.to_owned();
        let stuck = |stream: &str| {
            format!(
                r#"{{"healthy":true,"state":"degraded","uptime":60,"streams":1,"problem_count":1,"problems":[{{"stream":"{stream}","problem":"stuck","detail":"current stays at 1 A; check it"}}]}}"#
            )
        };
        for (node, status, health) in [
            ("east", "online", ok.clone()),
            ("north", "online", stuck("rover")),
            ("south", "offline", stuck("gone")),
            ("west", "online", ok),
        ] {
            send(&format!("nodes/{node}/status"), status);
            send(&format!("nodes/{node}/health"), &health);
        }
        let later = now + Duration::from_secs(3);
        let lines = texts(&fleet, later, 24, 120);
        assert_eq!(lines[0], "broker here:1883 connected, 4 daemons, 1 not online");
        assert_eq!(lines[1], "node south offline for 3 s, degraded, 1 problem, up 60 s, streams 1");
        assert_eq!(lines[2], "node north online for 3 s, degraded, 1 problem, up 63 s, streams 1");
        assert_eq!(lines[3], "node east online for 3 s, ok, up 63 s, streams 1");
        assert_eq!(lines[5], "! rover: current stays at 1 A; check it");
        assert!(!lines.iter().any(|line| line.contains("gone")), "{lines:?}");
        let small = texts(&fleet, later, 12, 120);
        assert_eq!((small[2].starts_with("node north"), small[3].as_str()), (true, "and 2 more daemons"));
        assert!(small.iter().any(|line| line.trim_start().starts_with("robot-00")), "{small:?}");
    }

    #[test]
    fn lines_fit_into_any_screen() {
        let now = Instant::now();
        for robots in [0, 1, 5, 40] {
            let fleet = fleet(robots, now);
            for (height, width) in [(24, 80), (24, 40), (10, 20), (6, 12), (3, 5), (1, 1), (200, 300)] {
                let lines = texts(&fleet, now, height, width);
                assert!(lines.len() <= height, "{robots} {height} {width}: {lines:?}");
                let widest = lines.iter().map(|line| console::measure_text_width(line)).max();
                assert!(widest <= Some(width), "{robots} {height} {width}: {lines:?}");
            }
        }
        let lines = texts(&fleet(40, now), now, 24, 80);
        assert_eq!((lines.len(), lines[23].as_str()), (24, "and 21 more"));
    }

    #[test]
    fn a_narrow_screen_still_shows_the_surface() {
        let now = Instant::now();
        let lines = texts(&fleet(1, now), now, 24, 24);
        let line = lines.iter().find(|line| line.trim_start().starts_with("robot-00")).unwrap();
        assert!(line.contains("gravel"), "{line}");
    }

    #[test]
    fn a_lost_broker_is_shown_with_its_duration_and_reason() {
        let now = Instant::now();
        let mut fleet = fleet(1, now);
        fleet.take(BrokerEvent::Unavailable { reason: "it cannot be reached".into(), is_new: true }, now);
        let lines = texts(&fleet, now + Duration::from_secs(200), 24, 80);
        assert_eq!(lines[0], "broker here:1883 unreachable for 3 min, underfoot not heard");
        assert_eq!(lines[2], "it cannot be reached");
    }
}
