//! The changes that a diagnosis tries. Each changes one thing.

/// One change to a training run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Larger batches.
    BatchSize {
        from: usize,
        to: usize,
    },
    /// A tenth of the learning rate.
    LowerLearningRate,
    /// Ten times the learning rate.
    HigherLearningRate,
    /// Gradients clipped to a norm of 1.
    Clip,
    /// A learning rate that falls to 0 along a cosine.
    CosineSchedule,
    /// AdamW in place of another optimiser.
    AdamW,
    /// Fewer LSTM units.
    FewerUnits {
        from: usize,
        to: usize,
    },
    NoDropout,
    /// No noise added to the training windows, and no random factor on them.
    NoNoise,
    NoBatchNorm,
    /// A loss in which every surface has the same weight, however few windows it has.
    BalancedWeights,
    /// More windows of the same recordings, by a smaller hop. Both hops are in steps.
    SmallerHop {
        from: usize,
        to: usize,
    },
    /// Training on only a part of the training recordings.
    RecordingShare {
        percent: u8,
    },
    /// Windows whose label is probably wrong are dropped from training and scoring.
    WithoutSuspects,
    /// The same windows are dropped from scoring only. [`Change::WithoutSuspects`] is compared with this.
    SuspectsUnscored,
    /// Only the channels that are not stuck, by name.
    LiveChannels {
        names: Vec<String>,
    },
    /// Windows in which the only channel is stuck are dropped from training.
    WithoutStuckWindows,
    /// Recordings of the same drive on the same side of the split.
    GroupedDrives,
    /// The values of every recording in the same unit.
    OneUnit,
    /// Windows with values far outside of all others are dropped from training and scoring.
    WithoutOutliers,
    /// The same windows are dropped from scoring only. [`Change::WithoutOutliers`] is compared with this.
    OutliersUnscored,
    /// The input scaled without regard to outliers, and clipped.
    RobustScaling,
    /// More passes over the training windows.
    MoreEpochs {
        from: usize,
        to: usize,
    },
    /// Every setting as `fit` has it without flags.
    Defaults,
}

impl Change {
    /// The change in words, to be read after "with".
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::BatchSize { from, to } => format!("batches of {to} windows instead of {from}"),
            Self::LowerLearningRate => "a tenth of the learning rate".into(),
            Self::HigherLearningRate => "ten times the learning rate".into(),
            Self::Clip => "gradients clipped to a norm of 1".into(),
            Self::CosineSchedule => "a learning rate that falls along a cosine".into(),
            Self::AdamW => "AdamW as the optimiser".into(),
            Self::FewerUnits { from, to } => format!("{to} units instead of {from}"),
            Self::NoDropout => "no dropout".into(),
            Self::NoNoise => "no noise added to the training windows".into(),
            Self::NoBatchNorm => "no batch normalisation".into(),
            Self::BalancedWeights => "equal weights for rare and common surfaces".into(),
            Self::SmallerHop { from, to } => format!("a window every {to} steps instead of every {from}"),
            Self::RecordingShare { percent } => format!("{percent} % of the training recordings"),
            Self::WithoutSuspects => "suspected labels dropped from training and scoring".into(),
            Self::SuspectsUnscored => "suspected labels dropped from scoring only".into(),
            Self::LiveChannels { names } => format!("only the channels {}", names.join(", ")),
            Self::WithoutStuckWindows => "windows with a stuck channel dropped from training".into(),
            Self::GroupedDrives => "files of the same drive on the same side of the split".into(),
            Self::OneUnit => "all recordings in one unit".into(),
            Self::WithoutOutliers => "windows with outliers dropped from training and scoring".into(),
            Self::OutliersUnscored => "windows with outliers dropped from scoring only".into(),
            Self::RobustScaling => "the input scaled and clipped (robust scaling)".into(),
            Self::MoreEpochs { from, to } => format!("{to} epochs instead of {from}"),
            Self::Defaults => "the default settings of fit".into(),
        }
    }

    /// Whether the loss with this change is weighted differently, so that it cannot be compared with the loss
    /// before.
    pub(crate) fn reweights_loss(&self) -> bool {
        matches!(self, Self::BalancedWeights | Self::Defaults)
    }

    /// The change whose outcomes this one is compared with, if that is not the unchanged run.
    pub(crate) fn compared_with(&self) -> Option<Self> {
        match self {
            Self::WithoutSuspects => Some(Self::SuspectsUnscored),
            Self::WithoutOutliers => Some(Self::OutliersUnscored),
            _ => None,
        }
    }

    /// Whether the change removes a fault of the recordings, and changes no setting.
    pub(crate) fn is_of_recordings(&self) -> bool {
        matches!(
            self,
            Self::OneUnit
                | Self::GroupedDrives
                | Self::LiveChannels { .. }
                | Self::WithoutStuckWindows
                | Self::WithoutSuspects
        )
    }

    /// Whether the change only serves to compare another one with.
    pub(crate) fn is_auxiliary(&self) -> bool {
        matches!(self, Self::SuspectsUnscored | Self::OutliersUnscored)
    }
}
