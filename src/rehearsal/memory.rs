//! A sink in memory. Its position rows are the protocol's own
//! ([`PositionRow`]), so it is what the SQL sinks are measured by.

use plimsoll_protocol::{Claim, Class, Position, PositionRow, StartRule, TopicPartition, classify};
use plimsoll_sink_api::{
    Batch, Cell, Claimed, Column, Committed, Identity, KeptLetter, LetterFilter, LetterPage, Marks,
    Member, Mode, NewPosition, PositionChange, Prepared, Replay, SetOutcome, Settled, Shape, Sink,
    SinkError, StoredPosition, Table,
};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What happens to a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is applied, and the answer is lost.
    AppliedAnswerLost,
    /// It is not applied, and the answer is lost.
    NotAppliedAnswerLost,
    /// Rolled back for another's sake.
    Deadlock,
    /// The table is not the one that the rows were made for.
    Altered,
    /// Before it, somebody else claims the partition.
    ClaimedByAnother,
    /// Before it, an operator sets the position back to zero, and the rows with
    /// it.
    SetToZero,
}

/// When the right to write rows lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shutting {
    /// Never.
    #[default]
    Never,
    /// Always.
    Always,
    /// At every other statement.
    ByTurns(bool),
    /// At half of all statements, from this seed on.
    AtRandom(u64),
}

impl Shutting {
    /// Whether it lacks for the next statement.
    fn next(&mut self) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::ByTurns(shut) => {
                *shut = !*shut;
                *shut
            }
            Self::AtRandom(state) => {
                // xorshift64: as random as this has to be.
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                *state >> 63 == 1
            }
        }
    }
}

#[derive(Default)]
struct State {
    positions: HashMap<TopicPartition, PositionRow>,
    /// Of which a start was settled.
    starts: BTreeSet<TopicPartition>,
    /// Of owners, as they are told in [`Sink::positions`].
    names: HashMap<u128, String>,
    topic_ids: HashMap<TopicPartition, String>,
    marks: HashMap<TopicPartition, Marks>,
    rows: Vec<(TopicPartition, i64, String)>,
    dead: Vec<(TopicPartition, i64)>,
    prepared: usize,
    script: VecDeque<Fault>,
    happened: Vec<Fault>,
    away: bool,
    shutting: Shutting,
    /// How often that was told.
    refused: usize,
    slow: Duration,
}

impl State {
    /// What the table says of rows.
    fn judge(&mut self, batch: &Batch<'_, ()>) -> Result<(), SinkError> {
        if self.away {
            return Err(away());
        }
        let any = |what: &str| {
            let mut rows = batch.rows.iter();
            rows.any(|(_, cells)| matches!(&cells[0], Cell::Text(t) if t == what))
        };
        if self.shutting.next() && !batch.rows.is_empty() {
            self.refused += 1;
            return Err(coded("42501", "insufficient_privilege"));
        }
        if any("bad") {
            return Err(SinkError::new(Class::Rejected, "check_violation"));
        }
        match any("odd") {
            true => Err(coded("XX000", "internal_error")),
            false => Ok(()),
        }
    }
}

fn coded(code: &str, condition: &str) -> SinkError {
    let mut error = SinkError::new(classify(code), condition);
    error.detail.code = Some(code.to_owned());
    error
}

/// Rows with one column, `n`; a row whose `n` is `bad` is refused, and one whose `n`
/// is `odd`, too, with a code that could mean the table.
#[derive(Clone, Default)]
pub struct MemorySink(Arc<Mutex<State>>);

impl MemorySink {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }

    /// Adds faults for the commits to come.
    pub fn script(&self, faults: &[Fault]) {
        self.with(|s| s.script.extend(faults));
    }

    /// Faults that hit.
    pub fn happened(&self) -> Vec<Fault> {
        self.with(|s| s.happened.clone())
    }

    /// Whether nothing answers.
    pub fn set_away(&self, away: bool) {
        self.with(|s| s.away = away);
    }

    /// When rows may not be written.
    pub fn set_shutting(&self, shutting: Shutting) {
        self.with(|s| s.shutting = shutting);
    }

    /// How often rows were refused because they may not be written.
    pub fn refused(&self) -> usize {
        self.with(|s| s.refused)
    }

    /// How long each commit takes.
    pub fn set_slow(&self, slow: Duration) {
        self.with(|s| s.slow = slow);
    }

    /// What `positions set` does.
    pub fn set(&self, tp: &TopicPartition, to: i64) {
        self.with(|s| {
            let row = s.positions.get_mut(tp).expect("a position");
            row.set(Position::new(to).unwrap());
            s.marks.remove(tp);
        });
    }

    /// How often a table was read: the first time for the first batch.
    pub fn prepared(&self) -> usize {
        self.with(|s| s.prepared)
    }

    /// How often a partition was claimed.
    pub fn claims(&self, tp: &TopicPartition) -> i64 {
        self.with(|s| s.positions.get(tp).map_or(0, |p| p.epoch.0))
    }

    /// The offsets written of a partition, in the order of writing.
    pub fn offsets(&self, tp: &TopicPartition) -> Vec<i64> {
        self.with(|s| {
            s.rows
                .iter()
                .filter(|(t, _, _)| t == tp)
                .map(|(_, o, _)| *o)
                .collect()
        })
    }

    /// Dead letters of a partition.
    pub fn dead(&self, tp: &TopicPartition) -> Vec<i64> {
        self.with(|s| {
            s.dead
                .iter()
                .filter(|(t, _)| t == tp)
                .map(|(_, o)| *o)
                .collect()
        })
    }

    /// Where a partition stands.
    pub fn position(&self, tp: &TopicPartition) -> Option<i64> {
        self.with(|s| s.positions.get(tp).map(|p| p.position.offset()))
    }
}

fn away() -> SinkError {
    SinkError::new(Class::Away, "away")
}

impl Sink for MemorySink {
    type Plan = ();

    async fn migrate(&self) -> Result<(), SinkError> {
        if self.with(|s| s.away) {
            Err(away())
        } else {
            Ok(())
        }
    }

    async fn prepare(&self, _topic: &str) -> Result<Arc<Prepared<()>>, SinkError> {
        if self.with(|s| s.away) {
            return Err(away());
        }
        self.with(|s| s.prepared += 1);
        let column = Column {
            name: "n".into(),
            source: "value.n".parse().unwrap(),
            shape: Shape::Scalar,
            key: false,
            type_name: "text".into(),
        };
        Ok(Arc::new(Prepared {
            table: Table {
                name: "memory".into(),
                mode: Mode::Append,
                columns: vec![column],
            },
            plan: (),
        }))
    }

    async fn settled(&self) -> Result<Vec<Settled>, SinkError> {
        self.with(|s| {
            if s.away {
                return Err(away());
            }
            let settled = |tp: &TopicPartition| Settled {
                tp: tp.clone(),
                stands: s.positions.contains_key(tp),
            };
            Ok(s.starts.iter().map(settled).collect())
        })
    }

    async fn settle(
        &self,
        _: &Identity,
        rule: StartRule,
        starts: &[NewPosition],
    ) -> Result<(), SinkError> {
        self.with(|s| {
            if rule.all_or_none() && starts.iter().any(|n| s.starts.contains(&n.tp)) {
                return Err(SinkError::new(Class::Moved, "settled meanwhile"));
            }
            for start in starts {
                if !s.starts.insert(start.tp.clone()) {
                    continue;
                }
                s.positions
                    .insert(start.tp.clone(), PositionRow::settled(start.position));
                if let Some(id) = &start.topic_id {
                    s.topic_ids
                        .entry(start.tp.clone())
                        .or_insert_with(|| id.clone());
                }
            }
            Ok(())
        })
    }

    async fn claim(
        &self,
        member: &Member,
        _: &Identity,
        tp: &TopicPartition,
    ) -> Result<Claimed, SinkError> {
        self.with(|s| {
            if s.away {
                return Err(away());
            }
            let row = s
                .positions
                .get_mut(tp)
                .ok_or_else(|| SinkError::new(Class::Stale, "no position"))?;
            let claim = row.claim(member.owner);
            s.names.insert(member.owner.0, member.name.clone());
            Ok(Claimed {
                claim,
                position: row.position,
                reached: row.position,
                fingerprint: s.marks.get(tp).and_then(|m| m.fingerprint),
                leader_epoch: s.marks.get(tp).and_then(|m| m.leader_epoch),
                topic_id: s.topic_ids.get(tp).cloned(),
                terminated: 0,
            })
        })
    }

    async fn commit(&self, batch: &Batch<'_, ()>) -> Result<Committed, SinkError> {
        let tp = TopicPartition::new(batch.topic, batch.partition);
        tokio::time::sleep(self.with(|s| s.slow)).await;
        self.with(|s| {
            if s.away {
                return Err(away());
            }
            let fault = s.script.pop_front();
            s.happened.extend(fault);
            let row = s
                .positions
                .get_mut(&tp)
                .ok_or_else(|| SinkError::new(Class::Stale, "no position"))?;
            match fault {
                Some(Fault::NotAppliedAnswerLost) => return Err(away()),
                Some(Fault::Altered) => {
                    return Err(SinkError::new(Class::Stale, "the table changed"));
                }
                Some(Fault::Deadlock) => {
                    return Err(SinkError::new(Class::Again, "deadlock_detected"));
                }
                Some(Fault::ClaimedByAnother) => {
                    row.claim(plimsoll_protocol::Owner(0));
                }
                Some(Fault::SetToZero) => {
                    row.set(Position::ZERO);
                    s.marks.remove(&tp);
                    s.rows.retain(|(t, _, _)| *t != tp);
                }
                Some(Fault::AppliedAnswerLost) | None => {}
            }
            let texts: Vec<(i64, String)> = batch
                .rows
                .iter()
                .map(|(row, cells)| (row.offset, format!("{:?}", cells[0])))
                .collect();
            s.judge(batch)?;
            let row = s.positions.get_mut(&tp).expect("looked up above");
            row.advance(batch.claim, batch.span)
                .map_err(|_| SinkError::new(Class::Moved, "fenced"))?;
            let marks = s.marks.entry(tp.clone()).or_default();
            marks.fingerprint = batch.marks.fingerprint.or(marks.fingerprint);
            marks.leader_epoch = batch.marks.leader_epoch.or(marks.leader_epoch);
            let rows = texts.len() as u64;
            s.rows.extend(
                texts
                    .into_iter()
                    .map(|(offset, text)| (tp.clone(), offset, text)),
            );
            s.dead
                .extend(batch.dead.iter().map(|d| (tp.clone(), d.offset)));
            if fault == Some(Fault::AppliedAnswerLost) {
                return Err(away());
            }
            Ok(Committed {
                rows,
                ..Committed::default()
            })
        })
    }

    async fn takes(&self, batch: &Batch<'_, ()>) -> Result<(), SinkError> {
        tokio::time::sleep(self.with(|s| s.slow)).await;
        self.with(|s| s.judge(batch))
    }

    async fn rehearse(&self, _: &Batch<'_, ()>) -> Result<Committed, SinkError> {
        Ok(Committed::default())
    }

    async fn release(&self, tp: &TopicPartition, claim: Claim) -> Result<(), SinkError> {
        self.with(|s| {
            if let Some(row) = s.positions.get_mut(tp)
                && row.epoch == claim.epoch
            {
                row.owner = None;
            }
        });
        Ok(())
    }

    async fn heartbeat(&self, _: &Member) -> Result<(), SinkError> {
        Ok(())
    }

    async fn positions(&self) -> Result<Vec<StoredPosition>, SinkError> {
        let stored = |s: &State, (tp, row): (&TopicPartition, &PositionRow)| StoredPosition {
            tp: tp.clone(),
            position: row.position,
            epoch: row.epoch.0,
            // One that only ever claimed by a fault has no name.
            owner: row
                .owner
                .map(|o| s.names.get(&o.0).cloned().unwrap_or_default()),
            identity: None,
            topic_id: None,
            fingerprint: None,
            leader_epoch: None,
            heartbeat_age: None,
            moved_age: None,
        };
        self.with(|s| Ok(s.positions.iter().map(|p| stored(s, p)).collect()))
    }

    async fn set_position(&self, change: &PositionChange) -> Result<SetOutcome, SinkError> {
        self.with(|s| {
            let before = s.positions.get(&change.tp).map(|row| row.position);
            let to = change
                .to
                .or(before)
                .ok_or_else(|| SinkError::new(Class::Stale, "no position"))?;
            s.positions
                .entry(change.tp.clone())
                .or_insert(PositionRow::settled(to))
                .set(to);
            s.topic_ids.remove(&change.tp);
            s.topic_ids
                .extend(change.topic_id.clone().map(|id| (change.tp.clone(), id)));
            s.marks.remove(&change.tp);
            Ok(SetOutcome::Set { before })
        })
    }

    async fn remember_topic(
        &self,
        tp: &TopicPartition,
        claim: Claim,
        topic_id: &str,
    ) -> Result<(), SinkError> {
        self.with(|s| {
            if s.positions
                .get(tp)
                .is_some_and(|row| row.epoch == claim.epoch)
            {
                s.topic_ids
                    .entry(tp.clone())
                    .or_insert_with(|| topic_id.to_owned());
            }
            Ok(())
        })
    }

    async fn holds_rows(&self, _: &Prepared<()>, tp: &TopicPartition) -> Result<bool, SinkError> {
        self.with(|s| Ok(s.rows.iter().any(|(t, _, _)| t == tp)))
    }

    async fn dead_letters(
        &self,
        filter: &LetterFilter,
        page: &LetterPage,
    ) -> Result<Vec<KeptLetter>, SinkError> {
        let wanted = |tp: &TopicPartition, offset: i64| {
            matches(filter, tp, offset)
                && page
                    .after
                    .as_ref()
                    .is_none_or(|(t, o)| (tp, offset) > (t, *o))
        };
        self.with(|s| {
            let mut found: Vec<_> = s
                .dead
                .iter()
                .filter(|(tp, o)| wanted(tp, *o))
                .cloned()
                .collect();
            found.sort();
            found.truncate(page.limit as usize);
            let letter = |(tp, offset)| KeptLetter {
                tp,
                offset,
                timestamp: None,
                kept_at: 0,
                condition: "kept".into(),
                code: None,
                column: None,
                bytes: 0,
                payload: None,
            };
            Ok(found.into_iter().map(letter).collect())
        })
    }

    async fn replay(&self, replay: &Replay<'_, ()>) -> Result<Committed, SinkError> {
        let tp = TopicPartition::new(replay.topic, replay.partition);
        self.with(|s| {
            let moved = || SinkError::new(Class::Moved, "moved");
            let position = s.positions.get(&tp).ok_or_else(moved)?.position;
            let offsets: Vec<i64> = replay.rows.iter().map(|(row, _)| row.offset).collect();
            let stands = match replay.stands_at {
                Some(wanted) => position == wanted,
                None => offsets.iter().all(|o| *o < position.offset()),
            };
            let kept = |o: &i64| s.dead.contains(&(tp.clone(), *o));
            if !stands || !offsets.iter().all(kept) {
                return Err(moved());
            }
            s.dead.retain(|(t, o)| *t != tp || !offsets.contains(o));
            s.rows.extend(
                replay
                    .rows
                    .iter()
                    .map(|(row, cells)| (tp.clone(), row.offset, format!("{:?}", cells[0]))),
            );
            Ok(Committed {
                rows: offsets.len() as u64,
                ..Committed::default()
            })
        })
    }

    async fn drop_dead_letters(&self, filter: &LetterFilter) -> Result<u64, SinkError> {
        self.with(|s| {
            let before = s.dead.len();
            s.dead.retain(|(tp, offset)| !matches(filter, tp, *offset));
            Ok((before - s.dead.len()) as u64)
        })
    }
}

fn matches(filter: &LetterFilter, tp: &TopicPartition, offset: i64) -> bool {
    filter.topic.as_ref().is_none_or(|t| *t == *tp.topic)
        && filter.partition.is_none_or(|p| p == tp.partition)
        && (filter.offsets.is_empty() || filter.offsets.contains(&offset))
}
