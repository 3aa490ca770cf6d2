//! What the file says of a table.

use crate::error::from_sqlx;
use plimsoll_sink_api::SinkError;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

/// A table as the catalogue describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableInfo {
    /// Its name as it was created.
    pub name: String,
    /// A view has no rows of its own.
    pub is_view: bool,
    /// `STRICT`
    pub strict: bool,
    /// Without `WITHOUT ROWID`.
    pub has_rowid: bool,
    /// In their order.
    pub columns: Vec<ColumnInfo>,
    /// What makes rows unique.
    pub unique: Vec<UniqueInfo>,
}

/// A column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// The type as declared; empty when there is none.
    pub declared: String,
    /// The default's text.
    pub default: Option<String>,
    /// `NOT NULL`
    pub not_null: bool,
    /// Its place in the primary key, from 1; 0: none.
    pub primary_key: i64,
    /// Generated, or hidden: never written.
    pub generated: bool,
}

/// A unique index over plain columns and all rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UniqueInfo {
    /// Column and collation.
    pub columns: Vec<(String, String)>,
}

impl TableInfo {
    /// The rowid's alias: an `INTEGER PRIMARY KEY`.
    pub fn rowid_alias(&self) -> Option<&ColumnInfo> {
        let mut key = self.columns.iter().filter(|c| c.primary_key > 0);
        let only = key.next().filter(|_| key.next().is_none())?;
        (self.has_rowid && only.declared.eq_ignore_ascii_case("INTEGER")).then_some(only)
    }
}

/// Reads a table; `Err` holds the names of those that there are.
pub async fn read(
    connection: &mut SqliteConnection,
    name: &str,
) -> Result<Result<TableInfo, Vec<String>>, SinkError> {
    read_all(connection, name).await.map_err(|e| from_sqlx(&e))
}

/// The names of all tables, in their order.
pub async fn names(connection: &mut SqliteConnection) -> Result<Vec<String>, SinkError> {
    all_names(connection).await.map_err(|e| from_sqlx(&e))
}

async fn all_names(connection: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        .fetch_all(connection)
        .await
}

async fn read_all(
    connection: &mut SqliteConnection,
    name: &str,
) -> Result<Result<TableInfo, Vec<String>>, sqlx::Error> {
    let found = sqlx::query(
        "SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main' AND name = ?1 COLLATE NOCASE",
    )
    .bind(name)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = found else {
        return Ok(Err(all_names(connection).await?));
    };
    let mut table = TableInfo {
        name: row.try_get(0)?,
        is_view: row.try_get::<&str, _>(1)? == "view",
        strict: row.try_get(3)?,
        has_rowid: !row.try_get::<bool, _>(2)?,
        ..TableInfo::default()
    };
    table.columns = sqlx::query(
        "SELECT name, type, dflt_value, \"notnull\", pk, hidden FROM pragma_table_xinfo(?1)",
    )
    .bind(table.name.clone())
    .try_map(|row: SqliteRow| {
        Ok(ColumnInfo {
            name: row.try_get(0)?,
            declared: row.try_get(1)?,
            default: row.try_get(2)?,
            not_null: row.try_get(3)?,
            primary_key: row.try_get(4)?,
            generated: row.try_get::<i64, _>(5)? != 0,
        })
    })
    .fetch_all(&mut *connection)
    .await?;
    table.unique = unique(connection, &table.name).await?;
    Ok(Ok(table))
}

async fn unique(
    connection: &mut SqliteConnection,
    table: &str,
) -> Result<Vec<UniqueInfo>, sqlx::Error> {
    // A partial index is unique for some rows only, and one over expressions
    // has no column names: neither can be the target of an upsert by columns.
    let rows = sqlx::query(
        "SELECT l.seq, x.name, x.coll
           FROM pragma_index_list(?1) l, pragma_index_xinfo(l.name) x
          WHERE l.\"unique\" AND NOT l.partial AND x.key
          ORDER BY l.seq, x.seqno",
    )
    .bind(table.to_owned())
    .fetch_all(connection)
    .await?;
    let mut indexes: Vec<(i64, Option<UniqueInfo>)> = Vec::new();
    for row in rows {
        let (seq, name, collation) = (
            row.try_get::<i64, _>(0)?,
            row.try_get::<Option<String>, _>(1)?,
            row.try_get::<Option<String>, _>(2)?,
        );
        if indexes.last().is_none_or(|(last, _)| *last != seq) {
            indexes.push((seq, Some(UniqueInfo::default())));
        }
        if let Some((_, index)) = indexes.last_mut() {
            match (name, index.as_mut()) {
                (Some(name), Some(index)) => {
                    index
                        .columns
                        .push((name, collation.unwrap_or_else(|| "BINARY".to_owned())));
                }
                (Some(_) | None, _) => *index = None,
            }
        }
    }
    Ok(indexes.into_iter().filter_map(|(_, index)| index).collect())
}
