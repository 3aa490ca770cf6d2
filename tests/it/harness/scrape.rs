//! What a running service tells over HTTP.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// `GET path`: status and body; `None` when nobody answers.
pub fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    ask(address, "GET", path, "")
}

/// The same with any method, and a body of JSON.
pub fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let limit = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&address, limit).ok()?;
    stream.set_read_timeout(Some(limit)).ok()?;
    stream.set_write_timeout(Some(limit)).ok()?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let body = if head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        unchunk(body)?
    } else {
        body.to_owned()
    };
    Some((status, body))
}

fn unchunk(mut body: &str) -> Option<String> {
    let mut whole = String::new();
    loop {
        let (size, rest) = body.split_once("\r\n")?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        whole.push_str(rest.get(..size)?);
        body = rest.get(size..)?.strip_prefix("\r\n")?;
    }
}

/// One sample of the text format.
#[derive(Debug, Clone)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// All samples of one scrape.
#[derive(Debug, Clone)]
pub struct Metrics(Vec<Sample>);

impl Metrics {
    /// Reads the Prometheus text format; a line that does not fit it fails the
    /// test.
    pub fn parse(text: &str) -> Self {
        let samples = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(samples.map(sample).collect())
    }

    /// The sum of the samples of a name with these labels; `None` if there is
    /// none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has = |s: &&Sample| {
            s.name == name
                && labels
                    .iter()
                    .all(|(l, v)| s.labels.get(*l).map(String::as_str) == Some(*v))
        };
        let found: Vec<f64> = self.0.iter().filter(has).map(|s| s.value).collect();
        (!found.is_empty()).then(|| found.iter().sum())
    }

    /// All names.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.0.iter().map(|s| s.name.as_str()).collect();
        names.dedup();
        names
    }
}

fn sample(line: &str) -> Sample {
    let bad = || -> ! { panic!("not a line of the Prometheus text format: {line}") };
    let Some((head, value)) = line.rsplit_once(' ') else {
        bad()
    };
    let Ok(value) = value.parse() else { bad() };
    let (name, labels) = match head.split_once('{') {
        None => (head, BTreeMap::new()),
        Some((name, rest)) => {
            let Some(rest) = rest.strip_suffix('}') else {
                bad()
            };
            // Names of topics and sinks in tests hold no comma and no quote.
            let labels = rest.split(',').map(|pair| {
                let Some((label, value)) = pair.split_once('=') else {
                    bad()
                };
                (label.to_owned(), value.trim_matches('"').to_owned())
            });
            (name, labels.collect())
        }
    };
    Sample {
        name: name.to_owned(),
        labels,
        value,
    }
}
