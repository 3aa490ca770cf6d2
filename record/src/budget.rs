//! The bytes that a sink may hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of records held between the poll thread and the commit, against a
/// limit that is the sink's share of `memory_limit`.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
}

impl Budget {
    /// A budget of `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
        })
    }

    /// Bytes held now.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// The limit.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Whether nothing more should be taken in.
    #[must_use]
    pub fn spent(&self) -> bool {
        self.used() >= self.limit
    }

    /// Whether taking in may begin again. Half, so that partitions do not pause
    /// and resume at every record: each pause throws prefetched records away.
    #[must_use]
    pub fn relaxed(&self) -> bool {
        self.used() < self.limit / 2
    }
}

/// Bytes taken from a budget; given back on drop.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Held {
    pub(crate) fn new(budget: Arc<Budget>) -> Self {
        Self { budget, bytes: 0 }
    }

    pub(crate) fn grow(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.budget.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_given_back() {
        let budget = Budget::new(100);
        let mut held = Held::new(budget.clone());
        held.grow(60);
        assert!(!budget.spent() && !budget.relaxed());
        held.grow(60);
        assert!(budget.spent());
        drop(held);
        assert_eq!(budget.used(), 0);
        assert!(budget.relaxed());
    }
}
