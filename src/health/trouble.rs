//! A trouble: what it is about, since when it holds, when it was said last.

use crate::logging::Repeats;
use plimsoll_protocol::TopicPartition;
use std::time::{Duration, Instant, SystemTime};
use tracing::{error, info, warn};

/// The same is said again after this long: often enough to be found in a log,
/// seldom enough not to fill it.
const AGAIN: Duration = Duration::from_secs(60);

/// A lock may hold up a thousand partitions: what is said of one is said of all.
static SAID: Repeats = Repeats::new();

/// Who asks Kafka.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asking {
    /// The start, for the cluster's id.
    Start,
    /// Claims, for the logs of what is claimed.
    Claims,
    /// The watcher of lags, for the ends of logs.
    Watch,
    /// A commit, for what its batch was fetched from.
    Commit(TopicPartition),
}

/// What a trouble is about. Of each there is one at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// The database does not answer.
    Database,
    /// Kafka does not answer a question as it should.
    Kafka(Asking),
    /// The schema registry does not answer as it should.
    Registry,
    /// Nothing is assigned to this process, and should be.
    Unassigned,
    /// A topic, or all that match a pattern, cannot be read.
    Topic(String),
    /// A partition is assigned and not claimed.
    Claiming(TopicPartition),
    /// Somebody else is in the sink's group.
    Group,
    /// A commit or a claim waits for a lock that somebody else holds; `None`: what
    /// is kept of the sink does.
    Lock(Option<TopicPartition>),
    /// A commit is tried again and again.
    Retrying(TopicPartition),
    /// Kafka's client brings no record of a log that goes on.
    Stalled(TopicPartition),
}

/// Whether somebody has to do something, or it may pass by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    MayPass,
    ActNow,
}

impl About {
    /// The word for it in `/readyz`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Database => "database_away",
            Self::Kafka(_) => "kafka_away",
            Self::Registry => "schema_registry_away",
            Self::Unassigned => "unassigned",
            Self::Topic(_) => "topic_unreadable",
            Self::Claiming(_) => "claiming",
            Self::Group => "group_shared",
            Self::Lock(_) => "database_blocked",
            Self::Retrying(_) => "retrying",
            Self::Stalled(_) => "stalled",
        }
    }

    pub(super) const fn is_database(&self) -> bool {
        matches!(self, Self::Database)
    }

    pub(super) const fn is_kafka(&self) -> bool {
        matches!(self, Self::Kafka(_))
    }

    pub(super) const fn is_unassigned(&self) -> bool {
        matches!(self, Self::Unassigned | Self::Topic(_))
    }

    pub(super) const fn is_claiming(&self) -> bool {
        matches!(self, Self::Claiming(_))
    }

    pub(super) const fn is_group(&self) -> bool {
        matches!(self, Self::Group)
    }

    pub(super) const fn is_lock(&self) -> bool {
        matches!(self, Self::Lock(_))
    }

    pub(super) const fn is_retrying(&self) -> bool {
        matches!(self, Self::Retrying(_))
    }

    pub(super) const fn is_stalled(&self) -> bool {
        matches!(self, Self::Stalled(_))
    }

    /// The partition, where it is about one.
    #[must_use]
    pub const fn partition(&self) -> Option<&TopicPartition> {
        match self {
            Self::Kafka(Asking::Commit(tp))
            | Self::Claiming(tp)
            | Self::Retrying(tp)
            | Self::Stalled(tp) => Some(tp),
            Self::Lock(tp) => tp.as_ref(),
            Self::Kafka(Asking::Start | Asking::Claims | Asking::Watch)
            | Self::Database
            | Self::Registry
            | Self::Unassigned
            | Self::Topic(_)
            | Self::Group => None,
        }
    }

    const fn weight(&self) -> Weight {
        match self {
            Self::Topic(_) | Self::Group => Weight::ActNow,
            Self::Database
            | Self::Kafka(_)
            | Self::Registry
            | Self::Unassigned
            | Self::Claiming(_)
            | Self::Lock(_)
            | Self::Retrying(_)
            | Self::Stalled(_) => Weight::MayPass,
        }
    }

    /// What is said of it, in front of its own words.
    const fn headline(&self) -> &'static str {
        match self {
            Self::Database => "the database is away",
            Self::Kafka(_) => "Kafka does not answer",
            Self::Registry => "the schema registry is away",
            Self::Unassigned => "nothing is assigned",
            Self::Topic(_) => "nothing is read",
            Self::Claiming(_) => "not consumed yet",
            Self::Group => "other members are in the sink's group",
            Self::Lock(_) => "blocked in the database",
            Self::Retrying(_) => "the commit is tried again and again",
            Self::Stalled(_) => "no record comes",
        }
    }

    /// What is said when it is over.
    const fn end(&self) -> &'static str {
        match self {
            Self::Database => "the database is back",
            Self::Kafka(_) => "Kafka answers again",
            Self::Registry => "the schema registry is back",
            Self::Unassigned => "partitions are assigned",
            Self::Topic(_) => "the topics are read",
            Self::Claiming(_) => "consumed",
            Self::Group => "the group is the sink's own again",
            Self::Lock(_) => "not blocked any more",
            Self::Retrying(_) => "the commit went through",
            Self::Stalled(_) => "records come again",
        }
    }

    /// How long it has to last before it is told: what heals by itself in less is
    /// none.
    const fn grace(&self) -> Duration {
        match self {
            Self::Database
            | Self::Kafka(_)
            | Self::Registry
            | Self::Topic(_)
            | Self::Group
            // It was waited for already before it was looked at.
            | Self::Lock(_)
            | Self::Stalled(_) => Duration::ZERO,
            // Longer than a rebalance, a takeover and a leader's election take.
            Self::Unassigned | Self::Claiming(_) | Self::Retrying(_) => Duration::from_secs(10),
        }
    }

    /// How long it is believed after it was last seen, where nobody says that it
    /// is over.
    const fn lapse(&self) -> Option<Duration> {
        match self {
            // A batch that is not confirmed is fetched again and asked about
            // again, 10 s later at most; or another process has committed it.
            Self::Kafka(Asking::Commit(_)) => Some(Duration::from_secs(30)),
            // Between two attempts nothing waits, and a heartbeat's wait is heard of
            // when it is over.
            Self::Lock(_) => Some(Duration::from_secs(15)),
            Self::Kafka(Asking::Start | Asking::Claims | Asking::Watch)
            | Self::Database
            | Self::Registry
            | Self::Unassigned
            | Self::Topic(_)
            | Self::Claiming(_)
            | Self::Group
            | Self::Retrying(_)
            | Self::Stalled(_) => None,
        }
    }
}

/// Something that is wrong.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) code: String,
    pub(super) what: String,
    pub(super) since: SystemTime,
    began: Instant,
    seen: Instant,
    said: Option<Instant>,
}

impl Trouble {
    pub(super) fn new(code: &str, what: String, now: Instant, since: SystemTime) -> Self {
        Self {
            code: code.to_owned(),
            what,
            since,
            began: now,
            seen: now,
            said: None,
        }
    }

    /// It is seen again. Words may differ from time to time; another code is
    /// another trouble, and said at once.
    pub(super) fn again(&mut self, code: &str, what: String, now: Instant) {
        if self.code != code {
            code.clone_into(&mut self.code);
            self.said = None;
        }
        self.what = what;
        self.seen = now;
    }

    pub(super) fn lasted(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began)
    }

    pub(super) fn holds(&self, about: &About, now: Instant) -> bool {
        about
            .lapse()
            .is_none_or(|lapse| now.saturating_duration_since(self.seen) < lapse)
    }

    pub(super) fn is_told(&self, about: &About, now: Instant) -> bool {
        self.holds(about, now) && self.lasted(now) >= about.grace()
    }

    /// Says it, if it is time.
    pub(super) fn say(&mut self, sink: &str, about: &About, now: Instant) {
        let due = match self.said {
            None => self.is_told(about, now),
            Some(said) => now.saturating_duration_since(said) >= AGAIN,
        };
        if !due {
            return;
        }
        let (headline, what, code) = (about.headline(), &self.what, &self.code);
        let (topic, partition) = place(about);
        let lasted = match self.said.replace(now) {
            None => String::new(),
            Some(_) => format!(", for {} s now", self.lasted(now).as_secs()),
        };
        if !SAID.say(&(sink, about.kind(), code, what)) {
            return;
        }
        match about.weight() {
            Weight::MayPass => warn!(sink, topic, partition, code, "{headline}{lasted}: {what}"),
            Weight::ActNow => error!(sink, topic, partition, code, "{headline}{lasted}: {what}"),
        }
    }

    /// Says that it is over, if it was said at all.
    pub(super) fn say_over(&self, sink: &str, about: &About, now: Instant) {
        if self.said.is_some() {
            let seconds = self.lasted(now).as_secs();
            info!(sink, "{}, after {seconds} s", about.end());
        }
    }
}

fn place(about: &About) -> (Option<&str>, Option<i32>) {
    match about.partition() {
        Some(tp) => (Some(&*tp.topic), Some(tp.partition)),
        None => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_takes_back_lapses() {
        let about = About::Kafka(Asking::Commit(TopicPartition::new("t", 0)));
        let now = Instant::now();
        let trouble = Trouble::new("", "timed out".to_owned(), now, SystemTime::now());
        assert!(trouble.holds(&about, now + Duration::from_secs(29)));
        assert!(!trouble.holds(&about, now + Duration::from_secs(30)));
        assert!(trouble.holds(&About::Database, now + Duration::from_secs(3_600)));
    }

    #[test]
    fn the_same_is_said_once_and_then_each_minute() {
        let (about, now) = (About::Database, Instant::now());
        let mut trouble = Trouble::new("08006", "reset".to_owned(), now, SystemTime::now());
        let mut said = 0;
        for second in 0..=120 {
            let now = now + Duration::from_secs(second);
            trouble.again("08006", format!("reset {second}"), now);
            trouble.say("a", &about, now);
            said += u32::from(trouble.said == Some(now));
        }
        assert_eq!(said, 3);
        let now = now + Duration::from_secs(121);
        trouble.again("57P01", "shut down".to_owned(), now);
        trouble.say("a", &about, now);
        assert_eq!(trouble.said, Some(now));
    }
}
