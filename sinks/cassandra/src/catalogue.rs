//! A table as the cluster describes it, without the driver's maps.

use crate::plan::halt;
use plimsoll_sink_api::text::nearest;
use plimsoll_sink_api::{Mode, SinkError, mapping};
use scylla::cluster::ClusterState;
use scylla::cluster::metadata::{ColumnKind, ColumnType};

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnInfo {
    pub(crate) name: String,
    pub(crate) typ: ColumnType<'static>,
    /// One value for all rows of a partition key.
    pub(crate) is_static: bool,
}

/// A table: the columns of its primary key first, in the key's order, then the
/// others by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableInfo {
    pub(crate) keyspace: String,
    pub(crate) name: String,
    pub(crate) columns: Vec<ColumnInfo>,
    /// Columns of the partition key.
    pub(crate) partition: usize,
    /// Columns of the whole primary key.
    pub(crate) key: usize,
}

impl TableInfo {
    /// As people write it.
    pub(crate) fn full_name(&self) -> String {
        format!("{}.{}", self.keyspace, self.name)
    }
}

/// Finds a table.
pub(crate) fn read(
    state: &ClusterState,
    keyspace: &str,
    name: &str,
) -> Result<TableInfo, SinkError> {
    let Some(found) = state.get_keyspace(keyspace) else {
        let error = halt(format!("keyspace \"{keyspace}\" does not exist"));
        let others = state.keyspaces_iter().map(|(name, _)| name);
        return Err(match nearest(keyspace, others) {
            Some(near) => error.hint(format!("did you mean \"{near}\"?")),
            None => error.hint("create it: plimsoll makes no keyspaces for your tables"),
        });
    };
    if found.views.contains_key(name) {
        return Err(
            halt(format!("\"{keyspace}.{name}\" is a materialized view"))
                .hint("name the table below it"),
        );
    }
    let Some(table) = found.tables.get(name) else {
        let others = found.tables.keys();
        let others: Vec<String> = others.map(|other| format!("{keyspace}.{other}")).collect();
        let name = format!("{keyspace}.{name}");
        let others = others.iter().map(String::as_str);
        return Err(mapping::missing_table(&name, Mode::Upsert, others));
    };
    let keys: Vec<&String> = table
        .partition_key
        .iter()
        .chain(&table.clustering_key)
        .collect();
    let mut others: Vec<&String> = table
        .columns
        .keys()
        .filter(|name| !keys.contains(name))
        .collect();
    others.sort();
    let columns = keys
        .iter()
        .chain(&others)
        .filter_map(|name| {
            let column = table.columns.get(*name)?;
            Some(ColumnInfo {
                name: (*name).clone(),
                typ: column.typ.clone(),
                is_static: column.kind == ColumnKind::Static,
            })
        })
        .collect();
    Ok(TableInfo {
        keyspace: keyspace.to_owned(),
        name: name.to_owned(),
        columns,
        partition: table.partition_key.len(),
        key: keys.len(),
    })
}
