//! What SQLite makes of a column's declared type.

/// A column's affinity, by SQLite's own rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Affinity {
    /// `INT`, `BIGINT` …
    Integer,
    /// `NUMERIC`, `DECIMAL(10,2)` …: numeric, and made for numbers.
    Decimal,
    /// `BOOLEAN`, `TIMESTAMP`, `JSON` …: numeric to SQLite.
    Numeric,
    /// `REAL`, `DOUBLE` …
    Real,
    /// `TEXT`, `VARCHAR(20)` …
    Text,
    /// `BLOB`.
    Blob,
    /// No declared type, or `ANY` in a STRICT table: values stay as they come.
    Untyped,
}

/// The affinity of a declared type. The order of the rules is SQLite's:
/// `CHARINT` is an integer, `FLOATING POINT` too. That a numeric column is made for
/// numbers is told by its name alone.
#[must_use]
pub fn affinity(declared: &str, strict: bool) -> Affinity {
    let declared = declared.to_ascii_uppercase();
    let has = |part: &str| declared.contains(part);
    if has("INT") {
        Affinity::Integer
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        Affinity::Text
    } else if has("BLOB") {
        Affinity::Blob
    } else if declared.is_empty() || (strict && declared == "ANY") {
        Affinity::Untyped
    } else if has("REAL") || has("FLOA") || has("DOUB") {
        Affinity::Real
    } else if has("NUM") || has("DEC") {
        Affinity::Decimal
    } else {
        Affinity::Numeric
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_have_the_affinity_that_sqlite_gives_them() {
        for (declared, expected) in [
            ("INTEGER", Affinity::Integer),
            ("unsigned big int", Affinity::Integer),
            ("CHARINT", Affinity::Integer),
            ("FLOATING POINT", Affinity::Integer),
            ("varchar(255)", Affinity::Text),
            ("JSON TEXT", Affinity::Text),
            ("BLOB", Affinity::Blob),
            ("", Affinity::Untyped),
            ("ANY", Affinity::Numeric),
            ("double precision", Affinity::Real),
            ("DECIMAL(10,5)", Affinity::Decimal),
            ("numeric", Affinity::Decimal),
            ("BOOLEAN", Affinity::Numeric),
            ("TIMESTAMP", Affinity::Numeric),
            ("JSONB", Affinity::Numeric),
        ] {
            assert_eq!(affinity(declared, false), expected, "{declared}");
        }
        assert_eq!(affinity("any", true), Affinity::Untyped);
    }
}
