//! One bit for each step of a window.

/// A bit for each of the newest W steps of a stream, such as whether a channel changed in it.
///
/// It takes little memory, because a daemon may follow thousands of streams.
#[derive(Clone, Debug)]
pub(super) struct StepBits(Vec<u64>);

impl StepBits {
    /// The bits of `steps` steps, none of which is set.
    pub(super) fn new(steps: usize) -> Self {
        Self(vec![0; steps.div_ceil(64)])
    }

    /// Replaces the bit in a slot, from 0 to W - 1: that of the oldest step by that of the newest one.
    pub(super) fn replace(&mut self, slot: usize, bit: bool) {
        let Some(word) = self.0.get_mut(slot / 64) else { return };
        *word = *word & !(1 << (slot % 64)) | u64::from(bit) << (slot % 64);
    }

    /// The number of bits that are set.
    pub(super) fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// Resets all bits.
    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_count_is_that_of_the_newest_steps(
            steps in 1usize..200,
            bits in prop::collection::vec(any::<bool>(), 0..600),
        ) {
            let mut newest = StepBits::new(steps);
            for (index, &bit) in bits.iter().enumerate() {
                newest.replace(index % steps, bit);
                let from = (index + 1).saturating_sub(steps);
                let expected = bits[from..=index].iter().filter(|bit| **bit).count();
                prop_assert_eq!(newest.count() as usize, expected);
            }
            newest.clear();
            prop_assert_eq!(newest.count(), 0);
            newest.replace(0, true);
            prop_assert_eq!(newest.count(), 1);
        }
    }
}
