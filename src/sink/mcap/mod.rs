//! Writes MCAP files: recordings, and the results of a replay, which Foxglove shows.
//!
//! `file` writes messages in JSON on the topics of `topic`, each with its JSON Schema, and `message` is what was found out,
//! as such messages. `results` writes a file for each recording of a replay (`result_file`).

mod file;
mod message;
mod result_file;
mod results;
mod topic;

pub(crate) use self::file::McapFile;
pub(crate) use self::message::ResultMessage;
pub(crate) use self::results::{ReplayResults, ResultPath};
