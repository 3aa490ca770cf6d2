//! What a process does with an answer: the service's own table decides.

use super::database::Serial;
use super::state::{Consuming, Event, Mind, Part, Request, State, What};
use super::{OnBad, PostgresModel, Wrong};
use crate::faults::Fault;
use crate::topic::at;
use plimsoll_protocol::{
    Answer as Heard, Ask, Assignment, Claim, Class, Comparison, Finding, Guard, Next, Outcome,
    Owner, Position, Reread, Resolution, Step, classify, next_step, resolve,
};

/// How the database answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// As it finds things.
    Arrives,
    /// The same, and the answer is lost.
    Unheard,
    /// The transaction is rolled back for another's sake.
    RolledBack,
}

/// SQLSTATEs that the database and the driver answer with.
const AWAY: &str = "08006";
const DEADLOCK: &str = "40P01";
const NOT_NULL: &str = "23502";
const NO_RIGHT: &str = "42501";
const INTERNAL: &str = "XX000";

/// The order of a comparison: by turns. A table that changes its mind less often
/// than that is found out by any order that has as many turns.
const ORDER: u64 = 0x5555_5555_5555_5555;

/// The random id of a process; another one each time it is started.
pub fn owner(process: usize, life: u8) -> Owner {
    Owner(1 + process as u128 + 16 * u128::from(life))
}

impl State {
    pub(super) fn send(&mut self, from: usize, what: What) {
        let awaited = !matches!(what, What::Release(_));
        self.requests.push(Request {
            from,
            awaited,
            what,
        });
    }

    /// Nobody waits any more for what a process asked.
    pub(super) fn unawait(&mut self, process: usize) {
        for request in &mut self.requests {
            request.awaited &= request.from != process;
        }
    }

    /// The partition's life in a process is over.
    pub(super) fn forget(&mut self, process: usize) {
        self.unawait(process);
        let p = &mut self.processes[process];
        p.mind = Mind::Empty;
        p.belief = None;
    }

    fn consuming(&mut self, process: usize) -> Option<&mut Consuming> {
        match &mut self.processes[process].mind {
            Mind::Consuming(consuming) => Some(consuming),
            _ => None,
        }
    }

    /// Claims, or claims again. A process that Kafka took the partition from
    /// does so only as a fault of its own, or two would fence each other for as
    /// long as it does not hear.
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

    /// Sends the next part of the batch in flight.
    pub(super) fn send_part(&mut self, process: usize) {
        let Some(c) = self.consuming(process) else {
            return;
        };
        c.resolving = false;
        if let Some(part) = c.parts.last().cloned() {
            let (claim, serial, catalogue) = (c.claim, c.serial, c.catalogue);
            self.send(
                process,
                What::Commit {
                    claim,
                    serial,
                    part,
                    catalogue,
                },
            );
        }
    }
}

impl PostgresModel {
    /// A request reaches the database, which answers.
    pub(super) fn arrive(&self, s: &mut State, index: usize, answer: Answer) {
        let request = s.requests.remove(index);
        let heard = request.awaited && answer != Answer::Unheard;
        let from = request.from;
        let deprived = s.kafka != Some(from);
        match request.what {
            What::Release(claim) => s.database.row.release(claim),
            What::Claim(owner) => {
                s.claims += 1;
                let (claim, position, wrong) = s.database.claim(owner, s.claims);
                s.wrong = s.wrong.or(wrong);
                if deprived && s.kafka.is_some() {
                    s.last.note(Event::ZombieClaimed);
                }
                if heard {
                    self.claimed(s, from, claim, s.claims, position);
                } else if request.awaited {
                    self.claim_unanswered(s, from);
                }
            }
            What::Commit {
                claim,
                serial,
                part,
                catalogue,
            } => {
                let result = self.commit(s, claim, serial, &part, catalogue, answer);
                match result {
                    Ok(()) => {
                        if !request.awaited {
                            s.last.note(Event::LateApplied);
                        }
                    }
                    Err(Class::Fenced) if deprived => s.last.note(Event::ZombieFenced),
                    Err(_) => {}
                }
                if heard {
                    let belief = s.processes[from].belief;
                    if result.is_ok() && belief == Some(Assignment::Gone) {
                        s.last.note(Event::HeardOut);
                    }
                    self.answered(s, from, result);
                } else if request.awaited {
                    self.answered(s, from, Err(classify(AWAY)));
                }
            }
            What::Try { offset, catalogue } => {
                let taken = self.takes(s, offset, catalogue);
                if request.awaited {
                    self.tried(s, from, heard.then_some(taken));
                }
            }
        }
    }

    /// Whether the table takes a record now.
    fn takes(&self, s: &State, offset: i64, catalogue: u8) -> bool {
        catalogue == s.database.catalogue
            && !s.database.shut
            && !self.log.is_bad(offset)
            && !self.log.is_odd(offset)
    }

    fn commit(
        &self,
        s: &mut State,
        claim: Claim,
        serial: Serial,
        part: &Part,
        catalogue: u8,
        answer: Answer,
    ) -> Result<(), Class> {
        if answer == Answer::RolledBack {
            s.last.note(Event::Repeated);
            return Err(classify(DEADLOCK));
        }
        if catalogue != s.database.catalogue && !part.offsets.is_empty() {
            return Err(Class::Stale);
        }
        let rows = if part.dead { &[][..] } else { &part.offsets };
        if s.database.shut && !rows.is_empty() {
            return Err(classify(NO_RIGHT));
        }
        if rows.iter().any(|o| self.log.is_bad(*o)) {
            return Err(classify(NOT_NULL));
        }
        if rows.iter().any(|o| self.log.is_odd(*o)) {
            return Err(classify(INTERNAL));
        }
        let row = s.database.row;
        let before = s.database.last_writer;
        match s.database.commit(claim, serial, part.span, &part.offsets) {
            Ok(wrong) => {
                s.wrong = s.wrong.or(wrong);
                if before.is_some_and(|b| b != claim.owner) {
                    s.last.note(Event::TakenOver);
                }
                if part.offsets.is_empty() {
                    s.last.note(Event::MovedOverGaps);
                }
                if part.dead {
                    s.last.note(Event::DeadLetter);
                    let of =
                        |kind: fn(&Self, i64) -> bool| part.offsets.iter().any(|o| kind(self, *o));
                    if of(|m, o| m.log.is_odd(o)) {
                        s.last.note(Event::Compared);
                    } else if !of(|m, o| m.log.is_bad(o)) {
                        s.wrong = s.wrong.or(Some(Wrong::GoodBuried));
                    }
                }
                Ok(())
            }
            Err(_) => {
                let same = row.epoch == claim.epoch && row.position == part.span.from();
                if same && row.owner.is_some_and(|o| o != claim.owner) {
                    s.last.note(Event::EpochShared);
                }
                Err(classify(plimsoll_protocol::FENCED))
            }
        }
    }

    /// A request never reaches the database, or its sender gives up first.
    pub(super) fn give_up(&self, s: &mut State, index: usize, arrives_later: bool) {
        let request = if arrives_later {
            let request = s.requests[index].clone();
            s.requests[index].awaited = false;
            request
        } else {
            s.requests.remove(index)
        };
        match request.what {
            What::Release(_) => {}
            What::Claim(_) => self.claim_unanswered(s, request.from),
            What::Commit { .. } => self.answered(s, request.from, Err(classify(AWAY))),
            What::Try { .. } => self.tried(s, request.from, None),
        }
    }

    fn claimed(
        &self,
        s: &mut State,
        process: usize,
        claim: Claim,
        serial: Serial,
        position: Position,
    ) {
        let catalogue = s.database.catalogue;
        let p = &mut s.processes[process];
        match &mut p.mind {
            Mind::Claiming => {
                p.mind = Mind::Consuming(Consuming {
                    claim,
                    serial,
                    guard: Guard::new(position),
                    sealed: position,
                    taken: Vec::new(),
                    acknowledged: position,
                    batch: Vec::new(),
                    parts: Vec::new(),
                    comparison: None,
                    resolving: false,
                    catalogue,
                });
            }
            Mind::Consuming(c) => {
                c.claim = claim;
                c.serial = serial;
                let Some(part) = c.parts.last() else { return };
                let resolution = resolve(position, part.span);
                s.last.note(match resolution {
                    Resolution::Committed => Event::ResolvedCommitted,
                    Resolution::NotCommitted => Event::ResolvedNotCommitted,
                    Resolution::OutOfStep => Event::ResolvedOutOfStep,
                });
                self.step(s, process, Outcome::Resolved(resolution));
            }
            Mind::Empty | Mind::Unclaimed | Mind::Halted(_) => {}
        }
    }

    /// A claim is made again as long as the assignment lives.
    fn claim_unanswered(&self, s: &mut State, process: usize) {
        let p = &mut s.processes[process];
        match &p.mind {
            Mind::Claiming => s.begin_anew(process),
            Mind::Consuming(_) if p.belief == Some(Assignment::Gone) => s.forget(process),
            Mind::Consuming(_) => {
                let owner = owner(process, p.life);
                s.send(process, What::Claim(owner));
            }
            Mind::Empty | Mind::Unclaimed | Mind::Halted(_) => {}
        }
    }

    fn answered(&self, s: &mut State, process: usize, result: Result<(), Class>) {
        let Some(part) = s.consuming(process).and_then(|c| c.parts.last()) else {
            return;
        };
        let outcome = match result {
            Ok(()) => Outcome::Committed,
            Err(class) => Outcome::Failed {
                class,
                divisible: part.offsets.len() > 1,
                reread: match class {
                    Class::Rejected => part.reread_rejected,
                    Class::Suspect => part.reread_suspect,
                    Class::Stale => part.reread_stale,
                    Class::Fenced | Class::Transient | Class::Unavailable | Class::Halt => {
                        Reread::Not
                    }
                },
            },
        };
        self.step(s, process, outcome);
    }

    /// The liveness table.
    fn step(&self, s: &mut State, process: usize, outcome: Outcome) {
        let Some(belief) = s.processes[process].belief else {
            return;
        };
        let (catalogue, rightful) = (s.database.catalogue, s.kafka == Some(process));
        let life = s.processes[process].life;
        let Some(c) = s.consuming(process) else {
            return;
        };
        match next_step(outcome, belief) {
            Step::GoOn => {
                if let Some(done) = c.parts.pop() {
                    c.acknowledged = done.span.to();
                }
                if c.parts.is_empty() {
                    c.batch.clear();
                }
                let more = !c.parts.is_empty() && belief != Assignment::Gone;
                if more {
                    s.send_part(process);
                } else if belief != Assignment::Live {
                    self.end(s, process, belief);
                } else {
                    c.resolving = false;
                }
            }
            Step::Repeat => s.send_part(process),
            Step::Resolve => {
                c.resolving = true;
                s.send(process, What::Claim(owner(process, life)));
            }
            Step::Restart => {
                if rightful {
                    s.last.note(Event::RightfulFenced);
                }
                s.begin_anew(process);
            }
            Step::Drop => self.end(s, process, belief),
            Step::Bisect => {
                let part = c.parts.pop().expect("a part was refused");
                let half = part.offsets.len() / 2;
                let (low, high) = part.offsets.split_at(half);
                let Some((before, behind)) = part.span.split(at(high[0])) else {
                    // Records that lie outside of their span, or out of order.
                    return halt(s, process);
                };
                for (span, offsets) in [(behind, high), (before, low)] {
                    let mut half = Part::new(span, offsets.to_vec());
                    if part.reread_suspect != Reread::Not {
                        half.reread_suspect = Reread::Larger;
                    }
                    c.parts.push(half);
                }
                s.last.note(Event::Bisected);
                s.send_part(process);
            }
            Step::Reread => {
                c.catalogue = catalogue;
                let part = c.parts.last_mut().expect("a part was refused");
                let Outcome::Failed { class, .. } = outcome else {
                    return;
                };
                match class {
                    Class::Stale => part.reread_stale = Reread::This,
                    Class::Suspect => part.reread_suspect = Reread::This,
                    _ => part.reread_rejected = Reread::This,
                }
                s.last.note(Event::Reread);
                s.send_part(process);
            }
            Step::BadRecord => self.bad(s, process),
            Step::Compare => {
                let part = c.parts.last().expect("a part was refused");
                let at = c.batch.iter().position(|o| part.offsets.contains(o));
                match at {
                    Some(at) if !part.dead => {
                        c.comparison = Some(Comparison::new(at, c.batch.len(), ORDER));
                        self.compare(s, process);
                    }
                    _ => halt(s, process),
                }
            }
            Step::Halt => halt(s, process),
        }
    }

    /// One record is refused for good.
    fn bad(&self, s: &mut State, process: usize) {
        let Some(part) = s.consuming(process).and_then(|c| c.parts.last_mut()) else {
            return;
        };
        match self.on_bad {
            OnBad::DeadLetter if !part.dead && !part.offsets.is_empty() => {
                part.dead = true;
                s.send_part(process);
            }
            OnBad::DeadLetter | OnBad::Halt => halt(s, process),
        }
    }

    /// Asks the next question of a comparison, or acts on what it found.
    fn compare(&self, s: &mut State, process: usize) {
        let Some(c) = s.consuming(process) else {
            return;
        };
        let Some(comparison) = &c.comparison else {
            return;
        };
        let finding = match comparison.next() {
            Next::Ask(ask) => {
                let offset = match (ask, c.parts.last()) {
                    (Ask::Neighbour(i), _) => c.batch[i],
                    (Ask::Refused, Some(part)) => part.offsets[0],
                    (Ask::Refused, None) => return,
                };
                let catalogue = c.catalogue;
                return s.send(process, What::Try { offset, catalogue });
            }
            Next::Found(finding) => finding,
        };
        c.comparison = None;
        match finding {
            Finding::Own => self.bad(s, process),
            Finding::Shared | Finding::Alone => halt(s, process),
            Finding::Changing => {
                if let Some(part) = c.parts.last_mut() {
                    part.reread_suspect = Reread::Not;
                }
                s.last.note(Event::Changing);
                s.send_part(process);
            }
        }
    }

    /// The answer to a question of a comparison; `None`: it was lost.
    fn tried(&self, s: &mut State, process: usize, taken: Option<bool>) {
        let belief = s.processes[process].belief;
        let Some(c) = s.consuming(process) else {
            return;
        };
        let Some(comparison) = &mut c.comparison else {
            return;
        };
        match (belief, taken) {
            (None | Some(Assignment::Gone), _) => {
                self.end(s, process, Assignment::Gone);
            }
            (Some(_), Some(taken)) => {
                comparison.heard(match taken {
                    true => Heard::Taken,
                    false => Heard::Refused,
                });
                self.compare(s, process);
            }
            // Nothing was written: all again.
            (Some(_), None) => {
                c.comparison = None;
                s.send_part(process);
            }
        }
    }

    /// The writer ends. In good order it gives its claim back, and Kafka is told
    /// that the partition is free.
    fn end(&self, s: &mut State, process: usize, belief: Assignment) {
        let claim = s.consuming(process).map(|c| c.claim);
        match belief {
            // A writer that ends while the assignment lives is a fault of the
            // table: the partition stands still.
            Assignment::Live => s.processes[process].mind = Mind::Empty,
            Assignment::Leaving => {
                s.forget(process);
                if let Some(claim) = claim {
                    s.send(process, What::Release(claim));
                }
                if s.kafka == Some(process) {
                    s.kafka = None;
                    s.last.note(Event::HandedOver);
                }
            }
            Assignment::Gone => s.forget(process),
        }
    }

    /// SIGKILL: what was sent may still arrive.
    pub(super) fn crash(&self, s: &mut State, process: usize) {
        s.budget.spend(Fault::Crash);
        if s.requests
            .iter()
            .any(|r| r.from == process && r.awaited && matches!(r.what, What::Commit { .. }))
        {
            s.last.note(Event::CrashedInCommit);
        }
        s.forget(process);
        s.processes[process].life += 1;
        if s.kafka == Some(process) {
            s.kafka = None;
        }
    }

    /// Position and rows go back together; what was on its way is cut off.
    pub(super) fn fail_over(&self, s: &mut State) {
        let Some(replica) = s.replica.take() else {
            return;
        };
        if replica.rows.iter().sum::<u8>() < s.database.rows.iter().sum::<u8>() {
            s.last.note(Event::CommitTakenBack);
        }
        s.database = replica;
        let cut: Vec<Request> = std::mem::take(&mut s.requests);
        for request in cut.into_iter().filter(|r| r.awaited) {
            match request.what {
                What::Release(_) => {}
                What::Claim(_) => self.claim_unanswered(s, request.from),
                What::Commit { .. } => self.answered(s, request.from, Err(classify(AWAY))),
                What::Try { .. } => self.tried(s, request.from, None),
            }
        }
    }
}

/// Stops the partition where it is; one that leaves anyway is forgotten.
fn halt(s: &mut State, process: usize) {
    if s.processes[process].belief != Some(Assignment::Live) {
        s.forget(process);
        if s.kafka == Some(process) {
            s.kafka = None;
        }
        return;
    }
    let claim = s.consuming(process).map(|c| c.claim);
    if let Some(claim) = claim {
        s.processes[process].mind = Mind::Halted(claim);
        s.last.note(Event::Halted);
    }
}
