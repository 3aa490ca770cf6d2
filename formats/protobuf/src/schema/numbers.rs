//! What belongs to a field's number.

/// Places by the numbers of fields.
#[derive(Debug, Default)]
pub struct Numbers {
    /// By the numbers themselves: a place and one, zero for none.
    low: Box<[u16]>,
    /// The others, in the order of their numbers.
    high: Box<[(u32, u16)]>,
}

/// Most messages number their fields from one on. A table up to here takes no more
/// memory than the fields' names.
const LOW: u32 = 256;

impl Numbers {
    /// Of each number its place; no two are alike. More places than 65,534 are not told
    /// apart, and are refused before.
    pub fn of(numbers: impl Iterator<Item = (u32, u16)>) -> Self {
        let (low, mut high): (Vec<_>, Vec<_>) = numbers.partition(|(number, _)| *number < LOW);
        high.sort_unstable();
        let most = low.iter().map(|(number, _)| *number as usize + 1).max();
        let mut table = vec![0; most.unwrap_or(0)];
        for (number, place) in low {
            table[number as usize] = place + 1;
        }
        Self {
            low: table.into(),
            high: high.into(),
        }
    }

    /// The place of a number.
    #[inline]
    pub fn get(&self, number: u32) -> Option<usize> {
        match self.low.get(number as usize) {
            Some(place) => usize::from(*place).checked_sub(1),
            None => self.of_high(number),
        }
    }

    fn of_high(&self, number: u32) -> Option<usize> {
        let found = self
            .high
            .binary_search_by_key(&number, |(number, _)| *number);
        found.ok().map(|at| self.high[at].1.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_its_place_and_others_have_none() {
        let all = [(536_870_911, 0), (1, 1), (300, 2), (255, 3), (256, 4)];
        let numbers = Numbers::of(all.into_iter());
        for (number, place) in all {
            assert_eq!(numbers.get(number), Some(place.into()), "{number}");
        }
        for number in [0, 2, 254, 257, 299, 301, u32::MAX] {
            assert_eq!(numbers.get(number), None, "{number}");
        }
        assert_eq!(Numbers::default().get(1), None);
    }
}
