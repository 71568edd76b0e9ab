//! One bit for each step of a window.

/// A bit for each of the newest W steps of a stream, such as whether a channel changed in it, and the number of those that
/// are set.
///
/// With thousands of streams, their state is in none of the processor's caches, so that it had better be small.
#[derive(Clone, Debug)]
pub(super) struct StepBits {
    words: Vec<u64>,
    count: u32,
}

impl StepBits {
    /// The bits of `steps` steps, none of which is set.
    pub(super) fn new(steps: usize) -> Self {
        Self { words: vec![0; steps.div_ceil(64)], count: 0 }
    }

    /// Replaces the bit in a slot, from 0 to W - 1: that of the oldest step by that of the newest one.
    pub(super) fn replace(&mut self, slot: usize, bit: bool) {
        let Some(word) = self.words.get_mut(slot / 64) else { return };
        let old = *word >> (slot % 64) & 1;
        *word ^= (old ^ u64::from(bit)) << (slot % 64);
        self.count = self.count + u32::from(bit) - old as u32;
    }

    /// The number of bits that are set.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Resets all bits.
    pub(super) fn clear(&mut self) {
        self.words.fill(0);
        self.count = 0;
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
