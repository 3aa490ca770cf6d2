//! The writer of one partition: chunk by chunk, in order, until it is told to
//! end or has to begin anew.

mod build;
mod compare;
mod confirm;
mod trouble;

use self::build::{Built, Part, build, marks};
use self::trouble::{Changes, Done, Trouble};
use crate::config::OnBadRecord;
use crate::engine::assignment::{Generation, Leased};
use crate::engine::backoff::Backoff;
use crate::engine::control::{Control, FENCED_WAIT, HALT_RETRY, RestartReason};
use crate::engine::lane::{Lane, note_claim};
use crate::health::{About, Halt, Until};
use crate::kafka::{Looked, epoch_fell};
use crate::metrics::{self as names, PartitionMetrics};
use metrics::counter;
use plimsoll_protocol::{
    Assignment, Claim, Class, Outcome, Reread, Span, Step, TopicPartition, judge, next_step,
    older_epoch,
};
use plimsoll_record::Chunk;
use plimsoll_record::Decoder;
use plimsoll_sink_api::{Batch, Claimed, Committed, Op, Prepared, Sink, SinkError};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;
use tracing::{debug, error, info, warn};

/// How long the answer to a commit in flight is waited for after the partition
/// was lost: a zombie that wakes learns from it that it was fenced, and counts
/// it.
const LAST_ANSWER: Duration = Duration::from_secs(2);

/// The writer of one partition, for one generation.
pub struct Writer<S: Sink> {
    lane: Arc<Lane<S>>,
    tp: TopicPartition,
    generation: Generation,
    leased: Leased,
    claim: Claim,
    /// Of the last record applied: it never falls along one log.
    leader_epoch: Option<i32>,
    /// Of the topic that the position is about; brokers before 2.8 tell none.
    topic_id: Option<String>,
    /// Under way for the chunk at hand, until they are answered.
    looks: Vec<oneshot::Receiver<Looked>>,
    metrics: PartitionMetrics,
    target: Option<Arc<Target<S>>>,
    moved: bool,
}

struct Target<S: Sink> {
    table: Arc<Prepared<S::Plan>>,
    decoder: Decoder,
    read: Instant,
}

/// How often the catalogue is read for one batch before an error counts. A table that
/// is altered again and again is another one each time: with the waits in between
/// that goes on for some seconds.
const fn rereads(class: Class) -> usize {
    match class {
        Class::Stale => 5,
        Class::Moved
        | Class::Again
        | Class::Away
        | Class::Rejected
        | Class::Suspect
        | Class::Halt => 1,
    }
}

impl<S: Sink> Writer<S> {
    /// For a partition that was just claimed.
    pub fn new(
        lane: Arc<Lane<S>>,
        tp: TopicPartition,
        generation: Generation,
        leased: Leased,
        claimed: &Claimed,
    ) -> Self {
        let metrics = PartitionMetrics::new(&lane.name, &tp);
        Self {
            lane,
            tp,
            generation,
            leased,
            claim: claimed.claim,
            leader_epoch: claimed.leader_epoch,
            topic_id: claimed.topic_id.clone(),
            looks: Vec::new(),
            metrics,
            target: None,
            moved: false,
        }
    }

    /// Commits chunks until the assignment ends or the partition must begin
    /// anew, then says so.
    pub async fn run(mut self, mut chunks: Receiver<Chunk>) {
        let end = loop {
            let chunk = tokio::select! {
                biased;
                () = self.leased.ending() => break Done::Drop,
                chunk = chunks.recv() => match chunk {
                    Some(chunk) => chunk,
                    None => break Done::Drop,
                },
            };
            match self.commit_chunk(&chunk).await {
                Done::GoOn => {}
                end => break end,
            }
        };
        drop(chunks);
        let (tp, generation) = (self.tp.clone(), self.generation);
        match end {
            Done::GoOn | Done::Drop => {
                self.release().await;
                self.lane.tell(Control::Ended { tp, generation });
            }
            Done::Restart(reason) => {
                self.lane.tell(Control::Restart {
                    tp,
                    generation,
                    reason,
                    after: FENCED_WAIT,
                });
            }
            Done::Halt(halt) => {
                error!(
                    sink = self.lane.name, topic = %tp.topic, partition = tp.partition,
                    offset = halt.offset, column = halt.column,
                    "halted: {}; tried again in {} s", halt.reason, HALT_RETRY.as_secs(),
                );
                self.lane.tell(Control::Halt {
                    tp,
                    generation,
                    halt,
                    after: HALT_RETRY,
                });
            }
        }
    }

    /// Gives the claim back when the partition leaves in good order, so that
    /// nobody takes a name for an owner that is none.
    async fn release(&self) {
        if self.leased.now() == Assignment::Gone {
            return;
        }
        if let Err(error) = self.lane.sink.release(&self.tp, self.claim).await {
            debug!(sink = self.lane.name, topic = %self.tp.topic, partition = self.tp.partition, "claim not given back: {error}");
        }
    }

    /// All parts of a chunk, lowest first.
    async fn commit_chunk(&mut self, chunk: &Chunk) -> Done {
        if let Some(halt) = self.older_log(chunk) {
            return Done::Halt(Box::new(halt));
        }
        // Its records have all arrived. The answer is waited for behind the decoding.
        self.look(chunk);
        let mut todo = vec![Part::whole(chunk)];
        let mut changes = Changes::default();
        while let Some(part) = todo.pop() {
            // The partition is another's: no further part is begun.
            if self.leased.now() == Assignment::Gone {
                return Done::Drop;
            }
            let trouble = match self.commit_part(chunk, &part, &mut todo).await {
                Ok(()) => {
                    changes = Changes::default();
                    continue;
                }
                // A dead letter that is refused itself, or a commit without
                // any record: nothing is left to set aside.
                Err(Trouble::BadRecord(error) | Trouble::Suspect(error))
                    if part.refused.is_some() || part.records.is_empty() =>
                {
                    return self.halt_at(chunk, &part, &error);
                }
                Err(Trouble::Suspect(error)) => {
                    self.suspected(chunk, &part, error, &mut changes).await
                }
                Err(trouble) => trouble,
            };
            match trouble {
                Trouble::Bisect { reread } => {
                    let part = Part { reread, ..part };
                    todo.extend(part.halves(chunk).into_iter().rev());
                }
                Trouble::Again => todo.push(part),
                Trouble::BadRecord(error) => match self.lane.on_bad_record {
                    OnBadRecord::DeadLetter => todo.push(Part {
                        refused: Some(error),
                        ..part
                    }),
                    OnBadRecord::Halt => return self.halt_at(chunk, &part, &error),
                },
                Trouble::Suspect(error) => return self.halt_at(chunk, &part, &error),
                Trouble::End(done) => return done,
            }
        }
        Done::GoOn
    }

    /// A record whose leader epoch is below that of one before it is of another
    /// log: nothing of the chunk is written.
    fn older_log(&mut self, chunk: &Chunk) -> Option<Halt> {
        let applied = self.leader_epoch.max(chunk.first_leader_epoch());
        let lowest = chunk.lowest_leader_epoch();
        if !older_epoch(applied, lowest) {
            self.leader_epoch = chunk.leader_epoch().or(applied);
            return None;
        }
        let (applied, lowest) = applied.zip(lowest)?;
        Some(Halt {
            offset: (!chunk.is_empty()).then(|| chunk.record(0).offset),
            column: None,
            reason: epoch_fell(&self.lane.name, &self.tp, applied, lowest),
            until: Until::Committed,
        })
    }

    /// The offset is told where it is certain which record it is about.
    fn halt_at(&self, chunk: &Chunk, part: &Part, error: &SinkError) -> Done {
        let offset = match part.records.len() {
            1 => Some(chunk.record(part.records.start).offset),
            _ => None,
        };
        Done::Halt(Box::new(Halt {
            offset,
            column: error.detail.column.clone(),
            reason: error.to_string(),
            until: Until::Committed,
        }))
    }

    /// Decodes and commits one part. What lies behind a record that cannot be
    /// decoded is put back on `todo`.
    async fn commit_part(
        &mut self,
        chunk: &Chunk,
        part: &Part,
        todo: &mut Vec<Part>,
    ) -> Result<(), Trouble> {
        let keep_bad = self.lane.on_bad_record == OnBadRecord::DeadLetter;
        let mut reread = Vec::new();
        loop {
            let target = self.route(!reread.is_empty()).await?;
            let (table, decoder) = (&target.table, &target.decoder);
            let built = build(decoder, table.table.columns.len(), chunk, part, keep_bad);
            if let Some((index, bad)) = &built.stopped {
                let (before, behind) = part.cut(chunk, *index);
                let Some(before) = before else {
                    let reason = format!("{}: {bad}", bad.condition());
                    let offset = Some(chunk.record(*index).offset);
                    let halt = Halt {
                        offset,
                        column: bad.column().map(str::to_owned),
                        reason,
                        until: Until::Committed,
                    };
                    return Err(Trouble::End(Done::Halt(Box::new(halt))));
                };
                // All before the bad record is written; then it is met again,
                // with nothing before it.
                todo.extend(behind);
                todo.push(before);
                return Ok(());
            }
            self.confirm(chunk).await?;
            let trouble = match self
                .commit_built(table, chunk, part, &built, &mut reread)
                .await
            {
                Ok(committed) => {
                    self.acknowledge(chunk, part, &built, committed);
                    return Ok(());
                }
                Err(trouble) => trouble,
            };
            // What comes next is another attempt, or none.
            let retrying = About::Retrying(self.tp.clone());
            self.lane.health.over(&self.lane.name, &retrying);
            if let Some(trouble) = trouble {
                return Err(trouble);
            }
        }
    }

    /// The table, read anew when it is due. Waits while the database is away.
    async fn route(&mut self, reread: bool) -> Result<Arc<Target<S>>, Trouble> {
        if let Some(target) = &self.target
            && !reread
            && target.read.elapsed() < crate::route::REFRESH
        {
            return Ok(target.clone());
        }
        let asked = Instant::now();
        let mut backoff = Backoff::default();
        loop {
            let read = if reread {
                self.lane.router.reread(&self.tp.topic, asked).await
            } else {
                self.lane.router.table(&self.tp.topic).await
            };
            match read {
                Ok(table) => {
                    let decoder = Decoder::new(
                        &table.table,
                        &self.tp.topic,
                        self.tp.partition,
                        self.lane.unknown_fields,
                    );
                    let target = Arc::new(Target {
                        table,
                        decoder,
                        read: asked,
                    });
                    self.target = Some(target.clone());
                    return Ok(target);
                }
                Err(error) => match error.class {
                    Class::Away | Class::Again | Class::Moved => {
                        self.lane.note_away(Some(&self.tp), &error);
                        self.wait(backoff.next_wait()).await?;
                    }
                    Class::Stale | Class::Suspect | Class::Halt | Class::Rejected => {
                        let halt = Halt {
                            offset: None,
                            column: error.detail.column.clone(),
                            reason: error.to_string(),
                            until: Until::Committed,
                        };
                        return Err(Trouble::End(Done::Halt(Box::new(halt))));
                    }
                },
            }
        }
    }

    /// What the database is given of a part.
    fn batch<'b>(
        &'b self,
        table: &'b Prepared<S::Plan>,
        chunk: &'b Chunk,
        part: &Part,
        built: &'b Built<'b>,
    ) -> Batch<'b, S::Plan> {
        Batch {
            topic: &self.tp.topic,
            partition: self.tp.partition,
            claim: self.claim,
            span: part.span,
            table,
            rows: &built.rows,
            dead: &built.dead,
            marks: marks(chunk, part),
        }
    }

    /// One commit, with all that the liveness table says. `Err(None)`: the
    /// catalogue is to be read again.
    async fn commit_built(
        &mut self,
        table: &Prepared<S::Plan>,
        chunk: &Chunk,
        part: &Part,
        built: &Built<'_>,
        reread: &mut Vec<Class>,
    ) -> Result<Committed, Option<Trouble>> {
        let mut backoff = Backoff::default();
        let mut attempts = 0_u64;
        loop {
            let batch = self.batch(table, chunk, part, built);
            let began = Instant::now();
            let answer = tokio::select! {
                biased;
                answer = self.lane.sink.commit(&batch) => answer,
                () = self.unanswered() => return Err(Some(Trouble::End(Done::Drop))),
            };
            let error = match answer {
                Ok(committed) => {
                    self.metrics.commit_seconds.record(began.elapsed());
                    return Ok(committed);
                }
                Err(error) => of_tombstone(error, built),
            };
            let divisible = part.records.len() > 1;
            let times = reread.iter().filter(|class| **class == error.class).count();
            let failed = Outcome::Failed {
                class: error.class,
                divisible,
                reread: match times >= rereads(error.class) {
                    true => Reread::This,
                    false if error.class == Class::Suspect && part.reread => Reread::Larger,
                    false => Reread::Not,
                },
            };
            attempts += 1;
            match next_step(failed, self.leased.now()) {
                Step::Repeat => {
                    self.note_retrying(attempts, &error);
                    counter!(names::RETRIES, "sink" => self.lane.name.clone(), "reason" => error.class.as_str())
                        .increment(1);
                    // The first time at once: whoever was in the way is through.
                    if attempts > 1 {
                        self.wait(backoff.next_wait()).await.map_err(Some)?;
                    }
                }
                Step::Judge => {
                    self.note_retrying(attempts, &error);
                    warn!(sink = self.lane.name, topic = %self.tp.topic, partition = self.tp.partition, "commit of {} unanswered: {error}", part.span);
                    if self
                        .judge(part.span, &error, &mut backoff)
                        .await
                        .map_err(Some)?
                    {
                        return Ok(Committed::default());
                    }
                }
                Step::Restart => {
                    self.metrics.fenced.increment(1);
                    info!(sink = self.lane.name, topic = %self.tp.topic, partition = self.tp.partition, span = %part.span, "fenced: claimed anew");
                    return Err(Some(Trouble::End(Done::Restart(RestartReason::Fenced))));
                }
                // The table answers no error with GoOn; if it did, nothing would
                // be taken for committed.
                Step::Drop | Step::GoOn => {
                    if error.class == Class::Moved {
                        self.metrics.fenced.increment(1);
                    }
                    return Err(Some(Trouble::End(Done::Drop)));
                }
                Step::Bisect => {
                    let reread = part.reread || reread.contains(&Class::Suspect);
                    return Err(Some(Trouble::Bisect { reread }));
                }
                Step::BadRecord => return Err(Some(Trouble::BadRecord(error))),
                Step::Compare => return Err(Some(Trouble::Suspect(error))),
                Step::Reread => {
                    counter!(names::RETRIES, "sink" => self.lane.name.clone(), "reason" => error.class.as_str())
                        .increment(1);
                    // The first time at once: most often one ALTER is all.
                    for _ in 0..times {
                        self.wait(backoff.next_wait()).await.map_err(Some)?;
                    }
                    reread.push(error.class);
                    return Err(None);
                }
                Step::Halt => return Err(Some(Trouble::End(self.halt_at(chunk, part, &error)))),
            }
        }
    }

    /// Told once it has gone on for a while.
    fn note_retrying(&self, attempts: u64, error: &SinkError) {
        let code = error.detail.code.as_deref().unwrap_or_default();
        let what = format!("{attempts} attempts so far; the last one said: {error}");
        let about = About::Retrying(self.tp.clone());
        self.lane.health.trouble(&self.lane.name, about, code, what);
    }

    /// Claims again, as long as it takes, and finds out what became of a commit:
    /// true when it was applied, false when the identical batch is to be sent
    /// again.
    async fn judge(
        &mut self,
        span: Span,
        unanswered: &SinkError,
        backoff: &mut Backoff,
    ) -> Result<bool, Trouble> {
        self.lane.note_away(Some(&self.tp), unanswered);
        loop {
            self.wait(backoff.next_wait()).await?;
            if self.leased.now() == Assignment::Gone {
                return Err(Trouble::End(Done::Drop));
            }
            let claimed = match self
                .lane
                .sink
                .claim(&self.lane.member, &self.lane.identity, &self.tp)
                .await
            {
                Ok(claimed) => claimed,
                Err(error) => match error.class {
                    Class::Away | Class::Again | Class::Moved => {
                        self.lane.note_away(Some(&self.tp), &error);
                        continue;
                    }
                    // The row is gone: the claim of a restart settles it anew.
                    Class::Stale => {
                        return Err(Trouble::End(Done::Restart(RestartReason::OutOfStep)));
                    }
                    Class::Halt | Class::Rejected | Class::Suspect => {
                        let halt = Halt {
                            offset: None,
                            column: None,
                            reason: error.to_string(),
                            // Said by a claim, and one goes before each life.
                            until: Until::Begun,
                        };
                        return Err(Trouble::End(Done::Halt(Box::new(halt))));
                    }
                },
            };
            self.lane.health.back(&self.lane.name);
            note_claim(&self.lane.name, claimed.terminated);
            self.claim = claimed.claim;
            let verdict = judge(claimed.position, span);
            counter!(names::COMMITS_JUDGED, "sink" => self.lane.name.clone(), "verdict" => match verdict {
                plimsoll_protocol::Verdict::Committed => "committed",
                plimsoll_protocol::Verdict::NotCommitted => "not_committed",
                plimsoll_protocol::Verdict::OutOfStep => "out_of_step",
            })
            .increment(1);
            info!(sink = self.lane.name, topic = %self.tp.topic, partition = self.tp.partition, %span, "judged: {verdict:?}");
            return match next_step(Outcome::Judged(verdict), self.leased.now()) {
                Step::GoOn => Ok(true),
                Step::Repeat => Ok(false),
                Step::Restart => Err(Trouble::End(Done::Restart(RestartReason::OutOfStep))),
                Step::Drop
                | Step::Judge
                | Step::Bisect
                | Step::BadRecord
                | Step::Compare
                | Step::Reread
                | Step::Halt => Err(Trouble::End(Done::Drop)),
            };
        }
    }

    /// Returns when the partition is lost and the commit in flight has had its
    /// time: whether it is accepted or refused is the fence's to say.
    async fn unanswered(&self) {
        self.leased.gone().await;
        tokio::time::sleep(LAST_ANSWER).await;
    }

    /// Waits, unless the partition is lost meanwhile.
    async fn wait(&self, how_long: Duration) -> Result<(), Trouble> {
        tokio::select! {
            () = self.leased.gone() => Err(Trouble::End(Done::Drop)),
            () = tokio::time::sleep(how_long) => Ok(()),
        }
    }

    fn acknowledge(&mut self, chunk: &Chunk, part: &Part, built: &Built<'_>, committed: Committed) {
        let m = &self.metrics;
        m.commits.increment(1);
        m.rows.increment(committed.rows);
        m.already_there.increment(committed.already_there);
        m.dead_letters.increment(built.dead.len() as u64);
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

/// A record without a value has nothing but its key to be refused for.
fn of_tombstone(error: SinkError, built: &Built<'_>) -> SinkError {
    let mut rows = built.rows.iter();
    let only = matches!((rows.next(), rows.next()), (Some((row, _)), None) if row.op == Op::Delete);
    match error.class {
        Class::Rejected | Class::Suspect if only && error.detail.hint.is_none() => {
            error.hint("the record is a tombstone: its key has to fit the key of the table")
        }
        _ => error,
    }
}
