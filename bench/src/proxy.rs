//! A network of a given delay in front of Postgres, which also counts round
//! trips.

use crate::Result;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Pieces on their way in one direction; a wider window than the kernel's own
/// buffers, so that a delay costs no throughput by itself.
const PIECES: usize = 1_024;
const PIECE: usize = 64 * 1024;

/// A proxy on 127.0.0.1.
pub struct Proxy {
    address: SocketAddr,
    turns: Arc<AtomicU64>,
    accept: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// In front of a server; every byte takes half of `round_trip` each way.
    pub async fn start(upstream: SocketAddr, round_trip: Duration) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let turns = Arc::new(AtomicU64::new(0));
        let counting = turns.clone();
        let accept = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let turns = counting.clone();
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(upstream).await {
                        carry(client, server, round_trip / 2, turns);
                    }
                });
            }
        });
        Ok(Self {
            address,
            turns,
            accept,
        })
    }

    /// The same URL through the proxy.
    #[must_use]
    pub fn url(&self, direct: &str, upstream: SocketAddr) -> String {
        direct.replace(&upstream.to_string(), &self.address.to_string())
    }

    /// How often a client spoke after the server had spoken: round trips.
    #[must_use]
    pub fn round_trips(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

/// Who spoke last on a connection.
#[derive(Default)]
struct Last(std::sync::atomic::AtomicBool);

fn carry(client: TcpStream, server: TcpStream, delay: Duration, turns: Arc<AtomicU64>) {
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    let last = Arc::new(Last::default());
    let asked = {
        let last = last.clone();
        move || {
            if !last.0.swap(true, Ordering::Relaxed) {
                turns.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    let answered = move || last.0.store(false, Ordering::Relaxed);
    one_way(from_client, to_server, delay, asked);
    one_way(from_server, to_client, delay, answered);
}

fn one_way(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    delay: Duration,
    seen: impl Fn() + Send + 'static,
) {
    let (sender, mut pieces) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES);
    tokio::spawn(async move {
        loop {
            let mut piece = Vec::with_capacity(PIECE);
            match from.read_buf(&mut piece).await {
                Ok(0) | Err(_) => return,
                Ok(_) => seen(),
            }
            if sender.send((Instant::now() + delay, piece)).await.is_err() {
                return;
            }
        }
    });
    tokio::spawn(async move {
        while let Some((due, piece)) = pieces.recv().await {
            if !delay.is_zero() {
                tokio::time::sleep_until(due).await;
            }
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    });
}
