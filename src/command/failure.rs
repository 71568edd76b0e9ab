//! Errors of the commands, with their exit codes.

use std::process::ExitCode;

use crate::log::LoggingError;
use crate::model::card_text::printable;
use crate::print;

/// The exit code for a configuration that cannot work (`EX_CONFIG` of sysexits.h). The service manager does
/// not restart the daemon after it.
pub const CONFIG: u8 = 78;

/// Why a command failed: an error message in one line, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What is wrong, the value that is wrong, and how to fix it; empty if the command has already printed
    /// it.
    pub message: String,
    /// The exit code of the process.
    pub code: u8,
}

impl Failure {
    /// Any failure without an exit code of its own, such as a broker that cannot be reached: exit code 1.
    pub fn failed(message: impl ToString) -> Self {
        Self { message: message.to_string(), code: 1 }
    }

    /// A wrong command line: exit code 2.
    pub fn usage(message: impl ToString) -> Self {
        Self { message: message.to_string(), code: 2 }
    }

    /// A configuration, model or runtime library that cannot work: exit code 78.
    pub fn config(message: impl ToString) -> Self {
        Self { message: message.to_string(), code: CONFIG }
    }

    /// Changes the exit code to 1, for tools that no service manager restarts.
    pub fn or_failed(self) -> Self {
        Self { code: 1, ..self }
    }
}

impl From<LoggingError> for Failure {
    fn from(error: LoggingError) -> Self {
        match error {
            // The journal may only be restarting, so starting again can help.
            LoggingError::Journal(_) => Self::failed(error),
            LoggingError::Format(_) | LoggingError::Filter(..) => Self::usage(error),
        }
    }
}

/// Prints the error of a command, if it failed, and returns its exit code. A command whose output could not
/// be written has failed, too, unless the reader of its output closed it.
pub fn exit(result: Result<(), Failure>) -> ExitCode {
    let result = result.and_then(|()| print::failure().map_or(Ok(()), |error| Err(Failure::failed(error))));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { message, code }) => {
            if !message.is_empty() {
                // Names from files and from the network may hold anything.
                eprintln!("error: {}", printable(&message));
            }
            ExitCode::from(code)
        }
    }
}
