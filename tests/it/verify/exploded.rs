//! A table with a row for every element of an array, in every mode: exact as it was
//! written, all of a record or nothing of it, and each row that is changed, gone or doubled
//! is found.

use super::tables::{Kind, Table, Tables, count};
use crate::harness::kafka::Message;

const MODES: [&str; 4] = ["logged", "by_coordinate", "by_content", "by_key"];

/// Those of an order: some, none, or no array at all.
fn records() -> Vec<Message> {
    let values = [
        r#"{"id":1,"items":[{"sku":"a","n":1},{"sku":"b","n":2},{"sku":"c","n":3}]}"#,
        r#"{"id":2,"items":[]}"#,
        r#"{"id":3}"#,
        r#"{"id":4,"items":null}"#,
        r#"{"id":5,"items":[{"sku":"a","n":9},{"sku":"b","n":2}]}"#,
        // No array, an element that is none, and one that the table refuses: nothing of
        // these records is written.
        r#"{"id":6,"items":{"sku":"a"}}"#,
        r#"{"id":7,"items":[{"sku":"x","n":1},7]}"#,
        r#"{"id":8,"items":[{"sku":"x","n":1},{"sku":"y","n":-1},{"sku":"z","n":1}]}"#,
        // The last of a key counts.
        r#"{"id":9,"items":[{"sku":"d","n":1},{"sku":"e","n":1},{"sku":"d","n":2}]}"#,
    ];
    let mut all: Vec<Message> = values.iter().map(|value| Message::of(0, value)).collect();
    // It tells no elements: the rows of its order stay.
    all.push(Message::tombstone(0, "5"));
    all
}

fn tables(kind: Kind) -> Vec<Table> {
    let event = match kind {
        Kind::Postgres => "jsonb",
        Kind::Sqlite => "TEXT",
    };
    let row = "id integer, sku text, n integer CHECK (n >= 0)";
    let table = |name: &str, columns: String, mode, named: &str| Table {
        name: name.to_owned(),
        columns,
        mode,
        lines: format!(
            "explode = \"value.items\"\ncolumns = {{ id = \"value.id\"{named} }}\n\
             where = \"not exists item.sku or item.sku != 'never'\""
        ),
        records: records(),
    };
    let log = format!(
        "kafka_topic varchar(255), kafka_partition integer, kafka_offset bigint, kafka_index \
         integer, event_data {event}, {row}, \
         PRIMARY KEY (kafka_topic, kafka_partition, kafka_offset, kafka_index)"
    );
    let of_items = ", sku = \"item.sku\", n = \"item.n\"";
    let coordinates = ", part = \"partition\", off = \"offset\", place = \"index\"";
    vec![
        table(MODES[0], log, "log", of_items),
        table(
            MODES[1],
            format!("part integer, off bigint, place integer, {row}"),
            "append",
            coordinates,
        ),
        table(MODES[2], row.to_owned(), "append", ""),
        table(
            MODES[3],
            format!("{row}, PRIMARY KEY (id, sku)"),
            "upsert",
            "",
        ),
    ]
}

/// What verify finds of each table: missing, different, extra, doubled.
fn findings(tables: &Tables) -> Vec<[u64; 4]> {
    let (_, report) = tables.verify();
    let of = |mode: &&str| {
        ["missing", "different", "extra", "doubled"].map(|finding| count(&report, mode, finding))
    };
    MODES.iter().map(of).collect()
}

/// Does the same to each table.
fn in_each(tables: &mut Tables, sql: impl Fn(&str) -> String) {
    for mode in MODES {
        tables.execute(&sql(mode));
    }
}

/// Puts the rows back as they were written.
fn restore(tables: &mut Tables) {
    in_each(tables, |mode| {
        format!(
            "DELETE FROM {{s}}.{mode}; INSERT INTO {{s}}.{mode} SELECT * FROM {{s}}.saved_{mode}"
        )
    });
    tables.assert_exact();
}

fn rows_of_elements(test: &str, kind: Kind) {
    let bad = "on_bad_record = \"dead_letter\"";
    let mut tables = Tables::new(test, kind, "", bad, &tables(kind));
    tables.write();
    tables.assert_exact();
    // Three rows of the first order, two of the fifth, and of the ninth three or, by key,
    // two; those of records without elements, or that are bad, are none.
    let expected = [
        ("logged", 8),
        ("by_coordinate", 8),
        ("by_content", 8),
        ("by_key", 7),
    ];
    for (mode, rows) in expected {
        tables.assert_count(&format!("SELECT count(*) FROM {{s}}.{mode}"), rows);
        let of_bad = format!("SELECT count(*) FROM {{s}}.{mode} WHERE id IN (6, 7, 8)");
        tables.assert_count(&of_bad, 0);
    }
    tables.assert_count(
        "SELECT count(*) FROM {s}.by_key WHERE id = 9 AND sku = 'd' AND n = 2",
        1,
    );
    tables.assert_count(
        "SELECT count(*) FROM {s}.logged WHERE kafka_index = 2 AND sku = 'c'",
        1,
    );
    in_each(&mut tables, |mode| {
        format!("CREATE TABLE {{s}}.saved_{mode} AS SELECT * FROM {{s}}.{mode}")
    });

    in_each(&mut tables, |mode| {
        format!("DELETE FROM {{s}}.{mode} WHERE id = 1 AND sku = 'b'")
    });
    assert_eq!(findings(&tables), [[1, 0, 0, 0]; 4]);
    restore(&mut tables);

    in_each(&mut tables, |mode| {
        format!("UPDATE {{s}}.{mode} SET n = 7 WHERE id = 1 AND sku = 'b'")
    });
    let changed = [0, 1, 0, 0];
    assert_eq!(findings(&tables), [changed, changed, [1, 0, 1, 0], changed]);
    restore(&mut tables);

    // Doubled where the table lets it; else a row beside those that there are.
    for mode in ["by_coordinate", "by_content"] {
        tables.execute(&format!(
            "INSERT INTO {{s}}.{mode} SELECT * FROM {{s}}.saved_{mode} WHERE id = 1 AND sku = 'b'"
        ));
    }
    tables.execute("UPDATE {s}.logged SET kafka_index = 3 WHERE id = 1 AND sku = 'c'");
    tables.execute("INSERT INTO {s}.by_key (id, sku, n) VALUES (1, 'z', 1)");
    assert_eq!(
        findings(&tables),
        [[1, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 1, 0]]
    );
    restore(&mut tables);
}

#[test]
fn rows_of_elements_in_postgres_are_all_there_or_none_and_each_is_proven() {
    rows_of_elements("verify_exploded_pg", Kind::Postgres);
}

#[test]
fn rows_of_elements_in_sqlite_are_all_there_or_none_and_each_is_proven() {
    rows_of_elements("verify_exploded_lite", Kind::Sqlite);
}
