//! What `/readyz` tells: starts, halts, troubles, draining.

mod dead_letters;
mod ends;
mod report;
mod sources;
mod trouble;

use ends::Logs;
pub use ends::{End, Ends};
pub use report::{HaltReport, Report, SinkReport, TroubleReport};
pub use sources::SourceReport;
pub use trouble::{About, Asking};

use crate::error::KafkaFault;
use crate::metrics as names;
use dead_letters::Letters;
use metrics::gauge;
use plimsoll_protocol::{Position, TopicPartition};
use plimsoll_sink_api::DeadLetter;
use plimsoll_sink_api::{SinkError, SinkState};
use serde::Serialize;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use trouble::Trouble;

/// How often [`Health::remind`] is to be called: what it says first is that late,
/// at most.
pub const REMINDER: Duration = Duration::from_secs(1);

/// Why a partition does not move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Halt {
    /// The offset of the record, where it is about one.
    pub offset: Option<i64>,
    /// The column, where it is known.
    pub column: Option<String>,
    /// What is wrong; holds no value of the record.
    pub reason: String,
    /// What shows that it is over.
    #[serde(skip)]
    pub until: Until,
}

/// What shows that a halt is over. That nothing is heard of it any more shows
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// A commit: the record or its table was to blame.
    Committed,
    /// The partition's next life: none begins before a claim has answered otherwise.
    Begun,
    /// The same, and that what the life begins with was fetched: Kafka refused to give
    /// it out.
    Fetched,
}

impl Halt {
    /// Whether a life that begins at a position shows that it is over. One behind the
    /// record passes it by: an operator wants that.
    fn is_over(&self, from: Position) -> bool {
        match self.until {
            Until::Begun | Until::Fetched => true,
            Until::Committed => self.offset.is_some_and(|offset| offset < from.offset()),
        }
    }
}

#[derive(Debug, Default)]
struct SinkHealth {
    claimed: bool,
    /// Partitions that the group gave to this process.
    held: usize,
    /// When the poll thread last came round; `None`: it has not begun.
    polled: Option<Instant>,
    troubles: BTreeMap<About, Trouble>,
    /// With the time since when each holds.
    halts: BTreeMap<TopicPartition, (Halt, SystemTime)>,
    state: SinkState,
    letters: Letters,
    logs: Logs,
}

impl SinkHealth {
    /// Those that hold, and have lasted long enough to be told.
    fn told(&self, now: Instant) -> impl Iterator<Item = (&About, &Trouble)> {
        self.troubles
            .iter()
            .filter(move |(about, trouble)| trouble.is_told(about, now))
    }

    fn count(&self, now: Instant, which: fn(&About) -> bool) -> usize {
        self.told(now).filter(|(about, _)| which(about)).count()
    }

    fn longest(&self, now: Instant, which: fn(&About) -> bool) -> f64 {
        let lasted = self.told(now).filter(|(about, _)| which(about));
        let longest = lasted.map(|(_, trouble)| trouble.lasted(now)).max();
        longest.unwrap_or_default().as_secs_f64()
    }

    fn any(&self, now: Instant, which: fn(&About) -> bool) -> f64 {
        f64::from(u8::from(self.count(now, which) > 0))
    }
}

#[derive(Debug, Default)]
struct Inner {
    draining: bool,
    sinks: BTreeMap<String, SinkHealth>,
    sources: BTreeMap<String, SourceReport>,
}

impl Inner {
    fn sink(&mut self, sink: &str) -> &mut SinkHealth {
        self.sinks.entry(sink.to_owned()).or_default()
    }
}

/// The health of the whole process; shared, cheap to update.
#[derive(Debug, Default)]
pub struct Health(Mutex<Inner>);

impl Health {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a sink known: not ready yet.
    pub fn sink(&self, sink: &str) {
        self.lock().sink(sink);
    }

    /// The first assignment of a sink is claimed.
    pub fn claimed(&self, sink: &str) {
        self.lock().sink(sink).claimed = true;
    }

    /// Something is wrong, and still is each time this is called. `code` tells
    /// whether it is still the same. Said once, then each minute.
    pub fn trouble(&self, sink: &str, about: About, code: &str, what: String) {
        let now = Instant::now();
        let mut inner = self.lock();
        let health = inner.sink(sink);
        if about
            .partition()
            .is_some_and(|tp| health.halts.contains_key(tp))
        {
            // Why it does not move is known already.
            return;
        }
        let new = |what| Trouble::new(code, what, now, SystemTime::now());
        let trouble = match health.troubles.entry(about.clone()) {
            Entry::Vacant(none) => none.insert(new(what)),
            Entry::Occupied(mut old) => {
                match old.get().holds(&about, now) {
                    true => old.get_mut().again(code, what, now),
                    false => *old.get_mut() = new(what),
                }
                old.into_mut()
            }
        };
        trouble.say(sink, &about, now);
    }

    /// It is wrong no more.
    pub fn over(&self, sink: &str, about: &About) {
        let now = Instant::now();
        let mut inner = self.lock();
        let Some(troubles) = inner.sinks.get_mut(sink).map(|s| &mut s.troubles) else {
            return;
        };
        let Some(trouble) = troubles.remove(about) else {
            return;
        };
        let same = |other: &About| std::mem::discriminant(other) == std::mem::discriminant(about);
        if !troubles.keys().any(same) {
            trouble.say_over(sink, about, now);
        }
    }

    /// What is wanted of a sink.
    pub fn wanted(&self, sink: &str, state: SinkState) {
        self.lock().sink(sink).state = state;
    }

    /// So many partitions are assigned to this process.
    pub fn holds(&self, sink: &str, held: usize) {
        if let Some(sink) = self.lock().sinks.get_mut(sink) {
            sink.held = held;
        }
    }

    /// The poll thread of a sink comes round.
    pub fn polls(&self, sink: &str) {
        self.lock().sink(sink).polled = Some(Instant::now());
    }

    /// A sink is not in the config any more.
    pub fn forget(&self, sink: &str) {
        self.lock().sinks.remove(sink);
    }

    /// A sink has left its group: it has no partition, and what was read of its logs is not
    /// told any more.
    pub fn left(&self, sink: &str) {
        if let Some(sink) = self.lock().sinks.get_mut(sink) {
            sink.polled = None;
            sink.held = 0;
            sink.logs = ends::Logs::default();
        }
    }

    /// A sink whose poll thread has begun and not come round for this long. In a drain
    /// none hangs: that has a deadline of its own.
    #[must_use]
    pub fn hung(&self, patience: Duration) -> Option<String> {
        let inner = self.lock();
        let hangs = |sink: &SinkHealth| sink.polled.is_some_and(|at| at.elapsed() > patience);
        let mut hung = inner.sinks.iter().filter(|(_, sink)| hangs(sink));
        match inner.draining {
            true => None,
            false => hung.next().map(|(name, _)| name.clone()),
        }
    }

    /// How many that are.
    #[must_use]
    pub fn held(&self, sink: &str) -> usize {
        self.lock().sinks.get(sink).map_or(0, |sink| sink.held)
    }

    /// The database did not do its part, for a partition or for what is kept of the
    /// sink.
    pub fn database(&self, sink: &str, tp: Option<&TopicPartition>, error: &SinkError) {
        let about = match error.detail.blocked {
            // It is there, and somebody holds a lock in it.
            true => About::Lock(tp.cloned()),
            false => About::Database,
        };
        let code = error.detail.code.as_deref().unwrap_or_default();
        self.trouble(sink, about, code, error.to_string());
    }

    /// The database of a sink answers.
    pub fn back(&self, sink: &str) {
        self.over(sink, &About::Database);
    }

    /// A commit of a partition went through: the database is there, and nobody
    /// holds this partition up.
    pub fn committed(&self, sink: &str, tp: &TopicPartition) {
        let quiet = |sink: &SinkHealth| sink.troubles.is_empty();
        if self.lock().sinks.get(sink).is_some_and(quiet) {
            return;
        }
        self.back(sink);
        self.over(sink, &About::Lock(Some(tp.clone())));
        self.over(sink, &About::Retrying(tp.clone()));
    }

    /// Kafka does not answer a question as it should.
    pub fn kafka_away(&self, sink: &str, asking: Asking, fault: &KafkaFault) {
        let code = fault.code_word();
        self.trouble(sink, About::Kafka(asking), &code, fault.to_string());
    }

    /// Kafka answers that question.
    pub fn kafka_back(&self, sink: &str, asking: &Asking) {
        self.over(sink, &About::Kafka(asking.clone()));
    }

    /// Dead letters were kept.
    pub fn set_aside(&self, sink: &str, tp: &TopicPartition, dead: &[DeadLetter<'_>]) {
        if dead.is_empty() {
            return;
        }
        let now = Instant::now();
        let mut inner = self.lock();
        let letters = &mut inner.sink(sink).letters;
        for letter in dead {
            if letters.kept(tp, letter, now) {
                dead_letters::tell(sink, tp, letter);
            }
        }
    }

    /// A partition stops.
    pub fn halt(&self, sink: &str, tp: &TopicPartition, halt: Halt) {
        let mut inner = self.lock();
        let sink = inner.sink(sink);
        sink.troubles
            .retain(|about, _| about.partition() != Some(tp));
        let before = sink.halts.get(tp).filter(|(before, _)| *before == halt);
        let since = before.map_or_else(SystemTime::now, |(_, since)| *since);
        sink.halts.insert(tp.clone(), (halt, since));
    }

    /// A life of a partition begins at a position.
    pub fn begins(&self, sink: &str, tp: &TopicPartition, from: Position) {
        if let Some(sink) = self.lock().sinks.get_mut(sink)
            && sink
                .halts
                .get(tp)
                .is_some_and(|(halt, _)| halt.is_over(from))
        {
            sink.halts.remove(tp);
        }
    }

    /// A partition moves again.
    pub fn moves(&self, sink: &str, tp: &TopicPartition) {
        if let Some(sink) = self.lock().sinks.get_mut(sink) {
            sink.halts.remove(tp);
        }
    }

    /// A partition is no longer ours: nothing of it is any trouble of ours.
    pub fn leaves(&self, sink: &str, tp: &TopicPartition) {
        if let Some(sink) = self.lock().sinks.get_mut(sink) {
            sink.halts.remove(tp);
            sink.troubles
                .retain(|about, _| about.partition() != Some(tp));
        }
    }

    /// The partitions of a sink that are halted.
    #[must_use]
    pub fn halted(&self, sink: &str) -> Vec<TopicPartition> {
        let inner = self.lock();
        let halts = inner.sinks.get(sink).map(|s| s.halts.keys().cloned());
        halts.into_iter().flatten().collect()
    }

    /// The process goes down.
    pub fn draining(&self) {
        self.lock().draining = true;
    }

    /// Says again what was said a minute ago and still holds, and says for the
    /// first time what has lasted long enough.
    pub fn remind(&self) {
        let now = Instant::now();
        for (name, sink) in &mut self.lock().sinks {
            sink.troubles
                .retain(|about, trouble| trouble.holds(about, now));
            for (about, trouble) in &mut sink.troubles {
                trouble.say(name, about, now);
            }
            sink.letters.remind(name, now, false);
        }
    }

    /// The process ends: says what was not said yet.
    pub fn farewell(&self) {
        let now = Instant::now();
        for (name, sink) in &mut self.lock().sinks {
            sink.letters.remind(name, now, true);
        }
    }

    /// Sets the gauges of halts and troubles, for a scrape.
    pub fn publish(&self) {
        self.publish_sources();
        let now = Instant::now();
        let inner = self.lock();
        for (name, sink) in &inner.sinks {
            let set = |gauge: &'static str, value: f64| {
                gauge!(gauge, "sink" => name.clone()).set(value);
            };
            let ready = sink.claimed && !inner.draining;
            set(names::READY, f64::from(u8::from(ready)));
            set(names::DATABASE_AWAY, sink.any(now, About::is_database));
            set(names::KAFKA_AWAY, sink.any(now, About::is_kafka));
            set(names::UNASSIGNED, sink.any(now, About::is_unassigned));
            set(names::CLAIMING, sink.count(now, About::is_claiming) as f64);
            set(names::STALLED, sink.count(now, About::is_stalled) as f64);
            set(names::GROUP_SHARED, sink.any(now, About::is_group));
            set(names::BLOCKED, sink.count(now, About::is_lock) as f64);
            set(names::RETRYING, sink.longest(now, About::is_retrying));
            set(names::HALTED, sink.halts.len() as f64);
            for state in SinkState::ALL {
                let is = f64::from(u8::from(sink.state == state));
                gauge!(names::WANTED, "sink" => name.clone(), "state" => state.as_str()).set(is);
            }
        }
    }

    /// The ends of logs were read, all that could be.
    pub fn ends(&self, sink: &str, ends: Ends) {
        self.lock().sink(sink).logs.ends = ends;
    }

    /// All ends were told that were asked for; where nothing is consumed, Kafka answered.
    pub fn all_ends_read(&self, sink: &str) {
        self.lock().sink(sink).logs.read = Some(SystemTime::now());
    }

    /// So many partitions have the topics of a sink; `None`: Kafka did not tell.
    pub fn knows(&self, sink: &str, partitions: Option<usize>) {
        self.lock().sink(sink).logs.partitions = partitions;
    }

    /// The gauges of what was read last, for a scrape.
    #[must_use]
    pub fn render_logs(&self) -> String {
        let inner = self.lock();
        let sinks = inner.sinks.iter();
        let logs = sinks.map(|(name, sink)| (name.as_str(), &sink.logs));
        ends::render(logs, SystemTime::now())
    }

    /// What that says of one sink.
    #[must_use]
    pub fn report_of(&self, sink: &str) -> Option<SinkReport> {
        let now = Instant::now();
        let inner = self.lock();
        inner.sinks.get(sink).map(|sink| SinkReport::of(sink, now))
    }

    /// The answer of `/readyz`.
    #[must_use]
    pub fn report(&self) -> Report {
        let now = Instant::now();
        let inner = self.lock();
        let sinks: BTreeMap<_, _> = inner
            .sinks
            .iter()
            .map(|(name, sink)| (name.clone(), SinkReport::of(sink, now)))
            .collect();
        Report {
            ready: !inner.draining
                && sinks.values().all(|s| s.claimed)
                && inner.sources.values().all(SourceReport::is_ready),
            undisturbed: sinks
                .values()
                .all(|s| s.troubles.is_empty() && s.halted.is_empty())
                && inner.sources.values().all(SourceReport::is_undisturbed),
            draining: inner.draining,
            sinks,
            sources: inner.sources.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_comes_with_the_first_claims_and_goes_with_the_drain() {
        let health = Health::default();
        health.sink("a");
        health.sink("b");
        assert!(!health.report().ready);
        health.claimed("a");
        assert!(!health.report().ready);
        health.claimed("b");
        assert!(health.report().ready);
        health.draining();
        assert!(!health.report().ready);
    }

    #[test]
    fn a_poll_thread_hangs_from_its_first_round_until_the_drain() {
        let health = Health::default();
        health.sink("a");
        assert_eq!(health.hung(Duration::ZERO), None);
        health.polls("a");
        assert_eq!(health.hung(Duration::from_secs(60)), None);
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(health.hung(Duration::ZERO).as_deref(), Some("a"));
        health.draining();
        assert_eq!(health.hung(Duration::ZERO), None);
    }

    #[test]
    fn kafka_is_away_until_all_who_asked_in_vain_are_answered() {
        let health = Health::default();
        health.claimed("a");
        health.kafka_away("a", Asking::Claims, &KafkaFault::new("not authorized"));
        health.kafka_away("a", Asking::Watch, &KafkaFault::new("timed out"));
        health.kafka_back("a", &Asking::Watch);
        let report = health.report();
        assert!(report.ready && !report.undisturbed);
        assert_eq!(
            report.sinks["a"].kafka_away.as_deref(),
            Some("not authorized")
        );
        health.kafka_back("a", &Asking::Claims);
        assert!(health.report().undisturbed);
    }

    fn halted(offset: Option<i64>, until: Until) -> (Health, Halt) {
        let health = Health::default();
        health.claimed("a");
        let halt = Halt {
            offset,
            column: None,
            reason: "not_null_violation".into(),
            until,
        };
        health.halt("a", &tp(), halt.clone());
        (health, halt)
    }

    fn tp() -> TopicPartition {
        TopicPartition::new("t", 3)
    }

    fn begins(health: &Health, at: i64) {
        health.begins("a", &tp(), Position::new(at).unwrap());
    }

    #[test]
    fn a_halt_is_told_until_the_partition_moves() {
        let (health, halt) = halted(Some(7), Until::Committed);
        let report = health.report();
        assert!(report.ready && !report.undisturbed);
        assert_eq!(report.sinks["a"].halted[0].halt, halt);
        // A life that begins before the record meets it again.
        begins(&health, 7);
        assert!(!health.report().undisturbed);
        health.moves("a", &tp());
        assert!(health.report().undisturbed);
    }

    #[test]
    fn a_halt_for_a_record_is_over_behind_it() {
        let (health, _) = halted(Some(7), Until::Committed);
        begins(&health, 8);
        assert!(health.report().undisturbed);
        let (health, _) = halted(None, Until::Committed);
        begins(&health, 8);
        assert!(!health.report().undisturbed);
    }

    #[test]
    fn a_halt_for_an_answer_is_over_when_a_life_begins() {
        for until in [Until::Begun, Until::Fetched] {
            let (health, _) = halted(Some(7), until);
            begins(&health, 7);
            assert!(health.report().undisturbed);
        }
    }
}
