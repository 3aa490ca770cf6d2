//! `health`: what the service on this machine answers to probes, as an exit code.

use super::error::AdminError;
use super::probe::{get, reachable};
use crate::cli::ConfigArg;
use crate::exit::Exit;
use clap::Args;
use std::io::Write;
use std::time::Duration;

/// A container's engine kills a probe of its own accord after some seconds; this one
/// says why before.
const PATIENCE: Duration = Duration::from_secs(2);

/// `plimsoll health`
#[derive(Debug, Args)]
pub struct HealthArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Ask whether each sink has claimed what it was first given: /readyz
    #[arg(long)]
    ready: bool,
    /// Ask whether nothing is halted and nothing is wrong either: /readyz?strict
    #[arg(long, conflicts_with = "ready")]
    strict: bool,
}

impl HealthArgs {
    fn path(&self) -> &'static str {
        match (self.ready, self.strict) {
            (_, true) => "/readyz?strict",
            (true, false) => "/readyz",
            (false, false) => "/healthz",
        }
    }
}

/// Asks the service, and prints what it says.
///
/// # Errors
/// The config's faults; nobody answers; the config lets nobody ask.
pub fn health(args: &HealthArgs, out: &mut impl Write) -> Result<Exit, AdminError> {
    let config = args.config.load()?;
    let Some(listen) = config.listen else {
        return Err(AdminError::Refused(
            "http.listen is \"off\": the service answers no probe; hint: give it an address of \
             this machine, such as 127.0.0.1:9464"
                .to_owned(),
        ));
    };
    let (address, path) = (reachable(listen), args.path());
    let answer = get(address, path, PATIENCE).map_err(|why| AdminError::Silent {
        url: format!("http://{address}{path}"),
        why,
    })?;
    writeln!(out, "{}", answer.body.trim_end())?;
    Ok(match answer.status {
        200 => Exit::Ok,
        _ => Exit::Failed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::{SocketAddr, TcpListener};
    use std::path::Path;

    /// A service that answers once, and the first line of what it was asked.
    fn serve(answer: &'static str) -> (SocketAddr, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 1024];
            let length = stream.read(&mut asked).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            let asked = String::from_utf8_lossy(&asked[..length]).into_owned();
            asked.lines().next().unwrap_or_default().to_owned()
        });
        (address, asked)
    }

    fn config(folder: &Path, listen: &str) -> ConfigArg {
        let config = folder.join("plimsoll.toml");
        let text = format!(
            "[kafka]\nbootstrap_servers = \"k:9092\"\n[http]\nlisten = \"{listen}\"\n[sinks.a]\n\
             topics = [\"t\"]\nstart = \"earliest\"\non_bad_record = \"halt\"\n[sinks.a.postgres]\n\
             url = \"postgres://h/d\"\ntable = \"t\"\nmode = \"append\"\n"
        );
        std::fs::write(&config, text).unwrap();
        ConfigArg { config }
    }

    fn ask(listen: &str, ready: bool, strict: bool) -> (Result<Exit, AdminError>, String) {
        let folder = tempfile::tempdir().unwrap();
        let args = HealthArgs {
            config: config(folder.path(), listen),
            ready,
            strict,
        };
        let mut out = Vec::new();
        let exit = health(&args, &mut out);
        (exit, String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_exit_code_is_the_answer_s() {
        let good = "HTTP/1.0 200 OK\r\n\r\nok\n";
        let bad = "HTTP/1.0 503 Service Unavailable\r\n\r\n{\"ready\":false}";
        for (ready, strict, answer, path, exit) in [
            (false, false, good, "/healthz", Exit::Ok),
            (true, false, good, "/readyz", Exit::Ok),
            (true, false, bad, "/readyz", Exit::Failed),
            (false, true, bad, "/readyz?strict", Exit::Failed),
        ] {
            let (address, asked) = serve(answer);
            let (told, out) = ask(&address.to_string(), ready, strict);
            assert_eq!(told.unwrap(), exit);
            assert_eq!(asked.join().unwrap(), format!("GET {path} HTTP/1.0"));
            assert_eq!(
                out.trim_end(),
                answer.rsplit("\r\n").next().unwrap().trim_end()
            );
        }
    }

    #[test]
    fn a_service_that_is_not_there_is_unreachable() {
        // Bound and given back: nobody listens there.
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let (told, _) = ask(&address.to_string(), false, false);
        let error = told.unwrap_err();
        assert_eq!(error.exit(), Exit::Unreachable);
        assert!(
            error
                .to_string()
                .contains(&format!("http://{address}/healthz")),
            "{error}"
        );
    }

    #[test]
    fn a_service_that_nobody_may_ask_is_refused() {
        let (told, _) = ask("off", false, false);
        assert_eq!(told.unwrap_err().exit(), Exit::Refused);
    }
}
