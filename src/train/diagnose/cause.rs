//! The causes that a diagnosis can find, with the name and the explanation of each.

/// What can be wrong with a training run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Cause {
    /// The same drive is on both sides of the split between training and validation.
    LeakySplit,
    /// A channel does not change, always or often.
    DeadChannel,
    /// The surfaces cannot be told apart by these channels.
    NotSeparable,
    /// Some recordings carry the wrong label.
    LabelErrors,
    /// A label has far fewer windows than the others, and the loss is not weighted for that.
    ClassImbalance,
    /// The batches are so small that the steps are mostly noise.
    BatchTooSmall,
    /// The steps overshoot the minimum that they aim at.
    LearningRateTooHigh,
    /// The steps are so short that training ends far from a minimum.
    LearningRateTooLow,
    /// Single large steps undo what the network has learned.
    GradientSpikes,
    /// The network has more units than the windows can train.
    NetworkTooLarge,
    /// More windows would improve the network.
    TooFewWindows,
    /// Dropout or batch normalisation, meant to prevent overfitting, prevents learning.
    RegularisationTooStrong,
}

impl Cause {
    /// The name of the cause in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::LeakySplit => "leaky_split",
            Self::DeadChannel => "dead_channel",
            Self::NotSeparable => "not_separable",
            Self::LabelErrors => "label_errors",
            Self::ClassImbalance => "class_imbalance",
            Self::BatchTooSmall => "batch_too_small",
            Self::LearningRateTooHigh => "learning_rate_too_high",
            Self::LearningRateTooLow => "learning_rate_too_low",
            Self::GradientSpikes => "gradient_spikes",
            Self::NetworkTooLarge => "network_too_large",
            Self::TooFewWindows => "too_few_windows",
            Self::RegularisationTooStrong => "regularisation_too_strong",
        }
    }

    /// What is wrong, in words for people who are not experts in training networks.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::LeakySplit => "The same drive is in several files",
            Self::DeadChannel => "A sensor is stuck",
            Self::NotSeparable => "The surfaces cannot be told apart by these channels",
            Self::LabelErrors => "Some recordings carry the wrong label",
            Self::ClassImbalance => "One surface has far fewer windows than the others",
            Self::BatchTooSmall => "The batches are too small",
            Self::LearningRateTooHigh => "The learning rate is too high",
            Self::LearningRateTooLow => "The learning rate is too low",
            Self::GradientSpikes => "Single large steps undo what the network has learned",
            Self::NetworkTooLarge => "The network is too large for so few windows",
            Self::TooFewWindows => "There are too few windows",
            Self::RegularisationTooStrong => "The regularisation is too strong",
        }
    }

    /// Why this makes a training run misbehave, in one sentence.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::LeakySplit => {
                "The network is scored on drives that it was trained on, so its score says nothing about new drives."
            }
            Self::DeadChannel => {
                "A channel that does not change carries no information, and its values disturb the working channels."
            }
            Self::NotSeparable => {
                "On held-out recordings, neither the network nor trees on summary statistics do better than guessing; \
                 no setting fixes that."
            }
            Self::LabelErrors => {
                "A network cannot learn a rule for windows with a wrong label; it has to memorise them one by one."
            }
            Self::ClassImbalance => {
                "Mistakes on a rare surface add little to the loss, so the network neglects it in favour of the others."
            }
            Self::BatchTooSmall => {
                "A step follows the mean gradient of its batch; with few windows that is mostly noise, and so is the loss."
            }
            Self::LearningRateTooHigh => {
                "Each step overshoots the minimum that it aims at, so the loss rises as often as it falls."
            }
            Self::LearningRateTooLow => "The steps are so short that training ends far from a minimum.",
            Self::GradientSpikes => {
                "RMSprop and Adam divide by the size of recent gradients; once these are tiny, the steps grow until one \
                 overshoots by far."
            }
            Self::NetworkTooLarge => {
                "It can memorise each window including its noise, and that does not help on new drives."
            }
            Self::TooFewWindows => {
                "The network has to see enough drives to separate the differences between drives from those between surfaces."
            }
            Self::RegularisationTooStrong => {
                "Dropout and batch normalisation remove so much of the signal that the network cannot learn the rest."
            }
        }
    }
}

impl serde::Serialize for Cause {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
