//! Where samples come from: thin asynchronous shells around the decoders.
//!
//! Each source runs in a task of its own and sends what it decoded to the pipeline through a
//! [`handle::SourceHandle`], whose [`queue`] is bounded by bytes. A source ends with its input or at the shutdown.
//!
//! - [`serial`] reads a serial port, and opens it again after every failure.
//! - [`stdin`] reads standard input to its end.
//! - [`bytes`] is the reading loop that these two share, and `progress.rs` notices bytes of which no samples come;
//!   [`backoff`] has the delays between attempts, and [`port_holder`] finds the program that uses a port.
//! - [`mod@file`] reads recordings, at the speed at which they were made or at another one;
//!   `rounds` repeats them.
//! - [`simulator`] sends the samples of a simulated robot.
//!
//! - [`message_decoder`] turns the messages of a source with many streams into samples.
//!
//! The sources of messages are not here, because they have connections of their own: [`mqtt`](crate::mqtt), which also
//! publishes, and [`nats`](crate::nats).

pub(crate) mod backoff;
pub(crate) mod bytes;
pub(crate) mod file;
pub(crate) mod handle;
pub(crate) mod message_decoder;
pub(crate) mod port_holder;
mod progress;
pub(crate) mod queue;
pub(crate) mod reading_report;
mod rounds;
pub(crate) mod serial;
pub(crate) mod simulator;
pub(crate) mod stdin;
