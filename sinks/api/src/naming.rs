//! How the names of columns are spelled in records.

use crate::{Path, Source};

/// How a field is found for a column that the config does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Naming {
    /// By the column's very name.
    #[default]
    Exact,
    /// By a name that is the column's in snake_case: `customer_id` takes `customerId`.
    SnakeCase,
}

impl Naming {
    /// Where a column of this name takes its values from, unless it is said.
    #[must_use]
    pub fn source_of(self, column: &str) -> Source {
        match self {
            Self::Exact => Source::Value(Path(vec![column.to_owned()])),
            Self::SnakeCase => Source::Spelled(column.to_owned()),
        }
    }

    /// The same, of an element of an array.
    #[must_use]
    pub fn item_source_of(self, column: &str) -> Source {
        match self {
            Self::Exact => Source::Item(Path(vec![column.to_owned()])),
            Self::SnakeCase => Source::SpelledItem(column.to_owned()),
        }
    }

    /// The column that takes a field of this name.
    #[must_use]
    pub fn column_of(self, field: &str) -> String {
        match self {
            Self::Exact => field.to_owned(),
            Self::SnakeCase => {
                let snake = snake_case(field);
                // A name whose spelling would not be found again keeps it.
                match spellings(&snake).iter().any(|spelling| spelling == field) {
                    true => snake,
                    false => field.to_owned(),
                }
            }
        }
    }
}

/// `customerId`, `CustomerID`, `customer-id` → `customer_id`.
fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (i, &c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).map(|at| chars[at]);
        let behind = chars.get(i + 1);
        // A word begins at a capital behind a small letter, and at the last of several
        // capitals where a small letter follows.
        let begins = c.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_ascii_digit()
                    || before.is_uppercase() && behind.is_some_and(|c| c.is_lowercase())
            });
        if begins {
            snake.push('_');
        }
        match c {
            '-' | ' ' => snake.push('_'),
            c => snake.extend(c.to_lowercase()),
        }
    }
    snake
}

/// Names of more parts have so many spellings that only one part at a time is taken for
/// an acronym.
const ALL_ACRONYMS: usize = 5;

/// The spellings of a name in snake_case, itself first: `customer-id`, `CUSTOMER_ID`,
/// `customerId`, `CustomerId`, and those with parts that are acronyms, `customerID`.
///
/// They are listed, rather than names turned into snake_case while records are read: a
/// record that spells its fields so is read as fast as one that has the columns' names.
#[must_use]
pub fn spellings(name: &str) -> Vec<String> {
    let mut all = vec![name.to_owned()];
    let parts: Vec<&str> = name.split('_').collect();
    let plain = |part: &&str| {
        let lower = |c: char| c.is_lowercase() || c.is_ascii_digit();
        !part.is_empty() && part.chars().all(lower)
    };
    // A name with other characters is in no snake_case.
    if !parts.iter().all(plain) {
        return all;
    }
    all.push(parts.join("-"));
    all.push(name.to_uppercase());
    for acronyms in acronyms(parts.len()) {
        let spelled = |i: usize| match acronyms >> i & 1 == 1 {
            true => parts[i].to_uppercase(),
            false => capitalized(parts[i]),
        };
        let rest: String = (1..parts.len()).map(spelled).collect();
        // The first part of a name in camelCase is no acronym.
        if acronyms & 1 == 0 {
            all.push(format!("{}{rest}", parts[0]));
        }
        all.push(format!("{}{rest}", spelled(0)));
    }
    let mut seen = std::collections::HashSet::new();
    all.retain(|spelling| seen.insert(spelling.clone()));
    all
}

/// Which of so many parts may be acronyms together, as bits.
fn acronyms(parts: usize) -> Vec<u64> {
    match parts {
        0..=ALL_ACRONYMS => (0..1 << parts).collect(),
        // No name has more parts than that.
        _ => std::iter::once(0)
            .chain((0..parts.min(64)).map(|i| 1 << i))
            .collect(),
    }
}

fn capitalized(part: &str) -> String {
    let mut chars = part.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars.as_str().chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_each_of_its_spellings() {
        let of = |name: &str| spellings(name);
        for spelled in [
            "customer_id",
            "customer-id",
            "CUSTOMER_ID",
            "customerId",
            "CustomerId",
            "customerID",
            "CustomerID",
            "CUSTOMERID",
            "CUSTOMERId",
        ] {
            assert!(of("customer_id").contains(&spelled.to_owned()), "{spelled}");
        }
        assert_eq!(of("customer_id").len(), 9);
        assert!(of("id").contains(&"ID".to_owned()));
        assert_eq!(
            of("line_2"),
            ["line_2", "line-2", "LINE_2", "line2", "Line2", "LINE2"]
        );
        let url = "httpServerURLOfTheDayID".to_owned();
        assert!(!of("http_server_url_of_the_day_id").contains(&url));
        let one = "httpServerUrlOfTheDayID".to_owned();
        assert!(of("http_server_url_of_the_day_id").contains(&one));
    }

    #[test]
    fn a_field_finds_the_column_that_is_made_for_it() {
        let column = |field: &str| Naming::SnakeCase.column_of(field);
        for (field, expected) in [
            ("customerId", "customer_id"),
            ("CustomerID", "customer_id"),
            ("HTTPStatus", "http_status"),
            ("customer-id", "customer_id"),
            ("CUSTOMER_ID", "customer_id"),
            ("line2Text", "line2_text"),
            ("id", "id"),
            ("ID", "id"),
            ("_id", "_id"),
            ("Camel_Col", "Camel_Col"),
            ("a b", "a b"),
            ("", ""),
        ] {
            assert_eq!(column(field), expected, "{field}");
            assert!(spellings(expected).contains(&field.to_owned()), "{field}");
            assert_eq!(Naming::Exact.column_of(field), field);
        }
    }

    #[test]
    fn a_name_in_no_snake_case_is_its_only_spelling() {
        for name in ["Camel_Col", "_id", "a__b", "a_", "", "a b", "größe"] {
            assert_eq!(spellings(name)[0], name);
            assert!(name == "größe" || spellings(name).len() == 1, "{name}");
        }
    }

    #[test]
    fn letters_that_change_their_length_are_spelled_too() {
        for name in ["ısı", "ŉx_y", "ß_ß", "ﬁ_x"] {
            let all = spellings(name);
            assert_eq!(all[0], name);
            let _ = Naming::SnakeCase.column_of(&all[all.len() - 1]);
        }
        assert!(spellings("ısı_x").contains(&"ısıX".to_owned()));
    }

    #[test]
    fn the_number_of_spellings_is_bounded() {
        for parts in 1..100 {
            let name = vec!["ab"; parts].join("_");
            assert!(spellings(&name).len() <= 3 + 2 * 65, "{parts}");
        }
    }
}
