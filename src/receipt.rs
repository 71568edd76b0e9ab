//! What tells a source that everything before it has been decided.

use std::fmt;
use std::sync::Arc;

/// Follows the samples that were sent before it through the pipeline, and tells the source when its last clone is
/// dropped: when everything that these samples completed has been decided and handed to the sinks, or, if the receipt is
/// to wait for that, when it has been published as well.
///
/// A source that can have samples delivered again, should this daemon die, acknowledges them then.
#[derive(Clone)]
pub struct Receipt(Arc<Release>);

/// What is called at the end of a receipt.
struct Release {
    call: Option<Box<dyn FnOnce() + Send + Sync>>,
    is_of_publishing: bool,
}

impl Receipt {
    /// A receipt that calls `release` when its last clone is dropped, in whatever thread that is. It must not wait.
    pub fn new(release: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Arc::new(Release { call: Some(Box::new(release)), is_of_publishing: false }))
    }

    /// The same for a receipt that is held until what was decided before it is published.
    pub fn of_publishing(release: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Arc::new(Release { call: Some(Box::new(release)), is_of_publishing: true }))
    }

    /// Whether it is to be held until what was decided before it is published.
    pub fn is_of_publishing(&self) -> bool {
        self.0.is_of_publishing
    }
}

impl Drop for Release {
    fn drop(&mut self) {
        if let Some(release) = self.call.take() {
            release();
        }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receipt")
    }
}

impl PartialEq for Receipt {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_receipt_is_released_once_with_its_last_clone() {
        let released = Arc::new(AtomicUsize::new(0));
        let count = released.clone();
        let receipt = Receipt::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let clone = receipt.clone();
        drop(receipt);
        assert_eq!(released.load(Ordering::Relaxed), 0);
        drop(clone);
        assert_eq!(released.load(Ordering::Relaxed), 1);
    }
}
