//! Labelled windows cut from recordings, and the choice of those that are held out.
//!
//! - `channels`: the channels that all recordings have, and their allowed orders
//! - `cut`: reading recordings and cutting them into windows, with the daemon's own windower
//! - `dataset`: the windows of all recordings with their labels
//! - `drops`: what was dropped on the way, by recording and reason
//! - `load`: reading recordings into a dataset
//! - `plausibility`: what is probably wrong with the recordings
//! - `session_warnings`: what the sessions of the recordings hide from scores by recording
//! - `sessions`: which recordings were made in one sitting
//! - `split`: which windows are trained on and which are held out
//! - `statistics`: the statistics of the channels over chosen windows
//! - `subset`: a part of the recordings of a dataset
//! - `time_split`: splits that hold out later recordings, or other sessions
//! - `window_index`: the position of a window, and the recording it is from
//! - `error`: why recordings cannot be used as a dataset

pub(crate) mod channels;
pub(crate) mod cut;
pub(crate) mod dataset;
pub(crate) mod drops;
pub(crate) mod error;
pub(crate) mod load;
pub(crate) mod plausibility;
pub(crate) mod session_warnings;
pub(crate) mod sessions;
pub(crate) mod split;
pub(crate) mod statistics;
pub(crate) mod subset;
pub(crate) mod time_split;
pub(crate) mod window_index;
