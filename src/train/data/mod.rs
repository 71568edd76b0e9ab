//! From labelled recordings to windows, and which of them are held out.

pub(crate) mod channels;
pub(crate) mod cut;
pub(crate) mod dataset;
pub(crate) mod error;
pub(crate) mod split;
pub(crate) mod window_index;
