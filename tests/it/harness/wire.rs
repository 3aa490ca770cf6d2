//! A TCP proxy in front of Cassandra that reads frames of the native protocol: it can
//! keep writes back for as long as a test wants, lose them or the answers to them, and
//! counts each.

use super::{listen, wait};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
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

/// What becomes of writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Pass,
    /// They wait here.
    Hold,
    /// They pass; the first answer to one ends all connections.
    Unheard,
}

struct Shared {
    upstream: SocketAddr,
    fate: watch::Sender<Fate>,
    /// How often all connections were cut.
    cuts: watch::Sender<usize>,
    /// Writes that wait, or waited once.
    held: AtomicUsize,
    /// Answers to those.
    answered: AtomicUsize,
    /// Of those, the ones whose connection ended without an answer.
    lost: AtomicUsize,
    /// Answers that no client heard.
    unheard: AtomicUsize,
}

impl Wire {
    /// A proxy in front of a server.
    pub fn start(upstream: SocketAddr) -> Self {
        let shared = Arc::new(Shared {
            upstream,
            fate: watch::Sender::new(Fate::Pass),
            cuts: watch::Sender::new(0),
            held: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            lost: AtomicUsize::new(0),
            unheard: AtomicUsize::new(0),
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
        self.shared.fate.send_replace(Fate::Hold);
    }

    /// How many writes wait here, or waited once.
    pub fn held(&self) -> usize {
        self.shared.held.load(Ordering::SeqCst)
    }

    /// Waits until so many writes wait.
    #[track_caller]
    pub fn wait_held(&self, writes: usize) {
        wait::until(&format!("{writes} writes are held"), || match self.held() {
            held if held >= writes => Ok(()),
            held => Err(held),
        });
    }

    /// From now on all passes.
    pub fn pass(&self) {
        self.shared.fate.send_replace(Fate::Pass);
    }

    /// Whether what was held has been answered by the server, or is lost: never as long
    /// as more is held.
    pub fn settled(&self) -> bool {
        self.settled_of(self.held())
    }

    fn settled_of(&self, held: usize) -> bool {
        self.answered() + self.lost() >= held
    }

    /// How many of the writes that waited the server has answered.
    pub fn answered(&self) -> usize {
        self.shared.answered.load(Ordering::SeqCst)
    }

    /// How many of them never will be.
    pub fn lost(&self) -> usize {
        self.shared.lost.load(Ordering::SeqCst)
    }

    /// Lets them go on, and waits until the server has answered each. Says how
    /// many those were.
    #[track_caller]
    pub fn release(&self) -> usize {
        let held = self.held();
        self.pass();
        wait::until("the server has answered what was held", || {
            match self.answered() {
                answered if answered >= held => Ok(()),
                answered => Err(format!("{answered} of {held}")),
            }
        });
        held
    }

    /// Ends all connections; what is held never arrives.
    pub fn cut(&self) {
        self.shared.cut();
    }

    /// The same, and from then on all passes. Says how many of the writes that waited
    /// never arrive.
    #[track_caller]
    pub fn lose(&self) -> usize {
        // Clients come back at once, and what they send is held, too: only what waited
        // until now must be lost before anything passes.
        let (held, lost) = (self.held(), self.lost());
        self.cut();
        wait::until("what was held is lost", || match self.settled_of(held) {
            true => Ok(()),
            false => Err(format!("{} of {held}", self.lost() - lost)),
        });
        let lost = self.lost() - lost;
        self.pass();
        lost
    }

    /// From now on, until it is told to pass, writes reach the server, and its answer to
    /// the first of them ends all connections.
    pub fn drop_answers(&self) {
        self.shared.fate.send_replace(Fate::Unheard);
    }

    /// How many answers were kept from their clients so.
    pub fn unheard(&self) -> usize {
        self.shared.unheard.load(Ordering::SeqCst)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accept.abort();
        self.pass();
    }
}

/// Streams of writes that are not answered yet, and whether they waited here.
type Writes = Mutex<HashMap<[u8; 2], bool>>;

impl Shared {
    fn is(&self, fate: Fate) -> bool {
        *self.fate.borrow() == fate
    }

    fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    async fn carry(self: Arc<Self>, client: TcpStream) -> io::Result<()> {
        let mut cuts = self.cuts.subscribe();
        let writes = Writes::default();
        let ended = tokio::select! {
            ended = self.pass_on(client, &writes) => ended,
            _ = cuts.changed() => Ok(()),
        };
        let writes = writes.into_inner().expect("not poisoned");
        let lost = writes.values().filter(|held| **held).count();
        self.lost.fetch_add(lost, Ordering::SeqCst);
        ended
    }

    async fn pass_on(&self, client: TcpStream, writes: &Writes) -> io::Result<()> {
        let server = TcpStream::connect(self.upstream).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (mut from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let (frames, queue) = unbounded_channel();
        let reading = async move {
            while let Some(frame) = frame(&mut from_client).await? {
                let _ = frames.send(frame);
            }
            io::Result::Ok(())
        };
        let answered = Notify::new();
        let upward = self.upward(queue, to_server, writes, &answered);
        let downward = self.downward(from_server, to_client, writes, &answered);
        // It lasts as long as the server's side: the client's may end before.
        tokio::select! {
            ended = downward => ended,
            never = async {
                let _ = tokio::join!(reading, upward);
                std::future::pending().await
            } => never,
        }
    }

    async fn upward(
        &self,
        mut queue: UnboundedReceiver<Vec<u8>>,
        mut to: OwnedWriteHalf,
        writes: &Writes,
        answered: &Notify,
    ) -> io::Result<()> {
        let mut fate = self.fate.subscribe();
        let mut kept = Vec::new();
        loop {
            tokio::select! {
                frame = queue.recv() => match frame {
                    Some(frame) if is_write(&frame) => {
                        let hold = self.is(Fate::Hold);
                        writes.lock().expect("not poisoned").insert(stream(&frame), hold);
                        if hold {
                            self.held.fetch_add(1, Ordering::SeqCst);
                            kept.push(frame);
                        } else {
                            to.write_all(&frame).await?;
                        }
                    }
                    Some(frame) => to.write_all(&frame).await?,
                    None => break,
                },
                () = released(&mut fate), if !kept.is_empty() => {
                    for frame in kept.drain(..) {
                        to.write_all(&frame).await?;
                    }
                }
            }
        }
        // The client has left; what it sent is still on its way.
        released(&mut fate).await;
        for frame in kept {
            to.write_all(&frame).await?;
        }
        while !writes.lock().expect("not poisoned").is_empty() {
            answered.notified().await;
        }
        to.shutdown().await
    }

    async fn downward(
        &self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        writes: &Writes,
        answered: &Notify,
    ) -> io::Result<()> {
        let mut there = true;
        while let Some(frame) = frame(&mut from).await? {
            let write = writes.lock().expect("not poisoned").remove(&stream(&frame));
            if write == Some(true) {
                self.answered.fetch_add(1, Ordering::SeqCst);
            }
            answered.notify_one();
            if write.is_some() && self.is(Fate::Unheard) {
                self.unheard.fetch_add(1, Ordering::SeqCst);
                self.cut();
                return Ok(());
            }
            // A client that has left is no reason to stop reading.
            there = there && to.write_all(&frame).await.is_ok();
        }
        // The server has left: so does the client.
        to.shutdown().await
    }
}

async fn released(fate: &mut watch::Receiver<Fate>) {
    // An error: the proxy is gone, and nothing is held.
    let _ = fate.wait_for(|fate| *fate != Fate::Hold).await;
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

#[test]
fn what_waits_is_lost_though_the_client_comes_back_and_waits_again() {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    let server = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let wire = Wire::start(server.local_addr().expect("an address"));
    let address = wire.address();
    // An EXECUTE without a body, by stream 1 or 2.
    let write = |stream| [4, 0, 0, stream, EXECUTE, 0, 0, 0, 0];
    let send = move |stream| {
        let mut client = TcpStream::connect(address).expect("a connection");
        client.write_all(&write(stream)).expect("sent");
        client
    };
    wire.hold();
    let mut first = send(1);
    wire.wait_held(1);
    let came_back = std::thread::spawn(move || {
        assert_eq!(first.read(&mut [0]).unwrap_or(0), 0, "the connection ended");
        send(2)
    });
    assert_eq!(wire.lose(), 1);
    // The server hears the second alone.
    let heard = server.incoming().map(|connection| {
        let mut frame = [0; HEAD];
        let read = connection.expect("a connection").read_exact(&mut frame);
        read.is_ok().then_some(frame)
    });
    assert_eq!(heard.flatten().next(), Some(write(2)));
    came_back.join().expect("the client came back");
}
