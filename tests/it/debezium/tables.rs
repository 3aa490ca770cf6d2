//! The tables of the source, which are those of the target, too.

use super::scene::Form;
use crate::harness::postgres::Database;
use crate::harness::random::Random;

/// One table.
pub struct Table {
    pub name: &'static str,
    /// Of its columns.
    pub columns: &'static str,
    /// Its key in the target; in the source where it has one.
    pub key: &'static str,
    /// Whether the source has no key.
    pub keyless: bool,
    /// Whether changes hold all values that were.
    pub full: bool,
    pub partitions: i32,
}

const DOCUMENT: &str = "id int, n int, big text, raw bytea, doc jsonb, tags text[], nums int[]";

/// Large values of these columns are stored outside of their rows.
const LARGE: [&str; 5] = ["big", "raw", "doc", "tags", "nums"];

pub const TABLES: [Table; 7] = [
    Table {
        name: "orders",
        columns: "id bigint, customer text NOT NULL, amount numeric(12,2), at timestamptz, \
                  paid boolean, note text",
        key: "id",
        keyless: false,
        full: false,
        partitions: 3,
    },
    // Columns of the key in another order than in the table.
    Table {
        name: "lines",
        columns: "line int, article uuid, quantity int",
        key: "article, line",
        keyless: false,
        full: false,
        partitions: 3,
    },
    // Its large values are not sent where they did not change.
    Table {
        name: "documents",
        columns: DOCUMENT,
        key: "id",
        keyless: false,
        full: false,
        partitions: 2,
    },
    // They are, and so its keys can change.
    Table {
        name: "archive",
        columns: DOCUMENT,
        key: "id",
        keyless: false,
        full: true,
        partitions: 2,
    },
    // The connector is told its key.
    Table {
        name: "named",
        columns: "a int, b text, v text",
        key: "a, b",
        keyless: true,
        full: true,
        partitions: 2,
    },
    // Its events have no key, and so there is no order between partitions.
    Table {
        name: "bare",
        columns: "a int, v text",
        key: "a",
        keyless: true,
        full: true,
        partitions: 1,
    },
    Table {
        name: "types",
        columns: "",
        key: "id",
        keyless: false,
        full: false,
        partitions: 2,
    },
];

/// The connector's setting for [`TABLES`] whose keys it cannot find.
pub fn message_keys(schema: &str) -> String {
    format!("{schema}.named:a,b")
}

/// A column of `types`: its name, its type, and values that arrive as they are.
type Typed = (&'static str, &'static str, &'static [&'static str]);

pub const TYPED: [Typed; 39] = [
    ("c_bool", "boolean", &["true", "false"]),
    ("c_i2", "smallint", &["-32768", "32767"]),
    ("c_i4", "integer", &["-2147483648", "2147483647", "0"]),
    (
        "c_i8",
        "bigint",
        &["-9223372036854775808", "9223372036854775807"],
    ),
    (
        "c_f4",
        "real",
        &["1.5", "'NaN'", "'-Infinity'", "3.4028235e38", "0.1"],
    ),
    (
        "c_f8",
        "double precision",
        &["0.1", "'NaN'", "'Infinity'", "1e300", "5e-324"],
    ),
    (
        "c_num",
        "numeric",
        &[
            "1.50",
            "-0.000000000000000000000000000001",
            "'NaN'",
            "123456789012345678901234567890.5",
        ],
    ),
    (
        "c_num122",
        "numeric(12,2)",
        &["0", "-9999999999.99", "12.30"],
    ),
    ("c_num5m2", "numeric(5,-2)", &["12300", "-100"]),
    ("c_dom", "{s}.euros", &["1.10", "-2"]),
    ("c_money", "money", &["1234.5", "-0.01"]),
    (
        "c_text",
        "text",
        &[
            "''",
            "'NULL'",
            "E'tab\\t, line\\n, \"quoted\" \\\\ \\x01'",
            "'ä € 𝄞'",
        ],
    ),
    ("c_vc", "varchar(20)", &["'short'", "''"]),
    ("c_ch", "char(5)", &["'ab'", "'fiver'"]),
    ("c_bytea", "bytea", &["''", "'\\x00ff'"]),
    (
        "c_uuid",
        "uuid",
        &["'b68a35a7-17ad-35b3-af2a-ae46edb45400'"],
    ),
    (
        "c_json",
        "json",
        &["'{\"a\":  1, \"a\": [1.0, null]}'", "'\"text\"'", "'null'"],
    ),
    (
        "c_jsonb",
        "jsonb",
        &["'{\"a\": 1.50, \"b\": [true]}'", "'null'", "'\"text\"'"],
    ),
    ("c_xml", "xml", &["'<a b=\"1\">two</a>'"]),
    (
        "c_date",
        "date",
        &["'2026-02-28'", "'0001-01-01'", "'9999-12-31'"],
    ),
    (
        "c_time",
        "time",
        &["'00:00'", "'23:59:59.999999'", "'12:34:56.1'"],
    ),
    ("c_time3", "time(3)", &["'23:59:59.999'"]),
    ("c_timetz", "timetz", &["'12:34:56.123456+00'"]),
    (
        "c_ts",
        "timestamp",
        &["'2026-03-29 01:30:00.123456'", "'1900-01-01 00:00:00'"],
    ),
    ("c_ts3", "timestamp(3)", &["'2026-03-29 01:30:00.123'"]),
    ("c_ts0", "timestamp(0)", &["'2026-03-29 01:30:00'"]),
    (
        "c_tstz",
        "timestamptz",
        &[
            "'2026-03-29 01:30:00.123456+02'",
            "'1900-01-01 00:00:00+00'",
        ],
    ),
    (
        "c_interval",
        "interval",
        &["'1 year 2 mons 3 days 04:05:06.789'", "'-1 day'", "'0'"],
    ),
    ("c_bit", "bit(1)", &["B'1'", "B'0'"]),
    ("c_bit10", "bit(10)", &["B'0000000101'"]),
    ("c_varbit", "varbit(12)", &["B'101'", "B'1'"]),
    ("c_inet", "inet", &["'10.0.0.1/8'", "'::1'"]),
    ("c_mac", "macaddr", &["'08:00:2b:01:02:03'"]),
    ("c_mood", "{s}.mood", &["'happy'", "'sad'"]),
    ("c_point", "point", &["'(1.5,-2)'"]),
    ("c_range", "int4range", &["'[1,5)'", "'empty'"]),
    ("c_ia", "integer[]", &["'{}'", "'{1,NULL,3}'"]),
    ("c_ta", "text[]", &["'{a,\"b, c\",NULL}'", "'{}'"]),
    ("c_def", "text DEFAULT 'default'", &["'default'", "'other'"]),
];

/// What JSON without a schema tells in another way than the column is written: bits as
/// base64 or as a boolean, a point as an object.
const NEED_SCHEMA: [&str; 4] = ["c_bit", "c_bit10", "c_varbit", "c_point"];

/// A value of `types` that the event does not tell as it is, or that has no form which
/// databases read; each stands in a row of its own.
pub struct Odd {
    pub column: &'static str,
    pub value: &'static str,
    /// What becomes of it where a schema tells its type.
    pub typed: Fate,
    /// What becomes of it in JSON without a schema, with times as texts.
    pub plain: Fate,
}

/// What becomes of a value.
#[derive(Clone, Copy)]
pub enum Fate {
    /// It arrives.
    Kept,
    /// The event has another one.
    Lost(&'static str),
    /// The record is bad, under this condition.
    Bad(&'static str),
}

use Fate::{Bad, Kept, Lost};

const fn odd(column: &'static str, value: &'static str, typed: Fate, plain: Fate) -> Odd {
    Odd {
        column,
        value,
        typed,
        plain,
    }
}

/// An ISO 8601 text with a year that Postgres does not read.
const FAR: Fate = Bad("invalid_time_zone_displacement_value");
const INFINITE: Fate = Bad("infinite_time");
/// Before the year 1.
const EARLY: Fate = Bad("timestamp_out_of_range");

/// The first is special in a snapshot, which has lost the era; the last in Avro, whose
/// converter puts the column's default for null.
pub const ODD: [Odd; 14] = [
    odd("c_date", "'0044-03-15 BC'", EARLY, FAR),
    odd("c_date", "'infinity'", INFINITE, FAR),
    odd("c_num", "'-Infinity'", Kept, Kept),
    odd("c_time", "'24:00'", Kept, Lost("00:00:00")),
    odd(
        "c_timetz",
        "'12:34:56.123456+05:30'",
        Lost("07:04:56.123456+00"),
        Lost("07:04:56.123456+00"),
    ),
    odd("c_ts", "'infinity'", INFINITE, FAR),
    odd("c_ts", "'0044-03-15 12:00:00 BC'", EARLY, FAR),
    odd("c_ts3", "'-infinity'", INFINITE, FAR),
    odd("c_tstz", "'infinity'", Kept, Kept),
    odd("c_tstz", "'0044-03-15 12:00:00+00 BC'", FAR, FAR),
    odd("c_tstz", "'294276-12-31 23:59:59+00'", FAR, FAR),
    odd("c_varbit", "B'0001'", Lost("1"), Kept),
    odd(
        "c_ia",
        "'{{1,2},{3,4}}'",
        Lost("{NULL,NULL}"),
        Lost("{NULL,NULL}"),
    ),
    odd("c_def", "NULL", Kept, Kept),
];

impl Odd {
    /// What becomes of it in a form of events, of a row of the snapshot or of a change.
    pub fn fate(&self, form: Form, snapshot: bool) -> Fate {
        match (self.column, self.value) {
            ("c_date", "'0044-03-15 BC'") if snapshot => Lost("0044-03-15"),
            ("c_def", _) if form == Form::Avro => Lost("default"),
            _ if form.has_schema() => self.typed,
            _ => self.plain,
        }
    }
}

/// The rows of [`ODD`] in a snapshot begin here, those that were changes at the second.
pub const ODD_FROM: [i64; 2] = [1_000, 2_000];

/// Inserts [`ODD`].
pub fn insert_odd(source: &Database, from: i64) {
    for (Odd { column, value, .. }, id) in ODD.iter().zip(from..) {
        source.execute(&format!(
            "INSERT INTO {{s}}.types (id, {column}) VALUES ({id}, {value})"
        ));
    }
}

/// The columns of a table as they are made; those that `left_out` names are not.
fn columns(table: &Table, left_out: &[&str]) -> String {
    match table.columns {
        "" => {
            let told = TYPED.iter().filter(|(name, ..)| !left_out.contains(name));
            let column = |(name, of_type, _): &Typed| format!("{name} {of_type}");
            let columns: Vec<String> = told.map(column).collect();
            format!("id bigint, {}", columns.join(", "))
        }
        columns => columns.to_owned(),
    }
}

/// Types that tables of both sides need.
const OWN_TYPES: &str = "CREATE TYPE {s}.mood AS ENUM ('sad', 'ok', 'happy'); CREATE DOMAIN \
                         {s}.euros AS numeric(12,2)";

/// Makes the tables of the source.
pub fn create_source(source: &Database) {
    source.execute(OWN_TYPES);
    for table in &TABLES {
        let (name, columns) = (table.name, columns(table, &[]));
        let key = match table.keyless {
            true => String::new(),
            false => format!(", PRIMARY KEY ({})", table.key),
        };
        source.execute(&format!("CREATE TABLE {{s}}.{name} ({columns}{key})"));
        if table.columns == DOCUMENT {
            for column in LARGE {
                source.execute(&format!(
                    "ALTER TABLE {{s}}.{name} ALTER {column} SET STORAGE EXTERNAL"
                ));
            }
        }
        if table.full {
            source.execute(&format!("ALTER TABLE {{s}}.{name} REPLICA IDENTITY FULL"));
        }
    }
}

/// Makes those of a target, named by their topics.
pub fn create_target(target: &Database, prefix: &str, form: Form) {
    target.execute(OWN_TYPES);
    let left_out: &[&str] = match form.has_schema() {
        true => &[],
        false => &NEED_SCHEMA,
    };
    for table in &TABLES {
        let (name, key, columns) = (table.name, table.key, columns(table, left_out));
        target.execute(&format!(
            "CREATE TABLE {{s}}.{prefix}_{name} ({columns}, PRIMARY KEY ({key}))"
        ));
    }
}

/// A value of each column of `types`, in their order.
pub fn typed(random: &mut Random) -> Vec<String> {
    let value = |(name, _, values): &Typed| match random.below(4) {
        // A null where a default stands is one of the odd values.
        0 if *name != "c_def" => "NULL".to_owned(),
        _ => (*random.of(values)).to_owned(),
    };
    TYPED.iter().map(value).collect()
}
