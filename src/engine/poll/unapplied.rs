//! Batches that are with the writer: when the oldest record in them was written.

use plimsoll_protocol::Position;
use std::collections::VecDeque;

/// Where each batch ends that was handed over and is not committed, and the timestamp
/// of its first record. There are as many as the writer's channel takes, and one more.
#[derive(Debug, Default)]
pub struct Unapplied(VecDeque<(Position, Option<i64>)>);

impl Unapplied {
    /// A batch is handed over.
    pub fn sealed(&mut self, to: Position, first: Option<i64>) {
        self.0.push_back((to, first));
    }

    /// The sink stands here. Of a batch that is committed in parts the first timestamp
    /// counts until all of it is.
    pub fn committed(&mut self, to: Position) {
        while self.0.front().is_some_and(|(end, _)| *end <= to) {
            self.0.pop_front();
        }
    }

    /// The oldest timestamp, in milliseconds since the Unix epoch. `filling` is that of
    /// the batch that fills, which is younger than all that were handed over.
    #[must_use]
    pub fn oldest(&self, filling: Option<i64>) -> Option<i64> {
        let sealed = self.0.iter().find_map(|(_, first)| *first);
        sealed.or(filling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: i64) -> Position {
        Position::new(offset).unwrap()
    }

    #[test]
    fn the_oldest_is_the_first_of_what_is_not_committed() {
        let mut unapplied = Unapplied::default();
        assert_eq!(unapplied.oldest(None), None);
        assert_eq!(unapplied.oldest(Some(7)), Some(7));
        unapplied.sealed(at(10), Some(100));
        // Markers alone.
        unapplied.sealed(at(12), None);
        unapplied.sealed(at(20), Some(300));
        assert_eq!(unapplied.oldest(Some(400)), Some(100));
        unapplied.committed(at(9));
        assert_eq!(unapplied.oldest(Some(400)), Some(100));
        unapplied.committed(at(10));
        assert_eq!(unapplied.oldest(Some(400)), Some(300));
        unapplied.committed(at(20));
        assert_eq!(unapplied.oldest(Some(400)), Some(400));
    }
}
