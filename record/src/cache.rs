//! What was made once and is needed again, up to a bound.

use std::sync::{RwLock, RwLockReadGuard};

/// A cache of few entries that are cheap to clone. It is searched from the newest on, and
/// the oldest ones go: whoever needs more than it keeps pays with time, not with memory.
#[derive(Debug)]
pub struct Cache<K, V> {
    most: usize,
    most_bytes: usize,
    /// The newest first.
    entries: RwLock<Vec<Entry<K, V>>>,
}

/// An entry of a [`Cache`].
#[derive(Debug)]
pub struct Entry<K, V> {
    /// What it is found by.
    pub key: K,
    /// What was made.
    pub value: V,
    bytes: usize,
}

impl<K, V: Clone> Cache<K, V> {
    /// An empty one, for so many entries of so many bytes in all.
    #[must_use]
    pub fn new(most: usize, most_bytes: usize) -> Self {
        Self {
            most,
            most_bytes,
            entries: RwLock::default(),
        }
    }

    /// All entries, the newest first.
    pub fn entries(&self) -> RwLockReadGuard<'_, Vec<Entry<K, V>>> {
        // Whoever panicked has left the list whole.
        self.entries.read().unwrap_or_else(|e| e.into_inner())
    }

    /// The newest entry whose key is the one.
    pub fn find(&self, is: impl Fn(&K) -> bool) -> Option<V> {
        let entries = self.entries();
        let found = entries.iter().find(|entry| is(&entry.key));
        found.map(|entry| entry.value.clone())
    }

    /// Adds an entry of so many bytes. One that is larger than all may be is not kept, nor is
    /// anything beside it.
    pub fn add(&self, key: K, value: V, bytes: usize) {
        let mut entries = self.entries.write().unwrap_or_else(|e| e.into_inner());
        entries.insert(0, Entry { key, value, bytes });
        let mut sum = 0;
        let fit = entries.iter().take(self.most).take_while(|entry| {
            sum += entry.bytes;
            sum <= self.most_bytes
        });
        let fit = fit.count();
        entries.truncate(fit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(cache: &Cache<u8, ()>) -> Vec<u8> {
        cache.entries().iter().map(|entry| entry.key).collect()
    }

    #[test]
    fn the_newest_entries_are_kept_up_to_both_bounds() {
        let cache = Cache::new(3, 10);
        for key in 1..=4 {
            cache.add(key, (), 1);
        }
        assert_eq!(keys(&cache), [4, 3, 2]);
        cache.add(5, (), 8);
        assert_eq!(keys(&cache), [5, 4, 3]);
        cache.add(6, (), 3);
        assert_eq!(keys(&cache), [6]);
        assert!(cache.find(|key| *key == 6).is_some());
        assert!(cache.find(|key| *key == 5).is_none());
        cache.add(7, (), 11);
        assert_eq!(keys(&cache), [0_u8; 0]);
    }
}
