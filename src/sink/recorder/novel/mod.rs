//! Recording robots while they are on a surface that the model does not know.
//!
//! - [`NovelStreams`] is told by the decisions which streams are on a novel surface now.
//! - [`NovelStays`] decides for each batch of samples whether it is recorded: during a stay on a novel surface, some time
//!   before the decision, because that takes some windows' lengths, and some time after.
//! - `RecentSamples` are the samples of the time before.
//! - [`DiskSpace`] is what the recordings may take on the disk in all.

mod recent_samples;
mod space;
mod stays;
mod streams;

pub(super) use self::space::DiskSpace;
pub(super) use self::stays::{NovelStays, NovelStep};
pub use self::streams::NovelStreams;
