//! Protobuf's wire format: what stands at a place of some bytes. A fault leaves the place
//! at or behind where it is wrong.

use crate::MAX_DEPTH;
use plimsoll_record::Fault;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// A number of up to ten bytes.
    Varint,
    /// Four bytes.
    Fixed32,
    /// Eight bytes.
    Fixed64,
    /// A length, and so many bytes.
    Length,
    /// Fields up to the end of the group.
    Group,
    /// The end of a group.
    End,
}

/// Some of a record's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub from: u32,
    /// Behind the last.
    pub to: u32,
}

/// A record's bytes, a window on them, and a place in it.
pub struct Body<'c> {
    bytes: &'c [u8],
    /// The bytes up to the window's end.
    open: &'c [u8],
    at: usize,
}

impl<'c> Body<'c> {
    /// At the first byte of all of them. Kafka's records are shorter than 32 bits count.
    pub fn new(bytes: &'c [u8]) -> Self {
        Self {
            bytes,
            open: bytes,
            at: 0,
        }
    }

    /// The place.
    #[inline]
    pub fn at(&self) -> usize {
        self.at
    }

    /// To another place in the window.
    #[inline]
    pub fn go(&mut self, at: usize) {
        self.at = at;
    }

    /// The window's end.
    #[inline]
    pub fn end(&self) -> usize {
        self.open.len()
    }

    /// Whether nothing is left in the window.
    #[inline]
    pub fn is_over(&self) -> bool {
        self.at >= self.open.len()
    }

    /// Another window, and the first place in it.
    #[inline]
    pub fn window(&mut self, from: usize, to: usize) {
        self.open = &self.bytes[..to];
        self.at = from;
    }

    /// The same.
    pub fn open(&mut self, span: Span) {
        self.window(span.from as usize, span.to as usize);
    }

    /// What stands there.
    pub fn bytes_of(&self, span: Span) -> &'c [u8] {
        &self.bytes[span.from as usize..span.to as usize]
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'c [u8], Fault> {
        match self.open[self.at..].get(..length) {
            Some(taken) => {
                self.at += length;
                Ok(taken)
            }
            None => Err(Fault::Truncated),
        }
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        match self.open[self.at..].first_chunk() {
            Some(taken) => {
                self.at += N;
                Ok(*taken)
            }
            None => Err(Fault::Truncated),
        }
    }

    /// Four bytes.
    #[inline]
    pub fn fixed32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes.
    #[inline]
    pub fn fixed64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_le_bytes)
    }

    /// A number of up to 64 bits.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, Fault> {
        match self.open.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(byte.into())
            }
            _ => self.long_varint(),
        }
    }

    /// One of more than one byte, seven bits in each, the lowest first.
    fn long_varint(&mut self) -> Result<u64, Fault> {
        let mut number = 0;
        for (i, &byte) in self.open[self.at..].iter().take(10).enumerate() {
            // Of the tenth byte only one bit is left of 64.
            if i == 9 && byte > 1 {
                return Err(Fault::Number);
            }
            number |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.at += i + 1;
                return Ok(number);
            }
        }
        Err(Fault::Truncated)
    }

    /// What a field begins with: its number, and how its value is written.
    #[inline]
    pub fn tag(&mut self) -> Result<(u32, Wire), Fault> {
        let at = self.at;
        let tag = self.varint()?;
        let wire = match tag & 7 {
            0 => Wire::Varint,
            1 => Wire::Fixed64,
            2 => Wire::Length,
            3 => Wire::Group,
            4 => Wire::End,
            5 => Wire::Fixed32,
            _ => {
                self.at = at;
                return Err(Fault::Tag);
            }
        };
        match u32::try_from(tag >> 3) {
            // The highest number is that of 29 bits.
            Ok(number @ 1..=0x1fff_ffff) => Ok((number, wire)),
            Ok(_) | Err(_) => {
                self.at = at;
                Err(Fault::Tag)
            }
        }
    }

    /// Bytes behind their length.
    #[inline]
    pub fn delimited(&mut self) -> Result<&'c [u8], Fault> {
        let at = self.at;
        let length = self.varint()?;
        let taken = match usize::try_from(length) {
            Ok(length) => self.take(length),
            Err(_) => Err(Fault::Truncated),
        };
        if taken.is_err() {
            self.at = at;
        }
        taken
    }

    /// Over a value; gives what it is made of: all of a number, and of others what
    /// stands between their length, or the group's tags.
    pub fn span(&mut self, number: u32, wire: Wire) -> Result<Span, Fault> {
        let mut from = self.at;
        let mut to = None;
        match wire {
            Wire::Varint => drop(self.varint()?),
            Wire::Fixed32 => drop(self.take(4)?),
            Wire::Fixed64 => drop(self.take(8)?),
            Wire::Length => from = self.at + self.delimited_head()?,
            Wire::Group => to = Some(self.group(number)?),
            Wire::End => return Err(Fault::Tag),
        }
        let to = to.unwrap_or(self.at);
        Ok(Span {
            from: from as u32,
            to: to as u32,
        })
    }

    /// Over bytes behind their length; gives how many bytes the length has.
    fn delimited_head(&mut self) -> Result<usize, Fault> {
        let at = self.at;
        let taken = self.delimited()?.len();
        Ok(self.at - at - taken)
    }

    /// Over a value that nobody wants.
    #[inline]
    pub fn skip(&mut self, number: u32, wire: Wire) -> Result<(), Fault> {
        self.span(number, wire).map(drop)
    }

    /// Over the fields of a group and the tag of its end; gives where that begins.
    /// Groups within it stand on a list of fixed length, and not on the stack.
    fn group(&mut self, number: u32) -> Result<usize, Fault> {
        let mut open = [0; MAX_DEPTH as usize];
        open[0] = number;
        let mut depth = 0;
        loop {
            let at = self.at;
            match self.tag()? {
                (number, Wire::End) if number == open[depth] => match depth {
                    0 => return Ok(at),
                    _ => depth -= 1,
                },
                (_, Wire::End) => {
                    self.at = at;
                    return Err(Fault::Tag);
                }
                (number, Wire::Group) => {
                    depth += 1;
                    *open.get_mut(depth).ok_or(Fault::TooDeep)? = number;
                }
                (number, wire @ (Wire::Varint | Wire::Fixed32 | Wire::Fixed64 | Wire::Length)) => {
                    self.skip(number, wire)?;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(bytes: &[u8]) -> Result<(u32, Wire), Fault> {
        Body::new(bytes).tag()
    }

    #[test]
    fn a_field_has_a_number_of_29_bits() {
        assert_eq!(tag(&[0x08]), Ok((1, Wire::Varint)));
        assert_eq!(tag(&[0xf8, 0x7f]), Ok((2047, Wire::Varint)));
        let last = [0xfa, 0xff, 0xff, 0xff, 0x0f];
        assert_eq!(tag(&last), Ok((0x1fff_ffff, Wire::Length)));
        assert_eq!(tag(&[0xfa, 0xff, 0xff, 0xff, 0x1f]), Err(Fault::Tag));
        assert_eq!(tag(&[0x00]), Err(Fault::Tag), "no number");
        for wire in [6, 7] {
            assert_eq!(tag(&[0x08 | wire]), Err(Fault::Tag));
        }
        assert_eq!(tag(&[]), Err(Fault::Truncated));
        assert_eq!(tag(&[0x80]), Err(Fault::Truncated));
    }

    #[test]
    fn a_number_has_up_to_ten_bytes() {
        let number = |bytes: &[u8]| Body::new(bytes).varint();
        let mut bytes = [0xff; 10];
        bytes[9] = 1;
        assert_eq!(number(&bytes), Ok(u64::MAX));
        bytes[9] = 2;
        assert_eq!(number(&bytes), Err(Fault::Number));
        assert_eq!(number(&[0xff; 11]), Err(Fault::Number));
        assert_eq!(number(&bytes[..9]), Err(Fault::Truncated));
        // Longer than it need be, as a sender may write it.
        assert_eq!(number(&[0x82, 0x80, 0]), Ok(2));
    }

    #[test]
    fn lengths_are_held_against_the_window() {
        let mut body = Body::new(&[3, b'a', b'b', b'c', 9]);
        assert_eq!(body.delimited(), Ok(&b"abc"[..]));
        body.window(0, 3);
        assert_eq!(body.delimited(), Err(Fault::Truncated));
        assert_eq!(body.at(), 0, "where it was");
        let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Body::new(&huge).delimited(), Err(Fault::Truncated));
        body.window(4, 5);
        assert_eq!(body.fixed32(), Err(Fault::Truncated));
        assert_eq!(body.fixed64(), Err(Fault::Truncated));
    }

    #[test]
    fn a_value_is_what_its_length_or_its_group_holds() {
        let span = |bytes: &[u8], wire| {
            let mut body = Body::new(bytes);
            body.span(1, wire)
                .map(|span| (body.bytes_of(span).to_vec(), body.at()))
        };
        assert_eq!(span(&[0x96, 1, 9], Wire::Varint), Ok((vec![0x96, 1], 2)));
        assert_eq!(span(&[2, 8, 9, 7], Wire::Length), Ok((vec![8, 9], 3)));
        assert_eq!(
            span(&[1, 2, 3, 4, 5], Wire::Fixed32),
            Ok((vec![1, 2, 3, 4], 4))
        );
        // A field, and a group of the same number within.
        let group = [0x10, 5, 0x0b, 0x0c, 0x0c, 9];
        assert_eq!(span(&group, Wire::Group), Ok((group[..4].to_vec(), 5)));
        assert_eq!(span(&group[..4], Wire::Group), Err(Fault::Truncated));
        assert_eq!(span(&[0x14], Wire::Group), Err(Fault::Tag), "another's end");
        assert_eq!(span(&[], Wire::End), Err(Fault::Tag));
    }

    #[test]
    fn groups_within_groups_are_bounded() {
        let nested = |levels: usize| {
            let bytes = [vec![0x0b; levels], vec![0x0c; levels + 1]].concat();
            Body::new(&bytes).skip(1, Wire::Group)
        };
        assert_eq!(nested(usize::from(MAX_DEPTH) - 1), Ok(()));
        assert_eq!(nested(MAX_DEPTH.into()), Err(Fault::TooDeep));
        assert_eq!(nested(1 << 20), Err(Fault::TooDeep));
    }
}
