//! What Linux tells of a process, see proc(5).

use crate::{Failed, Result};
use std::time::Duration;

/// A process that runs.
#[derive(Debug, Clone, Copy)]
pub struct Process(pub u32);

impl Process {
    /// User and system time of all its threads, since its start.
    pub fn processor(self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0))?;
        let fields: Vec<_> = stat
            .rsplit_once(") ")
            .map(|(_, rest)| rest.split(' ').collect())
            .unwrap_or_default();
        // utime and stime are fields 14 and 15, this list begins at 3.
        let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<u64>().ok());
        let (user, system) = ticks(11)
            .zip(ticks(12))
            .ok_or_else(|| Failed::new("proc(5)"))?;
        // Linux counts them in hundredths on every machine (USER_HZ).
        Ok(Duration::from_millis((user + system) * 10))
    }

    /// The most memory that it ever had in the machine.
    pub fn peak_bytes(self) -> Result<u64> {
        Ok(self.status("VmHWM:")? * 1024)
    }

    /// The memory that it has in the machine now.
    pub fn resident_bytes(self) -> Result<u64> {
        Ok(self.status("VmRSS:")? * 1024)
    }

    /// How many threads it has now.
    pub fn threads(self) -> Result<u64> {
        self.status("Threads:")
    }

    /// How many sockets it has open now.
    pub fn sockets(self) -> Result<usize> {
        // A descriptor that was closed meanwhile has no target any more.
        let targets = std::fs::read_dir(format!("/proc/{}/fd", self.0))?
            .flatten()
            .filter_map(|entry| std::fs::read_link(entry.path()).ok());
        Ok(targets
            .filter(|to| to.to_string_lossy().starts_with("socket:"))
            .count())
    }

    /// A number of `status`, without its unit.
    fn status(self, name: &str) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0))?;
        let line = status.lines().find_map(|l| l.strip_prefix(name));
        line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok())
            .ok_or_else(|| Failed::new(format!("proc(5): {name}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_sees_its_own_memory_threads_and_sockets() {
        let me = Process(std::process::id());
        let before = me.sockets().expect("sockets");
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        assert!(me.sockets().expect("sockets") > before);
        drop(socket);
        assert!(me.threads().expect("threads") >= 1);
        let peak = me.peak_bytes().expect("the peak");
        assert!(peak >= 1 << 20, "{peak}");
        assert!(me.resident_bytes().expect("resident") >= 1 << 20);
        me.processor().expect("the processor's time");
    }
}
