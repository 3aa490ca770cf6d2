//! The fold of the log against the rows that were found. Pure.

use crate::entry::{Entry, Op, identity_of_content};
use plimsoll_sink_api::snapshot::hash::{ABSENT, SKIPPED, UNCHANGED};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Offsets of each finding that are shown.
const SHOWN: usize = 5;

/// How two rows are known to be the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// By topic, partition and offset.
    Coordinate,
    /// By their whole content: a multiset.
    Content,
    /// By key: the fold of the log.
    Key {
        /// A missing field leaves the column as it is.
        keep: bool,
    },
}

/// Something that is wrong, how often, and where first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finding {
    /// How often.
    pub count: u64,
    /// The smallest offsets; fewer than `count` where they are not known.
    pub first: BTreeSet<i64>,
}

impl Finding {
    fn add(&mut self, count: u64, offset: i64) {
        self.count += count;
        if count > 0 && offset >= 0 {
            self.first.insert(offset);
            if self.first.len() > SHOWN {
                self.first.pop_last();
            }
        }
    }
}

/// What is wrong with one partition's rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// A record has no row.
    pub missing: Finding,
    /// A row is not as its record says.
    pub different: Finding,
    /// A row stands there more than once.
    pub doubled: Finding,
    /// A row without a record.
    pub extra: Finding,
    /// A row of which the log does not tell any more.
    pub unverifiable: Finding,
    /// A row that is not as its record says, in columns alone that were changed after
    /// it was written.
    pub older: Finding,
    /// Columns in which rows differ, by their place.
    pub columns: BTreeSet<usize>,
}

/// Where the log cannot speak for a row.
pub trait Doubts {
    /// Whether a row without a record may still be good: its record is gone by
    /// retention or compaction. `None`: its coordinate is not known.
    fn is_silent(&self, coordinate: Option<(u32, i64)>) -> bool;

    /// Whether a record lies behind the position: its row may be there, or not
    /// yet. Only where rows and position are not of one snapshot.
    fn is_late(&self, partition: u32, offset: i64) -> bool;

    /// Whether a row at this coordinate may be of another log under the same name.
    fn is_foreign(&self, partition: u32, offset: i64) -> bool;

    /// Whether a row of this age was written before a column became what it is.
    fn is_older(&self, column: usize, age: u32) -> bool;
}

/// By partition; [`u32::MAX`] where it is not known.
pub type ByPartition = BTreeMap<u32, Findings>;

/// Compares one bucket. `defaults`: what stands for a missing field, per column.
///
/// # Errors
/// Reading either side fails.
pub fn bucket<E>(
    how: How,
    defaults: &[u64],
    log: &impl Doubts,
    expected: impl Iterator<Item = Result<Entry, E>>,
    found: impl Iterator<Item = Result<Entry, E>>,
    out: &mut ByPartition,
) -> Result<(), E> {
    match how {
        How::Content => multiset(log, expected, found, out),
        How::Coordinate => by_key(false, defaults, log, true, expected, found, out),
        How::Key { keep } => by_key(keep, defaults, log, false, expected, found, out),
    }
}

struct Count {
    partition: u32,
    offset: i64,
    expected: u64,
    found: u64,
    /// Passed over on purpose: each may be there.
    skipped: u64,
    /// Of those that were found: before one of their columns was changed.
    older: u64,
}

impl Count {
    const fn first(partition: u32, offset: i64) -> Self {
        Self {
            partition,
            offset,
            expected: 0,
            found: 0,
            skipped: 0,
            older: 0,
        }
    }

    fn short(&self) -> u64 {
        self.expected.saturating_sub(self.found)
    }

    fn over(&self) -> u64 {
        self.found.saturating_sub(self.expected + self.skipped)
    }
}

fn multiset<E>(
    log: &impl Doubts,
    expected: impl Iterator<Item = Result<Entry, E>>,
    found: impl Iterator<Item = Result<Entry, E>>,
    out: &mut ByPartition,
) -> Result<(), E> {
    let mut counts = Counts::new();
    for entry in expected {
        let entry = entry?;
        let (partition, offset) = (entry.partition, entry.offset);
        if entry.op == Op::Bad {
            let findings = out.entry(partition).or_default();
            findings.missing.add(1, offset);
            continue;
        }
        let count = counts
            .entry(whole(&entry))
            .or_insert(Count::first(partition, offset));
        match entry.op {
            Op::SkippedPut | Op::SkippedDelete => count.skipped += 1,
            Op::Put | Op::Delete | Op::Bad => count.expected += 1,
        }
    }
    for entry in found {
        let entry = entry?;
        let older = (0..entry.columns.len()).any(|i| log.is_older(i, entry.age));
        let count = counts
            .entry(whole(&entry))
            .or_insert(Count::first(u32::MAX, -1));
        count.found += 1;
        count.older += u64::from(older);
    }
    let mut explained = missing(&counts, out);
    for ((identity, _), count) in &counts {
        let findings = out.entry(count.partition).or_default();
        let explains = explained.get_mut(identity).map_or(0, |left| {
            let explains = count.over().min(count.older).min(*left);
            *left -= explains;
            explains
        });
        let over = count.over() - explains;
        match (count.expected + count.skipped, log.is_silent(None)) {
            (_, true) => findings.unverifiable.add(over, count.offset),
            (0, false) => findings.extra.add(over, count.offset),
            (_, false) => findings.doubled.add(over, count.offset),
        }
    }
    Ok(())
}

/// By what is compared in all rows, and by all columns.
type Counts = HashMap<(u128, u128), Count>;

fn whole(entry: &Entry) -> (u128, u128) {
    let content = identity_of_content(&entry.columns, |_| true);
    (entry.identity, content)
}

/// Tells which records lack a row. A row without a record that is older than one of its
/// columns may be the row of one of them. Returns how many were explained so, by what is
/// compared in all rows.
fn missing(counts: &Counts, out: &mut ByPartition) -> HashMap<u128, u64> {
    let mut spare: HashMap<u128, u64> = HashMap::new();
    for ((identity, _), count) in counts {
        *spare.entry(*identity).or_default() += count.over().min(count.older);
    }
    let mut explained: HashMap<u128, u64> = HashMap::new();
    for ((identity, _), count) in counts {
        let findings = out.entry(count.partition).or_default();
        let short = count.short();
        let left = spare.entry(*identity).or_default();
        let older = short.min(*left);
        *left -= older;
        *explained.entry(*identity).or_default() += older;
        findings.older.add(older, count.offset);
        findings.missing.add(short - older, count.offset);
    }
    explained
}

/// How a record makes a row of the one before it.
#[derive(Clone, Copy)]
struct Folding<'f> {
    keep: bool,
    defaults: &'f [u64],
}

impl Folding<'_> {
    fn put_or_delete(self, entry: &Entry, before: Option<Vec<u64>>) -> Option<Vec<u64>> {
        match entry.op {
            Op::Bad => before,
            Op::Delete | Op::SkippedDelete => None,
            Op::Put | Op::SkippedPut => {
                let mut columns = entry.columns.clone();
                for (i, column) in columns.iter_mut().enumerate() {
                    match (*column, &before) {
                        (UNCHANGED, Some(row)) => *column = row[i],
                        // No row has the value: the record was a bad one.
                        (UNCHANGED, None) => return None,
                        (ABSENT, Some(row)) if self.keep => *column = row[i],
                        (ABSENT, _) => *column = self.defaults[i],
                        _ => {}
                    }
                }
                Some(columns)
            }
        }
    }
}

/// What one partition's records make of a row.
struct State {
    partition: u32,
    offset: i64,
    row: Option<Vec<u64>>,
    /// A bad record that no later one of its key supersedes.
    bad: Option<i64>,
    /// What the row may be as well: while records behind the position are being
    /// written, what it was before each of them; and what it was if a record that was
    /// passed over had been written.
    before: Vec<Option<Vec<u64>>>,
}

/// What the log makes of a row, and what was found of it.
#[derive(Default)]
struct Fold {
    /// One, unless the key came in several partitions, which have no order.
    states: Vec<State>,
    found: u64,
    /// One that was found is as it should be.
    matched: bool,
}

/// What a row may be beside what it should be. More are not kept: of a key that was
/// passed over so often, the last ones.
const OTHERWISE: usize = 16;

impl State {
    fn apply(&mut self, entry: &Entry, fold: Folding<'_>, late: bool) {
        if late {
            if entry.op != Op::Bad {
                self.before.push(self.row.clone());
                self.row = fold.put_or_delete(entry, self.row.take());
                self.offset = entry.offset;
                self.bad = None;
            }
            return;
        }
        let unavailable = entry.op == Op::Put && self.row.is_none();
        match entry.op {
            Op::Bad => {
                self.offset = entry.offset;
                self.bad = Some(entry.offset);
            }
            Op::Put if unavailable && entry.columns.contains(&UNCHANGED) => {
                self.offset = entry.offset;
                self.bad = Some(entry.offset);
            }
            Op::Put | Op::Delete => {
                self.offset = entry.offset;
                self.bad = None;
                self.row = fold.put_or_delete(entry, self.row.take());
                let before = self.before.drain(..);
                let mut after: Vec<_> = before.map(|row| fold.put_or_delete(entry, row)).collect();
                after.retain(|row| *row != self.row);
                after.dedup();
                self.before = after;
            }
            // It may have been written all the same, by whoever was at work then.
            Op::SkippedPut | Op::SkippedDelete => {
                let mut more = vec![fold.put_or_delete(entry, self.row.clone())];
                if fold.keep {
                    more.extend(
                        self.before
                            .iter()
                            .map(|row| fold.put_or_delete(entry, row.clone())),
                    );
                }
                more.retain(|row| *row != self.row && !self.before.contains(row));
                self.before.extend(more);
                let many = self.before.len().saturating_sub(OTHERWISE);
                self.before.drain(..many);
            }
        }
    }

    fn may_be(&self, columns: &[u64]) -> bool {
        let one = |row: &Option<Vec<u64>>| {
            row.as_ref()
                .is_some_and(|row| differing(row, columns).next().is_none())
        };
        one(&self.row) || self.before.iter().any(one)
    }

    fn may_be_nothing(&self) -> bool {
        self.row.is_none() || self.before.contains(&None)
    }
}

/// The columns in which a row is not as expected. What nobody can expect is never
/// different.
fn differing<'r>(expected: &'r [u64], found: &'r [u64]) -> impl Iterator<Item = usize> + 'r {
    (0..expected.len()).filter(|&i| expected[i] != SKIPPED && expected[i] != found[i])
}

fn by_key<E>(
    keep: bool,
    defaults: &[u64],
    log: &impl Doubts,
    coordinates: bool,
    expected: impl Iterator<Item = Result<Entry, E>>,
    found: impl Iterator<Item = Result<Entry, E>>,
    out: &mut ByPartition,
) -> Result<(), E> {
    let mut folds: HashMap<u128, Fold> = HashMap::new();
    for entry in expected {
        let entry = entry?;
        let states = &mut folds.entry(entry.identity).or_default().states;
        let at = states.iter().position(|s| s.partition == entry.partition);
        let at = at.unwrap_or_else(|| {
            states.push(State {
                partition: entry.partition,
                offset: entry.offset,
                row: None,
                bad: None,
                before: Vec::new(),
            });
            states.len() - 1
        });
        let late = log.is_late(entry.partition, entry.offset);
        states[at].apply(&entry, Folding { keep, defaults }, late);
    }
    for entry in found {
        let entry = entry?;
        let fold = folds.entry(entry.identity).or_default();
        fold.found += 1;
        let foreign = coordinates && log.is_foreign(entry.partition, entry.offset);
        fold.matched |= !foreign;
        judge_found(fold, &entry, foreign, keep, log, coordinates, out);
    }
    for fold in folds.values().filter(|fold| !fold.matched) {
        judge_missing(fold, out);
    }
    Ok(())
}

fn judge_found(
    fold: &mut Fold,
    entry: &Entry,
    foreign: bool,
    keep: bool,
    log: &impl Doubts,
    coordinates: bool,
    out: &mut ByPartition,
) {
    let known = fold.states.first();
    let (partition, offset) = known.map_or((entry.partition, entry.offset), |state| {
        (state.partition, state.offset)
    });
    let findings = out.entry(partition).or_default();
    if foreign {
        // Of both logs there may be one row; ours is among them, or missing.
        let ours = fold.states.iter().any(|s| s.may_be(&entry.columns));
        match ours && !fold.matched {
            true => fold.matched = true,
            false => findings.unverifiable.add(1, offset),
        }
        return;
    }
    let rows: Vec<&Vec<u64>> = fold.states.iter().filter_map(|s| s.row.as_ref()).collect();
    if fold.found > 1 {
        findings.doubled.add(1, offset);
        return;
    }
    for state in &fold.states {
        if let Some(bad) = state.bad {
            findings.missing.add(1, bad);
        }
    }
    let silent = match coordinates && entry.offset >= 0 {
        true => log.is_silent(Some((entry.partition, entry.offset))),
        false => log.is_silent(None),
    };
    match (rows.as_slice(), silent) {
        _ if fold.states.iter().any(|s| s.may_be(&entry.columns)) => {}
        // A tombstone has spoken: nothing before it counts.
        ([], _) if known.is_some() => findings.extra.add(1, offset),
        ([], true) => findings.unverifiable.add(1, offset),
        ([], false) => findings.extra.add(1, offset),
        // Merged out of records that are gone, or of partitions without an
        // order: nobody can tell.
        (rows, silent) if keep && (silent || rows.len() > 1) => {
            findings.unverifiable.add(1, offset);
        }
        (rows, _) => {
            let mut differ = differing(rows[0], &entry.columns);
            if differ.by_ref().all(|i| log.is_older(i, entry.age)) {
                findings.older.add(1, offset);
            } else {
                findings.different.add(1, offset);
                findings.columns.extend(differing(rows[0], &entry.columns));
            }
        }
    }
}

fn judge_missing(fold: &Fold, out: &mut ByPartition) {
    // Where one partition ends with a tombstone, its delete may have been last.
    let deleted = fold
        .states
        .iter()
        .any(|s| s.may_be_nothing() && s.bad.is_none());
    for state in &fold.states {
        let findings = out.entry(state.partition).or_default();
        if let Some(bad) = state.bad {
            findings.missing.add(1, bad);
        } else if state.row.is_some() && !deleted {
            findings.missing.add(1, state.offset);
            // Several partitions, one row.
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_sink_api::snapshot::hash::NULL;
    use std::convert::Infallible;

    /// Behind the position.
    const LATE: i64 = 1_000;
    /// Perhaps of another log.
    const FOREIGN: i64 = 900;

    /// Silent before this offset.
    struct From(i64);

    impl Doubts for From {
        fn is_silent(&self, coordinate: Option<(u32, i64)>) -> bool {
            coordinate.map_or(self.0 > 0, |(_, offset)| offset < self.0)
        }

        fn is_late(&self, _: u32, offset: i64) -> bool {
            offset >= LATE
        }

        fn is_foreign(&self, _: u32, offset: i64) -> bool {
            (FOREIGN..LATE).contains(&offset)
        }

        /// The second column was changed ten transactions ago.
        fn is_older(&self, column: usize, age: u32) -> bool {
            column == 1 && age >= 10
        }
    }

    fn put(identity: u128, offset: i64, columns: &[u64]) -> Entry {
        Entry {
            identity,
            partition: 0,
            offset,
            op: Op::Put,
            age: 0,
            columns: columns.to_vec(),
        }
    }

    fn op(identity: u128, offset: i64, op: Op) -> Entry {
        Entry {
            op,
            ..put(identity, offset, &[0, 0])
        }
    }

    fn compared(how: How, low: i64, expected: &[Entry], found: &[Entry]) -> ByPartition {
        let mut out = ByPartition::new();
        let expected = expected.iter().cloned().map(Ok::<_, Infallible>);
        let found = found.iter().cloned().map(Ok::<_, Infallible>);
        bucket(how, &[7, 7], &From(low), expected, found, &mut out).unwrap();
        out.retain(|_, findings| *findings != Findings::default());
        out
    }

    fn only(found: ByPartition) -> Findings {
        assert_eq!(found.len(), 1, "{found:?}");
        found.into_values().next().unwrap()
    }

    const KEY: How = How::Key { keep: false };
    const KEEP: How = How::Key { keep: true };

    #[test]
    fn the_last_record_of_a_key_is_its_row() {
        let log = [
            put(1, 0, &[1, 1]),
            put(1, 5, &[2, ABSENT]),
            put(2, 6, &[3, 3]),
        ];
        let rows = [put(1, -1, &[2, 7]), put(2, -1, &[3, 3])];
        assert!(compared(KEY, 0, &log, &rows).is_empty());
        let merged = [put(1, -1, &[2, 1]), put(2, -1, &[3, 3])];
        assert!(compared(KEEP, 0, &log, &merged).is_empty());
        let found = only(compared(KEY, 0, &log, &merged));
        assert_eq!(
            (found.different.count, found.columns.first()),
            (1, Some(&1))
        );
        assert_eq!(found.different.first.first(), Some(&5));
    }

    #[test]
    fn what_nobody_can_expect_is_not_compared_where_it_was_not_sent() {
        let mut out = ByPartition::new();
        let log = [put(1, 0, &[1, ABSENT]), put(2, 1, &[1, 5])];
        let rows = [put(1, -1, &[1, 9]), put(2, -1, &[1, 6])];
        let expected = log.into_iter().map(Ok::<_, Infallible>);
        let found = rows.into_iter().map(Ok::<_, Infallible>);
        bucket(KEY, &[NULL, SKIPPED], &From(0), expected, found, &mut out).unwrap();
        let found = only(out);
        assert_eq!(found.different.first, BTreeSet::from([1]));
    }

    #[test]
    fn what_was_passed_over_may_be_there_or_not() {
        let skip = |entry: Entry| Entry {
            op: entry.op.skipped(),
            ..entry
        };
        let log = [
            put(1, 0, &[1, 1]),
            skip(put(1, 1, &[2, 2])),
            skip(put(2, 2, &[3, 3])),
            put(3, 3, &[1, 1]),
            skip(op(3, 4, Op::Delete)),
            put(4, 5, &[1, 1]),
            skip(put(4, 6, &[5, 5])),
            put(4, 7, &[6, ABSENT]),
        ];
        let row = |key: u128, columns: [u64; 2]| put(key, -1, &columns);
        for how in [KEY, KEEP] {
            let fourth = if how == KEEP { [6, 1] } else { [6, 7] };
            let as_read = [row(1, [1, 1]), row(3, [1, 1]), row(4, fourth)];
            assert!(compared(how, 0, &log, &as_read).is_empty());
            let as_written = [row(1, [2, 2]), row(2, [3, 3]), row(4, fourth)];
            assert!(compared(how, 0, &log, &as_written).is_empty());
            let wrong = [row(1, [9, 9]), row(2, [9, 9]), row(3, [1, 1])];
            let found = only(compared(how, 0, &log, &wrong));
            let counts = (
                found.different.count,
                found.extra.count,
                found.missing.count,
            );
            assert_eq!(counts, (1, 1, 1));
        }
        let merged = [row(1, [1, 1]), row(3, [1, 1]), row(4, [6, 5])];
        assert!(compared(KEEP, 0, &log, &merged).is_empty());
        assert_eq!(only(compared(KEY, 0, &log, &merged)).different.count, 1);

        let log = [
            put(1, 0, &[1, 1]),
            skip(put(2, 1, &[2, 2])),
            put(3, 2, &[3, 3]),
        ];
        for how in [How::Coordinate, How::Content] {
            assert!(compared(how, 0, &log, &log).is_empty());
            let without = [log[0].clone(), log[2].clone()];
            assert!(compared(how, 0, &log, &without).is_empty());
            assert_eq!(only(compared(how, 0, &log, &log[..2])).missing.count, 1);
            let twice = [&log[..], &log[1..2]].concat();
            assert_eq!(only(compared(how, 0, &log, &twice)).doubled.count, 1);
        }
    }

    #[test]
    fn rows_of_another_log_hide_none_of_ours() {
        let log = [put(1, FOREIGN, &[1, 1]), put(2, FOREIGN + 1, &[2, 2])];
        let theirs = [put(1, FOREIGN, &[8, 8]), put(2, FOREIGN + 1, &[9, 9])];
        let both = [&log[..], &theirs[..]].concat();
        let found = only(compared(How::Coordinate, 0, &log, &both));
        assert_eq!((found.unverifiable.count, found.missing.count), (2, 0));
        let found = only(compared(
            How::Coordinate,
            0,
            &log,
            &[&theirs[..], &log[..1]].concat(),
        ));
        assert_eq!(
            (found.missing.first, found.doubled.count),
            (BTreeSet::from([FOREIGN + 1]), 0)
        );
    }

    #[test]
    fn rows_from_before_their_column_was_changed_are_told_apart() {
        let old = |row: Entry, age| Entry { age, ..row };
        let log = [put(1, 0, &[1, 1]), put(2, 1, &[2, 2]), put(3, 2, &[3, 3])];
        let rows = [
            old(put(1, 0, &[1, NULL]), 11),
            old(put(2, 1, &[2, NULL]), 9),
            old(put(3, 2, &[9, NULL]), 11),
        ];
        for how in [How::Coordinate, KEY] {
            let found = only(compared(how, 0, &log, &rows));
            assert_eq!(found.older.first, BTreeSet::from([0]));
            assert_eq!(found.different.first, BTreeSet::from([1, 2]));
        }
        // By content the second column tells nothing there.
        let log = [put(1, 0, &[1, 1]), put(1, 1, &[1, 2]), put(1, 2, &[1, 3])];
        let rows = [
            old(put(1, -1, &[1, NULL]), 11),
            old(put(1, -1, &[1, 2]), 11),
            old(put(1, -1, &[1, 3]), 9),
        ];
        let found = only(compared(How::Content, 0, &log, &rows));
        assert_eq!(
            (found.older.first, found.missing.count),
            (BTreeSet::from([0]), 0)
        );
        let young = [
            old(put(1, -1, &[1, NULL]), 9),
            rows[1].clone(),
            rows[2].clone(),
        ];
        let found = compared(How::Content, 0, &log, &young);
        assert_eq!(found[&0].missing.first, BTreeSet::from([0]));
        assert_eq!(found[&u32::MAX].extra.count, 1);
        let gone = [rows[1].clone(), rows[2].clone()];
        assert_eq!(
            only(compared(How::Content, 0, &log, &gone)).missing.count,
            1
        );
    }

    #[test]
    fn a_tombstone_ends_a_row_and_what_was_merged_before_it() {
        let log = [
            put(1, 0, &[1, 1]),
            op(1, 1, Op::Delete),
            put(1, 2, &[2, ABSENT]),
            put(2, 3, &[1, 1]),
            op(2, 4, Op::Delete),
        ];
        assert!(compared(KEEP, 0, &log, &[put(1, -1, &[2, 7])]).is_empty());
        let found = only(compared(
            KEEP,
            0,
            &log,
            &[put(1, -1, &[2, 7]), put(2, -1, &[1, 1])],
        ));
        assert_eq!(
            (found.extra.count, found.extra.first.first()),
            (1, Some(&4))
        );
    }

    #[test]
    fn rows_by_coordinate_are_missing_doubled_or_extra() {
        let log = [put(1, 0, &[1, 1]), put(2, 1, &[2, 2]), put(3, 2, &[3, 3])];
        let mut alien = put(9, 7, &[9, 9]);
        alien.identity = 99;
        let rows = [
            put(2, 1, &[2, 2]),
            put(2, 1, &[2, 2]),
            put(3, 2, &[3, 3]),
            alien,
        ];
        let found = only(compared(How::Coordinate, 0, &log, &rows));
        assert_eq!(found.missing.first, BTreeSet::from([0]));
        assert_eq!(found.doubled.first, BTreeSet::from([1]));
        assert_eq!(found.extra.first, BTreeSet::from([7]));
    }

    #[test]
    fn rows_without_identity_are_counted_by_content() {
        let log = [put(5, 0, &[1, 1]), put(5, 1, &[1, 1]), put(6, 2, &[2, 2])];
        assert!(compared(How::Content, 0, &log, &log).is_empty());
        let rows = [
            put(5, -1, &[1, 1]),
            put(6, -1, &[2, 2]),
            put(6, -1, &[2, 2]),
        ];
        let found = only(compared(How::Content, 0, &log, &rows));
        assert_eq!((found.missing.count, found.doubled.count), (1, 1));
        let extra = [put(7, -1, &[3, 3])];
        let found = compared(How::Content, 0, &[], &extra);
        assert_eq!(found[&u32::MAX].extra.count, 1);
    }

    #[test]
    fn what_retention_removed_is_not_called_good_nor_extra() {
        let rows = [put(1, 3, &[1, 1])];
        let found = only(compared(How::Coordinate, 10, &[], &rows));
        assert_eq!((found.extra.count, found.unverifiable.count), (0, 1));
        let found = compared(How::Content, 10, &[], &[put(1, -1, &[1, 1])]);
        assert_eq!(found[&u32::MAX].unverifiable.count, 1);
        let merged = [put(1, 12, &[1, ABSENT])];
        let found = only(compared(KEEP, 10, &merged, &[put(1, -1, &[1, 5])]));
        assert_eq!((found.different.count, found.unverifiable.count), (0, 1));
    }

    #[test]
    fn a_bad_record_is_missing_unless_a_later_one_supersedes_it() {
        let superseded = [op(1, 0, Op::Bad), put(1, 1, &[1, 1])];
        assert!(compared(KEY, 0, &superseded, &[put(1, -1, &[1, 1])]).is_empty());
        let last = [put(1, 0, &[1, 1]), op(1, 1, Op::Bad)];
        let found = only(compared(KEY, 0, &last, &[put(1, -1, &[1, 1])]));
        assert_eq!(found.missing.first, BTreeSet::from([1]));
    }

    #[test]
    fn a_key_in_two_partitions_may_end_with_either() {
        let mut other = put(1, 9, &[2, 2]);
        other.partition = 1;
        let log = [put(1, 0, &[1, 1]), other];
        for row in [[1, 1], [2, 2]] {
            assert!(compared(KEY, 0, &log, &[put(1, -1, &row)]).is_empty());
        }
        let found = only(compared(KEY, 0, &log, &[put(1, -1, &[3, 3])]));
        assert_eq!(found.different.count, 1);
        let found = only(compared(KEY, 0, &log, &[]));
        assert_eq!(found.missing.count, 1);
    }

    #[test]
    fn what_lies_behind_the_position_may_be_there_or_not() {
        let keyed = How::Key { keep: true };
        let log = [
            put(1, 1, &[1, 1]),
            put(1, LATE, &[2, ABSENT]),
            put(1, LATE + 1, &[3, 3]),
            put(2, 2, &[1, 1]),
            op(2, LATE + 2, Op::Delete),
            put(3, LATE + 3, &[5, 5]),
            op(4, LATE + 4, Op::Bad),
        ];
        for first in [[1, 1], [2, 1], [3, 3]] {
            for second in [None, Some([1, 1])] {
                for third in [None, Some([5, 5])] {
                    let mut found = vec![put(1, -1, &first)];
                    found.extend(second.map(|row| put(2, -1, &row)));
                    found.extend(third.map(|row| put(3, -1, &row)));
                    assert!(compared(keyed, 0, &log, &found).is_empty());
                }
            }
        }
        // Not a state that it ever had, and not gone.
        let wrong = [put(1, -1, &[2, 2])];
        assert_eq!(only(compared(keyed, 0, &log, &wrong)).different.count, 1);
        let none = only(compared(keyed, 0, &log, &[]));
        assert_eq!(none.missing.count, 1);
    }
}
