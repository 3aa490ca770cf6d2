//! How records are to become rows, where nobody has said it. Pure.

use crate::propose::Survey;
use plimsoll_sink_api::Mode;

/// What is known of a topic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) records: usize,
    pub(super) keyed: usize,
    pub(super) tombstones: usize,
    pub(super) has_envelope: bool,
    pub(super) compacted: bool,
}

impl Known {
    pub(super) fn of(survey: &Survey, has_envelope: bool, compacted: bool) -> Self {
        Self {
            records: survey.records,
            keyed: survey.keyed,
            tombstones: survey.tombstones,
            has_envelope,
            compacted,
        }
    }
}

/// A mode, and why. An upsert that nobody meant loses the rows that it replaces, which no
/// append does: it takes a sign that a later record of a key replaces an earlier one.
pub(super) fn decide(known: &Known) -> (Mode, String) {
    let Known { records, keyed, .. } = *known;
    if known.has_envelope {
        let why = "change events put and delete rows by their key";
        return (Mode::Upsert, why.to_owned());
    }
    if keyed < records {
        let why = match keyed {
            0 => "the records have no key".to_owned(),
            _ => format!("{} of {records} records have no key", records - keyed),
        };
        return (Mode::Append, why);
    }
    let (mode, why) = if records == 0 {
        (Mode::Append, "nothing is known of the records yet")
    } else if known.compacted {
        (
            Mode::Upsert,
            "the topic is compacted: Kafka itself keeps the last record of each key",
        )
    } else if known.tombstones > 0 {
        (
            Mode::Upsert,
            "there are tombstones, which delete the row of their key",
        )
    } else {
        (
            Mode::Append,
            "records have keys, but nothing says that a later one replaces an earlier one: the topic \
             is not compacted, and no tombstone was seen; --mode upsert if it does",
        )
    };
    (mode, why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upsert_takes_a_key_and_a_sign_that_it_counts() {
        let keyed = Known {
            records: 10,
            keyed: 10,
            tombstones: 0,
            has_envelope: false,
            compacted: false,
        };
        for (known, mode) in [
            (keyed, Mode::Append),
            (
                Known {
                    compacted: true,
                    ..keyed
                },
                Mode::Upsert,
            ),
            (
                Known {
                    tombstones: 1,
                    ..keyed
                },
                Mode::Upsert,
            ),
            (
                Known {
                    has_envelope: true,
                    keyed: 0,
                    ..keyed
                },
                Mode::Upsert,
            ),
            (
                Known {
                    keyed: 9,
                    compacted: true,
                    ..keyed
                },
                Mode::Append,
            ),
            (
                Known {
                    records: 0,
                    keyed: 0,
                    ..keyed
                },
                Mode::Append,
            ),
        ] {
            assert_eq!(decide(&known).0, mode, "{known:?}");
        }
    }
}
