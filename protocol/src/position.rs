//! Where a partition stands, and how far a batch carries it.

use std::fmt;
use std::sync::Arc;

/// One partition of one topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// Names a partition.
    #[must_use]
    pub fn new(topic: &str, partition: i32) -> Self {
        Self {
            topic: Arc::from(topic),
            partition,
        }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.partition)
    }
}

/// An offset below zero is one of Kafka's markers ("end", "stored", "invalid"),
/// never a place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NegativeOffset(pub i64);

impl fmt::Display for NegativeOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "offset {} is negative", self.0)
    }
}

impl std::error::Error for NegativeOffset {}

/// The next offset to consume: everything below it is in the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(i64);

impl Position {
    /// The first offset that a log can have.
    pub const ZERO: Self = Self(0);

    /// Takes an offset as Kafka counts it.
    ///
    /// # Errors
    /// [`NegativeOffset`] for Kafka's markers, which are no place in a log.
    pub const fn new(offset: i64) -> Result<Self, NegativeOffset> {
        if offset < 0 {
            Err(NegativeOffset(offset))
        } else {
            Ok(Self(offset))
        }
    }

    /// The offset as Kafka counts it; never negative.
    #[must_use]
    pub const fn offset(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The half-open stretch of a log that one commit carries: `[from, to)`.
///
/// It is never empty and never backwards. It may hold fewer records than
/// `to - from`: transaction markers, aborted records and compaction leave gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    from: Position,
    to: Position,
}

impl Span {
    /// `None` unless `from < to`.
    #[must_use]
    pub fn new(from: Position, to: Position) -> Option<Self> {
        (from < to).then_some(Self { from, to })
    }

    /// Where the position must stand for the commit to be accepted.
    #[must_use]
    pub const fn from(self) -> Position {
        self.from
    }

    /// Where the position stands after the commit.
    #[must_use]
    pub const fn to(self) -> Position {
        self.to
    }

    /// Whether an offset lies in the span.
    #[must_use]
    pub const fn contains(self, offset: i64) -> bool {
        self.from.0 <= offset && offset < self.to.0
    }

    /// Cuts the span in two before `at`; `None` unless both parts are non-empty.
    #[must_use]
    pub fn split(self, at: Position) -> Option<(Self, Self)> {
        Some((Self::new(self.from, at)?, Self::new(at, self.to)?))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.from, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: i64) -> Position {
        Position::new(offset).unwrap()
    }

    #[test]
    fn a_marker_of_kafkas_is_no_position() {
        assert_eq!(Position::new(-1), Err(NegativeOffset(-1)));
        assert_eq!(Position::new(0), Ok(Position::ZERO));
        assert_eq!(
            NegativeOffset(-1001).to_string(),
            "offset -1001 is negative"
        );
    }

    #[test]
    fn a_span_is_half_open_and_never_empty() {
        assert_eq!(Span::new(at(5), at(5)), None);
        assert_eq!(Span::new(at(6), at(5)), None);
        let span = Span::new(at(5), at(8)).unwrap();
        let inside: Vec<i64> = (0..20).filter(|o| span.contains(*o)).collect();
        assert_eq!(inside, [5, 6, 7]);
        assert_eq!(span.to_string(), "[5, 8)");
    }

    #[test]
    fn the_parts_of_a_span_tile_it() {
        let span = Span::new(at(5), at(8)).unwrap();
        let parts = (Span::new(at(5), at(6)), Span::new(at(6), at(8)));
        assert_eq!(span.split(at(6)), parts.0.zip(parts.1));
        assert_eq!(span.split(at(5)), None);
        assert_eq!(span.split(at(8)), None);
    }

    #[test]
    fn a_partition_is_named_as_kafkas_tools_name_it() {
        assert_eq!(TopicPartition::new("orders", 3).to_string(), "orders[3]");
        assert_eq!(at(42).to_string(), "42");
    }
}
