//! The config file, read again: when somebody asks, and by itself where that is wanted.

use super::ConfigFile;
use crate::config::{Config, load};
use crate::metrics::RELOADED;
use metrics::gauge;
use std::time::Duration;
use tracing::{error, info};

/// Between two looks at the file and at all that it refers to. Reading it says more than
/// what a file system tells: Kubernetes swaps a link above the file.
const LOOK: Duration = Duration::from_secs(10);

/// Reads the config again.
pub(super) struct Reader {
    file: Option<ConfigFile>,
    /// What was wrong with it last.
    fault: Option<String>,
}

impl Reader {
    /// Of a config that holds.
    pub(super) fn new(file: Option<ConfigFile>) -> Self {
        let reader = Self { file, fault: None };
        reader.publish();
        reader
    }

    fn publish(&self) {
        gauge!(RELOADED).set(f64::from(u8::from(self.fault.is_none())));
    }

    /// Until it is time to look; never, where nobody wants that.
    pub(super) async fn tick(&self) {
        match &self.file {
            Some(file) if file.watch => tokio::time::sleep(LOOK).await,
            Some(_) | None => std::future::pending().await,
        }
        self.publish();
    }

    /// Another config than the one that holds; one with a fault changes nothing.
    pub(super) async fn read(&mut self, holds: &Config, asked: bool) -> Option<Config> {
        let path = self.file.as_ref()?.path.clone();
        let read = tokio::task::spawn_blocking(move || load(&path))
            .await
            .ok()?;
        let new = match read {
            Ok(new) => {
                self.fault = None;
                self.publish();
                new
            }
            Err(faults) => {
                let fault = faults.to_string();
                if asked || self.fault.as_ref() != Some(&fault) {
                    error!("the config was not taken up, what held before goes on: {fault}");
                }
                self.fault = Some(fault);
                self.publish();
                return None;
            }
        };
        if new == *holds {
            if asked {
                info!("SIGHUP: the config says what it said before");
            }
            return None;
        }
        info!("the config has changed");
        Some(new)
    }
}
