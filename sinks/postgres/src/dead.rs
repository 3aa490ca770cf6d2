//! Dead letters, as one INSERT of arrays.

use crate::encode::push_quoted;
use crate::names::Names;
use crate::plan::PgPlan;
use crate::text::without_nul;
use plimsoll_sink_api::{Batch, DeadLetter};
use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::Query;

/// How many parameters [`insert`] has.
pub(crate) const PARAMETERS: usize = 12;

/// Milliseconds of the first and last whole second that a timestamptz holds. A
/// sender may claim any time at all; a letter must be writable all the same, so
/// a time beyond these is NULL.
const EARLIEST: i64 = -210_866_803_200_000;
const LATEST: i64 = 9_224_318_015_999_000;

/// The INSERT, its parameters from `first`; the sink is the fence's `$1`. Arrays of arrays do not fit into an array, so names
/// and values of headers travel as literals. A record that is rejected again,
/// after its position was set back, replaces its letter.
///
/// Texts travel as bytes: a database that is not of UTF-8 has no letter for many
/// characters, and would refuse the whole statement before it looked at it.
pub(crate) fn insert(names: &Names, first: usize, only_if: &str) -> String {
    let p = |i: usize| first + i;
    format!(
        "INSERT INTO {} AS d (sink, topic, kafka_partition, kafka_offset, kafka_timestamp, key, \
         value, header_names, header_values, condition, sqlstate, column_name, message) \
         SELECT $1::text, l.topic, l.part, l.o, \
         CASE WHEN l.t BETWEEN {EARLIEST} AND {LATEST} \
         THEN pg_catalog.to_timestamp(l.t / 1000.0) END, l.k, \
         l.v, ARRAY(SELECT {name} FROM pg_catalog.unnest(l.hn::bytea[]) WITH ORDINALITY AS n(b, i) \
         ORDER BY n.i), l.hv::bytea[], {condition}, {code}, {column}, {message} \
         FROM unnest(${}::text[], ${}::int4[], ${}::int8[], ${}::int8[], ${}::bytea[], \
         ${}::bytea[], ${}::text[], ${}::text[], ${}::bytea[], ${}::bytea[], ${}::bytea[], \
         ${}::bytea[]) \
         AS l(topic, part, o, t, k, v, hn, hv, c, s, col, m) WHERE {only_if} \
         ON CONFLICT (sink, topic, kafka_partition, kafka_offset) DO UPDATE SET \
         kafka_timestamp = EXCLUDED.kafka_timestamp, key = EXCLUDED.key, \
         value = EXCLUDED.value, header_names = EXCLUDED.header_names, \
         header_values = EXCLUDED.header_values, condition = EXCLUDED.condition, \
         sqlstate = EXCLUDED.sqlstate, column_name = EXCLUDED.column_name, \
         message = EXCLUDED.message, created_at = EXCLUDED.created_at",
        names.dead_letters,
        p(0),
        p(1),
        p(2),
        p(3),
        p(4),
        p(5),
        p(6),
        p(7),
        p(8),
        p(9),
        p(10),
        p(11),
        name = as_text("n.b"),
        condition = as_text("l.c"),
        code = as_text("l.s"),
        column = as_text("l.col"),
        message = as_text("l.m"),
    )
}

/// Bytes of UTF-8 as text; where the database is not of UTF-8, what is not ASCII is
/// escaped.
fn as_text(bytes: &str) -> String {
    format!(
        "CASE pg_catalog.getdatabaseencoding() WHEN 'UTF8' \
         THEN pg_catalog.convert_from({bytes}, 'UTF8') \
         ELSE pg_catalog.encode({bytes}, 'escape') END"
    )
}

/// Binds the letters of these batches.
pub(crate) fn bind<'q>(
    query: Query<'q, Postgres, PgArguments>,
    batches: &[Batch<'_, PgPlan>],
) -> Query<'q, Postgres, PgArguments> {
    let places = batches.iter().flat_map(|batch| {
        let place = (batch.topic.to_owned(), batch.partition);
        std::iter::repeat_n(place, batch.dead.len())
    });
    let (topics, partitions): (Vec<String>, Vec<i32>) = places.unzip();
    let dead: Vec<&DeadLetter<'_>> = batches.iter().flat_map(|batch| batch.dead).collect();
    let dead = dead.as_slice();
    let offsets: Vec<i64> = dead.iter().map(|d| d.offset).collect();
    let times: Vec<Option<i64>> = dead.iter().map(|d| d.timestamp).collect();
    let keys: Vec<Option<&[u8]>> = dead.iter().map(|d| d.key).collect();
    let values: Vec<Option<&[u8]>> = dead.iter().map(|d| d.value).collect();
    let names: Vec<String> = dead.iter().map(|d| header_names(d)).collect();
    let contents: Vec<String> = dead.iter().map(|d| header_values(d)).collect();
    query
        .bind(topics)
        .bind(partitions)
        .bind(offsets)
        .bind(times)
        .bind(keys)
        .bind(values)
        .bind(names)
        .bind(contents)
        .bind(bytes(dead, |d| Some(&d.condition)))
        .bind(bytes(dead, |d| d.code.as_deref()))
        .bind(bytes(dead, |d| d.column.as_deref()))
        .bind(bytes(dead, |d| Some(&d.text)))
}

/// One text of each letter.
fn bytes<'d>(
    dead: &'d [&DeadLetter<'_>],
    text: impl Fn(&'d DeadLetter<'_>) -> Option<&'d str>,
) -> Vec<Option<Vec<u8>>> {
    let bytes = |text| without_nul(text).into_owned().into_bytes();
    dead.iter().map(|d| text(d).map(bytes)).collect()
}

fn header_names(letter: &DeadLetter<'_>) -> String {
    let names = letter.headers.iter();
    array(names.map(|(name, _)| Some(hex(without_nul(name).as_bytes()))))
}

fn header_values(letter: &DeadLetter<'_>) -> String {
    array(letter.headers.iter().map(|(_, value)| value.map(hex)))
}

fn hex(bytes: &[u8]) -> String {
    format!("\\x{}", hex::encode(bytes))
}

fn array(items: impl Iterator<Item = Option<String>>) -> String {
    let mut literal = String::from("{");
    for (i, item) in items.enumerate() {
        if i > 0 {
            literal.push(',');
        }
        match item {
            Some(text) => push_quoted(&text, &mut literal),
            None => literal.push_str("NULL"),
        }
    }
    literal.push('}');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_become_two_arrays() {
        let letter = DeadLetter {
            offset: 1,
            timestamp: None,
            key: None,
            value: None,
            headers: vec![
                ("a\0".into(), Some(b"\0\xff".as_slice())),
                ("a".into(), None),
            ],
            condition: "decode".to_owned(),
            code: None,
            column: None,
            text: String::new(),
        };
        assert_eq!(header_names(&letter), r#"{"\\x61efbfbd","\\x61"}"#);
        assert_eq!(header_values(&letter), r#"{"\\x00ff",NULL}"#);
    }
}
