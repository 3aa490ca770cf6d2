//! The timelines of a Postgres cluster.

use super::Lsn;
use std::fmt;

/// Where each earlier timeline was left, as the server's history file has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History(Vec<(u32, Lsn)>);

/// Not the text of a history file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAHistory(pub String);

impl fmt::Display for NotAHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a line of a timeline's history: {:?}", self.0)
    }
}

impl std::error::Error for NotAHistory {}

impl History {
    /// That of the first timeline, which has none before it.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Reads a history file: on each line a timeline, where it was left, and a reason.
    ///
    /// # Errors
    /// [`NotAHistory`], with the line.
    pub fn parse(text: &str) -> Result<Self, NotAHistory> {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let entries = lines.map(|line| {
            let wrong = || NotAHistory(line.to_owned());
            let mut words = line.split_ascii_whitespace();
            let timeline = words.next().and_then(|word| word.parse().ok());
            let left = words.next().and_then(|word| word.parse().ok());
            Ok((timeline.ok_or_else(wrong)?, left.ok_or_else(wrong)?))
        });
        entries.collect::<Result<_, _>>().map(Self)
    }

    /// Where a timeline was left; `None`: it is not one of these.
    #[must_use]
    pub fn left(&self, timeline: u32) -> Option<Lsn> {
        let entry = self.0.iter().find(|(of, _)| *of == timeline);
        entry.map(|(_, left)| *left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_tells_where_each_timeline_was_left() {
        let text = "1\t0/3000000\tno recovery target specified\n\n# note\n2 0/A1B2C3D4\tbefore\n";
        let history = History::parse(text).unwrap();
        assert_eq!(history.left(1), Some(Lsn(0x300_0000)));
        assert_eq!(history.left(2), Some(Lsn(0xA1B2_C3D4)));
        assert_eq!(history.left(3), None);
        assert_eq!(History::none().left(1), None);
    }

    #[test]
    fn a_line_that_is_none_is_shown() {
        for wrong in ["x 0/1 r", "1", "1 here"] {
            assert_eq!(History::parse(wrong), Err(NotAHistory(wrong.to_owned())));
        }
    }
}
