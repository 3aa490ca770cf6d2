//! What the writers of a sink in memory share.

use crate::config::{OnBadRecord, UnknownFields};
use crate::engine::{Commits, Control, GATHER, Lane, Limits};
use crate::health::Health;
use crate::kafka::Looks;
use crate::route::Router;
use crate::service::member;
use plimsoll_memory::MemorySink;
use plimsoll_record::Formats;
use plimsoll_sink_api::{Identity, Sink};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

/// One that halts for bad records, with a health of its own.
pub(crate) fn lane(sink: &MemorySink, looks: Looks, control: Sender<Control>) -> Lane<MemorySink> {
    Lane {
        name: "in_process".into(),
        sink: Arc::new(sink.clone()),
        router: Router::new(Arc::new(sink.clone())),
        commits: commits(sink, GATHER),
        member: member(),
        identity: Identity {
            group_id: "g".into(),
            cluster_id: "c".into(),
        },
        on_bad_record: OnBadRecord::Halt,
        formats: Formats::json(UnknownFields::Ignore),
        tables: Vec::new(),
        max_rows: 10_000,
        looks,
        health: Arc::new(Health::default()),
        control,
    }
}

/// Commits of several partitions, which gather for so long.
pub(crate) fn commits(sink: &MemorySink, gather: Duration) -> Arc<Commits<MemorySink>> {
    let grouping = sink.grouping();
    let limits = Limits {
        batches: grouping.batches,
        records: 10_000,
        bytes: 1 << 20,
        commits: grouping.commits,
        gather,
        burst: 0,
    };
    Commits::new("in_process", Arc::new(sink.clone()), limits)
}
