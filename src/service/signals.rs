//! The signals that are neither SIGTERM nor SIGINT.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

/// SIGHUP; none where whoever started the process has it ignored, as nohup does.
pub(super) fn hangup() -> std::io::Result<Option<Signal>> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Its number is 1: the lowest bit.
    if mask.is_some_and(|mask| mask & 1 == 1) {
        return Ok(None);
    }
    signal(SignalKind::hangup()).map(Some)
}

/// Until it comes; where it is ignored it never does.
pub(super) async fn hung_up(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Their default is to kill, without a drain; here they mean nothing.
pub(super) fn ignore_user_signals() -> std::io::Result<()> {
    let kinds = [
        ("SIGUSR1", SignalKind::user_defined1()),
        ("SIGUSR2", SignalKind::user_defined2()),
    ];
    for (name, kind) in kinds {
        let mut signal = signal(kind)?;
        tokio::spawn(async move {
            while signal.recv().await.is_some() {
                info!("{name}: means nothing here, ignored");
            }
        });
    }
    Ok(())
}
