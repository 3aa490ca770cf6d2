//! The unit, as systemd judges it and as the service answers to it.

use super::read;
use crate::harness::case::Case;
use crate::harness::oracle::Mode;
use crate::harness::process::Process;
use crate::harness::{folder, wait};
use plimsoll::exit::Exit;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

/// Exposure in systemd's own measure, times ten, that the unit may have at most.
const EXPOSURE: u32 = 20;

/// The unit, whose program is one that is there.
fn unit() -> PathBuf {
    let unit = read("deploy/systemd/plimsoll.service");
    let installed = "ExecStart=/usr/bin/plimsoll ";
    assert_eq!(unit.matches(installed).count(), 1);
    let here = format!("ExecStart={} ", env!("CARGO_BIN_EXE_plimsoll"));
    let file = folder("unit").join("plimsoll.service");
    fs::write(&file, unit.replace(installed, &here)).expect("a unit");
    file
}

/// `None`: this machine has no systemd to judge it.
fn analyze(arguments: &[&str]) -> Option<Output> {
    match Command::new("systemd-analyze").args(arguments).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: systemd-analyze is not installed; hint: Debian's package systemd");
            None
        }
        Err(error) => panic!("systemd-analyze: {error}"),
    }
}

#[test]
fn systemd_finds_no_fault_in_the_unit() {
    let unit = unit();
    let unit = unit.to_str().expect("a path");
    let Some(judged) = analyze(&["verify", "--man=no", unit]) else {
        return;
    };
    let said = String::from_utf8_lossy(&judged.stderr).into_owned();
    assert!(judged.status.success(), "{said}");
    // A setting that it does not know it ignores, and says so.
    assert!(!said.contains("plimsoll.service"), "{said}");
}

#[test]
fn systemd_calls_the_unit_little_exposed() {
    let unit = unit();
    let threshold = format!("--threshold={EXPOSURE}");
    let of = |threshold: &str| {
        let unit = unit.to_str().expect("a path");
        analyze(&["security", "--offline=true", threshold, unit])
    };
    let Some(judged) = of(&threshold) else { return };
    let told = String::from_utf8_lossy(&judged.stdout).into_owned();
    assert!(judged.status.success(), "{told}");
    // It would have said otherwise.
    assert!(
        !of("--threshold=1")
            .expect("systemd-analyze")
            .status
            .success()
    );
}

#[test]
fn the_unit_fits_what_the_service_does() {
    let unit = read("deploy/systemd/plimsoll.service");
    let setting = |name: &str| {
        let line = unit.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.strip_prefix('='))
    };
    assert_eq!(setting("Type"), Some("notify"));
    assert_eq!(setting("ExecReload"), Some("kill -HUP $MAINPID"));
    let patience: u32 = setting("TimeoutStopSec")
        .expect("a time")
        .parse()
        .expect("seconds");
    assert!(
        patience > 20,
        "drain_ms is 10 s, and closing takes up to 10 s"
    );
    let never = setting("RestartPreventExitStatus").expect("codes");
    let codes = [Exit::Usage, Exit::Config, Exit::Refused].map(|exit| (exit as u8).to_string());
    assert_eq!(never, codes.join(" "));
}

/// What systemd's socket hears, until a word comes.
fn hear(socket: &UnixDatagram, heard: &mut String, word: &str) {
    wait::within(Duration::from_secs(30), "systemd is told", || {
        let mut words = [0; 4096];
        if let Ok(length) = socket.recv(&mut words) {
            heard.push_str(&String::from_utf8_lossy(&words[..length]));
        }
        match heard.contains(word) {
            true => Ok(()),
            false => Err(heard.clone()),
        }
    });
}

#[test]
fn systemd_hears_of_readiness_of_life_and_of_the_drain() {
    let mut case = Case::new("notify", Mode::Append, 1);
    let folder = folder("notify");
    let path = folder.join("socket");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    let patience = Duration::from_millis(100);
    socket.set_read_timeout(Some(patience)).expect("a timeout");
    let path = path.to_str().expect("a path");
    let environment = [("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", "2000000")];
    let process = Process::start_with(&case.service, &environment);
    let mut heard = String::new();
    hear(&socket, &mut heard, "READY=1\n");
    heard.clear();
    // Again and again.
    hear(&socket, &mut heard, "WATCHDOG=1\n");
    hear(&socket, &mut heard, "WATCHDOG=1\nWATCHDOG=1\n");
    assert!(!heard.contains("STOPPING"), "{heard}");
    case.produce(10);
    case.wait_caught_up();
    assert!(process.drain().success());
    hear(&socket, &mut heard, "STOPPING=1\n");
}
