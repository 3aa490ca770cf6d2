//! What a text of JSON holds, in its own order, and without any value: objects keep the
//! order of their fields, so that who makes columns of them keeps it, too.

use plimsoll_sink_api::Kind;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A value of JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outline {
    Null,
    Boolean,
    /// A whole number of 64 bits, one beyond them, or any other.
    Number(Kind),
    /// There are no types of times and of UUIDs: texts tell them.
    String(Kind),
    Array,
    /// Of two fields of one name, the last.
    Object(Vec<(String, Outline)>),
}

impl Outline {
    /// In JSON's own words.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array => "array",
            Self::Object(_) => "object",
        }
    }

    /// What a column of its own has to hold.
    pub const fn kind(&self) -> Option<Kind> {
        match self {
            Self::Null => None,
            Self::Boolean => Some(Kind::Boolean),
            Self::Number(kind) | Self::String(kind) => Some(*kind),
            Self::Array | Self::Object(_) => Some(Kind::Json),
        }
    }
}

impl<'de> Deserialize<'de> for Outline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Outline;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Outline, E> {
        Ok(Outline::Null)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Outline, E> {
        Ok(Outline::Boolean)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Outline, E> {
        Ok(Outline::Number(Kind::Integer))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Outline, E> {
        Ok(Outline::Number(match i64::try_from(number) {
            Ok(_) => Kind::Integer,
            Err(_) => Kind::BigInteger,
        }))
    }

    /// Whole numbers beyond 64 bits come so, too.
    fn visit_f64<E: Error>(self, _: f64) -> Result<Outline, E> {
        Ok(Outline::Number(Kind::Decimal))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Outline, E> {
        Ok(Outline::String(Kind::of_text(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Outline, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Outline::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Outline, A::Error> {
        let mut fields: Vec<(String, Outline)> = Vec::new();
        while let Some((name, value)) = entries.next_entry::<String, Outline>()? {
            fields.push((name, value));
        }
        // Looked for once: an object used as a map has many.
        let mut last = std::collections::HashMap::with_capacity(fields.len());
        for (at, (name, _)) in fields.iter().enumerate() {
            last.insert(name.clone(), at);
        }
        let mut at = 0..;
        fields.retain(|(name, _)| at.next() == last.get(name).copied());
        Ok(Outline::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_of_two_the_last_counts() {
        let json = r#"{"z":1,"a":"x","z":null,"m":{"b":[{}],"a":true}}"#;
        let outline: Outline = serde_json::from_str(json).unwrap();
        let name = |name: &str, outline| (name.to_owned(), outline);
        let inner = vec![name("b", Outline::Array), name("a", Outline::Boolean)];
        let all = vec![
            name("a", Outline::String(Kind::Text)),
            name("z", Outline::Null),
            name("m", Outline::Object(inner)),
        ];
        assert_eq!(outline, Outline::Object(all));
    }

    #[test]
    fn what_is_no_json_has_no_outline() {
        let deep = "[".repeat(1_000);
        for text in ["", "{", "{\"a\":}", "1 2", "nul", deep.as_str()] {
            assert!(serde_json::from_str::<Outline>(text).is_err(), "{text}");
        }
    }
}
