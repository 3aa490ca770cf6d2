//! Cassandra: positions, dead letters and rows, read while others may write; and
//! values as the sink's encoder writes them, for there is no server that could be
//! asked how it would.

use crate::read::Written;
use crate::{CassandraPlan, CassandraSettings, CassandraSink};
use plimsoll_protocol::Class;
use plimsoll_sink_api::snapshot::hash;
use plimsoll_sink_api::snapshot::{
    Canonical, Feed, Feeds, Place, Snapshot, SnapshotTable, Standing, Stopped, Texts, Unreadable,
    with_acts,
};
use plimsoll_sink_api::{
    Cell, DeadLetterFilter, DeadLetterPage, DeadLetters, Missing, Positions, Prepared, Route, Sink,
    SinkError,
};
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

/// Dead letters that are read at a time.
const PAGE: u32 = 2_000;

/// A session; nothing is made.
pub struct CassandraSnapshot {
    sink: CassandraSink,
    settings: CassandraSettings,
}

/// A table.
pub struct ScannedTable {
    prepared: Arc<Prepared<CassandraPlan>>,
    defaults: Vec<Option<u64>>,
}

impl CassandraSnapshot {
    /// Connects when it is first asked.
    #[must_use]
    pub fn new(settings: &CassandraSettings) -> Self {
        Self {
            sink: CassandraSink::new(settings.clone()),
            settings: settings.clone(),
        }
    }
}

impl Snapshot for CassandraSnapshot {
    type Table = ScannedTable;

    fn is_of_one_moment(&self) -> bool {
        false
    }

    async fn positions(&mut self) -> Result<Vec<Standing>, SinkError> {
        let starts: HashMap<_, _> = self.sink.starts().await?.into_iter().collect();
        let stored = self.sink.positions().await?;
        let acts = self.sink.acts().await?;
        let acts = acts.into_iter().flat_map(|(tp, acts)| {
            let (topic, partition) = (tp.topic.to_string(), tp.partition);
            acts.into_iter()
                .map(move |act| (topic.clone(), partition, act))
        });
        let standing = stored.into_iter().map(|stored| Standing {
            topic: stored.tp.topic.to_string(),
            partition: stored.tp.partition,
            position: stored.position.offset(),
            start: starts.get(&stored.tp).copied(),
            cluster: stored.identity.map(|identity| identity.cluster_id),
            acts: Vec::new(),
        });
        let mut all = with_acts(standing.collect(), acts);
        all.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        Ok(all)
    }

    async fn dead_letters(&mut self) -> Result<HashSet<Place>, SinkError> {
        let all = DeadLetterFilter {
            topic: None,
            partition: None,
            offsets: Vec::new(),
        };
        let mut page = DeadLetterPage {
            after: None,
            limit: PAGE,
            payloads: false,
        };
        let mut letters = HashSet::new();
        loop {
            let found = self.sink.dead_letters(&all, &page).await?;
            let Some(last) = found.last() else {
                return Ok(letters);
            };
            page.after = Some((last.tp.clone(), last.offset));
            letters.extend(found.into_iter().map(|letter| Place {
                topic: letter.tp.topic.to_string(),
                partition: letter.tp.partition,
                offset: letter.offset,
            }));
        }
    }

    async fn feeds(&self, _: &str) -> Result<Feeds, SinkError> {
        Ok(Feeds::One)
    }

    async fn feed(&self, topic: &str, route: Option<&Route>) -> Result<Feed, SinkError> {
        let prepared = self.sink.prepare_for(topic, route).await?;
        let mut tables = self.settings.tables.iter();
        let rule = tables.find(|table| table.rule.covers(topic));
        let ends = rule.is_some_and(|table| table.ttl.is_some());
        Ok(Feed {
            target: prepared.table.name.clone(),
            table: prepared.table.clone(),
            missing: rule.map_or(Missing::Default, |table| table.rule.settings.missing),
            incomparable: ends
                .then_some("its rows end by themselves, and the log does not tell when"),
        })
    }

    async fn table(
        &mut self,
        _: &Feed,
        topic: &str,
        route: Option<&Route>,
    ) -> Result<ScannedTable, SinkError> {
        let prepared = self.sink.prepare_for(topic, route).await?;
        Ok(ScannedTable {
            defaults: vec![Some(hash::NULL); prepared.table.columns.len()],
            prepared,
        })
    }

    async fn canonical(
        &mut self,
        table: &ScannedTable,
        rows: &[&[Cell<'_>]],
        key_only: bool,
    ) -> Result<Vec<Canonical>, Unreadable> {
        let plan = &table.prepared.plan;
        rows.iter()
            .map(|cells| match plan.written(cells, key_only) {
                Ok(values) => Ok(table.canonical(values)),
                Err(error) if error.class == Class::Rejected => Err(Unreadable::Value),
                Err(error) => Err(Unreadable::Failed(error)),
            })
            .collect()
    }

    async fn rows(
        &mut self,
        table: &ScannedTable,
        mut each: impl FnMut(Canonical, Texts<'_>) -> io::Result<()>,
    ) -> Result<(), Stopped> {
        let plan = &table.prepared.plan;
        self.sink
            .scan(&table.prepared, |values| {
                let texts: Vec<Option<String>> = (0..)
                    .zip(&values)
                    .map(|(i, value)| plan.text(i, value))
                    .collect();
                let values = values.into_iter().map(Written::Value).collect();
                each(table.canonical(values), &|i| texts[i].clone()).map_err(Stopped::Disk)
            })
            .await
    }
}

/// Cassandra has no defaults.
impl SnapshotTable for ScannedTable {
    fn defaults(&self) -> &[Option<u64>] {
        &self.defaults
    }
}

impl ScannedTable {
    fn canonical(&self, mut values: Vec<Written>) -> Canonical {
        for (i, value) in values.iter_mut().enumerate() {
            if let Written::Value(value) = value {
                *value = self.prepared.plan.of_key(i, value.take());
            }
        }
        let key = values.iter().take(self.prepared.plan.key());
        let key = key.map(|value| match value {
            Written::Value(value) => value.as_deref(),
            Written::Absent => None,
        });
        Canonical {
            key: Some(hash::identity(key)),
            age: 0,
            columns: values.iter().map(column).collect(),
        }
    }
}

fn column(value: &Written) -> u64 {
    match value {
        Written::Absent => hash::ABSENT,
        Written::Value(None) => hash::NULL,
        Written::Value(Some(bytes)) => hash::hash_bytes(bytes),
    }
}
