//! Avro's primitives: what stands at a place of some bytes. A fault leaves the place
//! where the primitive began.

use plimsoll_record::Fault;

/// Bytes, and a place among them.
pub struct Body<'c> {
    bytes: &'c [u8],
    at: usize,
    /// Whether `bytes` stand without a length: the whole value is one.
    bare: bool,
}

impl<'c> Body<'c> {
    /// At the first byte.
    pub fn new(bytes: &'c [u8], bare: bool) -> Self {
        Self { bytes, at: 0, bare }
    }

    /// The place.
    #[inline]
    pub fn at(&self) -> usize {
        self.at
    }

    /// Back to a place, or ahead to one that [`Self::ahead`] gave.
    #[inline]
    pub fn go(&mut self, at: usize) {
        self.at = at;
    }

    /// Bytes that are left.
    #[inline]
    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The bytes from an earlier place to this one.
    pub fn since(&self, at: usize) -> &'c [u8] {
        &self.bytes[at..self.at]
    }

    /// The place behind so many bytes more.
    pub fn ahead(&self, bytes: usize) -> Result<usize, Fault> {
        match bytes <= self.left() {
            true => Ok(self.at + bytes),
            false => Err(Fault::Truncated),
        }
    }

    /// So many bytes.
    #[inline]
    pub fn take(&mut self, length: usize) -> Result<&'c [u8], Fault> {
        match self.bytes[self.at..].get(..length) {
            Some(taken) => {
                self.at += length;
                Ok(taken)
            }
            None => Err(Fault::Truncated),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        match self.bytes[self.at..].first_chunk() {
            Some(taken) => {
                self.at += N;
                Ok(*taken)
            }
            None => Err(Fault::Truncated),
        }
    }

    /// `boolean`
    #[inline]
    pub fn boolean(&mut self) -> Result<bool, Fault> {
        let value = match self.bytes.get(self.at) {
            Some(0) => false,
            Some(1) => true,
            Some(_) => return Err(Fault::Boolean),
            None => return Err(Fault::Truncated),
        };
        self.at += 1;
        Ok(value)
    }

    /// `long`
    #[inline]
    pub fn long(&mut self) -> Result<i64, Fault> {
        let zigzag = match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                u64::from(byte)
            }
            _ => self.varint()?,
        };
        Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }

    /// A number of more than one byte, seven bits in each, the lowest first.
    fn varint(&mut self) -> Result<u64, Fault> {
        let mut number = 0;
        for (i, &byte) in self.bytes[self.at..].iter().take(10).enumerate() {
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

    /// `int`
    #[inline]
    pub fn int(&mut self) -> Result<i64, Fault> {
        let at = self.at;
        let number = self.long()?;
        if i32::try_from(number).is_err() {
            self.at = at;
            return Err(Fault::Number);
        }
        Ok(number)
    }

    /// `float`
    pub fn float(&mut self) -> Result<f32, Fault> {
        self.array().map(f32::from_le_bytes)
    }

    /// `double`
    #[inline]
    pub fn double(&mut self) -> Result<f64, Fault> {
        self.array().map(f64::from_le_bytes)
    }

    /// A length in bytes, which are there.
    #[inline]
    pub fn length(&mut self) -> Result<usize, Fault> {
        let at = self.at;
        let long = self.long()?;
        let fault = match usize::try_from(long) {
            Ok(length) if length <= self.left() => return Ok(length),
            Ok(_) => Fault::Truncated,
            Err(_) => Fault::Length,
        };
        self.at = at;
        Err(fault)
    }

    /// `bytes`
    #[inline]
    pub fn bytes(&mut self) -> Result<&'c [u8], Fault> {
        let length = match self.bare {
            true => self.left(),
            false => self.length()?,
        };
        self.take(length)
    }

    /// `string`
    #[inline]
    pub fn text(&mut self) -> Result<&'c str, Fault> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Fault::NotUtf8)
    }

    /// The number of a branch or a symbol, of so many.
    #[inline]
    pub fn index(&mut self, of: usize) -> Result<usize, Fault> {
        let at = self.at;
        match usize::try_from(self.long()?) {
            Ok(index) if index < of => Ok(index),
            Ok(_) | Err(_) => {
                self.at = at;
                Err(Fault::Index)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(bytes: &[u8]) -> Result<(i64, usize), Fault> {
        let mut body = Body::new(bytes, false);
        body.long().map(|long| (long, body.at()))
    }

    #[test]
    fn a_long_has_up_to_ten_bytes() {
        assert_eq!(long(&[0]), Ok((0, 1)));
        assert_eq!(long(&[1]), Ok((-1, 1)));
        assert_eq!(long(&[0x80, 1, 9]), Ok((64, 2)));
        let mut bytes = [0xff; 10];
        bytes[9] = 1;
        assert_eq!(long(&bytes), Ok((i64::MIN, 10)));
        bytes[0] = 0xfe;
        assert_eq!(long(&bytes), Ok((i64::MAX, 10)));
        bytes[9] = 2;
        assert_eq!(long(&bytes), Err(Fault::Number));
        assert_eq!(long(&[0xff; 11]), Err(Fault::Number));
        assert_eq!(long(&bytes[..9]), Err(Fault::Truncated));
        assert_eq!(long(&[]), Err(Fault::Truncated));
        // Longer than it need be, as a sender may write it.
        assert_eq!(long(&[0x82, 0x80, 0]), Ok((1, 3)));
    }

    #[test]
    fn an_int_has_32_bits() {
        let int = |bytes: &[u8]| Body::new(bytes, false).int();
        assert_eq!(int(&[0xfe, 0xff, 0xff, 0xff, 0x0f]), Ok(i32::MAX.into()));
        assert_eq!(int(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Ok(i32::MIN.into()));
        assert_eq!(int(&[0x80, 0x80, 0x80, 0x80, 0x10]), Err(Fault::Number));
    }

    #[test]
    fn a_fault_leaves_the_place_where_it_was() {
        let mut body = Body::new(&[2, 9, 9, 6, b'a'], false);
        assert_eq!(body.boolean(), Err(Fault::Boolean));
        assert_eq!(body.take(1), Ok(&[2][..]));
        assert_eq!(body.double(), Err(Fault::Truncated));
        assert_eq!(body.text(), Err(Fault::Length));
        assert_eq!(body.take(2), Ok(&[9, 9][..]));
        assert_eq!(body.text(), Err(Fault::Truncated));
        assert_eq!(body.index(3), Err(Fault::Index));
        assert_eq!(body.at(), 3);
        assert_eq!(body.index(4), Ok(3));
        assert_eq!(body.left(), 1);
    }

    #[test]
    fn a_text_is_utf_8() {
        assert_eq!(Body::new(&[4, 0xc3, 0xa9], false).text(), Ok("é"));
        assert_eq!(Body::new(&[2, 0xc3], false).text(), Err(Fault::NotUtf8));
    }

    #[test]
    fn bare_bytes_reach_to_the_end() {
        assert_eq!(Body::new(&[9, 9], true).bytes(), Ok(&[9, 9][..]));
        assert_eq!(Body::new(&[4, 9, 9], false).bytes(), Ok(&[9, 9][..]));
    }
}
