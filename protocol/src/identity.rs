//! Whether the log behind a position is still the one that the position is
//! about. An offset says nothing of that: a topic that was deleted and made
//! again counts from 0, and grows past any position.

use crate::Position;

/// What the position row remembers of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownLog<'a> {
    /// Kafka's id of the cluster.
    pub cluster_id: &'a str,
    /// Kafka's id of the topic; rows of older brokers have none.
    pub topic_id: Option<&'a str>,
    /// The next offset to consume.
    pub position: Position,
    /// The hash of the last record applied.
    pub hash: Option<i64>,
}

/// What Kafka tells of it now; `None` where it tells nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SeenLog<'a> {
    /// Kafka's id of the cluster.
    pub cluster_id: Option<&'a str>,
    /// Kafka's id of the topic.
    pub topic_id: Option<&'a str>,
    /// The first offset that the log still has.
    pub first: Option<Position>,
    /// Its end.
    pub end: Option<Position>,
    /// The hash of the record at the offset of the last one applied; `None`
    /// where compaction or retention removed it.
    pub hash: Option<i64>,
}

/// What comes of comparing the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Agreement {
    /// It is the same log.
    Agree,
    /// Nothing speaks against it, and nothing for it.
    Unknown,
    /// Another cluster.
    OtherCluster,
    /// A topic of that name with another id: deleted and made again.
    Recreated,
    /// What the position wants to read is gone.
    OvertakenByRetention,
    /// The log ends before the position: it lost its tail, or is another one.
    Truncated,
    /// Another record stands where the last one applied stood.
    OtherRecord,
}

impl Agreement {
    /// The word for logs and metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agree => "agree",
            Self::Unknown => "unknown",
            Self::OtherCluster => "other_cluster",
            Self::Recreated => "recreated",
            Self::OvertakenByRetention => "overtaken_by_retention",
            Self::Truncated => "truncated",
            Self::OtherRecord => "other_record",
        }
    }

    /// Whether the partition may go on.
    #[must_use]
    pub const fn may_go_on(self) -> bool {
        matches!(self, Self::Agree | Self::Unknown)
    }
}

/// Compares. What explains most comes first: in a topic made again the position
/// may lie outside the log, too.
#[must_use]
pub fn agreement(known: KnownLog<'_>, seen: SeenLog<'_>) -> Agreement {
    if seen.cluster_id.is_some_and(|id| id != known.cluster_id) {
        return Agreement::OtherCluster;
    }
    let ids = known.topic_id.zip(seen.topic_id);
    if ids.is_some_and(|(known, seen)| known != seen) {
        return Agreement::Recreated;
    }
    if seen.end.is_some_and(|end| known.position > end) {
        return Agreement::Truncated;
    }
    if seen.first.is_some_and(|first| known.position < first) {
        return Agreement::OvertakenByRetention;
    }
    let hashes = known.hash.zip(seen.hash);
    match (ids, hashes) {
        (_, Some((known, seen))) if known != seen => Agreement::OtherRecord,
        (None, None) => Agreement::Unknown,
        (Some(_), _) | (_, Some(_)) => Agreement::Agree,
    }
}

/// What a look at a topic's id says of a batch that was fetched before it began,
/// from whoever is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Confirmation {
    /// All of it is of the topic that the position is about.
    Confirmed,
    /// It may be of a topic that was made again under the same name.
    Recreated,
    /// Nothing.
    Untold,
}

/// Compares the topic's id that the position remembers with what a broker tells.
/// A position without one is of brokers that tell none (before Kafka 2.8): there is
/// nothing to compare.
#[must_use]
pub fn confirm(known: Option<&str>, told: Option<&str>) -> Confirmation {
    match (known, told) {
        (None, _) => Confirmation::Confirmed,
        (Some(_), None) => Confirmation::Untold,
        (Some(known), Some(told)) if known == told => Confirmation::Confirmed,
        (Some(_), Some(_)) => Confirmation::Recreated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: i64) -> Position {
        Position::new(offset).unwrap()
    }

    const KNOWN: KnownLog<'_> = KnownLog {
        cluster_id: "c",
        topic_id: Some("t"),
        position: Position::ZERO,
        hash: Some(7),
    };

    fn known() -> KnownLog<'static> {
        KnownLog {
            position: at(10),
            ..KNOWN
        }
    }

    fn seen() -> SeenLog<'static> {
        SeenLog {
            cluster_id: Some("c"),
            topic_id: Some("t"),
            first: Some(at(0)),
            end: Some(at(20)),
            hash: Some(7),
        }
    }

    #[test]
    fn each_disagreement_is_told_by_its_name() {
        let table = [
            (seen(), Agreement::Agree),
            // At either end of the log there is nothing wrong.
            (
                SeenLog {
                    first: Some(at(10)),
                    end: Some(at(10)),
                    ..seen()
                },
                Agreement::Agree,
            ),
            (
                SeenLog {
                    cluster_id: Some("d"),
                    ..seen()
                },
                Agreement::OtherCluster,
            ),
            (
                SeenLog {
                    topic_id: Some("u"),
                    ..seen()
                },
                Agreement::Recreated,
            ),
            (
                SeenLog {
                    end: Some(at(9)),
                    ..seen()
                },
                Agreement::Truncated,
            ),
            (
                SeenLog {
                    first: Some(at(11)),
                    ..seen()
                },
                Agreement::OvertakenByRetention,
            ),
            (
                SeenLog {
                    hash: Some(8),
                    ..seen()
                },
                Agreement::OtherRecord,
            ),
            // Gone by compaction or retention: no mismatch.
            (
                SeenLog {
                    hash: None,
                    ..seen()
                },
                Agreement::Agree,
            ),
            (
                SeenLog {
                    topic_id: None,
                    ..seen()
                },
                Agreement::Agree,
            ),
            (
                SeenLog {
                    topic_id: None,
                    hash: None,
                    ..seen()
                },
                Agreement::Unknown,
            ),
            (SeenLog::default(), Agreement::Unknown),
            // What explains most.
            (
                SeenLog {
                    cluster_id: Some("d"),
                    topic_id: Some("u"),
                    ..seen()
                },
                Agreement::OtherCluster,
            ),
            (
                SeenLog {
                    topic_id: Some("u"),
                    end: Some(at(9)),
                    hash: Some(8),
                    ..seen()
                },
                Agreement::Recreated,
            ),
            (
                SeenLog {
                    topic_id: Some("u"),
                    first: Some(at(11)),
                    ..seen()
                },
                Agreement::Recreated,
            ),
            (
                SeenLog {
                    end: Some(at(9)),
                    hash: Some(8),
                    ..seen()
                },
                Agreement::Truncated,
            ),
        ];
        for (seen, expected) in table {
            assert_eq!(agreement(known(), seen), expected, "{seen:?}");
        }
    }

    #[test]
    fn what_was_never_stored_contradicts_nothing() {
        let row = KnownLog {
            topic_id: None,
            hash: None,
            ..known()
        };
        assert_eq!(agreement(row, seen()), Agreement::Unknown);
        let row = KnownLog {
            hash: None,
            ..known()
        };
        assert_eq!(agreement(row, seen()), Agreement::Agree);
        let row = KnownLog {
            topic_id: None,
            ..known()
        };
        assert_eq!(agreement(row, seen()), Agreement::Agree);
        let other = SeenLog {
            hash: Some(8),
            ..seen()
        };
        assert_eq!(agreement(row, other), Agreement::OtherRecord);
    }

    #[test]
    fn only_agreement_and_ignorance_let_a_partition_go_on() {
        let words = [
            (Agreement::Agree, "agree", true),
            (Agreement::Unknown, "unknown", true),
            (Agreement::OtherCluster, "other_cluster", false),
            (Agreement::Recreated, "recreated", false),
            (
                Agreement::OvertakenByRetention,
                "overtaken_by_retention",
                false,
            ),
            (Agreement::Truncated, "truncated", false),
            (Agreement::OtherRecord, "other_record", false),
        ];
        for (agreement, word, goes_on) in words {
            assert_eq!((agreement.as_str(), agreement.may_go_on()), (word, goes_on));
        }
    }

    #[test]
    fn a_batch_is_confirmed_only_by_the_id_that_its_position_remembers() {
        let table = [
            (None, None, Confirmation::Confirmed),
            (None, Some("t"), Confirmation::Confirmed),
            (Some("t"), Some("t"), Confirmation::Confirmed),
            (Some("t"), Some("u"), Confirmation::Recreated),
            (Some("t"), None, Confirmation::Untold),
        ];
        for (known, told, what) in table {
            assert_eq!(confirm(known, told), what, "{known:?} {told:?}");
        }
    }
}
