//! Whose fault a refusal is that could be the record's or the table's.
//!
//! A right that was taken away, a function that is gone, a cast that fails in a
//! trigger: the code is the same whether all records meet it or one. So one record
//! is compared with another of its batch: the database is asked whether it takes
//! the one or the other, in an order drawn at random. Only a record that is refused
//! each time, while its neighbour is taken each time, is bad. Whoever takes rights
//! away and gives them back meanwhile, however fast, does not know the order: each
//! look has at most an even chance to fit, so that all fit once in 2^32.

/// How often one of the two is asked for. Thirty-two looks of a millisecond each
/// are short beside the search for the record, and a chance of one in four thousand
/// million is below that of a broken memory.
pub const LOOKS: u32 = 32;

/// Which record the database is to be asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ask {
    /// The one that was refused.
    Refused,
    /// Another one of its batch, by its index.
    Neighbour(usize),
}

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It would be written.
    Taken,
    /// It would not.
    Refused,
    /// It cannot be compared: no row, or another kind of statement.
    Unlike,
}

/// What the comparison found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Finding {
    /// The record's own fault: others are taken, it never is.
    Own,
    /// Others are refused like it: the table's, or a right's.
    Shared,
    /// There is nothing to compare it with.
    Alone,
    /// The database answers now one way, now the other: try all again.
    Changing,
}

impl Finding {
    /// The word for metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Shared => "shared",
            Self::Alone => "alone",
            Self::Changing => "changing",
        }
    }
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Next {
    /// Ask the database.
    Ask(Ask),
    /// All is known.
    Found(Finding),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum State {
    /// Which neighbour is asked first, and whether one was refused already.
    Seeking {
        step: u32,
        refused: bool,
    },
    /// A neighbour was taken; so many looks are done.
    Looking {
        neighbour: usize,
        done: u32,
    },
    Found(Finding),
}

/// One comparison, from the first question to the finding.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Comparison {
    at: usize,
    len: usize,
    order: u64,
    state: State,
}

impl Comparison {
    /// Of record `at` in a batch of `len`. `random`: bits that nobody knows before.
    #[must_use]
    pub const fn new(at: usize, len: usize, random: u64) -> Self {
        Self {
            at,
            len,
            order: random,
            state: State::Seeking {
                step: 0,
                refused: false,
            },
        }
    }

    /// What to do next.
    #[must_use]
    pub fn next(&self) -> Next {
        match self.state {
            State::Seeking { step, refused } => match self.candidate(step) {
                Some((_, index)) => Next::Ask(Ask::Neighbour(index)),
                None if refused => Next::Found(Finding::Shared),
                None => Next::Found(Finding::Alone),
            },
            State::Looking { done: LOOKS, .. } => Next::Found(Finding::Own),
            State::Looking { neighbour, done } => Next::Ask(self.turn(neighbour, done)),
            State::Found(finding) => Next::Found(finding),
        }
    }

    fn turn(&self, neighbour: usize, look: u32) -> Ask {
        match self.order >> look & 1 {
            0 => Ask::Refused,
            _ => Ask::Neighbour(neighbour),
        }
    }

    /// Takes the answer to what [`Comparison::next`] asked.
    pub fn heard(&mut self, answer: Answer) {
        self.state = match self.state {
            State::Seeking { step, refused } => match (self.candidate(step), answer) {
                (None, _) => return,
                (Some((_, neighbour)), Answer::Taken) => State::Looking { neighbour, done: 0 },
                (Some((step, _)), Answer::Refused | Answer::Unlike) => State::Seeking {
                    step: step + 1,
                    refused: refused || answer == Answer::Refused,
                },
            },
            State::Looking { done: LOOKS, .. } => return,
            State::Looking { neighbour, done } => {
                let due = match self.turn(neighbour, done) {
                    Ask::Refused => Answer::Refused,
                    Ask::Neighbour(_) => Answer::Taken,
                };
                match answer == due {
                    true => State::Looking {
                        neighbour,
                        done: done + 1,
                    },
                    false => State::Found(Finding::Changing),
                }
            }
            State::Found(_) => return,
        };
    }

    /// The first step from `step` on that leads to a record, and that record.
    fn candidate(&self, step: u32) -> Option<(u32, usize)> {
        (step..2 * usize::BITS).find_map(|step| Some((step, self.place(step)?)))
    }

    /// Behind and before by turns, at distances that double: bad records stand
    /// together often, and the number of questions stays small.
    fn place(&self, step: u32) -> Option<usize> {
        let distance = 1usize.checked_shl(step / 2)?;
        let index = match step % 2 {
            0 => self.at.checked_add(distance)?,
            _ => self.at.checked_sub(distance)?,
        };
        (index < self.len).then_some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Runs a comparison against answers; says what was asked, and what was found.
    fn run(
        mut comparison: Comparison,
        mut answer: impl FnMut(Ask) -> Answer,
    ) -> (Vec<Ask>, Finding) {
        let mut asked = Vec::new();
        loop {
            match comparison.next() {
                Next::Found(finding) => return (asked, finding),
                Next::Ask(ask) => {
                    asked.push(ask);
                    comparison.heard(answer(ask));
                }
            }
        }
    }

    fn by_record(bad: impl Fn(usize) -> bool) -> impl FnMut(Ask) -> Answer {
        move |ask| match ask {
            Ask::Refused => Answer::Refused,
            Ask::Neighbour(i) if bad(i) => Answer::Refused,
            Ask::Neighbour(_) => Answer::Taken,
        }
    }

    #[test]
    fn each_finding_has_its_word() {
        let words = [
            (Finding::Own, "own"),
            (Finding::Shared, "shared"),
            (Finding::Alone, "alone"),
            (Finding::Changing, "changing"),
        ];
        for (finding, word) in words {
            assert_eq!(finding.as_str(), word);
        }
    }

    #[test]
    fn a_record_that_alone_is_refused_is_bad() {
        let (asked, finding) = run(Comparison::new(4, 9, 0b0110), by_record(|_| false));
        assert_eq!(finding, Finding::Own);
        assert_eq!(asked.len() as u32, 1 + LOOKS);
        let order = [
            Ask::Neighbour(5),
            Ask::Refused,
            Ask::Neighbour(5),
            Ask::Neighbour(5),
            Ask::Refused,
        ];
        assert_eq!(asked[..5], order);
    }

    #[test]
    fn what_no_other_record_passes_is_the_tables() {
        let (asked, finding) = run(Comparison::new(4, 9, 7), by_record(|_| true));
        assert_eq!(finding, Finding::Shared);
        let near_to_far = [5, 3, 6, 2, 8, 0].map(Ask::Neighbour);
        assert_eq!(asked, near_to_far);
    }

    #[test]
    fn a_record_with_nothing_beside_it_is_not_judged() {
        assert_eq!(
            run(Comparison::new(0, 1, 7), by_record(|_| false)),
            (Vec::new(), Finding::Alone)
        );
        let unlike = |_| Answer::Unlike;
        assert_eq!(run(Comparison::new(1, 4, 7), unlike).1, Finding::Alone);
    }

    #[test]
    fn bad_records_that_stand_together_do_not_hide_a_good_one() {
        let (_, finding) = run(Comparison::new(0, 40, 7), by_record(|i| i < 30));
        assert_eq!(finding, Finding::Own);
    }

    #[test]
    fn one_answer_out_of_line_settles_nothing() {
        for odd in 1..=LOOKS {
            let mut asked = 0;
            let (_, finding) = run(Comparison::new(0, 2, 0x5555_5555), |ask| {
                asked += 1;
                let usual = by_record(|_| false)(ask);
                match usual {
                    Answer::Taken if asked == odd + 1 => Answer::Refused,
                    Answer::Refused if asked == odd + 1 => Answer::Taken,
                    other => other,
                }
            });
            assert_eq!(finding, Finding::Changing, "look {odd}");
        }
    }

    proptest! {
        /// A table that takes all or nothing, whenever it changes its mind, does
        /// not make a record bad, unless it guesses the whole order.
        #[test]
        fn a_table_that_opens_and_shuts_makes_no_record_bad(
            order in any::<u64>(), open in prop::collection::vec(any::<bool>(), 64),
        ) {
            let mut at = open.iter();
            let answer = |_| match at.next() {
                Some(true) => Answer::Taken,
                Some(false) | None => Answer::Refused,
            };
            let (asked, finding) = run(Comparison::new(3, 8, order), answer);
            prop_assert_ne!(finding, Finding::Own, "{:?}", asked);
        }

        #[test]
        fn only_others_of_the_batch_are_asked_and_none_twice_before_one_is_taken(
            at in 0usize..2000, more in 1usize..2000, order in any::<u64>(),
        ) {
            let len = at + more;
            let (asked, finding) = run(Comparison::new(at, len, order), by_record(|_| true));
            let mut places: Vec<_> = asked.iter().map(|ask| match ask {
                Ask::Neighbour(i) => *i,
                Ask::Refused => at,
            }).collect();
            prop_assert!(places.iter().all(|i| *i < len && *i != at));
            prop_assert!(places.len() <= 24);
            places.sort_unstable();
            let all = places.len();
            places.dedup();
            prop_assert_eq!(places.len(), all);
            let found = if len > 1 { Finding::Shared } else { Finding::Alone };
            prop_assert_eq!(finding, found);
        }
    }
}
