//! Values as a table keeps them, in a form in which all databases can be compared.

use serde_json::Value;

/// The type of a column, as every database has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A whole number of 64 bits.
    Int,
    /// A decimal number of any length.
    Decimal,
    /// A float of 64 bits.
    Float,
    /// A truth value.
    Bool,
    /// Text of any length.
    Text,
    /// Bytes of any length.
    Bytes,
    /// JSON.
    Json,
    /// A point in time, to the millisecond at least.
    Time,
    /// A day.
    Date,
    /// A UUID.
    Uuid,
}

impl Type {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Int,
        Self::Decimal,
        Self::Float,
        Self::Bool,
        Self::Text,
        Self::Bytes,
        Self::Json,
        Self::Time,
        Self::Date,
        Self::Uuid,
    ];
}

/// A value in a row. Two are equal exactly where the database cannot tell them apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// NULL.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number by its value: see [`Kept::number`].
    Number(String),
    /// A text; a day or a UUID, too.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// JSON: see [`Kept::json`].
    Json(String),
    /// Milliseconds since the Unix epoch.
    Time(i64),
}

impl Kept {
    /// A number by its value: 1.50, 1.5 and 15e-1 are one.
    ///
    /// # Panics
    /// It is no number.
    #[must_use]
    pub fn number(text: &str) -> Self {
        let normal = normal(text);
        Self::Number(normal.unwrap_or_else(|| panic!("\"{text}\" is not a number")))
    }

    /// A text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// JSON without regard to blanks and to the order of fields.
    ///
    /// # Panics
    /// It is no JSON.
    #[must_use]
    pub fn json(text: &str) -> Self {
        let value = serde_json::from_str::<Value>(text);
        Self::Json(value.unwrap_or_else(|e| panic!("{text}: {e}")).to_string())
    }

    /// The same, where it is JSON whose numbers are in the range of floats.
    #[must_use]
    pub fn json_in_range(text: &str) -> Option<Self> {
        let value = serde_json::from_str::<Value>(text).ok()?;
        Some(Self::Json(value.to_string()))
    }

    /// A point in time from RFC 3339, where it is one.
    #[must_use]
    pub fn time(text: &str) -> Option<Self> {
        let at: jiff::Timestamp = text.parse().ok()?;
        Some(Self::Time(at.as_millisecond()))
    }

    /// As a literal of SQL, for a column's default.
    ///
    /// # Panics
    /// Of bytes, JSON and times.
    #[must_use]
    pub fn literal(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Bool(yes) => yes.to_string(),
            Self::Number(digits) => digits.clone(),
            Self::Text(text) => format!("'{}'", text.replace('\'', "''")),
            Self::Bytes(_) | Self::Json(_) | Self::Time(_) => panic!("no default is of {self:?}"),
        }
    }
}

/// Digits without zeros at their ends, and the exponent of the last one.
fn normal(text: &str) -> Option<String> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let kept = digits.trim_end_matches('0');
    let behind = i64::try_from(digits.len() - kept.len()).ok()?;
    let exponent = exponent + behind - i64::try_from(fraction.len()).ok()?;
    let kept = kept.trim_start_matches('0');
    Some(match (kept, exponent) {
        ("", _) => "0".to_owned(),
        (kept, 0) => format!("{sign}{kept}"),
        (kept, _) => format!("{sign}{kept}e{exponent}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_equal_by_their_value() {
        for text in ["15e-1", "1.5", "1.50", "+0001.500", "0.15e1", "15E-1"] {
            assert_eq!(Kept::number(text), Kept::number("1.5"), "{text}");
        }
        for text in ["0", "-0", "0.00", "0e9"] {
            assert_eq!(Kept::number(text), Kept::number("0"), "{text}");
        }
        assert_eq!(Kept::number("-7").literal(), "-7");
        assert_eq!(Kept::number("100"), Kept::number("1e2"));
        let all = ["1", "-1", "10", "1.05", "0.1", "9007199254740993"];
        for (i, a) in all.iter().enumerate() {
            let others = &all[i + 1..];
            assert!(others.iter().all(|b| Kept::number(a) != Kept::number(b)));
        }
        assert_eq!(normal("x"), None);
        assert_eq!(normal(""), None);
    }
}
