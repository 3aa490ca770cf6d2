//! Room for servers of tests' own.

use std::sync::{Condvar, Mutex, PoisonError};

/// Each takes half a GiB and a core while it starts, and two run already that all
/// tests share.
const JVMS: usize = 1;

static TAKEN: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

/// A place for one JVM; free again when dropped. Nobody may wait for a second one.
pub struct Place(());

impl Place {
    /// Waits for it.
    pub fn take() -> Self {
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = FREED
            .wait_while(taken, |taken| *taken >= JVMS)
            .unwrap_or_else(PoisonError::into_inner);
        *taken += 1;
        Self(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        FREED.notify_one();
    }
}
