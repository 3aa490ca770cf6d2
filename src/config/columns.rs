//! What columns take, and which records become how many rows: `columns`, `naming`,
//! `include`, `exclude`, `explode` and `where` of a table.

use super::reader::{Reader, kind};
use super::spec::{Kind, words};
use super::suggest::nearest;
use super::text::Text;
use super::values::misread;
use jiff::tz::TimeZone;
use plimsoll_sink_api::{
    Cast, Epoch, Filter, Literal, Make, Mode, Naming, Pairs, Path, Source, TableSettings, Take,
    Unit,
};
use toml::de::DeValue;

const NAMINGS: [(&str, Naming); 2] = [("exact", Naming::Exact), ("snake_case", Naming::SnakeCase)];
pub(super) const NAMING_WORDS: [&str; 2] = words(&NAMINGS);

pub(super) const UNITS: [(&str, Epoch); 4] = [
    (Epoch::Seconds.as_str(), Epoch::Seconds),
    (
        Epoch::Parts(Unit::Millis).as_str(),
        Epoch::Parts(Unit::Millis),
    ),
    (
        Epoch::Parts(Unit::Micros).as_str(),
        Epoch::Parts(Unit::Micros),
    ),
    (
        Epoch::Parts(Unit::Nanos).as_str(),
        Epoch::Parts(Unit::Nanos),
    ),
];
pub(super) const UNIT_WORDS: [&str; 4] = words(&UNITS);

const CASTS: [(&str, Cast); 4] = [
    (Cast::Text.as_str(), Cast::Text),
    (Cast::Json.as_str(), Cast::Json),
    (Cast::Number.as_str(), Cast::Number),
    (Cast::Boolean.as_str(), Cast::Boolean),
];
pub(super) const CAST_WORDS: [&str; 4] = words(&CASTS);

pub(super) const SOURCES: &str = "a source is value.PATH, value.*, key, key.PATH, headers.NAME, \
                                  topic, partition, offset, timestamp, and with explode item, \
                                  item.PATH or index";

/// What a table says of all this.
pub(super) struct Mapping {
    columns: Vec<(String, Take)>,
    naming: Naming,
    pairs: Pairs,
    explode: Option<Path>,
    filter: Option<Filter>,
}

impl Mapping {
    /// The settings of a table of this name and mode.
    pub(super) fn of(self, table: String, mode: Mode) -> TableSettings {
        TableSettings {
            columns: self.columns,
            naming: self.naming,
            pairs: self.pairs,
            explode: self.explode,
            filter: self.filter,
            ..TableSettings::new(table, mode)
        }
    }
}

/// Reads it.
pub(super) fn read(reader: &mut Reader<'_, '_>) -> Option<Mapping> {
    let columns = read_columns(reader);
    let naming = reader.choice("naming", &NAMINGS);
    let names = |texts: Vec<Text>| texts.into_iter().map(|text| text.value).collect();
    let include = reader.texts("include").map(names);
    let exclude = reader.texts("exclude").map(names);
    let explode = reader
        .text("explode")
        .and_then(|text| read_array(reader, &text));
    let filter = reader
        .text("where")
        .and_then(|text| read_filter(reader, &text));
    if !reader.has("explode") {
        let taken = columns.iter().flat_map(|(_, take)| take.sources());
        check_items(reader, "columns", taken);
        check_items(reader, "where", filter.iter().flat_map(Filter::sources));
    }
    Some(Mapping {
        columns,
        naming: naming?,
        pairs: match (include, exclude) {
            (Some(names), _) => Pairs::Only(names),
            (None, Some(names)) => Pairs::AllBut(names),
            (None, None) => Pairs::All,
        },
        explode,
        filter,
    })
}

/// The field of the value of whose elements rows are made.
fn read_array(reader: &Reader<'_, '_>, text: &Text) -> Option<Path> {
    match text.value.parse() {
        Ok(Source::Value(path)) => Some(path),
        Ok(_) | Err(_) => {
            reader.fault_in(
                text,
                format!("{} is not a field of the value", text.shown()),
                "name the one that holds the array: explode = \"value.items\"",
            );
            None
        }
    }
}

/// Without `explode` there are no elements to take something of.
pub(super) fn check_items<'s>(
    reader: &Reader<'_, '_>,
    setting: &str,
    mut sources: impl Iterator<Item = &'s Source>,
) {
    if let Some(source) = sources.find(|source| source.is_of_item()) {
        reader.fault_of(
            setting,
            format!("takes \"{source}\" of an element, and a record is one row"),
            "explode = \"value.items\" makes a row of every element of that array; a field called \
             so is \"value.item\" or \"value.index\"",
        );
    }
}

fn read_filter(reader: &Reader<'_, '_>, text: &Text) -> Option<Filter> {
    let filter = text.value.parse::<Filter>();
    let shown = |what: &dyn std::fmt::Display| match text.is_expanded() {
        true => format!("{} is not a valid condition", text.shown()),
        false => format!("is not a valid condition: {what}"),
    };
    filter
        .map_err(|error| reader.fault_in(text, shown(&error), error.hint))
        .ok()
}

/// The columns with sources of their own, in the order of the file.
fn read_columns(reader: &Reader<'_, '_>) -> Vec<(String, Take)> {
    let mut columns = Vec::new();
    let (setting, _) = reader.find("columns");
    let Kind::Columns(inner) = setting.kind else {
        misread(setting);
    };
    let Some(table) = reader.table("columns") else {
        return columns;
    };
    for entry in table.entries() {
        let place = table.place_of(entry.key);
        let take = match entry.value.get_ref() {
            DeValue::Table(settings)
                if !settings
                    .keys()
                    .any(|key| inner.setting(key.get_ref()).is_some()) =>
            {
                table.fault_at(
                    &place,
                    &entry.key_at,
                    "has none of a column's settings",
                    "a column's name with a dot in it needs quotes; a column takes a source, such \
                     as \"value.customer.id\", or { source = …, unit = … }",
                );
                None
            }
            DeValue::Table(_) => {
                let column = table.as_table(inner, place, entry.key_at, entry.value);
                column.and_then(read_take)
            }
            _ => {
                let text = table.string(&place, entry.value, "a source, a string");
                let source = text.and_then(|text| read_source(&table, &text));
                source.map(Take::from)
            }
        };
        columns.extend(take.map(|take| (entry.key.to_owned(), take)));
    }
    columns
}

fn read_take(mut column: Reader<'_, '_>) -> Option<Take> {
    let one = column
        .text("source")
        .and_then(|text| read_source(&column, &text));
    let several = column.texts("coalesce").into_iter().flatten();
    let mut sources: Vec<Source> = one.into_iter().collect();
    sources.extend(several.filter_map(|text| read_source(&column, &text)));
    sources.extend(read_literal(&column).map(Source::Constant));
    let make = Make {
        epoch: column.choice("unit", &UNITS),
        time_zone: column
            .text("time_zone")
            .and_then(|text| read_zone(&column, &text)),
        cast: column.choice("as", &CASTS),
    };
    column.finish();
    let mut sources = sources.into_iter();
    Some(Take {
        source: sources.next()?,
        otherwise: sources.collect(),
        make,
    })
}

fn read_zone(column: &Reader<'_, '_>, text: &Text) -> Option<String> {
    let known = TimeZone::get(&text.value).is_ok();
    if !known {
        column.fault_in(
            text,
            format!("{} is not a time zone", text.shown()),
            "a zone has a name of the IANA's database: \"Europe/Berlin\", \"UTC\"",
        );
    }
    known.then(|| text.value.clone())
}

fn read_literal(column: &Reader<'_, '_>) -> Option<Literal> {
    let (_, value) = column.find("constant");
    let value = value?;
    let place = column.place_of("constant");
    match value.get_ref() {
        DeValue::String(_) => {
            let text = column.string(&place, value, "a text")?;
            Some(Literal::Text(text.value))
        }
        DeValue::Boolean(is) => Some(Literal::Boolean(*is)),
        DeValue::Integer(number) => {
            let read = i128::from_str_radix(number.as_str(), number.radix());
            if read.is_err() {
                let what = "must be a number of at most 127 bits, or a text";
                column.fault_at(&place, &value.span(), what, "");
            }
            read.ok().map(|number| Literal::Number(number.to_string()))
        }
        // What JSON has no word for, such as nan, is no number.
        DeValue::Float(number) => match serde_json::from_str::<serde_json::Number>(number.as_str())
        {
            Ok(_) => Some(Literal::Number(number.as_str().to_owned())),
            Err(_) => {
                column.fault_at(
                    &place,
                    &value.span(),
                    "must be a finite number, such as -1.5e3",
                    "",
                );
                None
            }
        },
        other => {
            let what = format!(
                "must be a text, a number, true or false, not {}",
                kind(other)
            );
            column.fault_at(&place, &value.span(), what, "");
            None
        }
    }
}

/// A source, or the fault of a text that is none.
pub(super) fn read_source(reader: &Reader<'_, '_>, text: &Text) -> Option<Source> {
    let source = text.value.parse().ok();
    if source.is_none() {
        let what = format!("{} is not a valid source", text.shown());
        reader.fault_in(text, what, source_hint(text));
    }
    source
}

fn source_hint(text: &Text) -> String {
    const HEADS: &[&str] = &[
        "value",
        "key",
        "item",
        "index",
        "headers",
        "topic",
        "partition",
        "offset",
        "timestamp",
    ];
    if text.is_expanded() {
        return SOURCES.to_owned();
    }
    let (head, tail) = match text.value.split_once('.') {
        Some((head, tail)) => (head, Some(tail)),
        None => (text.value.as_str(), None),
    };
    let fixed = match (nearest(head, HEADS.iter().copied()), tail) {
        (Some(head), Some(tail)) => format!("{head}.{tail}"),
        (Some(head), None) => head.to_owned(),
        (None, _) => format!("value.{}", text.value),
    };
    // Only what would be right is worth proposing.
    if fixed != text.value && fixed.parse::<Source>().is_ok() {
        format!("did you mean \"{fixed}\"?")
    } else {
        SOURCES.to_owned()
    }
}
