//! The demo: everything in one place, nothing to install, and a proof at its
//! end.
//!
//! This process is Kafka, producer and judge. The writer is a child: the real
//! service with a real config. It is killed again and again while it writes,
//! and at the end the file is compared with what was produced.

mod broker;
mod config;
mod error;
mod file;
mod life;
mod memory;
mod orders;
mod pace;
mod play;
mod progress;
mod random;
mod report;
mod writer;

use crate::exit::Exit;
use clap::Args;
use error::DemoError;
use progress::Progress;
use report::Outcome;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};

/// The options of `plimsoll demo`.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// How many events are produced
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub events: u64,

    /// How often the writer is killed
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub kills: u32,

    /// Repeats the orders of another run [default: random]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Where file, config and log go [default: a new folder for temporary files]
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
}

/// Plays the demo: the outcome goes to `out`, progress and errors to stderr.
pub fn run(args: &DemoArgs, out: &mut impl Write) -> Exit {
    let seed = args
        .seed
        .unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    let progress = Progress::new(args.events, args.kills);
    let played = play(args, seed, &progress);
    progress.end();
    let printed = played.and_then(|outcome| {
        outcome.print(out, &program())?;
        out.flush()?;
        Ok(outcome)
    });
    match printed {
        Ok(outcome) if outcome.exact() => Exit::Ok,
        Ok(_) => {
            say(&format!(
                "demo: the file differs from what was produced; --seed {seed} repeats the orders"
            ));
            Exit::Failed
        }
        Err(error) => {
            say(&format!("demo: {error}"));
            error.exit()
        }
    }
}

fn play(args: &DemoArgs, seed: u64, progress: &Progress) -> Result<Outcome, DemoError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(DemoError::System)?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(DemoError::System)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(DemoError::System)?;
        // Dropping the play kills the writer.
        tokio::select! {
            played = play::play(args, seed, progress) => played,
            _ = interrupt.recv() => Err(DemoError::Interrupted),
            _ = terminate.recv() => Err(DemoError::Interrupted),
        }
    })
}

/// How this program can be called again from here.
fn program() -> PathBuf {
    let path = std::env::current_exe().unwrap_or_else(|_| "plimsoll".into());
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here)
        .map_or_else(|_| path.clone(), Path::to_owned)
}

/// A stderr that is gone hears nothing.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
