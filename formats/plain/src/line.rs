//! A line of CSV (RFC 4180), field by field, borrowed. A parser of a library would not do:
//! it forgets whether a field stood in quotes, which is what tells an empty text from
//! nothing; and it takes several lines for several rows.

use plimsoll_record::Fault;

/// The marks of a line; each is a byte of ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Stands between fields.
    pub delimiter: u8,
    /// Stands around a field that may hold anything; twice, it is itself.
    pub quote: u8,
}

/// A field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text<'c> {
    /// Without quotes.
    Plain(&'c str),
    /// What stood between them.
    Quoted {
        /// With quotes still written twice.
        text: &'c str,
        /// Whether any are.
        doubled: bool,
    },
}

/// What is wrong, and at which byte.
pub type Wrong = (Fault, usize);

/// Stands before a field of a line.
#[derive(Debug)]
pub struct Line<'c> {
    text: &'c str,
    marks: Marks,
    at: usize,
    /// Behind the last field, and what ended it.
    over: bool,
}

impl<'c> Line<'c> {
    /// Before the first field; there always is one.
    pub fn new(text: &'c str, marks: Marks) -> Self {
        Self {
            text,
            marks,
            at: 0,
            over: false,
        }
    }

    /// The next field.
    ///
    /// # Errors
    /// A quote that does not close, or too early; a second line.
    pub fn field(&mut self) -> Result<Option<Text<'c>>, Wrong> {
        if self.over {
            return match self.at < self.text.len() {
                true => Err((Fault::Lines, self.at)),
                false => Ok(None),
            };
        }
        let text = match self.byte() {
            Some(byte) if byte == self.marks.quote => self.quoted()?,
            Some(_) | None => self.plain(),
        };
        self.end_field()?;
        Ok(Some(text))
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Quotes within it are characters as others.
    fn plain(&mut self) -> Text<'c> {
        let rest = &self.text[self.at..];
        let ends = |byte: u8| byte == self.marks.delimiter || matches!(byte, b'\n' | b'\r');
        let length = rest.bytes().position(ends).unwrap_or(rest.len());
        self.at += length;
        Text::Plain(&rest[..length])
    }

    fn quoted(&mut self) -> Result<Text<'c>, Wrong> {
        let from = self.at + 1;
        let (mut at, mut doubled) = (from, false);
        let bytes = self.text.as_bytes();
        loop {
            let quote = bytes[at..]
                .iter()
                .position(|&byte| byte == self.marks.quote);
            let Some(found) = quote else {
                return Err((Fault::Truncated, bytes.len()));
            };
            at += found + 1;
            if bytes.get(at) != Some(&self.marks.quote) {
                break;
            }
            doubled = true;
            at += 1;
        }
        self.at = at;
        let text = &self.text[from..at - 1];
        Ok(Text::Quoted { text, doubled })
    }

    /// Over what ends a field.
    fn end_field(&mut self) -> Result<(), Wrong> {
        let rest = &self.text.as_bytes()[self.at..];
        let length = match rest {
            [] => 0,
            [byte, ..] if *byte == self.marks.delimiter => {
                self.at += 1;
                return Ok(());
            }
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            [..] => return Err((Fault::Quote, self.at)),
        };
        self.at += length;
        self.over = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMAS: Marks = Marks {
        delimiter: b',',
        quote: b'"',
    };

    fn fields(text: &str) -> Result<Vec<Text<'_>>, Wrong> {
        let mut line = Line::new(text, COMMAS);
        let mut fields = Vec::new();
        while let Some(field) = line.field()? {
            fields.push(field);
        }
        Ok(fields)
    }

    fn quoted(text: &str, doubled: bool) -> Text<'_> {
        Text::Quoted { text, doubled }
    }

    #[test]
    fn a_line_ends_with_its_text_or_with_a_newline() {
        for text in ["a,b", "a,b\n", "a,b\r\n", "a,b\r"] {
            let expected = [Text::Plain("a"), Text::Plain("b")];
            assert_eq!(fields(text).unwrap(), expected, "{text:?}");
        }
        assert_eq!(fields("a\nb"), Err((Fault::Lines, 2)));
        assert_eq!(fields("a\n\n"), Err((Fault::Lines, 2)));
        assert_eq!(fields("a\r\nb\r\n"), Err((Fault::Lines, 3)));
    }

    #[test]
    fn nothing_is_a_field_too() {
        assert_eq!(fields("").unwrap(), [Text::Plain("")]);
        assert_eq!(fields("\n").unwrap(), [Text::Plain("")]);
        assert_eq!(fields(",").unwrap(), [Text::Plain(""); 2]);
        assert_eq!(fields(",\"\",").unwrap()[1], quoted("", false));
    }

    #[test]
    fn quotes_hold_anything() {
        let text = "\"a,\"\"b\"\"\r\n\",\"é\"";
        let expected = [quoted("a,\"\"b\"\"\r\n", true), quoted("é", false)];
        assert_eq!(fields(text).unwrap(), expected);
        // Within a field they are characters.
        assert_eq!(fields("5\" disk").unwrap(), [Text::Plain("5\" disk")]);
    }

    #[test]
    fn quotes_that_do_not_fit_are_faults() {
        assert_eq!(fields("\"a"), Err((Fault::Truncated, 2)));
        assert_eq!(fields("\"a\"\""), Err((Fault::Truncated, 4)));
        assert_eq!(fields("\""), Err((Fault::Truncated, 1)));
        assert_eq!(fields("b,\"a\"c"), Err((Fault::Quote, 5)));
        assert_eq!(fields("\"a\" ,b"), Err((Fault::Quote, 3)));
    }
}
