//! Cells as the text that Postgres' own input functions read.

use plimsoll_sink_api::Cell;
use plimsoll_sink_api::canonical::{self, Unfit, Wanted};
use serde_json::value::RawValue;

/// What a column does to a value's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The text as it stands.
    Plain,
    /// Numbers: a time becomes its milliseconds.
    Number,
    /// JSON as it stands.
    Json,
    /// Base64 from JSON.
    Bytea,
    /// Bytes as they are: from a header, or from a whole key.
    RawBytea,
    /// A JSON array becomes an array literal.
    Array(Element),
}

impl Kind {
    /// What a typed value is told as.
    pub(crate) fn wanted(self) -> Wanted {
        match self {
            Self::Number => Wanted::Number,
            Self::Json => Wanted::Json,
            Self::Plain | Self::Bytea | Self::RawBytea | Self::Array(_) => Wanted::Text,
        }
    }
}

/// What an array does to its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    /// Their text; nested arrays are further dimensions.
    Plain,
    /// JSON as it stands, nested arrays too.
    Json,
    /// Base64.
    Bytea,
}

/// A value that has no text for its column: the record is a bad one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// By the rules of all databases.
    Unfit(Unfit),
    /// JSON that the decoder let through and that cannot be read.
    Json,
    /// An array of more dimensions than [`DIMENSIONS`].
    Depth,
}

impl From<Unfit> for Fault {
    fn from(unfit: Unfit) -> Self {
        Self::Unfit(unfit)
    }
}

/// As many dimensions as an array of Postgres can have (its `MAXDIM`): it
/// refuses a deeper literal. The bound holds here already, for each dimension is
/// read by a call inside the call for the one around it, and costs time in the
/// length of the text.
const DIMENSIONS: usize = 6;

impl Fault {
    /// The word for logs and dead letters.
    pub(crate) fn condition(self) -> &'static str {
        match self {
            Self::Unfit(unfit) => unfit.condition(),
            Self::Json => "invalid_json",
            Self::Depth => "array_too_deep",
        }
    }

    /// What to do about it.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::Unfit(unfit) => unfit.hint(),
            Self::Json => "a column of arrays takes JSON arrays",
            Self::Depth => "an array of Postgres has six dimensions at most",
        }
    }
}

/// Where text goes: into a COPY message or into a text array.
pub(crate) trait Out {
    /// Text that needs no escaping.
    fn raw(&mut self, text: &[u8]);
    /// Any text.
    fn text(&mut self, text: &[u8]);
}

/// Writes a cell; `false` if it is NULL and nothing was written. An absent
/// value is NULL here: who wants the default leaves the column out.
pub(crate) fn write(kind: Kind, cell: &Cell<'_>, out: &mut impl Out) -> Result<bool, Fault> {
    match (kind, cell) {
        (_, Cell::Absent | Cell::Null) => return Ok(false),
        // Who keeps a column does not ask for its text.
        (_, Cell::Unchanged) => return Err(Unfit::Unavailable.into()),

        (Kind::Bytea, Cell::Text(s)) => hex(&canonical::base64(s)?, out),
        (Kind::RawBytea, Cell::Text(s)) => hex(s.as_bytes(), out),
        (Kind::Bytea | Kind::RawBytea, Cell::Bytes(b)) => hex(b, out),
        (Kind::Bytea | Kind::RawBytea, Cell::Uuid(b)) => hex(b, out),
        (Kind::Bytea | Kind::RawBytea, _) => return Err(Unfit::NotBytes.into()),

        (Kind::Array(element), Cell::Json(s)) => {
            out.text(array_literal(s, element)?.as_bytes());
        }
        (_, Cell::Text(s) | Cell::Json(s)) => out.text(s.as_bytes()),
        (_, Cell::Number(s)) => out.raw(s.as_bytes()),
        // Their texts need no escaping.
        (_, typed) => out.raw(canonical::written(kind.wanted(), typed)?.as_bytes()),
    }
    Ok(true)
}

fn hex(bytes: &[u8], out: &mut impl Out) {
    out.text(b"\\x");
    out.raw(hex::encode(bytes).as_bytes());
}

/// A JSON array as Postgres' literal. Other JSON goes through as it stands (a
/// string without its quotes), for the database to judge.
fn array_literal(json: &str, element: Element) -> Result<String, Fault> {
    let mut literal = String::with_capacity(json.len() + 2);
    match json.as_bytes().first() {
        Some(b'[') => push_array(json, element, DIMENSIONS, &mut literal)?,
        Some(b'"') => literal = serde_json::from_str(json).map_err(|_| Fault::Json)?,
        _ => literal.push_str(json),
    }
    Ok(literal)
}

/// `left`: how many dimensions may still be opened, this one among them.
fn push_array(
    json: &str,
    element: Element,
    left: usize,
    literal: &mut String,
) -> Result<(), Fault> {
    let left = left.checked_sub(1).ok_or(Fault::Depth)?;
    let items: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| Fault::Json)?;
    literal.push('{');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            literal.push(',');
        }
        push_element(item.get(), element, left, literal)?;
    }
    literal.push('}');
    Ok(())
}

fn push_element(
    json: &str,
    element: Element,
    left: usize,
    literal: &mut String,
) -> Result<(), Fault> {
    match (json.as_bytes().first(), element) {
        (Some(b'n'), _) => literal.push_str("NULL"),
        (_, Element::Json) => push_quoted(json, literal),
        (Some(b'['), Element::Plain | Element::Bytea) => push_array(json, element, left, literal)?,
        (Some(b'"'), Element::Plain) => {
            let text: String = serde_json::from_str(json).map_err(|_| Fault::Json)?;
            push_quoted(&text, literal);
        }
        (Some(b'"'), Element::Bytea) => {
            let text: String = serde_json::from_str(json).map_err(|_| Fault::Json)?;
            let digits = hex::encode(canonical::base64(&text)?);
            push_quoted(&format!("\\x{digits}"), literal);
        }
        (_, Element::Bytea) => return Err(Unfit::NotBytes.into()),
        (_, Element::Plain) => push_quoted(json, literal),
    }
    Ok(())
}

/// In quotes always: a bare NULL, a comma or a brace would mean something else.
pub(crate) fn push_quoted(text: &str, literal: &mut String) {
    literal.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            literal.push('\\');
        }
        literal.push(c);
    }
    literal.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Plain(Vec<u8>);

    impl Out for Plain {
        fn raw(&mut self, text: &[u8]) {
            self.0.extend_from_slice(text);
        }
        fn text(&mut self, text: &[u8]) {
            self.0.extend_from_slice(text);
        }
    }

    fn text(kind: Kind, cell: Cell<'_>) -> Result<Option<String>, Fault> {
        let mut out = Plain(Vec::new());
        let some = write(kind, &cell, &mut out)?;
        Ok(some.then(|| String::from_utf8(out.0).unwrap()))
    }

    fn good(kind: Kind, cell: Cell<'_>) -> String {
        text(kind, cell).unwrap().unwrap()
    }

    #[test]
    fn numbers_keep_every_digit() {
        let digits = "123456789012345678901234567890.123456789012345678901234567890";
        assert_eq!(good(Kind::Plain, Cell::Number(digits)), digits);
    }

    #[test]
    fn null_and_absent_write_nothing() {
        assert_eq!(text(Kind::Plain, Cell::Null), Ok(None));
        assert_eq!(text(Kind::Bytea, Cell::Absent), Ok(None));
    }

    #[test]
    fn bytea_is_base64_from_json_and_raw_from_headers() {
        let abcd = || Cell::Text("YWJj");
        assert_eq!(good(Kind::Bytea, abcd()), "\\x616263");
        assert_eq!(good(Kind::RawBytea, abcd()), "\\x59574a6a");
        assert_eq!(good(Kind::Bytea, Cell::Bytes(&[0, 255])), "\\x00ff");
        assert_eq!(
            text(Kind::Bytea, Cell::Text("###")),
            Err(Unfit::Base64.into())
        );
        assert_eq!(
            text(Kind::Bytea, Cell::Number("1")),
            Err(Unfit::NotBytes.into())
        );
        assert_eq!(
            text(Kind::Plain, Cell::Bytes(&[255])),
            Err(Unfit::NotText.into())
        );
    }

    #[test]
    fn times_are_rfc_3339_or_milliseconds() {
        assert_eq!(
            good(Kind::Plain, Cell::millis(1_700_000_000_123)),
            "2023-11-14T22:13:20.123Z"
        );
        assert_eq!(
            good(Kind::Plain, Cell::millis(-1)),
            "1969-12-31T23:59:59.999Z"
        );
        assert_eq!(good(Kind::Number, Cell::millis(-1)), "-1");
        assert_eq!(
            text(Kind::Plain, Cell::millis(i64::MAX)),
            Err(Unfit::Time.into())
        );
    }

    #[test]
    fn json_arrays_become_literals() {
        let plain = |json| good(Kind::Array(Element::Plain), Cell::Json(json));
        assert_eq!(plain("[]"), "{}");
        assert_eq!(plain("[1, 2.50,null,true]"), r#"{"1","2.50",NULL,"true"}"#);
        assert_eq!(
            plain(r#"["a,b","NULL","q\"\\",""]"#),
            r#"{"a,b","NULL","q\"\\",""}"#
        );
        assert_eq!(plain("[[1,2],[3,4]]"), r#"{{"1","2"},{"3","4"}}"#);
        assert_eq!(plain(r#"[{"a":1}]"#), r#"{"{\"a\":1}"}"#);
        assert_eq!(plain(r#""{1,2}""#), "{1,2}");
        let json = |json| good(Kind::Array(Element::Json), Cell::Json(json));
        assert_eq!(json(r#"[[1],"x",null]"#), r#"{"[1]","\"x\"",NULL}"#);
        let bytea = |json| text(Kind::Array(Element::Bytea), Cell::Json(json));
        assert_eq!(bytea(r#"["YWJj"]"#).unwrap().unwrap(), r#"{"\\x616263"}"#);
        assert_eq!(bytea("[1]"), Err(Unfit::NotBytes.into()));
    }

    #[test]
    fn an_array_deeper_than_postgres_takes_is_refused_without_recursion() {
        let small = || {
            for element in [Element::Plain, Element::Bytea, Element::Json] {
                let literal = |json: &str| text(Kind::Array(element), Cell::Json(json));
                for depth in [6, 7, 128, 129, 1_000, 11_000, 200_000] {
                    let nested = "[".repeat(depth) + &"]".repeat(depth);
                    let fits = depth == DIMENSIONS || element == Element::Json;
                    match literal(&nested) {
                        Ok(_) => assert!(fits, "{depth} dimensions"),
                        Err(fault) => {
                            assert!(!fits, "{depth} dimensions");
                            assert_eq!(fault.condition(), "array_too_deep");
                        }
                    }
                    // Objects are elements, however deep they are.
                    let objects =
                        "[".to_owned() + &r#"{"a":"#.repeat(depth) + "1" + &"}".repeat(depth) + "]";
                    assert_eq!(literal(&objects).is_ok(), element != Element::Bytea);
                    // What the decoder lets nobody see: it is refused all the same.
                    assert_eq!(literal(&"[".repeat(depth)), Err(Fault::Json));
                }
            }
        };
        // A quarter of a MiB holds no call per level.
        std::thread::Builder::new()
            .stack_size(256 << 10)
            .spawn(small)
            .unwrap()
            .join()
            .unwrap();
    }
}
