//! What a look at the position row tells an owner that has nothing to commit.

use crate::Position;

/// Whether an owner may go on where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Look {
    /// The row is still its own, and nothing that it knows to be committed is
    /// missing.
    Standing,
    /// Somebody claimed or set the partition, or a failover took back what was
    /// committed: begin anew at the stored position.
    Overtaken,
}

/// Compares the row with what its owner believes. An owner with nothing to
/// commit meets no fence, so without this look it would stay where it is for
/// ever after a `positions set` or a failover (invariant 5).
///
/// `mine`: the row names this process as its owner. `acknowledged`: how far the
/// owner knew to be committed *before* the row was read; a later commit can
/// only show more.
#[must_use]
pub fn look(mine: bool, stored: Position, acknowledged: Position) -> Look {
    if mine && stored >= acknowledged {
        Look::Standing
    } else {
        Look::Overtaken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invariant_5_an_idle_owner_sees_that_it_was_overtaken() {
        let at = |offset| Position::new(offset).unwrap();
        assert_eq!(look(true, at(7), at(7)), Look::Standing);
        // Committed between the two looks.
        assert_eq!(look(true, at(9), at(7)), Look::Standing);
        // A failover took a commit back.
        assert_eq!(look(true, at(6), at(7)), Look::Overtaken);
        // An operator, or another owner.
        for stored in [6, 7, 8] {
            assert_eq!(look(false, at(stored), at(7)), Look::Overtaken);
        }
    }
}
