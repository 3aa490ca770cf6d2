//! plimsoll's own tables.

use crate::error::{Failure, of_execution};
use crate::plan::halt;
use crate::settings::CassandraSettings;
use plimsoll_sink_api::SinkError;
use plimsoll_sink_api::text::ident;
use scylla::client::session::Session;
use scylla::cluster::ClusterState;
use std::sync::Arc;

/// In their order. A file that was released is never changed.
const FILES: [&str; 4] = [
    include_str!("../../../migrations/cassandra/0001_state.cql"),
    include_str!("../../../migrations/cassandra/0002_starts.cql"),
    include_str!("../../../migrations/cassandra/0003_acts.cql"),
    include_str!("../../../migrations/cassandra/0004_shared.cql"),
];

/// One statement.
struct Statement {
    /// With the comment before it.
    text: String,
    /// The table that it makes.
    table: String,
}

impl Statement {
    fn new(lines: &[&str]) -> Self {
        let made = lines.iter().find_map(|line| line.strip_prefix(MAKES));
        let table = made.and_then(|rest| rest.strip_suffix(" (")).unwrap_or("");
        Self {
            text: lines.join("\n"),
            table: table.to_owned(),
        }
    }

    /// Without comments, and without the semicolon that cqlsh wants.
    fn cql(&self) -> String {
        let code = self.text.lines().filter(|line| !is_comment(line));
        let code: Vec<&str> = code.collect();
        code.join("\n").trim().trim_end_matches(';').to_owned()
    }
}

/// How each begins.
const MAKES: &str = "CREATE TABLE IF NOT EXISTS {keyspace}.";

fn is_comment(line: &str) -> bool {
    line.starts_with("--")
}

fn statements(keyspace: &str) -> Vec<Statement> {
    let mut all = Vec::new();
    let mut lines = Vec::new();
    for line in FILES.iter().flat_map(|file| file.lines()) {
        lines.push(line);
        if !is_comment(line) && line.ends_with(';') {
            let mut statement = Statement::new(&std::mem::take(&mut lines));
            statement.text = statement.text.replace("{keyspace}", &ident(keyspace));
            all.push(statement);
        }
    }
    all
}

/// The CQL of all migrations, for people.
pub(crate) fn print(settings: &CassandraSettings) -> String {
    keyspace_for(settings) + &script(&statements(&settings.state_keyspace))
}

/// What makes the keyspace, or says that somebody has to.
fn keyspace_for(settings: &CassandraSettings) -> String {
    match create_keyspace(settings) {
        Some(cql) => format!("{cql};\n\n"),
        None => format!(
            "-- Keyspace \"{}\" is to be created first, replicated as your tables are.\n\n",
            settings.state_keyspace
        ),
    }
}

fn script(statements: &[Statement]) -> String {
    let texts = statements.iter().map(|s| s.text.trim());
    let texts: Vec<&str> = texts.collect();
    texts.join("\n\n") + "\n"
}

/// The CQL of what is missing; `None`: nothing is.
pub(crate) async fn missing(
    session: &Session,
    settings: &CassandraSettings,
) -> Result<Option<String>, SinkError> {
    let name = &settings.state_keyspace;
    let known = look(session).await?;
    let keyspace = match known.get_keyspace(name) {
        Some(_) => String::new(),
        None => keyspace_for(settings),
    };
    let missing: Vec<Statement> = statements(name)
        .into_iter()
        .filter(|statement| !has(&known, name, statement))
        .collect();
    Ok((!missing.is_empty()).then(|| keyspace + &script(&missing)))
}

async fn look(session: &Session) -> Result<Arc<ClusterState>, SinkError> {
    session.refresh_metadata().await.map_err(|error| {
        let mut away = SinkError::new(
            plimsoll_protocol::Class::Unavailable,
            "the schema cannot be read",
        );
        away.detail.text = plimsoll_sink_api::Secret::new(error.to_string());
        away
    })?;
    Ok(session.get_cluster_state())
}

fn has(known: &ClusterState, keyspace: &str, statement: &Statement) -> bool {
    let keyspace = known.get_keyspace(keyspace);
    keyspace.is_some_and(|keyspace| keyspace.tables.contains_key(&statement.table))
}

/// `None`: the config does not say how it is replicated.
fn create_keyspace(settings: &CassandraSettings) -> Option<String> {
    let replication = settings.state_replication.as_ref()?;
    Some(format!(
        "CREATE KEYSPACE IF NOT EXISTS {} WITH replication = {replication}",
        ident(&settings.state_keyspace)
    ))
}

/// Makes what is missing. Two processes that make one table at once may leave a
/// cluster with two schemas of it, so what is there is left alone.
pub(crate) async fn run(session: &Session, settings: &CassandraSettings) -> Result<(), SinkError> {
    let name = &settings.state_keyspace;
    let known = look(session).await?;
    match (known.get_keyspace(name), create_keyspace(settings)) {
        (Some(_), _) => {}
        (None, Some(cql)) => execute(session, &cql).await?,
        (None, None) => {
            return Err(halt(format!("keyspace \"{name}\" does not exist")).hint(
                "create it, or say how it is replicated: state_replication = \"{'class': \
                 'NetworkTopologyStrategy', 'dc1': 3}\"",
            ));
        }
    }
    for statement in statements(name) {
        if !has(&known, name, &statement) {
            execute(session, &statement.cql()).await?;
        }
    }
    Ok(())
}

async fn execute(session: &Session, cql: &str) -> Result<(), Failure> {
    session
        .query_unpaged(cql, ())
        .await
        .map(|_| ())
        .map_err(|error| of_execution(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLES: [&str; 8] = [
        "claims",
        "positions",
        "heartbeats",
        "dead_letters",
        "starts",
        "acts",
        "commands",
        "members",
    ];

    #[test]
    fn each_table_is_a_statement() {
        let all = statements("k\"s");
        let tables: Vec<&str> = all.iter().map(|s| s.table.as_str()).collect();
        assert_eq!(tables, TABLES);
        for statement in &all {
            let cql = statement.cql();
            let table = &statement.table;
            let begin = format!("CREATE TABLE IF NOT EXISTS \"k\"\"s\".{table} (");
            assert!(cql.starts_with(&begin) && cql.ends_with(')'), "{cql}");
        }
    }

    #[test]
    fn what_is_printed_is_all_of_the_files() {
        let printed = script(&statements("k"));
        let lines = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| !line.is_empty());
            lines.map(str::to_owned).collect()
        };
        assert_eq!(
            lines(&printed),
            lines(&FILES.join("\n").replace("{keyspace}", "\"k\""))
        );
    }
}
