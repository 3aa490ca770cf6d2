//! What becomes of a commit of several partitions that was refused: all of it was, and
//! most often for one of them.

use crate::Class;

/// What is done with the batches of a refused commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupStep {
    /// Each partition's writer is told, and does what the liveness table says of it.
    Tell,
    /// The writers of those that the fence refused are told; the others go without them.
    WithoutFenced,
    /// Each half is a commit of its own.
    Halve,
    /// The batches of each table are a commit of their own.
    ByTable,
}

/// What is known of a commit that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RefusedGroup {
    /// What the error means.
    pub class: Class,
    /// Batches in it.
    pub batches: usize,
    /// Tables that they are for.
    pub tables: usize,
    /// Those that the fence has named.
    pub fenced: usize,
    /// A table was locked, and nothing was written.
    pub locked: bool,
}

/// What is done with a commit that was refused.
///
/// What halts a partition, or makes a record a bad one, is told of a single partition only,
/// or, where it is their table's, of those of a single table: of several it may be another's
/// fault. A lost answer is told at once, since each partition
/// is judged by a claim of its own.
#[must_use]
pub const fn group_step(refused: RefusedGroup) -> GroupStep {
    let RefusedGroup {
        class,
        batches,
        tables,
        fenced,
        locked,
    } = refused;
    if batches <= 1 {
        return GroupStep::Tell;
    }
    if tables > 1 && (locked || matches!(class, Class::Stale)) {
        return GroupStep::ByTable;
    }
    match class {
        Class::Fenced if fenced >= batches => GroupStep::Tell,
        Class::Fenced if fenced > 0 => GroupStep::WithoutFenced,
        // Nothing was written, or nobody knows, and everybody tries again.
        Class::Unavailable | Class::Transient => GroupStep::Tell,
        // The one table is another than all of them were made for.
        Class::Stale => GroupStep::Tell,
        Class::Fenced | Class::Rejected | Class::Suspect | Class::Halt => GroupStep::Halve,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Class; 7] = [
        Class::Fenced,
        Class::Transient,
        Class::Unavailable,
        Class::Rejected,
        Class::Suspect,
        Class::Stale,
        Class::Halt,
    ];

    fn refused(class: Class, batches: usize, fenced: usize) -> RefusedGroup {
        RefusedGroup {
            class,
            batches,
            tables: 1,
            fenced,
            locked: false,
        }
    }

    #[test]
    fn a_single_partition_is_always_told() {
        for class in ALL {
            for fenced in 0..=1 {
                for locked in [false, true] {
                    let refused = refused(class, 1, fenced);
                    let step = group_step(RefusedGroup { locked, ..refused });
                    assert_eq!(step, GroupStep::Tell, "{class:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_one_partitions_fault_is_told_of_no_other() {
        for class in ALL {
            let of = |tables| {
                group_step(RefusedGroup {
                    tables,
                    ..refused(class, 5, 0)
                })
            };
            let steps = [of(1), of(2)];
            match class {
                Class::Transient | Class::Unavailable => {
                    assert_eq!(steps, [GroupStep::Tell, GroupStep::Tell]);
                }
                Class::Stale => assert_eq!(steps, [GroupStep::Tell, GroupStep::ByTable]),
                Class::Fenced | Class::Rejected | Class::Suspect | Class::Halt => {
                    assert_eq!(steps, [GroupStep::Halve, GroupStep::Halve]);
                }
            }
        }
        let fenced = |named| group_step(refused(Class::Fenced, 5, named));
        assert_eq!(fenced(2), GroupStep::WithoutFenced);
        assert_eq!(fenced(5), GroupStep::Tell);
    }

    #[test]
    fn nobody_waits_for_the_lock_of_another_table() {
        let locked = |tables| RefusedGroup {
            tables,
            locked: true,
            ..refused(Class::Unavailable, 2, 0)
        };
        assert_eq!(group_step(locked(2)), GroupStep::ByTable);
        assert_eq!(group_step(locked(1)), GroupStep::Tell);
    }

    /// Commits a group with some bad batches as the engine does; says how often each of the
    /// good ones was sent.
    fn attempts(bad: &[bool]) -> Vec<u32> {
        let mut sent = vec![0; bad.len()];
        let mut todo = vec![(0..bad.len()).collect::<Vec<usize>>()];
        while let Some(mut group) = todo.pop() {
            group.iter().for_each(|&i| sent[i] += 1);
            if !group.iter().any(|&i| bad[i]) {
                continue;
            }
            if group_step(refused(Class::Rejected, group.len(), 0)) == GroupStep::Halve {
                let second = group.split_off(group.len() / 2);
                todo.extend([second, group]);
            }
        }
        sent
    }

    #[test]
    fn no_good_batch_waits_for_more_than_the_logarithm_of_attempts() {
        for size in 1..=64_usize {
            let most = size.next_power_of_two().trailing_zeros() + 1;
            for place in 0..size {
                let bad: Vec<bool> = (0..size).map(|i| i == place).collect();
                let sent = attempts(&bad);
                assert!(sent.iter().all(|&n| n <= most), "{size} {place} {sent:?}");
            }
        }
    }
}
