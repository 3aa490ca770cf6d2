//! What `deploy/` holds: the unit for systemd, the manifests for Kubernetes, and what the
//! image says of itself.

mod kubernetes;
mod systemd;

use crate::harness::case::Case;
use crate::harness::oracle::Mode;
use crate::harness::process::{Process, plimsoll};
use std::fs;
use std::path::Path;

/// A file of the project.
fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(path).expect(file)
}

#[test]
fn the_image_says_what_it_is_and_asks_itself_whether_it_is_well() {
    let docker = read("Dockerfile");
    let (_, run) = docker
        .split_once("# ---- run ----")
        .expect("the image that runs");
    for label in ["title", "version", "revision", "created", "licenses"] {
        let label = format!("org.opencontainers.image.{label}=");
        assert!(run.contains(&label), "{label}");
    }
    let version = format!("ARG VERSION={}\n", env!("CARGO_PKG_VERSION"));
    assert!(run.contains(&version), "{version}");
    assert!(run.contains("\nUSER 10001:10001\n"));
    let (_, health) = run.split_once("HEALTHCHECK").expect("a health check");
    let (_, command) = health.split_once("CMD ").expect("its command");
    let command: Vec<String> = serde_json::from_str(command.lines().next().expect("a line"))
        .expect("a list, for no shell is needed");
    let entry = run
        .lines()
        .find_map(|line| line.strip_prefix("ENTRYPOINT "));
    let entry: Vec<String> = serde_json::from_str(entry.expect("an entry point")).expect("a list");
    assert_eq!(command[0], entry[0]);
    assert_eq!(command[1], "health");
}

/// What the package takes has to be there, or be made by `make deb`.
#[test]
fn the_package_takes_files_that_there_are() {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("TOML");
    let deb = &manifest["package"]["metadata"]["deb"];
    let assets = deb["assets"].as_array().expect("assets");
    let makefile = read("Makefile");
    for asset in assets {
        let from = asset[0].as_str().expect("a file");
        match from.strip_prefix("target/") {
            Some(made) => {
                let folder = made.split('/').next().expect("a folder");
                assert!(makefile.contains(&format!("target/{folder}")), "{from}");
            }
            None => drop(read(from)),
        }
    }
    let units = deb["systemd-units"]["unit-scripts"]
        .as_str()
        .expect("a folder");
    read(&format!("{units}plimsoll.service"));
}

/// As HEALTHCHECK asks, beside the service that answers.
#[test]
fn health_says_by_its_exit_code_what_the_service_answers() {
    let case = Case::new("health", Mode::Append, 1);
    let process = Process::start_ready(&case.service);
    let config = process.config();
    let ask = |arguments: &[&str]| {
        let output = plimsoll(&config, &[&["health"], arguments].concat());
        let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
        (output.status.code().expect("no signal"), said)
    };
    assert_eq!(ask(&[]), (0, "ok\n".to_owned()));
    let (code, said) = ask(&["--ready"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("\"ready\":true"), "{said}");
    let (code, said) = ask(&["--strict"]);
    assert_eq!(code, 0, "{said}");
    assert!(process.drain().success());
    let (code, said) = ask(&[]);
    assert_eq!(code, 7, "{said}");
    assert!(
        said.contains("/healthz") && said.contains("hint: "),
        "{said}"
    );
}
