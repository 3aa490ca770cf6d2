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

/// What the sink's state says about a topic that asks for a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownTopics {
    /// A start of this very topic was settled.
    pub this_topic: bool,
    /// A start of some topic of this sink was settled.
    pub any_topic: bool,
    /// The topic was found by a pattern, not named.
    pub by_pattern: bool,
}

/// What a sink's state keeps of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kept {
    /// Nothing: it is new.
    Nothing,
    /// Its start was settled once, and its position row is gone.
    Start,
    /// Its position row.
    Position,
}

/// How a partition comes to its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Beginning {
    /// The position stands.
    Stands,
    /// It is lost. The rows that it counted may stand in the table, so any start
    /// would repeat or skip some: only an operator can say where to go on.
    Lost,
    /// A start is to be settled.
    Settle(StartRule),
}

/// A start is settled once per partition: a position that is lost is not a
/// partition that is new.
#[must_use]
pub fn beginning(kept: Kept, known: KnownTopics) -> Beginning {
    match kept {
        Kept::Position => Beginning::Stands,
        Kept::Start => Beginning::Lost,
        Kept::Nothing => Beginning::Settle(start_rule(known)),
    }
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
    fn only_a_partition_of_which_nothing_is_kept_gets_a_start() {
        let known = KnownTopics {
            this_topic: true,
            any_topic: true,
            by_pattern: false,
        };
        let of = |kept| beginning(kept, known);
        assert_eq!(of(Kept::Position), Beginning::Stands);
        assert_eq!(of(Kept::Start), Beginning::Lost);
        let rule = StartRule::FirstRecord;
        assert_eq!(of(Kept::Nothing), Beginning::Settle(rule));
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
