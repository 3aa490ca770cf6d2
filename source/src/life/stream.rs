//! The loop of a live source: changes in, events out, commits, confirmations.

use super::claim::Claimed;
use super::collect::{Collected, Rule};
use super::{End, Source};
use crate::halt::Halt;
use crate::kafka::{Producer, Refused};
use crate::outbox::{self, BadRow, Change, Event, Plan, Relation};
use crate::postgres::of_error;
use crate::record;
use crate::settings::{Boundary, OnBadRow, Outbox};
use crate::watch::{Committed, Side};
use bytes::Bytes;
use futures_util::FutureExt as _;
use pgwire_replication::{PgWireError, ReplicationClient, ReplicationEvent};
use plimsoll_protocol::source::{
    Admit, AfterCommit, IDLE_MS, Idle, Lsn, SourcePosition, Stored, admit, after_commit,
    confirmable, idle, judge,
};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tracing::{debug, info};

/// A transaction of the database that is being sent to us.
struct Open {
    /// Where its commit record begins.
    commit: Lsn,
    admit: Admit,
}

/// A live source.
pub(crate) struct Stream<'s, 'w> {
    source: &'s Source<'w>,
    client: ReplicationClient,
    producer: Producer,
    timeline: u32,
    rule: Rule,
    careful: Option<Lsn>,
    /// What Kafka holds.
    stored: SourcePosition,
    stored_at: Instant,
    /// What it holds once the open transaction of Kafka is committed.
    ahead: SourcePosition,
    open: Option<Open>,
    collected: Option<Collected>,
    plans: HashMap<u32, Option<Plan>>,
    wal_end: Lsn,
}

impl<'s, 'w> Stream<'s, 'w> {
    pub(crate) fn new(source: &'s Source<'w>, claimed: Claimed, careful: Option<Lsn>) -> Self {
        let Claimed {
            client,
            producer,
            position,
            timeline,
        } = claimed;
        // The slot may be behind: the server stores lazily what was confirmed.
        client.update_applied_lsn(pg(confirmable(&position)));
        Self {
            source,
            client,
            producer,
            timeline,
            rule: Rule::of(&source.settings),
            careful,
            wal_end: position.next_lsn,
            stored: position.clone(),
            stored_at: Instant::now(),
            ahead: position,
            open: None,
            collected: None,
            plans: HashMap::new(),
        }
    }

    pub(crate) async fn run(mut self, stopping: &mut watch::Receiver<bool>) -> End {
        let end = match self.pump(stopping).await {
            Ok(()) => End::Stopped,
            Err(end) => end,
        };
        if self.collected.is_some() && !matches!(end, End::Fenced) {
            self.producer.abort();
        }
        // The slot is free when the session has ended, and not before.
        self.client.stop();
        let ended = tokio::time::timeout(Duration::from_secs(2), self.client.shutdown());
        if !matches!(ended.await, Ok(Ok(()))) {
            debug!(
                source = self.source.settings.name,
                "the session did not end in good order"
            );
        }
        end
    }

    async fn pump(&mut self, stopping: &mut watch::Receiver<bool>) -> Result<(), End> {
        loop {
            // What waits is taken without a look at the clock: the runtime's own budget
            // would say too early that nothing does.
            let next = tokio::task::unconstrained(self.client.recv()).now_or_never();
            match next {
                Some(event) => self.take(event)?,
                None => {
                    self.between(false).await?;
                    let until = self.wakes();
                    tokio::select! {
                        event = self.client.recv() => self.take(event)?,
                        () = tokio::time::sleep_until(until.into()) => {}
                        _ = stopping.wait_for(|stop| *stop) => {}
                    }
                }
            }
            if self.open.is_none() {
                if *stopping.borrow() {
                    return self.finish().await;
                }
                self.between(true).await?;
            } else if *stopping.borrow() {
                // A transaction of the database may be long: it is sent again.
                return Ok(());
            }
        }
    }

    /// When there is something to do although nothing comes.
    fn wakes(&self) -> Instant {
        let stores = self.stored_at + Duration::from_millis(IDLE_MS);
        match (&self.collected, &self.open) {
            (Some(collected), None) => self.rule.again(collected).min(stores),
            _ => stores,
        }
    }

    /// Between two transactions of the database: commits what is due. `waits`: there may
    /// be more to take at once.
    async fn between(&mut self, waits: bool) -> Result<(), End> {
        if self.open.is_some() {
            return self.in_time();
        }
        let Some(collected) = &self.collected else {
            return self.idle().await;
        };
        let careful = self.careful.is_some_and(|bad| self.stored.next_lsn <= bad);
        let rule = match careful {
            true => Rule {
                boundary: Boundary::Connector,
                ..self.rule
            },
            false => self.rule,
        };
        if rule.ends(collected, waits, Instant::now()) {
            self.commit().await?;
        }
        Ok(())
    }

    /// The coordinator gives up what is open for longer, and says of it what it says of a
    /// takeover; it would be tried for ever.
    fn in_time(&self) -> Result<(), End> {
        let bound = self.source.settings.transaction_timeout;
        match &self.collected {
            Some(collected) if collected.since.elapsed() >= bound => Err(End::Halt(Halt::new(
                format!(
                    "one transaction of the database is open in Kafka for {} ms, and is not sent \
                     to its end",
                    bound.as_millis()
                ),
                "raise transaction_timeout_ms, up to the brokers' transaction.max.timeout.ms; or \
                 write less in one transaction",
            ))),
            _ => Ok(()),
        }
    }

    async fn idle(&mut self) -> Result<(), End> {
        let since = self.stored_at.elapsed().as_millis();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        match idle(&self.stored, self.ahead.next_lsn, since) {
            Idle::Wait => Ok(()),
            Idle::Store => {
                self.begin()?;
                self.commit().await
            }
        }
    }

    /// As far as it came.
    async fn finish(&mut self) -> Result<(), End> {
        match self.collected.is_some() || self.ahead != self.stored {
            true => {
                self.begin()?;
                self.commit().await
            }
            false => Ok(()),
        }
    }

    fn begin(&mut self) -> Result<(), End> {
        if self.collected.is_none() {
            self.producer.begin()?;
            self.collected = Some(Collected::begun(Instant::now()));
        }
        Ok(())
    }

    fn take(&mut self, event: Result<Option<ReplicationEvent>, PgWireError>) -> Result<(), End> {
        let settings = &self.source.settings;
        let event = event.map_err(|error| of_error(settings, &error))?;
        let event = event
            .ok_or_else(|| End::Away(Side::Database, "Postgres ended the session".to_owned()))?;
        match event {
            ReplicationEvent::Begin { final_lsn, .. } => {
                let commit = Lsn(final_lsn.as_u64());
                let admit = admit(&self.stored, commit);
                self.open = Some(Open { commit, admit });
                Ok(())
            }
            ReplicationEvent::XLogData { data, .. } => self.change(data),
            ReplicationEvent::Commit { end_lsn, .. } => self.committed(Lsn(end_lsn.as_u64())),
            ReplicationEvent::Message {
                transactional,
                lsn,
                prefix,
                content,
            } => self.message(transactional, Lsn(lsn.as_u64()), &prefix, &content),
            ReplicationEvent::KeepAlive { wal_end, .. } => {
                self.keepalive(Lsn(wal_end.as_u64()));
                Ok(())
            }
            ReplicationEvent::StoppedAt { .. } => Ok(()),
        }
    }

    /// All that was committed below was sent, if no transaction is on its way.
    fn keepalive(&mut self, wal_end: Lsn) {
        self.wal_end = self.wal_end.max(wal_end);
        self.source.watch.wal_end(&self.stored, self.wal_end);
        if self.open.is_none() {
            self.ahead = self.ahead.moved(self.timeline, wal_end, 0);
        }
    }

    fn committed(&mut self, end: Lsn) -> Result<(), End> {
        let Some(open) = self.open.take() else {
            return Err(unordered());
        };
        self.wal_end = self.wal_end.max(end);
        match open.admit {
            Admit::Seen => self.source.watch.seen(),
            Admit::New => {
                self.ahead = self.ahead.moved(self.timeline, end, 0);
                if let Some(collected) = &mut self.collected {
                    collected.transactions += 1;
                }
            }
        }
        Ok(())
    }

    fn change(&mut self, data: Bytes) -> Result<(), End> {
        let away = |what: String| End::Away(Side::Database, what);
        let change = outbox::read_change(data).map_err(|e| away(e.to_string()))?;
        match change {
            Change::Other => Ok(()),
            Change::Relation(relation) => self.relation(&relation),
            Change::Insert { relation, values } => {
                let Some(open) = &self.open else {
                    return Err(unordered());
                };
                let (commit, seen) = (open.commit, open.admit == Admit::Seen);
                let Some(plan) = self.plans.get(&relation) else {
                    return Err(unordered());
                };
                let (Some(plan), Outbox::Table { columns, .. }, false) =
                    (plan, &self.source.settings.postgres.outbox, seen)
                else {
                    return Ok(());
                };
                let event = plan.event(columns, &values);
                self.send(event, commit)
            }
        }
    }

    /// Notes the shape of a table; one that is not the outbox makes no events.
    fn relation(&mut self, relation: &Relation) -> Result<(), End> {
        let Outbox::Table { table, columns } = &self.source.settings.postgres.outbox else {
            self.plans.insert(relation.id, None);
            return Ok(());
        };
        if (&relation.schema, &relation.table) != (&table.schema, &table.table) {
            self.plans.insert(relation.id, None);
            return Ok(());
        }
        let seen = self
            .open
            .as_ref()
            .is_some_and(|open| open.admit == Admit::Seen);
        match Plan::of(columns, relation) {
            Ok(plan) => {
                self.plans.insert(relation.id, Some(plan));
                Ok(())
            }
            // It was sent, by an earlier config.
            Err(_) if seen => {
                self.plans.insert(relation.id, None);
                Ok(())
            }
            Err(column) => Err(End::Halt(Halt::new(
                format!("{table} had no column {column} when its rows were written"),
                "name another by topic, key, value or headers until they are sent",
            ))),
        }
    }

    fn message(
        &mut self,
        transactional: bool,
        lsn: Lsn,
        prefix: &str,
        content: &[u8],
    ) -> Result<(), End> {
        let Outbox::Messages { prefix: ours } = &self.source.settings.postgres.outbox else {
            return Ok(());
        };
        let Some(event) = outbox::of_message(ours, prefix, content) else {
            return Ok(());
        };
        if transactional {
            let Some(open) = &self.open else {
                return Err(unordered());
            };
            return match open.admit {
                Admit::Seen => Ok(()),
                Admit::New => self.send(event, open.commit),
            };
        }
        // It comes alone, in the order of the log: a transaction of its own.
        if self.open.is_some() {
            return Err(unordered());
        }
        match admit(&self.stored, lsn) {
            Admit::Seen => self.source.watch.seen(),
            Admit::New => {
                self.send(event, lsn)?;
                self.ahead = self.ahead.moved(self.timeline, Lsn(lsn.0 + 1), 0);
                if let Some(collected) = &mut self.collected {
                    collected.transactions += 1;
                }
            }
        }
        Ok(())
    }

    /// Sends an event of the transaction that commits there.
    fn send(&mut self, event: Result<Event, BadRow>, commit: Lsn) -> Result<(), End> {
        let event = match event {
            Ok(event) => event,
            Err(BadRow { why, hint }) => return self.bad(Halt::new(why, hint), commit),
        };
        self.begin()?;
        let seq = self.ahead.seq + 1;
        match self.producer.send(&event, seq) {
            Ok(()) => {
                self.ahead.seq = seq;
                if let Some(collected) = &mut self.collected {
                    collected.events += 1;
                }
                Ok(())
            }
            Err(Refused::Event(halt)) => self.bad(halt, commit),
            Err(Refused::All(fault)) => Err(fault.into()),
        }
    }

    /// A row that makes no event.
    fn bad(&self, halt: Halt, commit: Lsn) -> Result<(), End> {
        let halt = Halt {
            what: format!("an outbox row, committed at {commit}: {}", halt.what),
            hint: format!(
                "{}; nothing changes what was committed: on_bad_record = \"skip\" leaves such rows \
                 out",
                halt.hint
            ),
        };
        match self.source.settings.on_bad_row {
            OnBadRow::Halt => Err(End::BadRow(halt, commit)),
            OnBadRow::Skip => {
                self.source.watch.left_out(&halt);
                Ok(())
            }
        }
    }

    /// Commits what was collected, with the position; then the database may forget it.
    async fn commit(&mut self) -> Result<(), End> {
        let Some(collected) = self.collected else {
            return Ok(());
        };
        let begun = Instant::now();
        let topic = &self.source.settings.positions_topic;
        let record = record::position(&self.ahead);
        self.producer.send_position(topic, &record)?;
        let said = self.producer.commit()?;
        let then = after_commit(said, Producer::retry_ms());
        match then {
            AfterCommit::Fenced => return Err(End::Fenced),
            AfterCommit::Restart => {
                let what = "Kafka: a commit whose outcome is unknown; the position tells";
                return Err(End::Away(Side::Kafka, what.to_owned()));
            }
            AfterCommit::GoOn | AfterCommit::NewProducer => {}
        }
        self.collected = None;
        self.stored.clone_from(&self.ahead);
        self.stored_at = Instant::now();
        self.client
            .update_applied_lsn(pg(confirmable(&self.stored)));
        self.source.watch.committed(Committed {
            events: collected.events,
            transactions: collected.transactions,
            took: begun.elapsed(),
            position: &self.stored,
            wal_end: self.wal_end,
        });
        match then {
            AfterCommit::NewProducer => self.replace().await,
            AfterCommit::GoOn | AfterCommit::Restart | AfterCommit::Fenced => Ok(()),
        }
    }

    /// A new producer after a slow commit. It fences whoever came meanwhile, too, who may
    /// have sent more: so the position is looked at.
    async fn replace(&mut self) -> Result<(), End> {
        self.source.watch.doubtful();
        let name = &self.source.settings.name;
        info!(source = name, "a slow commit: another producer goes on");
        self.producer = Producer::fence(&self.source.kafka, &self.source.settings)?;
        let stored = match self.source.stored().await? {
            Stored::At(position) => Some(position),
            Stored::Nothing | Stored::Intent(_) => None,
        };
        match judge(&self.stored, stored.as_ref()) {
            true => Ok(()),
            false => Err(End::Again),
        }
    }
}

fn pg(lsn: Lsn) -> pgwire_replication::Lsn {
    pgwire_replication::Lsn::from_u64(lsn.0)
}

fn unordered() -> End {
    let what = "Postgres sent a change outside of its transaction";
    End::Away(Side::Database, what.to_owned())
}
