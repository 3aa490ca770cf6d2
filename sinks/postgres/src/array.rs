//! A text array in Postgres' binary form, filled without an allocation per
//! element.

use crate::encode::Out;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, Postgres};
use sqlx::{Encode, Type};

/// `text`'s object id; fixed in every server.
const TEXT_OID: u32 = 25;

/// One column of a batch.
#[derive(Debug, Default)]
pub(crate) struct TextArray {
    elements: Vec<u8>,
    count: i32,
    nulls: bool,
}

impl TextArray {
    /// Adds an element: `fill` writes it, and says `false` for NULL.
    pub(crate) fn push<E>(
        &mut self,
        fill: impl FnOnce(&mut Self) -> Result<bool, E>,
    ) -> Result<(), E> {
        let head = self.elements.len();
        self.elements.extend_from_slice(&[0; 4]);
        let length = if fill(self)? {
            // A batch is far below 2 GiB; a longer element fails at the server.
            i32::try_from(self.elements.len() - head - 4).unwrap_or(i32::MAX)
        } else {
            self.nulls = true;
            -1
        };
        self.elements[head..head + 4].copy_from_slice(&length.to_be_bytes());
        self.count += 1;
        Ok(())
    }

    /// Bytes of all elements.
    pub(crate) fn size(&self) -> usize {
        self.elements.len()
    }
}

impl Out for TextArray {
    fn raw(&mut self, text: &[u8]) {
        self.elements.extend_from_slice(text);
    }

    fn text(&mut self, text: &[u8]) {
        self.elements.extend_from_slice(text);
    }
}

impl Type<Postgres> for TextArray {
    fn type_info() -> PgTypeInfo {
        <Vec<String> as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for TextArray {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let dimensions = i32::from(self.count > 0);
        buffer.extend_from_slice(&dimensions.to_be_bytes());
        buffer.extend_from_slice(&i32::from(self.nulls).to_be_bytes());
        buffer.extend_from_slice(&TEXT_OID.to_be_bytes());
        if self.count > 0 {
            buffer.extend_from_slice(&self.count.to_be_bytes());
            buffer.extend_from_slice(&1_i32.to_be_bytes());
            buffer.extend_from_slice(&self.elements);
        }
        Ok(IsNull::No)
    }

    fn size_hint(&self) -> usize {
        self.elements.len() + 20
    }
}
