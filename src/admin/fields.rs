//! Which fields the sampled records have, and which columns take them. Names
//! and kinds only: no value is kept.

use super::naming::plain;
use super::text::{Side, align, in_how_many};
use crate::propose::{FIELDS_LIMIT, SCHEMAS_LIMIT};
use plimsoll_record::{Described, DescribedField};
use plimsoll_sink_api::text::nearest;
use plimsoll_sink_api::{Column, Path, Source, Table};
use std::collections::{BTreeMap, BTreeSet};

/// What was seen of one field.
#[derive(Debug, Default)]
struct Field {
    kinds: BTreeSet<String>,
    records: usize,
}

/// Whose fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Those of values.
    Record,
    /// Those of the elements that rows are made of.
    Item,
}

impl Whose {
    /// Its word.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Item => "element",
        }
    }

    fn source(self, path: &[String]) -> Source {
        let path = Path(path.to_vec());
        match self {
            Self::Record => Source::Value(path),
            Self::Item => Source::Item(path),
        }
    }

    /// The ways that lead to a source.
    fn paths(self, source: &Source) -> Vec<Path> {
        match self {
            Self::Record => source.value_paths(),
            Self::Item => source.item_paths(),
        }
    }

    /// The ways to all that a column takes.
    fn paths_of(self, column: &Column) -> impl Iterator<Item = Path> {
        let sources = column.take.sources();
        sources.flat_map(move |source| self.paths(source))
    }
}

/// The fields of the records of one topic, or of the elements in them.
#[derive(Debug)]
pub(super) struct Fields<'t> {
    table: &'t Table,
    whose: Whose,
    records: usize,
    /// Those that have any field.
    with_fields: usize,
    schemas: BTreeSet<String>,
    seen: BTreeMap<Vec<String>, Field>,
    more: bool,
}

impl<'t> Fields<'t> {
    /// Of records.
    pub(super) fn new(table: &'t Table) -> Self {
        Self::whose(table, Whose::Record)
    }

    /// Of elements; `None`: a record is one row.
    pub(super) fn of_items(table: &'t Table) -> Option<Self> {
        let explodes = table.explode.is_some();
        explodes.then(|| Self::whose(table, Whose::Item))
    }

    fn whose(table: &'t Table, whose: Whose) -> Self {
        Self {
            table,
            whose,
            records: 0,
            with_fields: 0,
            schemas: BTreeSet::new(),
            seen: BTreeMap::new(),
            more: false,
        }
    }

    /// Takes what one record holds.
    pub(super) fn add(&mut self, described: Described) {
        self.records += 1;
        self.with_fields += usize::from(!described.fields.is_empty());
        if self.schemas.len() < SCHEMAS_LIMIT {
            self.schemas.extend(described.schema);
        }
        for field in described.fields {
            let DescribedField {
                path, kind, opened, ..
            } = field;
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
            .any(|Path(p)| p.len() > path.len() && p.starts_with(path))
    }

    fn is_taken(&self, path: &[String]) -> bool {
        self.paths().any(|Path(p)| p == path)
    }

    fn paths(&self) -> impl Iterator<Item = Path> {
        let columns = self.table.columns.iter();
        let taken = columns.flat_map(|column| self.whose.paths_of(column));
        taken.chain(self.array().cloned())
    }

    /// The array among the fields of which every element is a row.
    fn array(&self) -> Option<&Path> {
        let array = self.table.explode.as_ref();
        array.filter(|_| self.whose == Whose::Record)
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
        rows.extend(self.taking(&[]).map(|column| self.row(column, &[], &whole)));
        let kept_whole = !rows.is_empty();
        // What has no fields stands in the row of the whole, or is bad.
        let fields = self.seen.iter().filter(|(path, _)| !path.is_empty());
        for (path, field) in fields {
            let kinds = self.kinds(field);
            let before = rows.len();
            rows.extend(
                self.taking(path)
                    .map(|column| self.row(column, path, &kinds)),
            );
            let is_array = self.array().is_some_and(|Path(array)| array == path);
            if is_array || rows.len() == before && (rejected || !kept_whole) {
                let nobody = match (rejected, self.table.evolve.is_some()) {
                    _ if is_array => "(a row for every element)",
                    (true, _) => "(no column: the record is bad)",
                    (false, true) => "(no column: run adds one, if a schema has it)",
                    (false, false) => "(no column: ignored)",
                };
                rows.push(vec![
                    self.whose.source(path).to_string(),
                    kinds,
                    "→".to_owned(),
                    nobody.to_owned(),
                    String::new(),
                ]);
            }
        }
        rows.extend(
            self.in_no_record()
                .map(|column| cells(column, column.take.to_string(), &self.in_none())),
        );
        let schemas = self.schemas.iter().map(|schema| format!("by {schema}"));
        let mut lines: Vec<String> = schemas.collect();
        lines.extend(align(&rows, &[Side::Left; 5]));
        if self.more {
            lines.push(format!("and more than {FIELDS_LIMIT} fields, not shown"));
        }
        lines
    }

    fn in_none(&self) -> String {
        format!("in no {}", self.whose.as_str())
    }

    /// Columns whose field no record has.
    fn in_no_record(&self) -> impl Iterator<Item = &'t Column> {
        let found = |Path(path): &Path| self.seen.contains_key(path);
        self.taking_fields().filter(move |column| {
            let mut paths = self.whose.paths_of(column);
            !paths.any(|path| found(&path))
        })
    }

    /// Columns that take fields of the value, and nothing else.
    fn taking_fields(&self) -> impl Iterator<Item = &'t Column> + use<'t> {
        // An empty path is the whole value; it has its line.
        let whose = self.whose;
        let only_fields = move |source: &Source| {
            let paths = whose.paths(source);
            !paths.is_empty() && paths.iter().all(|path| !path.0.is_empty())
        };
        let columns = self.table.columns.iter();
        columns.filter(move |column| column.take.sources().all(only_fields))
    }

    /// Fields that no column takes.
    fn untaken(&self) -> impl Iterator<Item = &[String]> {
        let paths = self.seen.keys().map(Vec::as_slice);
        paths.filter(|path| !path.is_empty() && !self.is_taken(path))
    }

    /// Columns that no record fills, each with the one field that nobody takes and that is
    /// called the same in another spelling.
    pub(super) fn pairs(&self) -> Vec<(&'t str, Source)> {
        let same = |column: &Column| {
            let name = plain(&column.name);
            let mut fields = self.untaken().filter(|path| plain(&path.join("_")) == name);
            let only = fields.next().filter(|_| fields.next().is_none())?;
            Some(self.whose.source(only))
        };
        self.in_no_record()
            .filter_map(|column| Some((column.name.as_str(), same(column)?)))
            .collect()
    }

    /// Why no record of such a topic becomes a row, or one without what it is for.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut lacking = self.in_no_record().peekable();
        if self.with_fields == 0 || lacking.peek().is_none() {
            return Vec::new();
        }
        if self.in_no_record().count() == self.taking_fields().count() {
            let of: Vec<String> = lacking.map(|column| column.take.to_string()).collect();
            let what = format!(
                "no {} of the sample has any field that a column takes: {}",
                self.whose.as_str(),
                of.join(", ")
            );
            return vec![format!("{what}; hint: {}", self.other_fields())];
        }
        let fault = |column: &Column| {
            let what = format!(
                "key column \"{}\" takes {}, which no {} of the sample has",
                column.name,
                column.take,
                self.whose.as_str()
            );
            format!("{what}; hint: {}", self.nearest_field(column))
        };
        lacking.filter(|column| column.key).map(fault).collect()
    }

    fn other_fields(&self) -> String {
        /// More are in the lines of the fields.
        const NAMED: usize = 10;
        let all = || {
            self.untaken()
                .map(|path| self.whose.source(path).to_string())
        };
        let some: Vec<String> = all().take(NAMED).collect();
        let more = if all().count() > NAMED { " …" } else { "" };
        format!(
            "name the fields under columns, or the columns as the fields, which are {}{more}",
            some.join(", ")
        )
    }

    fn nearest_field(&self, column: &Column) -> String {
        let names: Vec<(String, &[String])> =
            self.untaken().map(|path| (path.join("_"), path)).collect();
        let found = nearest(&column.name, names.iter().map(|(name, _)| name.as_str()));
        let same = plain(&column.name);
        let found = names
            .iter()
            .find(|(name, _)| plain(name) == same || Some(name.as_str()) == found);
        match found {
            Some((_, path)) => {
                format!("did you mean {}?", self.whose.source(path))
            }
            None => self.other_fields(),
        }
    }

    /// The columns that take just this.
    fn taking<'p>(&self, path: &'p [String]) -> impl Iterator<Item = &'t Column> + use<'t, 'p> {
        let columns = self.table.columns.iter();
        let whose = self.whose;
        let takes = move |column: &&Column| whose.paths_of(column).any(|Path(taken)| taken == path);
        columns.filter(takes)
    }

    /// A line of a column: what it takes, what that is, and what becomes of it.
    fn row(&self, column: &Column, path: &[String], kinds: &str) -> Vec<String> {
        let take = &column.take;
        let spelled = matches!(take.source, Source::Spelled(_) | Source::SpelledItem(_));
        let shown = match spelled || !take.otherwise.is_empty() {
            true => self.whose.source(path).to_string(),
            false => take.to_string(),
        };
        cells(column, shown, kinds)
    }

    fn kinds(&self, field: &Field) -> String {
        let kinds: Vec<&str> = field.kinds.iter().map(String::as_str).collect();
        in_how_many(kinds.join(" or "), field.records, self.records)
    }
}

fn cells(column: &Column, source: String, kinds: &str) -> Vec<String> {
    vec![
        source,
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
    use plimsoll_record::{
        Budget, Chunk, Decoder, Filling, Formats, Incoming, Items, UnknownFields,
    };
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
                    take: source.parse().unwrap(),
                    shape: Shape::Scalar,
                    key: *name == "id",
                    type_name: (*type_name).to_owned(),
                    holds: Holds::Other,
                })
                .collect(),
            filter: None,
            explode: None,
            evolve: None,
        }
    }

    /// What the decoder says of a record with this value.
    fn described(fields: &Fields<'_>, value: Option<&[u8]>) -> Described {
        let formats = Formats::json(UnknownFields::Ignore);
        let decoder = Decoder::new(fields.table, "t", 0, &formats);
        let into = |path: &[String]| fields.leads_further(path);
        decoder.describe(&chunk(value).record(0), &into).unwrap()
    }

    /// One record.
    fn chunk(value: Option<&[u8]>) -> Chunk {
        let mut filling = Filling::new(Budget::new(1 << 20));
        let incoming = Incoming {
            offset: 0,
            timestamp: None,
            key: None,
            value,
        };
        filling.push(&incoming, std::iter::empty(), None, Instant::now());
        let whole = Span::new(Position::ZERO, Position::new(1).unwrap()).unwrap();
        filling.seal(whole)
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
    fn elements_have_lines_of_their_own_and_pairs_among_them() {
        let table = Table {
            explode: Some(Path(vec!["items".to_owned()])),
            ..table(&[
                ("order_id", "value.id", "bigint"),
                ("line", "index", "int"),
                ("unit_price", "item.unit_price", "numeric"),
                ("sku", "item.sku", "text"),
            ])
        };
        let mut fields = Fields::new(&table);
        let value = br#"{"id":1,"items":[{"sku":"a","unitPrice":1},{"sku":null},null],"note":"x"}"#;
        fields.add(described(&fields, Some(value)));
        insta::assert_snapshot!(fields.lines(false).join("\n"), @r"
        value.id     number  →  order_id                   bigint
        value.items  array   →  (a row for every element)
        value.note   string  →  (no column: ignored)
        ");
        let mut items = Fields::of_items(&table).unwrap();
        let formats = Formats::json(UnknownFields::Ignore);
        let reader = Items::of(&table, "t", 0, &formats).unwrap();
        for described in reader.describe(&chunk(Some(value)).record(0), &|_| false) {
            items.add(described);
        }
        insta::assert_snapshot!(items.lines(false).join("\n"), @r"
        item.sku         null or string     →  sku                   text
        item.unitPrice   number, in 1 of 2  →  (no column: ignored)
        item.unit_price  in no element      →  unit_price            numeric
        ");
        let unit_price = "item.unitPrice".parse::<Source>().unwrap();
        assert_eq!(items.pairs(), [("unit_price", unit_price)]);
        assert!(Fields::of_items(&self::table(&[])).is_none());
    }

    #[test]
    fn columns_and_fields_of_another_spelling_are_paired() {
        let table = table(&[
            ("id", "value.id", "bigint"),
            ("customer_id", "value.customer_id", "text"),
            ("full_name", "value.full_name", "text"),
            ("note", "value.note", "text"),
        ]);
        let mut fields = Fields::new(&table);
        let json = br#"{"id":1,"customerId":"c","fullName":"a","full-name":"b"}"#;
        fields.add(described(&fields, Some(json)));
        let customer = "value.customerId".parse::<Source>().unwrap();
        // Of two that may be meant none is.
        assert_eq!(fields.pairs(), [("customer_id", customer)]);
        assert!(fields.faults().is_empty());
    }

    #[test]
    fn a_key_that_no_record_has_is_a_fault_and_so_is_a_table_that_nothing_fills() {
        let keyed = table(&[("id", "value.id", "bigint"), ("n", "value.n", "bigint")]);
        let of = |table: &Table, json: &[u8]| {
            let mut fields = Fields::new(table);
            fields.add(described(&fields, Some(json)));
            fields.faults().join("\n")
        };
        assert_eq!(
            of(&keyed, br#"{"ID":1,"n":1}"#),
            "key column \"id\" takes value.id, which no record of the sample has; hint: did you \
             mean value.ID?"
        );
        let none = of(&keyed, br#"{"a":1,"b.c":1}"#);
        assert_eq!(
            none,
            "no record of the sample has any field that a column takes: value.id, value.n; hint: \
             name the fields under columns, or the columns as the fields, which are value.a, \
             value.\"b.c\""
        );
        assert_eq!(of(&keyed, br#"{"id":1}"#), "");
        // Tombstones and broken records tell nothing.
        assert_eq!(of(&keyed, b"no JSON"), "");
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
