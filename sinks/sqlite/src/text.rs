//! Identifiers and names.

pub use plimsoll_sink_api::text::{ident, nearest};

/// Identifiers, separated by commas.
pub fn idents<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names.into_iter().map(ident).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(idents(["a\"b", "c"]), "\"a\"\"b\", \"c\"");
    }
}
