//! A table's columns and where their values come from, as lines for people.

use super::text::{Side, align};
use plimsoll_sink_api::{Mode, Source, Table};

/// `public.orders, upsert by id`
pub(super) fn head(table: &Table) -> String {
    let keys: Vec<&str> = table
        .columns
        .iter()
        .filter(|column| column.key)
        .map(|column| column.name.as_str())
        .collect();
    match (table.mode, keys.as_slice()) {
        (Mode::Upsert, keys) => {
            format!(
                "{}, {} by {}",
                table.name,
                Mode::Upsert.as_str(),
                keys.join(", ")
            )
        }
        (mode @ (Mode::Log | Mode::Append), _) => format!("{}, {}", table.name, mode.as_str()),
    }
}

/// One line per column: its source, its name, its type.
pub(super) fn lines(table: &Table) -> Vec<String> {
    let rows: Vec<Vec<String>> = table
        .columns
        .iter()
        .map(|column| {
            let kind = if column.key {
                format!("{} (key)", column.type_name)
            } else {
                column.type_name.clone()
            };
            vec![
                column.take.to_string(),
                "→".to_owned(),
                column.name.clone(),
                kind,
            ]
        })
        .collect();
    let mut lines = align(&rows, &[Side::Left; 4]);
    lines.extend(table.explode.iter().map(|array| {
        let array = Source::Value(array.clone());
        format!("a row for every element of {array}")
    }));
    lines.extend(table.filter.iter().map(|filter| format!("where {filter}")));
    lines
}
