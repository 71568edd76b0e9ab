//! Why a command did not succeed, and the exit code that says so.

use std::process::ExitCode;

use crate::log::LoggingError;

/// The exit code of a configuration that cannot work, so that a service manager does not start it again (`EX_CONFIG` of sysexits.h).
pub const CONFIG: u8 = 78;

/// A message for people, on one line, and an exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What is wrong, with the value and the mend; empty where all was said before.
    pub message: String,
    /// The exit code.
    pub code: u8,
}

impl Failure {
    /// Something failed: exit code 1.
    pub fn failed(message: impl ToString) -> Self {
        Self { message: message.to_string(), code: 1 }
    }

    /// It was called wrongly: exit code 2.
    pub fn usage(message: impl ToString) -> Self {
        Self { message: message.to_string(), code: 2 }
    }

    /// The configuration, the model or the runtime library cannot work: exit code 78.
    pub fn config(message: impl ToString) -> Self {
        Self { message: message.to_string(), code: CONFIG }
    }

    /// The same, where starting again could help: for the tools that nobody restarts.
    pub fn or_failed(self) -> Self {
        Self { code: 1, ..self }
    }
}

impl From<LoggingError> for Failure {
    fn from(error: LoggingError) -> Self {
        match error {
            // A journal that is started again is soon there.
            LoggingError::Journal(_) => Self::failed(error),
            LoggingError::Format(_) | LoggingError::Filter(..) => Self::usage(error),
        }
    }
}

/// Says why a command failed, if it did, and gives its exit code.
pub fn exit(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { message, code }) => {
            if !message.is_empty() {
                eprintln!("error: {message}");
            }
            ExitCode::from(code)
        }
    }
}
