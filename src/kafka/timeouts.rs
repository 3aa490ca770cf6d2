//! How long Kafka is waited for.

use std::time::Duration;

/// One question, or the single records that a look asks for: longer than a leader's
/// election, short enough to be asked again.
pub const ANSWER: Duration = Duration::from_secs(10);

/// How long a log that is read may be silent: longer than brokers take to be started
/// anew, for a reading of hours is not given up for one of them.
pub const SILENCE: Duration = Duration::from_secs(60);

/// How long a sample may take in all; what has come by then is one.
pub const SAMPLE: Duration = Duration::from_secs(20);

/// How long one poll waits: so late, at most, the end of one of the above is seen.
pub const POLL: Duration = Duration::from_millis(100);
