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
    pub(crate) tables: Vec<Gathered<'b>>,
}

/// Rows of one table: those of one batch behind those of the other.
pub(crate) struct Gathered<'b> {
    /// For people.
    pub(crate) name: &'b str,
    pub(crate) plan: &'b PgPlan,
    pub(crate) rows: Cow<'b, Rows<'b>>,
}

impl<'b> Work<'b> {
    pub(crate) fn of(sink: &'b str, batches: &'b [Batch<'b, PgPlan>]) -> Self {
        let mut tables: Vec<Gathered<'b>> = Vec::new();
        let all = batches.iter().flat_map(|batch| &batch.tables);
        for of in all.filter(|of| !of.rows.is_empty()) {
            let plan = &of.table.plan;
            match tables
                .iter_mut()
                .find(|table| std::ptr::eq(table.plan, plan))
            {
                Some(table) => table.rows.to_mut().append(of.rows),
                None => tables.push(Gathered {
                    name: &of.table.table.name,
                    plan,
                    rows: Cow::Borrowed(of.rows),
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
        let lost = |table: &Gathered<'_>| statement::lost_a_race(table.plan, &table.rows, error);
        self.tables.iter().any(lost)
    }

    /// How many rows each batch has.
    pub(crate) fn shares(&self) -> Vec<usize> {
        self.batches.iter().map(Batch::rows).collect()
    }
}
