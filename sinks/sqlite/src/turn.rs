//! Whose turn it is to write to a file, within this process.
//!
//! SQLite has one writer per file. Those who wait for it poll, with sleeps up
//! to 100 ms and in no order, so that one busy sink could starve another. Here
//! they queue instead; between processes SQLite's own lock decides.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

/// Held while writing; first come, first served.
pub type Turn = tokio::sync::Mutex<()>;

static TURNS: LazyLock<Mutex<HashMap<PathBuf, Weak<Turn>>>> = LazyLock::new(Mutex::default);

/// The turn of a file. Two spellings of one path (a symlink) get two, which
/// costs speed and nothing else.
pub fn turn_of(path: &Path) -> Arc<Turn> {
    let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
    // As many entries as files in use.
    turns.retain(|_, turn| turn.strong_count() > 0);
    if let Some(turn) = turns.get(path).and_then(Weak::upgrade) {
        return turn;
    }
    let turn = Arc::new(Turn::default());
    turns.insert(path.to_owned(), Arc::downgrade(&turn));
    turn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sinks_of_one_file_share_a_turn() {
        let (a, b) = (turn_of(Path::new("/x/a.db")), turn_of(Path::new("/x/a.db")));
        assert!(Arc::ptr_eq(&a, &b));
        assert!(!Arc::ptr_eq(&a, &turn_of(Path::new("/x/b.db"))));
    }
}
