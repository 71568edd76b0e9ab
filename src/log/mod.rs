//! Sets up the log: its destination, format and filter.
//!
//! The log goes to standard error as text or JSON, or to the systemd journal with structured fields. Two
//! environment variables control it: `UNDERFOOT_LOG` is the filter, and `UNDERFOOT_LOG_FORMAT` the format.

pub(crate) mod journal;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::path::Path;

use clap::ValueEnum;
use rustix::fs::Stat;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use self::journal::{Journal, SOCKET};
use crate::print::live_lines::Above;

/// The environment variable with the filter, which is a level such as `debug` or a list of `module=level`.
const FILTER: &str = "UNDERFOOT_LOG";
/// The environment variable with the name of the format.
const FORMAT: &str = "UNDERFOOT_LOG_FORMAT";

/// The format and destination of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// The journal if the service manager has connected standard error to it, otherwise text.
    #[default]
    Auto,
    /// Lines of text on standard error.
    Text,
    /// The systemd journal, with fields.
    Journal,
    /// JSON objects on standard error, one on each line.
    Json,
}

/// Why the log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The environment variable for the format has an unknown value.
    #[error("{FORMAT} is \"{value}\"; use auto, text, journal or json", value = .0.display())]
    Format(OsString),
    /// The environment variable for the filter has a value that is not a filter; the second field says why.
    #[error(
        "{FILTER} is \"{value}\", which is not a log filter ({1}); use error, warn, info, debug or trace",
        value = .0.display()
    )]
    Filter(OsString, String),
    /// The journal was requested but is not running.
    #[error(
        "{FORMAT} is \"journal\", but no journal listens at {SOCKET}: {0}; remove the variable, or set it to \
         text or json"
    )]
    Journal(std::io::Error),
}

/// Starts to log, with the filter and format in the environment variables.
///
/// `default` is the filter if `UNDERFOOT_LOG` is empty or not set.
///
/// # Errors
/// [`LoggingError`] if a variable has an invalid value, or the journal is requested but does not listen.
pub fn start(default: &str) -> Result<(), LoggingError> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let filter = match variable(FILTER) {
        // What happens to the NATS connection is logged in words of our own.
        None => EnvFilter::new(format!("{default},async_nats=off")),
        Some(value) => {
            parse_filter(&value.to_string_lossy()).map_err(|why| LoggingError::Filter(value, why))?
        }
    };
    let format = match variable(FORMAT) {
        None => LogFormat::Auto,
        Some(value) => value
            .to_str()
            .and_then(|name| LogFormat::from_str(name, true).ok())
            .ok_or(LoggingError::Format(value))?,
    };
    let registry = tracing_subscriber::registry().with(filter);
    let journal = || Journal::at(Path::new(SOCKET));
    let journal = match format {
        LogFormat::Journal => Some(journal().map_err(LoggingError::Journal)?),
        LogFormat::Auto if is_journal() => journal().ok(),
        _ => None,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(|| Above).with_target(false);
    // A line that cannot be written would otherwise be reported on standard error, which panics if its reader
    // has closed it.
    let lines = lines.log_internal_errors(false);
    match (journal, format) {
        (Some(journal), _) => registry.with(journal).init(),
        (None, LogFormat::Json) => {
            let json = lines.json().flatten_event(true).with_current_span(false).with_span_list(false);
            registry.with(json).init();
        }
        (None, _) => registry.with(lines.with_ansi(is_coloured())).init(),
    }
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Logs a panic with the name of its thread, wherever the log goes.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref().map(String::as_str));
    let message = text.unwrap_or("no message");
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let at = panic.location().map(ToString::to_string).unwrap_or_default();
    if !tracing::enabled!(tracing::Level::ERROR) {
        eprintln!("the thread {thread} of underfoot panicked at {at}; please report this: {message}");
    }
    tracing::error!(thread, at, "a part of underfoot panicked; please report this with the log: {message}");
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        tracing::error!("{backtrace}");
    }
}

/// Parses a filter; the error says what is wrong with it.
///
/// A single word must be a level. `EnvFilter` would take any other word as the name of a module and log
/// nothing else, so that a misspelt level would silence the log.
fn parse_filter(text: &str) -> Result<EnvFilter, String> {
    if text.chars().all(char::is_alphabetic) {
        text.parse::<LevelFilter>().map_err(|error| error.to_string())?;
    }
    EnvFilter::try_new(text).map_err(|error| error.to_string())
}

/// Whether lines on standard error have colours: on a terminal whose user has not asked for none (`NO_COLOR`).
fn is_coloured() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stderr().is_terminal() && !unwanted
}

/// Whether the service manager has connected standard error to the journal.
fn is_journal() -> bool {
    let stream = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    rustix::fs::fstat(std::io::stderr()).is_ok_and(|stat| is_same_file(&stream, &stat))
}

/// Whether `stream`, which is `device:inode` as in the environment variable `JOURNAL_STREAM`, is the file
/// with this status.
fn is_same_file(stream: &str, stat: &Stat) -> bool {
    let Some((device, inode)) = stream.split_once(':') else { return false };
    device.parse() == Ok(stat.st_dev) && inode.parse() == Ok(stat.st_ino)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_error_is_the_journal_only_if_the_service_manager_names_this_file() {
        let file = tempfile::tempfile().unwrap();
        let stat = rustix::fs::fstat(&file).unwrap();
        assert!(is_same_file(&format!("{}:{}", stat.st_dev, stat.st_ino), &stat));
        for other in [String::new(), "8".into(), format!("{}:{}", stat.st_dev, stat.st_ino + 1), "a:b".into()]
        {
            assert!(!is_same_file(&other, &stat), "{other}");
        }
    }
}
