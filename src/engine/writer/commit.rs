//! One commit, as often as the liveness table says; and what became of one whose answer
//! was lost.

use super::Writer;
use super::build::{Built, Part, marks};
use super::trouble::{Done, Trouble, Written};
use super::ways::Aims;
use crate::engine::backoff::Backoff;
use crate::engine::commits::{Answer, Decoded, Offer};
use crate::engine::control::{Control, RestartReason};
use crate::engine::lane::note_claim;
use crate::health::{About, Halt, Until};
use crate::metrics as names;
use metrics::counter;
use plimsoll_protocol::{
    Assignment, Class, Outcome, Question, Reread, Resolution, Span, Step, Then, next_step, resolve,
    then,
};
use plimsoll_record::Chunk;
use plimsoll_sink_api::{Claimed, Committed, Sink, SinkError};
use std::sync::Arc;
use std::time::Duration;
use tracing::{info, warn};

/// How long the answer to a commit in flight is waited for after the partition
/// was lost: a zombie that wakes learns from it that it was fenced, and counts
/// it.
const LAST_ANSWER: Duration = Duration::from_secs(2);

/// How often a partition commits alone after it broke a commit: bad records come in rows, and
/// each of them would make all others of its commit wait for one attempt more.
const COMMITS_ALONE: u8 = 3;

impl<S: Sink> Writer<S> {
    /// Commits a part, as often as it takes. `reread`: the classes of the errors for
    /// which the catalogue was read anew.
    pub(super) async fn commit_decoded(
        &mut self,
        aims: &Aims<S>,
        chunk: &Chunk,
        part: &Part,
        decoded: &Arc<Decoded>,
        reread: &mut Vec<Class>,
    ) -> Result<Written, Trouble> {
        let mut backoff = Backoff::default();
        let mut attempts = 0_u64;
        loop {
            let offer = self.offer(aims, chunk, part, decoded);
            let error = match self.attempt(offer).await? {
                Ok(committed) => {
                    self.alone = self.alone.saturating_sub(1);
                    return Ok(Written::Committed(committed));
                }
                Err(error) => of_tombstone(error, chunk, part),
            };
            if let Some(lacks) = &error.detail.lacks {
                return self.make_up(lacks, &error).await;
            }
            if breaks_others(error.class) {
                self.alone = COMMITS_ALONE;
            }
            attempts += 1;
            let times = reread.iter().filter(|class| **class == error.class).count();
            match next_step(outcome(&error, part, times), self.leased.now()) {
                Step::Repeat => {
                    self.note_retrying(attempts, &error);
                    self.count_retry(error.class);
                    // The first time at once: whoever was in the way is through.
                    if attempts > 1 {
                        self.wait(backoff.next_wait()).await?;
                    }
                }
                Step::Resolve => {
                    self.note_retrying(attempts, &error);
                    if self.resolve(part.span, &error, &mut backoff).await? {
                        return Ok(Written::Committed(Committed::default()));
                    }
                }
                Step::Restart => return Err(self.fenced(part.span)),
                // The table answers no error with GoOn; if it did, nothing would
                // be taken for committed.
                Step::Drop | Step::GoOn => {
                    if error.class == Class::Fenced {
                        self.metrics.fenced.increment(1);
                    }
                    return Err(Trouble::End(Done::Drop));
                }
                Step::Bisect => {
                    let reread = part.reread || reread.contains(&Class::Suspect);
                    return Err(Trouble::Bisect { reread });
                }
                Step::BadRecord => return Err(Trouble::BadRecord(error)),
                Step::Compare => return Err(Trouble::Suspect(error)),
                Step::Reread => {
                    self.count_retry(error.class);
                    // The first time at once: most often one ALTER is all.
                    for _ in 0..times {
                        self.wait(backoff.next_wait()).await?;
                    }
                    reread.push(error.class);
                    return Ok(Written::RereadFirst);
                }
                Step::Halt => return Err(Trouble::End(self.halt_at(chunk, part, &error))),
            }
        }
    }

    fn offer(
        &self,
        aims: &Aims<S>,
        chunk: &Chunk,
        part: &Part,
        decoded: &Arc<Decoded>,
    ) -> Offer<S> {
        Offer {
            tp: self.tp.clone(),
            claim: self.claim,
            span: part.span,
            marks: marks(chunk, part),
            tables: aims.tables(),
            decoded: decoded.clone(),
            records: part.records.len(),
            // A part of a chunk has about its share.
            bytes: chunk.payload_bytes() * part.records.len() / chunk.len().max(1),
            alone: self.alone > 0,
            leased: self.leased.clone(),
        }
    }

    /// Offers a batch, and waits for what the database says of it, as long as anybody
    /// wants to know.
    async fn attempt(&self, offer: Offer<S>) -> Result<Answer, Trouble> {
        let answer = tokio::select! {
            biased;
            answer = self.lane.commits.commit(offer) => answer,
            () = self.unanswered() => None,
        };
        answer.ok_or(Trouble::End(Done::Drop))
    }

    /// Returns when the partition is lost and the commit in flight has had its
    /// time: whether it is accepted or refused is the fence's to say.
    async fn unanswered(&self) {
        self.leased.gone().await;
        tokio::time::sleep(LAST_ANSWER).await;
    }

    fn fenced(&self, span: Span) -> Trouble {
        self.metrics.fenced.increment(1);
        info!(sink = self.lane.name, topic = %self.tp.topic, partition = self.tp.partition, %span, "fenced: claimed anew");
        Trouble::End(Done::Restart(RestartReason::Fenced))
    }

    pub(super) fn count_retry(&self, class: Class) {
        let sink = self.lane.name.clone();
        counter!(names::RETRIES, "sink" => sink, "reason" => class.as_str()).increment(1);
    }

    /// Told once it has gone on for a while.
    pub(super) fn note_retrying(&self, attempts: u64, error: &SinkError) {
        let code = error.detail.code.as_deref().unwrap_or_default();
        let what = format!("{attempts} attempts so far; the last one said: {error}");
        let about = About::Retrying(self.tp.clone());
        self.lane.health.trouble(&self.lane.name, about, code, what);
    }

    /// Claims again, as long as it takes, and finds out what became of a commit:
    /// true when it was applied, false when the identical batch is to be sent
    /// again.
    async fn resolve(
        &mut self,
        span: Span,
        unanswered: &SinkError,
        backoff: &mut Backoff,
    ) -> Result<bool, Trouble> {
        warn!(sink = self.lane.name, topic = %self.tp.topic, partition = self.tp.partition, "commit of {span} unanswered: {unanswered}");
        self.lane.note_away(Some(&self.tp), unanswered);
        let claimed = loop {
            self.wait(backoff.next_wait()).await?;
            if let Some(claimed) = self.claim_again().await? {
                break claimed;
            }
        };
        self.claim = claimed.claim;
        let resolution = resolve(claimed.position, span);
        self.note_resolution(resolution, span);
        match next_step(Outcome::Resolved(resolution), self.leased.now()) {
            Step::GoOn => Ok(true),
            Step::Repeat => Ok(false),
            Step::Restart => Err(Trouble::End(Done::Restart(RestartReason::OutOfStep))),
            Step::Drop
            | Step::Resolve
            | Step::Bisect
            | Step::BadRecord
            | Step::Compare
            | Step::Reread
            | Step::Halt => Err(Trouble::End(Done::Drop)),
        }
    }

    /// One more claim, to resolve by. `None`: it is to be asked for again.
    async fn claim_again(&self) -> Result<Option<Claimed>, Trouble> {
        if self.leased.now() == Assignment::Gone {
            return Err(Trouble::End(Done::Drop));
        }
        let lane = &self.lane;
        let claimed = lane.sink.claim(&lane.member, &lane.identity, &self.tp);
        let error = match claimed.await {
            Ok(claimed) => {
                lane.health.back(&lane.name);
                note_claim(&lane.name, claimed.terminated);
                return Ok(Some(claimed));
            }
            Err(error) => error,
        };
        match then(Question::Resolving, error.class) {
            Then::AskAgain => {
                lane.note_away(Some(&self.tp), &error);
                Ok(None)
            }
            Then::Restart => Err(Trouble::End(Done::Restart(RestartReason::OutOfStep))),
            // The table says none of the others of this; to halt loses nothing.
            Then::Halt | Then::LookAgain | Then::Settle | Then::Refused => {
                let halt = Halt {
                    offset: None,
                    column: None,
                    reason: error.to_string(),
                    // Said by a claim, and one goes before each life.
                    until: Until::Begun,
                };
                Err(Trouble::End(Done::Halt(Box::new(halt))))
            }
        }
    }

    fn note_resolution(&self, resolution: Resolution, span: Span) {
        let word = match resolution {
            Resolution::Committed => "committed",
            Resolution::NotCommitted => "not_committed",
            Resolution::OutOfStep => "out_of_step",
        };
        let sink = self.lane.name.clone();
        counter!(names::COMMITS_JUDGED, "sink" => sink, "verdict" => word).increment(1);
        info!(sink = self.lane.name, topic = %self.tp.topic, partition = self.tp.partition, %span, "resolved: {resolution:?}");
    }

    /// A part is committed: counts it, and tells the poll thread.
    pub(super) fn acknowledge(
        &mut self,
        chunk: &Chunk,
        part: &Part,
        built: &Built<'_>,
        committed: Committed,
    ) {
        let m = &self.metrics;
        m.commits.increment(1);
        m.rows.increment(committed.rows);
        m.already_there.increment(committed.already_there);
        m.dead_letters.increment(built.dead.len() as u64);
        m.passed_over.increment(built.passed_over);
        m.filtered.increment(built.filtered);
        m.unrouted.increment(built.unrouted);
        m.position.set(part.span.to().offset() as f64);
        if !part.records.is_empty() {
            m.batch_records.record(part.records.len() as f64);
        }
        if part.records.len() == chunk.len() && !chunk.is_empty() {
            m.batch_bytes.record(chunk.payload_bytes() as f64);
        }
        if committed.terminated > 0 {
            counter!(names::TERMINATED, "sink" => self.lane.name.clone())
                .increment(committed.terminated.into());
        }
        if committed.requests > 0 {
            let sink = &self.lane.name;
            counter!(names::REQUESTS, "sink" => sink.clone()).increment(committed.requests);
            counter!(names::REPEATED, "sink" => sink.clone()).increment(committed.repeated);
        }
        let health = &self.lane.health;
        health.set_aside(&self.lane.name, &self.tp, &built.dead);
        if !std::mem::replace(&mut self.moved, true) {
            health.moves(&self.lane.name, &self.tp);
        }
        health.committed(&self.lane.name, &self.tp);
        let (tp, generation) = (self.tp.clone(), self.generation);
        self.lane.tell(Control::Committed {
            tp,
            generation,
            to: part.span.to(),
        });
    }
}

/// Whether a batch that is refused so would have others refused with it.
const fn breaks_others(class: Class) -> bool {
    match class {
        Class::Rejected | Class::Suspect | Class::Halt => true,
        Class::Fenced | Class::Transient | Class::Unavailable | Class::Stale => false,
    }
}

/// What the liveness table is asked about an error.
fn outcome(error: &SinkError, part: &Part, rereads: usize) -> Outcome {
    Outcome::Failed {
        class: error.class,
        divisible: part.records.len() > 1,
        reread: Reread::after(error.class, rereads, part.reread),
    }
}

/// A record without a value has nothing but its key to be refused for.
fn of_tombstone(error: SinkError, chunk: &Chunk, part: &Part) -> SinkError {
    let only = part.records.len() == 1 && chunk.record(part.records.start).value.is_none();
    match error.class {
        Class::Rejected | Class::Suspect if only && error.detail.hint.is_none() => {
            error.hint("the record is a tombstone: its key has to fit the key of the table")
        }
        _ => error,
    }
}
