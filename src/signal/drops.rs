//! What was left out, and why: every sample, frame, message or window that is not used is counted here.

/// Why something was left out. The name is what metrics and messages call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum DropReason {
    /// A line or message that is not in the source's format.
    Malformed,
    /// A binary frame whose checksum, length or version is wrong.
    CorruptFrame,
    /// A binary frame that never came: a hole in the sequence numbers.
    LostFrame,
    /// A line, frame or payload over its limit.
    TooLarge,
    /// A time that is no number or beyond what a time can hold.
    BadTime,
    /// A sample with NaN or an infinity in a channel.
    NotFinite,
    /// A sample with the time of the one before.
    Duplicate,
    /// A sample older than one that was already used.
    Late,
    /// A topic whose stream name is not allowed.
    StreamName,
    /// A new stream over the limit of streams.
    StreamLimit,
    /// A window that waited for the model while newer ones came.
    Overload,
    /// A message that could not be published because the broker was away or slow.
    NotPublished,
    /// Samples that the recorder could not write.
    NotRecorded,
}

impl DropReason {
    /// Every reason, in the order of its counters.
    pub const ALL: [DropReason; 13] = [
        DropReason::Malformed,
        DropReason::CorruptFrame,
        DropReason::LostFrame,
        DropReason::TooLarge,
        DropReason::BadTime,
        DropReason::NotFinite,
        DropReason::Duplicate,
        DropReason::Late,
        DropReason::StreamName,
        DropReason::StreamLimit,
        DropReason::Overload,
        DropReason::NotPublished,
        DropReason::NotRecorded,
    ];

    /// The name in metrics and messages.
    pub fn name(self) -> &'static str {
        match self {
            DropReason::Malformed => "malformed",
            DropReason::CorruptFrame => "corrupt_frame",
            DropReason::LostFrame => "lost_frame",
            DropReason::TooLarge => "too_large",
            DropReason::BadTime => "bad_time",
            DropReason::NotFinite => "not_finite",
            DropReason::Duplicate => "duplicate",
            DropReason::Late => "late",
            DropReason::StreamName => "stream_name",
            DropReason::StreamLimit => "stream_limit",
            DropReason::Overload => "overload",
            DropReason::NotPublished => "not_published",
            DropReason::NotRecorded => "not_recorded",
        }
    }
}

/// Counts by reason since they were last taken, and the first thing left out, in words.
///
/// Decoders and lanes fill one; their shells add it to the daemon's counters and log it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    counts: [u64; DropReason::ALL.len()],
    first: Option<(DropReason, String)>,
}

impl Drops {
    /// Counts one; `detail` is made into words only for the first.
    pub fn add(&mut self, reason: DropReason, detail: impl FnOnce() -> String) {
        self.add_many(reason, 1, detail);
    }

    /// Counts `count` at once; `detail` is made into words only for the first.
    pub fn add_many(&mut self, reason: DropReason, count: u64, detail: impl FnOnce() -> String) {
        self.counts[reason as usize] += count;
        if self.first.is_none() && count > 0 {
            self.first = Some((reason, detail()));
        }
    }

    /// How many were left out for `reason`.
    pub fn count(&self, reason: DropReason) -> u64 {
        self.counts[reason as usize]
    }

    /// How many were left out in all.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The first thing left out, with its reason.
    pub fn first(&self) -> Option<(DropReason, &str)> {
        self.first.as_ref().map(|(reason, detail)| (*reason, detail.as_str()))
    }

    /// Each reason that has a count, with it.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> {
        DropReason::ALL.into_iter().map(|reason| (reason, self.count(reason))).filter(|(_, count)| *count > 0)
    }

    /// Gives what was counted and starts again at nothing.
    pub fn take(&mut self) -> Drops {
        std::mem::take(self)
    }

    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Drops) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine += theirs;
        }
        if self.first.is_none() {
            self.first.clone_from(&other.first);
        }
    }
}

impl std::fmt::Display for Drops {
    /// `3 malformed, 1 late`, or `none`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut separator = "";
        for (reason, count) in self.iter() {
            write!(f, "{separator}{count} {}", reason.name())?;
            separator = ", ";
        }
        if separator.is_empty() { f.write_str("none") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_stand_in_the_order_of_their_counters() {
        for (index, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
    }

    #[test]
    fn the_first_is_kept_in_words_and_all_are_counted() {
        let mut drops = Drops::default();
        drops.add(DropReason::Late, || "first".into());
        drops.add_many(DropReason::Malformed, 2, || unreachable!());
        assert_eq!(drops.first(), Some((DropReason::Late, "first")));
        assert_eq!(drops.to_string(), "2 malformed, 1 late");
        assert_eq!(drops.take().total(), 3);
        assert_eq!(drops.to_string(), "none");
    }
}
