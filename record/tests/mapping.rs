//! Any mapping of any record is what an interpreter makes of it that knows no slots, no
//! scanner and no program: it looks things up in a tree.

use plimsoll_protocol::{Position, Span};
use plimsoll_record::{
    Arena, Budget, Chunk, Decoded, Decoder, Filling, Formats, Incoming, Undecoded, UnknownFields,
};
use plimsoll_sink_api::{
    Cell, Column, Comparison, Condition, Filter, Holds, Literal, Make, Mode, Of, Op, Path, Rows,
    Shape, Source, Step, Table, Take, spellings,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::time::Instant;

/// Few names, so that they meet.
const NAMES: [&str; 5] = ["a", "b", "c_d", "cD", "e"];

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned)
}

/// Values whose text serde_json keeps.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-3_i64..4).prop_map(|n| json!(n)),
        prop::sample::select(vec!["", "x", "y", "1", "é\"\\"]).prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            object(inner),
        ]
    })
}

fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let fields = prop::collection::btree_map(name(), inner, 0..5);
    fields.prop_map(|fields| Value::Object(fields.into_iter().collect()))
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        (-3_i64..4).prop_map(|n| Literal::Number(n.to_string())),
        prop::sample::select(vec!["", "x", "1"]).prop_map(|text| Literal::Text(text.to_owned())),
        any::<bool>().prop_map(Literal::Boolean),
    ]
}

fn steps() -> impl Strategy<Value = String> {
    let step = prop_oneof![
        3 => name().prop_map(|name| format!(".{name}")),
        1 => (-3_i32..3).prop_map(|place| format!("[{place}]")),
        1 => Just("[*]".to_owned()),
    ];
    prop::collection::vec(step, 0..4).prop_map(|steps| steps.concat())
}

/// Of a record; `items`: or of an element of an array in it.
fn source(items: bool) -> impl Strategy<Value = Source> {
    let parsed = |text: String| text.parse::<Source>().expect("a source");
    let of_item = prop_oneof![
        5 => steps().prop_map(move |steps| parsed(format!("item{steps}"))),
        1 => Just(Source::Index),
        1 => name().prop_map(Source::SpelledItem),
    ];
    prop_oneof![
        if items { 10 } else { 0 } => of_item,
        6 => steps().prop_map(move |steps| parsed(format!("value{steps}"))),
        // A whole key is bytes, and no value.
        2 => (name(), steps()).prop_map(move |(name, steps)| parsed(format!("key.{name}{steps}"))),
        1 => Just(Source::Rest),
        1 => Just(Source::Topic),
        1 => Just(Source::Offset),
        2 => name().prop_map(Source::Spelled),
        1 => literal().prop_map(Source::Constant),
    ]
}

fn condition(items: bool) -> impl Strategy<Value = Condition> {
    let comparison = prop::sample::select(vec![
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::AtLeast,
    ]);
    let leaf = prop_oneof![
        source(items).prop_map(Condition::Exists),
        (source(items), comparison, literal())
            .prop_map(|(source, is, literal)| Condition::Compare(source, is, literal)),
        (source(items), prop::collection::vec(literal(), 1..3))
            .prop_map(|(source, literals)| Condition::In(source, literals)),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(Condition::All),
            prop::collection::vec(inner.clone(), 1..3).prop_map(Condition::Any),
            inner.prop_map(|one| Condition::Not(Box::new(one))),
        ]
    })
}

/// A record, as the interpreter sees it.
struct Seen<'s> {
    key: Option<&'s Value>,
    value: Option<&'s Value>,
    /// The element that a row is made of, and its place.
    item: Option<(&'s Value, usize)>,
    /// The fields that columns take whole.
    taken: Vec<String>,
}

impl Seen<'_> {
    /// What a source is; `None`: it is not there.
    fn look(&self, source: &Source) -> Option<Value> {
        match source {
            Source::Value(path) => walk(self.value?, &steps_of(path, &[])),
            Source::Key(path) => walk(self.key?, &steps_of(path, &[])),
            Source::Item(path) => walk(self.item?.0, &steps_of(path, &[])),
            Source::Index => Some(json!(self.item?.1)),
            Source::Inside(inside) => {
                let begin = match inside.of {
                    Of::Value => self.value?,
                    Of::Key => self.key?,
                    Of::Item => self.item?.0,
                };
                match walk(begin, &steps_of(&inside.path, &[]))? {
                    // In null there is null.
                    Value::Null => Some(Value::Null),
                    found => walk(&found, &inside.steps),
                }
            }
            Source::Spelled(name) => spelled(self.value?, name),
            Source::SpelledItem(name) => spelled(self.item?.0, name),
            Source::Rest => {
                let fields = self.value?.as_object()?;
                let rest = fields.iter().filter(|(name, _)| !self.taken.contains(name));
                let rest: Map<String, Value> = rest
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
                Some(Value::Object(rest))
            }
            Source::Topic => Some(json!("t")),
            Source::Offset => Some(json!(7)),
            Source::Constant(literal) => Some(of_literal(literal)),
            Source::Header(_) | Source::Partition | Source::Timestamp => None,
        }
    }

    fn holds(&self, condition: &Condition) -> Option<bool> {
        let knows = |source: &Source| self.value.is_some() || !source.is_of_value();
        let any = |all: &[Condition], decides: bool| {
            let all: Vec<Option<bool>> = all.iter().map(|one| self.holds(one)).collect();
            if all.contains(&Some(decides)) {
                Some(decides)
            } else if all.contains(&None) {
                None
            } else {
                Some(!decides)
            }
        };
        let is =
            |source: &Source, literal: &Literal, holds: &dyn Fn(std::cmp::Ordering) -> bool| {
                let value = self.look(source)?;
                compare(&value, literal).map(holds)
            };
        match condition {
            Condition::All(all) => any(all, false),
            Condition::Any(all) => any(all, true),
            Condition::Not(one) => self.holds(one).map(|is| !is),
            Condition::Exists(source) => {
                knows(source).then(|| self.look(source).is_some_and(|value| !value.is_null()))
            }
            Condition::Compare(source, comparison, literal) => knows(source)
                .then(|| is(source, literal, &|order| comparison.holds(order)).unwrap_or(false)),
            Condition::In(source, literals) => knows(source).then(|| {
                let mut any = literals.iter();
                any.any(|literal| is(source, literal, &|order| order.is_eq()).unwrap_or(false))
            }),
        }
    }

    /// What a column gets; `None`: its default.
    fn fill(&self, take: &Take) -> Option<Value> {
        let found: Vec<Value> = take
            .sources()
            .filter_map(|source| self.look(source))
            .collect();
        let value = found.iter().find(|value| !value.is_null());
        value.or(found.last()).cloned()
    }
}

/// The last field of one of a name's spellings.
fn spelled(value: &Value, name: &str) -> Option<Value> {
    let spellings = spellings(name);
    let fields = value.as_object()?;
    let mut spelled = fields.iter().filter(|(name, _)| spellings.contains(name));
    spelled.next_back().map(|(_, value)| value.clone())
}

fn steps_of(path: &Path, further: &[Step]) -> Vec<Step> {
    let names = path.0.iter().cloned().map(Step::Field);
    names.chain(further.iter().cloned()).collect()
}

fn walk(value: &Value, steps: &[Step]) -> Option<Value> {
    let Some((step, further)) = steps.split_first() else {
        return Some(value.clone());
    };
    match step {
        Step::Field(name) => walk(value.get(name)?, further),
        Step::Element(place) => {
            let array = value.as_array()?;
            let length = i32::try_from(array.len()).expect("a short one");
            let at = if *place < 0 { length + place } else { *place };
            walk(array.get(usize::try_from(at).ok()?)?, further)
        }
        Step::Every => {
            let each = value
                .as_array()?
                .iter()
                .filter_map(|one| walk(one, further));
            let flat = |found: Value| match found {
                Value::Array(inner) if further.contains(&Step::Every) => inner,
                other => vec![other],
            };
            Some(Value::Array(each.flat_map(flat).collect()))
        }
    }
}

fn of_literal(literal: &Literal) -> Value {
    match literal {
        Literal::Text(text) => json!(text),
        Literal::Number(number) => serde_json::from_str(number).expect("a number"),
        Literal::Boolean(is) => json!(is),
    }
}

fn compare(value: &Value, literal: &Literal) -> Option<std::cmp::Ordering> {
    match literal {
        Literal::Number(number) => {
            let number: i64 = number.parse().expect("a number");
            let value = match value {
                Value::Number(value) => value.as_i64()?,
                Value::String(text) => text.parse().ok()?,
                _ => return None,
            };
            Some(value.cmp(&number))
        }
        Literal::Boolean(is) => Some(value.as_bool()?.cmp(is)),
        Literal::Text(text) => {
            let value = match value {
                Value::Null => return None,
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            Some(value.as_bytes().cmp(text.as_bytes()))
        }
    }
}

fn tree(cell: &Cell<'_>) -> Option<Value> {
    Some(match cell {
        Cell::Absent => return None,
        Cell::Null => Value::Null,
        Cell::Bool(is) => json!(is),
        Cell::Int(number) => json!(number),
        Cell::Number(text) | Cell::Json(text) => serde_json::from_str(text).expect("JSON"),
        Cell::Text(text) => json!(text),
        other => panic!("{other:?}"),
    })
}

fn column(take: Take, key: bool) -> Column {
    Column {
        name: if key { "id".to_owned() } else { "x".to_owned() },
        take,
        shape: Shape::Scalar,
        key,
        type_name: "text".to_owned(),
        holds: Holds::Other,
    }
}

fn takes_of(sources: Vec<Vec<Source>>) -> Vec<Take> {
    let take = |mut sources: Vec<Source>| Take {
        source: sources.remove(0),
        otherwise: sources,
        make: Make::default(),
    };
    sources.into_iter().map(take).collect()
}

fn table(mode: Mode, takes: &[Take], id: &Take, filter: Option<&Condition>) -> Table {
    let columns = takes.iter().cloned().map(|take| column(take, false));
    // The filter is that of a text, whose way through the parser others test.
    let filter = filter.map(|condition| {
        let mut parsed: Filter = "exists value".parse().unwrap();
        parsed.condition = condition.clone();
        parsed
    });
    Table {
        name: "t".to_owned(),
        mode,
        columns: columns
            .chain([column(id.clone(), mode == Mode::Upsert)])
            .collect(),
        explode: None,
        filter,
        evolve: None,
    }
}

/// One record, at offset 7.
fn chunk(key: &Value, value: Option<&Value>) -> Chunk {
    let (key, value) = (key.to_string(), value.map(Value::to_string));
    let mut filling = Filling::new(Budget::new(1 << 20));
    let incoming = Incoming {
        offset: 7,
        timestamp: None,
        key: Some(key.as_bytes()),
        value: value.as_deref().map(str::as_bytes),
    };
    filling.push(&incoming, std::iter::empty(), None, Instant::now());
    let (from, to) = (Position::new(7).unwrap(), Position::new(8).unwrap());
    filling.seal(Span::new(from, to).unwrap())
}

/// The fields of a value that columns take whole.
fn taken(takes: &[Take], id: &Take) -> Vec<String> {
    let whole = takes.iter().chain([id]).flat_map(Take::sources);
    let whole = whole.filter(|source| matches!(source, Source::Value(_) | Source::Spelled(_)));
    let taken = whole.flat_map(Source::value_paths);
    let taken = taken.filter(|path| path.0.len() == 1);
    taken.map(|mut path| path.0.remove(0)).collect()
}

/// What the interpreter makes of a record of which every element of an array is a row.
struct Exploded {
    rows: Vec<Vec<Option<Value>>>,
    filtered: bool,
}

/// Whoever makes it.
struct Exploding<'e> {
    takes: &'e [Take],
    id: &'e Take,
    filter: Option<&'e Condition>,
    mode: Mode,
    path: &'e Path,
}

impl Exploding<'_> {
    /// The rows; or the condition of a bad record.
    fn rows(&self, key: &Value, value: &Value) -> Result<Exploded, &'static str> {
        let mut all = Exploded {
            rows: Vec::new(),
            filtered: false,
        };
        let items = match walk(value, &steps_of(self.path, &[])) {
            None | Some(Value::Null) => return Ok(all),
            Some(Value::Array(items)) => items,
            Some(_) => return Err("not_an_array"),
        };
        let mut left_out = taken(self.takes, self.id);
        left_out.extend(
            self.path
                .0
                .first()
                .filter(|_| self.path.0.len() == 1)
                .cloned(),
        );
        for (index, item) in items.iter().enumerate() {
            if self.asks_for_fields() && !(item.is_object() || item.is_null()) {
                return Err("item_not_object");
            }
            let seen = Seen {
                key: Some(key),
                value: Some(value),
                item: Some((item, index)),
                taken: left_out.clone(),
            };
            if self
                .filter
                .is_some_and(|filter| seen.holds(filter) == Some(false))
            {
                all.filtered = true;
                continue;
            }
            let id = seen.fill(self.id);
            if self.mode == Mode::Upsert {
                if id.as_ref().is_none_or(Value::is_null) {
                    return Err("key_missing");
                }
                // The last of a key counts, in its own place.
                all.rows.retain(|row| *row.last().expect("an id") != id);
            }
            let cells = self.takes.iter().map(|take| seen.fill(take));
            all.rows.push(cells.chain([id]).collect());
        }
        Ok(all)
    }

    /// Whether anything is taken out of objects.
    fn asks_for_fields(&self) -> bool {
        let taken = self.takes.iter().chain([self.id]).flat_map(Take::sources);
        let mut asked = taken.collect::<Vec<_>>();
        if let Some(filter) = self.filter {
            filter.each_source(&mut |source| asked.push(source));
        }
        let field = |path: &Path| !path.0.is_empty();
        asked
            .iter()
            .any(|source| source.item_paths().iter().any(field))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_mapping_is_what_an_interpreter_makes_of_it(
        takes in prop::collection::vec(prop::collection::vec(source(false), 1..4), 1..5),
        filter in prop::option::of(condition(false)),
        // Keys and values that columns look into are objects.
        key in object(value()),
        value in prop::option::weighted(0.8, object(value())),
        log: bool,
    ) {
        let takes = takes_of(takes);
        let id = "key.e".parse::<Take>().unwrap();
        let mode = if log { Mode::Log } else { Mode::Upsert };
        let table = table(mode, &takes, &id, filter.as_ref());
        let chunk = chunk(&key, value.as_ref());
        let decoder = Decoder::new(&table, "t", 0, &Formats::json(UnknownFields::Ignore));
        let arena = Arena::new();
        let mut rows = Rows::with_capacity(table.columns.len(), 1);
        let decoded = decoder.decode(&chunk.record(0), &arena, &mut rows);

        let seen = Seen {
            key: Some(&key),
            value: value.as_ref(),
            item: None,
            taken: taken(&takes, &id),
        };
        let deletes = value.is_none() && !log;
        let asked = match log {
            // A log has no deletes: a value that is not there is none.
            true => Seen { value: Some(value.as_ref().unwrap_or(&Value::Null)), taken: seen.taken.clone(), ..seen },
            false => Seen { taken: seen.taken.clone(), ..seen },
        };
        let null_value = log && value.is_none();
        let ruled_out = filter.as_ref().is_some_and(|filter| asked.holds(filter) == Some(false));
        if ruled_out {
            prop_assert_eq!(decoded, Ok(Decoded::Filtered));
            return Ok(());
        }
        let id_is_there = seen.look(&id.source).is_some_and(|id| !id.is_null());
        if !log && !id_is_there {
            let bad = matches!(&decoded, Err(Undecoded::Bad(bad)) if bad.condition() == "key_missing");
            prop_assert!(bad, "{:?}", decoded);
            return Ok(());
        }
        prop_assert_eq!(decoded, Ok(Decoded::Rows));
        let (row, cells) = rows.row(0);
        prop_assert_eq!(row.op, if deletes { Op::Delete } else { Op::Put });
        prop_assert_eq!(tree(&cells[takes.len()]), seen.look(&id.source));
        for (take, cell) in takes.iter().zip(cells) {
            let expected = match deletes {
                true => None,
                false if null_value => asked_of_null(&seen, take),
                false => seen.fill(take),
            };
            prop_assert_eq!(tree(cell), expected, "{}", take);
        }
    }

    #[test]
    fn the_rows_of_an_array_are_what_an_interpreter_makes_of_its_elements(
        takes in prop::collection::vec(prop::collection::vec(source(true), 1..4), 1..5),
        id in prop::sample::select(vec!["item.e", "item", "index", "key.e", "value.e", "offset"]),
        filter in prop::option::weighted(0.3, condition(true)),
        path in prop::collection::vec(name(), 1..3).prop_map(Path),
        key in object(value()),
        value in prop::option::weighted(0.9, object(value())),
        items in prop::option::weighted(0.8, prop_oneof![
            8 => prop::collection::vec(object(value()), 0..5),
            2 => prop::collection::vec(value(), 0..5),
        ]),
        mode in prop::sample::select(vec![Mode::Append, Mode::Log, Mode::Upsert]),
    ) {
        let (takes, id) = (takes_of(takes), id.parse::<Take>().unwrap());
        let value = value.map(|value| match items {
            Some(items) => put(value, &path.0, Value::Array(items)),
            None => value,
        });
        let table = Table {
            explode: Some(path.clone()),
            ..table(mode, &takes, &id, filter.as_ref())
        };
        let chunk = chunk(&key, value.as_ref());
        let decoder = Decoder::new(&table, "t", 0, &Formats::json(UnknownFields::Ignore));
        let arena = Arena::new();
        let mut rows = Rows::with_capacity(table.columns.len(), 1);
        let decoded = decoder.decode(&chunk.record(0), &arena, &mut rows);

        let exploding = Exploding { takes: &takes, id: &id, filter: filter.as_ref(), mode, path: &path };
        // Without a value it tells no elements, in whatever mode.
        let none = Exploded { rows: Vec::new(), filtered: false };
        let expected = value.as_ref().map_or(Ok(none), |value| exploding.rows(&key, value));
        match (decoded, expected) {
            (Err(Undecoded::Bad(bad)), Err(condition)) => {
                prop_assert_eq!(bad.condition(), condition);
                prop_assert!(rows.is_empty());
            }
            (Ok(decoded), Ok(expected)) => {
                let found: Vec<Vec<Option<Value>>> = rows
                    .iter()
                    .map(|(_, cells)| cells.iter().map(tree).collect())
                    .collect();
                prop_assert!(rows.iter().all(|(row, _)| row.op == Op::Put && row.offset == 7));
                prop_assert_eq!(decoded, match (found.is_empty(), expected.filtered) {
                    (false, _) => Decoded::Rows,
                    (true, true) => Decoded::Filtered,
                    (true, false) => Decoded::PassedOver,
                });
                prop_assert_eq!(found, expected.rows);
            }
            (decoded, expected) => {
                let expected = expected.map(|expected| expected.rows);
                prop_assert!(false, "{:?} instead of {:?}", decoded, expected);
            }
        }
    }
}

/// The same with another value at a path.
fn put(mut object: Value, path: &[String], value: Value) -> Value {
    let (name, further) = path.split_first().expect("a path");
    let inner = match further {
        [] => value,
        further => put(json!({}), further, value),
    };
    object[name.as_str()] = inner;
    object
}

/// Of a record of a log without a value, the whole value is null, and fields are not there.
fn asked_of_null(seen: &Seen<'_>, take: &Take) -> Option<Value> {
    let look = |source: &Source| match source {
        Source::Rest => Some(Value::Null),
        Source::Value(path) if path.0.is_empty() => Some(Value::Null),
        Source::Inside(inside) if inside.path.0.is_empty() && inside.of == Of::Value => {
            Some(Value::Null)
        }
        other => seen.look(other),
    };
    let found: Vec<Value> = take.sources().filter_map(look).collect();
    let value = found.iter().find(|value| !value.is_null());
    value.or(found.last()).cloned()
}
