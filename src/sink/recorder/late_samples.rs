//! What becomes of samples that arrive after a newer one was written.

use crate::signal::{DropReason, Drops, Time};
use crate::stream::Placement;

/// What the recorder does with samples that cannot be written because a newer one was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LateSamples {
    /// They are counted as late or as duplicates.
    Count,
    /// They were counted by the stream table, which gets the same samples.
    CountedByStreams,
    /// The stream table may have used them, because it sorts samples by time: they are counted as not recorded.
    NotRecorded,
}

impl LateSamples {
    /// Counts a sample that is a duplicate or late.
    pub(super) fn count(self, placement: Placement, time: Time, drops: &mut Drops) {
        match self {
            Self::Count => placement.count_drop(time, drops),
            Self::CountedByStreams => {}
            Self::NotRecorded if placement == Placement::Duplicate => {}
            Self::NotRecorded => drops.add(DropReason::NotRecorded, || {
                format!(
                    "the sample at {} s arrived after a newer one, and a recording is in order of time",
                    time.seconds()
                )
            }),
        }
    }
}
