//! Floating-point numbers, equal where their bits are.

use std::hash::{Hash, Hasher};

/// A floating-point number. A single one is kept apart from a double one: its shortest
/// digits are its own (0.1, and not 0.10000000149011612).
#[derive(Debug, Clone, Copy)]
pub enum Float {
    /// Of 32 bits.
    Single(f32),
    /// Of 64 bits.
    Double(f64),
}

impl Float {
    /// The number as a double, which holds every single one.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Single(number) => number.into(),
            Self::Double(number) => number,
        }
    }

    /// Which one it is, bit for bit.
    fn bits(self) -> (bool, u64) {
        match self {
            Self::Single(number) => (false, number.to_bits().into()),
            Self::Double(number) => (true, number.to_bits()),
        }
    }
}

impl PartialEq for Float {
    fn eq(&self, other: &Self) -> bool {
        self.bits() == other.bits()
    }
}

impl Eq for Float {}

impl Hash for Float {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bits().hash(state);
    }
}
