//! Which faults were sent, which hit, and by what that was seen.

use super::schedule::Kind;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;

/// Of one kind.
#[derive(Debug, Clone, Default)]
struct Tally {
    hits: u64,
    misses: u64,
    seen: String,
}

/// Of all kinds.
#[derive(Default)]
pub struct Ledger(Mutex<BTreeMap<Kind, Tally>>);

impl Ledger {
    /// A fault hit; `seen` is what proves it.
    pub fn hit(&self, kind: Kind, seen: String) {
        let mut tallies = self.0.lock().expect("not poisoned");
        let tally = tallies.entry(kind).or_default();
        tally.hits += 1;
        tally.seen = seen;
    }

    /// An attempt that changed nothing; it is made again.
    pub fn miss(&self, kind: Kind) {
        let mut tallies = self.0.lock().expect("not poisoned");
        tallies.entry(kind).or_default().misses += 1;
    }

    /// A kind that never hit fails the run.
    #[track_caller]
    pub fn assert_all_hit(&self, kinds: &[Kind]) {
        let tallies = self.0.lock().expect("not poisoned");
        for kind in kinds {
            let hits = tallies.get(kind).map_or(0, |t| t.hits);
            assert!(hits > 0, "never hit: {}", kind.name());
        }
    }

    /// A table in Markdown.
    pub fn table(&self) -> String {
        let tallies = self.0.lock().expect("not poisoned");
        let mut table = "| fault | hit | tried again | the last one was seen by |\n\
                         | --- | --- | --- | --- |\n"
            .to_owned();
        for (kind, tally) in tallies.iter() {
            let Tally { hits, misses, seen } = tally;
            writeln!(table, "| {} | {hits} | {misses} | {seen} |", kind.name())
                .expect("a string grows");
        }
        table
    }
}
