//! What is found for one column, or for the time.

/// What was found for one column, or for the time: nothing, a value, or a list of values.
#[derive(Debug)]
pub(super) struct Slot<T> {
    /// The values; a placeholder stands for a bad one.
    pub(super) values: Vec<T>,
    /// The indices of bad values, ascending.
    pub(super) bad: Vec<usize>,
    /// What is wrong with the first bad value.
    pub(super) fault: Option<String>,
    pub(super) is_list: bool,
    /// The number of keys that lead to it; a key with dots in its name counts as one.
    depth: usize,
    /// Whether the object has its key twice.
    pub(super) is_twice: bool,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        let (values, bad, fault) = (Vec::new(), Vec::new(), None);
        Self { values, bad, fault, is_list: false, depth: 0, is_twice: false }
    }
}

impl<T> Slot<T> {
    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.bad.clear();
        (self.fault, self.is_list, self.depth, self.is_twice) = (None, false, 0, false);
    }

    /// Whether nothing was found.
    pub(super) fn is_empty(&self) -> bool {
        self.depth == 0
    }

    /// Begins with a value or list that was found at this depth. Returns false if it is to be ignored, because
    /// a key that is more to the point was found before.
    pub(super) fn begin(&mut self, depth: usize, spread: bool) -> bool {
        if self.depth != 0 && self.depth < depth {
            return false;
        }
        if self.depth > depth {
            self.clear();
        }
        // The elements of one list are found one after the other, and are no repetition.
        self.is_twice |= self.depth == depth && !spread;
        self.depth = depth;
        self.is_list |= spread;
        true
    }

    pub(super) fn push(&mut self, value: Result<T, String>, placeholder: T) {
        let value = value.unwrap_or_else(|why| {
            self.bad.push(self.values.len());
            self.fault.get_or_insert(why);
            placeholder
        });
        self.values.push(value);
    }
}
