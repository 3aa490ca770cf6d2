//! A walk over JSON text that takes nothing apart: it checks the grammar of RFC
//! 8259 and tells where names and values stand, so that cells borrow them.
//!
//! What it accepts is what serde_json accepts; tests and the fuzz target `json`
//! hold it to that. What it refuses is given to serde_json again, which says
//! where the grammar was broken.

use std::borrow::Cow;

/// Stands before the next token of a text.
pub struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    /// Before the first token.
    pub fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// Into an object: whether it has a field. `None`: it is none.
    pub fn open_object(&mut self) -> Option<bool> {
        self.take(b'{')?;
        Some(!self.took(b'}'))
    }

    /// Into an array: whether it has an item. `None`: it is none.
    pub fn open_array(&mut self) -> Option<bool> {
        self.take(b'[')?;
        Some(!self.took(b']'))
    }

    /// Behind an item of an array: whether there is another.
    pub fn next_item(&mut self) -> Option<bool> {
        match self.take(b',') {
            Some(()) => Some(true),
            None => self.take(b']').map(|()| false),
        }
    }

    /// Behind a field of an object: whether there is another.
    pub fn next_field(&mut self) -> Option<bool> {
        match self.token()? {
            b',' => {
                self.at += 1;
                Some(true)
            }
            b'}' => {
                self.at += 1;
                Some(false)
            }
            _ => None,
        }
    }

    /// Over a field's name and colon, if it is this one, as it stands in quotes.
    pub fn took_name(&mut self, quoted: &str) -> bool {
        self.token() == Some(b'"') && self.took_text(quoted)
    }

    /// Over a value, if it is this one: an object, which ends where its text does.
    pub fn took_object(&mut self, object: &str) -> bool {
        self.token() == Some(b'{') && self.took_text(object)
    }

    fn took_text(&mut self, text: &str) -> bool {
        let matches = self.text.as_bytes()[self.at..].starts_with(text.as_bytes());
        if matches {
            self.at += text.len();
        }
        matches
    }

    /// A field's name.
    pub fn name(&mut self) -> Option<Cow<'t, str>> {
        self.token().filter(|&byte| byte == b'"')?;
        let from = self.at;
        self.string()?;
        unquoted(&self.text[from..self.at])
    }

    /// Over the colon between name and value.
    pub fn colon(&mut self) -> Option<()> {
        self.take(b':')
    }

    /// Over one value, whatever is in it: its text.
    pub fn value(&mut self) -> Option<&'t str> {
        self.token()?;
        let from = self.at;
        // The brackets that are open, innermost last. Most values have none.
        let mut open: Vec<u8> = Vec::new();
        loop {
            match self.token()? {
                b'"' => self.string()?,
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.word("true")?,
                b'f' => self.word("false")?,
                b'n' => self.word("null")?,
                b'{' => {
                    self.at += 1;
                    if !self.took(b'}') {
                        open.push(b'}');
                        self.field()?;
                        continue;
                    }
                }
                b'[' => {
                    self.at += 1;
                    if !self.took(b']') {
                        open.push(b']');
                        continue;
                    }
                }
                _ => return None,
            }
            // Behind a value: out of what it ends, up to the next one.
            loop {
                let Some(&end) = open.last() else {
                    return Some(&self.text[from..self.at]);
                };
                match self.token()? {
                    b',' => {
                        self.at += 1;
                        if end == b'}' {
                            self.field()?;
                        }
                        break;
                    }
                    byte if byte == end => {
                        self.at += 1;
                        open.pop();
                    }
                    _ => return None,
                }
            }
        }
    }

    /// Nothing but white space is left.
    pub fn end(&mut self) -> Option<()> {
        self.token().is_none().then_some(())
    }

    /// The first byte of the next token, which is not passed.
    fn token(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            match *bytes.get(self.at)? {
                b' ' | b'\n' | b'\t' | b'\r' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    fn took(&mut self, byte: u8) -> bool {
        let is = self.token() == Some(byte);
        self.at += usize::from(is);
        is
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.took(byte).then_some(())
    }

    /// Name and colon within a value.
    fn field(&mut self) -> Option<()> {
        self.token().filter(|&byte| byte == b'"')?;
        self.string()?;
        self.colon()
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let is = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        is.then_some(())
    }

    fn digits(&mut self) -> Option<()> {
        let bytes = self.text.as_bytes();
        let from = self.at;
        while bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        (self.at > from).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        let bytes = self.text.as_bytes();
        if bytes[self.at] == b'-' {
            self.at += 1;
        }
        // No digit follows a leading zero.
        match bytes.get(self.at)? {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    /// Over a string, from its first quote to behind its last.
    fn string(&mut self) -> Option<()> {
        let bytes = self.text.as_bytes();
        self.at += 1;
        loop {
            self.at += plain(&bytes[self.at..]);
            match *bytes.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => {
                    self.at += match *bytes.get(self.at + 1)? {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                        b'u' => {
                            let hex = bytes.get(self.at + 2..self.at + 6)?;
                            hex.iter().all(u8::is_ascii_hexdigit).then_some(6)?
                        }
                        _ => return None,
                    };
                }
                // A control character must be escaped.
                _ => return None,
            }
        }
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// How many bytes from the start are neither a quote, nor a backslash, nor a
/// control character: eight at a time. (Bit Twiddling Hacks, "Determine if a word
/// has a byte less than n": exact up to the first such byte.)
fn plain(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(eight) = bytes.get(at..at + 8).and_then(|b| b.try_into().ok()) {
        let word = u64::from_le_bytes(eight);
        let zeroes = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
        let quotes = zeroes(word ^ (ONES * u64::from(b'"')));
        let slashes = zeroes(word ^ (ONES * u64::from(b'\\')));
        let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let found = quotes | slashes | controls;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let ends = |&byte: &u8| byte == b'"' || byte == b'\\' || byte < 0x20;
    at + bytes[at..]
        .iter()
        .position(ends)
        .unwrap_or(bytes.len() - at)
}

/// A JSON string without its quotes; borrowed unless it has escapes. `None`: an
/// escape that stands for nothing (a lone surrogate).
#[must_use]
pub fn unquoted(raw: &str) -> Option<Cow<'_, str>> {
    if raw.as_bytes().contains(&b'\\') {
        serde_json::from_str::<String>(raw).ok().map(Cow::Owned)
    } else {
        raw.get(1..raw.len() - 1).map(Cow::Borrowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    /// The whole text as one value, if it is one.
    fn scanned(text: &str) -> Option<&str> {
        let mut scanner = Scanner::new(text);
        let value = scanner.value()?;
        scanner.end().map(|()| value)
    }

    fn judged(text: &str) -> Option<&str> {
        serde_json::from_str::<&RawValue>(text)
            .ok()
            .map(RawValue::get)
    }

    /// The fields of an object by name, if the text is one.
    fn fields(text: &str) -> Option<Vec<(String, String)>> {
        let mut scanner = Scanner::new(text);
        let mut fields = Vec::new();
        let mut more = scanner.open_object()?;
        while more {
            let name = scanner.name()?.into_owned();
            scanner.colon()?;
            fields.push((name, scanner.value()?.to_owned()));
            more = scanner.next_field()?;
        }
        scanner.end().map(|()| fields)
    }

    #[test]
    fn it_accepts_what_serde_json_accepts() {
        let texts = [
            "",
            " ",
            "0",
            "-0",
            "00",
            "01",
            "-",
            "1.",
            ".5",
            "1.5e",
            "1e+",
            "1e-07",
            "1E9",
            "- 1",
            "123456789012345678901234567890.12345678901234567890",
            "1e999999",
            "true",
            "tru",
            "truee",
            "nul",
            "null ",
            " \t\r\nfalse",
            "\u{a0}1",
            "\"\"",
            "\"",
            "\"a",
            "\"\\\"",
            "\"\\u00e9\"",
            "\"\\u00g9\"",
            "\"\\ud800\"",
            "\"\\x\"",
            "\"\u{1f}\"",
            "\"\u{7f}\"",
            "\"tab\there\"",
            "\"žluťoučký 🐎 kůň\"",
            "\"12345678\"",
            "\"1234567\\n9012345678\"",
            "[]",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[[],[[]],{}]",
            "[}",
            "{]",
            "{}",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\":1 \"b\":2}",
            "{a:1}",
            "{1:1}",
            "{\"a\" : [ 1 , {\"b\" : null} ] , \"a\":\"x\"}",
            "{\"a\":1}}",
            "{\"a\":1} x",
            "NaN",
            "Infinity",
            "'a'",
            "// a",
            "\u{feff}{}",
            "[\"\\\\\"]",
            "{\"\\u0061\":1}",
        ];
        for text in texts {
            assert_eq!(scanned(text), judged(text), "{text:?}");
        }
        let deep = "[".repeat(3_000) + &"]".repeat(3_000);
        assert_eq!(scanned(&deep), judged(&deep));
    }

    #[test]
    fn names_with_escapes_are_told_as_they_are_meant() {
        let found = fields("{\"\\u0061b\": 1, \"\\\"\":[ 2 ]}").unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(found, [pair("ab", "1"), pair("\"", "[ 2 ]")]);
        assert_eq!(fields("{\"\\ud800\":1}"), None);
    }

    #[test]
    fn a_name_is_taken_only_whole() {
        let mut scanner = Scanner::new(" \"id\":1");
        assert!(!scanner.took_name("\"i\""));
        assert!(!scanner.took_name("\"id2\""));
        assert!(scanner.took_name("\"id\""));
        assert_eq!(scanner.colon(), Some(()));
        assert_eq!(scanner.value(), Some("1"));
    }

    /// JSON, more or less: pieces of it in any order.
    fn nearly_json() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("{".to_owned()),
            Just("}".to_owned()),
            Just("[".to_owned()),
            Just("]".to_owned()),
            Just(",".to_owned()),
            Just(":".to_owned()),
            Just(" ".to_owned()),
            Just("\"".to_owned()),
            Just("\\".to_owned()),
            Just("null".to_owned()),
            "-?[0-9]{0,3}[.]?[0-9]{0,2}[eE]?[+-]?[0-9]{0,2}",
            "\"[a-z\\\\\"]{0,12}\"",
            "\"[ -~éß🐎\\n]{0,20}\"",
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    /// JSON proper.
    fn json() -> impl Strategy<Value = String> {
        let scalar = prop_oneof![
            Just("null".to_owned()),
            any::<bool>().prop_map(|b| b.to_string()),
            any::<i64>().prop_map(|n| n.to_string()),
            any::<f32>()
                .prop_filter("JSON has none", |f| f.is_finite())
                .prop_map(|f| f.to_string()),
            any::<String>().prop_map(|s| serde_json::to_string(&s).unwrap()),
        ];
        scalar.prop_recursive(4, 40, 6, |inner| {
            let named = (any::<String>(), inner.clone()).prop_map(|(name, value)| {
                format!("{}: {value}", serde_json::to_string(&name).unwrap())
            });
            prop_oneof![
                prop::collection::vec(inner, 0..6).prop_map(|all| format!("[{}]", all.join(" ,"))),
                prop::collection::vec(named, 0..6).prop_map(|all| format!("{{{}}}", all.join(","))),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn of_near_json_it_accepts_what_serde_json_accepts(text in nearly_json()) {
            prop_assert_eq!(scanned(&text), judged(&text));
        }

        #[test]
        fn of_json_it_tells_what_serde_json_tells(text in json(), cut in any::<prop::sample::Index>()) {
            prop_assert_eq!(scanned(&text), judged(&text));
            let tree: Option<std::collections::BTreeMap<String, Box<RawValue>>> = serde_json::from_str(&text).ok();
            let found: Option<std::collections::BTreeMap<String, String>> =
                fields(&text).map(|fields| fields.into_iter().collect());
            let told = tree.map(|t| t.into_iter().map(|(n, v)| (n, v.get().to_owned())).collect());
            prop_assert_eq!(found, told);
            // Broken off anywhere.
            let at = (0..=text.len()).rev().filter(|&i| text.is_char_boundary(i)).nth(cut.index(text.len().max(1)) % 7);
            let part = &text[..at.unwrap_or(0)];
            prop_assert_eq!(scanned(part), judged(part));
        }
    }
}
