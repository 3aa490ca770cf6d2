//! plimsoll's own tables.

use crate::error::{Failure, of_execution};
use crate::plan::halt;
use crate::settings::CassandraSettings;
use plimsoll_sink_api::SinkError;
use plimsoll_sink_api::text::ident;
use scylla::client::session::Session;

/// In their order. A file that was released is never changed.
const FILES: [&str; 3] = [
    include_str!("../../../migrations/cassandra/0001_state.cql"),
    include_str!("../../../migrations/cassandra/0002_starts.cql"),
    include_str!("../../../migrations/cassandra/0003_acts.cql"),
];

/// The statements, without comments.
fn statements(keyspace: &str) -> Vec<String> {
    let code: Vec<&str> = FILES
        .iter()
        .flat_map(|file| file.lines())
        .filter(|line| !line.starts_with("--"))
        .collect();
    code.join("\n")
        .split(';')
        .map(|statement| statement.trim().replace("{keyspace}", &ident(keyspace)))
        .filter(|statement| !statement.is_empty())
        .collect()
}

/// The CQL of the migrations, for people.
pub(crate) fn cql(keyspace: &str) -> String {
    FILES.join("\n").replace("{keyspace}", &ident(keyspace))
}

/// Makes what is missing. Two processes that make one table at once may leave a
/// cluster with two schemas of it, so what is there is left alone.
pub(crate) async fn run(session: &Session, settings: &CassandraSettings) -> Result<(), SinkError> {
    let name = &settings.state_keyspace;
    session.refresh_metadata().await.map_err(|error| {
        let mut away = SinkError::new(plimsoll_protocol::Class::Away, "the schema cannot be read");
        away.detail.text = plimsoll_sink_api::Secret::new(error.to_string());
        away
    })?;
    let known = session.get_cluster_state();
    match (known.get_keyspace(name), &settings.state_replication) {
        (Some(_), _) => {}
        (None, Some(replication)) => {
            let cql = format!(
                "CREATE KEYSPACE IF NOT EXISTS {} WITH replication = {replication}",
                ident(name)
            );
            execute(session, &cql).await?;
        }
        (None, None) => {
            return Err(halt(format!("keyspace \"{name}\" does not exist")).hint(
                "create it, or say how it is replicated: state_replication = \"{'class': \
                 'NetworkTopologyStrategy', 'dc1': 3}\"",
            ));
        }
    }
    for cql in statements(name) {
        let there = known.get_keyspace(name).is_some_and(|keyspace| {
            keyspace
                .tables
                .keys()
                .any(|table| cql.contains(&format!(".{table} (")))
        });
        if !there {
            execute(session, &cql).await?;
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

    #[test]
    fn each_table_is_a_statement() {
        let all = statements("k\"s");
        assert_eq!(all.len(), 6);
        for (cql, table) in all.iter().zip([
            "claims",
            "positions",
            "heartbeats",
            "dead_letters",
            "starts",
            "acts",
        ]) {
            let begin = format!("CREATE TABLE IF NOT EXISTS \"k\"\"s\".{table} (");
            assert!(cql.starts_with(&begin), "{cql}");
        }
    }
}
