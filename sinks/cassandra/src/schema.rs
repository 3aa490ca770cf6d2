//! What the cluster says of a table, in three small reads of the node that is asked:
//! as long as it says the same, what was prepared for the table is good.

use crate::error::{Failure, of_execution, of_prepare};
use crate::positions::rows;
use scylla::client::session::Session;
use scylla::serialize::row::SerializeRow;
use scylla::statement::Consistency;
use scylla::statement::prepared::PreparedStatement;
use uuid::Uuid;

/// Name, kind, place, type.
type Column = (String, String, i32, String);

/// Name, its fields' names, their types.
type UserType = (String, Vec<String>, Vec<String>);

/// All that a plan is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schema {
    /// Another one where the table was made again; none where there is no table.
    ids: Vec<(Option<Uuid>,)>,
    columns: Vec<Column>,
    /// Of the keyspace: columns name them, and their fields are elsewhere.
    types: Vec<UserType>,
}

/// The statements that read it, prepared once.
#[derive(Debug)]
pub(crate) struct Looks {
    ids: PreparedStatement,
    columns: PreparedStatement,
    types: PreparedStatement,
}

impl Looks {
    pub(crate) async fn prepare(session: &Session) -> Result<Self, Failure> {
        let make = async |cql: &str| {
            let prepared = session.prepare(cql).await;
            let mut statement = prepared.map_err(|error| of_prepare(&error))?;
            statement.set_is_idempotent(true);
            // Each node has all of it.
            statement.set_consistency(Consistency::LocalOne);
            Ok::<_, Failure>(statement)
        };
        let table = "WHERE keyspace_name = ? AND table_name = ?";
        Ok(Self {
            ids: make(&format!("SELECT id FROM system_schema.tables {table}")).await?,
            columns: make(&format!(
                "SELECT column_name, kind, position, type FROM system_schema.columns {table}"
            ))
            .await?,
            types: make(
                "SELECT type_name, field_names, field_types FROM system_schema.types \
                 WHERE keyspace_name = ?",
            )
            .await?,
        })
    }

    /// What the cluster says now.
    pub(crate) async fn look(
        &self,
        session: &Session,
        keyspace: &str,
        table: &str,
    ) -> Result<Schema, Failure> {
        let of_table = (keyspace, table);
        Ok(Schema {
            ids: rows(execute(session, &self.ids, &of_table).await?)?,
            columns: rows(execute(session, &self.columns, &of_table).await?)?,
            types: rows(execute(session, &self.types, &(keyspace,)).await?)?,
        })
    }
}

async fn execute(
    session: &Session,
    statement: &PreparedStatement,
    values: &impl SerializeRow,
) -> Result<scylla::response::query_result::QueryResult, Failure> {
    let result = session.execute_unpaged(statement, values).await;
    result.map_err(|error| of_execution(&error))
}
