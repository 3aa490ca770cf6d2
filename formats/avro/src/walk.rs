//! Walks over values whose types are not known before: over what nobody wants, and into
//! JSON. No deeper than [`MAX_DEPTH`], and no longer than the bytes are, but for items
//! that take none.

use crate::MAX_DEPTH;
use crate::body::Body;
use crate::schema::{Base, TypeId, Types};
use plimsoll_record::{Arena, Fault, JsonText};

/// Values that take no byte, as items or within items of arrays. Five bytes can promise
/// a thousand million of them; nobody has a use for even one.
const MAX_EMPTIES: u32 = 1 << 16;

/// A walk over the bytes of one value.
pub struct Walk<'p, 'c> {
    /// The schema's types.
    pub types: &'p Types,
    /// The bytes.
    pub body: Body<'c>,
    /// For texts that are not the record's.
    pub arena: &'c Arena,
    /// Bytes of JSON that the record may still become.
    pub json_left: usize,
    empties: u32,
}

impl<'p, 'c> Walk<'p, 'c> {
    /// At the first byte.
    pub fn new(types: &'p Types, bytes: &'c [u8], bare: bool, arena: &'c Arena) -> Self {
        Self {
            types,
            body: Body::new(bytes, bare),
            arena,
            json_left: JsonText::limit(bytes.len()),
            empties: 0,
        }
    }

    /// A level deeper.
    pub fn deeper(depth: u8) -> Result<u8, Fault> {
        match depth < MAX_DEPTH {
            true => Ok(depth + 1),
            false => Err(Fault::TooDeep),
        }
    }

    /// Counts a value that takes no byte.
    pub fn empty(&mut self) -> Result<(), Fault> {
        self.empties += 1;
        match self.empties <= MAX_EMPTIES {
            true => Ok(()),
            false => Err(Fault::TooMany),
        }
    }

    /// The next block of an array or a map. Its count promises nothing: items take bytes,
    /// which end, or are counted.
    pub fn block(&mut self) -> Result<Option<Block>, Fault> {
        let count = self.body.long()?;
        if count == 0 {
            return Ok(None);
        }
        let end = match count < 0 {
            true => {
                let length = self.body.length()?;
                Some(self.body.ahead(length)?)
            }
            false => None,
        };
        let count = count.unsigned_abs();
        Ok(Some(Block { count, end }))
    }

    /// Behind the items of a block.
    pub fn end_block(&self, block: &Block) -> Result<(), Fault> {
        match block.end {
            Some(end) if end != self.body.at() => Err(Fault::Block),
            Some(_) | None => Ok(()),
        }
    }

    /// Over a value.
    pub fn skip(&mut self, id: TypeId, depth: u8) -> Result<(), Fault> {
        match &self.types.get(id).base {
            Base::Null => self.empty(),
            Base::Boolean => self.body.boolean().map(drop),
            Base::Int(_) => self.body.int().map(drop),
            Base::Long(_) => self.body.long().map(drop),
            Base::Float => self.body.take(4).map(drop),
            Base::Double => self.body.take(8).map(drop),
            Base::Bytes(_) => self.body.bytes().map(drop),
            Base::String(_) => {
                let length = self.body.length()?;
                self.body.take(length).map(drop)
            }
            Base::Fixed(0, _) => self.empty(),
            Base::Fixed(size, _) => self.body.take(*size as usize).map(drop),
            Base::Enum(symbols) => self.body.index(symbols.len()).map(drop),
            Base::Record(fields, _) => {
                let depth = Self::deeper(depth)?;
                if fields.is_empty() {
                    self.empty()?;
                }
                fields
                    .iter()
                    .try_for_each(|field| self.skip(field.id, depth))
            }
            Base::Array(items) => self.skip_blocks(*items, false, depth),
            Base::Map(values) => self.skip_blocks(*values, true, depth),
            Base::Union(branches) => match self.branch(branches)? {
                None => Ok(()),
                Some(branch) => self.skip(branch, depth),
            },
        }
    }

    fn skip_blocks(&mut self, id: TypeId, keys: bool, depth: u8) -> Result<(), Fault> {
        let depth = Self::deeper(depth)?;
        while let Some(block) = self.block()? {
            // A block that tells its length tells it for this.
            if let Some(end) = block.end {
                self.body.go(end);
                continue;
            }
            for _ in 0..block.count {
                if keys {
                    let length = self.body.length()?;
                    self.body.take(length)?;
                }
                self.skip(id, depth)?;
            }
        }
        Ok(())
    }

    /// The branch of a union that follows; none: a null, which needs no more.
    pub fn branch(&mut self, branches: &[TypeId]) -> Result<Option<TypeId>, Fault> {
        let branch = branches[self.body.index(branches.len())?];
        Ok(match self.types.get(branch).base {
            Base::Null => None,
            _ => Some(branch),
        })
    }
}

/// Items that stand together.
pub struct Block {
    /// How many.
    pub count: u64,
    /// Where they end, if the block says so.
    end: Option<usize>,
}
