//! Where the log goes, and in what form.

pub(crate) mod journal;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::Path;

use clap::ValueEnum;
use rustix::fs::Stat;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use self::journal::{Journal, SOCKET};

/// The variable that says what is logged, such as `debug`.
const FILTER: &str = "UNDERFOOT_LOG";
/// The variable that says in what form.
const FORMAT: &str = "UNDERFOOT_LOG_FORMAT";

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// The journal where the service manager has connected standard error to it, else text.
    #[default]
    Auto,
    /// Lines of text on standard error.
    Text,
    /// The system's journal, with fields.
    Journal,
    /// JSON objects on standard error, one a line.
    Json,
}

/// Why nothing can be logged as asked.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// A form that is none.
    #[error("{FORMAT} is {0:?}; it takes auto, text, journal or json")]
    Format(OsString),
    /// A filter that is none.
    #[error("{FILTER} is {0:?}, which says nothing ({1}); it takes error, warn, info, debug or trace")]
    Filter(OsString, String),
    /// No journal listens.
    #[error(
        "{FORMAT} is \"journal\", and no journal listens at {SOCKET}: {0}; leave it out, or set it to text or json"
    )]
    Journal(std::io::Error),
}

/// Begins to log what `UNDERFOOT_LOG` names, `default` without it, in the form that `UNDERFOOT_LOG_FORMAT` names.
///
/// # Errors
/// [`LoggingError`], where a variable has a value that it does not take.
pub fn start(default: &str) -> Result<(), LoggingError> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let filter = match set(FILTER) {
        None => EnvFilter::new(default),
        Some(value) => {
            parse_filter(&value.to_string_lossy()).map_err(|why| LoggingError::Filter(value, why))?
        }
    };
    let format = match set(FORMAT) {
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
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    match (journal, format) {
        (Some(journal), _) => registry.with(journal).init(),
        (None, LogFormat::Json) => {
            let json = lines.json().flatten_event(true).with_current_span(false).with_span_list(false);
            registry.with(json).init();
        }
        (None, _) => registry.with(lines.with_ansi(std::io::stderr().is_terminal())).init(),
    }
    Ok(())
}

/// What a filter's text means, or what is wrong with it. A single word is a level: as the name of a module it would silence all others.
fn parse_filter(text: &str) -> Result<EnvFilter, String> {
    if text.chars().all(char::is_alphabetic) {
        text.parse::<LevelFilter>().map_err(|error| error.to_string())?;
    }
    EnvFilter::try_new(text).map_err(|error| error.to_string())
}

/// Whether standard error is what the service manager has connected to the journal.
fn is_journal() -> bool {
    let stream = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    rustix::fs::fstat(std::io::stderr()).is_ok_and(|stat| names(&stream, &stat))
}

/// Whether `device:inode`, as in `$JOURNAL_STREAM`, is this file.
fn names(stream: &str, stat: &Stat) -> bool {
    let Some((device, inode)) = stream.split_once(':') else { return false };
    device.parse() == Ok(stat.st_dev) && inode.parse() == Ok(stat.st_ino)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_error_is_the_journals_where_the_manager_says_so_and_nowhere_else() {
        let file = tempfile::tempfile().unwrap();
        let stat = rustix::fs::fstat(&file).unwrap();
        assert!(names(&format!("{}:{}", stat.st_dev, stat.st_ino), &stat));
        for other in [String::new(), "8".into(), format!("{}:{}", stat.st_dev, stat.st_ino + 1), "a:b".into()]
        {
            assert!(!names(&other, &stat), "{other}");
        }
    }
}
