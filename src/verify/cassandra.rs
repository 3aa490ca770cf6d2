//! Cassandra: positions, dead letters and rows, read while others may write; and
//! values as the sink's encoder writes them, for there is no server that could be
//! asked how it would.

use super::database::{Acts, Canonical, Failed, Letters, Place, Standing, Texts, Unreadable};
use super::entry;
use super::passed::Passed;
use plimsoll_cassandra::{CassandraPlan, CassandraSettings, CassandraSink, Written};
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Cell, LetterFilter, LetterPage, Prepared, Sink, SinkError};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

/// Dead letters that are read at a time.
const PAGE: u32 = 2_000;

/// A session; nothing is made.
pub struct Cassandra(CassandraSink);

/// A table.
pub struct CassandraTable {
    prepared: Arc<Prepared<CassandraPlan>>,
    defaults: Vec<Option<u64>>,
}

impl Cassandra {
    /// Connects when it is first asked.
    #[must_use]
    pub fn new(settings: CassandraSettings) -> Self {
        Self(CassandraSink::new(settings))
    }

    /// Where the sink stands.
    pub async fn positions(&self) -> Result<Vec<Standing>, SinkError> {
        let starts: HashMap<_, _> = self.0.starts().await?.into_iter().collect();
        let stored = self.0.positions().await?;
        let acts = self.0.acts().await?;
        let acts: Acts = acts
            .into_iter()
            .map(|(tp, acts)| ((tp.topic.to_string(), tp.partition), acts))
            .collect();
        let standing = stored.into_iter().map(|stored| Standing {
            topic: stored.tp.topic.to_string(),
            partition: stored.tp.partition,
            position: stored.position.offset(),
            start: starts.get(&stored.tp).copied(),
            cluster: stored.identity.map(|identity| identity.cluster_id),
            passed: Passed::default(),
        });
        let standing = standing.map(|standing| standing.after(&acts));
        let mut all: Vec<Standing> = standing.collect();
        all.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        Ok(all)
    }

    /// Its dead letters.
    pub async fn letters(&self) -> Result<Letters, SinkError> {
        let all = LetterFilter {
            topic: None,
            partition: None,
            offsets: Vec::new(),
        };
        let mut page = LetterPage {
            after: None,
            limit: PAGE,
            payloads: false,
        };
        let mut letters = Letters::new();
        loop {
            let found = self.0.dead_letters(&all, &page).await?;
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

    /// The table of a topic.
    pub async fn table(&self, topic: &str) -> Result<CassandraTable, SinkError> {
        let prepared = self.0.prepare(topic).await?;
        Ok(CassandraTable {
            defaults: vec![Some(entry::NULL); prepared.table.columns.len()],
            prepared,
        })
    }

    /// Every row of the table.
    pub async fn rows(
        &self,
        table: &CassandraTable,
        mut each: impl FnMut(Canonical, Texts<'_>) -> io::Result<()>,
    ) -> Result<(), Failed> {
        let plan = &table.prepared.plan;
        self.0
            .scan(&table.prepared, |values| {
                let texts: Vec<Option<String>> = (0..)
                    .zip(&values)
                    .map(|(i, value)| plan.text(i, value))
                    .collect();
                let values = values.into_iter().map(Written::Value).collect();
                each(table.canonical(values), &|i| texts[i].clone()).map_err(Failed::Disk)
            })
            .await
    }
}

impl CassandraTable {
    /// See [`super::database::DbTable::defaults`]: Cassandra has none.
    #[must_use]
    pub fn defaults(&self) -> &[Option<u64>] {
        &self.defaults
    }

    /// Records as the sink would write them.
    pub fn records(
        &self,
        rows: &[&[Cell<'_>]],
        key_only: bool,
    ) -> Result<Vec<Canonical>, Unreadable> {
        let plan = &self.prepared.plan;
        rows.iter()
            .map(|cells| match plan.written(cells, key_only) {
                Ok(values) => Ok(self.canonical(values)),
                Err(error) if error.class == Class::Rejected => Err(Unreadable::Value),
                Err(error) => Err(Unreadable::Failed(error.into())),
            })
            .collect()
    }

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
            key: Some(entry::identity(key)),
            age: 0,
            columns: values.iter().map(column).collect(),
        }
    }
}

fn column(value: &Written) -> u64 {
    match value {
        Written::Absent => entry::ABSENT,
        Written::Value(None) => entry::NULL,
        Written::Value(Some(bytes)) => entry::hash_bytes(bytes),
    }
}
