//! Keys as texts that are equal exactly where the database calls the keys equal.
//!
//! Not by the database's own hash functions: those only have to agree where keys
//! are equal. A jsonb `1` and `[1]`, a numeric 1 and -1, and two bigints whose halves
//! fold to the same 32 bits share a hash, whatever the seed.

use sqlx::Row;
use sqlx::postgres::PgConnection;
use std::fmt::Write;

/// How a type tells equal from different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Equality {
    /// From the outside in.
    around: Vec<Around>,
    inside: Inside,
    reads_clock: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    Array,
    Range,
    Multirange,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// Equal values have one text. Of types that nobody knows here as well: two texts
    /// of one key are then told apart, which is a false alarm and never a silence.
    Text,
    /// 1 and 1.0.
    Numeric,
    /// 0 and -0.
    Float,
    /// By the numbers inside: see [`plain_numbers`].
    Json,
    /// By lower case.
    Citext,
    /// A month is 30 days, a day 24 hours.
    Interval,
    /// By a collation's sort key, which the hash of a text is made of.
    Collated,
}

/// `$1`: a type's id.
const TYPE: &str = "
SELECT t.typtype::text AS kind, n.nspname = 'pg_catalog' AS built_in, t.typname::text AS name,
    t.typcategory = 'A' AND t.typlen = -1 AND t.typelem <> 0 AS is_array,
    CASE t.typtype WHEN 'd' THEN t.typbasetype
        WHEN 'r' THEN (SELECT r.rngsubtype FROM pg_catalog.pg_range AS r WHERE r.rngtypid = t.oid)
        WHEN 'm' THEN (SELECT r.rngtypid FROM pg_catalog.pg_range AS r
            WHERE (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::oid = t.oid)
        ELSE t.typelem END::int8 AS inside
FROM pg_catalog.pg_type AS t JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
WHERE t.oid = $1::int8::oid";

/// Types lie within each other no deeper: a bound against catalogues that are broken.
const DEEPEST: usize = 16;

impl Equality {
    /// Of a type. `collated`: its collation may call two texts equal.
    pub async fn of(conn: &mut PgConnection, oid: i64, collated: bool) -> sqlx::Result<Self> {
        let (mut around, mut oid) = (Vec::new(), oid);
        for _ in 0..DEEPEST {
            let row = sqlx::query(TYPE).bind(oid).fetch_one(&mut *conn).await?;
            let (kind, name): (String, String) = (row.try_get("kind")?, row.try_get("name")?);
            let built_in: bool = row.try_get("built_in")?;
            match kind.as_str() {
                "d" => {}
                "r" => around.push(Around::Range),
                "m" => around.push(Around::Multirange),
                _ if row.try_get("is_array")? => around.push(Around::Array),
                _ => {
                    let inside = match (built_in, name.as_str()) {
                        (true, "numeric") => Inside::Numeric,
                        (true, "float4" | "float8") => Inside::Float,
                        (true, "interval") => Inside::Interval,
                        (true, "jsonb") => Inside::Json,
                        (false, "citext") => Inside::Citext,
                        _ if collated => Inside::Collated,
                        _ => Inside::Text,
                    };
                    let clocks = ["date", "time", "timetz", "timestamp", "timestamptz"];
                    return Ok(Self {
                        around,
                        inside,
                        reads_clock: built_in && clocks.contains(&name.as_str()),
                    });
                }
            }
            oid = row.try_get("inside")?;
        }
        Ok(Self {
            around: Vec::new(),
            inside: Inside::Text,
            reads_clock: false,
        })
    }

    /// Whether a text such as `now` is another value at each time.
    pub fn reads_clock(&self) -> bool {
        self.reads_clock
    }

    /// An expression for the text of a value; [`Equality::finished`] makes an end of it.
    pub fn sql(&self, value: &str) -> String {
        nested(&self.around, self.inside, value, 0)
    }

    /// What the server cannot do.
    pub fn finished(&self, text: &str) -> String {
        match self.inside {
            Inside::Json if self.around.len() <= 1 => plain_numbers(text),
            _ => text.to_owned(),
        }
    }
}

fn nested(around: &[Around], inside: Inside, value: &str, depth: usize) -> String {
    let Some((outer, rest)) = around.split_first() else {
        return plain(inside, value);
    };
    let part = format!("e{depth}.v");
    let each = nested(rest, inside, &part, depth + 1);
    let all = format!(
        "(SELECT array_agg({each} ORDER BY e{depth}.n)::text FROM unnest({value}) \
         WITH ORDINALITY AS e{depth}(v, n))"
    );
    let text = match outer {
        // One text for all of it, in which numbers are found as in any other.
        Around::Array if inside == Inside::Json && rest.is_empty() => {
            format!("concat(array_dims({value}), ' ', to_jsonb({value}))")
        }
        Around::Array => format!("concat(array_dims({value}), ' ', {all})"),
        Around::Multirange => format!("concat('', {all})"),
        Around::Range => {
            let bound = |which: &str| nested(rest, inside, &format!("{which}({value})"), depth + 1);
            let (lower, upper) = (bound("lower"), bound("upper"));
            let flags = [
                "isempty",
                "lower_inc",
                "upper_inc",
                "lower_inf",
                "upper_inf",
            ];
            let mut flags = flags.map(|flag| format!("{flag}({value})")).join(", ");
            let _ = write!(flags, ", length({lower}), {lower}, {upper}");
            format!("concat_ws('|', {flags})")
        }
    };
    format!("CASE WHEN {value} IS NOT NULL THEN {text} END")
}

fn plain(inside: Inside, value: &str) -> String {
    let text = format!("({value})::text");
    match inside {
        Inside::Text | Inside::Json => text,
        Inside::Numeric => trimmed(&text),
        Inside::Float => format!("CASE WHEN {value} = 0 THEN '0' ELSE {text} END"),
        // As its own equality does.
        Inside::Citext => format!("lower({text} COLLATE \"default\")"),
        Inside::Interval => {
            let part = |name: &str| format!("extract({name} FROM {value})::numeric");
            let sum = format!(
                "(({} * 12 + {}) * 30 + {}) * 86400000000 + {} * 3600000000 + {} * 60000000 + {}",
                part("year"),
                part("month"),
                part("day"),
                part("hour"),
                part("minute"),
                part("microseconds")
            );
            // An infinite one has no parts.
            format!("coalesce(round({sum})::text, {text})")
        }
        Inside::Collated => {
            format!("concat(hashtextextended({text}, 0), ' ', hashtextextended({text}, 1))")
        }
    }
}

/// A number without the zeros at its end.
fn trimmed(text: &str) -> String {
    format!("CASE WHEN {text} LIKE '%.%' THEN rtrim(rtrim({text}, '0'), '.') ELSE {text} END")
}

/// A jsonb's text with no zeros at the end of its numbers: 1 and 1.0 are equal there.
fn plain_numbers(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    // Where the fraction of the number at hand begins: at its point.
    let mut fraction: Option<usize> = None;
    for c in json.chars() {
        if let Some(at) = fraction
            && !c.is_ascii_digit()
        {
            trim(&mut out, at);
            fraction = None;
        }
        if in_string {
            in_string = escaped || c != '"';
            escaped = c == '\\' && !escaped;
        } else if c == '"' {
            in_string = true;
        } else if c == '.' {
            fraction = Some(out.len());
        }
        out.push(c);
    }
    if let Some(at) = fraction {
        trim(&mut out, at);
    }
    out
}

/// `at`: where the point is.
fn trim(number: &mut String, at: usize) {
    let kept = number[at..]
        .trim_end_matches('0')
        .trim_end_matches('.')
        .len();
    number.truncate(at + kept);
}

/// The expression of a column's value, with its collation where that matters.
pub fn with_collation(value: String, collation: Option<&str>) -> String {
    match collation {
        Some(collation) => format!("({value} COLLATE {collation})"),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_json_lose_the_zeros_at_their_end() {
        for (json, plain) in [
            ("1", "1"),
            ("1.0", "1"),
            ("1.50", "1.5"),
            ("[10, 1.00, 0.10]", "[10, 1, 0.1]"),
            (r#"{"a.00": "1.0", "b": 2.0}"#, r#"{"a.00": "1.0", "b": 2}"#),
            (r#"["\"1.0", 1.0]"#, r#"["\"1.0", 1]"#),
            (r#"["\\", 1.0, "\\\"2.0"]"#, r#"["\\", 1, "\\\"2.0"]"#),
            ("-1.230", "-1.23"),
        ] {
            assert_eq!(plain_numbers(json), plain, "{json}");
        }
    }

    /// Types, and values of them of which each is told from each by the server.
    const VALUES: &[(&str, &[&str])] = &[
        (
            "bigint",
            &["1", "4294967296", "-1", "-4294967297", "2", "8589934592"],
        ),
        ("integer", &["1", "-1", "2"]),
        (
            "numeric",
            &[
                "1", "1.0", "-1", "10", "0", "0.00", "0.1", "0.10", "1e10", "NaN", "10000",
            ],
        ),
        ("numeric(12,2)", &["1", "1.5", "-1.5"]),
        (
            "float8",
            &[
                "0",
                "-0",
                "1",
                "NaN",
                "Infinity",
                "-Infinity",
                "1e-300",
                "0.1",
            ],
        ),
        ("float4", &["0", "-0", "0.1", "-0.1"]),
        ("text", &["", "a", "A", "a ", "ä"]),
        ("varchar", &["", "a", "a "]),
        ("char(4)", &["", "a", "a ", "ab"]),
        ("bpchar", &["a", "a ", "A"]),
        ("\"char\"", &["a", "b"]),
        ("name", &["a", "b"]),
        (
            "text COLLATE verify_equality.blind",
            &["a", "A", "á", "b", "a "],
        ),
        (
            "varchar[] COLLATE verify_equality.blind",
            &["{a,B}", "{A,b}", "{b,a}"],
        ),
        ("verify_equality.email", &["a@b", "A@B", "a@c"]),
        (
            "jsonb",
            &[
                "1",
                "[1]",
                "[[1]]",
                "1.0",
                "[1.0]",
                "\"1\"",
                "[]",
                "{}",
                "[[]]",
                "null",
                "[null]",
                "-1",
                "[1, [2]]",
                "[[1], 2]",
                "[[1, 2]]",
                "{\"a\": 1}",
                "{\"a\": 1.00}",
                "{\"a.0\": 1}",
                "{\"a\": [1]}",
                "\"1.0\"",
                "\"a\\\"1.0\"",
                "true",
                "\"true\"",
            ],
        ),
        (
            "jsonb[]",
            &["{1}", "{1.0}", "{\"[1]\"}", "{{1}}", "{}", "{NULL}"],
        ),
        (
            "integer[]",
            &[
                "{1,2}",
                "{{1,2}}",
                "{1}",
                "{}",
                "[0:1]={1,2}",
                "{1,NULL}",
                "{NULL,1}",
            ],
        ),
        (
            "numeric[]",
            &["{1,2}", "{1.0,2}", "{-1,2}", "{{1,2}}", "{NULL}", "{}"],
        ),
        ("bytea", &["\\x", "\\x00", "\\x0001", "\\x31"]),
        (
            "uuid",
            &[
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12",
            ],
        ),
        ("boolean", &["true", "false"]),
        (
            "date",
            &["2024-01-01", "infinity", "-infinity", "0001-01-01 BC"],
        ),
        (
            "timestamp",
            &["2024-01-01", "2024-01-01 00:00:00.000001", "infinity"],
        ),
        (
            "timestamptz",
            &[
                "2024-01-01 00:00+00",
                "2024-01-01 01:00+01",
                "2024-01-01 00:00+01",
                "2024-10-27 02:30+02",
                "2024-10-27 02:30+01",
            ],
        ),
        ("time", &["00:00", "24:00", "12:00:00.5"]),
        ("timetz", &["12:00+00", "13:00+01", "12:00+01"]),
        (
            "interval",
            &[
                "1 day",
                "24:00",
                "1 mon",
                "30 days",
                "-1 day",
                "1 mon -30 days",
                "0",
                "1 year",
                "360 days",
                "12 mons",
                "0.000001 s",
                "2562047788:00:54.775807",
            ],
        ),
        (
            "inet",
            &[
                "10.0.0.1",
                "10.0.0.1/32",
                "10.0.0.1/24",
                "::ffff:10.0.0.1",
                "::1",
            ],
        ),
        ("cidr", &["10.0.0.0/8", "10.0.0.0/16"]),
        (
            "macaddr",
            &["08:00:2b:01:02:03", "08002b:010203", "08:00:2b:01:02:04"],
        ),
        ("bit(3)", &["101", "100"]),
        ("varbit", &["101", "1010", ""]),
        ("money", &["1", "1.00", "-1"]),
        (
            "int4range",
            &["[1,2]", "[1,3)", "empty", "[1,)", "(,1]", "(,)"],
        ),
        (
            "numrange",
            &[
                "[1,2]", "[1.0,2]", "[1,2)", "(1,2]", "empty", "[1,)", "(,1]", "(,)", "[-1,2]",
            ],
        ),
        (
            "int4multirange",
            &["{[1,2]}", "{[1,3)}", "{}", "{[1,2],[4,5]}"],
        ),
        (
            "nummultirange",
            &["{[1,2]}", "{[1.0,2]}", "{[1,2),[4,5]}", "{}"],
        ),
        ("verify_equality.mood", &["sad", "happy"]),
        ("verify_equality.exact", &["1", "1.0", "-1"]),
        ("tsvector", &["a b", "b a", "a:1", ""]),
        ("pg_lsn", &["0/1", "1/0"]),
    ];

    const MADE: &str = "DROP SCHEMA IF EXISTS verify_equality CASCADE; CREATE SCHEMA verify_equality; \
        CREATE COLLATION verify_equality.blind (provider = icu, locale = 'und-u-ks-level1', deterministic = false); \
        CREATE TYPE verify_equality.mood AS ENUM ('sad', 'happy'); \
        CREATE DOMAIN verify_equality.inner_exact AS numeric; \
        CREATE DOMAIN verify_equality.exact AS verify_equality.inner_exact; \
        CREATE DOMAIN verify_equality.email AS text COLLATE verify_equality.blind";

    #[test]
    fn texts_of_keys_are_equal_exactly_where_the_server_says_so() {
        use sqlx::{AssertSqlSafe, ConnectOptions};
        let url = std::env::var("PLIMSOLL_TEST_POSTGRES")
            .expect("`make test` sets PLIMSOLL_TEST_POSTGRES");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let options = crate::connect_options(&url).unwrap();
            let mut conn = options.connect().await.unwrap();
            sqlx::raw_sql(MADE).execute(&mut conn).await.unwrap();
            for (type_name, values) in VALUES {
                let table = format!(
                    "DROP TABLE IF EXISTS verify_equality.t; CREATE TABLE verify_equality.t (n int, v {type_name})"
                );
                sqlx::raw_sql(AssertSqlSafe(table)).execute(&mut conn).await.unwrap();
                for (n, value) in values.iter().enumerate() {
                    let sql = format!("INSERT INTO verify_equality.t VALUES ({n}, '{value}')");
                    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
                }
                let (oid, collated): (i64, bool) = sqlx::query_as(
                    "SELECT atttypid::int8, coalesce(NOT collisdeterministic, false) FROM pg_attribute \
                     LEFT JOIN pg_collation AS c ON c.oid = attcollation \
                     WHERE attrelid = 'verify_equality.t'::regclass AND attname = 'v'",
                )
                .persistent(false)
                .fetch_one(&mut conn)
                .await
                .unwrap();
                let equality = Equality::of(&mut conn, oid, collated).await.unwrap();
                let sql = format!(
                    "SELECT {}, {}, a.v = b.v, a.v::text, b.v::text \
                     FROM verify_equality.t AS a, verify_equality.t AS b",
                    equality.sql("a.v"),
                    equality.sql("b.v")
                );
                let pairs: Vec<(String, String, bool, String, String)> =
                    sqlx::query_as(AssertSqlSafe(sql)).persistent(false).fetch_all(&mut conn).await.unwrap();
                assert_eq!(pairs.len(), values.len() * values.len());
                for (one, other, equal, a, b) in pairs {
                    let same = equality.finished(&one) == equality.finished(&other);
                    assert_eq!(same, equal, "{type_name}: {a} and {b}: {one} and {other}");
                }
            }
        });
    }
}
