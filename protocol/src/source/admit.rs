//! What the database sends, and what of it is new.

use super::{Lsn, SourcePosition};

/// Whether a transaction is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Admit {
    /// Its events are to be sent.
    New,
    /// They are in Kafka. The server sends again what was committed before it stored what
    /// was confirmed to it, which it does lazily.
    Seen,
}

/// Whether a transaction whose commit record begins at `commit` is new: both are places
/// of commits, so the one tells whether the other lies before it (invariants 1 and 2).
#[must_use]
pub fn admit(position: &SourcePosition, commit: Lsn) -> Admit {
    if commit >= position.next_lsn {
        Admit::New
    } else {
        Admit::Seen
    }
}

#[cfg(test)]
mod tests {
    use super::super::position::tests::at;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_position_is_half_open() {
        let position = at(1, 100, 0);
        assert_eq!(admit(&position, Lsn(99)), Admit::Seen);
        assert_eq!(admit(&position, Lsn(100)), Admit::New);
    }

    proptest! {
        /// Invariants 1 and 2: whatever is repeated, from wherever, each commit is sent
        /// once and none is left out.
        #[test]
        fn repeated_streams_send_each_commit_once(
            lengths in prop::collection::vec(1u64..50, 1..40),
            restarts in prop::collection::vec((0usize..40, 0usize..40), 0..10),
        ) {
            // Commits in their order: each record begins where one before it ended, or
            // later, and has a length.
            let mut commits = Vec::new();
            let mut end = 1000;
            for length in &lengths {
                commits.push((Lsn(end), Lsn(end + length)));
                end += length + length % 3;
            }
            let mut position = at(1, 1000, 0);
            let mut sent = Vec::new();
            // Each life begins at or below the position, and may end anywhere.
            let last = (0, commits.len());
            for (from, until) in restarts.into_iter().chain([last]) {
                let below = commits.iter().filter(|(_, e)| *e <= position.next_lsn).count();
                for &(begin, e) in commits.iter().take(until).skip(from.min(below)) {
                    match admit(&position, begin) {
                        Admit::Seen => {}
                        Admit::New => {
                            sent.push(begin);
                            position = position.moved(1, e, 1);
                        }
                    }
                }
            }
            let all: Vec<Lsn> = commits.iter().map(|(begin, _)| *begin).collect();
            prop_assert_eq!(sent, all);
            prop_assert_eq!(position.seq, lengths.len() as u64);
        }
    }
}
