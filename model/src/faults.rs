//! Which faults may happen, and how many in one history.

/// What can go wrong, and what people and Kafka may do at any moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The database did what it was asked; the answer is lost.
    AnswerLost,
    /// The request is lost on its way; the sender gives up waiting.
    RequestLost,
    /// The sender gives up waiting; the request arrives later.
    TimeOut,
    /// SIGKILL; the process starts anew with another owner id.
    Crash,
    /// Kafka takes the partition away and the process does not hear of it: it is
    /// stopped, or cut off.
    Lost,
    /// Kafka takes the partition away in good order.
    Revoked,
    /// A process that Kafka took the partition from, and that has not heard of
    /// it, claims it.
    LateClaim,
    /// `positions set`.
    Set,
    /// The database goes back to an earlier state, position and rows together.
    Failover,
    /// Kafka's client delivers a record twice.
    DeliveredTwice,
    /// Rolled back for another's sake (deadlock, serialization).
    RolledBack,
    /// The table's definition changes.
    CatalogueChanged,
    /// The right to write to the table is taken away, or given back.
    RightChanged,
}

/// How many kinds of [`Fault`] there are.
const KINDS: usize = 13;

/// What is left to happen: each kind has its own bound, and all together have
/// one, for the number of histories grows with its power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Budget {
    all: u8,
    each: [u8; KINDS],
}

impl Budget {
    /// At most `all` faults, and of each kind as many as given.
    #[must_use]
    pub fn new(all: u8, each: &[(Fault, u8)]) -> Self {
        let mut budget = Self {
            all,
            each: [0; KINDS],
        };
        for (fault, n) in each {
            budget.each[*fault as usize] = *n;
        }
        budget
    }

    /// Whether the fault may still happen.
    #[must_use]
    pub fn allows(&self, fault: Fault) -> bool {
        self.all > 0 && self.each[fault as usize] > 0
    }

    /// It happens.
    pub fn spend(&mut self, fault: Fault) {
        debug_assert!(self.allows(fault));
        self.all -= 1;
        self.each[fault as usize] -= 1;
    }
}
