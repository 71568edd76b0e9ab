//! Draws on a terminal's whole screen, and restores the previous screen at the end.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use console::{Term, style};

use super::table::TableLine;
use crate::shutdown::ends_within;

/// Switches to the alternate screen and hides the cursor.
const OPEN: &str = "\x1b[?1049h\x1b[?25l";
/// Shows the cursor and switches back to the previous screen.
const CLOSE: &str = "\x1b[?25h\x1b[?1049l";
/// Longest time to wait at the end for the terminal to take the remaining output.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The alternate screen of the terminal on standard output.
///
/// A thread does the writing, so that a stalled terminal, such as a lost SSH connection, delays nothing else.
pub(crate) struct Screen {
    frames: Option<SyncSender<String>>,
    thread: Option<JoinHandle<io::Result<()>>>,
    /// The frame that was sent last.
    shown: String,
}

impl Screen {
    /// Whether standard output is a terminal that can be drawn on.
    pub(crate) fn is_available() -> bool {
        io::stdout().is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
    }

    /// Switches to the alternate screen.
    pub(crate) fn open() -> Self {
        let (frames, written) = sync_channel(1);
        let thread = std::thread::spawn(move || write(&written));
        Self { frames: Some(frames), thread: Some(thread), shown: String::new() }
    }

    /// The current number of lines and usable columns. The last column is not used, because terminals differ
    /// in how they wrap a line that fills it.
    pub(crate) fn size() -> (usize, usize) {
        let (height, width) = Term::stdout().size();
        (usize::from(height), usize::from(width).saturating_sub(1).max(1))
    }

    /// Draws a frame over the previous one. Returns false if the terminal is gone.
    pub(crate) fn show(&mut self, lines: &[TableLine]) -> bool {
        let frame = frame(lines);
        if frame == self.shown {
            return true;
        }
        let Some(frames) = &self.frames else { return false };
        match frames.try_send(frame.clone()) {
            Ok(()) => self.shown = frame,
            // The terminal is slow. This frame is skipped, as the next one shows everything again.
            Err(TrySendError::Full(_)) => {}
            Err(TrySendError::Disconnected(_)) => return false,
        }
        true
    }
}

impl Drop for Screen {
    /// Switches back to the previous screen.
    fn drop(&mut self) {
        self.frames = None;
        if let Some(thread) = self.thread.take() {
            ends_within(&thread, CLOSE_TIMEOUT);
        }
    }
}

fn write(frames: &Receiver<String>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut put = |text: &str| out.write_all(text.as_bytes()).and_then(|()| out.flush());
    put(OPEN)?;
    for frame in frames {
        put(&frame)?;
    }
    put(CLOSE)
}

/// The output that draws lines from the top left and clears the rest of the screen.
fn frame(lines: &[TableLine]) -> String {
    let mut frame = String::from("\x1b[H");
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            frame.push_str("\r\n");
        }
        let text = style(&line.text);
        frame.push_str(&if line.dim { text.dim() } else { text }.to_string());
        frame.push_str("\x1b[K");
    }
    frame.push_str("\x1b[J");
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_starts_at_the_top_and_clears_the_previous_one() {
        let line = |text: &str| TableLine { text: text.into(), dim: false };
        assert_eq!(frame(&[line("a"), line("b")]), "\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J");
    }
}
