//! What the fuzz target calls, and the tests of its corpus: whatever bytes come, there is
//! no panic, and what is read is one thing, by whichever way. A property that does not hold
//! panics.

use crate::line::{Line, Marks};
use crate::{Csv, Primitive};
use plimsoll_format_testing::{Want, one, wanted};
use plimsoll_record::{Arena, Format, Record, Side, Undecoded};
use plimsoll_sink_api::{Cell, Path, Shape};
use std::collections::BTreeMap;

const MARKS: Marks = Marks {
    delimiter: b',',
    quote: b'"',
};

/// Reads bytes as a line of CSV with as many fields as it has, and as single values.
///
/// # Panics
/// Where a field alone is not what it is among all, or where the line says another thing
/// with quotes around every field.
pub fn csv(data: &[u8]) {
    primitives(data);
    let Some(count) = count(data) else {
        return;
    };
    let csv = Csv {
        fields: (0..count).map(|i| format!("f{i}")).collect(),
        delimiter: MARKS.delimiter,
        quote: MARKS.quote,
        null: "nil".to_owned(),
    };
    let whole = all(&csv, data);
    let mut quoted = Vec::new();
    for name in &csv.fields {
        let path = Path(vec![name.clone()]);
        let alone = read(&csv, &path, Shape::Scalar, data).expect("a field of a good line");
        assert_eq!(alone.as_ref(), whole[name].as_ref(), "{name} alone");
        let text = alone.unwrap_or_else(|| "nil".to_owned());
        quoted.push(format!("\"{}\"", text.replace('"', "\"\"")));
    }
    let again = all(&csv, quoted.join(",").as_bytes());
    for (name, text) in whole {
        // In quotes it is no null.
        let text = text.or_else(|| Some("nil".to_owned()));
        assert_eq!(again[&name], text, "{name} in quotes");
    }
}

/// How many fields a line has, if it is a good one.
fn count(data: &[u8]) -> Option<usize> {
    let mut line = Line::new(std::str::from_utf8(data).ok()?, MARKS);
    let mut count = 0;
    while line.field().ok()?.is_some() {
        count += 1;
    }
    Some(count)
}

/// Each field by its name.
fn all(csv: &Csv, data: &[u8]) -> BTreeMap<String, Option<String>> {
    let json = read(csv, &Path::default(), Shape::Json, data).expect("a good line");
    serde_json::from_str(&json.expect("an object")).expect("JSON")
}

fn primitives(data: &[u8]) {
    for (primitive, length) in [
        (Primitive::Text, None),
        (Primitive::Bytes, None),
        (Primitive::Int16, Some(2)),
        (Primitive::Int32, Some(4)),
        (Primitive::Int64, Some(8)),
        (Primitive::Float32, Some(4)),
        (Primitive::Float64, Some(8)),
        (Primitive::Boolean, Some(1)),
    ] {
        let json = read(&primitive, &Path::default(), Shape::Json, data);
        let is_good = match primitive {
            Primitive::Text => std::str::from_utf8(data).is_ok(),
            Primitive::Boolean => matches!(data, [0 | 1]),
            _ => length.is_none_or(|length| data.len() == length),
        };
        assert_eq!(json.is_some(), is_good, "{primitive:?}");
        if let Some(json) = json.flatten() {
            let _: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        }
    }
}

/// The text of one cell, if the record is good; `None` within: null.
fn read(format: &dyn Format, path: &Path, shape: Shape, data: &[u8]) -> Option<Option<String>> {
    let want = [Want::of(0, path.clone()).shaped(shape)];
    let wanted = wanted(&want, Side::Value);
    let reader = format.reader(&wanted);
    with_record(data, |record, bytes| {
        let (arena, mut cells) = (Arena::new(), [Cell::Absent]);
        match reader.read(record, bytes, &arena, &mut cells) {
            Ok(_) => Some(match cells[0] {
                Cell::Null => None,
                Cell::Text(text) | Cell::Json(text) => Some(text.to_owned()),
                ref other => panic!("{other:?}"),
            }),
            Err(Undecoded::Bad(_)) => None,
            Err(other) => panic!("it needs nothing: {other}"),
        }
    })
}

/// Calls with a record of this value.
fn with_record<T>(data: &[u8], call: impl FnOnce(&Record<'_>, &[u8]) -> T) -> T {
    let chunk = one(0, None, Some(data));
    let record = chunk.record(0);
    let bytes = record.value.expect("a value");
    call(&record, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_format_testing::corpus;
    use proptest::prelude::*;

    #[test]
    fn the_corpus_of_csv_holds() {
        corpus("csv").iter().for_each(|data| csv(data));
    }

    proptest! {
        #[test]
        fn lines_by_chance_hold(text in "[a,\"nil\r\né]{0,20}") {
            csv(text.as_bytes());
        }

        #[test]
        fn lines_are_those_of_another_reader(
            fields in prop::collection::vec("([aé][a\"é]{0,2})?|\"([a,\n]|\"\"){0,5}\"", 1..6),
            end in "(\r?\n)?",
        ) {
            let text = fields.join(",") + &end;
            // It takes an empty line for none.
            prop_assume!(fields.concat() != "" || fields.len() > 1);
            let mut reader = ::csv::ReaderBuilder::new();
            let reader = reader.has_headers(false).from_reader(text.as_bytes());
            let records: Vec<::csv::StringRecord> =
                reader.into_records().collect::<Result<_, _>>().expect("a line");
            prop_assert_eq!(records.len(), 1);
            let csv = Csv {
                fields: (0..fields.len()).map(|i| i.to_string()).collect(),
                delimiter: b',',
                quote: b'"',
                null: "nil".to_owned(),
            };
            let all = all(&csv, text.as_bytes());
            prop_assert_eq!(records[0].len(), all.len());
            for (i, field) in records[0].iter().enumerate() {
                prop_assert_eq!(all[&i.to_string()].as_deref(), Some(field));
            }
        }

        #[test]
        fn any_bytes_hold(data in prop::collection::vec(any::<u8>(), 0..20)) {
            csv(&data);
        }
    }
}
