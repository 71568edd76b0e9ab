//! `underfoot watch`: the live surfaces of all robots, from the broker.
//!
//! - [`message`] reads the daemon's messages, which are untrusted: anyone may publish to a broker.
//! - [`fleet`] holds what is known about the broker, the daemons and their robots; [`daemons`] what is known about the
//!   daemons, and [`robot`] what is known about one robot.
//! - [`reason`] says why a surface is unknown, and [`status`] how the broker and the daemons are.
//! - [`table`] lays that out as lines of text, and [`terminal`] draws them.

mod command;
pub(crate) mod daemons;
pub(crate) mod fleet;
pub(crate) mod message;
mod reason;
pub(crate) mod robot;
mod status;
pub(crate) mod table;
pub(crate) mod terminal;

pub use self::command::WatchArgs;
