//! Fields and columns that are the same name, spelled by two customs.

use super::toml_text;
use plimsoll_sink_api::{Path, Source, spellings};

/// What is left of a name when nobody looks at how its words are parted.
pub(super) fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-' | '.' | ' '));
    letters.flat_map(char::to_lowercase).collect()
}

/// What to do about columns that no record fills, each with the source that would fill it.
pub(super) fn hint(pairs: &[(&str, Source)]) -> String {
    let by_rule = |(column, source): &(&str, Source)| match source {
        Source::Value(Path(path)) => {
            let names = spellings(column);
            path.len() == 1 && names.contains(&path[0])
        }
        _ => false,
    };
    let rule = match pairs.iter().all(by_rule) {
        true => "naming = \"snake_case\"; or by ",
        false => "",
    };
    let pairs = pairs.iter().map(|(column, source)| (*column, source));
    format!(
        "fields and columns that differ in their spelling alone are paired by {rule}{}",
        toml_text::columns(pairs)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_one_name_are_plainly_the_same() {
        for name in [
            "customerId",
            "customer_id",
            "CUSTOMER-ID",
            "customer.id",
            "Customer Id",
        ] {
            assert_eq!(plain(name), "customerid", "{name}");
        }
        assert_ne!(plain("customer_ids"), plain("customer_id"));
    }

    #[test]
    fn a_hint_can_be_pasted() {
        let source: Source = "value.customerId".parse().unwrap();
        assert_eq!(
            hint(&[("customer_id", source)]),
            "fields and columns that differ in their spelling alone are paired by naming = \
             \"snake_case\"; or by columns = { customer_id = \"value.customerId\" }"
        );
        let elsewhere: Source = "value.customer.Id".parse().unwrap();
        let told = hint(&[("customer_id", elsewhere)]);
        assert!(!told.contains("naming"), "{told}");
    }
}
