//! Values as SQLite keeps them: in one of five storage classes, whole.

use plimsoll_sink_api::snapshot::hash;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, TypeInfo, ValueRef};

/// A value out of a row. Text as its bytes: it may hold a NUL, and need not be UTF-8.
#[derive(Debug, Clone, PartialEq)]
pub enum Kept {
    Null,
    Int(i64),
    Real(f64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

/// How an index compares texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collation {
    Binary,
    /// Without regard to the case of ASCII letters, and of what is behind a NUL but
    /// for its length.
    NoCase,
    /// Without the blanks at the end.
    RTrim,
}

impl Collation {
    /// By its name; others cannot be made in the file.
    pub fn named(name: &str) -> Self {
        match name.to_ascii_uppercase().as_str() {
            "NOCASE" => Self::NoCase,
            "RTRIM" => Self::RTrim,
            _ => Self::Binary,
        }
    }

    fn folded(self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::Binary => text.to_vec(),
            Self::NoCase => {
                let seen = text.split(|byte| *byte == 0).next().unwrap_or_default();
                let mut folded = seen.to_ascii_lowercase();
                if seen.len() < text.len() {
                    folded.push(0);
                    folded.extend_from_slice(&(text.len() as u64).to_le_bytes());
                }
                folded
            }
            Self::RTrim => {
                let end = text.iter().rposition(|byte| *byte != b' ');
                text[..end.map_or(0, |at| at + 1)].to_vec()
            }
        }
    }
}

impl Kept {
    /// The value at a place.
    pub fn read(row: &SqliteRow, at: usize) -> sqlx::Result<Self> {
        let class = {
            let raw = row.try_get_raw(at)?;
            match raw.is_null() {
                true => return Ok(Self::Null),
                false => raw.type_info().name().to_owned(),
            }
        };
        Ok(match class.as_str() {
            "INTEGER" => Self::Int(row.try_get_unchecked(at)?),
            "REAL" => Self::Real(row.try_get_unchecked(at)?),
            "TEXT" => Self::Text(row.try_get_unchecked(at)?),
            _ => Self::Blob(row.try_get_unchecked(at)?),
        })
    }

    /// For the comparison of columns: the class counts.
    pub fn hash(&self) -> u64 {
        match self {
            Self::Null => hash::NULL,
            other => hash::hash_bytes(&other.tagged(Collation::Binary)),
        }
    }

    /// The part of a key: the same exactly where an index calls two values equal. A
    /// real that is a whole number is one.
    pub fn part(&self, collation: Collation) -> Option<Vec<u8>> {
        match self {
            Self::Null => None,
            Self::Real(real) => Some(match whole(*real) {
                Some(int) => Self::Int(int).tagged(collation),
                None => self.tagged(collation),
            }),
            other => Some(other.tagged(collation)),
        }
    }

    /// As plain text, for a coordinate.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Int(int) => Some(int.to_string()),
            Self::Real(real) => {
                Some(whole(*real).map_or_else(|| real.to_string(), |i| i.to_string()))
            }
            Self::Text(bytes) | Self::Blob(bytes) => String::from_utf8(bytes.clone()).ok(),
        }
    }

    fn tagged(&self, collation: Collation) -> Vec<u8> {
        let with = |tag: u8, bytes: &[u8]| [&[tag], bytes].concat();
        match self {
            Self::Null => vec![b'n'],
            Self::Int(int) => with(b'i', &int.to_le_bytes()),
            Self::Real(real) => with(b'r', &real.to_bits().to_le_bytes()),
            Self::Text(text) => with(b't', &collation.folded(text)),
            Self::Blob(bytes) => with(b'b', bytes),
        }
    }
}

/// The integer that a float is, where 64 bits hold it.
#[allow(clippy::cast_possible_truncation)]
fn whole(real: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    (real.fract() == 0.0 && (-LIMIT..LIMIT).contains(&real)).then_some(real as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
    use sqlx::{AssertSqlSafe, ConnectOptions};

    async fn pair(
        conn: &mut SqliteConnection,
        collate: &str,
        a: &str,
        b: &str,
    ) -> (Kept, Kept, bool) {
        let sql = format!(
            "DROP TABLE IF EXISTS pair; CREATE TABLE pair (n INT, v COLLATE {collate}); \
             INSERT INTO pair VALUES (0, {a}), (1, {b})"
        );
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut *conn)
            .await
            .unwrap();
        let rows = sqlx::query("SELECT v FROM pair ORDER BY n")
            .fetch_all(&mut *conn)
            .await
            .unwrap();
        let of = |at: usize| Kept::read(&rows[at], 0).unwrap();
        // By an index, as an upsert looks.
        let unique = "CREATE UNIQUE INDEX u ON pair (v)";
        let equal = sqlx::query(unique).execute(conn).await.is_err();
        (of(0), of(1), equal)
    }

    #[test]
    fn parts_of_keys_are_equal_exactly_where_an_index_says_so() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let values = [
            "1",
            "1.0",
            "'1'",
            "x'31'",
            "1.5",
            "-1",
            "0",
            "-0.0",
            "''",
            "x''",
            "'a'",
            "'A'",
            "'a '",
            "'ä'",
            "'Ä'",
            "'1.0'",
            "9007199254740993",
            "9007199254740992.0",
            "9223372036854775807",
            "9223372036854775808.0",
            "1e300",
            "'a' || char(0) || 'b'",
            "'a' || char(0) || 'c'",
            "'A' || char(0) || 'bc'",
            "'a' || char(0)",
            "CAST(x'ff' AS TEXT)",
            "CAST(x'fe' AS TEXT)",
            "x'ff'",
        ];
        runtime.block_on(async {
            let options = SqliteConnectOptions::new().in_memory(true);
            let mut conn = options.connect().await.unwrap();
            for collate in ["BINARY", "NOCASE", "RTRIM"] {
                let collation = Collation::named(collate);
                for a in values {
                    for b in values {
                        let (one, other, equal) = pair(&mut conn, collate, a, b).await;
                        let same = one.part(collation) == other.part(collation);
                        assert_eq!(same, equal, "{collate}: {a} and {b}");
                        // What is another value is another one in a column, too.
                        assert!(
                            a == b || one.hash() != other.hash() || one == other,
                            "{a} and {b}"
                        );
                    }
                }
            }
        });
    }
}
