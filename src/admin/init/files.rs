//! What `init` says and writes.

use crate::admin::error::AdminError;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where the config and the statement go.
#[derive(Debug)]
pub(super) enum Files {
    /// To whoever reads the output.
    Printed,
    Written {
        config: PathBuf,
        sql: PathBuf,
        force: bool,
        /// Nobody else may read the config.
        holds_password: bool,
    },
}

impl Files {
    /// Refuses early what could not be written in the end.
    ///
    /// # Errors
    /// A file is there, or a password would be printed.
    pub(super) fn of(out: &Path, force: bool, holds_password: bool) -> Result<Self, AdminError> {
        let refused = |what: String| Err(AdminError::Refused(what));
        if out == Path::new("-") {
            return match holds_password {
                false => Ok(Self::Printed),
                true => refused(
                    "the URL holds a password, which is not printed; hint: keep the URL in a \
                     variable, and say --postgres '${DATABASE_URL}', in single quotes"
                        .to_owned(),
                ),
            };
        }
        let sql = out.with_extension("sql");
        for file in [out, sql.as_path()] {
            if !force && file.exists() {
                return refused(format!(
                    "{} is there already; hint: --out FILE names another one, --force writes over \
                     it",
                    file.display()
                ));
            }
        }
        Ok(Self::Written {
            config: out.to_owned(),
            sql,
            force,
            holds_password,
        })
    }

    pub(super) const fn is_printed(&self) -> bool {
        matches!(self, Self::Printed)
    }

    pub(super) const fn holds_password(&self) -> bool {
        match self {
            Self::Printed => false,
            Self::Written { holds_password, .. } => *holds_password,
        }
    }

    /// Writes or prints both; which files were written.
    ///
    /// # Errors
    /// They cannot be written.
    pub(super) fn write<W: Write>(
        &self,
        text: &str,
        script: &[String],
        says: &mut Says<'_, W>,
    ) -> Result<Vec<String>, AdminError> {
        says.paste(script)?;
        match self {
            Self::Printed => {
                writeln!(says.out, "\n{text}")?;
                Ok(Vec::new())
            }
            Self::Written {
                config,
                sql,
                force,
                holds_password,
            } => {
                write_file(config, text, *force, *holds_password)?;
                let mut written = vec![config.display().to_string()];
                if !script.is_empty() {
                    let script = format!("{}\n", script.join("\n"));
                    write_file(sql, &script, *force, false)?;
                    written.push(sql.display().to_string());
                }
                Ok(written)
            }
        }
    }
}

fn write_file(path: &Path, text: &str, force: bool, secret: bool) -> Result<(), AdminError> {
    let failed = |error: io::Error| {
        AdminError::System(format!("{} cannot be written: {error}", path.display()))
    };
    if force && path.exists() {
        // A new file has its mode from the start.
        fs::remove_file(path).map_err(failed)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

/// What is said; where the config is printed as well, as comments of it.
pub(super) struct Says<'o, W: Write> {
    out: &'o mut W,
    margin: &'static str,
}

impl<'o, W: Write> Says<'o, W> {
    pub(super) fn new(out: &'o mut W, as_comments: bool) -> Self {
        let margin = if as_comments { "# " } else { "" };
        Self { out, margin }
    }

    pub(super) fn line(&mut self, word: &str, what: &str) -> io::Result<()> {
        writeln!(self.out, "{}{word:<9}{what}", self.margin)
    }

    pub(super) fn more(&mut self, lines: &[String]) -> io::Result<()> {
        lines.iter().try_for_each(|line| self.line("", line))
    }

    fn paste(&mut self, lines: &[String]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let edge = self.margin.trim_end();
        writeln!(self.out, "{edge}")?;
        for line in lines {
            writeln!(self.out, "{}{line}", self.margin)?;
        }
        writeln!(self.out, "{edge}")
    }

    /// What is to be done next.
    pub(super) fn next(&mut self, config: &Path, command: &str, what: &str) -> io::Result<()> {
        let named = match config == Path::new("plimsoll.toml") || config == Path::new("-") {
            true => String::new(),
            false => format!(" -c {}", config.display()),
        };
        self.line("next", &format!("plimsoll {command}{named}    # {what}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_over_unless_it_is_forced() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("p.toml");
        let mut printed = Vec::new();
        let mut says = Says::new(&mut printed, false);
        let files = Files::of(&out, false, false).unwrap();
        files.write("a", &["b;".to_owned()], &mut says).unwrap();
        let sql = fs::read_to_string(out.with_extension("sql")).unwrap();
        assert_eq!(
            (fs::read_to_string(&out).unwrap().as_str(), sql.as_str()),
            ("a", "b;\n")
        );
        assert!(Files::of(&out, false, false).is_err());
        // What came in between is not lost either.
        assert!(files.write("c", &[], &mut says).is_err());
        let forced = Files::of(&out, true, true).unwrap();
        forced.write("c", &[], &mut says).unwrap();
        assert_eq!(fs::read_to_string(&out).unwrap(), "c");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&out).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        assert!(Files::of(Path::new("-"), false, true).is_err());
        assert!(Files::of(Path::new("-"), false, false).is_ok());
    }
}
