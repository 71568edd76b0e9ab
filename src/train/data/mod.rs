//! From labelled recordings to windows, and which of them are held out.

pub mod channels;
pub mod cut;
pub mod dataset;
pub mod error;
pub mod split;
pub mod window_index;
