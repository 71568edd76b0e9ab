//! What can be wrong with a training, by name.

/// What can be wrong with a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cause {
    /// The same drive is on both sides of the split.
    LeakySplit,
    /// A channel that is stuck, all the time or often.
    DeadChannel,
    /// The channels do not tell the labels.
    NotSeparable,
    /// Recordings that carry a wrong label.
    LabelErrors,
    /// A label with far fewer windows than the others, which count no more for it.
    ClassImbalance,
    /// Steps that follow too few windows.
    BatchTooSmall,
    /// Steps that go too far.
    LearningRateTooHigh,
    /// Steps that do not go far enough.
    LearningRateTooLow,
    /// Single steps that throw the network out of what it learned.
    GradientSpikes,
    /// More units than the windows can teach.
    NetworkTooLarge,
    /// More windows would help.
    TooFewWindows,
    /// What keeps the network from learning its windows by heart keeps it from learning.
    RegularisationTooStrong,
}

impl Cause {
    /// What is wrong, for people who do not train networks for a living.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::LeakySplit => "The same drive is in several files",
            Self::DeadChannel => "A sensor is stuck",
            Self::NotSeparable => "These channels do not tell these surfaces apart",
            Self::LabelErrors => "Some recordings carry the wrong label",
            Self::ClassImbalance => "One surface is drowned by the others",
            Self::BatchTooSmall => "Each step looks at too few windows",
            Self::LearningRateTooHigh => "The learning rate is too high",
            Self::LearningRateTooLow => "The learning rate is too low",
            Self::GradientSpikes => "Single steps throw the network off",
            Self::NetworkTooLarge => "The network is too large for so few windows",
            Self::TooFewWindows => "There are too few windows",
            Self::RegularisationTooStrong => "Too much is left out in training",
        }
    }

    /// Why that makes a training misbehave, in a sentence.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::LeakySplit => {
                "The network is scored on drives that it was trained on, so its score says nothing about a new drive."
            }
            Self::DeadChannel => "What does not move tells nothing, and hides what the working sensors say.",
            Self::NotSeparable => {
                "Neither the network nor trees on summary statistics do better than guessing on recordings that they have not seen; \
                 no setting mends that."
            }
            Self::LabelErrors => {
                "A network that is told that carpet is gravel has to learn such windows by heart, one by one."
            }
            Self::ClassImbalance => {
                "A surface that is seldom seen costs little to get wrong, so the network gives it up for the others."
            }
            Self::BatchTooSmall => {
                "The direction of a step is a mean over its windows; over few of them it is mostly chance, and so is the loss."
            }
            Self::LearningRateTooHigh => {
                "Each step jumps over the valley that it aims at, so the loss goes up as often as down."
            }
            Self::LearningRateTooLow => "The steps are so short that training ends long before the valley.",
            Self::GradientSpikes => {
                "Once the gradients are tiny, RMSprop and Adam divide by something tiny and their steps grow, until one leaps away."
            }
            Self::NetworkTooLarge => {
                "It has room to learn each window by heart, down to the noise, which does not help on a new drive."
            }
            Self::TooFewWindows => {
                "What differs from drive to drive has to be seen to be told from what differs between surfaces."
            }
            Self::RegularisationTooStrong => {
                "Dropout and its like take so much of the signal away that the network cannot learn what is there."
            }
        }
    }

    /// Its name in JSON.
    pub(crate) fn name(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}
