//! `pause`, `resume`, `stop`, `restart`, `retry`: what is wanted of a sink, told to all of
//! its instances by its database.

use super::error::AdminError;
use super::positions::find_sink;
use super::text::count;
use super::{block_on, with_sink};
use crate::cli::ConfigArg;
use crate::exit::Exit;
use crate::fleet::{SinkStatus, status_of};
use clap::Args;
use plimsoll_protocol::TopicPartition;
use plimsoll_sink_api::{NewCommand, Shared, SinkError, Verb, Wanted};
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Between two looks whether all have heard.
const LOOK: Duration = Duration::from_millis(250);

/// `plimsoll pause`, `resume`, `stop`
#[derive(Debug, Args)]
pub struct SteerArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The sink, by its name in the config
    #[arg(long)]
    sink: String,
    /// Wait so many seconds until all running instances obey; 0: do not wait
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    wait_s: u64,
}

/// `plimsoll restart`, `retry`
#[derive(Debug, Args)]
pub struct PartArgs {
    #[command(flatten)]
    steer: SteerArgs,
    /// Only this topic's partition
    #[arg(long, requires = "partition")]
    topic: Option<String>,
    /// Only this partition
    #[arg(long, requires = "topic", value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
}

/// Asks something of a whole sink.
///
/// # Errors
/// The database did not answer, or refuses.
pub fn steer(verb: Verb, args: &SteerArgs, out: &mut impl Write) -> Result<Exit, AdminError> {
    ask(verb, None, args, out)
}

/// Asks something of a sink or of one of its partitions.
///
/// # Errors
/// As [`steer`].
pub fn steer_part(verb: Verb, args: &PartArgs, out: &mut impl Write) -> Result<Exit, AdminError> {
    let topic = args.topic.as_deref().zip(args.partition);
    let tp = topic.map(|(topic, partition)| TopicPartition::new(topic, partition));
    ask(verb, tp, &args.steer, out)
}

fn ask(
    verb: Verb,
    tp: Option<TopicPartition>,
    args: &SteerArgs,
    out: &mut impl Write,
) -> Result<Exit, AdminError> {
    let config = args.config.load()?;
    let settings = find_sink(&config, &args.sink)?;
    let command = NewCommand {
        verb,
        tp,
        by: who(),
    };
    let wait = Duration::from_secs(args.wait_s);
    let status = block_on(async {
        with_sink!(settings, |sink| give(&sink, &args.sink, &command, wait)
            .await)
        .map_err(AdminError::sink(&settings.name))
    })?;
    match status {
        Some(status) => told(verb, &args.sink, &status, out),
        None => {
            writeln!(out, "{verb} of sink \"{}\": noted", args.sink)?;
            Ok(Exit::Ok)
        }
    }
}

/// Who gives commands here: what the system says, for people.
fn who() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    let user = user.unwrap_or_else(|_| format!("uid {}", rustix::process::getuid().as_raw()));
    let host = rustix::system::uname();
    format!("{user}@{}", host.nodename().to_string_lossy())
}

async fn give<S: Shared>(
    sink: &S,
    name: &str,
    command: &NewCommand,
    wait: Duration,
) -> Result<Option<SinkStatus>, SinkError> {
    if let Some(tp) = &command.tp {
        must_stand(sink, tp).await?;
    }
    let wanted = sink.command(command).await?;
    if wait.is_zero() {
        return Ok(None);
    }
    let until = Instant::now() + wait;
    loop {
        let status = status_of(name, sink).await?;
        // Somebody may have asked for something else meanwhile: that is for them to wait for.
        if obeyed(&status, wanted) || Instant::now() >= until {
            return Ok(Some(status));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn obeyed(status: &SinkStatus, wanted: Wanted) -> bool {
    status.is_settled() || status.commands > wanted.seq
}

async fn must_stand<S: Shared>(sink: &S, tp: &TopicPartition) -> Result<(), SinkError> {
    let stored = sink.positions().await?;
    if stored.iter().any(|stored| stored.tp == *tp) {
        return Ok(());
    }
    let what = format!("the sink has no position of {tp}");
    Err(SinkError::new(plimsoll_protocol::Class::Halt, what)
        .hint("plimsoll positions list shows those that it has"))
}

fn told(
    verb: Verb,
    sink: &str,
    status: &SinkStatus,
    out: &mut impl Write,
) -> Result<Exit, AdminError> {
    let members = count(status.members.len(), "instance");
    if status.members.is_empty() {
        writeln!(
            out,
            "{verb} of sink \"{sink}\": noted; no instance is running, the next one obeys"
        )?;
    } else if status.is_settled() {
        let state = status.wanted;
        writeln!(
            out,
            "{verb} of sink \"{sink}\": done by {members}; it is {state}"
        )?;
    } else {
        writeln!(
            io::stderr(),
            "{verb} of sink \"{sink}\": noted, and not done yet by all of {members}; hint: \
             plimsoll status --sink {sink} shows who is late"
        )?;
        return Ok(Exit::Unreachable);
    }
    Ok(Exit::Ok)
}
