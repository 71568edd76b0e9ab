//! A terminal's whole screen, drawn over in place and given back at the end.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use console::{Term, style};

use super::table::TableLine;
use crate::shutdown::ends_within;

/// Another screen, without a cursor.
const OPEN: &str = "\x1b[?1049h\x1b[?25l";
/// The cursor, and the screen that was there before.
const CLOSE: &str = "\x1b[?25h\x1b[?1049l";
/// A terminal that takes nothing for this long, at the end, is left as it is.
const PATIENCE: Duration = Duration::from_secs(1);

/// A terminal's screen. A thread of its own writes: a connection that stalls holds up nothing else.
pub(crate) struct Screen {
    frames: Option<SyncSender<String>>,
    thread: Option<JoinHandle<io::Result<()>>>,
    shown: String,
}

impl Screen {
    /// Whether standard output is a terminal that can be drawn on.
    pub(crate) fn is_there() -> bool {
        io::stdout().is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
    }

    /// Takes the screen.
    pub(crate) fn open() -> Self {
        let (frames, written) = sync_channel(1);
        let thread = std::thread::spawn(move || write(&written));
        Self { frames: Some(frames), thread: Some(thread), shown: String::new() }
    }

    /// Its lines and columns now; the last column stays free, where terminals differ.
    pub(crate) fn size() -> (usize, usize) {
        let (height, width) = Term::stdout().size();
        (usize::from(height), usize::from(width).saturating_sub(1).max(1))
    }

    /// Draws over what is there; says whether there is still a terminal.
    pub(crate) fn show(&mut self, lines: &[TableLine]) -> bool {
        let frame = frame(lines);
        if frame == self.shown {
            return true;
        }
        let Some(frames) = &self.frames else { return false };
        match frames.try_send(frame.clone()) {
            Ok(()) => self.shown = frame,
            // It is slow: the next frame has all that this one has.
            Err(TrySendError::Full(_)) => {}
            Err(TrySendError::Disconnected(_)) => return false,
        }
        true
    }
}

impl Drop for Screen {
    /// Gives the screen back.
    fn drop(&mut self) {
        self.frames = None;
        if let Some(thread) = self.thread.take() {
            ends_within(&thread, PATIENCE);
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

/// Lines from the top left, each cleared to its end, and nothing below.
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
    fn a_frame_starts_at_the_top_and_leaves_nothing_of_the_one_before() {
        let line = |text: &str| TableLine { text: text.into(), dim: false };
        assert_eq!(frame(&[line("a"), line("b")]), "\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J");
    }
}
