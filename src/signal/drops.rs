//! Counts everything that is dropped, by reason: each sample, frame, message or window that is not used.

/// Why a sample, frame, message or window was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum DropReason {
    /// A line or message is not in the format of its source.
    Malformed,
    /// The checksum, length or version of a binary frame is wrong.
    CorruptFrame,
    /// A binary frame never arrived: its sequence number is missing.
    LostFrame,
    /// A line, frame or payload is longer than its limit.
    TooLarge,
    /// The time of a sample is not a number, or outside the range of [`Time`](super::Time).
    BadTime,
    /// A sample has NaN, an infinity or an absurdly large value in a channel.
    NotFinite,
    /// A sample has the same time as the one before it.
    Duplicate,
    /// A sample is older than one that was already used.
    Late,
    /// A topic has a stream name that is not allowed.
    StreamName,
    /// A sample belongs to a new stream, but the limit on the number of streams is reached.
    StreamLimit,
    /// A window was replaced by newer ones while it waited for the model.
    Overload,
    /// A message could not be published because the broker was unreachable or slow.
    NotPublished,
    /// The recorder could not write a sample.
    NotRecorded,
    /// The broker kept a message from before the subscription, so its samples may be old.
    Retained,
    /// A topic has the name of a channel that the source does not have.
    UnknownChannel,
    /// A label has a name that is not allowed.
    LabelName,
    /// Labels change too often, or there are too many of them.
    LabelLimit,
    /// A message was delivered again, after it or a newer one had been used.
    Redelivered,
}

impl DropReason {
    /// All reasons, in the order of their discriminants.
    pub const ALL: [DropReason; 18] = [
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
        DropReason::Retained,
        DropReason::UnknownChannel,
        DropReason::LabelName,
        DropReason::LabelLimit,
        DropReason::Redelivered,
    ];

    /// The name of the reason in metrics and messages.
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
            DropReason::Retained => "retained",
            DropReason::UnknownChannel => "unknown_channel",
            DropReason::LabelName => "label_name",
            DropReason::LabelLimit => "label_limit",
            DropReason::Redelivered => "redelivered",
        }
    }
}

/// Counts of drops by reason, and a description of the first drop of each reason.
///
/// Decoders and windowers fill one of these. The tasks that run them [`take`](Drops::take) it regularly, add
/// it to the daemon's counters and log the descriptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// Indexed by the discriminant of the reason.
    counts: [u64; DropReason::ALL.len()],
    /// The first drop of each reason, in the order in which they occurred.
    details: Vec<(DropReason, String)>,
}

impl Drops {
    /// Counts one drop. `detail` describes it; the function is called only if this is the first drop of this
    /// reason.
    pub fn add(&mut self, reason: DropReason, detail: impl FnOnce() -> String) {
        self.add_many(reason, 1, detail);
    }

    /// Counts `count` drops. `detail` describes them; the function is called only if they are the first of this
    /// reason.
    pub fn add_many(&mut self, reason: DropReason, count: u64, detail: impl FnOnce() -> String) {
        self.counts[reason as usize] += count;
        if count > 0 && self.details.iter().all(|(other, _)| *other != reason) {
            self.details.push((reason, detail()));
        }
    }

    /// The number of drops for `reason`.
    pub fn count(&self, reason: DropReason) -> u64 {
        self.counts[reason as usize]
    }

    /// The number of drops for all reasons together.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The reason and the description of the first drop; `None` if there was none.
    pub fn first(&self) -> Option<(DropReason, &str)> {
        self.details().next()
    }

    /// The reasons of which a drop was described, each with the description of the first, in the order in which
    /// they occurred.
    pub fn details(&self) -> impl Iterator<Item = (DropReason, &str)> {
        self.details.iter().map(|(reason, detail)| (*reason, detail.as_str()))
    }

    /// The reasons with at least one drop, each with its count.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> {
        DropReason::ALL.into_iter().map(|reason| (reason, self.count(reason))).filter(|(_, count)| *count > 0)
    }

    /// Returns the counts and resets them.
    pub fn take(&mut self) -> Drops {
        std::mem::take(self)
    }

    /// Adds the counts of `other`, and its descriptions of the reasons that have none yet.
    pub fn merge(&mut self, other: &Drops) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        for (reason, detail) in &other.details {
            if self.details.iter().all(|(own, _)| own != reason) {
                self.details.push((*reason, detail.clone()));
            }
        }
    }
}

impl std::fmt::Display for Drops {
    /// Writes the counts such as `3 malformed, 1 late`, or `none`.
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
    fn the_list_of_reasons_is_in_the_order_of_their_discriminants() {
        for (index, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
    }

    #[test]
    fn all_drops_are_counted_and_the_first_of_each_reason_keeps_its_description() {
        let mut drops = Drops::default();
        drops.add(DropReason::Late, || "first".into());
        drops.add_many(DropReason::Malformed, 2, || "second".into());
        drops.add_many(DropReason::Malformed, 0, || unreachable!());
        assert_eq!(drops.first(), Some((DropReason::Late, "first")));
        let mut more = Drops::default();
        more.add(DropReason::Overload, || "third".into());
        more.merge(&drops);
        more.merge(&drops);
        assert_eq!(more.to_string(), "4 malformed, 2 late, 1 overload");
        let details: Vec<_> = more.details().collect();
        let third = (DropReason::Overload, "third");
        assert_eq!(details, [third, (DropReason::Late, "first"), (DropReason::Malformed, "second")]);
        assert_eq!(drops.to_string(), "2 malformed, 1 late");
        assert_eq!(drops.take().total(), 3);
        assert_eq!(drops.to_string(), "none");
    }
}
