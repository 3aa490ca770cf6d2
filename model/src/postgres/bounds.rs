//! The bounds within which the model is searched, and why these.
//!
//! Two records: one can be in a batch that is committed while the other is in
//! the next, or both in one. Two processes: a stale one and a rightful one; a
//! third is another of either kind, and one search has it. Each bound on faults
//! is as high as the tests' time allows: a further fault multiplies the number
//! of states by fifty to a hundred.

use super::{Event, OnBad, PostgresModel};
use crate::faults::{Budget, Fault};
use crate::topic::{Entry, Log};
use Entry::{Bad, Gap, Odd, Record};
use Event::{
    Bisected, Changing, CommitTakenBack, Compared, CrashedInCommit, DeadLetter, EpochShared,
    Halted, HandedOver, Healed, HeardOut, LateApplied, MovedOverGaps, Overtaken, Repeated, Reread,
    ResolvedCommitted, ResolvedNotCommitted, ResolvedOutOfStep, RightfulFenced, SeenTwice,
    SetDuringCommit, TakenOver, ZombieClaimed, ZombieFenced,
};
use Fault::{
    AnswerLost, CatalogueChanged, Crash, DeliveredTwice, Failover, LateClaim, Lost, RequestLost,
    Revoked, RightChanged, RolledBack, Set, TimeOut,
};

fn model(
    name: &'static str,
    processes: usize,
    log: &[Entry],
    all: u8,
    each: &[(Fault, u8)],
    shows: &[Event],
) -> PostgresModel {
    let records = log.iter().filter(|e| **e != Gap).count();
    let kinds: Vec<String> = each.iter().map(|(f, n)| format!("{n} {f:?}")).collect();
    PostgresModel {
        name,
        processes,
        bounds: format!(
            "{processes} processes, {records} records in {} offsets, {all} faults of: {}",
            log.len(),
            kinds.join(", ")
        ),
        log: Log(log.to_vec()),
        start: 0,
        faults: Budget::new(all, each),
        sets: vec![0, log.len() as i64],
        on_bad: OnBad::DeadLetter,
        looks: true,
        shows: shows.to_vec(),
    }
}

/// Each pair of ownership's faults.
#[must_use]
pub fn ownership() -> PostgresModel {
    any_two("postgres: every pair of faults", 2)
}

fn any_two(name: &'static str, faults: u8) -> PostgresModel {
    let each = [
        AnswerLost,
        RequestLost,
        TimeOut,
        Crash,
        Lost,
        Revoked,
        LateClaim,
        Set,
        Failover,
    ];
    model(
        name,
        2,
        &[Record, Record],
        faults,
        &each.map(|fault| (fault, 1)),
        &[
            ZombieFenced,
            ZombieClaimed,
            RightfulFenced,
            ResolvedCommitted,
            ResolvedNotCommitted,
            ResolvedOutOfStep,
            LateApplied,
            TakenOver,
            SetDuringCommit,
            CommitTakenBack,
            EpochShared,
            HandedOver,
            HeardOut,
            Overtaken,
            CrashedInCommit,
        ],
    )
}

/// A stopped process that claims and commits late, and whose answers are lost.
fn zombies() -> PostgresModel {
    model(
        "postgres: zombies",
        2,
        &[Record, Record],
        3,
        &[(TimeOut, 1), (Lost, 1), (LateClaim, 1), (AnswerLost, 1)],
        &[
            ZombieFenced,
            ZombieClaimed,
            RightfulFenced,
            ResolvedCommitted,
            ResolvedNotCommitted,
            ResolvedOutOfStep,
            LateApplied,
            TakenOver,
            HeardOut,
        ],
    )
}

/// An operator beside a zombie.
pub fn operator() -> PostgresModel {
    model(
        "postgres: operator and zombie",
        2,
        &[Record, Record],
        3,
        &[(TimeOut, 1), (Lost, 1), (Set, 1)],
        &[
            ZombieFenced,
            RightfulFenced,
            ResolvedOutOfStep,
            SetDuringCommit,
            Overtaken,
            LateApplied,
        ],
    )
}

/// One process, and a database that goes back twice.
fn failovers() -> PostgresModel {
    model(
        "postgres: two failovers",
        1,
        &[Record, Record],
        4,
        &[(TimeOut, 2), (Failover, 2), (Set, 1), (AnswerLost, 1)],
        &[
            CommitTakenBack,
            ResolvedCommitted,
            ResolvedNotCommitted,
            ResolvedOutOfStep,
            SetDuringCommit,
            Overtaken,
            RightfulFenced,
        ],
    )
}

/// Two takeovers.
fn three() -> PostgresModel {
    model(
        "postgres: three processes",
        3,
        &[Record, Record],
        2,
        &[(TimeOut, 1), (Lost, 2)],
        &[ZombieFenced, TakenOver, LateApplied, HeardOut],
    )
}

/// What can be wrong with records and their delivery.
fn records() -> PostgresModel {
    model(
        "postgres: bad records, gaps",
        2,
        &[Record, Gap, Bad, Record, Gap],
        3,
        &[
            (AnswerLost, 1),
            (DeliveredTwice, 1),
            (RolledBack, 1),
            (CatalogueChanged, 2),
            (Revoked, 1),
        ],
        &[
            SeenTwice,
            MovedOverGaps,
            Repeated,
            Bisected,
            DeadLetter,
            Reread,
            Halted,
            HandedOver,
            ResolvedCommitted,
        ],
    )
}

/// A bad record that stops the partition until an operator goes past it.
fn halts() -> PostgresModel {
    let mut halts = model(
        "postgres: a halt and its end",
        2,
        &[Record, Bad, Record],
        2,
        &[(Set, 1), (Lost, 1), (AnswerLost, 1)],
        &[Bisected, Halted, Healed, Overtaken],
    );
    halts.on_bad = OnBad::Halt;
    // To the bad record once more, and behind it.
    halts.sets = vec![1, 2];
    halts
}

/// A right that comes and goes, beside a record that is refused with a code that
/// the table could mean as well.
fn rights() -> PostgresModel {
    model(
        "postgres: rights that come and go",
        1,
        &[Record, Odd, Record],
        4,
        &[(RightChanged, 3), (AnswerLost, 1)],
        &[Bisected, Compared, Changing, DeadLetter, Halted, Reread],
    )
}

/// What the tests search.
#[must_use]
pub fn configurations() -> Vec<PostgresModel> {
    vec![
        ownership(),
        zombies(),
        operator(),
        failovers(),
        three(),
        records(),
        halts(),
        rights(),
    ]
}

/// What takes longer: a failover between a zombie and its successor.
#[must_use]
pub fn deeper() -> Vec<PostgresModel> {
    vec![
        model(
            "postgres: failover and zombie",
            2,
            &[Record, Record],
            3,
            &[(TimeOut, 1), (Lost, 1), (Failover, 1)],
            &[ZombieFenced, CommitTakenBack, EpochShared, Overtaken],
        ),
        model(
            "postgres: operator, failover, crash",
            2,
            &[Record, Record],
            4,
            &[(TimeOut, 1), (Crash, 1), (Set, 1), (Failover, 1)],
            &[LateApplied, CommitTakenBack, EpochShared, Overtaken],
        ),
        model(
            "postgres: three processes, a late claim",
            3,
            &[Record, Record],
            3,
            &[(Lost, 2), (LateClaim, 1)],
            &[ZombieFenced, ZombieClaimed],
        ),
    ]
}
