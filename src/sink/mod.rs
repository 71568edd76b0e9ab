//! Where predictions and surface changes go, and where samples are recorded.
//!
//! The pipeline gives every outcome to each [`Sink`] in turn:
//!
//! - `mqtt`: topics on the broker, with `home_assistant` discovery,
//! - `text`: JSON lines, CSV or a table on standard output,
//! - `live`: the live page and the metrics,
//! - `mcap`: the MCAP files of a replay,
//! - `evaluation`: scores against known labels,
//! - `recorder::NovelStreams`: what the recorder has to know of the outcomes,
//! - a channel, with which the demo shows the outcomes.
//!
//! `json` is the one writer of predictions and surface changes as JSON. [`recorder`] is not a [`Sink`]: it
//! takes samples rather than outcomes and writes them as recordings.

mod dispatch;
pub(crate) mod evaluation;
pub(crate) mod home_assistant;
pub(crate) mod json;
pub(crate) mod live;
#[cfg(feature = "mcap")]
pub(crate) mod mcap;
pub(crate) mod mqtt;
#[cfg(feature = "nats")]
pub(crate) mod nats;
pub mod recorder;
pub(crate) mod text;

pub use self::dispatch::Sink;
pub(crate) use self::dispatch::{flush_all, release, take_all};
