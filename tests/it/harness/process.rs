//! The program under test, as a process of its own.

use super::free_port;
use super::scrape::{self, Metrics};
use super::service::Service;
use super::wait;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

/// The binary under test.
pub const PLIMSOLL: &str = env!("CARGO_BIN_EXE_plimsoll");

/// The binary that tests are about: this one, or an older one that must fail them
/// (`scripts/mends`).
fn tested() -> String {
    std::env::var("PLIMSOLL_TEST_BINARY").unwrap_or_else(|_| PLIMSOLL.to_owned())
}

/// One `plimsoll run`. It is ended when this is dropped.
pub struct Process {
    child: Child,
    http: SocketAddr,
    log: PathBuf,
    ended: bool,
}

impl Process {
    /// Starts the service.
    pub fn start(service: &Service) -> Self {
        Self::start_as(&tested(), service)
    }

    /// The same of another binary, which may be an older one.
    pub fn start_as(binary: &str, service: &Service) -> Self {
        let (config, http) = service.write();
        Self::run(binary, &config, http, &[])
    }

    /// Starts the service with more in its environment.
    pub fn start_with(service: &Service, environment: &[(&str, &str)]) -> Self {
        let (config, http) = service.write();
        Self::run(&tested(), &config, http, environment)
    }

    /// Starts it with a config of the test's own, in which `@HTTP@` stands for
    /// the address to listen on.
    pub fn start_config(config: &str, folder: &Path) -> Self {
        Self::start_written(config, folder, &[])
    }

    /// The same of one that looks for changes of its config by itself.
    pub fn start_watching(config: &str, folder: &Path) -> Self {
        Self::start_written(config, folder, &["--watch"])
    }

    fn start_written(config: &str, folder: &Path, arguments: &[&str]) -> Self {
        let http = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let path = folder.join("plimsoll.toml");
        fs::write(&path, config.replace("@HTTP@", &http.to_string())).expect("a config file");
        Self::run_with(&tested(), &path, http, &[], arguments)
    }

    fn run(binary: &str, config: &Path, http: SocketAddr, environment: &[(&str, &str)]) -> Self {
        Self::run_with(binary, config, http, environment, &[])
    }

    fn run_with(
        binary: &str,
        config: &Path,
        http: SocketAddr,
        environment: &[(&str, &str)],
        arguments: &[&str],
    ) -> Self {
        let log = config.with_extension("log");
        let out = fs::File::create(&log).expect("a log file");
        let mut command = Command::new(binary);
        command.arg("run").arg("--config").arg(config);
        command.args(arguments);
        // As the README's sample wants it.
        command.env("DATABASE_URL", super::servers::postgres());
        command.env(
            "RUST_LOG",
            std::env::var("PLIMSOLL_TEST_LOG").unwrap_or_else(|_| "plimsoll=debug".into()),
        );
        command.envs(environment.iter().copied());
        command
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a second handle"))
            .stderr(out);
        // A test that is killed leaves nobody behind, not even a stopped one.
        // SAFETY: prctl is async-signal-safe and touches no memory.
        unsafe {
            command.pre_exec(
                || match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                },
            );
        }
        let child = command.spawn().expect("plimsoll starts");
        Self {
            child,
            http,
            log,
            ended: false,
        }
    }

    /// Starts the service and waits for its first claims.
    pub fn start_ready(service: &Service) -> Self {
        let mut process = Self::start(service);
        process.wait_ready();
        process
    }

    /// Waits until `/readyz` says 200.
    #[track_caller]
    pub fn wait_ready(&mut self) {
        wait::until("the service is ready", || {
            self.assert_running();
            match self.get("/readyz") {
                Some((200, _)) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
    }

    /// Where it answers.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// `GET` on its HTTP address.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        scrape::get(self.http, path)
    }

    /// What `/readyz` says, whatever its status.
    pub fn report(&self) -> Option<serde_json::Value> {
        serde_json::from_str(&self.get("/readyz")?.1).ok()
    }

    /// What it counts now; `None` when it does not answer.
    pub fn metrics(&self) -> Option<Metrics> {
        let (status, body) = self.get("/metrics")?;
        assert_eq!(status, 200, "{body}");
        Some(Metrics::parse(&body))
    }

    /// The sum of one metric; 0 as long as it is not there.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.metrics()
            .and_then(|m| m.sum(name, labels))
            .unwrap_or(0.0)
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid")
    }

    /// Its memory in the machine, as the kernel counts it.
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("proc(5)");
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
        let kib = line.and_then(|l| l.trim().strip_suffix(" kB"));
        kib.and_then(|n| n.parse::<u64>().ok()).expect("VmRSS") * 1024
    }

    /// The file that it was started with, for commands beside it.
    pub fn config(&self) -> PathBuf {
        self.log.with_extension("toml")
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Fails the test if the process has ended by itself.
    #[track_caller]
    pub fn assert_running(&mut self) {
        if let Some(status) = self.child.try_wait().expect("the process can be asked") {
            self.ended = true;
            panic!(
                "plimsoll ended by itself: {status}\n{}",
                tail(&self.log(), 30)
            );
        }
    }

    /// SIGKILL. Its socket ends are gone when this returns.
    pub fn kill(mut self) -> ExitStatus {
        self.signal(libc::SIGKILL);
        self.reap()
    }

    /// SIGTERM, and waits for the end.
    #[track_caller]
    pub fn drain(self) -> ExitStatus {
        self.end_by(&[libc::SIGTERM])
    }

    /// Signals, and waits for the end.
    #[track_caller]
    pub fn end_by(mut self, signals: &[i32]) -> ExitStatus {
        for signal in signals {
            self.signal(*signal);
        }
        let status = wait::until("the service has drained", || {
            self.child
                .try_wait()
                .expect("the process can be asked")
                .ok_or("still running")
        });
        self.ended = true;
        status
    }

    /// SIGSTOP; returns when all of its threads stand.
    pub fn freeze(&self) {
        self.signal(libc::SIGSTOP);
        wait::until("the process stands still", || {
            let state = state(self.pid());
            if state == Some('T') {
                Ok(())
            } else {
                Err(format!("{state:?}"))
            }
        });
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        self.signal(libc::SIGCONT);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: i32) {
        // SAFETY: the child is not reaped yet, so the pid is its own.
        let sent = unsafe { libc::kill(self.pid(), signal) };
        assert_eq!(
            sent,
            0,
            "signal {signal}: {}",
            std::io::Error::last_os_error()
        );
    }

    fn reap(&mut self) -> ExitStatus {
        self.ended = true;
        self.child.wait().expect("the process ends")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!(
                "---- the end of {}:\n{}",
                self.log.display(),
                tail(&self.log(), 40)
            );
        }
    }
}

/// The state letter of a process (proc(5)).
fn state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Runs one of the other commands to its end.
pub fn plimsoll(config: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(tested());
    ended(command.args(arguments).arg("--config").arg(config))
}

/// Runs a command in a folder, with more in its environment, to its end.
pub fn plimsoll_in(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(tested());
    let variables = variables.iter().copied();
    ended(command.args(arguments).current_dir(folder).envs(variables))
}

fn ended(command: &mut Command) -> Output {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("plimsoll starts");
    let (mut out, mut err) = (
        child.stdout.take().expect("piped"),
        child.stderr.take().expect("piped"),
    );
    let read = |from: &mut dyn std::io::Read| {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("output");
        bytes
    };
    let (stdout, stderr) = std::thread::scope(|scope| {
        let stderr = scope.spawn(move || read(&mut err));
        (read(&mut out), stderr.join().expect("output"))
    });
    let status = wait::within(Duration::from_secs(60), "the command ends", || {
        child
            .try_wait()
            .expect("the process can be asked")
            .ok_or("still running")
    });
    Output {
        status,
        stdout,
        stderr,
    }
}

/// [`plimsoll`], which must end with 0; returns what it printed.
#[track_caller]
pub fn plimsoll_ok(config: &Path, arguments: &[&str]) -> String {
    let output = plimsoll(config, arguments);
    assert!(
        output.status.success(),
        "plimsoll {arguments:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}
