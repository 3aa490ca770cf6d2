//! One record was refused, and the code does not tell whether it is bad or the
//! table refuses all: it is compared with others of its batch.

use super::Writer;
use super::build::{Built, How, Part, build};
use super::trouble::{Done, Tried, Trouble};
use super::ways::Aims;
use crate::metrics as names;
use metrics::counter;
use plimsoll_protocol::{Answer, Ask, Assignment, Comparison, Finding, Next, Question, Then, then};
use plimsoll_record::{Arena, Chunk};
use plimsoll_sink_api::{Batch, Op, Sink, SinkError};
use std::hash::{BuildHasher, RandomState};

/// How often a record is tried anew that the database takes at one time and refuses
/// at another: with pauses that double, over some ten seconds. Rights are given, or
/// columns changed, in less.
const MOST_CHANGES: u32 = 8;

/// Why it is not known.
enum Unknown {
    /// The database does not answer.
    Away(SinkError),
    /// The table, or the partition.
    Other(Trouble),
}

/// One record of a chunk, decoded.
fn only<'c, S: Sink>(
    aims: &Aims<S>,
    chunk: &'c Chunk,
    index: usize,
    arena: &'c Arena,
) -> (Part, Built<'c>) {
    let one = Part::only(chunk, index);
    let how = How {
        keep_bad: true,
        enough: usize::MAX,
        grows: false,
    };
    let built = build(&aims.ways(), how, chunk, &one, arena);
    (one, built)
}

impl<S: Sink> Writer<S> {
    /// What to do about a record that may be bad.
    pub(super) async fn suspected(
        &mut self,
        chunk: &Chunk,
        part: &Part,
        mut error: SinkError,
        tried: &mut Tried,
    ) -> Trouble {
        let found = self.compare(chunk, part, &error).await;
        if let Ok(finding) = &found {
            counter!(names::COMPARED, "sink" => self.lane.name.clone(), "finding" => finding.as_str())
                .increment(1);
        }
        let other = match found {
            Ok(Finding::Own) => {
                return Trouble::BadRecord(error);
            }
            Ok(Finding::Shared) => "no other record of its batch is taken either",
            Ok(Finding::Alone) => "nothing of its batch can be compared with it",
            Ok(Finding::Changing) if tried.changes < MOST_CHANGES => {
                tried.changes += 1;
                return self.again(tried).await;
            }
            Ok(Finding::Changing) => "it is refused at one time and taken at another",
            Err(Unknown::Away(away)) => {
                self.lane.note_away(Some(&self.tp), &away);
                return self.again(tried).await;
            }
            Err(Unknown::Other(trouble)) => return trouble,
        };
        error.detail.condition = format!("{}: {other}", error.detail.condition);
        Trouble::Suspect(error)
    }

    pub(super) async fn again(&self, tried: &mut Tried) -> Trouble {
        match self.wait(tried.backoff.next_wait()).await {
            Ok(()) => Trouble::Again,
            Err(trouble) => trouble,
        }
    }

    /// Asks the database until it is known whose fault a refusal is. Nothing is
    /// written, and the position does not move.
    async fn compare(
        &mut self,
        chunk: &Chunk,
        part: &Part,
        error: &SinkError,
    ) -> Result<Finding, Unknown> {
        let aims = self.aims(false, chunk, 0..chunk.len()).await;
        let aims = &aims.map_err(Unknown::Other)?;
        let at = part.records.start;
        let arena = Arena::new();
        let (one, refused) = only(aims, chunk, at, &arena);
        let Some(op) = operation(&refused) else {
            return Ok(Finding::Alone);
        };
        let mut comparison = Comparison::new(at, chunk.len(), random());
        loop {
            let answer = match comparison.next() {
                Next::Found(finding) => return Ok(finding),
                Next::Ask(Ask::Refused) => self.ask(aims, chunk, &one, &refused, error).await?,
                Next::Ask(Ask::Neighbour(index)) => {
                    let arena = Arena::new();
                    let (one, built) = only(aims, chunk, index, &arena);
                    // A delete needs other rights than an insert, and so does another table.
                    match operation(&built) == Some(op) {
                        true => self.ask(aims, chunk, &one, &built, error).await?,
                        false => Answer::Unlike,
                    }
                }
            };
            comparison.heard(answer);
        }
    }

    async fn ask(
        &self,
        aims: &Aims<S>,
        chunk: &Chunk,
        part: &Part,
        built: &Built<'_>,
        like: &SinkError,
    ) -> Result<Answer, Unknown> {
        if self.leased.now() == Assignment::Gone {
            return Err(Unknown::Other(Trouble::End(Done::Drop)));
        }
        let batch = Batch {
            dead: &[],
            ..self.batch(aims, chunk, part, built)
        };
        let answer = tokio::select! {
            answer = self.lane.sink.takes(&batch) => answer,
            () = self.leased.gone() => return Err(Unknown::Other(Trouble::End(Done::Drop))),
        };
        let Err(error) = answer else {
            return Ok(Answer::Taken);
        };
        match then(Question::Comparison, error.class) {
            Then::Refused if error.detail.code == like.detail.code => Ok(Answer::Refused),
            // It has a fault of its own, or the row stands there already.
            Then::Refused => Ok(Answer::Unlike),
            // Nothing is known of the record, whatever else the table might say.
            Then::AskAgain | Then::LookAgain | Then::Settle | Then::Restart | Then::Halt => {
                Err(Unknown::Away(error))
            }
        }
    }
}

/// What the one record of a part does, and to which table; `None`: it makes no row.
fn operation(built: &Built<'_>) -> Option<(usize, Op)> {
    let mut tables = built.tables.iter().enumerate();
    tables.find_map(|(at, rows)| Some((at, rows.iter().next()?.0.op)))
}

/// Bits that nobody knows before: the standard library's own hashers begin with
/// such.
fn random() -> u64 {
    RandomState::new().hash_one(())
}
