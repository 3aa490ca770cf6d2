//! Which fields the sampled records have, and which columns take them. Names
//! and kinds only: no value is kept.

use super::columns::value_path;
use super::text::{Side, align};
use plimsoll_sink_api::{Column, Path, Source, Table};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Objects used as maps have a field per key; nobody reads more lines.
const FIELDS_LIMIT: usize = 200;

/// What was seen of one field.
#[derive(Debug, Default)]
struct Field {
    kinds: BTreeSet<&'static str>,
    records: usize,
}

/// The fields of the records of one topic.
#[derive(Debug)]
pub(super) struct Fields<'t> {
    table: &'t Table,
    records: usize,
    seen: BTreeMap<Vec<String>, Field>,
    more: bool,
}

impl<'t> Fields<'t> {
    pub(super) fn new(table: &'t Table) -> Self {
        Self {
            table,
            records: 0,
            seen: BTreeMap::new(),
            more: false,
        }
    }

    /// Looks at one record's value; what is no JSON is for the decoder to say.
    pub(super) fn add(&mut self, value: Option<&[u8]>) {
        self.records += 1;
        if let Some(Ok(Value::Object(fields))) = value.map(serde_json::from_slice) {
            for (name, value) in &fields {
                self.visit(vec![name.clone()], value);
            }
        }
    }

    fn visit(&mut self, path: Vec<String>, value: &Value) {
        if let Value::Object(fields) = value
            && self.leads_further(&path)
        {
            for (name, value) in fields {
                let mut path = path.clone();
                path.push(name.clone());
                self.visit(path, value);
            }
            if !self.is_taken(&path) {
                return;
            }
        }
        if self.seen.len() >= FIELDS_LIMIT && !self.seen.contains_key(&path) {
            self.more = true;
            return;
        }
        let field = self.seen.entry(path).or_default();
        field.kinds.insert(kind(value));
        field.records += 1;
    }

    /// Whether a column takes something from below the path.
    fn leads_further(&self, path: &[String]) -> bool {
        self.paths()
            .any(|p| p.len() > path.len() && p.starts_with(path))
    }

    fn is_taken(&self, path: &[String]) -> bool {
        self.paths().any(|p| p == path)
    }

    fn paths(&self) -> impl Iterator<Item = &'t [String]> {
        self.table
            .columns
            .iter()
            .filter_map(|column| value_path(&column.source))
    }

    /// `value.id  number  → id  bigint`, a line per field, and one per column
    /// whose field no record has.
    pub(super) fn lines(&self, rejected: bool) -> Vec<String> {
        let mut rows: Vec<Vec<String>> = Vec::new();
        rows.extend(self.taking(&[]).map(|column| row(column, "whole")));
        let kept_whole = !rows.is_empty();
        for (path, field) in &self.seen {
            let kinds = self.kinds(field);
            let before = rows.len();
            rows.extend(self.taking(path).map(|column| row(column, &kinds)));
            if rows.len() == before && (rejected || !kept_whole) {
                let nobody = match rejected {
                    true => "(no column: the record is bad)",
                    false => "(no column: ignored)",
                };
                let source = Source::Value(Path(path.clone())).to_string();
                rows.push(vec![
                    source,
                    kinds,
                    "→".to_owned(),
                    nobody.to_owned(),
                    String::new(),
                ]);
            }
        }
        let in_no_record = self.table.columns.iter().filter(|column| {
            // An empty path is the whole value; it has its line.
            value_path(&column.source)
                .is_some_and(|path| !path.is_empty() && !self.seen.contains_key(path))
        });
        rows.extend(in_no_record.map(|column| row(column, "in no record")));
        let mut lines = align(&rows, &[Side::Left; 5]);
        if self.more {
            lines.push(format!("and more than {FIELDS_LIMIT} fields, not shown"));
        }
        lines
    }

    /// The columns that take just this.
    fn taking<'p>(&self, path: &'p [String]) -> impl Iterator<Item = &'t Column> + use<'t, 'p> {
        let columns = self.table.columns.iter();
        columns.filter(move |column| value_path(&column.source) == Some(path))
    }

    fn kinds(&self, field: &Field) -> String {
        let kinds: Vec<&str> = field.kinds.iter().copied().collect();
        let kinds = kinds.join(" or ");
        match field.records < self.records {
            true => format!("{kinds}, in {} of {}", field.records, self.records),
            false => kinds,
        }
    }
}

/// A line of a column: what it takes, what that is, and what becomes of it.
fn row(column: &Column, kinds: &str) -> Vec<String> {
    vec![
        column.source.to_string(),
        kinds.to_owned(),
        "→".to_owned(),
        column.name.clone(),
        column.type_name.clone(),
    ]
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_sink_api::{Column, Holds, Mode, Shape};

    fn table(columns: &[(&str, &str, &str)]) -> Table {
        Table {
            name: "public.orders".to_owned(),
            mode: Mode::Upsert,
            columns: columns
                .iter()
                .map(|(name, source, type_name)| Column {
                    name: (*name).to_owned(),
                    source: source.parse().unwrap(),
                    shape: Shape::Scalar,
                    key: *name == "id",
                    type_name: (*type_name).to_owned(),
                    holds: Holds::Other,
                })
                .collect(),
        }
    }

    #[test]
    fn each_field_is_shown_with_its_column_or_without_one() {
        let table = table(&[
            ("id", "value.id", "bigint"),
            ("name", "value.customer.fullName", "text"),
            ("tags", "value.tags", "text[]"),
            ("note", "value.note", "text"),
            ("at", "timestamp", "timestamptz"),
        ]);
        let mut fields = Fields::new(&table);
        for value in [
            Some(r#"{"id":1,"customer":{"fullName":"Ann","vip":true},"tags":["a"]}"#),
            Some(r#"{"id":"2","customer":{"fullName":null},"extra":{"deep":1}}"#),
            Some("no JSON"),
            None,
        ] {
            fields.add(value.map(str::as_bytes));
        }
        insta::assert_snapshot!(fields.lines(false).join("\n"), @r"
        value.customer.fullName  null or string, in 2 of 4    →  name                  text
        value.customer.vip       boolean, in 1 of 4           →  (no column: ignored)
        value.extra              object, in 1 of 4            →  (no column: ignored)
        value.id                 number or string, in 2 of 4  →  id                    bigint
        value.tags               array, in 1 of 4             →  tags                  text[]
        value.note               in no record                 →  note                  text
        ");
        assert!(!fields.lines(true).join("\n").contains("Ann"));
    }

    #[test]
    fn a_column_that_takes_the_whole_value_takes_all_fields() {
        let table = table(&[("event", "value", "jsonb"), ("a", "value.a", "text")]);
        let mut fields = Fields::new(&table);
        fields.add(Some(br#"{"a":"x","b":1}"#));
        insta::assert_snapshot!(fields.lines(false).join("\n"), @r"
        value    whole   →  event  jsonb
        value.a  string  →  a      text
        ");
        assert!(fields.lines(true).join("\n").contains("value.b"));
    }

    #[test]
    fn objects_used_as_maps_do_not_fill_the_screen() {
        let table = table(&[("id", "value.id", "bigint")]);
        let mut fields = Fields::new(&table);
        let keys: Vec<String> = (0..1_000).map(|i| format!("\"k{i}\":{i}")).collect();
        fields.add(Some(format!("{{{}}}", keys.join(",")).as_bytes()));
        assert_eq!(fields.lines(false).len(), FIELDS_LIMIT + 2);
    }
}
