//! A table, the processes that write to it, and short ways to use them.

use super::record::{self, Place};
use super::{Harness, Kept, Record, TableSpec, Tables};
use plimsoll_protocol::{Claim, Class, Owner, Position, Span, StartRule, TopicPartition};
use plimsoll_sink_api::{
    Batch, Claimed, Committed, DeadLetter, DeadLetterFilter, DeadLetterPage, DeadLetters, Identity,
    KeptDeadLetter, Marks, Member, Missing, Mode, NewPosition, PositionChange, Positions, Prepared,
    Replay, Rows, Sink, SinkError, TableRows,
};
use std::sync::Arc;
use std::time::Duration;

/// The topic of all scenarios.
pub(super) const TOPIC: &str = "t";

/// The name of a scenario's table.
pub(super) const TABLE: &str = "rows";

pub(super) fn at(offset: i64) -> Position {
    Position::new(offset).expect("an offset")
}

pub(super) fn tp(partition: i32) -> TopicPartition {
    TopicPartition::new(TOPIC, partition)
}

pub(super) fn span(from: i64, to: i64) -> Span {
    Span::new(at(from), at(to)).expect("a span")
}

pub(super) fn identity() -> Identity {
    Identity {
        group_id: "group".to_owned(),
        cluster_id: "cluster".to_owned(),
    }
}

pub(super) fn member(number: u128) -> Member {
    Member {
        owner: Owner(number),
        name: format!("process-{number}"),
    }
}

/// The end of each partition's log, when a start is settled.
pub(super) const END: i64 = 1_000;

pub(super) fn start(partition: i32, position: i64) -> NewPosition {
    NewPosition {
        tp: tp(partition),
        position: at(position),
        topic_id: None,
        high_watermark: at(END),
    }
}

/// `positions set`, by force, for whoever owns it.
pub(super) fn set(partition: i32, to: i64) -> PositionChange {
    PositionChange {
        tp: tp(partition),
        to: Some(at(to)),
        identity: identity(),
        take_over: false,
        topic_id: None,
        high_watermark: at(END),
        force: true,
        fresh: Duration::from_secs(60),
    }
}

/// All of the letters in one page.
pub(super) const ALL_LETTERS: DeadLetterPage = DeadLetterPage {
    after: None,
    limit: 10_000,
    payloads: true,
};

/// A letter with nothing in it but what every letter has.
pub(super) fn letter(offset: i64) -> DeadLetter<'static> {
    DeadLetter {
        offset,
        timestamp: Some(1_700_000_000_123),
        key: Some(b"key"),
        value: Some(b"value"),
        headers: vec![("h".into(), Some(b"\xff")), ("h".into(), None)],
        condition: "condition".to_owned(),
        code: Some("22P02".to_owned()),
        column: Some("column".to_owned()),
        text: "text".to_owned(),
    }
}

/// A scenario's place: one table, or none yet.
pub(super) struct World<H: Harness> {
    pub(super) harness: H,
    pub(super) spec: TableSpec,
}

impl<H: Harness> World<H> {
    /// With a table; `None` where there can be no such table, and that is said.
    pub(super) async fn new(spec: TableSpec) -> Option<Self> {
        let world = Self::without_table(spec).await;
        world.harness.create(TABLE, &world.spec).await;
        world.possible().await.then_some(world)
    }

    /// With a table that there can be everywhere.
    pub(super) async fn merging(spec: TableSpec) -> Self {
        let world = Self::new(spec).await;
        world.expect("upserts that merge are possible everywhere")
    }

    pub(super) async fn without_table(spec: TableSpec) -> Self {
        let harness = H::new().await;
        Self { harness, spec }
    }

    /// Whether there can be such a table; where not, asserts that it is refused.
    pub(super) async fn possible(&self) -> bool {
        let merges = self.spec.mode == Mode::Upsert && self.spec.missing == Missing::Keep;
        if merges || H::CAPABILITIES.tables == Tables::All {
            return true;
        }
        let sink = self.open("refused").await;
        let error = sink.prepare(TOPIC).await.expect_err("it cannot be kept");
        assert_eq!(error.class, Class::Halt, "{error}");
        assert!(error.detail.hint.is_some(), "{error}");
        false
    }

    /// A process's sink; its state is there.
    pub(super) async fn open(&self, process: &str) -> H::Sink {
        let rule = self.spec.rule(self.harness.table(TABLE));
        let sink = self.harness.open(process, vec![rule]).await;
        sink.migrate().await.expect("migrate");
        sink
    }

    /// What `verify` sees now.
    pub(super) async fn snapshot(&self) -> H::Snapshot {
        let rule = self.spec.rule(self.harness.table(TABLE));
        self.harness.snapshot(vec![rule]).await
    }

    /// A process that owns partition 0, which begins at 0.
    pub(super) async fn process(&self, number: u128) -> Process<H> {
        self.process_of(number, 0).await
    }

    /// A process that owns a partition, which begins at 0.
    pub(super) async fn process_of(&self, number: u128, partition: i32) -> Process<H> {
        let member = member(number);
        let sink = self.open(&member.name).await;
        let start = [start(partition, 0)];
        sink.settle(&identity(), StartRule::FirstRecord, &start)
            .await
            .expect("settle");
        let claimed = sink.claim(&member, &identity(), &tp(partition)).await;
        let table = sink.prepare(TOPIC).await.expect("prepare");
        let claimed = claimed.expect("claim");
        Process {
            at: claimed.position.offset(),
            claimed,
            partition,
            table,
            member,
            sink,
        }
    }

    /// The rows that stand, in an order of their own.
    pub(super) async fn rows(&self) -> Vec<Vec<Kept>> {
        let mut rows = self.harness.rows(TABLE, &self.spec.types()).await;
        rows.sort();
        rows
    }

    /// Asserts which rows stand.
    #[track_caller]
    pub(super) fn assert_rows(
        &self,
        expected: impl IntoIterator<Item = Vec<Kept>>,
    ) -> impl Future<Output = ()> {
        let mut expected: Vec<_> = expected.into_iter().collect();
        expected.sort();
        let place = std::panic::Location::caller();
        async move {
            let found = self.rows().await;
            assert_eq!(found, expected, "at {place}");
        }
    }
}

/// What a sink keeps of a table.
type Plan<H> = <<H as Harness>::Sink as Sink>::Plan;

/// A process: its sink, its claim, and how far it came.
pub(super) struct Process<H: Harness> {
    pub(super) sink: H::Sink,
    pub(super) member: Member,
    pub(super) partition: i32,
    pub(super) claimed: Claimed,
    pub(super) table: Arc<Prepared<Plan<H>>>,
    /// The first offset of its next batch.
    pub(super) at: i64,
}

impl<H: Harness> Process<H> {
    pub(super) fn tp(&self) -> TopicPartition {
        tp(self.partition)
    }

    pub(super) fn claim(&self) -> Claim {
        self.claimed.claim
    }

    /// Claims anew, and begins there.
    pub(super) async fn claim_again(&mut self) -> &Claimed {
        let claimed = self.sink.claim(&self.member, &identity(), &self.tp()).await;
        self.claimed = claimed.expect("claim");
        self.at = self.claimed.position.offset();
        &self.claimed
    }

    /// Where the position stands.
    pub(super) async fn stands(&self) -> i64 {
        let all = self.sink.positions().await.expect("positions");
        let mut all = all.iter();
        let own = all.find(|stored| stored.tp == self.tp());
        own.expect("a position").position.offset()
    }

    /// The rows of records, one behind the other.
    pub(super) fn rows<'r>(&self, from: i64, records: &'r [Record]) -> Rows<'r> {
        self.rows_at((from..).zip(records))
    }

    pub(super) fn rows_at<'r>(
        &self,
        records: impl IntoIterator<Item = (i64, &'r Record)>,
    ) -> Rows<'r> {
        let mut rows = Rows::with_capacity(self.table.table.columns.len(), 0);
        for (offset, record) in records {
            let place = Place {
                topic: TOPIC,
                partition: self.partition,
                offset,
            };
            record::push(&mut rows, &self.table.table, record, &place);
        }
        rows
    }

    /// A batch of this process, whatever it says.
    pub(super) fn batch<'b>(
        &'b self,
        span: Span,
        rows: &'b Rows<'b>,
        dead: &'b [DeadLetter<'b>],
    ) -> Batch<'b, Plan<H>> {
        Batch {
            topic: TOPIC,
            partition: self.partition,
            claim: self.claim(),
            span,
            tables: TableRows::only(&self.table, rows),
            dead,
            marks: Marks::default(),
        }
    }

    /// Commits records behind what was committed.
    pub(super) async fn commit(&mut self, records: &[Record]) -> Result<Committed, SinkError> {
        self.commit_with(records, &[]).await
    }

    /// The same with dead letters, whose offsets lie behind those of the records.
    pub(super) async fn commit_with(
        &mut self,
        records: &[Record],
        dead: &[DeadLetter<'_>],
    ) -> Result<Committed, SinkError> {
        let to = self.at + records.len() as i64;
        let to = dead.iter().fold(to, |to, letter| to.max(letter.offset + 1));
        let rows = self.rows(self.at, records);
        let batch = self.batch(span(self.at, to), &rows, dead);
        let committed = self.sink.commit_one(&batch).await?;
        self.at = to;
        Ok(committed)
    }

    /// Commits a log from where this process stands.
    pub(super) async fn go_on(&mut self, log: &[Record]) {
        let from = usize::try_from(self.at).expect("an offset");
        self.commit(&log[from..]).await.expect("commit");
    }

    /// Commits a bad record, which is refused, and says why.
    #[track_caller]
    pub(super) fn refused(&mut self, record: &Record) -> impl Future<Output = SinkError> {
        let place = std::panic::Location::caller();
        async move {
            let before = self.stands().await;
            let error = match self.commit(std::slice::from_ref(record)).await {
                Err(error) => error,
                Ok(_) => panic!("taken at {place}: {record:?}"),
            };
            assert_eq!(error.class, Class::Rejected, "at {place}: {error}");
            assert_eq!(self.stands().await, before, "at {place}");
            error
        }
    }

    /// All dead letters of this sink, with their records.
    pub(super) async fn letters(&self) -> Vec<KeptDeadLetter> {
        self.letters_of(&DeadLetterFilter::default()).await
    }

    pub(super) async fn letters_of(&self, filter: &DeadLetterFilter) -> Vec<KeptDeadLetter> {
        let letters = self.sink.dead_letters(filter, &ALL_LETTERS).await;
        letters.expect("dead letters")
    }

    /// Partition and offset of all dead letters.
    pub(super) async fn letters_at(&self) -> Vec<(i32, i64)> {
        let letters = self.letters().await;
        letters.iter().map(|l| (l.tp.partition, l.offset)).collect()
    }

    /// Replays dead letters as these records, one for each.
    pub(super) async fn replay(
        &self,
        records: &[(i64, Record)],
        stands_at: Option<i64>,
    ) -> Result<Committed, SinkError> {
        let letters: Vec<i64> = records.iter().map(|(offset, _)| *offset).collect();
        self.replay_as(&letters, records, stands_at).await
    }

    /// Replays dead letters as these rows.
    pub(super) async fn replay_as(
        &self,
        letters: &[i64],
        rows: &[(i64, Record)],
        stands_at: Option<i64>,
    ) -> Result<Committed, SinkError> {
        let rows = self.rows_at(rows.iter().map(|(offset, record)| (*offset, record)));
        let replay = Replay {
            topic: TOPIC,
            partition: self.partition,
            table: &self.table,
            letters,
            rows: &rows,
            stands_at: stands_at.map(at),
        };
        self.sink.replay(&replay).await
    }
}
