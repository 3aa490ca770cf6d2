//! What becomes of a commit.

use super::SourcePosition;

/// What Kafka's client says of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommitSaid {
    /// It is done; it took so many milliseconds.
    Done {
        /// From the call to its answer.
        took_ms: u64,
    },
    /// Nothing was committed, and the transaction has to be aborted.
    Abortable,
    /// Nobody knows.
    Unknown,
    /// A newer producer of this id is there, or the coordinator gave the transaction up:
    /// Kafka says the same of both.
    Fenced,
}

/// What a source does then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AfterCommit {
    /// Go on with this producer.
    GoOn,
    /// It is committed, but a request to end it may still be on its way, and would end the
    /// next transaction of this producer, wherever that stands. A new producer, whose
    /// epoch refuses it; then look at the stored position, for somebody may have been
    /// quicker, and go on if it is this one's.
    NewProducer,
    /// Give all up, abort, and begin at the stored position.
    Restart,
    /// The same, and it counts as fenced. This producer is never used again.
    Fenced,
}

/// What to do after a commit. The client repeats its request to end a transaction after
/// `retry_ms`, without a word, and draws up to a fifth of that off: so every commit that
/// took four fifths of it or longer may have left a request behind.
#[must_use]
pub const fn after_commit(said: CommitSaid, retry_ms: u64) -> AfterCommit {
    match said {
        CommitSaid::Done { took_ms } if took_ms * 5 >= retry_ms * 4 => AfterCommit::NewProducer,
        CommitSaid::Done { .. } => AfterCommit::GoOn,
        CommitSaid::Abortable | CommitSaid::Unknown => AfterCommit::Restart,
        CommitSaid::Fenced => AfterCommit::Fenced,
    }
}

/// Whether a source may go on where it stands, behind what a *new* producer found stored.
/// The producer has fenced whoever came before, so the answer is final. Anything but its
/// own last position is somebody else's: what is in memory is not the continuation of it
/// (invariants 2 and 4).
#[must_use]
pub fn judge(own: &SourcePosition, stored: Option<&SourcePosition>) -> bool {
    stored == Some(own)
}

#[cfg(test)]
mod tests {
    use super::super::position::tests::at;
    use super::*;

    #[test]
    fn the_table_of_what_becomes_of_a_commit() {
        let done = |took_ms| CommitSaid::Done { took_ms };
        for (said, then) in [
            (done(0), AfterCommit::GoOn),
            (done(399), AfterCommit::GoOn),
            (done(400), AfterCommit::NewProducer),
            (done(60_000), AfterCommit::NewProducer),
            (CommitSaid::Abortable, AfterCommit::Restart),
            (CommitSaid::Unknown, AfterCommit::Restart),
            (CommitSaid::Fenced, AfterCommit::Fenced),
        ] {
            assert_eq!(after_commit(said, 500), then, "{said:?}");
        }
    }

    #[test]
    fn a_new_producer_goes_on_behind_its_own_position_alone() {
        let own = at(1, 100, 5);
        assert!(judge(&own, Some(&own)));
        // Somebody else has sent more, or less, or nothing is there any more.
        assert!(!judge(&own, Some(&at(1, 120, 6))));
        assert!(!judge(&own, Some(&at(1, 90, 4))));
        assert!(!judge(&own, None));
    }
}
