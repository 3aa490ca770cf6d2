//! A walsender session: asked first, then streaming. All that it is asked describes the
//! very server that streams.

use super::{error, of_error, url};
use crate::halt::Halt;
use crate::life::End;
use crate::settings::{Outbox, SourceSettings, TableName};
use crate::watch::Side;
use pgwire_replication::{PgWireError, ReplicationClient};
use plimsoll_protocol::source::{History, Lsn, Server, Slot, SourceId};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long one question may take. The server answers from its catalogue.
const ANSWER: Duration = Duration::from_secs(30);

/// The first version whose plugin sends messages.
const OLDEST: u32 = 140_000;

/// What is wrong with the database, each by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// What, and what to do.
    pub halt: Halt,
    /// A source that starts for the first time mends it itself.
    pub made_at_start: bool,
}

/// What a look at the database finds, for those who check a config.
#[derive(Debug, Clone)]
pub struct Found {
    /// The version, such as 150004.
    pub version: u32,
    /// In the order of looking.
    pub wrong: Vec<Wrong>,
}

/// What a session tells before it streams.
pub(crate) struct Looked {
    pub(crate) id: SourceId,
    pub(crate) server: Server,
    pub(crate) slot: Slot,
    pub(crate) has_publication: bool,
    pub(crate) wrong: Vec<Wrong>,
    version: u32,
}

/// A session.
pub(crate) struct Session<'s> {
    settings: &'s SourceSettings,
    client: ReplicationClient,
}

type Row = Vec<Option<String>>;

/// Looks at the database of a source, and changes nothing.
///
/// # Errors
/// It does not answer, or refuses; in words.
pub async fn look(settings: &SourceSettings) -> Result<Found, String> {
    let looked = async {
        let mut session = Session::open(settings).await?;
        session.look().await
    };
    match looked.await {
        Ok(looked) => Ok(Found {
            version: looked.version,
            wrong: looked.wrong,
        }),
        Err(end) => Err(end.to_string()),
    }
}

impl<'s> Session<'s> {
    /// Opens one; it does not stream yet.
    pub(crate) async fn open(settings: &'s SourceSettings) -> Result<Self, End> {
        let away = |what: String| End::Away(Side::Database, what);
        let config = url::config(settings).map_err(away)?;
        let client = ReplicationClient::connect_gated(config).await;
        let client = client.map_err(|error| of_error(settings, &error))?;
        Ok(Self { settings, client })
    }

    fn ends(&self, error: &PgWireError) -> End {
        of_error(self.settings, error)
    }

    async fn rows(&mut self, sql: &str) -> Result<Vec<Row>, End> {
        let rows = tokio::time::timeout(ANSWER, self.client.simple_query(sql)).await;
        let silent = || End::Away(Side::Database, "Postgres does not answer".to_owned());
        let rows = rows.map_err(|_| silent())?;
        let rows = rows.map_err(|error| self.ends(&error))?;
        let text = |value: Option<bytes::Bytes>| {
            value.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        Ok(rows
            .into_iter()
            .map(|row| row.into_iter().map(text).collect())
            .collect())
    }

    /// Looks at all that has to be right.
    pub(crate) async fn look(&mut self) -> Result<Looked, End> {
        let identified = tokio::time::timeout(ANSWER, self.client.identify_system()).await;
        let identified = identified
            .map_err(|_| End::Away(Side::Database, "Postgres does not answer".to_owned()))?
            .map_err(|error| self.ends(&error))?;
        let about = self
            .rows(
                "SELECT current_setting('server_version_num'), current_setting('wal_level'), \
                 pg_catalog.pg_is_in_recovery()",
            )
            .await?;
        let [Some(version), Some(wal_level), Some(standby)] = &about.concat()[..] else {
            return Err(nonsense());
        };
        let version: u32 = version.parse().map_err(|_| nonsense())?;
        let mut wrong = Vec::new();
        if version < OLDEST {
            let what = format!("Postgres {} has no messages in pgoutput", version / 10_000);
            wrong.push(never(what, "a source reads Postgres 14 or newer"));
        }
        if wal_level != "logical" {
            wrong.push(never(
                format!("wal_level is {wal_level}"),
                "ALTER SYSTEM SET wal_level = 'logical', and start the server anew",
            ));
        }
        if standby == "t" {
            return Err(End::Away(
                Side::Database,
                "Postgres: a standby, which decodes nothing for a source; it waits for the primary"
                    .to_owned(),
            ));
        }
        let slot = self.slot(&mut wrong).await?;
        let has_publication = self.publication(&mut wrong).await?;
        let history = match identified.timeline {
            0 | 1 => History::none(),
            timeline => self.history(timeline).await?,
        };
        let number = identified.system_id.parse().map_err(|_| nonsense())?;
        Ok(Looked {
            id: SourceId {
                system_id: number,
                database: identified.dbname.ok_or_else(nonsense)?,
                slot: self.settings.postgres.slot.clone(),
            },
            server: Server {
                system_id: number,
                timeline: identified.timeline,
                history,
                flushed: Lsn(identified.xlogpos.as_u64()),
            },
            slot,
            has_publication,
            wrong,
            version,
        })
    }

    async fn history(&mut self, timeline: u32) -> Result<History, End> {
        let file = self.client.timeline_history(timeline).await;
        let file = file.map_err(|error| self.ends(&error))?;
        let text = String::from_utf8_lossy(&file.content);
        History::parse(&text).map_err(|e| End::Away(Side::Database, format!("Postgres: {e}")))
    }

    async fn slot(&mut self, wrong: &mut Vec<Wrong>) -> Result<Slot, End> {
        let slot = &self.settings.postgres.slot;
        let rows = self
            .rows(&format!(
                "SELECT coalesce(plugin, slot_type), database, confirmed_flush_lsn, wal_status \
                 FROM pg_catalog.pg_replication_slots WHERE slot_name = {}",
                literal(slot)
            ))
            .await?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(Slot::Missing);
        };
        let [plugin, database, confirmed, wal_status] = &row[..] else {
            return Err(nonsense());
        };
        if plugin.as_deref() != Some("pgoutput") {
            let what = format!("the slot {slot} is not of the plugin pgoutput");
            wrong.push(never(what, "name another slot, or drop this one"));
        }
        let here = self.rows("SELECT pg_catalog.current_database()").await?;
        if here.concat().first() != Some(database) {
            let what = format!("the slot {slot} is of another database of this server");
            wrong.push(never(
                what,
                "name another slot: its name counts for the whole server",
            ));
        }
        if wal_status.as_deref() == Some("lost") {
            return Ok(Slot::Lost);
        }
        let confirmed = confirmed.as_deref().and_then(|lsn| lsn.parse().ok());
        Ok(Slot::Confirmed(confirmed.ok_or_else(nonsense)?))
    }

    /// Whether the publication is there, and what is wrong with it and the outbox.
    async fn publication(&mut self, wrong: &mut Vec<Wrong>) -> Result<bool, End> {
        let settings = self.settings;
        let name = &settings.postgres.publication;
        let inserts = self
            .rows(&format!(
                "SELECT pubinsert FROM pg_catalog.pg_publication WHERE pubname = {}",
                literal(name)
            ))
            .await?;
        let inserts = inserts.into_iter().next();
        if inserts.is_none() {
            let halt = Halt::new(
                format!("there is no publication {name}"),
                create_publication(settings),
            );
            let made_at_start = true;
            wrong.push(Wrong {
                halt,
                made_at_start,
            });
        }
        let Outbox::Table { table, columns } = &settings.postgres.outbox else {
            return Ok(inserts.is_some());
        };
        if let Some(row) = &inserts {
            if row.first() != Some(&Some("t".to_owned())) {
                let hint = format!("ALTER PUBLICATION {name} SET (publish = 'insert')");
                wrong.push(never(format!("{name} does not publish inserts"), &hint));
            }
            let listed = self
                .rows(&format!(
                    "SELECT 1 FROM pg_catalog.pg_publication_tables WHERE pubname = {} AND \
                     schemaname = {} AND tablename = {}",
                    literal(name),
                    literal(&table.schema),
                    literal(&table.table)
                ))
                .await?;
            if listed.is_empty() {
                let hint = format!("ALTER PUBLICATION {name} ADD TABLE {}", quoted(table));
                wrong.push(never(format!("{name} does not publish {table}"), &hint));
            }
        }
        let there = self.columns(table).await?;
        if there.is_empty() {
            let hint = "make it, or correct outbox; CONFIG.md names the columns";
            wrong.push(never(format!("there is no table {table}"), hint));
        } else {
            let lacks: BTreeSet<&str> = columns.names().filter(|c| !there.contains(*c)).collect();
            for column in lacks {
                let hint = "add it, or name another by topic, key, value or headers";
                wrong.push(never(format!("{table} has no column {column}"), hint));
            }
        }
        Ok(inserts.is_some())
    }

    async fn columns(&mut self, table: &TableName) -> Result<BTreeSet<String>, End> {
        let rows = self
            .rows(&format!(
                "SELECT a.attname FROM pg_catalog.pg_attribute a \
                 JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = {} AND c.relname = {} AND c.relkind IN ('r', 'p') \
                 AND a.attnum > 0 AND NOT a.attisdropped",
                literal(&table.schema),
                literal(&table.table)
            ))
            .await?;
        Ok(rows.into_iter().flatten().flatten().collect())
    }

    /// Makes the publication.
    pub(crate) async fn make_publication(&mut self) -> Result<(), End> {
        let sql = create_publication(self.settings);
        let made = self.client.simple_query(&sql).await;
        match made {
            Ok(_) => Ok(()),
            // Somebody was quicker.
            Err(error) if error::sqlstate(&error) == Some("42710") => Ok(()),
            Err(error) if error::sqlstate(&error) == Some("42501") => Err(End::Halt(Halt::new(
                format!("the role may not make the publication: {error}"),
                format!("let the outbox's owner do it: {sql}"),
            ))),
            Err(error) => Err(self.ends(&error)),
        }
    }

    /// Makes the slot, *after* the publication: what is decoded must find it. Waits for
    /// the transactions that are open. Answers where it stands.
    pub(crate) async fn make_slot(&mut self) -> Result<Lsn, End> {
        let sql = format!(
            "SELECT lsn FROM pg_catalog.pg_create_logical_replication_slot({}, 'pgoutput')",
            literal(&self.settings.postgres.slot)
        );
        let made = self.client.simple_query(&sql).await;
        let rows = match made {
            Ok(rows) => rows,
            Err(error) if error::sqlstate(&error) == Some("42710") => return Err(End::Again),
            Err(error) => return Err(self.ends(&error)),
        };
        let lsn = rows.into_iter().flatten().flatten().next();
        let lsn = lsn.and_then(|lsn| std::str::from_utf8(&lsn).ok()?.parse().ok());
        lsn.ok_or_else(nonsense)
    }

    /// Drops the slot.
    pub(crate) async fn drop_slot(&mut self) -> Result<(), End> {
        let slot = literal(&self.settings.postgres.slot);
        let sql = format!("SELECT pg_catalog.pg_drop_replication_slot({slot})");
        self.rows(&sql).await.map(|_| ())
    }

    /// Begins to stream, from where the slot stands: this session has it now, and no
    /// other can.
    pub(crate) async fn start(mut self) -> Result<ReplicationClient, End> {
        let started = async {
            self.client.start().await?;
            self.client.wait_started().await
        };
        let started = tokio::time::timeout(ANSWER, started).await;
        let silent = || End::Away(Side::Database, "Postgres does not answer".to_owned());
        let started = started.map_err(|_| silent())?;
        started.map_err(|error| of_error(self.settings, &error))?;
        Ok(self.client)
    }
}

fn nonsense() -> End {
    let what = "Postgres: its catalogue answers what plimsoll cannot read";
    End::Away(Side::Database, what.to_owned())
}

fn never(what: String, hint: &str) -> Wrong {
    Wrong {
        halt: Halt::new(what, hint),
        made_at_start: false,
    }
}

/// A text in SQL.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn quoted(table: &TableName) -> String {
    let name = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    format!("{}.{}", name(&table.schema), name(&table.table))
}

/// Inserts alone; those into a partition count as those into its table.
fn create_publication(settings: &SourceSettings) -> String {
    let name = &settings.postgres.publication;
    match &settings.postgres.outbox {
        Outbox::Table { table, .. } => format!(
            "CREATE PUBLICATION {name} FOR TABLE {} WITH (publish = 'insert', \
             publish_via_partition_root = true)",
            quoted(table)
        ),
        // Messages need its name, and nothing in it.
        Outbox::Messages { .. } => {
            format!("CREATE PUBLICATION {name} WITH (publish = 'insert')")
        }
    }
}
