//! The writer: the real service, as a child process.

use super::error::DemoError;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a drain may take; the service's own deadline is 10 s.
const DRAIN: Duration = Duration::from_secs(15);

/// Lines of the log that an error shows.
const TAIL: usize = 25;

/// The child, and where its log goes.
#[derive(Debug)]
pub(super) struct Writer {
    child: Child,
    log: PathBuf,
}

impl Writer {
    /// Starts it.
    pub(super) fn start(config: &Path, log: &Path) -> Result<Self, DemoError> {
        let program = std::env::current_exe().map_err(DemoError::Start)?;
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .map_err(|error| DemoError::Dir {
                path: log.to_owned(),
                error,
            })?;
        let mut command = Command::new(program);
        command
            .arg("run")
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file);
        die_together(&mut command);
        let child = command.spawn().map_err(DemoError::Start)?;
        Ok(Self {
            child,
            log: log.to_owned(),
        })
    }

    /// An error if it has ended by itself.
    pub(super) fn check(&mut self) -> Result<(), DemoError> {
        match self.child.try_wait().map_err(DemoError::Start)? {
            None => Ok(()),
            Some(status) => Err(self.died(status)),
        }
    }

    fn died(&self, status: ExitStatus) -> DemoError {
        DemoError::Died {
            status,
            tail: self.tail(),
        }
    }

    /// SIGKILL. It is gone when this returns.
    pub(super) fn kill(&mut self) -> Result<(), DemoError> {
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .map(|_| ())
            .map_err(DemoError::Start)
    }

    /// SIGTERM: it drains and ends with 0.
    pub(super) async fn stop(&mut self) -> Result<(), DemoError> {
        self.check()?;
        let signalled = kill_process(Pid::from_child(&self.child), Signal::TERM);
        signalled.map_err(|error| DemoError::Start(error.into()))?;
        let began = Instant::now();
        loop {
            match self.child.try_wait().map_err(DemoError::Start)? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(self.died(status)),
                None if began.elapsed() > DRAIN => {
                    return Err(DemoError::NoDrain { tail: self.tail() });
                }
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// The end of its log. Dead letters are expected, and many.
    pub(super) fn tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log
            .lines()
            .filter(|line| !line.contains("dead letter:"))
            .collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }
}

/// A demo that is killed with SIGKILL drops nothing: Linux then kills its writer.
#[cfg(target_os = "linux")]
fn die_together(command: &mut Command) {
    use rustix::process::set_parent_process_death_signal;
    use std::os::unix::process::CommandExt;
    // SAFETY: between fork and exec only this system call is made; it takes no
    // lock and allocates nothing.
    unsafe {
        command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
    }
}

/// Elsewhere it is found and ended by hand.
#[cfg(not(target_os = "linux"))]
fn die_together(_: &mut Command) {}

impl Drop for Writer {
    /// However the demo ends, no writer outlives it.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
