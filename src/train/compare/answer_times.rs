//! How long two models gave which answers.

use std::ops::AddAssign;

/// How long two models gave which answers, in nanoseconds. Only times at which both had decided are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AnswerTimes {
    /// The whole time.
    pub all: u64,
    /// How long both decided the same, or both `unknown`.
    pub agreed: u64,
    /// How long each decided `unknown`.
    pub unknown: [u64; 2],
    /// How long each was right.
    pub right: [u64; 2],
    /// How long both were right.
    pub both_right: u64,
}

impl AnswerTimes {
    /// Some time in which the models gave these answers, each `None` if it is `unknown`. `truth` is the actual surface;
    /// `None` if it is not known, and then neither is right.
    pub(crate) fn of(nanos: u64, answers: [Option<&str>; 2], truth: Option<&str>) -> Self {
        let [one, other] = answers;
        let when = |holds: bool| if holds { nanos } else { 0 };
        let is_right = |answer: Option<&str>| answer.is_some() && answer == truth;
        Self {
            all: nanos,
            agreed: when(one == other),
            unknown: answers.map(|answer| when(answer.is_none())),
            right: answers.map(|answer| when(is_right(answer))),
            both_right: when(answers.into_iter().all(is_right)),
        }
    }

    /// A part of the time as a share of the whole; `None` if there is no time.
    pub(crate) fn share(&self, part: u64) -> Option<f64> {
        (self.all > 0).then(|| part as f64 / self.all as f64)
    }

    /// The share of the time in which each was right; `None` if there is no time.
    pub(crate) fn right_shares(&self) -> Option<[f64; 2]> {
        let [one, other] = self.right;
        Some([self.share(one)?, self.share(other)?])
    }

    /// How long only one of them was right, for each.
    pub(crate) fn only_right(&self) -> [u64; 2] {
        self.right.map(|right| right.saturating_sub(self.both_right))
    }

    /// How long neither was right.
    pub(crate) fn neither_right(&self) -> u64 {
        let [one, other] = self.only_right();
        self.all.saturating_sub(self.both_right + one + other)
    }

    /// The whole time in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.all as f64 / 1e9
    }
}

impl AddAssign for AnswerTimes {
    fn add_assign(&mut self, other: Self) {
        let add = |own: &mut [u64; 2], other: [u64; 2]| {
            own.iter_mut().zip(other).for_each(|(own, other)| *own += other);
        };
        self.all += other.all;
        self.agreed += other.agreed;
        self.both_right += other.both_right;
        add(&mut self.unknown, other.unknown);
        add(&mut self.right, other.right);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_is_never_right_and_agrees_with_unknown() {
        let mut times = AnswerTimes::of(6, [Some("tile"), Some("tile")], Some("tile"));
        times += AnswerTimes::of(2, [Some("tile"), None], Some("tile"));
        times += AnswerTimes::of(1, [None, None], Some("tile"));
        times += AnswerTimes::of(1, [None, None], None);
        let expected = AnswerTimes { all: 10, agreed: 8, unknown: [2, 4], right: [8, 6], both_right: 6 };
        assert_eq!(times, expected);
        assert_eq!((times.only_right(), times.neither_right()), ([2, 0], 2));
        assert_eq!(times.right_shares(), Some([0.8, 0.6]));
        assert_eq!(AnswerTimes::default().right_shares(), None);
    }
}
