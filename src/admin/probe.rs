//! A question to the service that runs on this machine, at `http.listen` of its config.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// More than the halts of ten thousand partitions.
const LARGEST: u64 = 16 << 20;

/// What it answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// HTTP's status.
    pub(super) status: u16,
    /// The body.
    pub(super) body: String,
}

/// Where a service that listens as its config says is reached from here.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let mut address = listen;
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    address
}

/// Gets a path; each step may take as long as `patience`.
///
/// # Errors
/// Nobody answers there, or nobody who speaks HTTP.
pub(super) fn get(address: SocketAddr, path: &str, patience: Duration) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    // HTTP/1.0: the body ends with the connection.
    let question = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(question.as_bytes())?;
    let mut answer = String::new();
    stream.take(LARGEST).read_to_string(&mut answer)?;
    read(&answer).ok_or_else(|| io::Error::other("the answer is not HTTP"))
}

fn read(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let mut words = head.lines().next()?.split(' ');
    words
        .next()
        .filter(|version| version.starts_with("HTTP/"))?;
    Some(Answer {
        status: words.next()?.parse().ok()?,
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_status_and_a_body() {
        let answer = read("HTTP/1.0 503 Service Unavailable\r\na: b\r\n\r\n{}\r\n\r\n");
        let body = "{}\r\n\r\n".to_owned();
        assert_eq!(answer, Some(Answer { status: 503, body }));
        for other in [
            "",
            "SSH-2.0-OpenSSH_9.2\r\n",
            "HTTP/1.0 yes\r\n\r\n",
            "HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn who_listens_everywhere_is_reached_on_loopback() {
        for (listen, reached) in [
            ("0.0.0.0:9464", "127.0.0.1:9464"),
            ("[::]:9464", "[::1]:9464"),
            ("10.0.0.7:9464", "10.0.0.7:9464"),
        ] {
            let reached: SocketAddr = reached.parse().unwrap();
            assert_eq!(reachable(listen.parse().unwrap()), reached);
        }
    }
}
