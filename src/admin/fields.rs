//! Which fields the sampled records have, and which columns take them. Names
//! and kinds only: no value is kept.

use super::columns::value_path;
use super::text::{Side, align};
use plimsoll_record::{Described, DescribedField};
use plimsoll_sink_api::{Column, Path, Source, Table};
use std::collections::{BTreeMap, BTreeSet};

/// Objects used as maps have a field per key; nobody reads more lines.
const FIELDS_LIMIT: usize = 200;

/// A topic has one for each version of its schema; the last records have a few of them.
const SCHEMAS_LIMIT: usize = 10;

/// What was seen of one field.
#[derive(Debug, Default)]
struct Field {
    kinds: BTreeSet<String>,
    records: usize,
}

/// The fields of the records of one topic.
#[derive(Debug)]
pub(super) struct Fields<'t> {
    table: &'t Table,
    records: usize,
    schemas: BTreeSet<String>,
    seen: BTreeMap<Vec<String>, Field>,
    more: bool,
}

impl<'t> Fields<'t> {
    pub(super) fn new(table: &'t Table) -> Self {
        Self {
            table,
            records: 0,
            schemas: BTreeSet::new(),
            seen: BTreeMap::new(),
            more: false,
        }
    }

    /// Takes what one record holds.
    pub(super) fn add(&mut self, described: Described) {
        self.records += 1;
        if self.schemas.len() < SCHEMAS_LIMIT {
            self.schemas.extend(described.schema);
        }
        for DescribedField { path, kind, opened } in described.fields {
            // Its fields have their lines, and so has all of it where a column takes that.
            if opened && !self.is_taken(&path) {
                continue;
            }
            if self.seen.len() >= FIELDS_LIMIT && !self.seen.contains_key(&path) {
                self.more = true;
                continue;
            }
            let field = self.seen.entry(path).or_default();
            field.kinds.insert(kind);
            field.records += 1;
        }
    }

    /// Whether a column takes something from below the path.
    pub(super) fn leads_further(&self, path: &[String]) -> bool {
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

    /// `by schema 7 shop.Order`, a line per schema; `value.id  number  → id  bigint`, a
    /// line per field, and one per column whose field no record has.
    pub(super) fn lines(&self, rejected: bool) -> Vec<String> {
        let mut rows: Vec<Vec<String>> = Vec::new();
        let whole = self
            .seen
            .get::<[String]>(&[])
            .map(|field| self.kinds(field));
        let whole = whole.unwrap_or_else(|| "whole".to_owned());
        rows.extend(self.taking(&[]).map(|column| row(column, &whole)));
        let kept_whole = !rows.is_empty();
        // What has no fields stands in the row of the whole, or is bad.
        let fields = self.seen.iter().filter(|(path, _)| !path.is_empty());
        for (path, field) in fields {
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
        let schemas = self.schemas.iter().map(|schema| format!("by {schema}"));
        let mut lines: Vec<String> = schemas.collect();
        lines.extend(align(&rows, &[Side::Left; 5]));
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
        let kinds: Vec<&str> = field.kinds.iter().map(String::as_str).collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_protocol::{Position, Span};
    use plimsoll_record::{Budget, Decoder, Filling, Formats, Incoming, UnknownFields};
    use plimsoll_sink_api::{Holds, Mode, Shape};
    use std::time::Instant;

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

    /// What the decoder says of a record with this value.
    fn described(fields: &Fields<'_>, value: Option<&[u8]>) -> Described {
        let formats = Formats::json(UnknownFields::Ignore);
        let decoder = Decoder::new(fields.table, "t", 0, &formats);
        let mut filling = Filling::new(Budget::new(1 << 20));
        let incoming = Incoming {
            offset: 0,
            timestamp: None,
            key: None,
            value,
        };
        filling.push(&incoming, std::iter::empty(), None, Instant::now());
        let whole = Span::new(Position::ZERO, Position::new(1).unwrap()).unwrap();
        let chunk = filling.seal(whole);
        let into = |path: &[String]| fields.leads_further(path);
        decoder.describe(&chunk.record(0), &into).unwrap()
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
            fields.add(described(&fields, value.map(str::as_bytes)));
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
        fields.add(described(&fields, Some(br#"{"a":"x","b":1}"#)));
        insta::assert_snapshot!(fields.lines(false).join("\n"), @r"
        value    whole   →  event  jsonb
        value.a  string  →  a      text
        ");
        assert!(fields.lines(true).join("\n").contains("value.b"));
    }

    #[test]
    fn a_value_without_fields_stands_in_the_row_of_the_whole() {
        let bare = |columns: &[(&str, &str, &str)]| {
            let table = table(columns);
            let mut fields = Fields::new(&table);
            fields.add(described(&fields, Some(b"7")));
            fields.lines(false)
        };
        let whole = bare(&[("event", "value", "jsonb")]);
        assert_eq!(whole, ["value  number  →  event  jsonb"]);
        // It is a bad record, which is told elsewhere.
        let lines = bare(&[("id", "value.id", "bigint")]);
        assert_eq!(lines, ["value.id  in no record  →  id  bigint"]);
    }

    #[test]
    fn objects_used_as_maps_do_not_fill_the_screen() {
        let table = table(&[("id", "value.id", "bigint")]);
        let mut fields = Fields::new(&table);
        let keys: Vec<String> = (0..1_000).map(|i| format!("\"k{i}\":{i}")).collect();
        let object = format!("{{{}}}", keys.join(","));
        fields.add(described(&fields, Some(object.as_bytes())));
        assert_eq!(fields.lines(false).len(), FIELDS_LIMIT + 2);
    }
}
