//! Printing on standard output and standard error, which a reader may have closed.
//!
//! The macros `print!`, `println!`, `eprint!` and `eprintln!` of the standard library panic when the reader
//! has closed its end, as `head -1` does after the first line. In this crate the macros of the same names
//! below stand in their place. A reader that closed standard output has read what it wanted, so the command
//! goes on, and its exit code is the one that it would have had. Any other failure to write is kept for the
//! end of the command ([`failure`]). A failure to write to standard error can be reported to nobody.
//!
//! [`live_lines`] has lines that are rewritten in place. What these macros and the log write to standard error
//! stands above them.

pub(crate) mod live_lines;

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::sync::{Mutex, PoisonError};

/// The first error of standard output.
static FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);

/// Writes to standard output.
#[cfg_attr(test, allow(dead_code))]
pub(crate) fn out(text: Arguments<'_>) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_fmt(text).and_then(|()| out.flush()) {
        FAILURE.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// Writes to standard error.
#[cfg_attr(test, allow(dead_code))]
pub(crate) fn error(text: Arguments<'_>) {
    let _ = live_lines::Above.write_all(text.to_string().as_bytes());
}

/// Whether nothing more can be written to standard output, so that a command whose only purpose is to print
/// may end.
pub(crate) fn is_closed() -> bool {
    FAILURE.lock().unwrap_or_else(PoisonError::into_inner).is_some()
}

/// Why standard output could not be written. `None` if all went well, or if its reader closed it.
pub(crate) fn failure() -> Option<String> {
    let failure = FAILURE.lock().unwrap_or_else(PoisonError::into_inner);
    let failure = failure.as_ref().filter(|error| error.kind() != ErrorKind::BrokenPipe)?;
    Some(format!("standard output cannot be written: {failure}"))
}

// The test harness keeps the output of tests back, which works only with the macros of the standard library.
#[cfg(not(test))]
macro_rules! print {
    ($($text:tt)*) => { $crate::print::out(format_args!($($text)*)) };
}
#[cfg(not(test))]
macro_rules! println {
    ($($text:tt)*) => { $crate::print::out(format_args!("{}\n", format_args!($($text)*))) };
}
#[cfg(not(test))]
macro_rules! eprint {
    ($($text:tt)*) => { $crate::print::error(format_args!($($text)*)) };
}
#[cfg(not(test))]
macro_rules! eprintln {
    ($($text:tt)*) => { $crate::print::error(format_args!("{}\n", format_args!($($text)*))) };
}
