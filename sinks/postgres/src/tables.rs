//! The tables of topics: read, planned for, and, where they are of a `log`, made.

use crate::catalog::{self, Relation, TableName};
use crate::commit;
use crate::connect::Session;
use crate::control::within;
use crate::error::{halt, has_code};
use crate::plan::{self, PgPlan};
use crate::sink::PostgresSink;
use crate::sweep::Purpose;
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Mode, Prepared, Route, SinkError, TableSettings, TopicWords, mapping};
use std::sync::{Arc, PoisonError};

/// How often a `log` table is asked to be made: of two who make it at once, one
/// is refused, and finds it the next time.
const CREATIONS: u32 = 3;

impl PostgresSink {
    pub(crate) async fn plan(
        &self,
        topic: &str,
        route: Option<&Route>,
    ) -> Result<Arc<Prepared<PgPlan>>, SinkError> {
        let settings = mapping::rule(&self.settings.tables, topic)?;
        let name = table_name(settings, topic, route)?;
        let (relation, create) = within(self.limit(), self.relation(settings, &name)).await?;
        if route.is_some() && self.is_reserved(&relation) {
            let why = "is one of the server's own, or of plimsoll's";
            return Err(mapping::no_such_name(settings, why));
        }
        let prepared = plan::build(&self.names, settings, &relation, create)?;
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (topic.to_owned(), route.cloned());
        if let Some(last) = plans.get(&place)
            && plan::same(last, &prepared)
        {
            return Ok(Arc::clone(last));
        }
        let prepared = Arc::new(prepared);
        plans.insert(place, Arc::clone(&prepared));
        Ok(prepared)
    }

    /// Whether it is a table that records may not choose: of a schema that the server keeps
    /// for itself, or of plimsoll's.
    fn is_reserved(&self, relation: &Relation) -> bool {
        let of = |schema: &str| {
            let rest = relation.shown.strip_prefix(schema);
            rest.is_some_and(|rest| rest.starts_with('.'))
        };
        relation.shown.starts_with("pg_")
            || of("information_schema")
            || of(&self.settings.state_schema)
    }

    /// The routes of a topic whose tables are there.
    pub(crate) async fn table_routes(&self, topic: &str) -> Result<Vec<Route>, SinkError> {
        let settings = mapping::rule(&self.settings.tables, topic)?;
        if settings.routing.is_none() {
            return Ok(Vec::new());
        }
        let open = named(settings, &settings.words(topic, None), topic)?;
        let own = &self.settings.state_schema;
        self.on_control(async |conn| catalog::routes(conn, &open, own).await)
            .await
    }

    /// The plan of a table that is changed before it is written to, in one transaction that
    /// is rolled back: it does not ask whether the table is as it was read.
    pub(crate) async fn plan_for_changed(
        &self,
        topic: &str,
    ) -> Result<Prepared<PgPlan>, SinkError> {
        let settings = mapping::rule(&self.settings.tables, topic)?;
        let name = table_name(settings, topic, None)?;
        let (relation, create) = within(self.limit(), self.relation(settings, &name)).await?;
        let any_shape = Relation {
            shape: None,
            ..relation
        };
        plan::build(&self.names, settings, &any_shape, create)
    }

    /// Reads the catalogue, and makes a `log` table that is missing; for one that is not
    /// to be made, says how it would be.
    async fn relation(
        &self,
        settings: &TableSettings,
        name: &TableName,
    ) -> Result<(Relation, Option<String>), SinkError> {
        for _ in 0..CREATIONS {
            let mut lease = self.control.lease().await?;
            let session = &mut lease.session;
            let (pid, read) = (session.pid, catalog::read(&mut session.conn, name));
            let (found, _) = self.beside((Purpose::Other, None), pid, read).await?;
            if let Some(relation) = found {
                lease.done();
                return Ok((relation, None));
            }
            if settings.create_partitions.is_some() {
                lease.done();
                return Err(no_divided_table(name, settings));
            }
            let made = settings.mode == Mode::Log && settings.routing.is_none();
            if !made || !self.settings.auto_migrate {
                let others = catalog::others(&mut session.conn, name).await?;
                lease.done();
                let others = others.iter().map(String::as_str);
                return Err(mapping::missing_table(&name.shown(), settings.mode, others));
            }
            if !self.creates {
                lease.done();
                let create = plan::create_log_table(name, settings);
                return Ok((plan::log_relation(name, settings), Some(create)));
            }
            // Where somebody else was first, the session is closed with its error.
            if make(session, settings, name).await? == Made::ByUs {
                lease.done();
            }
        }
        let what = format!("table \"{}\" is made and gone again", name.shown());
        Err(SinkError::new(Class::Unavailable, what))
    }

    /// The name of a topic's table.
    pub(crate) fn table_name(&self, topic: &str) -> Result<TableName, SinkError> {
        table_name(mapping::rule(&self.settings.tables, topic)?, topic, None)
    }

    /// The `log` tables of these topics, but for those that are divided, which nobody makes
    /// but their users. The config was read with all of them.
    pub(crate) fn logs(&self, topics: &[String]) -> Vec<(TableName, &TableSettings)> {
        let mut logs = self.all_logs(topics);
        logs.retain(|(_, settings)| settings.create_partitions.is_none());
        logs
    }

    fn all_logs(&self, topics: &[String]) -> Vec<(TableName, &TableSettings)> {
        let logs = mapping::log_tables(&self.settings.tables, topics).into_iter();
        let named = |(settings, topic)| Some((table_name(settings, topic, None).ok()?, settings));
        logs.filter_map(named).collect()
    }

    /// The refusals of those that are to be divided and are not there.
    pub(crate) async fn missing_divided_logs(
        &self,
        topics: &[String],
    ) -> Result<Vec<SinkError>, SinkError> {
        let mut divided = self.all_logs(topics);
        divided.retain(|(_, settings)| settings.create_partitions.is_some());
        if divided.is_empty() {
            return Ok(Vec::new());
        }
        self.on_control(async |conn| {
            let mut missing = Vec::new();
            for (name, settings) in &divided {
                if catalog::read(conn, name).await?.is_none() {
                    missing.push(no_divided_table(name, settings));
                }
            }
            Ok(missing)
        })
        .await
    }

    /// Those of them whose tables are missing.
    pub(crate) async fn missing_logs(
        &self,
        topics: &[String],
    ) -> Result<Vec<(TableName, &TableSettings)>, SinkError> {
        let logs = self.logs(topics);
        self.on_control(async |conn| {
            let mut missing = Vec::new();
            for (name, settings) in logs {
                if catalog::read(conn, &name).await?.is_none() {
                    missing.push((name, settings));
                }
            }
            Ok(missing)
        })
        .await
    }

    pub(crate) async fn make_logs(&self, topics: &[String]) -> Result<(), SinkError> {
        for (name, settings) in self.missing_logs(topics).await? {
            self.bounded(async {
                let mut lease = self.control.lease().await?;
                if make(&mut lease.session, settings, &name).await? == Made::ByUs {
                    lease.done();
                }
                Ok(())
            })
            .await?;
        }
        Ok(())
    }
}

/// The refusal of a table that is to be divided and is not there.
fn no_divided_table(name: &TableName, settings: &TableSettings) -> SinkError {
    let what = format!(
        "table \"{}\" does not exist, and plimsoll makes partitions, but no table for them",
        name.shown()
    );
    let sql = name.exact();
    let mut error = halt(what).hint(match settings.mode {
        Mode::Log => format!(
            "{}, with columns = {{ kafka_timestamp = \"timestamp\" }}",
            plan::create_divided_log_table(&sql, settings)
        ),
        Mode::Append | Mode::Upsert => {
            format!("CREATE TABLE {sql} (…, at timestamptz NOT NULL) PARTITION BY RANGE (at)")
        }
    });
    error.detail.no_table = true;
    error
}

fn table_name(
    settings: &TableSettings,
    topic: &str,
    route: Option<&Route>,
) -> Result<TableName, SinkError> {
    mapping::check_route(settings, topic, route)?;
    let words = settings.words(topic, route);
    match route {
        None => named(settings, &words, topic),
        Some(_) => TableName::parse(&settings.table, &words)
            .map_err(|what| mapping::no_such_name(settings, what)),
    }
}

fn named(
    settings: &TableSettings,
    words: &TopicWords,
    topic: &str,
) -> Result<TableName, SinkError> {
    TableName::parse(&settings.table, words).map_err(|what| {
        let error = halt(format!("table \"{}\" {what}", settings.table));
        error.hint(format!(
            "name a table for the topic \"{topic}\" in the sink's tables"
        ))
    })
}

/// Who made a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    ByUs,
    /// Somebody else, at the same moment.
    ByAnother,
}

async fn make(
    session: &mut Session,
    settings: &TableSettings,
    name: &TableName,
) -> Result<Made, SinkError> {
    let create = plan::create_log_table(name, settings);
    let made = commit::simple(&mut session.conn, create).await;
    let mut error = match made {
        Ok(()) => return Ok(Made::ByUs),
        Err(error) => error,
    };
    // unique_violation, duplicate_table, duplicate_object
    if ["23505", "42P07", "42710"]
        .iter()
        .any(|code| has_code(&error, code))
    {
        return Ok(Made::ByAnother);
    }
    told_of_schema(&mut error, name);
    Err(error)
}

/// Adds what to do about a schema in which no table can be made.
pub(crate) fn told_of_schema(error: &mut SinkError, name: &TableName) {
    let schema = name.schema();
    let hint = match error.detail.code.as_deref() {
        Some("42501") => format!("GRANT CREATE ON SCHEMA {schema} TO …, or create the table"),
        Some("3F000") => format!("CREATE SCHEMA {schema}: plimsoll only makes the table"),
        _ => return,
    };
    error.class = Class::Halt;
    error.detail.hint = Some(hint);
}
