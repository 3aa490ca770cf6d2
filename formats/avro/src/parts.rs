//! Records that are one value, by their fields.

use crate::schema::{Base, RecordField, TypeId};
use crate::walk::Walk;
use plimsoll_record::Fault;
use plimsoll_record::semantic::{Gathered, Part};

impl<'c> Walk<'_, 'c> {
    /// Reads the fields of such a record.
    pub fn gather(&mut self, fields: &[RecordField], depth: u8) -> Result<Gathered<'c>, Fault> {
        let depth = Self::deeper(depth)?;
        let mut gathered = Gathered::default();
        for field in fields {
            gathered.take(&field.name, self.part(field.id, depth)?);
        }
        Ok(gathered)
    }

    fn part(&mut self, id: TypeId, depth: u8) -> Result<Part<'c>, Fault> {
        Ok(match &self.types.get(id).base {
            Base::Int(_) => Part::Int(self.body.int()?),
            Base::Long(_) => Part::Int(self.body.long()?),
            Base::Float => Part::Double(self.body.float()?.into()),
            Base::Double => Part::Double(self.body.double()?),
            Base::Bytes(_) => Part::Bytes(self.body.bytes()?),
            Base::Union(branches) => match self.branch(branches)? {
                None => Part::Other,
                Some(branch) => self.part(branch, depth)?,
            },
            Base::Null
            | Base::Boolean
            | Base::String(_)
            | Base::Fixed(..)
            | Base::Enum(_)
            | Base::Record(..)
            | Base::Array(_)
            | Base::Map(_) => {
                self.skip(id, depth)?;
                Part::Other
            }
        })
    }
}
