//! Bad records of a sample, each kind of fault once: twenty equal lines say no more than
//! one does.

use plimsoll_protocol::TopicPartition;

/// More kinds than this tell nothing new.
const SHOWN: usize = 20;

/// What is wrong with some records, without any value.
#[derive(Debug, Default)]
pub(crate) struct Bad {
    kinds: Vec<Kind>,
}

/// Records with which the same is wrong.
#[derive(Debug)]
struct Kind {
    what: String,
    first: String,
    records: usize,
}

impl Bad {
    /// Takes a record.
    pub(crate) fn add(&mut self, tp: &TopicPartition, offset: i64, what: &str) {
        match self.kinds.iter_mut().find(|kind| kind.what == what) {
            Some(kind) => kind.records += 1,
            None => self.kinds.push(Kind {
                what: what.to_owned(),
                first: format!("{tp} offset {offset}"),
                records: 1,
            }),
        }
    }

    /// How many records there are.
    pub(crate) fn records(&self) -> usize {
        self.kinds.iter().map(|kind| kind.records).sum()
    }

    /// A line for each kind of fault: its first record, and how many more there are.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |kind: &Kind| match kind.records {
            1 => format!("{}: {}", kind.first, kind.what),
            n => format!("{} and {} more: {}", kind.first, n - 1, kind.what),
        };
        let mut lines: Vec<String> = self.kinds.iter().take(SHOWN).map(line).collect();
        if self.kinds.len() > SHOWN {
            lines.push(format!(
                "and {} more kinds of faults",
                self.kinds.len() - SHOWN
            ));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_faults_are_one_line_with_their_first_place() {
        let mut bad = Bad::default();
        let tp = TopicPartition::new("t", 1);
        for offset in 3..23 {
            bad.add(&tp, offset, "no key");
        }
        bad.add(&tp, 30, "not JSON");
        assert_eq!(bad.records(), 21);
        assert_eq!(
            bad.lines(),
            [
                "t[1] offset 3 and 19 more: no key",
                "t[1] offset 30: not JSON"
            ]
        );
    }

    #[test]
    fn kinds_of_faults_do_not_fill_the_screen() {
        let mut bad = Bad::default();
        for offset in 0..100 {
            bad.add(
                &TopicPartition::new("t", 0),
                offset,
                &format!("at byte {offset}"),
            );
        }
        assert_eq!(bad.lines().len(), SHOWN + 1);
        assert_eq!(bad.lines()[SHOWN], "and 80 more kinds of faults");
    }
}
