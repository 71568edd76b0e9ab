//! Where samples come from: thin asynchronous shells around the decoders.
//!
//! Each source runs in a task of its own and hands what it decoded to the pipeline through a [`handle::SourceHandle`].

pub mod backoff;
pub mod bytes;
pub mod file;
pub mod handle;
pub mod serial;
pub mod simulator;
pub mod stdin;
