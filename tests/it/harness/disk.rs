//! A small file system of the test's own, for a table that runs out of room.
//!
//! It is a tmpfs in a mount namespace that one process holds open: nobody else
//! sees it, and it is gone with that process and the server on it, however the
//! test ends.

use super::{folder, servers};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Makes the file system, says so, and waits for the end of its input.
const HOLD: &str = r#"
mount -t tmpfs -o "size=$2m,mode=0777" tmpfs "$1" && mkdir "$1/space" &&
if [ -n "$3" ]; then chown "$3" "$1/space"; fi && echo ready && exec cat
"#;

/// One such file system.
pub struct SmallDisk {
    holder: Child,
    path: PathBuf,
}

impl SmallDisk {
    /// A file system of so many MiB.
    ///
    /// # Errors
    /// What the system said: it does not let everybody mount.
    pub fn mount(mib: u64) -> Result<Self, String> {
        let path = folder("small_disk");
        let user = servers::postgres_user();
        let mut unshare = Command::new("unshare");
        match user {
            Some(_) => unshare.args(["--mount", "--propagation", "private"]),
            // An ordinary user mounts in a user namespace of its own.
            None => unshare.args(["--user", "--map-current-user", "--keep-caps", "--mount"]),
        };
        let mut holder = unshare
            .args(["sh", "-c", HOLD, "sh"])
            .arg(&path)
            .args([mib.to_string(), user.unwrap_or_default()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("unshare: {e}"))?;
        let mut said = String::new();
        let out = holder.stdout.take().expect("piped");
        let _ = BufReader::new(out).read_line(&mut said);
        if said.trim() == "ready" {
            return Ok(Self { holder, path });
        }
        drop(holder.stdin.take());
        let mut error = holder.stderr.take().expect("piped");
        let _ = error.read_to_string(&mut said);
        let _ = holder.wait();
        Err(format!("a tmpfs cannot be mounted: {}", said.trim()))
    }

    /// A folder on it that belongs to the server's user.
    pub fn space(&self) -> PathBuf {
        self.path.join("space")
    }

    /// What stands in front of a command that sees it.
    pub fn enter(&self) -> Vec<String> {
        let holder = self.holder.id().to_string();
        let mut words = vec!["nsenter", "-t", &holder, "-m"];
        if servers::postgres_user().is_none() {
            words.extend(["-U", "--preserve-credentials"]);
        }
        words.push("--");
        words.into_iter().map(ToOwned::to_owned).collect()
    }

    /// Takes all the room that is left.
    pub fn fill(&self) {
        let output = self.run("dd", &["if=/dev/zero", "bs=64k", "status=none"], "of=");
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("No space left"),
            "the file system is full: {output:?}"
        );
    }

    /// Gives that room back.
    pub fn clear(&self) {
        let output = self.run("rm", &["-f"], "");
        assert!(output.status.success(), "{output:?}");
    }

    fn run(&self, program: &str, arguments: &[&str], before: &str) -> std::process::Output {
        let filler: &Path = &self.path.join("filler");
        let enter = self.enter();
        Command::new(&enter[0])
            .args(&enter[1..])
            .arg(program)
            .args(arguments)
            .arg(format!("{before}{}", filler.display()))
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|e| panic!("{program}: {e}"))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}
