//! `man`: a manual page for each command, written from what `--help` says.

use super::error::AdminError;
use crate::exit::Exit;
use clap::{Args, Command};
use clap_mangen::Man;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// `plimsoll man`
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The folder; it is made if it is not there
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    dir: PathBuf,
}

/// Writes the pages, `plimsoll.1`, `plimsoll-run.1` and so on.
///
/// # Errors
/// The folder cannot be written to, or nobody takes the output.
pub fn write_pages(
    args: &ManArgs,
    command: Command,
    out: &mut impl Write,
) -> Result<Exit, AdminError> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let written = pages(&args.dir, &command).map_err(|why| {
        AdminError::System(format!(
            "{}: {why}; hint: name a folder that you may write to",
            args.dir.display()
        ))
    })?;
    writeln!(out, "{written} pages in {}", args.dir.display())?;
    Ok(Exit::Ok)
}

/// The page of a command and those below it; how many they are.
fn pages(dir: &Path, command: &Command) -> std::io::Result<usize> {
    fs::create_dir_all(dir)?;
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render(&mut page)?;
    fs::write(dir.join(man.get_filename()), page)?;
    let below = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    below
        .map(|sub| pages(dir, sub))
        .sum::<std::io::Result<usize>>()
        .map(|n| n + 1)
}
