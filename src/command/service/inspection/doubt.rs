//! What is not plausible about the values of a channel.

/// What is not plausible about the values of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChannelDoubt {
    /// The index of the channel.
    pub channel: usize,
    /// What is not plausible.
    pub kind: DoubtKind,
    /// The same in a sentence with the fix.
    pub text: String,
}

/// The kinds of what is not plausible about the values of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DoubtKind {
    /// The values never fall, as those of a counter or a time.
    OnlyRises,
    /// All values are equal, as those of a sensor that is not connected.
    NeverChanges,
    /// The values are larger than a motor's current.
    TooLarge,
    /// The values are far from those of the training data.
    UnlikeTraining,
}
