//! Leader epochs along one log.

use crate::Position;

/// Leader epochs of the records of one life: they only rise along a log, so a lower one
/// is of a log that was made again or rewritten.
///
/// The one that is stored belongs to the last record applied. A claim may begin before
/// that record ([`rewind`](crate::rewind)): what is read again was written under earlier
/// leaders, and is held to what was read before it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaderEpochs {
    applied: Option<i32>,
    reached: Position,
    read: Option<i32>,
}

/// A leader epoch fell: no record of the one can lie behind one of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochFell {
    /// Of a record before.
    pub before: i32,
    /// Of the record at hand.
    pub found: i32,
}

impl LeaderEpochs {
    /// Everything below `reached` was applied, the last record of it with this epoch.
    #[must_use]
    pub const fn begin(reached: Position, applied: Option<i32>) -> Self {
        Self {
            applied,
            reached,
            read: None,
        }
    }

    /// The next record, where its epoch is known.
    ///
    /// # Errors
    /// It is of another log than what lies before it.
    pub fn follow(&mut self, offset: i64, epoch: i32) -> Result<(), EpochFell> {
        let before = if offset < self.reached.offset() {
            self.read
        } else {
            self.read.max(self.applied)
        };
        match before {
            Some(before) if epoch < before => Err(EpochFell {
                before,
                found: epoch,
            }),
            Some(_) | None => {
                self.read = Some(epoch);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which records a life takes that begins with `applied` below 10.
    fn taken(applied: Option<i32>, records: &[(i64, i32)]) -> Result<(), (i64, EpochFell)> {
        let mut epochs = LeaderEpochs::begin(Position::new(10).unwrap(), applied);
        for &(offset, epoch) in records {
            epochs
                .follow(offset, epoch)
                .map_err(|fell| (offset, fell))?;
        }
        Ok(())
    }

    #[test]
    fn epochs_rise_along_a_log() {
        for applied in [None, Some(2), Some(3)] {
            let records = [(10, 3), (11, 3), (14, 4), (15, 7)];
            assert_eq!(taken(applied, &records), Ok(()), "{applied:?}");
        }
        let fell = |before, found| EpochFell { before, found };
        let table = [
            (Some(4), &[(10, 3)][..], (10, fell(4, 3))),
            (Some(4), &[(11, 3)], (11, fell(4, 3))),
            (Some(4), &[(10, 5), (11, 4)], (11, fell(5, 4))),
            (None, &[(10, 0), (11, 2), (12, 1)], (12, fell(2, 1))),
        ];
        for (applied, records, end) in table {
            assert_eq!(taken(applied, records), Err(end), "{applied:?} {records:?}");
        }
    }

    #[test]
    fn what_is_read_again_is_of_earlier_leaders() {
        let records = [(0, 0), (8, 1), (9, 4), (10, 4)];
        assert_eq!(taken(Some(4), &records), Ok(()));
        let fell = |before, found| EpochFell { before, found };
        let table = [
            // Among itself it rises, too.
            (&[(0, 1), (9, 0)][..], (9, fell(1, 0))),
            // What comes behind it is not read again.
            (&[(0, 0), (9, 0), (10, 3)], (10, fell(4, 3))),
            (&[(0, 0), (9, 5), (10, 4)], (10, fell(5, 4))),
        ];
        for (records, end) in table {
            assert_eq!(taken(Some(4), records), Err(end), "{records:?}");
        }
    }
}
