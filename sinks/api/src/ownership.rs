//! Whose a position is, and who may claim or set it. Pure; every sink asks here.

use crate::{PositionChange, SetOutcome, SinkError};
use plimsoll_protocol::{Class, Position, TopicPartition};
use std::time::Duration;

/// Which deployment a position belongs to. Another cluster's or another group's
/// claim on it is refused: two deployments of one name would fence each other
/// for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The consumer group.
    pub group_id: String,
    /// Kafka's cluster id.
    pub cluster_id: String,
}

/// What a position's row says of whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownership {
    /// The deployment's; `None`: of whoever comes first, for the row is older than
    /// that.
    pub identity: Option<Identity>,
    /// The owner's readable name, and the time since its last sign of life; `None`: it
    /// was released, or nobody has ever claimed it.
    pub owner: Option<(String, Duration)>,
}

/// A position's row, as a database keeps it.
pub trait Owned {
    /// Whose it is.
    fn ownership(&self) -> Ownership;
}

/// What a [`PositionChange`] comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting<R> {
    /// A row is made, and begins there.
    Make(Position),
    /// The row that stands is changed.
    Change(R),
    /// Nothing: the owner is alive. The outcome says so.
    Refused(SetOutcome),
}

/// The row, if it may be claimed. `None`: there is none.
///
/// # Errors
/// Of class `Stale` without a row, of class `Halt` for another deployment's.
pub fn claimable<R: Owned>(
    row: Option<R>,
    sink: &str,
    tp: &TopicPartition,
    given: &Identity,
) -> Result<R, SinkError> {
    let row = row.ok_or_else(|| no_position(sink, tp))?;
    check(&row.ownership(), sink, tp, given, CLAIMED)?;
    Ok(row)
}

/// What a change of a row comes to. `None`: there is none.
///
/// # Errors
/// Of class `Stale` where a position that does not stand shall stay where it is, of
/// class `Halt` for another deployment's that is not to be taken over.
pub fn setting<R: Owned>(
    row: Option<R>,
    sink: &str,
    change: &PositionChange,
) -> Result<Setting<R>, SinkError> {
    let Some(row) = row else {
        let to = change.to.ok_or_else(|| no_position(sink, &change.tp))?;
        return Ok(Setting::Make(to));
    };
    let ownership = row.ownership();
    if !change.take_over {
        check(&ownership, sink, &change.tp, &change.identity, SET)?;
    }
    match ownership.owner {
        Some((owner, heartbeat_age)) if !change.force && heartbeat_age < change.fresh => {
            Ok(Setting::Refused(SetOutcome::OwnerAlive {
                owner,
                heartbeat_age,
            }))
        }
        Some(_) | None => Ok(Setting::Change(row)),
    }
}

/// Refuses another deployment.
fn check(
    row: &Ownership,
    sink: &str,
    tp: &TopicPartition,
    given: &Identity,
    hint: &str,
) -> Result<(), SinkError> {
    match &row.identity {
        None => Ok(()),
        Some(own) if own == given => Ok(()),
        Some(own) => {
            let what = format!(
                "the position of {tp} in sink \"{sink}\" belongs to group \"{}\" on cluster \"{}\", \
                 and this is group \"{}\" on cluster \"{}\"",
                own.group_id, own.cluster_id, given.group_id, given.cluster_id
            );
            Err(SinkError::new(Class::Halt, what).hint(hint))
        }
    }
}

/// What to do about a claim on another deployment's position.
const CLAIMED: &str = "two deployments of one sink name would fence each other: give this sink \
     another name, or plimsoll's tables another place; if it is the same log under another \
     group or cluster, `plimsoll positions adopt`";

/// The same of a change by hand.
const SET: &str = "use the config that this position belongs to; if it is the same log under \
     another group or cluster, `plimsoll positions adopt`";

/// Nobody has settled a start.
#[must_use]
pub fn no_position(sink: &str, tp: &TopicPartition) -> SinkError {
    SinkError::new(
        Class::Stale,
        format!("{tp} has no position in sink \"{sink}\""),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(group: &str, cluster: &str) -> Identity {
        Identity {
            group_id: group.to_owned(),
            cluster_id: cluster.to_owned(),
        }
    }

    fn ours() -> Identity {
        identity("g", "c")
    }

    fn row(identity: Option<Identity>, age_s: Option<u64>) -> Ownership {
        Ownership {
            identity,
            owner: age_s.map(|age| ("somebody".to_owned(), Duration::from_secs(age))),
        }
    }

    impl Owned for Ownership {
        fn ownership(&self) -> Ownership {
            self.clone()
        }
    }

    fn tp() -> TopicPartition {
        TopicPartition::new("t", 3)
    }

    fn change(to: Option<i64>, take_over: bool, force: bool) -> PositionChange {
        PositionChange {
            tp: tp(),
            to: to.map(|to| Position::new(to).unwrap()),
            identity: ours(),
            take_over,
            topic_id: None,
            high_watermark: Position::ZERO,
            force,
            fresh: Duration::from_secs(60),
        }
    }

    #[test]
    fn a_claim_is_made_on_its_own_deployments_row_alone() {
        let claim = |row: Option<Ownership>| claimable(row, "s", &tp(), &ours());
        // A live owner is fenced: that is what a claim is for.
        for row in [row(Some(ours()), Some(0)), row(None, None)] {
            assert_eq!(claim(Some(row.clone())), Ok(row));
        }
        for other in [identity("other", "c"), identity("g", "other")] {
            let error = claim(Some(row(Some(other), None))).unwrap_err();
            assert_eq!(error.class, Class::Halt);
            assert!(error.to_string().contains("positions adopt"), "{error}");
        }
        let error = claim(None).unwrap_err();
        assert_eq!(error.class, Class::Stale);
        assert_eq!(error.to_string(), "t[3] has no position in sink \"s\"");
    }

    #[test]
    fn a_change_is_refused_for_a_live_owner_and_another_deployment() {
        // Since when the owner showed no sign of life, where that refuses the change.
        let refused = |row: &Ownership, change: &PositionChange| match setting(
            Some(row.clone()),
            "s",
            change,
        )
        .unwrap()
        {
            Setting::Make(_) => panic!("it stands"),
            Setting::Change(changed) => {
                assert_eq!(changed, *row);
                None
            }
            Setting::Refused(SetOutcome::OwnerAlive {
                owner,
                heartbeat_age,
            }) => {
                assert_eq!(owner, "somebody");
                Some(heartbeat_age.as_secs())
            }
            Setting::Refused(SetOutcome::Set { .. }) => panic!("it is refused"),
        };
        let (own, other) = (Some(ours()), Some(identity("other", "c")));
        let stays = change(None, false, false);
        let forced = change(None, false, true);
        let taken = change(None, true, false);
        let taken_by_force = change(None, true, true);
        for (row, change, expected) in [
            (row(own.clone(), None), &stays, None),
            (row(own.clone(), Some(59)), &stays, Some(59)),
            (row(own.clone(), Some(60)), &stays, None),
            (row(own.clone(), Some(0)), &forced, None),
            (row(None, Some(0)), &stays, Some(0)),
            (row(None, None), &stays, None),
            (row(other.clone(), None), &taken, None),
            (row(other.clone(), Some(1)), &taken, Some(1)),
            (row(other.clone(), Some(1)), &taken_by_force, None),
        ] {
            assert_eq!(refused(&row, change), expected, "{row:?}");
        }
        // Force is about the owner, not about the deployment.
        for change in [&stays, &forced] {
            let row = row(other.clone(), None);
            let error = setting(Some(row), "s", change).unwrap_err();
            assert_eq!(error.class, Class::Halt);
        }
    }

    #[test]
    fn a_row_that_does_not_stand_is_made_where_the_change_says() {
        let to = Position::new(7).unwrap();
        let set = |change| setting::<Ownership>(None, "s", &change);
        assert_eq!(set(change(Some(7), false, false)), Ok(Setting::Make(to)));
        let error = set(change(None, true, true)).unwrap_err();
        assert_eq!(error.class, Class::Stale);
    }
}
