//! The right to write comes and goes while batches are written: no good record
//! becomes a dead letter, whatever the moment.

use super::tests::{offsets, tp};
use super::writers::write;
use crate::config::OnBadRecord;
use crate::kafka::Looks;
use plimsoll_memory::{MemorySink, Shutting};
use tokio::task::JoinSet;

/// Partitions that are written beside each other: most of the time is spent between
/// two attempts.
const LANES: i32 = 64;

async fn no_good_record_becomes_a_dead_letter(shutting: impl Fn(u64) -> Shutting) {
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let sink = MemorySink::default();
        sink.set_shutting(shutting(lane as u64));
        lanes.spawn(async move {
            let mut end = 0;
            for _ in 0..24 {
                let looks = Looks::answered(|_| Ok(Some("old".into())));
                let records = [("{\"n\":1}", 1); 5];
                let policy = OnBadRecord::DeadLetter;
                write(&sink, tp(lane), policy, looks, &records).await;
                end = sink.position(&tp(lane)).unwrap();
            }
            assert!(sink.dead(&tp(lane)).is_empty(), "good records");
            assert_eq!(sink.offsets(&tp(lane)), offsets(0..end));
            (sink.refused(), end)
        });
    }
    let (mut refused, mut written) = (0, 0);
    while let Some(lane) = lanes.join_next().await {
        let (times, end) = lane.unwrap();
        refused += times;
        written += end;
    }
    // It hit, and it did not keep all out.
    assert!(refused > 1_000 && written > 100, "{refused}, {written}");
}

#[tokio::test]
async fn a_right_that_comes_and_goes_at_random_makes_no_dead_letter() {
    no_good_record_becomes_a_dead_letter(|lane| {
        Shutting::AtRandom((lane + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    })
    .await;
}

/// As the ALTERs of somebody else do that queue for the lock of a table.
#[tokio::test]
async fn a_table_that_changes_between_any_two_statements_makes_no_dead_letter() {
    no_good_record_becomes_a_dead_letter(|lane| Shutting::ByTurns(lane % 2 == 0)).await;
}
