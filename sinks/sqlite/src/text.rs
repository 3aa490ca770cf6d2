//! Identifiers and names.

/// An identifier for SQL text.
pub fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Identifiers, separated by commas.
pub fn idents<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names.into_iter().map(ident).collect::<Vec<_>>().join(", ")
}

/// The name that somebody probably meant.
pub fn nearest<'n>(given: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(given, name), name))
        // Below this, names have little in common: a wrong hint is worse than
        // none.
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(idents(["a\"b", "c"]), "\"a\"\"b\", \"c\"");
    }

    #[test]
    fn a_near_name_is_found_and_a_far_one_is_not() {
        assert_eq!(nearest("idd", ["id", "amount"]), Some("id"));
        assert_eq!(nearest("zzz", ["id", "amount"]), None);
    }
}
