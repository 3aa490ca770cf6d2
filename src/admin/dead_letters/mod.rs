//! `dead-letters list`, `replay` and `drop`.

mod keys;
mod list;
mod replay;
mod superseded;

pub use list::{ListArgs, list};
pub use replay::{ReplayArgs, replay};

use super::error::AdminError;
use super::positions::find_sink;
use super::text::count;
use super::{block_on, with_sink};
use crate::cli::ConfigArg;
use crate::exit::Exit;
use clap::Args;
use plimsoll_sink_api::{DeadLetterFilter, DeadLetters};
use std::io::Write;

/// Which dead letters.
#[derive(Debug, Clone, Args)]
pub struct Which {
    /// The sink, by its name in the config
    #[arg(long)]
    sink: String,
    /// Only of this topic
    #[arg(long)]
    topic: Option<String>,
    /// Only of this partition
    #[arg(long, requires = "topic", value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// Only at this offset; may be given more than once
    #[arg(long = "offset", value_name = "OFFSET", requires = "partition",
          value_parser = clap::value_parser!(i64).range(0..))]
    offsets: Vec<i64>,
}

impl Which {
    fn filter(&self) -> DeadLetterFilter {
        DeadLetterFilter {
            topic: self.topic.clone(),
            partition: self.partition,
            offsets: self.offsets.clone(),
        }
    }
}

/// `plimsoll dead-letters drop`
#[derive(Debug, Args)]
pub struct DropArgs {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    which: Which,
    /// All that the filter leaves, not single offsets
    #[arg(long, requires = "yes", conflicts_with = "offsets")]
    all: bool,
    /// Yes, remove them for good
    #[arg(long)]
    yes: bool,
}

/// Removes dead letters for good.
///
/// # Errors
/// The database did not answer, or it is not said which.
pub fn drop_letters(args: &DropArgs, out: &mut impl Write) -> Result<Exit, AdminError> {
    if args.which.offsets.is_empty() && !args.all {
        return Err(AdminError::Refused(
            "nothing is dropped unless it is named; hint: --topic, --partition and --offset, or \
             --all --yes for all that the filter leaves"
                .to_owned(),
        ));
    }
    let config = args.config.load()?;
    let settings = find_sink(&config, &args.which.sink)?;
    let dropped = block_on(async {
        with_sink!(settings, |sink| sink
            .drop_dead_letters(&args.which.filter())
            .await)
        .map_err(AdminError::sink(&settings.name))
    })?;
    let dropped = usize::try_from(dropped).unwrap_or(usize::MAX);
    writeln!(
        out,
        "{}: {} dropped",
        settings.name,
        count(dropped, "dead letter")
    )?;
    Ok(Exit::Ok)
}
