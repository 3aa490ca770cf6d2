//! The service's own metrics, in Prometheus' text format.

use crate::{Failed, Result};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A page of a thousand partitions is some megabyte; a service that takes longer hangs.
const TIMEOUT: Duration = Duration::from_secs(10);

/// One page.
pub struct Metrics(String);

impl Metrics {
    /// Asks for a page.
    ///
    /// # Errors
    /// Nobody listens, or the answer is no page.
    pub async fn of(listen: SocketAddr) -> Result<Self> {
        let asked = tokio::time::timeout(TIMEOUT, get(listen)).await;
        let answer = asked.map_err(|_| Failed::new("/metrics does not answer"))??;
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.split(' ').nth(1) == Some("200") => {
                Ok(Self(body.to_owned()))
            }
            _ => Err(Failed::new("/metrics: no page")),
        }
    }

    /// The sum of a metric over all its labels; 0 where there is none yet.
    #[must_use]
    pub fn sum(&self, name: &str) -> f64 {
        let values = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            rest.starts_with(['{', ' '])
                .then(|| rest.rsplit(' ').next()?.parse::<f64>().ok())?
        });
        values.sum()
    }
}

async fn get(listen: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(listen).await?;
    // Version 1.0: the answer ends with the connection.
    stream
        .write_all(format!("GET /metrics HTTP/1.0\r\nHost: {listen}\r\n\r\n").as_bytes())
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// A port of loopback that nobody listened on just now.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_its_labels_and_not_over_names_that_begin_alike() {
        let page = Metrics(
            "# TYPE a_total counter\na_total{p=\"1 2\"} 3\na_total{p=\"2\"} 4.5\na_total_more 9\nb 2\n"
                .to_owned(),
        );
        assert_eq!(page.sum("a_total"), 7.5);
        assert_eq!(page.sum("b"), 2.0);
        assert_eq!(page.sum("c"), 0.0);
    }
}
