//! Lines at the bottom of the terminal on standard error that are rewritten in place.
//!
//! There is one block of them at a time. Whatever else goes to standard error is written through [`Above`], so that
//! it neither breaks the block nor is overwritten by it.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many lines are shown now; the cursor is at the end of the last of them.
static SHOWN: Mutex<usize> = Mutex::new(0);

/// Standard error above the lines that are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Above;

impl Write for Above {
    /// Removes the lines, which their owner draws again, and writes in their place.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut shown = shown();
        let mut out = io::stderr().lock();
        if *shown > 0 {
            out.write_all(erase(*shown).as_bytes())?;
            *shown = 0;
        }
        out.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Draws lines over those that are shown. They must be narrower than the terminal, and fewer than its lines.
///
/// # Errors
/// The error of standard error.
pub(crate) fn draw(lines: &[String]) -> io::Result<()> {
    let mut shown = shown();
    let text = redraw(*shown, lines);
    io::stderr().lock().write_all(text.as_bytes())?;
    *shown = lines.len();
    Ok(())
}

fn shown() -> MutexGuard<'static, usize> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The control sequences that draw lines over this many others.
fn redraw(shown: usize, lines: &[String]) -> String {
    if lines.is_empty() {
        return erase(shown);
    }
    let mut text = to_first(shown);
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            text.push_str("\r\n");
        }
        text.push_str(line);
        // The rest of a longer line.
        text.push_str("\x1b[K");
    }
    text.push_str("\x1b[J");
    text
}

/// The control sequences that remove the lines.
fn erase(shown: usize) -> String {
    if shown == 0 { String::new() } else { to_first(shown) + "\x1b[J" }
}

/// The control sequences that go to the start of the first line.
fn to_first(shown: usize) -> String {
    let mut text = String::new();
    if shown > 0 {
        text.push('\r');
    }
    if shown > 1 {
        // Writing to a string cannot fail.
        let _ = write!(text, "\x1b[{}A", shown - 1);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_drawn_over_those_before_and_removed_without_a_trace() {
        let lines = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(redraw(0, &lines(&["one", "two"])), "one\x1b[K\r\ntwo\x1b[K\x1b[J");
        assert_eq!(redraw(2, &lines(&["three"])), "\r\x1b[1Athree\x1b[K\x1b[J");
        assert_eq!(redraw(1, &lines(&["four"])), "\rfour\x1b[K\x1b[J");
        assert_eq!(redraw(3, &[]), "\r\x1b[2A\x1b[J");
        assert_eq!(redraw(0, &[]), "");
    }
}
