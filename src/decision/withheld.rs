//! Why no surface was decided at a window.

/// Why the surface is unknown although there is a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// No surface is likely enough.
    Unlikely,
    /// The windows are unlike the training data: the surface is probably one that the model does not know.
    Novel,
    /// A channel has a fault, or the rate of the samples is wrong.
    Fault,
    /// The model's answer is not a number.
    NoNumber,
}

impl Withheld {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Unlikely, Self::Novel, Self::Fault, Self::NoNumber];

    /// The name of the reason in the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unlikely => "unlikely",
            Self::Novel => "novel",
            Self::Fault => "fault",
            Self::NoNumber => "no_number",
        }
    }
}
