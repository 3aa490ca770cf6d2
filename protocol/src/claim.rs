//! Who may write: the claim, and the compare-and-set that every commit passes.

use crate::{Position, Span};
use std::fmt;

/// How often a partition has been claimed. Each claim raises it by one, and a
/// commit that names an older one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub i64);

impl Epoch {
    /// The epoch of the next claim.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A random id, one per process.
///
/// The epoch alone is not enough: an asynchronous failover can lose a bump and
/// so give two processes the same epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Owner(pub u128);

/// The right to move one partition's position, until somebody claims it anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The epoch that the claim made.
    pub epoch: Epoch,
    /// The process that made it.
    pub owner: Owner,
}

/// The commit was refused: the position is not where, or not whose, the writer
/// thought. Nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fenced;

/// The position row as far as the protocol reads it. Sinks keep it in their
/// database; tests and models keep it here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PositionRow {
    /// The next offset to consume.
    pub position: Position,
    /// Raised by every claim.
    pub epoch: Epoch,
    /// Who claimed last; `None` when released, or set by an operator.
    pub owner: Option<Owner>,
}

impl PositionRow {
    /// A row as the settling of a start writes it.
    #[must_use]
    pub const fn settled(position: Position) -> Self {
        Self {
            position,
            epoch: Epoch(0),
            owner: None,
        }
    }

    /// Claims the partition: everybody else is fenced from here on.
    pub fn claim(&mut self, owner: Owner) -> Claim {
        self.epoch = self.epoch.next();
        self.owner = Some(owner);
        Claim {
            epoch: self.epoch,
            owner,
        }
    }

    /// The compare-and-set of a commit (invariants 1 to 4). The sinks say the
    /// same in SQL.
    ///
    /// # Errors
    /// [`Fenced`] unless epoch, owner and `from` are those of the row.
    pub fn advance(&mut self, claim: Claim, span: Span) -> Result<(), Fenced> {
        let mine = self.epoch == claim.epoch && self.owner == Some(claim.owner);
        if !mine || self.position != span.from() {
            return Err(Fenced);
        }
        self.position = span.to();
        Ok(())
    }

    /// Gives a claim back: the row has no owner any more, if it still was this
    /// one.
    pub fn release(&mut self, claim: Claim) {
        if self.epoch == claim.epoch && self.owner == Some(claim.owner) {
            self.owner = None;
        }
    }

    /// An operator puts the position elsewhere: whoever owned it is fenced.
    pub fn set(&mut self, position: Position) {
        self.position = position;
        self.epoch = self.epoch.next();
        self.owner = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(offset: i64) -> Position {
        Position::new(offset).unwrap()
    }

    fn span(from: i64, to: i64) -> Span {
        Span::new(at(from), at(to)).unwrap()
    }

    #[test]
    fn a_commit_moves_the_position_once() {
        let mut row = PositionRow::settled(at(5));
        let claim = row.claim(Owner(1));
        assert_eq!(row.advance(claim, span(5, 9)), Ok(()));
        assert_eq!(row.advance(claim, span(5, 9)), Err(Fenced));
        assert_eq!(row.position, at(9));
    }

    #[test]
    fn each_claim_and_each_set_raises_the_epoch_by_one() {
        let mut row = PositionRow::settled(at(0));
        assert_eq!(row.claim(Owner(1)).epoch, Epoch(1));
        row.set(at(3));
        assert_eq!(row.epoch, Epoch(2));
        assert_eq!(row.claim(Owner(1)).epoch.to_string(), "3");
    }

    #[test]
    fn a_claim_fences_who_claimed_before() {
        let mut row = PositionRow::settled(at(0));
        let zombie = row.claim(Owner(1));
        let owner = row.claim(Owner(2));
        assert_eq!(row.advance(zombie, span(0, 5)), Err(Fenced));
        assert_eq!(row.advance(owner, span(0, 5)), Ok(()));
    }

    #[test]
    fn an_older_claim_of_the_same_process_is_fenced() {
        let mut row = PositionRow::settled(at(0));
        let older = row.claim(Owner(1));
        let newer = row.claim(Owner(1));
        assert_eq!(row.advance(older, span(0, 5)), Err(Fenced));
        assert_eq!(row.advance(newer, span(0, 5)), Ok(()));
    }

    #[test]
    fn two_owners_of_one_epoch_are_told_apart() {
        // An asynchronous failover lost the second bump.
        let mut row = PositionRow::settled(at(0));
        let before_failover = row;
        let first = row.claim(Owner(1));
        let mut row = before_failover;
        let second = row.claim(Owner(2));
        assert_eq!(first.epoch, second.epoch);
        assert_eq!(row.advance(first, span(0, 5)), Err(Fenced));
        assert_eq!(row.advance(second, span(0, 5)), Ok(()));
    }

    #[test]
    fn an_operator_fences_the_owner() {
        let mut row = PositionRow::settled(at(0));
        let claim = row.claim(Owner(1));
        row.set(at(100));
        assert_eq!(row.advance(claim, span(100, 110)), Err(Fenced));
        assert_eq!(row.owner, None);
    }

    #[test]
    fn a_claim_given_back_commits_no_more() {
        let mut row = PositionRow::settled(at(0));
        let claim = row.claim(Owner(1));
        row.release(claim);
        assert_eq!((row.owner, row.epoch), (None, claim.epoch));
        assert_eq!(row.advance(claim, span(0, 5)), Err(Fenced));
    }

    #[test]
    fn a_stale_claim_gives_nothing_back() {
        let mut row = PositionRow::settled(at(0));
        let older = row.claim(Owner(1));
        let newer = row.claim(Owner(1));
        row.release(older);
        assert_eq!(row.owner, Some(Owner(1)));
        // Of another owner, in the same epoch: a failover lost a bump.
        row.release(Claim {
            owner: Owner(2),
            ..newer
        });
        assert_eq!(row.advance(newer, span(0, 5)), Ok(()));
    }

    #[derive(Debug, Clone)]
    enum Act {
        Claim(usize),
        Commit(usize, i64),
        Replay(usize),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            (0usize..3).prop_map(Act::Claim),
            (0usize..3, 1i64..5).prop_map(|(who, n)| Act::Commit(who, n)),
            (0usize..3).prop_map(Act::Replay),
        ]
    }

    proptest! {
        /// Invariants 1 to 4: whatever claimants, stale ones and repeated
        /// commits do, the accepted spans tile the log from the start.
        #[test]
        fn accepted_spans_tile_the_log(acts in prop::collection::vec(act(), 0..80)) {
            let mut row = PositionRow::settled(Position::ZERO);
            // What each process believes: its claim, where it stands, and the
            // last span that it sent.
            let mut minds: [Option<(Claim, Position, Option<Span>)>; 3] = [None; 3];
            let mut end = 0;
            for act in acts {
                let (who, sent) = match act {
                    Act::Claim(who) => {
                        let claim = row.claim(Owner(who as u128));
                        minds[who] = Some((claim, row.position, None));
                        continue;
                    }
                    Act::Commit(who, n) => {
                        (who, minds[who].map(|(_, p, _)| span(p.offset(), p.offset() + n)))
                    }
                    Act::Replay(who) => (who, minds[who].and_then(|(_, _, last)| last)),
                };
                let (Some((claim, _, _)), Some(sent)) = (minds[who], sent) else { continue };
                let newest = row.epoch == claim.epoch;
                let before = row;
                match row.advance(claim, sent) {
                    Ok(()) => {
                        prop_assert!(newest, "a stale claim committed");
                        prop_assert_eq!(sent.from().offset(), end);
                        end = sent.to().offset();
                        minds[who] = Some((claim, sent.to(), Some(sent)));
                    }
                    Err(Fenced) => prop_assert_eq!(before, row),
                }
                prop_assert!(row.position >= before.position);
            }
        }
    }
}
