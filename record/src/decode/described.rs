//! What records hold, for people who look for columns to it: names and types, and no
//! value.

use super::json::Outline;
use plimsoll_sink_api::Kind;

/// The fields that some bytes hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described {
    /// The schema that they were written with, where there is one.
    pub schema: Option<String>,
    /// The fields; those of a record within a record stand before it.
    pub fields: Vec<DescribedField>,
}

/// A field of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedField {
    /// The way to it; empty: all that the bytes hold, where that has no fields.
    pub path: Vec<String>,
    /// Its type, in the format's own words.
    pub kind: String,
    /// What a column of its own has to hold; `None`: nothing but null is known of it.
    pub typed: Option<Kind>,
    /// Whether its own fields are there, too.
    pub opened: bool,
}

/// Which records within records are looked into, by their paths: what nobody takes
/// anything from is one field, and a recursive schema has no end.
pub type LookInto<'i> = &'i (dyn Fn(&[String]) -> bool + Sync);

impl Described {
    /// The fields of a JSON value.
    pub(super) fn add_json(&mut self, path: &[String], value: &Outline, into: LookInto<'_>) {
        let mut opened = false;
        if let Outline::Object(fields) = value
            && (path.is_empty() || into(path))
        {
            opened = true;
            for (name, value) in fields {
                let mut path = path.to_vec();
                path.push(name.clone());
                self.add_json(&path, value, into);
            }
        }
        if !(opened && path.is_empty()) {
            self.fields.push(DescribedField {
                path: path.to_vec(),
                kind: value.word().to_owned(),
                typed: value.kind(),
                opened,
            });
        }
    }

    /// Only what stands below a path, by the paths from there.
    pub(super) fn below(mut self, root: &[String]) -> Self {
        if !root.is_empty() {
            self.fields.retain_mut(|field| {
                let below = field.path.starts_with(root) && field.path.len() > root.len();
                if below {
                    field.path.drain(..root.len());
                }
                below
            });
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str, into: LookInto<'_>) -> Described {
        let mut described = Described::default();
        let value = serde_json::from_str(json).expect("JSON");
        described.add_json(&[], &value, into);
        described
    }

    fn lines(described: &Described) -> Vec<String> {
        let line = |field: &DescribedField| {
            let opened = if field.opened { " opened" } else { "" };
            format!("{} {}{opened}", field.path.join("."), field.kind)
        };
        described.fields.iter().map(line).collect()
    }

    #[test]
    fn objects_are_looked_into_where_that_is_asked() {
        let json = r#"{"a":{"b":{"c":1},"d":null},"e":[1],"f":"x","g":true}"#;
        let shut = of(json, &|_| false);
        let all = ["a object", "e array", "f string", "g boolean"];
        assert_eq!(lines(&shut), all);
        let open = of(json, &|path| path == ["a"]);
        assert_eq!(
            lines(&open)[..3],
            ["a.b object", "a.d null", "a object opened"]
        );
        assert_eq!(lines(&of("7", &|_| true)), [" number"]);
        assert!(lines(&of("{}", &|_| true)).is_empty());
    }

    #[test]
    fn what_a_column_has_to_hold_is_told_by_the_values_alone() {
        let json = r#"{"a":-1,"b":18446744073709551615,"c":1.0,"d":1e99,"e":"x","f":true,
            "g":null,"h":{},"i":[],"j":"2024-05-06T07:08:09Z","k":"2024-05-06",
            "l":"936da01f-9abd-4d9d-80c7-02af85c822a8","m":123456789012345678901234567890}"#;
        let described = of(json, &|_| false);
        let typed: Vec<Option<Kind>> = described.fields.iter().map(|f| f.typed).collect();
        let expected = [
            Some(Kind::Integer),
            Some(Kind::BigInteger),
            Some(Kind::Decimal),
            Some(Kind::Decimal),
            Some(Kind::Text),
            Some(Kind::Boolean),
            None,
            Some(Kind::Json),
            Some(Kind::Json),
            Some(Kind::Timestamp),
            Some(Kind::Date),
            Some(Kind::Uuid),
            Some(Kind::Decimal),
        ];
        assert_eq!(typed, expected);
    }

    #[test]
    fn what_stands_below_a_path_is_told_from_there() {
        let all = of(r#"{"op":"c","before":null,"after":{"id":1}}"#, &|_| true);
        let below = all.clone().below(&["after".to_owned()]);
        assert_eq!(lines(&below), ["id number"]);
        assert_eq!(all.clone().below(&[]), all);
    }
}
