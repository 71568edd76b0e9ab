//! Rewrites a few lines on the terminal on standard error.

use std::io::IsTerminal;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use console::Term;

use crate::print::live_lines;
use crate::shutdown::ends_within;

/// Longest time to wait at the end for the terminal to take the remaining output.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The bottom of the terminal on standard error.
///
/// A thread does the writing, so that a stalled terminal, such as a lost SSH connection, does not hold up the
/// samples. The lines are removed at the end.
pub(super) struct BottomLines {
    frames: Option<SyncSender<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl BottomLines {
    /// The bottom of the terminal; `None` if standard error is no terminal that can be drawn on.
    pub(super) fn open() -> Option<Self> {
        let is_capable = std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        (is_capable && std::io::stderr().is_terminal()).then(|| {
            let (frames, drawn) = sync_channel::<Vec<String>>(1);
            let draw = move || {
                for lines in drawn {
                    if live_lines::draw(&lines).is_err() {
                        return;
                    }
                }
                // A terminal that is gone shows nothing that would have to be removed.
                let _ = live_lines::draw(&[]);
            };
            Self { frames: Some(frames), thread: Some(std::thread::spawn(draw)) }
        })
    }

    /// The number of lines and of columns that can be used now. The last line is left free, and so is the last
    /// column, because terminals differ in how they wrap a line that fills it.
    pub(super) fn size() -> (usize, usize) {
        let (height, width) = Term::stderr().size();
        (usize::from(height).saturating_sub(1).max(1), usize::from(width).saturating_sub(1).max(1))
    }

    /// Draws lines over those before. A terminal that is still busy with those before skips them.
    pub(super) fn show(&self, lines: Vec<String>) {
        if let Some(frames) = &self.frames {
            let _ = frames.try_send(lines);
        }
    }
}

impl Drop for BottomLines {
    fn drop(&mut self) {
        self.frames = None;
        if let Some(thread) = self.thread.take() {
            ends_within(&thread, CLOSE_TIMEOUT);
        }
    }
}
