//! Whether librdkafka has forgotten the life of a partition that ended before: it
//! does so in the background, and while it has not, a position that it tells is of
//! that life.

use plimsoll_protocol::Position;
use std::time::Duration;

/// How long a partition waits until it is looked again.
pub(super) const STOP_RETRY: Duration = Duration::from_millis(50);

/// After so many looks librdkafka does not forget it by itself: a stop takes no second.
const REMEMBERED: u32 = 20;

/// How often in a row it was not forgotten.
#[derive(Debug, Default)]
pub struct Earlier(u32);

/// What a look comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is forgotten: the next life may be claimed.
    Claim,
    /// It may be forgotten soon.
    Wait,
    /// It stays where it stood: it is begun and stopped again.
    StopAgain(Position),
}

impl Earlier {
    /// Looks at where librdkafka says that it stands.
    pub(super) fn look(&mut self, stands: Option<Position>) -> Turn {
        let Some(stands) = stands else {
            self.0 = 0;
            return Turn::Claim;
        };
        self.0 += 1;
        match self.0.is_multiple_of(REMEMBERED) {
            true => Turn::StopAgain(stands),
            false => Turn::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_for_a_second_is_stopped_again_each_second() {
        let mut earlier = Earlier::default();
        let at = Position::new(7).unwrap();
        for _ in 0..2 {
            for _ in 1..REMEMBERED {
                assert_eq!(earlier.look(Some(at)), Turn::Wait);
            }
            assert_eq!(earlier.look(Some(at)), Turn::StopAgain(at));
        }
        assert_eq!(earlier.look(None), Turn::Claim);
        for _ in 1..REMEMBERED {
            assert_eq!(earlier.look(Some(at)), Turn::Wait);
        }
    }
}
