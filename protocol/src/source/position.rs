//! Where a source stands.

use super::Lsn;

/// Which log a position is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SourceId {
    /// The database cluster's own number: another one after a restore by dump, or an
    /// upgrade in place.
    pub system_id: u64,
    /// The database within it.
    pub database: String,
    /// The replication slot.
    pub slot: String,
}

/// Where a source stands: all that was committed below `next_lsn` is in Kafka, and
/// nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SourcePosition {
    /// Which log it is of.
    pub id: SourceId,
    /// The timeline that the database was on.
    pub timeline: u32,
    /// Half-open, as an offset: the end of the last commit that was sent. It is compared
    /// with the places of commits alone, never with those of changes: many rows of one
    /// COPY share a place.
    pub next_lsn: Lsn,
    /// How many events were sent since the source's first start. The events carry their
    /// numbers, without a gap.
    pub seq: u64,
}

impl SourcePosition {
    /// Where it stands behind a commit that ends at `end` on this timeline, with so many
    /// events sent meanwhile. It never goes back (invariant 3).
    #[must_use]
    pub fn moved(&self, timeline: u32, end: Lsn, events: u64) -> Self {
        Self {
            id: self.id.clone(),
            timeline,
            next_lsn: self.next_lsn.max(end),
            seq: self.seq + events,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::source) fn at(timeline: u32, next_lsn: u64, seq: u64) -> SourcePosition {
        SourcePosition {
            id: SourceId {
                system_id: 7,
                database: "shop".to_owned(),
                slot: "plimsoll_orders".to_owned(),
            },
            timeline,
            next_lsn: Lsn(next_lsn),
            seq,
        }
    }

    #[test]
    fn a_position_moves_over_a_commit_and_never_back() {
        let position = at(1, 100, 5);
        assert_eq!(position.moved(1, Lsn(150), 3), at(1, 150, 8));
        assert_eq!(position.moved(2, Lsn(90), 0), at(2, 100, 5));
    }
}
