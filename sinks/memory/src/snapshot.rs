//! What `verify` would see.

use super::state::State;
use super::table::StoredRow;
use super::{MemoryPlan, MemorySink};
use plimsoll_conformance::Kept;
use plimsoll_protocol::Class;
use plimsoll_sink_api::snapshot::{
    Canonical, Feed, Feeds, Place, Snapshot, SnapshotTable, Standing, Stopped, Texts, Unreadable,
    hash, with_acts,
};
use plimsoll_sink_api::{Cell, Prepared, Route, Sink, SinkError, mapping};
use std::collections::HashSet;
use std::io;
use std::sync::Arc;

/// A copy of all that stands at one moment.
pub struct MemorySnapshot {
    sink: MemorySink,
    state: State,
}

/// A table of a snapshot.
pub struct MemoryTable {
    prepared: Arc<Prepared<MemoryPlan>>,
    defaults: Vec<Option<u64>>,
}

impl MemorySink {
    /// What stands there now.
    #[must_use]
    pub fn snapshot(&self) -> MemorySnapshot {
        MemorySnapshot {
            state: self.with(|s| s.copy()),
            sink: self.clone(),
        }
    }
}

impl Snapshot for MemorySnapshot {
    type Table = MemoryTable;

    fn is_of_one_moment(&self) -> bool {
        true
    }

    async fn positions(&mut self) -> Result<Vec<Standing>, SinkError> {
        let stored = self.state.stored().into_iter();
        let standing = stored.map(|stored| Standing {
            topic: stored.tp.topic.to_string(),
            partition: stored.tp.partition,
            position: stored.position.offset(),
            start: self.state.positions.get(&stored.tp).map(|p| p.start),
            cluster: stored.identity.map(|identity| identity.cluster_id),
            acts: Vec::new(),
        });
        let acts = self.state.acts.iter();
        let acts = acts.map(|(tp, act)| (tp.topic.to_string(), tp.partition, *act));
        Ok(with_acts(standing.collect(), acts))
    }

    async fn dead_letters(&mut self) -> Result<HashSet<Place>, SinkError> {
        let letters = self.state.letters.keys();
        let place = letters.map(|(tp, offset)| Place {
            topic: tp.topic.to_string(),
            partition: tp.partition,
            offset: *offset,
        });
        Ok(place.collect())
    }

    async fn feeds(&self, topic: &str) -> Result<Feeds, SinkError> {
        let settings = mapping::rule(&self.sink.rules, topic)?;
        Feeds::of(&self.sink, settings, topic).await
    }

    async fn feed(&self, topic: &str, route: Option<&Route>) -> Result<Feed, SinkError> {
        let settings = mapping::rule(&self.sink.rules, topic)?;
        let prepared = self.sink.prepare_for(topic, route).await?;
        Ok(Feed {
            target: prepared.table.name.clone(),
            table: prepared.table.clone(),
            missing: settings.missing,
            incomparable: None,
        })
    }

    async fn table(
        &mut self,
        _: &Feed,
        topic: &str,
        route: Option<&Route>,
    ) -> Result<MemoryTable, SinkError> {
        let prepared = self.sink.prepare_for(topic, route).await?;
        let defaults = prepared.plan.defaults(self.stored(&prepared.plan)?);
        Ok(MemoryTable {
            defaults: defaults.iter().map(|kept| Some(hashed(kept))).collect(),
            prepared,
        })
    }

    async fn canonical(
        &mut self,
        table: &MemoryTable,
        rows: &[&[Cell<'_>]],
        key_only: bool,
    ) -> Result<Vec<Canonical>, Unreadable> {
        let plan = &table.prepared.plan;
        let one = |cells: &&[Cell<'_>]| {
            let said = plan.said(cells, key_only).map_err(|_| Unreadable::Value)?;
            Ok(Canonical {
                key: key(plan.key_of(&said)),
                age: 0,
                columns: said
                    .iter()
                    .zip(*cells)
                    .map(|(said, cell)| match (said, cell) {
                        (Some(kept), _) => hashed(kept),
                        (None, Cell::Unchanged) => hash::UNCHANGED,
                        (None, _) => hash::ABSENT,
                    })
                    .collect(),
            })
        };
        rows.iter().map(one).collect()
    }

    async fn rows(
        &mut self,
        table: &MemoryTable,
        mut each: impl FnMut(Canonical, Texts<'_>) -> io::Result<()>,
    ) -> Result<(), Stopped> {
        let plan = &table.prepared.plan;
        let stored = self.stored(plan)?;
        for StoredRow { values, .. } in &stored.rows {
            let written: Vec<Option<Kept>> = plan.of_row(values).cloned().map(Some).collect();
            let canonical = Canonical {
                key: key(plan.key_of(&written)),
                age: 0,
                columns: written.iter().flatten().map(hashed).collect(),
            };
            let text = |i: usize| written[i].as_ref().map(|kept| format!("{kept:?}"));
            each(canonical, &text).map_err(Stopped::Disk)?;
        }
        Ok(())
    }
}

impl MemorySnapshot {
    fn stored(&self, plan: &MemoryPlan) -> Result<&super::table::Stored, SinkError> {
        let table = self.state.tables.get(plan.table());
        table.ok_or_else(|| SinkError::new(Class::Stale, "the table is gone"))
    }
}

impl SnapshotTable for MemoryTable {
    fn defaults(&self) -> &[Option<u64>] {
        &self.defaults
    }
}

fn hashed(kept: &Kept) -> u64 {
    match kept {
        Kept::Null => hash::NULL,
        kept => hash::hash(Some(&format!("{kept:?}"))),
    }
}

/// `None` of a table without a key.
fn key(parts: Vec<&Kept>) -> Option<u128> {
    let texts: Vec<String> = parts.iter().map(|kept| format!("{kept:?}")).collect();
    let parts = texts.iter().map(|text| Some(text.as_bytes()));
    (!texts.is_empty()).then(|| hash::identity(parts))
}
