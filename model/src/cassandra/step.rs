//! What the database does with a request, and a process with the answer.

use super::state::{Event, Mind, Request, State, Stored, What, Writing};
use super::table::Write;
use super::{CassandraModel, WINDOW_MS, Without};
use crate::faults::Fault;
use crate::topic::at;
use plimsoll_protocol::{
    Assignment, Class, Mark, Marks, Outcome, Owner, Position, Reread, Span, Step, next_step,
    resolve, rewind,
};

/// The random id of a process.
pub fn owner(process: usize, life: u8) -> Owner {
    Owner(1 + process as u128 + 16 * u128::from(life))
}

impl State {
    /// Milliseconds since the model began.
    pub(super) fn now_ms(&self) -> i64 {
        i64::from(self.windows) * WINDOW_MS
    }

    pub(super) fn send(&mut self, from: usize, what: What) {
        self.requests.push(Request {
            from,
            awaited: true,
            what,
        });
    }

    pub(super) fn unawait(&mut self, process: usize) {
        for request in &mut self.requests {
            request.awaited &= request.from != process;
        }
    }

    pub(super) fn forget(&mut self, process: usize) {
        self.unawait(process);
        let p = &mut self.processes[process];
        p.mind = Mind::Empty;
        p.belief = None;
        p.cut = false;
    }

    pub(super) fn begin_anew(&mut self, process: usize) {
        if self.kafka == Some(process) {
            self.ask_claim(process);
        } else {
            self.processes[process].mind = Mind::Unclaimed;
        }
    }

    pub(super) fn ask_claim(&mut self, process: usize) {
        let p = &mut self.processes[process];
        p.mind = Mind::Claiming;
        let owner = owner(process, p.life);
        self.send(process, What::Claim(owner));
    }

    pub(super) fn writing(&mut self, process: usize) -> Option<&mut Writing> {
        match &mut self.processes[process].mind {
            Mind::Writing(writing) => Some(writing),
            _ => None,
        }
    }

    /// The newest generation's position row.
    pub(super) fn stored(&self) -> Option<&Stored> {
        self.positions
            .get(self.generation.number as usize)
            .and_then(Option::as_ref)
    }
}

impl CassandraModel {
    /// Where a claim begins now.
    pub(super) fn start(&self, s: &State) -> Position {
        let none: &[Mark] = &[];
        let marks = s.stored().map_or(none, |stored| &stored.marks);
        let window = if self.without == Some(Without::Rewind) {
            0
        } else {
            WINDOW_MS
        };
        rewind(marks, window, s.row.position, Position::ZERO)
    }

    fn write(&self, s: &State, process: usize, offset: i64) -> Option<Write> {
        let Mind::Writing(w) = &s.processes[process].mind else {
            return None;
        };
        let entry = self.log[offset as usize];
        Some(Write {
            offset,
            entry,
            at: if self.without == Some(Without::OffsetTimestamps) {
                s.clock
            } else if entry.deletes() {
                w.generation.deletes_at(offset)
            } else {
                w.generation.writes_at(offset)
            },
            mapping: w.mapping,
        })
    }

    fn send_row(&self, s: &mut State, process: usize, offset: i64) {
        if self.without == Some(Without::OffsetTimestamps) {
            s.clock += 1;
        }
        if let Some(write) = self.write(s, process, offset) {
            s.send(process, What::Row(write));
        }
    }

    fn send_position(&self, s: &mut State, process: usize) {
        let now = s.now_ms();
        let Some(w) = s.writing(process) else { return };
        let Some((span, _)) = &w.batch else { return };
        let next = span.to();
        w.marks.reach(next, now);
        let stored = Stored {
            next,
            marks: w.marks.list().to_vec(),
        };
        let number = w.generation.number;
        s.send(process, What::Position(number, stored));
    }

    /// Sends all rows of a batch; the position follows the last acknowledgement.
    pub(super) fn send_batch(&self, s: &mut State, process: usize, span: Span) {
        let offsets: Vec<i64> = (span.from().offset()..span.to().offset()).collect();
        let Some(w) = s.writing(process) else { return };
        w.resolving = false;
        w.batch = Some((span, offsets.clone()));
        for offset in offsets {
            self.send_row(s, process, offset);
        }
        if self.without == Some(Without::RowsFirst) {
            self.send_position(s, process);
        }
    }

    /// A request reaches the database; `heard`: the answer reaches the sender.
    pub(super) fn arrive(&self, s: &mut State, index: usize, heard: bool) {
        let request = s.requests.remove(index);
        let from = request.from;
        let heard = heard && request.awaited;
        let zombie = s.kafka.is_some_and(|p| p != from);
        match request.what {
            What::Claim(owner) => {
                let claim = s.row.claim(owner);
                if !heard {
                    if request.awaited {
                        self.unanswered_claim(s, from);
                    }
                    return;
                }
                let start = self.start(s);
                if s.stored().is_some_and(|stored| start < stored.next) {
                    s.last.note(Event::Rewound);
                }
                let (generation, mapping) = (s.generation, s.mapping);
                let marks = Marks::begin(start, s.now_ms(), WINDOW_MS);
                let p = &mut s.processes[from];
                p.cut = false;
                match &mut p.mind {
                    Mind::Claiming => {
                        p.mind = Mind::Writing(Writing {
                            claim,
                            generation,
                            mapping,
                            marks,
                            next: start,
                            acknowledged: start,
                            batch: None,
                            resolving: false,
                        });
                    }
                    Mind::Writing(w) => {
                        let same = w.generation == generation;
                        w.claim = claim;
                        w.marks = marks;
                        let Some((span, _)) = w.batch else { return };
                        s.last.note(Event::Resolved);
                        // A batch of another generation is out of step wherever
                        // the new one stands.
                        let resolution = if same {
                            resolve(start, span)
                        } else {
                            plimsoll_protocol::Resolution::OutOfStep
                        };
                        self.step(s, from, Outcome::Resolved(resolution));
                    }
                    Mind::Empty | Mind::Unclaimed => {}
                }
            }
            What::Row(write) => {
                let before = s.table.read();
                let later = Write {
                    offset: write.offset + 1,
                    ..write.clone()
                };
                if zombie {
                    s.last.note(Event::ZombieWrote);
                }
                if !request.awaited {
                    s.last.note(Event::LateWrite);
                }
                let newer = before[write.entry.key()].iter().flatten();
                for (offset, mapping) in newer {
                    if *mapping > write.mapping {
                        s.last.note(Event::OlderGeneration);
                    }
                    if *offset >= later.offset && *mapping == write.mapping {
                        s.last.note(Event::OutOfOrder);
                    }
                }
                let offset = write.offset;
                s.table.write(write);
                if self.windows == 0 {
                    // Nothing is ever lost.
                    s.table.sync();
                }
                if zombie && s.table.read() == before {
                    s.last.note(Event::ZombieLost);
                }
                if heard {
                    self.row_acknowledged(s, from, offset);
                } else if request.awaited {
                    s.last.note(Event::Repeated);
                    self.send_row(s, from, offset);
                }
            }
            What::Position(generation, stored) => {
                let place = generation as usize;
                if s.positions.len() <= place {
                    s.positions.resize(place + 1, None);
                }
                let old = &mut s.positions[place];
                // The offset is the timestamp; a tie is settled by the values.
                if old
                    .as_ref()
                    .is_none_or(|o| (o.next, o.marks.len()) <= (stored.next, stored.marks.len()))
                {
                    *old = Some(stored);
                }
                if heard {
                    self.answered(s, from, Ok(()));
                } else if request.awaited {
                    self.answered(s, from, Err(Class::Unavailable));
                }
            }
        }
    }

    /// A request is lost, or its sender gives up before it arrives.
    pub(super) fn give_up(&self, s: &mut State, index: usize, arrives_later: bool) {
        let request = s.requests[index].clone();
        if arrives_later {
            s.requests[index].awaited = false;
        } else {
            s.requests.remove(index);
        }
        self.unanswered(s, request);
    }

    fn unanswered(&self, s: &mut State, request: Request) {
        match request.what {
            What::Claim(_) => self.unanswered_claim(s, request.from),
            What::Row(write) => self.send_row(s, request.from, write.offset),
            What::Position(..) => self.answered(s, request.from, Err(Class::Unavailable)),
        }
    }

    fn unanswered_claim(&self, s: &mut State, process: usize) {
        let p = &mut s.processes[process];
        match &p.mind {
            Mind::Claiming => s.begin_anew(process),
            Mind::Writing(_) => {
                let owner = owner(process, p.life);
                s.send(process, What::Claim(owner));
            }
            Mind::Empty | Mind::Unclaimed => {}
        }
    }

    fn row_acknowledged(&self, s: &mut State, process: usize, offset: i64) {
        let Some(w) = s.writing(process) else { return };
        let Some((_, missing)) = &mut w.batch else {
            return;
        };
        missing.retain(|o| *o != offset);
        if missing.is_empty() && self.without != Some(Without::RowsFirst) {
            self.send_position(s, process);
        }
    }

    fn answered(&self, s: &mut State, process: usize, result: Result<(), Class>) {
        let outcome = match result {
            Ok(()) => Outcome::Committed,
            Err(class) => Outcome::Failed {
                class,
                divisible: true,
                reread: Reread::Not,
            },
        };
        self.step(s, process, outcome);
    }

    /// The liveness table, as for Postgres.
    fn step(&self, s: &mut State, process: usize, outcome: Outcome) {
        let Some(belief) = s.processes[process].belief else {
            return;
        };
        let life = s.processes[process].life;
        let Some(w) = s.writing(process) else { return };
        let Some((span, _)) = w.batch.clone() else {
            return;
        };
        match next_step(outcome, belief) {
            Step::GoOn => {
                w.acknowledged = span.to();
                w.next = span.to();
                w.batch = None;
                w.resolving = false;
                if belief != Assignment::Live {
                    self.end(s, process);
                }
            }
            Step::Repeat => self.send_batch(s, process, span),
            Step::Resolve => {
                w.resolving = true;
                s.unawait(process);
                s.send(process, What::Claim(owner(process, life)));
            }
            Step::Restart => s.begin_anew(process),
            Step::Drop => self.end(s, process),
            // Nothing in this model refuses a record.
            Step::Bisect | Step::BadRecord | Step::Compare | Step::Reread | Step::Halt => {
                s.processes[process].mind = Mind::Empty;
            }
        }
    }

    fn end(&self, s: &mut State, process: usize) {
        let leaving = s.processes[process].belief == Some(Assignment::Leaving);
        s.forget(process);
        if leaving && s.kafka == Some(process) {
            s.kafka = None;
        }
    }

    /// Every node loses its last seconds, write by write; all connections are
    /// cut.
    pub(super) fn power_cut(&self, s: &mut State, rows: u32, position: bool) {
        s.budget.spend(Fault::Failover);
        if rows != 0 && !position {
            s.last.note(Event::RowLost);
        }
        s.table.power_cut(rows);
        if position {
            s.last.note(Event::PositionLost);
            s.positions = s.positions_on_disk.clone();
        } else {
            s.positions_on_disk = s.positions.clone();
        }
        for p in &mut s.processes {
            p.cut = p.belief.is_some() && self.without != Some(Without::RestartAfterOutage);
        }
        let cut = std::mem::take(&mut s.requests);
        let mut told = [false; 8];
        for request in cut.into_iter().filter(|r| r.awaited) {
            let from = request.from;
            let rows = matches!(request.what, What::Row(_));
            if rows && self.without != Some(Without::RestartAfterOutage) {
                // What was acknowledged of this batch may be gone with it.
                if !std::mem::replace(&mut told[from], true) {
                    self.answered(s, from, Err(Class::Unavailable));
                }
            } else {
                self.unanswered(s, request);
            }
        }
    }

    /// Whether everything that a claim would skip is in the table.
    pub(super) fn nothing_lost(&self, s: &State) -> bool {
        let start = self.start(s).offset();
        (s.row.position.offset()..start).all(|offset| {
            let entry = self.log[offset as usize];
            let at = if entry.deletes() {
                s.generation.deletes_at(offset)
            } else {
                s.generation.writes_at(offset)
            };
            s.table.reflects(&Write {
                offset,
                entry,
                at,
                mapping: s.mapping,
            })
        })
    }

    /// `positions set` back to a place: a new generation.
    pub(super) fn set(&self, s: &mut State, to: i64) {
        s.budget.spend(Fault::Set);
        if s.requests
            .iter()
            .any(|r| r.awaited && matches!(r.what, What::Row(_)))
        {
            s.last.note(Event::SetDuringCommit);
        }
        let next = s.stored().map_or(s.row.position, |stored| stored.next);
        s.row.set(at(to));
        s.mapping += 1;
        if self.without != Some(Without::NewGeneration) {
            let now_us = self.now_us(s);
            s.generation = s.generation.following(next, now_us, self.end_of_log());
        }
    }
}
