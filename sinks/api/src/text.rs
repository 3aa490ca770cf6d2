//! Identifiers and names, alike in every database.

/// An identifier for SQL or CQL text.
#[must_use]
pub fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Identifiers, separated by commas.
pub fn idents<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names.into_iter().map(ident).collect::<Vec<_>>().join(", ")
}

/// The name that somebody probably meant, without regard to case and to which of
/// `_`, `-` and `.` parts it.
pub fn nearest<'n>(given: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let plain = |s: &str| s.to_lowercase().replace(['-', '.'], "_");
    let given = plain(given);
    // A third of the letters may be wrong; more is another word, and a wrong hint is
    // worse than none.
    let limit = (given.chars().count() / 3).max(1);
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&given, &plain(name)), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(ident("a\"b"), "\"a\"\"b\"");
        assert_eq!(idents(["a\"b", "c"]), "\"a\"\"b\", \"c\"");
    }

    #[test]
    fn a_near_name_is_found_and_a_far_one_is_not() {
        assert_eq!(nearest("idd", ["id", "amount"]), Some("id"));
        assert_eq!(nearest("zzz", ["id", "amount"]), None);
        assert_eq!(nearest("Order-Id", ["order", "order_id"]), Some("order_id"));
        assert_eq!(nearest("amuont", ["amount"]), Some("amount"));
    }
}
