//! The HTTP server: a live page of every stream, metrics for Prometheus, and probes. It is read-only.
//!
//! - [`HttpServer`] accepts connections and sends live events to the open pages; the pipeline runs each
//!   connection in a task of its own.
//! - [`reply`] answers requests; [`host`] refuses requests whose `Host` header names another computer.
//! - [`metrics`] writes the metrics of the daemon and of its process.
//! - [`page`] contains the page's files.
//!
//! Everything is bounded: the number of connections and pages, the size of a request, the time to send a
//! request and the time to take the answer.

mod bind_error;
mod clients;
pub(crate) mod host;
pub(crate) mod metrics;
pub(crate) mod page;
mod query;
pub(crate) mod reply;
mod server;

pub(crate) use self::server::{HttpServer, try_address};
