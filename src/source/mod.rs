//! Where samples come from: thin asynchronous shells around the decoders.
//!
//! Each source runs in a task of its own and hands what it decoded to the pipeline through a [`handle::SourceHandle`].

pub(crate) mod backoff;
pub(crate) mod bytes;
pub(crate) mod file;
pub(crate) mod handle;
pub(crate) mod serial;
pub(crate) mod simulator;
pub(crate) mod stdin;
