//! A TCP proxy in front of Kafka that reads its protocol: it can put an error into
//! an answer, and damage the batches in one.
//!
//! A broker names the address of its listener, so the proxy's is what a listener of
//! its own advertises. It connects from [`SOURCE`], by which the broker's access
//! lists tell its clients from others.

use super::kafka_wire::{self, Api, Asked};
use super::{free_port, listen};
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};

/// Where its connections to the broker come from.
pub const SOURCE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Its first error code becomes this one.
    Error(Api, i16),
    /// It never comes.
    Silent(Api),
    /// It tells no leader of any partition.
    Leaderless,
    /// A bit of the first batch in it is not what was written.
    Damaged,
    /// The first batch in it says that it is compressed, and cannot be read; its
    /// checksum is right.
    Unreadable,
}

/// A proxy on 127.0.0.1; gone with all its connections when dropped.
pub struct KafkaProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accept: tokio::task::JoinHandle<()>,
}

struct Shared {
    upstream: SocketAddr,
    /// What the next answers meet that it fits.
    fault: Mutex<Option<Fault>>,
    done: AtomicUsize,
}

impl KafkaProxy {
    /// A proxy in front of a port where a broker will listen.
    pub fn start() -> Self {
        let shared = Arc::new(Shared {
            upstream: (Ipv4Addr::LOCALHOST, free_port()).into(),
            fault: Mutex::default(),
            done: AtomicUsize::new(0),
        });
        let carrying = shared.clone();
        let (address, accept) = listen(move |client| carrying.clone().carry(client));
        Self {
            address,
            shared,
            accept,
        }
    }

    /// Where the broker is to listen for it.
    pub fn upstream(&self) -> u16 {
        self.shared.upstream.port()
    }

    /// Where it listens itself.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// All answers that the fault fits meet it from now on; none: none do.
    pub fn set(&self, fault: Option<Fault>) {
        *self.shared.fault.lock().expect("not poisoned") = fault;
    }

    /// How many answers met a fault so far.
    pub fn done(&self) -> usize {
        self.shared.done.load(Ordering::SeqCst)
    }
}

impl Drop for KafkaProxy {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

/// What a connection has asked, by the number of the request.
type Open = Mutex<HashMap<i32, Asked>>;

impl Shared {
    async fn carry(self: Arc<Self>, client: TcpStream) -> io::Result<()> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((SOURCE, 0).into())?;
        let server = socket.connect(self.upstream).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let open = Open::default();
        tokio::select! {
            ended = upward(&mut from_client, &mut to_server, &open) => ended,
            ended = self.downward(&mut from_server, &mut to_client, &open) => ended,
        }
    }

    async fn downward(
        &self,
        from: &mut OwnedReadHalf,
        to: &mut OwnedWriteHalf,
        open: &Open,
    ) -> io::Result<()> {
        loop {
            let mut answer = frame(from).await?;
            let asked = kafka_wire::number(&answer).and_then(|number| {
                let mut open = open.lock().expect("not poisoned");
                open.remove(&number)
            });
            if let Some(asked) = asked {
                let fault = *self.fault.lock().expect("not poisoned");
                if fault == Some(Fault::Silent(asked.api)) {
                    self.done.fetch_add(1, Ordering::SeqCst);
                    continue;
                }
                let met = match fault {
                    Some(Fault::Error(api, code)) if api == asked.api => {
                        kafka_wire::put_error(&mut answer, asked, code)
                    }
                    Some(Fault::Leaderless) => kafka_wire::take_leaders(&mut answer, asked),
                    Some(Fault::Damaged) => kafka_wire::damage(&mut answer, asked),
                    Some(Fault::Unreadable) => kafka_wire::garble(&mut answer, asked),
                    Some(Fault::Error(..) | Fault::Silent(_)) | None => None,
                };
                self.done
                    .fetch_add(usize::from(met.is_some()), Ordering::SeqCst);
            }
            send(to, &answer).await?;
        }
    }
}

async fn upward(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, open: &Open) -> io::Result<()> {
    loop {
        let request = frame(from).await?;
        if let Some((number, asked)) = kafka_wire::asked(&request) {
            open.lock().expect("not poisoned").insert(number, asked);
        }
        send(to, &request).await?;
    }
}

/// A message without its length.
async fn frame(from: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    let mut frame = vec![0; length as usize];
    from.read_exact(&mut frame).await?;
    Ok(frame)
}

async fn send(to: &mut OwnedWriteHalf, frame: &[u8]) -> io::Result<()> {
    let length = u32::try_from(frame.len()).expect("a frame");
    let mut whole = length.to_be_bytes().to_vec();
    whole.extend_from_slice(frame);
    to.write_all(&whole).await
}
