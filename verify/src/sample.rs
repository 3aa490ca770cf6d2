//! Which rows are looked at.

use std::str::FromStr;

/// One of so many rows, chosen by a hash of their key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample(u64);

impl FromStr for Sample {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix("1/").and_then(|n| n.parse().ok());
        match number {
            Some(n @ 1..=1_000_000) => Ok(Self(n)),
            _ => Err("a sample is written 1/64".to_owned()),
        }
    }
}

impl Sample {
    /// One of how many; 1: all.
    #[must_use]
    pub fn of(self) -> u64 {
        self.0
    }

    pub(crate) fn takes(self, identity: u128) -> bool {
        // Not the bits that choose the bucket.
        ((identity >> 64) as u64).is_multiple_of(self.0)
    }
}
