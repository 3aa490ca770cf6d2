//! What stands in memory: tables, positions, dead letters, what operators did.

use super::fault::{Fault, Shutting};
use super::table::{self, Stored};
use plimsoll_conformance::{ColumnSpec, Kept};
use plimsoll_protocol::{Claim, Class, Position, PositionRow, StartRule, TopicPartition};
use plimsoll_sink_api::{
    Act, Claimed, DeadLetter, DeadLetterFilter, Identity, KeptDeadLetter, Marks, Member,
    NewCommand, NewPosition, Owned, Ownership, Payload, PositionChange, Secret, SetOutcome,
    Setting, SinkError, StoredPosition, TableChange, claimable, islands, setting,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A position, and what is remembered beside it.
#[derive(Debug, Clone)]
pub(super) struct Stood {
    pub(super) row: PositionRow,
    owner_name: Option<String>,
    identity: Identity,
    topic_id: Option<String>,
    pub(super) marks: Marks,
    /// The lowest offset that it ever began at.
    pub(super) start: i64,
    heartbeat: Option<Instant>,
    moved: Option<Instant>,
}

/// A whole database.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) tables: BTreeMap<String, Stored>,
    pub(super) positions: BTreeMap<TopicPartition, Stood>,
    /// Of which a start was settled.
    pub(super) starts: BTreeSet<TopicPartition>,
    pub(super) letters: BTreeMap<(TopicPartition, i64), KeptDeadLetter>,
    pub(super) acts: Vec<(TopicPartition, Act)>,
    pub(super) prepared: usize,
    pub(super) commits: Vec<usize>,
    pub(super) script: VecDeque<Fault>,
    pub(super) happened: Vec<Fault>,
    pub(super) away: bool,
    pub(super) shutting: Shutting,
    /// How often that was told.
    pub(super) refused: usize,
    pub(super) slow: Duration,
    pub(super) commands: Vec<(NewCommand, Instant)>,
    /// By owner: name, report, and when it came.
    pub(super) reports: BTreeMap<u128, (String, String, Instant)>,
}

pub(super) fn moved(what: &str) -> SinkError {
    SinkError::new(Class::Fenced, what)
}

/// The name of every sink in memory.
pub(super) const SINK: &str = "memory";

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

impl Stood {
    fn settled(position: Position, identity: &Identity, topic_id: Option<String>) -> Self {
        Self {
            row: PositionRow::settled(position),
            owner_name: None,
            identity: identity.clone(),
            topic_id,
            marks: Marks::default(),
            start: position.offset(),
            heartbeat: None,
            moved: Some(Instant::now()),
        }
    }

    /// A commit moved it.
    pub(super) fn reached(&mut self, marks: Marks) {
        self.marks.fingerprint = marks.fingerprint.or(self.marks.fingerprint);
        self.marks.leader_epoch = marks.leader_epoch.or(self.marks.leader_epoch);
        self.heartbeat = Some(Instant::now());
        self.moved = self.heartbeat;
    }

    fn stored(&self, tp: &TopicPartition) -> StoredPosition {
        StoredPosition {
            tp: tp.clone(),
            position: self.row.position,
            epoch: self.row.epoch.0,
            // One that only ever claimed by a fault has no name.
            owner: self
                .row
                .owner
                .map(|_| self.owner_name.clone().unwrap_or_default()),
            identity: Some(self.identity.clone()),
            topic_id: self.topic_id.clone(),
            fingerprint: self.marks.fingerprint,
            leader_epoch: self.marks.leader_epoch,
            heartbeat_age: self.heartbeat.map(|at| at.elapsed()),
            moved_age: self.moved.map(|at| at.elapsed()),
        }
    }
}

impl Owned for &mut Stood {
    fn ownership(&self) -> Ownership {
        let name = self.row.owner.and(self.owner_name.clone());
        Ownership {
            identity: Some(self.identity.clone()),
            owner: name.zip(self.heartbeat.map(|at| at.elapsed())),
        }
    }
}

impl State {
    /// What stands now, for whoever only looks.
    pub(super) fn copy(&self) -> Self {
        Self {
            tables: self.tables.clone(),
            positions: self.positions.clone(),
            starts: self.starts.clone(),
            letters: self.letters.clone(),
            acts: self.acts.clone(),
            ..Self::default()
        }
    }

    pub(super) fn settle(
        &mut self,
        identity: &Identity,
        rule: StartRule,
        starts: &[NewPosition],
    ) -> Result<(), SinkError> {
        let known =
            |s: &NewPosition| self.starts.contains(&s.tp) || self.positions.contains_key(&s.tp);
        if rule.all_or_none() && starts.iter().any(known) {
            return Err(moved("settled meanwhile"));
        }
        for start in starts {
            if !self.starts.insert(start.tp.clone()) || self.positions.contains_key(&start.tp) {
                continue;
            }
            let stood = Stood::settled(start.position, identity, start.topic_id.clone());
            self.positions.insert(start.tp.clone(), stood);
        }
        Ok(())
    }

    pub(super) fn claim(
        &mut self,
        member: &Member,
        identity: &Identity,
        tp: &TopicPartition,
    ) -> Result<Claimed, SinkError> {
        let stood = claimable(self.positions.get_mut(tp), SINK, tp, identity)?;
        let claim = stood.row.claim(member.owner);
        stood.owner_name = Some(member.name.clone());
        stood.heartbeat = Some(Instant::now());
        self.starts.insert(tp.clone());
        Ok(Claimed {
            claim,
            position: stood.row.position,
            reached: stood.row.position,
            fingerprint: stood.marks.fingerprint,
            leader_epoch: stood.marks.leader_epoch,
            topic_id: stood.topic_id.clone(),
            terminated: 0,
        })
    }

    /// The position's row under a claim that stands.
    pub(super) fn claimed(&mut self, tp: &TopicPartition, claim: Claim) -> Option<&mut Stood> {
        let stood = self.positions.get_mut(tp)?;
        let stands = stood.row.epoch == claim.epoch && stood.row.owner == Some(claim.owner);
        stands.then_some(stood)
    }

    /// Makes a table, or adds columns to it, under a claim that stands.
    pub(super) fn change_table(
        &mut self,
        tp: &TopicPartition,
        claim: Claim,
        name: &str,
        change: &TableChange,
    ) -> Result<(), SinkError> {
        if self.claimed(tp, claim).is_none() {
            return Err(moved(
                "another claimed the partition before the table was changed",
            ));
        }
        match change {
            TableChange::Create(table) => {
                let made = || Stored {
                    columns: table::made(&table.columns),
                    rows: Vec::new(),
                };
                self.tables.entry(name.to_owned()).or_insert_with(made);
            }
            TableChange::Add { columns, .. } => {
                let Some(stored) = self.tables.get_mut(name) else {
                    return Ok(());
                };
                let is_there =
                    |column: &ColumnSpec| stored.columns.iter().any(|c| c.name == column.name);
                let mut new = table::made(columns);
                new.retain(|column| !is_there(column));
                for row in &mut stored.rows {
                    row.values.extend(new.iter().map(|_| Kept::Null));
                }
                stored.columns.extend(new);
            }
            // Tables in memory have none, and no error asks for them.
            TableChange::Partitions { .. } => {}
        }
        Ok(())
    }

    pub(super) fn remember_topic(&mut self, tp: &TopicPartition, claim: Claim, id: &str) {
        if let Some(stood) = self.claimed(tp, claim) {
            stood.topic_id.get_or_insert_with(|| id.to_owned());
        }
    }

    pub(super) fn heartbeat(&mut self, member: &Member) {
        for stood in self.positions.values_mut() {
            if stood.row.owner == Some(member.owner) {
                stood.heartbeat = Some(Instant::now());
            }
        }
    }

    pub(super) fn stored(&self) -> Vec<StoredPosition> {
        self.positions.iter().map(|(tp, s)| s.stored(tp)).collect()
    }

    pub(super) fn set(&mut self, change: &PositionChange) -> Result<SetOutcome, SinkError> {
        let tp = &change.tp;
        let stood = match setting(self.positions.get_mut(tp), SINK, change)? {
            Setting::Refused(outcome) => return Ok(outcome),
            Setting::Change(stood) => stood,
            Setting::Make(to) => {
                if !self.starts.insert(tp.clone()) {
                    // It had one, which was lost.
                    self.note_move(change, to, None);
                }
                let stood = Stood::settled(to, &change.identity, change.topic_id.clone());
                self.positions.insert(tp.clone(), stood);
                return Ok(SetOutcome::Set { before: None });
            }
        };
        let (before, began) = (stood.row.position, stood.start);
        stood.row.set(change.to.unwrap_or(before));
        stood.owner_name = None;
        stood.identity = change.identity.clone();
        stood.topic_id.clone_from(&change.topic_id);
        stood.marks = Marks::default();
        if let Some(to) = change.to {
            stood.start = began.min(to.offset());
            stood.moved = Some(Instant::now());
            self.note_move(change, to, Some((before, began)));
        }
        self.starts.insert(tp.clone());
        Ok(SetOutcome::Set {
            before: Some(before),
        })
    }

    fn note_move(&mut self, change: &PositionChange, to: Position, from: Option<(Position, i64)>) {
        let act = Act::Moved {
            stood_at: from.map(|(at, _)| at.offset()),
            began_at: from.map(|(_, began)| began),
            to: to.offset(),
            anew: change.is_anew(),
        };
        self.acts.push((change.tp.clone(), act));
    }

    pub(super) fn keep_dead_letter(&mut self, tp: &TopicPartition, letter: &DeadLetter<'_>) {
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len) as u64;
        let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        let headers = letter.headers.iter();
        let kept = KeptDeadLetter {
            tp: tp.clone(),
            offset: letter.offset,
            timestamp: letter.timestamp,
            kept_at: now_ms(),
            condition: letter.condition.clone(),
            code: letter.code.clone(),
            column: letter.column.clone(),
            bytes: length(letter.key) + length(letter.value),
            payload: Some(Payload {
                key: owned(letter.key),
                value: owned(letter.value),
                headers: headers.map(|(n, v)| (n.to_string(), owned(*v))).collect(),
                text: Secret::new(letter.text.clone()),
            }),
        };
        self.letters.insert((tp.clone(), letter.offset), kept);
    }

    pub(super) fn drop_letters(&mut self, filter: &DeadLetterFilter) -> u64 {
        let gone: Vec<(TopicPartition, i64)> = self
            .letters
            .extract_if(.., |place, _| matches(filter, place))
            .map(|(place, _)| place)
            .collect();
        for of_one in gone.chunk_by(|a, b| a.0 == b.0) {
            let tp = &of_one[0].0;
            let stood_at = self.positions.get(tp).map(|s| s.row.position.offset());
            let offsets: Vec<i64> = of_one.iter().map(|(_, offset)| *offset).collect();
            let acts = islands(&offsets)
                .into_iter()
                .map(|(from, to)| (tp.clone(), Act::Dropped { stood_at, from, to }));
            self.acts.extend(acts);
        }
        gone.len() as u64
    }
}

/// Whether a filter is about a letter.
pub(super) fn matches(filter: &DeadLetterFilter, (tp, offset): &(TopicPartition, i64)) -> bool {
    filter.topic.as_ref().is_none_or(|t| *t == *tp.topic)
        && filter.partition.is_none_or(|p| p == tp.partition)
        && (filter.offsets.is_empty() || filter.offsets.contains(offset))
}
