//! The play: produce, kill, start again, and at the end compare.

use super::DemoArgs;
use super::broker::{Broker, PARTITIONS};
use super::config::{SinkName, toml};
use super::error::DemoError;
use super::file::File;
use super::life::Life;
use super::memory::{Memory, partition_of};
use super::orders::{Event, Shop};
use super::pace::Pace;
use super::progress::Progress;
use super::random::Random;
use super::report::{Outcome, Tally};
use super::writer::Writer;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Between two looks at the positions.
const TICK: Duration = Duration::from_millis(5);

/// Events made between two looks, so that a look is never late.
const BURST: usize = 10_000;

/// A kill comes up to so many ms after it is due: at any moment of a commit.
const JITTER_MS: u64 = 120;

/// Longer than a killed member stays in its group, a claim and a commit.
const STUCK: Duration = Duration::from_secs(60);

/// The three files of a demo.
struct Files {
    dir: PathBuf,
    database: PathBuf,
    config: PathBuf,
    log: PathBuf,
}

impl Files {
    fn new(dir: PathBuf) -> Result<Self, DemoError> {
        let it = Self {
            database: dir.join("demo.db"),
            config: dir.join("plimsoll.toml"),
            log: dir.join("writer.log"),
            dir,
        };
        let occupied = [&it.database, &it.config, &it.log]
            .into_iter()
            .any(|path| path.exists());
        if occupied {
            Err(DemoError::Occupied(it.dir))
        } else {
            Ok(it)
        }
    }
}

/// The folder: the one that is named, or a new one that stays.
fn folder(named: Option<&Path>) -> Result<PathBuf, DemoError> {
    let failed = |path: &Path, error| DemoError::Dir {
        path: path.to_owned(),
        error,
    };
    match named {
        Some(path) => {
            std::fs::create_dir_all(path).map_err(|error| failed(path, error))?;
            std::path::absolute(path).map_err(|error| failed(path, error))
        }
        None => tempfile::Builder::new()
            .prefix("plimsoll-demo-")
            .tempdir()
            .map(tempfile::TempDir::keep)
            .map_err(|error| failed(&std::env::temp_dir(), error)),
    }
}

/// Plays the demo.
pub(super) async fn play(
    args: &DemoArgs,
    seed: u64,
    progress: &Progress,
) -> Result<Outcome, DemoError> {
    let began = Instant::now();
    let files = Files::new(folder(args.dir.as_deref())?)?;
    let broker = Broker::start()?;
    let write = |error| DemoError::Dir {
        path: files.config.clone(),
        error,
    };
    let text = toml(
        &broker.bootstrap_servers()?,
        &files.database.to_string_lossy(),
    );
    std::fs::write(&files.config, text).map_err(write)?;
    let mut file = File::create(&files.database).await?;
    let mut producing = Producing::new(&broker, seed, args.events);
    let mut killing = Killing::new(args, seed);
    let mut lives = Lives::new(Writer::start(&files.config, &files.log)?);

    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        lives.writer.check()?;
        lives.look(&mut file).await?;
        let standings = lives.life.standings();
        progress.at(standings.passed_by_both());
        if producing.is_done_at(|partition| standings.slowest(partition)) {
            break;
        }
        (0..PARTITIONS).for_each(|p| producing.paces[p].passed(standings.slowest(p)));
        producing.produce()?;
        if killing.is_due(
            standings.passed_by_both(),
            lives.life.is_writing(),
            Instant::now(),
        ) {
            lives.writer.kill()?;
            lives.look(&mut file).await?;
            let standings = lives.life.standings();
            let left = (0..PARTITIONS).any(|p| standings.slowest(p) < producing.memory.end(p));
            killing.killed(lives.life.is_writing() && left);
            progress.killed(standings.passed_by_both(), killing.done);
            lives.again(Writer::start(&files.config, &files.log)?);
        }
    }
    lives.writer.stop().await?;
    lives.look(&mut file).await?;
    lives.settle();
    progress.comparing();
    let acknowledged = broker.flush()?;
    if acknowledged != producing.memory.events() {
        let missing = producing.memory.events() - acknowledged;
        return Err(DemoError::Delivery(format!(
            "{missing} records were never acknowledged"
        )));
    }
    Ok(Outcome {
        tally: producing.tally,
        kills: args.kills,
        hits: killing.hits,
        recovered: lives.recovered,
        to_recover: killing.done as usize * PARTITIONS * SinkName::ALL.len(),
        writing: lives.writing,
        append: file.append(&producing.memory).await?,
        upsert: file.upsert(&producing.memory).await?,
        took: began.elapsed(),
        dir: files.dir,
        database: files.database,
        config: files.config,
    })
}

/// The producer's side.
struct Producing<'b> {
    broker: &'b Broker,
    shop: Shop,
    memory: Memory,
    paces: Vec<Pace>,
    left: u64,
    tally: Tally,
    /// Made, but its partition is far enough ahead.
    held: Option<Event>,
    value: String,
}

impl<'b> Producing<'b> {
    fn new(broker: &'b Broker, seed: u64, events: u64) -> Self {
        Self {
            broker,
            shop: Shop::new(seed),
            memory: Memory::new(PARTITIONS),
            paces: (0..PARTITIONS).map(|_| Pace::default()).collect(),
            left: events,
            tally: Tally::default(),
            held: None,
            value: String::new(),
        }
    }

    fn produce(&mut self) -> Result<(), DemoError> {
        if let Some(fault) = self.broker.fault() {
            return Err(DemoError::Delivery(fault));
        }
        for _ in 0..BURST {
            let event = match self.held.take() {
                Some(event) => event,
                None if self.left > 0 => {
                    self.left -= 1;
                    self.shop.event()
                }
                None => break,
            };
            let partition = partition_of(event.id, PARTITIONS);
            if !self.paces[partition].open() || !self.send(partition, &event)? {
                self.held = Some(event);
                break;
            }
        }
        Ok(())
    }

    fn send(&mut self, partition: usize, event: &Event) -> Result<bool, DemoError> {
        let key = event.id.to_string();
        let value = event.order.as_ref().map(|order| {
            order.json(&mut self.value);
            self.value.as_str()
        });
        let offset = self.memory.end(partition);
        if !self.broker.produce(partition, offset, &key, value)? {
            return Ok(false);
        }
        self.paces[partition].produced(key.len() + value.map_or(0, str::len));
        self.memory.remember(partition, event);
        self.tally.count(event.kind);
        Ok(true)
    }

    fn is_done_at(&self, position: impl Fn(usize) -> i64) -> bool {
        self.left == 0
            && self.held.is_none()
            && (0..PARTITIONS).all(|p| position(p) == self.memory.end(p))
    }
}

/// When the writer is killed.
struct Killing {
    random: Random,
    /// Events after which each kill is due; the next one last.
    due_at: Vec<i64>,
    not_before: Option<Instant>,
    done: u32,
    hits: u32,
}

impl Killing {
    /// Spreads the kills over the run, each at a random place of its part. The
    /// last part has none, so that each kill finds records left.
    fn new(args: &DemoArgs, seed: u64) -> Self {
        let mut random = Random::new(!seed);
        let part = args.events / (u64::from(args.kills) + 1);
        let at = |k| k * part + part / 4 + random.below(part / 2 + 1);
        let mut due_at: Vec<i64> = (0..u64::from(args.kills))
            .map(at)
            .map(|n| i64::try_from(n).unwrap_or(i64::MAX))
            .collect();
        due_at.reverse();
        Self {
            random,
            due_at,
            not_before: None,
            done: 0,
            hits: 0,
        }
    }

    fn is_due(&mut self, passed: i64, is_writing: bool, now: Instant) -> bool {
        if !is_writing || self.due_at.last().is_none_or(|due| passed < *due) {
            return false;
        }
        let jitter = &mut self.random;
        let at = *self
            .not_before
            .get_or_insert_with(|| now + Duration::from_millis(jitter.below(JITTER_MS)));
        now >= at
    }

    fn killed(&mut self, hit: bool) {
        self.due_at.pop();
        self.not_before = None;
        self.done += 1;
        self.hits += u32::from(hit);
    }
}

/// The writer, life after life.
struct Lives {
    writer: Writer,
    life: Life,
    first: bool,
    recovered: usize,
    writing: Duration,
    moved: (i64, Instant),
}

impl Lives {
    fn new(writer: Writer) -> Self {
        Self {
            writer,
            life: Life::new(super::file::Standings::default()),
            first: true,
            recovered: 0,
            writing: Duration::ZERO,
            moved: (0, Instant::now()),
        }
    }

    async fn look(&mut self, file: &mut File) -> Result<(), DemoError> {
        let (standings, now) = (file.standings().await?, Instant::now());
        let passed = SinkName::ALL
            .map(|sink| standings.passed(sink))
            .iter()
            .sum();
        if passed != self.moved.0 {
            self.moved = (passed, now);
        } else if now - self.moved.1 > STUCK {
            return Err(DemoError::Stuck {
                seconds: STUCK.as_secs(),
                tail: self.writer.tail(),
            });
        }
        self.life.see(standings, now)
    }

    fn again(&mut self, writer: Writer) {
        self.settle();
        self.life = Life::new(self.life.standings().clone());
        self.writer = writer;
    }

    /// The books of a life that has ended. The first one recovers nothing.
    fn settle(&mut self) {
        self.writing += self.life.writing();
        if !std::mem::replace(&mut self.first, false) {
            self.recovered += self.life.recovered();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(events: u64, kills: u32) -> DemoArgs {
        DemoArgs {
            events,
            kills,
            seed: None,
            dir: None,
        }
    }

    #[test]
    fn kills_are_due_in_order_and_before_the_end() {
        for seed in 0..200 {
            let killing = Killing::new(&args(200_000, 4), seed);
            let due: Vec<i64> = killing.due_at.iter().rev().copied().collect();
            assert!(
                due.is_sorted() && due[0] >= 10_000 && due[3] < 160_000,
                "{due:?}"
            );
        }
    }

    #[test]
    fn a_kill_waits_until_the_writer_writes() {
        let mut killing = Killing::new(&args(1_000, 1), 1);
        let (now, later) = (
            Instant::now(),
            Instant::now() + Duration::from_millis(JITTER_MS),
        );
        assert!(!killing.is_due(0, true, now));
        assert!(!killing.is_due(900, false, now));
        // Due, but for the jitter.
        killing.is_due(900, true, now);
        assert!(killing.is_due(900, true, later));
        killing.killed(true);
        assert!(!killing.is_due(900, true, later));
        assert_eq!((killing.done, killing.hits), (1, 1));
    }

    #[test]
    fn a_folder_with_a_demo_in_it_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Files::new(dir.path().to_owned()).is_ok());
        std::fs::write(dir.path().join("demo.db"), b"").unwrap();
        assert!(matches!(
            Files::new(dir.path().to_owned()),
            Err(DemoError::Occupied(_))
        ));
    }
}
