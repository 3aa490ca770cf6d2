//! What systemd is told, where it has started the service with `Type=notify`; elsewhere
//! nothing is.

use crate::health::Health;
use sd_notify::NotifyState;
use std::sync::Arc;
use std::time::Duration;
use tracing::{error, warn};

/// The config holds, the address is had, and the sinks start. Not that they have claimed
/// anything: a database that is away is waited for, and no restart brings it back.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The drain begins.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Shows signs of life as often as `WatchdogSec=` asks for, as long as the poll thread of
/// each sink does.
pub(super) fn watchdog(health: Arc<Health>) {
    let Some(patience) = sd_notify::watchdog_enabled() else {
        return;
    };
    tokio::spawn(async move {
        loop {
            match health.hung(patience / 2) {
                None => tell(&[NotifyState::Watchdog]),
                Some(sink) => error!(
                    sink,
                    "the poll thread has not come round for {} s; systemd ends the process",
                    patience.as_secs() / 2
                ),
            }
            tokio::time::sleep((patience / 4).max(Duration::from_millis(10))).await;
        }
    });
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        warn!("systemd is not told: {error}; hint: NOTIFY_SOCKET names its socket");
    }
}
