//! What became of a commit whose answer was lost.

use crate::{Position, Span};

/// What a fresh claim tells of a commit whose answer never came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// It was applied: go on behind it.
    Committed,
    /// It was not applied: the identical batch again, under the new claim.
    NotCommitted,
    /// Somebody else moved the position: forget all that is in memory and
    /// begin again at the stored position.
    OutOfStep,
}

/// Resolves a commit of `span` by the position that a claim made *afterwards*
/// returned. The claim waits for the row lock of a COMMIT in flight and fences
/// one that is still to come, so the answer is final.
#[must_use]
pub fn resolve(stored: Position, span: Span) -> Resolution {
    if stored == span.to() {
        Resolution::Committed
    } else if stored == span.from() {
        Resolution::NotCommitted
    } else {
        Resolution::OutOfStep
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_answer_is_resolved_by_where_the_position_stands() {
        let at = |offset| Position::new(offset).unwrap();
        let span = Span::new(at(10), at(20)).unwrap();
        assert_eq!(resolve(at(20), span), Resolution::Committed);
        assert_eq!(resolve(at(10), span), Resolution::NotCommitted);
        for elsewhere in [0, 9, 11, 19, 21, 1000] {
            assert_eq!(resolve(at(elsewhere), span), Resolution::OutOfStep);
        }
    }
}
