//! A TCP proxy in front of Postgres that reads the client's messages: it can
//! hold a commit or its answer, lose either, be slow, cut all connections, or fall
//! silent.
//!
//! A commit is a message that calls the state schema's function `advance`: in a
//! simple query, or by executing a prepared statement.

use super::{listen, wait};
use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, watch};

/// What becomes of the next commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It passes.
    Pass,
    /// It waits in the proxy until it is released.
    Hold,
    /// The next one that ends an open transaction waits; until then others pass.
    HoldOpen,
    /// It reaches the server; the answer waits until it is released.
    HoldAnswer,
    /// It reaches the server and ends well; the answer never reaches the client,
    /// whose connection breaks. One that fails passes, and the next is taken.
    LoseAnswer,
    /// It never reaches the server; both connections break.
    LoseCommit,
}

/// A proxy on 127.0.0.1; gone with all its connections when dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accept: tokio::task::JoinHandle<()>,
}

struct Shared {
    upstream: SocketAddr,
    next: Mutex<Next>,
    /// Raised to break all connections of now.
    breaks: watch::Sender<u64>,
    /// Raised to silence all connections of now.
    silences: watch::Sender<u64>,
    /// Whether new connections are silent from the start.
    silent: AtomicBool,
    release: Notify,
    held: AtomicUsize,
    /// Whether the last held commit was answered.
    passed_on: AtomicBool,
    lost: AtomicUsize,
    /// Milliseconds by which each answer comes late.
    slow_ms: AtomicU64,
    slowed: AtomicUsize,
    /// Connections of now that pass.
    passing: AtomicUsize,
    silenced: AtomicUsize,
    /// Silent connections that their clients closed.
    given_up: AtomicUsize,
    applied: AtomicUsize,
    refused: AtomicUsize,
    /// What silent connections keep open on the server's side.
    graveyard: Mutex<Vec<(OwnedReadHalf, OwnedWriteHalf)>>,
}

impl Proxy {
    /// A proxy in front of a server.
    pub fn start(upstream: SocketAddr) -> Self {
        let shared = Arc::new(Shared {
            upstream,
            next: Mutex::new(Next::Pass),
            breaks: watch::Sender::new(0),
            silences: watch::Sender::new(0),
            silent: AtomicBool::new(false),
            release: Notify::new(),
            held: AtomicUsize::new(0),
            passed_on: AtomicBool::new(false),
            lost: AtomicUsize::new(0),
            slow_ms: AtomicU64::new(0),
            slowed: AtomicUsize::new(0),
            passing: AtomicUsize::new(0),
            silenced: AtomicUsize::new(0),
            given_up: AtomicUsize::new(0),
            applied: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            graveyard: Mutex::default(),
        });
        let carrying = shared.clone();
        let (address, accept) = listen(move |client| carrying.clone().carry(client));
        Self {
            address,
            shared,
            accept,
        }
    }

    /// A Postgres URL that leads through it.
    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.address)
    }

    /// Decides over the next commit; later ones pass.
    pub fn next_commit(&self, next: Next) {
        *self.shared.next.lock().expect("not poisoned") = next;
    }

    /// Waits until a commit is held.
    #[track_caller]
    pub fn wait_held(&self) {
        wait::until("the proxy holds a commit", || {
            match self.shared.held.load(Ordering::SeqCst) {
                0 => Err("none held"),
                _ => Ok(()),
            }
        });
    }

    /// Lets the held commit go on to the server.
    pub fn release(&self) {
        self.shared.release.notify_waiters();
    }

    /// Whether a commit, or its answer, waits here now.
    pub fn holds(&self) -> bool {
        self.shared.held.load(Ordering::SeqCst) > 0
    }

    /// Whether what was held last has had its answer, or met a session that is
    /// gone.
    pub fn passed_on(&self) -> bool {
        self.shared.passed_on.load(Ordering::SeqCst)
    }

    /// Commits that were lost, or whose answer was.
    pub fn lost(&self) -> usize {
        self.shared.lost.load(Ordering::SeqCst)
    }

    /// From now on each answer comes late by so many milliseconds.
    pub fn slow_down(&self, ms: u64) {
        self.shared.slow_ms.store(ms, Ordering::SeqCst);
    }

    /// Answers that came late.
    pub fn slowed(&self) -> usize {
        self.shared.slowed.load(Ordering::SeqCst)
    }

    /// Waits until no commit is held any more, and what was held has had its
    /// answer, or met a session that is gone.
    #[track_caller]
    pub fn wait_passed_on(&self) {
        wait::until("the held commit is answered", || {
            match self.shared.passed_on.load(Ordering::SeqCst) {
                false => Err("no answer yet"),
                true => Ok(()),
            }
        });
    }

    /// Waits until a commit or its answer was lost.
    #[track_caller]
    pub fn wait_lost(&self) {
        wait::until("the proxy has lost a commit", || {
            match self.shared.lost.load(Ordering::SeqCst) {
                0 => Err("none lost"),
                _ => Ok(()),
            }
        });
    }

    /// Commits whose answer was lost after the server had said that it ended
    /// well.
    pub fn applied(&self) -> usize {
        self.shared.applied.load(Ordering::SeqCst)
    }

    /// Commits that the database refused because the position moved, or has
    /// another owner.
    pub fn refused(&self) -> usize {
        self.shared.refused.load(Ordering::SeqCst)
    }

    /// Breaks all connections with a reset; new ones pass.
    pub fn reset(&self) {
        self.shared.breaks.send_modify(|n| *n += 1);
    }

    /// From now on nothing passes, and nobody is told: not the client, not the
    /// server.
    pub fn silence(&self) {
        self.shared.silent.store(true, Ordering::SeqCst);
        self.shared.silences.send_modify(|n| *n += 1);
    }

    /// Connections that fell silent, or began so.
    pub fn silenced(&self) -> usize {
        self.shared.silenced.load(Ordering::SeqCst)
    }

    /// Silent connections that their clients closed.
    pub fn given_up(&self) -> usize {
        self.shared.given_up.load(Ordering::SeqCst)
    }

    /// Connections that pass now.
    pub fn passing(&self) -> usize {
        self.shared.passing.load(Ordering::SeqCst)
    }

    /// New connections pass again; the silent ones stay so.
    pub fn mend(&self) {
        self.shared.silent.store(false, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accept.abort();
        self.reset();
    }
}

impl Shared {
    async fn carry(self: Arc<Self>, client: TcpStream) -> io::Result<()> {
        let mut broken = self.breaks.subscribe();
        let mut silenced = self.silences.subscribe();
        if self.silent.load(Ordering::SeqCst) {
            // Open, and nobody there.
            self.silenced.fetch_add(1, Ordering::SeqCst);
            let (mut from_client, _to_client) = client.into_split();
            self.swallow(&mut from_client, &mut broken).await;
            return Ok(());
        }
        let server = TcpStream::connect(self.upstream).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        // A closed socket of ours resets the connection, as a crash would.
        client.set_zero_linger()?;
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let answers = Arc::new(Answers::default());
        let passing = Passing::begin(&self.passing);
        let ended = tokio::select! {
            ended = self.upward(&mut from_client, &mut to_server, &answers) => ended,
            ended = self.downward(&mut from_server, &mut to_client, &answers) => ended,
            _ = broken.changed() => Ok(()),
            _ = silenced.changed() => {
                drop(passing);
                self.graveyard.lock().expect("not poisoned").push((from_server, to_server));
                self.silenced.fetch_add(1, Ordering::SeqCst);
                // The client's end stays open too, until it gives up.
                self.swallow(&mut from_client, &mut broken).await;
                drop((from_client, to_client));
                self.graveyard.lock().expect("not poisoned").clear();
                Ok(())
            }
        };
        if answers.holding.load(Ordering::SeqCst) {
            // The session ended while its commit was held, or later.
            self.held.store(0, Ordering::SeqCst);
            self.passed_on.store(true, Ordering::SeqCst);
        }
        ended
    }

    /// Reads what nobody will ever get, until all connections are broken.
    async fn swallow(&self, from: &mut OwnedReadHalf, broken: &mut watch::Receiver<u64>) {
        let reading = async {
            let mut nowhere = [0; 4096];
            while !matches!(from.read(&mut nowhere).await, Ok(0) | Err(_)) {}
            self.given_up.fetch_add(1, Ordering::SeqCst);
            // The server hears nothing of it.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = reading => {}
            _ = broken.changed() => {}
        }
    }

    async fn upward(
        &self,
        from: &mut OwnedReadHalf,
        to: &mut OwnedWriteHalf,
        answers: &Answers,
    ) -> io::Result<()> {
        let mut frames = Frames::new(true);
        let mut commits = Commits::default();
        loop {
            let Some(frame) = frames.next(from).await? else {
                return to.shutdown().await;
            };
            if commits.is_one(&frame) {
                match self.take_next(&frame) {
                    Next::Pass => {}
                    Next::HoldAnswer => {
                        self.passed_on.store(false, Ordering::SeqCst);
                        answers.holding.store(true, Ordering::SeqCst);
                        answers.hold_the_next();
                    }
                    Next::Hold | Next::HoldOpen => {
                        let mut released = pin!(self.release.notified());
                        released.as_mut().enable();
                        self.passed_on.store(false, Ordering::SeqCst);
                        answers.holding.store(true, Ordering::SeqCst);
                        self.held.fetch_add(1, Ordering::SeqCst);
                        released.await;
                        self.held.fetch_sub(1, Ordering::SeqCst);
                        answers.watch_the_next();
                    }
                    Next::LoseAnswer => answers.swallow_the_next(),
                    Next::LoseCommit => {
                        self.lost.fetch_add(1, Ordering::SeqCst);
                        return Ok(());
                    }
                }
            }
            answers.asked(&frame);
            to.write_all(&frame).await?;
        }
    }

    /// What becomes of this commit.
    fn take_next(&self, commit: &[u8]) -> Next {
        let mut next = self.next.lock().expect("not poisoned");
        // A transaction of several statements ends with a simple query; a
        // prepared statement is a whole transaction by itself.
        if *next == Next::HoldOpen && commit[0] != b'Q' {
            return Next::Pass;
        }
        std::mem::replace(&mut *next, Next::Pass)
    }

    async fn downward(
        &self,
        from: &mut OwnedReadHalf,
        to: &mut OwnedWriteHalf,
        answers: &Answers,
    ) -> io::Result<()> {
        let mut frames = Frames::new(false);
        // The answer that is lost, as long as it may still be an error.
        let mut kept = Vec::new();
        let mut failed = false;
        loop {
            let Some(frame) = frames.next(from).await? else {
                return to.shutdown().await;
            };
            if frame[0] == b'E' && frame.windows(6).any(|code| code == b"CPLM01") {
                self.refused.fetch_add(1, Ordering::SeqCst);
            }
            if answers.held_back() {
                let mut released = pin!(self.release.notified());
                released.as_mut().enable();
                self.held.fetch_add(1, Ordering::SeqCst);
                released.await;
                self.held.fetch_sub(1, Ordering::SeqCst);
            }
            let swallow = answers.swallowing();
            failed |= swallow && frame[0] == b'E';
            if frame[0] == b'Z' {
                let late = self.slow_ms.load(Ordering::SeqCst);
                if late > 0 {
                    tokio::time::sleep(Duration::from_millis(late)).await;
                    self.slowed.fetch_add(1, Ordering::SeqCst);
                }
                let answered = answers.answered();
                if answered == Answered::Lost && failed {
                    // Nothing was committed: the next one will be.
                    *self.next.lock().expect("not poisoned") = Next::LoseAnswer;
                    answers.lost.store(0, Ordering::SeqCst);
                    to.write_all(&kept).await?;
                    to.write_all(&frame).await?;
                    (kept, failed) = (Vec::new(), false);
                    continue;
                }
                if answered == Answered::Lost {
                    self.applied.fetch_add(1, Ordering::SeqCst);
                    self.lost.fetch_add(1, Ordering::SeqCst);
                    return Ok(());
                }
                if answered == Answered::Watched {
                    answers.holding.store(false, Ordering::SeqCst);
                    self.passed_on.store(true, Ordering::SeqCst);
                }
            }
            if swallow {
                kept.extend_from_slice(&frame);
            } else {
                to.write_all(&frame).await?;
            }
        }
    }
}

/// Counts a connection while it passes.
struct Passing<'p>(&'p AtomicUsize);

impl<'p> Passing<'p> {
    fn begin(count: &'p AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Pairs questions (a simple query, a Sync) with ReadyForQuery.
#[derive(Default)]
struct Answers {
    /// Without the start-up, whose ReadyForQuery comes first.
    asked: AtomicU64,
    answered: AtomicU64,
    /// The question whose answer is lost; 0: none.
    lost: AtomicU64,
    /// The question whose answer is waited for; 0: none.
    watched: AtomicU64,
    /// Whether the answer that is watched waits for its release.
    hold: AtomicBool,
    /// Whether a commit of this connection is held, or not answered since.
    holding: AtomicBool,
}

#[derive(PartialEq, Eq)]
enum Answered {
    Other,
    Lost,
    Watched,
}

impl Answers {
    fn asked(&self, frame: &[u8]) {
        if matches!(frame[0], b'Q' | b'S') {
            self.asked.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// The number of the ReadyForQuery that the next question will get.
    fn next(&self) -> u64 {
        1 + self.asked.load(Ordering::SeqCst) + 1
    }

    fn swallow_the_next(&self) {
        self.lost.store(self.next(), Ordering::SeqCst);
    }

    fn watch_the_next(&self) {
        self.watched.store(self.next(), Ordering::SeqCst);
    }

    fn hold_the_next(&self) {
        self.watch_the_next();
        self.hold.store(true, Ordering::SeqCst);
    }

    /// Whether the answer that begins now waits for its release; says so once.
    fn held_back(&self) -> bool {
        let watched = self.watched.load(Ordering::SeqCst);
        self.hold.load(Ordering::SeqCst)
            && self.answered.load(Ordering::SeqCst) + 1 == watched
            && self.hold.swap(false, Ordering::SeqCst)
    }

    /// Whether what the server says now belongs to the answer that is lost.
    fn swallowing(&self) -> bool {
        let lost = self.lost.load(Ordering::SeqCst);
        lost != 0 && self.answered.load(Ordering::SeqCst) + 1 >= lost
    }

    /// Counts an answer, and says whose it was.
    fn answered(&self) -> Answered {
        let answered = self.answered.fetch_add(1, Ordering::SeqCst) + 1;
        if answered == self.lost.load(Ordering::SeqCst) {
            Answered::Lost
        } else if answered == self.watched.load(Ordering::SeqCst) {
            Answered::Watched
        } else {
            Answered::Other
        }
    }
}

/// Cuts a stream into the protocol's messages.
struct Frames {
    /// Before the session begins, messages have no type byte.
    starting: bool,
    buffer: Vec<u8>,
    used: usize,
}

impl Frames {
    fn new(client: bool) -> Self {
        Self {
            // The server's first byte can be a bare `N`: it declines TLS.
            starting: true,
            buffer: vec![u8::from(client)],
            used: 1,
        }
    }

    async fn next(&mut self, from: &mut OwnedReadHalf) -> io::Result<Option<Vec<u8>>> {
        let client = self.buffer[0] == 1;
        loop {
            if let Some(length) = self.length(client)
                && self.buffer.len() - self.used >= length
            {
                let frame = self.buffer[self.used..self.used + length].to_vec();
                self.used += length;
                self.note(client, &frame);
                return Ok(Some(frame));
            }
            self.buffer.drain(1..self.used);
            self.used = 1;
            if from.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// The length of the message at hand, as soon as it can be told.
    fn length(&self, client: bool) -> Option<usize> {
        let rest = &self.buffer[self.used..];
        let number = |at: usize| -> Option<usize> {
            let bytes = rest.get(at..at + 4)?.try_into().ok()?;
            usize::try_from(u32::from_be_bytes(bytes)).ok()
        };
        match (self.starting, client) {
            (true, true) => number(0),
            (true, false) if rest.first()? == &b'N' => Some(1),
            (true, false) | (false, _) => Some(1 + number(1)?),
        }
    }

    fn note(&mut self, client: bool, frame: &[u8]) {
        const SSL_REQUEST: [u8; 4] = 80_877_103_u32.to_be_bytes();
        self.starting = if client {
            self.starting && frame.get(4..8) == Some(&SSL_REQUEST)
        } else {
            self.starting && frame == b"N"
        };
    }
}

/// Knows which statements of a connection are commits.
#[derive(Default)]
struct Commits {
    statements: HashSet<Vec<u8>>,
    portals: HashSet<Vec<u8>>,
    started: bool,
}

impl Commits {
    fn is_one(&mut self, frame: &[u8]) -> bool {
        // Start-up messages have no type; their first byte is 0.
        let (kind, body) = (frame[0], frame.get(5..).unwrap_or_default());
        self.started |= kind != 0;
        if !self.started {
            return false;
        }
        let mut words = body.split(|b| *b == 0);
        let (first, second) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        match kind {
            b'Q' => commits(first),
            b'P' => {
                remember(&mut self.statements, first, commits(second));
                false
            }
            b'B' => {
                let bound = self.statements.contains(second);
                remember(&mut self.portals, first, bound);
                false
            }
            b'E' => self.portals.contains(first),
            _ => false,
        }
    }
}

fn remember(names: &mut HashSet<Vec<u8>>, name: &[u8], yes: bool) {
    if yes {
        names.insert(name.to_vec());
    } else {
        names.remove(name);
    }
}

fn commits(sql: &[u8]) -> bool {
    let text = String::from_utf8_lossy(sql);
    // An older plimsoll has a function of its own.
    let calls = text.contains("advance_all(") || text.contains("advance(");
    // The migration makes the function.
    calls && !text.contains("CREATE FUNCTION")
}
