//! How far the producer may run ahead. Pure.
//!
//! The Kafka in the process keeps 5 MiB per partition and drops the oldest: a
//! producer that runs further ahead than that loses records before anybody
//! could read them.

use std::collections::VecDeque;

/// Bytes ahead of the slowest reader.
const AHEAD: usize = 3 << 20;

/// What the mock keeps per record beside key and value, at most.
const OVERHEAD: usize = 128;

/// One partition: the sizes of the records that somebody has still to read.
#[derive(Debug, Default)]
pub(super) struct Pace {
    sizes: VecDeque<usize>,
    first: i64,
    ahead: usize,
}

impl Pace {
    /// Whether one more record may be produced.
    pub(super) fn open(&self) -> bool {
        self.ahead < AHEAD
    }

    /// A record was produced.
    pub(super) fn produced(&mut self, bytes: usize) {
        let size = bytes + OVERHEAD;
        self.sizes.push_back(size);
        self.ahead += size;
    }

    /// All sinks have passed a position.
    pub(super) fn passed(&mut self, position: i64) {
        while self.first < position {
            let Some(size) = self.sizes.pop_front() else {
                break;
            };
            self.ahead -= size;
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_closes_at_three_mebibytes_and_opens_with_the_position() {
        let mut pace = Pace::default();
        let mut produced = 0;
        while pace.open() {
            pace.produced(896);
            produced += 1;
        }
        assert_eq!(produced, 3 * 1024);
        pace.passed(1);
        assert!(pace.open());
        pace.produced(896);
        assert!(!pace.open());
        // A position beyond what was produced is passed as far as it goes.
        pace.passed(1 << 40);
        assert!(pace.open());
        pace.produced(1);
        assert_eq!(pace.first, 3 * 1024 + 1);
    }
}
