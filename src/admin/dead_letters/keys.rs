//! Whether two records may have the same key. Only the database knows for
//! certain (a uuid in two cases, 1 and 1.0): where a type has forms that are not
//! known here, any two keys may be equal. To refuse a replay for nothing is
//! harmless; to overwrite a newer row is not.

use plimsoll_sink_api::canonical::{self, Wanted};
use plimsoll_sink_api::{Cell, Column};

/// Forms of keys, equal wherever the database may say that the keys are.
pub(super) type Form = Vec<String>;

/// The form of a row's key.
pub(super) fn form(columns: &[Column], cells: &[Cell<'_>]) -> Form {
    columns
        .iter()
        .zip(cells)
        .filter(|(column, _)| column.key)
        .map(|(column, cell)| of_column(&column.type_name, &text(cell)))
        .collect()
}

/// Bytes as their digits, and what no text tells as nothing, for it is no key.
fn text(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Bytes(b) => hex::encode(b),
        other => canonical::written(Wanted::Text, other).unwrap_or_default(),
    }
}

fn of_column(type_name: &str, text: &str) -> String {
    let name = type_name.to_lowercase();
    let base = name.split('(').next().unwrap_or_default().trim();
    match base {
        "smallint" | "integer" | "int" | "bigint" | "numeric" => number(text),
        // Collations may not tell cases apart.
        "text" | "character varying" | "varchar" => text.to_lowercase(),
        "uuid" => text
            .chars()
            .filter(char::is_ascii_hexdigit)
            .map(|c| c.to_ascii_lowercase())
            .collect(),
        _ => String::new(),
    }
}

/// A decimal without what does not change it; what is none has no form of its
/// own.
fn number(text: &str) -> String {
    let text = text.trim();
    let (minus, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !plain(whole) || !plain(fraction) {
        return String::new();
    }
    // A column of a smaller scale rounds.
    let whole = whole.trim_start_matches('0');
    if !fraction.trim_end_matches('0').is_empty() {
        return String::new();
    }
    match (minus, whole) {
        (_, "") => "0".to_owned(),
        (true, whole) => format!("-{whole}"),
        (false, whole) => whole.to_owned(),
    }
}

/// Whether two forms may be of one key: a part without a form is equal to any.
pub(super) fn may_be_equal(a: &Form, b: &Form) -> bool {
    a.iter()
        .zip(b)
        .all(|(a, b)| a == b || a.is_empty() || b.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_database_may_call_equal_has_one_form() {
        let equal = [
            ("bigint", "1", "01"),
            ("numeric(6,2)", "1", "1.00"),
            ("integer", "-0", "0"),
            (
                "uuid",
                "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
                "{a0eebc999c0b4ef8bb6d6bb9bd380a11}",
            ),
            ("text", "Ada", "ada"),
            // Nobody knows.
            (
                "timestamp with time zone",
                "2026-01-01T00:00:00Z",
                "2026-01-01T01:00:00+01",
            ),
            ("bigint", "1e2", "100"),
            ("numeric", "1.004", "1"),
            ("citext", "a", "A"),
        ];
        for (kind, a, b) in equal {
            let (a, b) = (vec![of_column(kind, a)], vec![of_column(kind, b)]);
            assert!(may_be_equal(&a, &b), "{kind}: {a:?} {b:?}");
        }
        for (kind, a, b) in [
            ("bigint", "1", "10"),
            ("text", "a", "b"),
            ("numeric", "-1", "1"),
        ] {
            let (a, b) = (vec![of_column(kind, a)], vec![of_column(kind, b)]);
            assert!(!may_be_equal(&a, &b), "{kind}: {a:?} {b:?}");
        }
    }
}
