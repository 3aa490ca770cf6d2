//! What happens when: a function of the seed alone.

use std::fmt;

/// One kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// SIGKILL at whatever moment it is.
    Kill,
    /// SIGKILL while a commit is on its way, which reaches the server later.
    KillInCommit,
    /// SIGSTOP past the session timeout, then SIGCONT.
    Stop,
    /// The same inside an open transaction, whose COMMIT arrives afterwards.
    StopInTransaction,
    /// The same while requests to Cassandra are on their way, which arrive afterwards.
    StopInRequests,
    /// SIGTERM.
    Term,
    /// A fourth instance joins, and leaves again.
    JoinAndLeave,
    /// The broker is killed and started again.
    BrokerRestart,
    /// Postgres stops as in a power cut, and recovers from its log.
    PostgresRestart,
    /// A commit never reaches the server, and the connection breaks.
    CommitLost,
    /// A commit's answer never reaches its writer, and the connection breaks.
    AnswerLost,
    /// A commit comes late to the server, perhaps after its writer gave up.
    CommitDelayed,
    /// A commit's answer comes late to its writer, or too late.
    AnswerDelayed,
    /// All connections of an instance are reset.
    Reset,
    /// The network of an instance falls silent.
    Silence,
    /// The topic gets one more partition.
    PartitionAdded,
    /// Every answer of the database comes late.
    SlowDatabase,
    /// The table's file system has no room left.
    TablespaceFull,
    /// An answer of Kafka is an error.
    KafkaError,
    /// A batch comes that is not what was written.
    BatchDamaged,
    /// A batch comes that cannot be decompressed.
    BatchUnreadable,
    /// The right to read the topic is taken away, and given back.
    ReadRevoked,
    /// A topic is deleted, made again and filled.
    TopicRecreated,
    /// A log loses its end, and grows again.
    LogTruncated,
    /// Columns come and go, types and defaults change.
    TableAltered,
    /// Another session locks the table.
    TableLocked,
    /// Requests to Cassandra never arrive, and the connections break.
    RequestsLost,
    /// Answers of Cassandra never arrive, and the connections break.
    AnswersUnheard,
    /// Requests to Cassandra come late, perhaps after their writer gave up.
    RequestsDelayed,
    /// Cassandra is killed and started again.
    CassandraRestart,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 30] = [
        Self::Kill,
        Self::KillInCommit,
        Self::Stop,
        Self::StopInTransaction,
        Self::StopInRequests,
        Self::Term,
        Self::JoinAndLeave,
        Self::BrokerRestart,
        Self::PostgresRestart,
        Self::CommitLost,
        Self::AnswerLost,
        Self::CommitDelayed,
        Self::AnswerDelayed,
        Self::Reset,
        Self::Silence,
        Self::PartitionAdded,
        Self::SlowDatabase,
        Self::TablespaceFull,
        Self::KafkaError,
        Self::BatchDamaged,
        Self::BatchUnreadable,
        Self::ReadRevoked,
        Self::TopicRecreated,
        Self::LogTruncated,
        Self::TableAltered,
        Self::TableLocked,
        Self::RequestsLost,
        Self::AnswersUnheard,
        Self::RequestsDelayed,
        Self::CassandraRestart,
    ];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "SIGKILL",
            Self::KillInCommit => "SIGKILL, a commit on its way",
            Self::Stop => "SIGSTOP past the session timeout, SIGCONT",
            Self::StopInTransaction => "SIGSTOP inside an open transaction, COMMIT arrives late",
            Self::StopInRequests => "SIGSTOP, requests to Cassandra arrive late",
            Self::Term => "SIGTERM",
            Self::JoinAndLeave => "an instance joins and leaves",
            Self::BrokerRestart => "broker killed and restarted",
            Self::PostgresRestart => "Postgres immediate restart",
            Self::CommitLost => "network cut before COMMIT",
            Self::AnswerLost => "network cut after COMMIT, answer lost",
            Self::CommitDelayed => "COMMIT delayed",
            Self::AnswerDelayed => "answer to COMMIT delayed",
            Self::Reset => "all connections reset",
            Self::Silence => "network silent",
            Self::PartitionAdded => "partition added",
            Self::SlowDatabase => "slow database",
            Self::TablespaceFull => "tablespace full",
            Self::KafkaError => "an error in an answer of Kafka",
            Self::BatchDamaged => "damaged batch",
            Self::BatchUnreadable => "batch that cannot be decompressed",
            Self::ReadRevoked => "READ revoked and granted",
            Self::TopicRecreated => "topic deleted, made again and filled",
            Self::LogTruncated => "log truncated, and grown again",
            Self::TableAltered => "ALTER of columns, types and defaults",
            Self::TableLocked => "table locked",
            Self::RequestsLost => "requests to Cassandra lost",
            Self::AnswersUnheard => "answers of Cassandra lost",
            Self::RequestsDelayed => "requests to Cassandra delayed",
            Self::CassandraRestart => "Cassandra killed and restarted",
        }
    }

    /// Whether it happens to a process; the others happen around it.
    pub fn of_a_process(self) -> bool {
        self <= Self::JoinAndLeave
    }
}

/// One fault to come.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// After the step before it in the same lane, in milliseconds.
    pub after_ms: u64,
    /// What.
    pub kind: Kind,
    /// Which instance, where it concerns one.
    pub instance: usize,
    /// Decides what the kind leaves open.
    pub chance: u64,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            after_ms,
            kind,
            instance,
            ..
        } = self;
        write!(f, "+{after_ms} ms, instance {instance}: {}", kind.name())
    }
}

/// Two sequences of faults, which run at the same time.
pub struct Round {
    /// Faults of processes.
    pub processes: Vec<Step>,
    /// Faults of servers and networks.
    pub around: Vec<Step>,
}

/// Rounds without end; the same seed makes the same ones.
pub struct Schedule {
    random: u64,
    instances: usize,
}

impl Schedule {
    /// For so many instances.
    pub fn new(seed: u64, instances: usize) -> Self {
        Self {
            random: seed,
            instances,
        }
    }

    /// Every possible kind once, in any order, and `extra` more of any.
    pub fn next(&mut self, possible: &[Kind], extra: usize) -> Round {
        let mut kinds = possible.to_vec();
        for _ in 0..extra {
            kinds.push(possible[self.below(possible.len() as u64) as usize]);
        }
        for i in (1..kinds.len()).rev() {
            kinds.swap(i, self.below(i as u64 + 1) as usize);
        }
        let steps: Vec<Step> = kinds
            .into_iter()
            .map(|kind| Step {
                after_ms: self.below(800),
                kind,
                instance: self.below(self.instances as u64) as usize,
                chance: self.below(1 << 32),
            })
            .collect();
        let (processes, around) = steps.into_iter().partition(|s| s.kind.of_a_process());
        Round { processes, around }
    }

    fn below(&mut self, bound: u64) -> u64 {
        // splitmix64
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

#[test]
fn a_seed_makes_one_schedule_with_every_kind_in_it() {
    let told = |seed| {
        let mut schedule = Schedule::new(seed, 3);
        let rounds = [schedule.next(&Kind::ALL, 0), schedule.next(&Kind::ALL, 5)];
        let steps = rounds
            .iter()
            .flat_map(|r| r.processes.iter().chain(&r.around));
        let mut kinds: Vec<Kind> = steps.clone().map(|s| s.kind).collect();
        kinds.sort();
        kinds.dedup();
        assert_eq!(kinds, Kind::ALL);
        steps.map(|s| format!("{s:?}")).collect::<Vec<_>>()
    };
    assert_eq!(told(1), told(1));
    assert_ne!(told(1), told(2));
}
