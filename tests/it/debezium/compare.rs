//! Source and target, value by value.

use super::tables::TABLES;
use crate::harness::postgres::Database;
use std::collections::BTreeMap;

/// Rows by their keys, as Postgres writes their values.
type Rows = BTreeMap<String, Vec<Option<String>>>;

fn columns(target: &Database, table: &str) -> Vec<String> {
    let rows = target.rows(&format!(
        "SELECT attname FROM pg_attribute WHERE attrelid = '{{s}}.{table}'::regclass AND attnum > \
         0 AND NOT attisdropped ORDER BY attnum"
    ));
    rows.into_iter().flatten().flatten().collect()
}

fn rows(database: &Database, table: &str, key: &str, columns: &[String]) -> Rows {
    let sql = format!(
        "SELECT concat_ws(',', {key}), {} FROM {{s}}.{table}",
        columns.join(", ")
    );
    let all = database.rows(&sql);
    let count = all.len();
    let rows: Rows = all
        .into_iter()
        .map(|mut row| (row.remove(0).unwrap_or_default(), row))
        .collect();
    assert_eq!(rows.len(), count, "two rows of one key in {table}");
    rows
}

/// All differences, a line each; and how many rows the source has.
pub fn differences(source: &Database, target: &Database, prefix: &str) -> (Vec<String>, usize) {
    let (mut found, mut count) = (Vec::new(), 0);
    for table in &TABLES {
        let (name, key) = (table.name, table.key);
        // Those that the target does not have are left out on purpose.
        let columns = columns(target, &format!("{prefix}_{name}"));
        let ours = rows(source, name, key, &columns);
        let mut theirs = rows(target, &format!("{prefix}_{name}"), key, &columns);
        count += ours.len();
        for (key, row) in &ours {
            let Some(other) = theirs.remove(key) else {
                found.push(format!("{name} {key} is missing"));
                continue;
            };
            for ((column, source), target) in columns.iter().zip(row).zip(&other) {
                if source != target {
                    let target = target.as_deref().unwrap_or("NULL");
                    found.push(format!("{name} {key}: {column} is {target}"));
                }
            }
        }
        found.extend(theirs.keys().map(|key| format!("{name} {key} is too much")));
    }
    (found, count)
}
