//! A TCP proxy in front of Cassandra that reads frames of the native protocol:
//! it can keep writes back for as long as a test wants, and counts the answers to
//! them.

use super::{listen, wait};
use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::{Notify, watch};

/// Length of a frame's head: version, flags, stream (2), opcode, length (4).
const HEAD: usize = 9;
const EXECUTE: u8 = 0x0A;
const BATCH: u8 = 0x0D;

/// A proxy on 127.0.0.1; gone with all its connections when dropped.
pub struct Wire {
    address: SocketAddr,
    shared: Arc<Shared>,
    accept: tokio::task::JoinHandle<()>,
}

struct Shared {
    upstream: SocketAddr,
    /// Whether writes wait here.
    holding: watch::Sender<bool>,
    /// Writes that wait, or waited once.
    held: AtomicUsize,
    /// Answers to those.
    answered: AtomicUsize,
}

impl Wire {
    /// A proxy in front of a server.
    pub fn start(upstream: SocketAddr) -> Self {
        let shared = Arc::new(Shared {
            upstream,
            holding: watch::Sender::new(false),
            held: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
        });
        let carrying = shared.clone();
        let (address, accept) = listen(move |client| carrying.clone().carry(client));
        Self {
            address,
            shared,
            accept,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on writes wait here; all else passes.
    pub fn hold(&self) {
        self.shared.holding.send_replace(true);
    }

    /// Waits until so many writes wait.
    #[track_caller]
    pub fn wait_held(&self, writes: usize) {
        wait::until(&format!("{writes} writes are held"), || {
            match self.shared.held.load(Ordering::SeqCst) {
                held if held >= writes => Ok(()),
                held => Err(held),
            }
        });
    }

    /// Lets them go on, and waits until the server has answered each. Says how
    /// many those were.
    #[track_caller]
    pub fn release(&self) -> usize {
        let held = self.shared.held.load(Ordering::SeqCst);
        self.shared.holding.send_replace(false);
        wait::until("the server has answered what was held", || {
            match self.shared.answered.load(Ordering::SeqCst) {
                answered if answered >= held => Ok(()),
                answered => Err(format!("{answered} of {held}")),
            }
        });
        held
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accept.abort();
        self.shared.holding.send_replace(false);
    }
}

impl Shared {
    fn holds(&self) -> bool {
        *self.holding.borrow()
    }

    async fn carry(self: Arc<Self>, client: TcpStream) -> io::Result<()> {
        let server = TcpStream::connect(self.upstream).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let (frames, mut queue) = unbounded_channel();
        let reading = async move {
            while let Some(frame) = frame(&mut from_client).await? {
                let _ = frames.send(frame);
            }
            io::Result::Ok(())
        };
        // Streams of writes that were held, and are not answered yet.
        let (waited, answered) = (Mutex::new(HashSet::new()), Notify::new());
        let upward = async {
            let mut holding = self.holding.subscribe();
            let mut kept = Vec::new();
            loop {
                tokio::select! {
                    frame = queue.recv() => match frame {
                        Some(frame) if is_write(&frame) && self.holds() => {
                            waited.lock().expect("not poisoned").insert(stream(&frame));
                            self.held.fetch_add(1, Ordering::SeqCst);
                            kept.push(frame);
                        }
                        Some(frame) => to_server.write_all(&frame).await?,
                        None => break,
                    },
                    () = released(&mut holding), if !kept.is_empty() => {
                        for frame in kept.drain(..) {
                            to_server.write_all(&frame).await?;
                        }
                    }
                }
            }
            // The client has left; what it sent is still on its way.
            released(&mut holding).await;
            for frame in kept {
                to_server.write_all(&frame).await?;
            }
            while !waited.lock().expect("not poisoned").is_empty() {
                answered.notified().await;
            }
            to_server.shutdown().await
        };
        let downward = async {
            let mut there = true;
            while let Some(frame) = frame(&mut from_server).await? {
                if waited.lock().expect("not poisoned").remove(&stream(&frame)) {
                    self.answered.fetch_add(1, Ordering::SeqCst);
                    answered.notify_one();
                }
                // A client that has left is no reason to stop reading.
                there = there && to_client.write_all(&frame).await.is_ok();
            }
            // The server has left: so does the client.
            to_client.shutdown().await
        };
        let (read, up, down) = tokio::join!(reading, upward, downward);
        read.and(up).and(down)
    }
}

async fn released(holding: &mut watch::Receiver<bool>) {
    // An error: the proxy is gone, and nothing is held.
    let _ = holding.wait_for(|holding| !holding).await;
}

fn is_write(frame: &[u8]) -> bool {
    matches!(frame[4], EXECUTE | BATCH)
}

fn stream(frame: &[u8]) -> [u8; 2] {
    [frame[2], frame[3]]
}

/// The next frame, head and all; `None` at the end.
async fn frame(from: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut frame = vec![0; HEAD];
    match from.read_exact(&mut frame).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        done => done?,
    };
    let length = u32::from_be_bytes(frame[5..9].try_into().expect("four bytes"));
    let length = usize::try_from(length).expect("32 bits");
    frame.resize(HEAD + length, 0);
    from.read_exact(&mut frame[HEAD..]).await?;
    Ok(Some(frame))
}
