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
    /// More windows of the same recordings would improve the network.
    TooFewWindows,
    /// Dropout or batch normalisation, meant to prevent overfitting, prevents learning.
    RegularisationTooStrong,
    /// Single values far outside of all others ruin the scaling of the input.
    Outliers,
    /// Some recordings are in another unit than the others.
    MixedUnits,
    /// The network gets values that are not scaled to a mean of 0 and a deviation of 1.
    UnscaledInput,
    /// Training ends before the network has learned what it can.
    TooFewEpochs,
    /// Training goes on after the network has stopped to improve, and makes it worse.
    TooManyEpochs,
    /// More recordings would improve the network.
    TooFewRecordings,
    /// Trees on summary statistics do better than the network, and no other cause explains it.
    NetworkBehindTrees,
    /// Another optimiser trains this network better.
    WrongOptimizer,
    /// The surfaces can be told by the sessions that they were recorded in.
    SessionConfounded,
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
            Self::Outliers => "outliers",
            Self::MixedUnits => "mixed_units",
            Self::UnscaledInput => "unscaled_input",
            Self::TooFewEpochs => "too_few_epochs",
            Self::TooManyEpochs => "too_many_epochs",
            Self::TooFewRecordings => "too_few_recordings",
            Self::NetworkBehindTrees => "network_behind_trees",
            Self::WrongOptimizer => "wrong_optimizer",
            Self::SessionConfounded => "session_confounded",
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
            Self::TooFewWindows => "Too few windows are cut from the recordings",
            Self::RegularisationTooStrong => "The regularisation is too strong",
            Self::Outliers => "Single wrong values ruin the training",
            Self::MixedUnits => "Some recordings are in another unit",
            Self::UnscaledInput => "The input is not scaled",
            Self::TooFewEpochs => "Training ends too early",
            Self::TooManyEpochs => "Training goes on for too long",
            Self::TooFewRecordings => "There are too few recordings",
            Self::NetworkBehindTrees => "The network does worse than simple trees",
            Self::WrongOptimizer => "Another optimiser does better",
            Self::SessionConfounded => "Each surface was recorded in sessions of its own",
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
                "The recordings hold more windows than are cut from them, and the network learns more from all of them."
            }
            Self::RegularisationTooStrong => {
                "Dropout and batch normalisation remove so much of the signal that the network cannot learn the rest."
            }
            Self::Outliers => {
                "The input is scaled by its mean and deviation; a few values far outside of all others make both of them \
                 useless, and the real values all look alike."
            }
            Self::MixedUnits => {
                "The network learns to tell units apart and not surfaces, so its scores say nothing about new drives."
            }
            Self::UnscaledInput => {
                "Values far from 0, or far smaller or larger than 1, drive the units of an LSTM to their limits, where \
                 they hardly learn."
            }
            Self::TooFewEpochs => "The network still improves when training ends.",
            Self::TooManyEpochs => {
                "The network goes on to memorise the drives that it was trained on, and gets worse on new ones."
            }
            Self::TooFewRecordings => {
                "Drives over one surface differ from each other; the network has to see enough of them to learn what they \
                 have in common."
            }
            Self::NetworkBehindTrees => {
                "Trees on summary statistics of the same windows are correct more often on the same drives, so this \
                 network has not learned everything that the windows show."
            }
            Self::WrongOptimizer => {
                "With the same learning rate, another optimiser reaches a better network in as many epochs."
            }
            Self::SessionConfounded => {
                "What changes from session to session, such as the battery or the load, gives the surface away, so the \
                 scores by recording say nothing about another day."
            }
        }
    }
}

impl serde::Serialize for Cause {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
