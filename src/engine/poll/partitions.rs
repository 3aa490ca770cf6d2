//! All partitions that this member holds, by ids that stay what they are.

use super::partition::Partition;
use plimsoll_protocol::TopicPartition;
use std::collections::HashMap;

/// Names a partition from its assignment to its end. Whatever is put in later has
/// another one, so that an id that was kept too long finds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionId {
    slot: usize,
    number: u64,
}

/// The partitions, each found by its id or by its name in constant time.
#[derive(Default)]
pub struct Partitions {
    slots: Vec<Option<(u64, Partition)>>,
    free: Vec<usize>,
    ids: HashMap<TopicPartition, PartitionId>,
    numbers: u64,
}

impl Partitions {
    /// Puts one in. One of the same name that is still there is gone then.
    pub fn insert(&mut self, part: Partition) -> PartitionId {
        if let Some(earlier) = self.id_of(&part.tp) {
            self.remove(earlier);
        }
        self.numbers += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let id = PartitionId {
            slot,
            number: self.numbers,
        };
        self.ids.insert(part.tp.clone(), id);
        self.slots[slot] = Some((id.number, part));
        id
    }

    /// Takes one out.
    pub fn remove(&mut self, id: PartitionId) -> Option<Partition> {
        self.get(id)?;
        let (_, part) = self.slots[id.slot].take()?;
        self.free.push(id.slot);
        self.ids.remove(&part.tp);
        Some(part)
    }

    /// The id of one that is held.
    #[must_use]
    pub fn id_of(&self, tp: &TopicPartition) -> Option<PartitionId> {
        self.ids.get(tp).copied()
    }

    /// One, if it is still held.
    #[must_use]
    pub fn get(&self, id: PartitionId) -> Option<&Partition> {
        let (number, part) = self.slots.get(id.slot)?.as_ref()?;
        (*number == id.number).then_some(part)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, id: PartitionId) -> Option<&mut Partition> {
        let (number, part) = self.slots.get_mut(id.slot)?.as_mut()?;
        (*number == id.number).then_some(part)
    }

    /// The ids of all that are held now.
    #[must_use]
    pub fn ids(&self) -> Vec<PartitionId> {
        let id = |(slot, held): (usize, &Option<(u64, Partition)>)| {
            let (number, _) = held.as_ref()?;
            let number = *number;
            Some(PartitionId { slot, number })
        };
        self.slots.iter().enumerate().filter_map(id).collect()
    }

    /// All that are held.
    pub fn iter(&self) -> impl Iterator<Item = &Partition> {
        self.slots.iter().flatten().map(|(_, part)| part)
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Partition> {
        self.slots.iter_mut().flatten().map(|(_, part)| part)
    }

    /// How many are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        self.slots.clear();
        self.free.clear();
        self.ids.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::assignment::Generation;
    use std::time::Instant;

    fn part(topic: &str, partition: i32) -> Partition {
        Partition::new(
            TopicPartition::new(topic, partition),
            Generation(1),
            Instant::now(),
        )
    }

    fn tps(parts: &Partitions) -> Vec<String> {
        let mut all: Vec<String> = parts.iter().map(|part| part.tp.to_string()).collect();
        all.sort();
        all
    }

    #[test]
    fn an_id_finds_its_own_partition_whatever_comes_and_goes() {
        let mut parts = Partitions::default();
        let [a, b, c] = ["a", "b", "c"].map(|topic| parts.insert(part(topic, 0)));
        assert_eq!(parts.remove(a).unwrap().tp, TopicPartition::new("a", 0));
        let of = |parts: &Partitions, id| parts.get(id).map(|part| part.tp.to_string());
        let named = |topic| Some(TopicPartition::new(topic, 0).to_string());
        assert_eq!((of(&parts, b), of(&parts, c)), (named("b"), named("c")));
        // In the same place, and not the same.
        let d = parts.insert(part("d", 0));
        assert_eq!((of(&parts, a), of(&parts, d)), (None, named("d")));
        assert!(parts.get_mut(a).is_none() && parts.remove(a).is_none());
        assert_eq!(
            (parts.len(), parts.ids().len(), tps(&parts).len()),
            (3, 3, 3)
        );
    }

    #[test]
    fn a_partition_is_found_by_its_name_and_held_once() {
        let mut parts = Partitions::default();
        let first = parts.insert(part("a", 7));
        let second = parts.insert(part("a", 7));
        assert_eq!(parts.id_of(&TopicPartition::new("a", 7)), Some(second));
        assert!(parts.get(first).is_none());
        assert_eq!((parts.len(), tps(&parts).len()), (1, 1));
        parts.clear();
        assert!(parts.is_empty() && parts.get(second).is_none());
        assert_eq!(parts.id_of(&TopicPartition::new("a", 7)), None);
        let third = parts.insert(part("a", 7));
        assert!(parts.get(second).is_none() && parts.get(third).is_some());
    }
}
