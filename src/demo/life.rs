//! One life of the writer: from its start to the kill. Pure; time is passed in.

use super::broker::PARTITIONS;
use super::config::SinkName;
use super::error::DemoError;
use super::file::Standings;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// What was seen of one life.
#[derive(Debug)]
pub(super) struct Life {
    /// Where the sinks stood when it began.
    began_at: Standings,
    claimed: BTreeSet<(SinkName, usize)>,
    first_move: Option<Instant>,
    last_move: Option<Instant>,
    seen: Standings,
}

impl Life {
    /// One that begins where the sinks stand.
    pub(super) fn new(began_at: Standings) -> Self {
        Self {
            seen: began_at.clone(),
            began_at,
            claimed: BTreeSet::new(),
            first_move: None,
            last_move: None,
        }
    }

    /// Takes in where the sinks stand now.
    ///
    /// # Errors
    /// A position went back (invariant 3, over kills too).
    pub(super) fn see(&mut self, now: Standings, at: Instant) -> Result<(), DemoError> {
        for (&(sink, partition), standing) in &now.0 {
            let before = self.seen.of(sink, partition);
            if standing.position < before.position {
                return Err(DemoError::WentBack {
                    sink: sink.name(),
                    partition,
                    from: before.position,
                    to: standing.position,
                });
            }
            if standing.position > before.position {
                self.first_move.get_or_insert(at);
                self.last_move = Some(at);
            }
            if standing.epoch > self.began_at.of(sink, partition).epoch {
                self.claimed.insert((sink, partition));
            }
        }
        self.seen = now;
        Ok(())
    }

    /// Where the sinks stood last.
    pub(super) fn standings(&self) -> &Standings {
        &self.seen
    }

    /// Partitions that were claimed at the position where they stood.
    pub(super) fn recovered(&self) -> usize {
        self.claimed.len()
    }

    /// Whether all partitions are claimed, and each sink has moved one.
    pub(super) fn is_writing(&self) -> bool {
        let moved = |sink| {
            (0..PARTITIONS)
                .any(|p| self.seen.of(sink, p).position > self.began_at.of(sink, p).position)
        };
        self.claimed.len() == PARTITIONS * SinkName::ALL.len()
            && SinkName::ALL.into_iter().all(moved)
    }

    /// From the first move to the last.
    pub(super) fn writing(&self) -> Duration {
        match (self.first_move, self.last_move) {
            (Some(first), Some(last)) => last - first,
            (None, _) | (_, None) => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::Standing;
    use super::*;

    fn all(position: i64, epoch: i64) -> Standings {
        let mut standings = Standings::default();
        for sink in SinkName::ALL {
            for partition in 0..PARTITIONS {
                standings
                    .0
                    .insert((sink, partition), Standing { position, epoch });
            }
        }
        standings
    }

    #[test]
    fn a_life_writes_once_all_is_claimed_and_both_sinks_have_moved() {
        let (start, ms) = (Instant::now(), Duration::from_millis);
        let mut life = Life::new(all(5, 1));
        life.see(all(5, 1), start).unwrap();
        assert_eq!((life.recovered(), life.is_writing()), (0, false));
        life.see(all(5, 2), start).unwrap();
        assert_eq!((life.recovered(), life.is_writing()), (8, false));
        let mut one = all(5, 2);
        one.0.insert(
            (SinkName::Append, 0),
            Standing {
                position: 9,
                epoch: 2,
            },
        );
        life.see(one, start + ms(10)).unwrap();
        assert!(!life.is_writing());
        life.see(all(9, 2), start + ms(30)).unwrap();
        assert!(life.is_writing());
        assert_eq!(life.writing(), ms(20));
    }

    #[test]
    fn a_position_that_goes_back_is_an_error_in_any_life() {
        let mut life = Life::new(all(5, 1));
        assert!(life.see(all(4, 2), Instant::now()).is_err());
    }
}
