//! `init`: from a topic to a config that runs, and a table for it.

mod detect;
mod draft;
mod files;
mod looked;
mod mode;
mod target;

use super::error::AdminError;
use super::kafka::Kafka;
use super::text::count;
use super::{block_on, client_name};
use crate::backends::with_backend;
use crate::config::{self, Config, Process, Sink};
use crate::exit::Exit;
use crate::kafka::{cluster_config, is_compacted};
use crate::propose::{Proposal, Survey, propose};
use clap::Args;
use clap::builder::PossibleValuesParser;
use draft::{Draft, Reading};
use files::{Files, Says};
use looked::Looked;
use plimsoll_protocol::TopicPartition;
use plimsoll_sink_api::text::nearest;
use plimsoll_sink_api::{Backend, Inspect, Mode, Sink as _, SinkError};
use std::io::Write;
use std::path::PathBuf;
use target::{Target, plain_name};

/// `plimsoll init`
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The topic
    #[arg(long)]
    topic: String,
    #[command(flatten)]
    target: TargetArgs,
    /// Kafka's host:port, several separated by commas
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9092")]
    bootstrap_servers: String,
    /// How records become rows; the default is told by what the records are
    #[arg(long, value_parser = PossibleValuesParser::new(["log", "append", "upsert"]))]
    mode: Option<String>,
    /// The format of the values; the default is told by their bytes
    #[arg(long, value_parser = PossibleValuesParser::new(formats()))]
    format: Option<String>,
    /// What stands around the row in a value; the default is told by its fields
    #[arg(long, value_parser = PossibleValuesParser::new(config::envelopes()))]
    envelope: Option<String>,
    /// Where the schemas are
    #[arg(long, value_name = "URL")]
    registry: Option<String>,
    /// How many of the last records are read
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    sample: u16,
    /// The table; the default is named after the topic
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// The config file; the statement for the table goes beside it, into a file that ends
    /// with .sql. "-": print both and write nothing
    #[arg(
        long,
        value_name = "FILE",
        default_value = "plimsoll.toml",
        value_hint = clap::ValueHint::FilePath
    )]
    out: PathBuf,
    /// Write over files that are there
    #[arg(long)]
    force: bool,
    /// Make the table, if it is not there
    #[arg(long)]
    create: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct TargetArgs {
    /// Postgres; '${DATABASE_URL}' in single quotes keeps the password out of the file
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// A SQLite file
    #[arg(long, value_name = "FILE")]
    sqlite: Option<String>,
    /// Cassandra or Scylla, and the keyspace of the table
    #[arg(long, value_name = "HOST:PORT/KEYSPACE", value_parser = Target::cassandra)]
    cassandra: Option<Target>,
}

impl TargetArgs {
    /// Of these three clap has asked for one.
    fn target(&self) -> Option<Target> {
        let postgres = self.postgres.clone().map(|url| Target::Postgres { url });
        let sqlite = self.sqlite.clone().map(|path| Target::Sqlite { path });
        postgres.or(sqlite).or_else(|| self.cassandra.clone())
    }
}

/// Those that need nothing but their name: CSV's fields have none before a config names
/// them.
fn formats() -> impl Iterator<Item = &'static str> {
    config::formats()
        .iter()
        .copied()
        .filter(|format| *format != "csv")
}

/// Writes a config for a topic, and a table.
///
/// # Errors
/// There is no such topic, it cannot be read, or the files cannot be written.
pub fn init(args: &InitArgs, out: &mut impl Write) -> Result<Exit, AdminError> {
    let Some(target) = args.target.target() else {
        return Err(AdminError::Refused("no database is named".to_owned()));
    };
    let target = target.without_password(std::env::vars());
    let files = Files::of(&args.out, args.force, target.has_password())?;
    let mut says = Says::new(out, files.is_printed());
    let mut draft = draft(args, target);
    let config = parsed(&draft)?;
    let read = read(&config, args)?;
    says.line(
        "topic",
        &format!(
            "{}: {}, {} read",
            args.topic,
            count(read.partitions, "partition"),
            count(read.looked.records(), "record")
        ),
    )?;
    for said in read.looked.formats(args.format.as_deref(), &mut draft)? {
        says.line("format", &said)?;
    }
    let survey = surveyed(args, &read, &mut draft, &mut says)?;
    let (mode, why) = decided(args, &draft, &survey, read.compacted)?;
    draft.mode = mode;
    says.line("mode", &format!("{}: {why}", mode.as_str()))?;
    finish(args, draft, &survey, &files, &mut says)
}

fn draft(args: &InitArgs, target: Target) -> Draft {
    let name = plain_name(&args.topic);
    Draft {
        bootstrap_servers: args.bootstrap_servers.clone(),
        registry: args.registry.clone(),
        topic: args.topic.clone(),
        value: Reading::default(),
        key: Reading::default(),
        envelope: args.envelope.clone(),
        table: target.table(args.table.as_deref().unwrap_or(&name)),
        sink: name,
        mode: target.only_mode().unwrap_or(Mode::Append),
        target,
        columns: Vec::new(),
    }
}

/// What is written has to be read again.
fn parsed(draft: &Draft) -> Result<Config, AdminError> {
    config::parse(&draft.text(), &Process).map_err(AdminError::Config)
}

/// What was read of the topic.
struct Read {
    partitions: usize,
    looked: Looked,
    compacted: bool,
}

fn read(config: &Config, args: &InitArgs) -> Result<Read, AdminError> {
    let kafka = Kafka::reach(config)?;
    let partitions = partitions(&kafka, &args.topic)?;
    let sink = sink_of(config)?;
    let wanted = usize::from(args.sample);
    let chunks = super::sample::read(config, sink, &kafka.cluster, &partitions, wanted)?;
    let client = cluster_config(&config.kafka, &client_name());
    // A broker that does not tell leaves it open.
    let compacted = block_on(async { Ok(is_compacted(&client, &args.topic).await) })?;
    Ok(Read {
        partitions: partitions.len(),
        looked: Looked::new(chunks),
        compacted: compacted.unwrap_or(false),
    })
}

/// The partitions of a topic; where it is not there, the names of others help.
fn partitions(kafka: &Kafka, topic: &str) -> Result<Vec<TopicPartition>, AdminError> {
    /// More fill the screen.
    const NAMED: usize = 10;
    let fault = match kafka.cluster.partitions_of(topic) {
        Ok(partitions) => return Ok(partitions),
        Err(fault) => fault,
    };
    let Ok(mut others) = kafka.cluster.topics_matching("^.*") else {
        return Err(fault.into());
    };
    if others.iter().any(|other| other == topic) || others.is_empty() {
        return Err(fault.into());
    }
    others.sort();
    let hint = match nearest(topic, others.iter().map(String::as_str)) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => {
            let some: Vec<&str> = others.iter().take(NAMED).map(String::as_str).collect();
            let more = if others.len() > NAMED { " …" } else { "" };
            format!("it knows {}{more}", some.join(", "))
        }
    };
    Err(AdminError::Refused(format!("{fault}; hint: {hint}")))
}

fn sink_of(config: &Config) -> Result<&Sink, AdminError> {
    let first = config.sinks.first();
    first.ok_or_else(|| AdminError::System("a config without a sink".to_owned()))
}

/// What the records hold, in their format; and in their envelope, where their fields are
/// those of one.
fn surveyed<W: Write>(
    args: &InitArgs,
    read: &Read,
    draft: &mut Draft,
    says: &mut Says<'_, W>,
) -> Result<Survey, AdminError> {
    let mut survey = read.looked.survey(&parsed(draft)?, &args.topic)?;
    if args.envelope.is_none()
        && let Some(envelope) = detect::envelope(survey.own_names())
    {
        says.line(
            "envelope",
            &format!("{envelope}: the values have its fields"),
        )?;
        draft.envelope = Some(envelope.to_owned());
        draft.mode = Mode::Upsert;
        survey = read.looked.survey(&parsed(draft)?, &args.topic)?;
    }
    says.more(&survey.lines())?;
    for bad in survey.bad.lines() {
        says.line("bad", &bad)?;
    }
    Ok(survey)
}

fn decided(
    args: &InitArgs,
    draft: &Draft,
    survey: &Survey,
    compacted: bool,
) -> Result<(Mode, String), AdminError> {
    let named = match args.mode.as_deref() {
        Some("log") => Some(Mode::Log),
        Some("append") => Some(Mode::Append),
        Some(_) => Some(Mode::Upsert),
        None => None,
    };
    let database = draft.target.kind();
    match (named, draft.target.only_mode()) {
        (Some(named), Some(only)) if named != only => Err(AdminError::Refused(format!(
            "{database} has no mode {}; hint: --mode {}, or leave it out",
            named.as_str(),
            only.as_str()
        ))),
        (Some(named), _) => Ok((named, "as the command line says".to_owned())),
        (None, Some(only)) => Ok((only, format!("{database} has no other"))),
        (None, None) => {
            let envelope = draft.envelope.as_deref();
            let has_envelope = envelope.is_some_and(|envelope| envelope != "none");
            Ok(mode::decide(&mode::Known::of(
                survey,
                has_envelope,
                compacted,
            )))
        }
    }
}

/// Writes what is known now, and makes the table where that was asked for.
fn finish<W: Write>(
    args: &InitArgs,
    mut draft: Draft,
    survey: &Survey,
    files: &Files,
    says: &mut Says<'_, W>,
) -> Result<Exit, AdminError> {
    let config = parsed(&draft)?;
    let sink = sink_of(&config)?;
    let known =
        block_on(async { with_backend!(&sink.backend, |of| Ok(known(of, &args.topic).await)) })?;
    let settings = sink.backend.table(&args.topic);
    // A log's table is made by the service, and takes each event as it is.
    let settings = settings.filter(|_| draft.mode != Mode::Log && !survey.is_empty());
    let settings = settings.filter(|_| !matches!(known, Table::There));
    let proposal = settings.map(|settings| propose(survey, settings, &args.topic));
    let script = match &proposal {
        Some(proposal) => {
            draft.columns.clone_from(&proposal.sources);
            block_on(async { Ok(with_backend!(&sink.backend, |of| script(of, proposal))) })?
        }
        None => Ok(Vec::new()),
    };
    // The table has one column more than before.
    let config = parsed(&draft)?;
    let sink = sink_of(&config)?;
    let lines = script.as_deref().unwrap_or_default();
    for written in files.write(&draft.text(), lines, says)? {
        says.line("wrote", &written)?;
    }
    if files.holds_password() {
        says.line(
            "note",
            "the config holds the password of the URL, and nobody else may read it; \
             --postgres '${DATABASE_URL}' keeps it out",
        )?;
    }
    let refused = script.err();
    let refused = refused.or_else(|| match &known {
        Table::Unknown(error) => Some(error.clone()),
        Table::There | Table::Missing => None,
    });
    if let Some(error) = refused {
        says.line("FAULT", &format!("{}: {error}", draft.target.kind()))?;
        return Ok(AdminError::sink(&sink.name)(error).exit());
    }
    told(args, &draft, &known, proposal.as_ref(), sink, says)
}

/// Whether the table is there.
enum Table {
    There,
    Missing,
    /// The database did not say.
    Unknown(SinkError),
}

async fn known<B: Backend>(backend: &B, topic: &str) -> Table {
    let sink = match backend.open_to_look(&client_name()) {
        Ok(sink) => sink,
        Err(error) => return Table::Unknown(error),
    };
    match sink.prepare(topic).await {
        Ok(_) => Table::There,
        Err(error) if error.detail.no_table || backend.will_make(topic, &error) => Table::Missing,
        Err(error) => Table::Unknown(error),
    }
}

fn script<B: Backend>(backend: &B, proposal: &Proposal) -> Result<Vec<String>, SinkError> {
    proposal.script(&backend.open_to_look(&client_name())?)
}

/// What becomes of the table, and what is to be done next.
fn told<W: Write>(
    args: &InitArgs,
    draft: &Draft,
    known: &Table,
    proposal: Option<&Proposal>,
    sink: &Sink,
    says: &mut Says<'_, W>,
) -> Result<Exit, AdminError> {
    let table = &draft.table;
    match (known, proposal) {
        _ if draft.mode == Mode::Log => {
            let said = format!("{table}: the service makes it, if it is not there");
            says.line("table", &said)?;
        }
        (Table::There, _) => {
            says.line("table", &format!("{table} is there already"))?;
            says.next(
                &args.out,
                "check --connect --sample 100",
                "what fits, and what does not",
            )?;
            return Ok(Exit::Ok);
        }
        (_, None) => {
            says.line(
                "table",
                &format!(
                    "{table} is not there, and no record tells what its columns could be; hint: \
                     when there are records, plimsoll init --force"
                ),
            )?;
            return Ok(if args.create { Exit::Failed } else { Exit::Ok });
        }
        (_, Some(_)) if !args.create => {
            says.line(
                "table",
                &format!("{table} is not there: run the statement, or init --create --force"),
            )?;
            return Ok(Exit::Ok);
        }
        (_, Some(proposal)) => {
            if draft.mode == Mode::Upsert && proposal.table.key().next().is_none() {
                return Err(AdminError::Refused(format!(
                    "table {table} would have no primary key, and mode = \"upsert\" needs one; \
                     hint: --mode append, or add the key to the statement and run it"
                )));
            }
            block_on(async {
                with_backend!(&sink.backend, |of| make(of, proposal).await)
                    .map_err(AdminError::sink(&sink.name))
            })?;
            says.line("made", table)?;
        }
    }
    says.next(&args.out, "run", "the service, until Ctrl-C")?;
    Ok(Exit::Ok)
}

async fn make<B: Backend>(backend: &B, proposal: &Proposal) -> Result<(), SinkError> {
    let sink = backend.open(&client_name())?;
    sink.make_table(&proposal.table).await
}
