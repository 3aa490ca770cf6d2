//! Who holds the write lock of a file. SQLite cannot tell; the kernel can.

use plimsoll_sink_api::SinkError;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Adds to an error of a file that is locked who has locked it.
pub(crate) fn blame(path: &Path, mut error: SinkError) -> SinkError {
    if error.detail.code.as_deref() != Some("SQLITE_BUSY") {
        return error;
    }
    error.detail.blocked = true;
    let who = match holder(path) {
        Some(pid) => {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            match name.trim() {
                "" => format!("process {pid}"),
                name => format!("process {pid} ({name})"),
            }
        }
        None => "another process".to_owned(),
    };
    error.detail.condition = format!("{} by {who}", error.detail.condition);
    error
}

/// The process that may write, by the kernel's list of locks (proc(5)).
fn holder(path: &Path) -> Option<u32> {
    let locks = fs::read_to_string("/proc/locks").ok()?;
    // In WAL mode writers lock the shared memory beside the file.
    let mut shared: OsString = path.as_os_str().to_owned();
    shared.push("-shm");
    [PathBuf::from(shared), path.to_owned()]
        .iter()
        .filter_map(|file| fs::metadata(file).ok())
        .find_map(|file| writer(&locks, file.dev(), file.ino()))
}

/// A line is `1: POSIX  ADVISORY  WRITE 4711 08:01:5678 120 120`.
fn writer(locks: &str, device: u64, inode: u64) -> Option<u32> {
    let (major, minor) = (major_of(device), minor_of(device));
    let place = format!("{major:02x}:{minor:02x}:{inode}");
    locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        match fields.as_slice() {
            [_, "POSIX", _, "WRITE", pid, at, ..] if *at == place => {
                pid.parse().ok().filter(|pid| *pid != std::process::id())
            }
            _ => None,
        }
    })
}

/// As Linux packs a device's numbers.
const fn major_of(device: u64) -> u64 {
    ((device >> 8) & 0xfff) | ((device >> 32) & !0xfff)
}

const fn minor_of(device: u64) -> u64 {
    (device & 0xff) | ((device >> 12) & !0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_found_in_the_kernels_list() {
        let locks = "1: POSIX  ADVISORY  READ  11 08:01:77 124 124\n\
                     2: FLOCK  ADVISORY  WRITE 12 08:01:77 0 EOF\n\
                     3: POSIX  ADVISORY  WRITE 13 08:01:78 120 120\n\
                     4: POSIX  ADVISORY  WRITE 14 08:01:77 120 120\n";
        assert_eq!(writer(locks, 0x801, 77), Some(14));
        assert_eq!(writer(locks, 0x801, 79), None);
        assert_eq!(writer(locks, 0x802, 77), None);
    }
}
