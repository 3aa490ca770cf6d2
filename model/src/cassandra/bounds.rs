//! The bounds within which the model is searched, and why these.

use super::{CassandraModel, Entry, Event};
use crate::faults::{Budget, Fault};
use Entry::{Delete, Put, PutFirst};
use Event::{
    LateWrite, OlderGeneration, OutOfOrder, Overtaken, PositionLost, Repeated, Resolved, Rewound,
    RowLost, SetDuringCommit, ZombieLost, ZombieWrote,
};
use Fault::{AnswerLost, Crash, Failover, LateClaim, Lost, RequestLost, Revoked, Set, TimeOut};

/// A model with one list of faults.
fn model(
    name: &'static str,
    processes: usize,
    log: &[Entry],
    windows: u8,
    all: u8,
    each: &[Fault],
    shows: &[Event],
) -> CassandraModel {
    let kinds: Vec<String> = each.iter().map(|f| format!("{f:?}")).collect();
    let each: Vec<(Fault, u8)> = each.iter().map(|f| (*f, 1)).collect();
    CassandraModel {
        name,
        processes,
        log: log.to_vec(),
        faults: Budget::new(all, &each),
        windows,
        bounds: format!(
            "{processes} processes, {} records, {windows} windows, {all} faults of: {}",
            log.len(),
            kinds.join(", ")
        ),
        shows: shows.to_vec(),
        without: None,
    }
}

/// What the tests search.
#[must_use]
pub fn configurations() -> Vec<CassandraModel> {
    vec![
        any_order(),
        pairs(),
        operator(),
        power_cuts(),
        power_cut_and_set(),
    ]
}

/// A zombie and its successor write the same three records, each in any order.
pub fn any_order() -> CassandraModel {
    model(
        "cassandra: any order",
        2,
        &[Put(0), Delete(0), PutFirst(0)],
        0,
        1,
        &[Lost, TimeOut, AnswerLost],
        &[ZombieWrote, ZombieLost, LateWrite, OutOfOrder, Repeated],
    )
}

/// Each pair of the faults that matter here: a lost request is a late one that
/// never comes, and a hand-over in good order is a loss that was heard of.
fn pairs() -> CassandraModel {
    model(
        "cassandra: every pair of faults",
        2,
        &[Put(0), Put(0)],
        0,
        2,
        &[TimeOut, Crash, Lost],
        &[ZombieWrote, ZombieLost, LateWrite, Resolved, Overtaken],
    )
}

/// `positions set` beside a zombie of the older generation.
pub fn operator() -> CassandraModel {
    model(
        "cassandra: operator",
        2,
        &[Put(0), PutFirst(0)],
        0,
        2,
        &[Lost, Set],
        &[SetDuringCommit, OlderGeneration, Overtaken],
    )
}

/// Acknowledged rows and positions are lost, each on its own.
pub fn power_cuts() -> CassandraModel {
    model(
        "cassandra: power cuts",
        1,
        &[Put(0), Put(1)],
        2,
        2,
        &[Failover, Crash, TimeOut],
        &[Rewound, RowLost, PositionLost, Resolved],
    )
}

fn power_cut_and_set() -> CassandraModel {
    model(
        "cassandra: power cut and set",
        1,
        &[Put(0), Put(1)],
        1,
        2,
        &[Failover, Set],
        &[RowLost, SetDuringCommit],
    )
}

/// What takes longer.
#[must_use]
pub fn deeper() -> Vec<CassandraModel> {
    vec![
        model(
            "cassandra: every pair, all faults",
            2,
            &[Put(0), Put(0)],
            0,
            2,
            &[
                AnswerLost,
                RequestLost,
                TimeOut,
                Crash,
                Lost,
                Revoked,
                LateClaim,
                Set,
            ],
            &[OlderGeneration, Resolved, Overtaken],
        ),
        model(
            "cassandra: operator, three processes",
            3,
            &[Put(0), Put(0)],
            0,
            2,
            &[Lost, Set],
            &[OlderGeneration],
        ),
        model(
            "cassandra: power cut and zombie",
            2,
            &[Put(0), Put(1)],
            1,
            2,
            &[Failover, Lost],
            &[RowLost, PositionLost, ZombieWrote],
        ),
    ]
}
