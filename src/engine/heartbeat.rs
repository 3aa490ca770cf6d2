//! A sign of life to the database, and what it tells in return: that an owner was
//! overtaken, that an operator has settled a halt, that a commit waits for a lock.

use super::control::Control;
use super::lane::Lane;
use super::orders::{Heard, Orders, Speaker};
use super::standing::Standing;
use crate::health::About;
use plimsoll_protocol::{Look, TopicPartition, look};
use plimsoll_sink_api::{Shared, Sink, SinkError};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// Often enough that `positions set` tells a live owner from a dead one within
/// seconds.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(3);
/// A command is obeyed within this time, where nothing has to be written first.
const OBEYED: Duration = Duration::from_millis(250);
/// What is found of locks is told this soon.
const LOCK_LOOK: Duration = Duration::from_secs(1);

/// Commits that wait for somebody else's lock say nothing themselves.
pub async fn watch_locks<S: Sink>(lane: Arc<Lane<S>>) {
    loop {
        tokio::time::sleep(LOCK_LOOK).await;
        for blocked in lane.sink.blocked() {
            let about = About::Lock(blocked.tp);
            lane.health
                .trouble(&lane.name, about, blocked.code, blocked.by);
        }
    }
}

/// Beats until the poll thread is gone; earlier where somebody says that there is
/// something to hear.
pub async fn heartbeat<S: Shared>(
    lane: Arc<Lane<S>>,
    standing: Standing,
    speaker: Speaker,
    mut orders: Orders,
) {
    // An idle sink learns of an outage only here; a busy one's commits tell
    // more, so a heartbeat takes back only what a heartbeat has said.
    let mut said = false;
    let mut overtaken = HashSet::new();
    let mut wait = HEARTBEAT;
    loop {
        let _ = tokio::time::timeout(wait, speaker.nudged()).await;
        let beats = async {
            beat(&lane, &standing, &mut overtaken).await?;
            let wanted = speaker.speak(&lane, &mut orders).await?;
            orders.hear(&lane, wanted).await
        };
        let heard = beats.await;
        wait = match heard {
            // Whoever gave the command waits to hear that it is obeyed.
            Ok(Heard::New) => OBEYED,
            Ok(Heard::Nothing) | Err(_) => HEARTBEAT,
        };
        match heard {
            Ok(_) if std::mem::take(&mut said) => lane.health.back(&lane.name),
            Ok(_) => {}
            Err(error) => {
                lane.note_away(None, &error);
                said = true;
            }
        }
    }
}

/// A sign of life; and a look at the position rows. An owner with nothing to
/// commit meets no fence, so only here does it see that an operator has set its
/// position, or that a failover took back what it had committed. It takes two
/// looks in a row: a process that slept hears from Kafka first what it has lost.
/// A halted partition goes on once it was set, which takes its owner away.
async fn beat<S: Shared>(
    lane: &Lane<S>,
    standing: &Standing,
    overtaken: &mut HashSet<TopicPartition>,
) -> Result<(), SinkError> {
    lane.sink.heartbeat(&lane.member).await?;
    // Before the rows are read: what is committed meanwhile only shows more.
    let mut before = standing.all();
    let halted = lane.health.halted(&lane.name);
    for row in lane.sink.positions().await? {
        // Another deployment's row has no owner either, when that one is stopped.
        let ours = row.identity.as_ref().is_none_or(|i| *i == lane.identity);
        if row.owner.is_none() && ours && halted.contains(&row.tp) {
            lane.tell(Control::Retry { tp: row.tp.clone() });
        }
        let mine = row.owner.as_ref() == Some(&lane.member.name);
        if before
            .get(&row.tp)
            .is_some_and(|own| look(mine, row.position, own.position) == Look::Standing)
        {
            before.remove(&row.tp);
        }
    }
    // What is left has another owner, stands further back, or has no row.
    let found: HashSet<TopicPartition> = before.into_keys().collect();
    for tp in found.intersection(overtaken) {
        lane.tell(Control::Overtaken { tp: tp.clone() });
    }
    *overtaken = found;
    Ok(())
}
