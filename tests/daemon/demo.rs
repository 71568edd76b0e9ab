//! `underfoot demo` on a terminal.

use crate::support::terminal::Terminal;
use crate::support::{assert_says, underfoot, wait_for};

const COLUMNS: u16 = 80;

/// The lines that a terminal shows after this was written on it: it moves up and down, clears lines, and wraps those that
/// are too long.
fn shown(written: &str) -> Vec<String> {
    let mut lines: Vec<Vec<char>> = vec![Vec::new()];
    let (mut row, mut column) = (0, 0);
    let mut chars = written.chars();
    while let Some(c) = chars.next() {
        match c {
            '\r' => column = 0,
            '\n' => row += 1,
            '\x1b' => {
                let mut sequence = String::new();
                for c in chars.by_ref().skip(1) {
                    sequence.push(c);
                    if c.is_ascii_alphabetic() {
                        break;
                    }
                }
                let count = sequence.trim_end_matches(char::is_alphabetic).parse().unwrap_or(1);
                match sequence.chars().last() {
                    Some('A') => row = usize::saturating_sub(row, count),
                    Some('B') => row += count,
                    Some('K') => lines[row].clear(),
                    _ => {}
                }
            }
            c => {
                if column == usize::from(COLUMNS) {
                    (row, column) = (row + 1, 0);
                }
                lines.resize(lines.len().max(row + 1), Vec::new());
                let length = lines[row].len().max(column + 1);
                lines[row].resize(length, ' ');
                lines[row][column] = c;
                column += 1;
            }
        }
        lines.resize(lines.len().max(row + 1), Vec::new());
    }
    lines.into_iter().map(|line| line.into_iter().collect()).collect()
}

#[test]
fn the_demo_is_redrawn_in_place_on_a_small_terminal_and_ends_with_one_table_and_one_summary() {
    let terminal = Terminal::run(underfoot(["demo", "--no-broker", "--seconds", "2"]), 24, COLUMNS);
    wait_for("the longest summary", || terminal.written().contains("A new surface is decided").then_some(()));
    let (code, written) = terminal.interrupt();
    assert_eq!(code, Some(0));
    let lines = shown(&written);
    let count = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
    for once in [
        "actual    window",
        "Away from boundaries: ",
        "A new surface is decided ",
        "decided: what underfoot publishes",
    ] {
        assert_eq!(count(once), 1, "{once}: {lines:#?}");
    }
    assert_eq!(count("robot-"), 3, "{lines:#?}");
    assert_says(&written, &["\x1b[32m"]);
    assert!(lines.iter().all(|line| line.chars().count() < usize::from(COLUMNS)), "{lines:#?}");
}
