//! Outcomes for the live page, and as counts for the metrics.
//!
//! [`LiveSink`] counts every prediction and passes outcomes to [`LiveEvents`](events::LiveEvents), which
//! turns them into events for the open pages. [`Trace`](trace::Trace) reduces a stream's samples to what a page can
//! draw, [`KeptRows`](kept_rows::KeptRows) keeps samples and predictions of the last half minute for the pages that are
//! opened later, and [`About`](about::About) describes the running daemon. [`crate::http`] serves the events over HTTP.

pub(crate) mod about;
pub(crate) mod events;
mod kept_rows;
mod sink;
mod state;
mod stream;
pub(crate) mod trace;

pub(crate) use self::sink::LiveSink;
