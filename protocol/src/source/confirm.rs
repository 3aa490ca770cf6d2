//! What the database may forget.

use super::{Lsn, SourcePosition};

/// A source without events stores a position after so many bytes of log: a segment of
/// Postgres' log, the least that confirming can free.
pub const IDLE_BYTES: u64 = 16 << 20;

/// And after so long, in milliseconds, where the log has moved at all: a database that
/// writes little keeps no more than that much of it.
pub const IDLE_MS: u64 = 10_000;

/// What may be confirmed: what a committed transaction of Kafka holds, and no more
/// (invariant 6). `stored` is the position that the last commit carried.
#[must_use]
pub const fn confirmable(stored: &SourcePosition) -> Lsn {
    stored.next_lsn
}

/// What a source does that has nothing to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Idle {
    /// Wait on.
    Wait,
    /// Store a position without events, and confirm it then.
    Store,
}

/// Whether a source whose last stored position is `stored` moves it, although it has
/// nothing to send. The server has told that it has sent all below `wal_end`; nothing was
/// stored for `since_ms`.
///
/// Confirming at once what the server tells, without storing it, would put the slot ahead
/// of the position (invariant 6).
#[must_use]
pub fn idle(stored: &SourcePosition, wal_end: Lsn, since_ms: u64) -> Idle {
    let moved = wal_end.since(stored.next_lsn);
    if moved >= IDLE_BYTES || (moved > 0 && since_ms >= IDLE_MS) {
        Idle::Store
    } else {
        Idle::Wait
    }
}

#[cfg(test)]
mod tests {
    use super::super::position::tests::at;
    use super::*;

    #[test]
    fn the_slot_is_confirmed_up_to_the_stored_position() {
        assert_eq!(confirmable(&at(1, 100, 3)), Lsn(100));
    }

    #[test]
    fn an_idle_source_stores_after_a_segment_or_a_while() {
        let stored = at(1, 100, 0);
        for (wal_end, since_ms, then) in [
            (100, 0, Idle::Wait),
            (100, u64::MAX, Idle::Wait),
            (50, u64::MAX, Idle::Wait),
            (101, IDLE_MS - 1, Idle::Wait),
            (101, IDLE_MS, Idle::Store),
            (99 + IDLE_BYTES, 0, Idle::Wait),
            (100 + IDLE_BYTES, 0, Idle::Store),
        ] {
            assert_eq!(
                idle(&stored, Lsn(wal_end), since_ms),
                then,
                "{wal_end} {since_ms}"
            );
        }
    }
}
