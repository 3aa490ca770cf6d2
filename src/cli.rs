//! The command line.

use crate::admin::{
    self, AdminError, AdoptArgs, AdoptSourceArgs, CheckArgs, DropArgs, HealthArgs, InitArgs,
    ListArgs, ManArgs, MigrateArgs, PartArgs, ReplayArgs, ResetArgs, SetArgs, StatusArgs,
    SteerArgs,
};
use crate::config::{self, Config};
use crate::demo::{self, DemoArgs};
use crate::exit::{self, Exit};
use crate::logging::{self, LogArgs};
use crate::service::{self, ConfigFile, RunError};
use crate::verify::{self, VerifyArgs};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use plimsoll_sink_api::Verb;
use std::io::{self, Write};
use std::path::PathBuf;

/// Kafka into a database, each event exactly once, and able to prove it.
///
/// The position of each partition lives in the database beside the rows and
/// moves only with them, in one transaction: kill it, cut its network, start
/// two of it: no row is lost and none is written twice.
#[derive(Debug, Parser)]
#[command(
    name = "plimsoll",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = EXAMPLES
)]
pub struct Cli {
    #[command(flatten)]
    logs: LogArgs,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  plimsoll demo                           everything in one process, nothing to install
  plimsoll init --topic orders --sqlite orders.db --create
                                          a config and a table, from what a topic holds
  plimsoll check -c plimsoll.toml         judge a config without a network
  plimsoll check --connect --sample 100   ask Kafka and the database too, and try 100 records
  plimsoll run -c plimsoll.toml           the service
  plimsoll positions list                 where each partition stands";

/// The whole command line; `--help` shows the exit codes too.
fn command() -> clap::Command {
    Cli::command().after_long_help(format!("{EXAMPLES}\n\n{}", exit::HELP))
}

#[derive(Debug, Subcommand)]
enum Command {
    /// See it work: a Kafka in this process, a writer that is killed again and
    /// again, and a comparison at the end
    #[command(after_help = "\
Examples:
  plimsoll demo                           200,000 events, 4 kills, SQLite; nothing to install
  plimsoll demo --events 1000000 --kills 10 --dir /tmp/demo

Exits with 1 when a single event is missing, there twice, or not as it was sent.")]
    Demo(DemoArgs),

    /// Read a topic, and write a config that runs and a table for it
    #[command(after_help = "\
Examples:
  plimsoll init --topic orders --postgres '${DATABASE_URL}' --create
  plimsoll init --topic orders --sqlite orders.db --create && plimsoll run
  plimsoll init --topic events --postgres '${DATABASE_URL}' --mode log
  plimsoll init --topic orders --cassandra 127.0.0.1:9042/shop
  plimsoll init --topic orders --postgres '${DATABASE_URL}' --registry http://127.0.0.1:8081 --out -

It reads the last records, says what they are written in, and writes plimsoll.toml and,
beside it, plimsoll.sql: a CREATE TABLE whose types are those of the schema, or of the
samples. Nothing is written over without --force, and no table is made without
--create. No value of a record is shown.")]
    Init(InitArgs),

    /// Run the service until SIGTERM or SIGINT, which drain it; SIGHUP takes up a changed config
    #[command(after_help = "\
Examples:
  plimsoll run                            with plimsoll.toml in this folder
  plimsoll run -c /etc/plimsoll.toml --log-format json
  RUST_LOG=plimsoll=debug plimsoll run

A database or broker that is away is waited for, at the start too.")]
    Run(RunArgs),

    /// Ask the service that runs on this machine whether it is well
    #[command(after_help = "\
Examples:
  plimsoll health                         the process serves: for liveness and HEALTHCHECK
  plimsoll health --ready                 each sink has claimed what it was first given
  plimsoll health --strict                and nothing is halted, away or in the way

It asks at http.listen of the config and prints the answer. Exits with 0 when the
answer is good, with 1 when it is not, with 7 when nobody answers within 2 s.")]
    Health(HealthArgs),

    /// Judge a config: all its faults at once, each with place and hint
    #[command(after_help = "\
Examples:
  plimsoll check -c plimsoll.toml         without any network
  plimsoll check --connect                topics, tables, columns, keys; writes nothing
  plimsoll check --connect --sample 100   try 100 records, of which nothing stays
  plimsoll check --explain orders:3:4711  the way of one record into its row")]
    Check(CheckArgs),

    /// Show positions, set one, or settle that a topic is another one
    #[command(subcommand)]
    Positions(Positions),

    /// Show each sink as a whole: its instances, its partitions, what is halted and why
    #[command(after_help = "\
Examples:
  plimsoll status -c plimsoll.toml
  plimsoll status --sink orders --json | jq '.[].partitions[] | select(.halt)'

It asks the sink's database, where all instances say how they are: it needs neither
Kafka nor a running service. Exits with 1 when a partition is halted.")]
    Status(StatusArgs),

    /// Fetch nothing more; claims and the place in the group stay
    #[command(after_help = "\
Examples:
  plimsoll pause --sink orders            waits until all instances have committed what they read
  plimsoll pause --sink orders --wait-s 0

All instances obey, those too that start later, until `plimsoll resume`.")]
    Pause(SteerArgs),

    /// Move records again, after `pause` or `stop`
    #[command(after_help = "\
Examples:
  plimsoll resume --sink orders")]
    Resume(SteerArgs),

    /// Drain, give the partitions back and leave the group; the processes go on
    #[command(after_help = "\
Examples:
  plimsoll stop --sink orders             then positions can be set without --force

All instances obey, those too that start later, until `plimsoll resume`.")]
    Stop(SteerArgs),

    /// Begin partitions anew at their stored positions
    #[command(after_help = "\
Examples:
  plimsoll restart --sink orders
  plimsoll restart --sink orders --topic orders --partition 3

Nothing is lost by it and nothing is written twice: what was read and not committed
is read again. Halted partitions are tried at once.")]
    Restart(PartArgs),

    /// Try halted partitions at once, instead of within a minute
    #[command(after_help = "\
Examples:
  plimsoll retry --sink orders
  plimsoll retry --sink orders --topic orders --partition 3")]
    Retry(PartArgs),

    /// Show, replay or drop records that could not become rows
    #[command(subcommand)]
    DeadLetters(DeadLetters),

    /// Read the topics once more and compare them with the tables
    #[command(after_help = "\
Examples:
  plimsoll verify                         beside the running service, up to its positions
  plimsoll verify --sink orders --json
  plimsoll verify --sample 1/64           one of 64 rows, where a topic is large

Exits with 0 when the tables hold what the topics say, all of it and nothing
else; with 1 when they do not; with 2 when it could not tell: records are gone
from the log, or Kafka or the database did not answer.")]
    Verify(VerifyArgs),

    /// Make or renew plimsoll's own tables in each sink's database
    #[command(after_help = "\
Examples:
  plimsoll migrate -c plimsoll.toml
  plimsoll migrate --print > state.sql    the SQL of what is missing, to apply by hand

`run` does the same when it starts, unless auto_migrate = false. --print looks
what each database has and prints the rest: before an upgrade too. A database that
does not answer is taken for a new one, and a comment says so.")]
    Migrate(MigrateArgs),

    /// Print the JSON Schema of the config file: editors check and complete with it
    #[command(after_help = "\
Examples:
  plimsoll schema > plimsoll.schema.json

An editor with Taplo (\"Even Better TOML\" in VS Code) then checks the config while
it is written, if its first line is
  #:schema ./plimsoll.schema.json")]
    Schema,

    /// Print a script that completes plimsoll's commands in a shell
    #[command(after_help = "\
Examples:
  plimsoll completions bash > /etc/bash_completion.d/plimsoll
  plimsoll completions zsh > ~/.zfunc/_plimsoll")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },

    /// Write plimsoll's manual pages into a folder
    #[command(after_help = "\
Examples:
  plimsoll man /usr/local/share/man/man1 && man plimsoll-run")]
    Man(ManArgs),
}

#[derive(Debug, Subcommand)]
enum Positions {
    /// Show where each partition stands: position, end, lag, epoch, owner, age
    #[command(after_help = "\
Examples:
  plimsoll positions list -c plimsoll.toml
  plimsoll positions list --json | jq '.[] | select(.lag > 1000)'")]
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },

    /// Put a partition's position elsewhere: the way past a poison record
    #[command(after_help = "\
Examples:
  plimsoll positions set --sink orders --topic orders --partition 3 --to 4712 --dry-run
  plimsoll positions set --sink orders --topic orders --partition 3 --to earliest
  plimsoll positions set --sink orders --topic orders --partition 3 --to 2026-01-31T08:00:00Z

Refused while the partition's owner shows signs of life: stop the service first,
or use --force, which fences the owner; it goes on at the new position by
itself. What lies between the old position and a later one is never written;
what lies between an earlier one and the old is written again: harmless with
upsert and log, duplicates with append.")]
    Set(SetArgs),

    /// Accept what is there as the same log: position and rows stay
    #[command(after_help = "\
Examples:
  plimsoll positions adopt --sink orders --topic orders --dry-run
  plimsoll positions adopt --sink orders --topic orders --partition 3 --force

For a group or cluster that was renamed, a topic restored from a backup or a
mirror at the same offsets, a log that lost its tail. What is stored of cluster,
group, topic id and last record becomes what is seen now. Positions and rows
stay as they are. Refused where the position lies outside the log, and while the
owner shows signs of life, unless --force.")]
    Adopt(AdoptArgs),

    /// Begin a topic anew: its positions go to the first record, rows stay
    #[command(after_help = "\
Examples:
  plimsoll positions reset --sink orders --topic orders --dry-run
  plimsoll positions reset --sink orders --topic orders --to latest --force

For a topic that was deleted and made again. Positions go to the first record
that the log has, or --to; what is stored of cluster, group and topic id becomes
what is seen now. Rows stay: with upsert they are replaced, with append they
stay beside the new ones, duplicates unless you empty the table; a log table
must not hold any row of the topic, for the new ones have the same coordinates.
Refused while an owner shows signs of life, unless --force.")]
    Reset(ResetArgs),

    /// Take note of a source's gap: it goes on where its slot stands
    #[command(after_help = "\
Examples:
  plimsoll positions adopt-source --source orders

For a source that halts because its slot is gone, lost or ahead, or because its
database went back or is another one. The position goes to where the slot
stands; where there is none, publication and slot are made, and the source goes on
with what is committed from now on. What lies between is not sent: compare the
outbox with the topics first. The events' numbers go on. Stop the source before:
whoever runs is fenced, and would claim its place again.")]
    AdoptSource(AdoptSourceArgs),
}

#[derive(Debug, Subcommand)]
enum DeadLetters {
    /// Show which records were set aside, and why
    #[command(after_help = "\
Examples:
  plimsoll dead-letters list --sink orders
  plimsoll dead-letters list --sink orders --topic orders --json | jq .condition
  plimsoll dead-letters list --sink orders --topic orders --partition 0 --offset 42 --show-payload

No value of a record is shown, unless --show-payload.")]
    List(ListArgs),

    /// Write them after all, in the order of their offsets, beside the service
    #[command(after_help = "\
Examples:
  plimsoll dead-letters replay --sink orders
  plimsoll dead-letters replay --sink orders --topic orders --partition 0 --offset 42

A record goes the way of every record; its letter is removed by the transaction
that writes the row. One that is still bad stays. With upsert one that a later
record of its key has superseded stays too: it would overwrite the newer row.
The position does not move. Exits with 1 when a letter was left.")]
    Replay(ReplayArgs),

    /// Remove them for good
    #[command(after_help = "\
Examples:
  plimsoll dead-letters drop --sink orders --topic orders --partition 0 --offset 42
  plimsoll dead-letters drop --sink orders --topic orders --all --yes")]
    Drop(DropArgs),
}

/// Which config file.
#[derive(Debug, Clone, Args)]
pub struct ConfigArg {
    /// The config file
    #[arg(
        short,
        long,
        value_name = "FILE",
        default_value = "plimsoll.toml",
        value_hint = clap::ValueHint::FilePath
    )]
    pub config: PathBuf,
}

impl ConfigArg {
    /// Reads and judges it.
    ///
    /// # Errors
    /// All its faults.
    pub fn load(&self) -> Result<Config, AdminError> {
        config::load(&self.config).map_err(AdminError::Config)
    }
}

/// `plimsoll run`
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Look every 10 s whether the config file, or a file that it takes a value from, has
    /// changed, and take that up as on SIGHUP
    #[arg(long)]
    watch: bool,
}

/// Runs the command line.
#[must_use]
pub fn main() -> Exit {
    // The drivers of two databases bring a provider each, and rustls will not choose:
    // the one that is taken everywhere else. An error: it was installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = match Cli::from_arg_matches(&command().get_matches()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let level = match cli.command {
        Command::Run(_) => "info",
        Command::Init(_)
        | Command::Health(_)
        | Command::Check(_)
        | Command::Status(_)
        | Command::Pause(_)
        | Command::Resume(_)
        | Command::Stop(_)
        | Command::Restart(_)
        | Command::Retry(_)
        | Command::Positions(_)
        | Command::DeadLetters(_)
        | Command::Verify(_)
        | Command::Migrate(_)
        | Command::Demo(_)
        | Command::Schema
        | Command::Completions { .. }
        | Command::Man(_) => "warn",
    };
    if let Err(error) = logging::start(&cli.logs, level) {
        say(&format!(
            "--log-level or RUST_LOG: {error}; hint: error, warn, info, debug or trace, or directives such as \
             plimsoll=debug"
        ));
        return Exit::Usage;
    }
    let mut out = io::stdout().lock();
    let done = dispatch(cli.command, &mut out).and_then(|exit| {
        out.flush()?;
        Ok(exit)
    });
    match done {
        Ok(exit) => exit,
        // Whoever reads has enough: `plimsoll positions list | head`.
        Err(AdminError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Ok,
        Err(error) => {
            say(&error.to_string());
            error.exit()
        }
    }
}

fn dispatch(command: Command, out: &mut impl Write) -> Result<Exit, AdminError> {
    match command {
        Command::Run(args) => {
            let config = args.config.load()?;
            let file = ConfigFile {
                path: args.config.config,
                watch: args.watch,
            };
            Ok(match service::run(config, file) {
                Ok(()) => Exit::Ok,
                Err(error) => {
                    // Into the log, which may be JSON.
                    tracing::error!("ended: {error}");
                    exit_of(&error)
                }
            })
        }
        Command::Init(args) => admin::init(&args, out),
        Command::Health(args) => admin::health(&args, out),
        Command::Check(args) => admin::check(&args, out),
        Command::Positions(Positions::List { config, json }) => {
            admin::list_positions(&config.load()?, json, out)
        }
        Command::Positions(Positions::Set(args)) => admin::set_position(&args, out),
        Command::Positions(Positions::Adopt(args)) => admin::adopt(&args, out),
        Command::Positions(Positions::Reset(args)) => admin::reset(&args, out),
        Command::Positions(Positions::AdoptSource(args)) => admin::adopt_source(&args, out),
        Command::DeadLetters(DeadLetters::List(args)) => admin::list_letters(&args, out),
        Command::DeadLetters(DeadLetters::Replay(args)) => admin::replay_letters(&args, out),
        Command::DeadLetters(DeadLetters::Drop(args)) => admin::drop_letters(&args, out),
        Command::Status(args) => admin::status(&args, out),
        Command::Pause(args) => admin::steer(Verb::Pause, &args, out),
        Command::Resume(args) => admin::steer(Verb::Resume, &args, out),
        Command::Stop(args) => admin::steer(Verb::Stop, &args, out),
        Command::Restart(args) => admin::steer_part(Verb::Restart, &args, out),
        Command::Retry(args) => admin::steer_part(Verb::Retry, &args, out),
        Command::Verify(args) => verify::verify(&args, out),
        Command::Migrate(args) => admin::migrate(&args, out),
        Command::Demo(args) => Ok(demo::run(&args, out)),
        Command::Schema => {
            out.write_all(config::schema().as_bytes())?;
            Ok(Exit::Ok)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut self::command(), "plimsoll", &mut script);
            out.write_all(&script)?;
            Ok(Exit::Ok)
        }
        Command::Man(args) => admin::write_pages(&args, self::command(), out),
    }
}

fn exit_of(error: &RunError) -> Exit {
    match error {
        RunError::Listen { .. } | RunError::System(_) => Exit::System,
        RunError::Client(_) | RunError::Sink { .. } => Exit::Refused,
        RunError::Fatal(_) => Exit::KafkaFatal,
        RunError::Cut => Exit::Cut,
    }
}

/// Says what went wrong; a stderr that is gone hears nothing.
fn say(what: &str) {
    let _ = writeln!(io::stderr(), "{what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example_and_the_codes_are_in_the_long_help() {
        fn walk(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            if command.has_subcommands() {
                command.get_subcommands().for_each(|c| walk(c, &path));
            } else {
                let help = command.get_after_help().map(ToString::to_string);
                assert!(
                    help.is_some_and(|h| h.contains("Examples:\n  plimsoll ")),
                    "{path} has no example"
                );
            }
        }
        let command = command();
        command
            .get_subcommands()
            .filter(|c| c.get_name() != "help")
            .for_each(|c| walk(c, "plimsoll"));
        let help = command.clone().render_long_help().to_string();
        assert!(help.contains("Exit codes:\n  0  done"), "{help}");
    }

    #[test]
    fn schema_prints_json_and_reads_no_config() {
        let mut out = Vec::new();
        let exit = dispatch(Command::Schema, &mut out).unwrap();
        assert_eq!(exit, Exit::Ok);
        let schema: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(schema["title"], "plimsoll.toml");
        assert_eq!(out.last(), Some(&b'\n'));
    }

    #[test]
    fn each_command_has_a_manual_page() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("man1");
        let line = ["plimsoll", "man", dir.to_str().unwrap()];
        let cli = Cli::try_parse_from(line).unwrap();
        assert_eq!(dispatch(cli.command, &mut Vec::new()).unwrap(), Exit::Ok);
        let page = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
        assert!(page("plimsoll.1").contains("Exit codes:"));
        assert!(page("plimsoll-run.1").contains("plimsoll run \\-c"));
        assert!(page("plimsoll-positions-set.1").contains("plimsoll\\-positions\\-set"));
        let pages = std::fs::read_dir(&dir).unwrap().count();
        assert!(pages > 15, "{pages}");
    }

    #[test]
    fn a_negative_offset_is_a_wrong_command_line() {
        let line = "plimsoll positions set --sink a --topic t --partition 0 --to=-5";
        assert!(Cli::try_parse_from(line.split(' ')).is_err());
    }
}
