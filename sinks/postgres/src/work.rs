//! What one commit has to write: batches, sorted by the tables of their rows.

use crate::plan::PgPlan;
use crate::statement;
use plimsoll_protocol::TopicPartition;
use plimsoll_sink_api::{Batch, Rows, SinkError};
use std::borrow::Cow;

/// A commit's work.
pub(crate) struct Work<'b> {
    /// The sink's name.
    pub(crate) sink: &'b str,
    /// All of it, by partitions.
    pub(crate) batches: &'b [Batch<'b, PgPlan>],
    /// The rows, by tables that get any, in the order of their names: no two commits lock
    /// them in different orders.
    pub(crate) tables: Vec<TableRows<'b>>,
}

/// Rows of one table: those of one batch behind those of the other.
pub(crate) struct TableRows<'b> {
    pub(crate) plan: &'b PgPlan,
    pub(crate) rows: Cow<'b, Rows<'b>>,
}

impl<'b> Work<'b> {
    pub(crate) fn of(sink: &'b str, batches: &'b [Batch<'b, PgPlan>]) -> Self {
        let mut tables: Vec<TableRows<'b>> = Vec::new();
        for batch in batches.iter().filter(|batch| !batch.rows.is_empty()) {
            let plan = &batch.table.plan;
            match tables
                .iter_mut()
                .find(|table| std::ptr::eq(table.plan, plan))
            {
                Some(table) => table.rows.to_mut().append(batch.rows),
                None => tables.push(TableRows {
                    plan,
                    rows: Cow::Borrowed(batch.rows),
                }),
            }
        }
        tables.sort_by(|a, b| a.plan.target.cmp(&b.plan.target));
        Self {
            sink,
            batches,
            tables,
        }
    }

    /// The partitions.
    pub(crate) fn places(&self) -> Vec<TopicPartition> {
        let place = |batch: &Batch<'_, _>| TopicPartition::new(batch.topic, batch.partition);
        self.batches.iter().map(place).collect()
    }

    /// Whether all of it may simply be tried again.
    pub(crate) fn lost_a_race(&self, error: &SinkError) -> bool {
        let lost = |table: &TableRows<'_>| statement::lost_a_race(table.plan, &table.rows, error);
        self.tables.iter().any(lost)
    }

    /// How many rows each batch has.
    pub(crate) fn shares(&self) -> Vec<usize> {
        self.batches.iter().map(|batch| batch.rows.len()).collect()
    }
}
