//! Where a partition without a position begins.

/// Which rule gives a new partition its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StartRule {
    /// The sink's `start` setting, looked up for all partitions at once.
    Configured,
    /// The first record that the log still has: whatever came after the start
    /// was settled must not be skipped.
    FirstRecord,
}

impl StartRule {
    /// Whether starts are written for all partitions or for none: none, where
    /// one of them has a row by now. Whoever looked up the ends of a topic and
    /// was overtaken by another's look-up must not add to it: of a partition that
    /// was added in between it would skip what arrived since.
    #[must_use]
    pub const fn all_or_none(self) -> bool {
        matches!(self, Self::Configured)
    }
}

/// What the sink's position rows say about a topic that asks for a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownTopics {
    /// Position rows of this very topic exist.
    pub this_topic: bool,
    /// Position rows of some topic of this sink exist.
    pub any_topic: bool,
    /// The topic was found by a pattern, not named.
    pub by_pattern: bool,
}

/// Starts are settled once per sink and topic. Partitions added later, and
/// topics that match a pattern later, begin at their first record.
#[must_use]
pub fn start_rule(known: KnownTopics) -> StartRule {
    if known.this_topic || (known.by_pattern && known.any_topic) {
        StartRule::FirstRecord
    } else {
        StartRule::Configured
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_configured_starts_are_written_together() {
        assert!(StartRule::Configured.all_or_none());
        assert!(!StartRule::FirstRecord.all_or_none());
    }

    #[test]
    fn the_configured_start_counts_once() {
        let rule = |this_topic, any_topic, by_pattern| {
            start_rule(KnownTopics {
                this_topic,
                any_topic,
                by_pattern,
            })
        };
        // The first start of all, and a topic that is added to the config later.
        assert_eq!(rule(false, false, false), StartRule::Configured);
        assert_eq!(rule(false, false, true), StartRule::Configured);
        assert_eq!(rule(false, true, false), StartRule::Configured);
        // A partition added later; a topic that matches a pattern later.
        assert_eq!(rule(true, true, false), StartRule::FirstRecord);
        assert_eq!(rule(true, true, true), StartRule::FirstRecord);
        assert_eq!(rule(false, true, true), StartRule::FirstRecord);
    }
}
