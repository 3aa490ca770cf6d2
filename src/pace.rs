//! How often something is done that costs its price each time. Pure: the clock is passed in.

use std::time::{Duration, Instant};

/// Once an interval on the average, and some times at once after a while of rest: the
/// generic cell rate algorithm (ITU-T I.371).
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    interval: Duration,
    burst: u32,
    /// When the next one would come if all came at their time.
    next: Option<Instant>,
}

impl Pace {
    /// Nothing was done yet. `burst`: how many more than one may come at once.
    #[must_use]
    pub const fn new(interval: Duration, burst: u32) -> Self {
        Self {
            interval,
            burst,
            next: None,
        }
    }

    /// From when on it may be done; `None`: it was never done.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let ahead = self.interval * self.burst;
        self.next.and_then(|next| next.checked_sub(ahead))
    }

    /// It is done, in its time or before. However often it was done before its time, the
    /// next one waits for no longer than an interval.
    pub fn done(&mut self, now: Instant) {
        let next = self.next.map_or(now, |next| next.max(now)) + self.interval;
        let last = now + self.interval * (self.burst + 1);
        self.next = Some(next.min(last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(20);

    /// How often it is done within so many intervals, whenever it may be.
    fn times(burst: u32, intervals: u32) -> u32 {
        let (mut pace, start) = (Pace::new(INTERVAL, burst), Instant::now());
        let (mut now, mut times) = (start, 0);
        while now < start + INTERVAL * intervals {
            match pace.due() {
                Some(due) if due > now => now = due,
                _ => {
                    pace.done(now);
                    times += 1;
                }
            }
        }
        times
    }

    #[test]
    fn it_keeps_its_pace_but_for_what_comes_after_a_rest() {
        assert_eq!((times(0, 10), times(5, 10)), (10, 15));
        let (mut pace, now) = (Pace::new(INTERVAL, 1), Instant::now());
        assert_eq!(pace.due(), None);
        pace.done(now);
        assert_eq!(pace.due(), Some(now));
        pace.done(now);
        assert_eq!(pace.due(), Some(now + INTERVAL));
        // A long rest is worth no more than a short one.
        let later = now + INTERVAL * 100;
        pace.done(later);
        pace.done(later);
        assert_eq!(pace.due(), Some(later + INTERVAL));
        // Nor does it wait for longer after many that came before their time.
        (0..100).for_each(|_| pace.done(later));
        assert_eq!(pace.due(), Some(later + INTERVAL));
    }
}
