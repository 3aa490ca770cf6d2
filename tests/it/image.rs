//! What the Dockerfile gives to cargo: every member of the workspace has to be in it.

use std::fs;
use std::path::Path;
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(file)).expect(file)
}

/// The files that `.dockerignore` lets through: named by a line with `!`, or below one.
fn context() -> Vec<String> {
    let ignore = read(".dockerignore");
    let kept: Vec<&str> = ignore.lines().filter_map(|l| l.strip_prefix('!')).collect();
    let listed = Command::new("git")
        .args(["ls-files"])
        .current_dir(ROOT)
        .output()
        .expect("git");
    let listed = String::from_utf8(listed.stdout).expect("names");
    listed
        .lines()
        .filter(|file| {
            kept.iter().any(|kept| {
                file.strip_prefix(kept)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        })
        .filter(|file| !file.ends_with(".snap") && !file.ends_with(".db"))
        .map(str::to_owned)
        .collect()
}

fn copy(files: &[String], to: &Path) {
    for file in files {
        let target = to.join(file);
        fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
        fs::copy(Path::new(ROOT).join(file), target).expect("a copy");
    }
}

fn assert_resolves(folder: &Path) {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--no-deps"])
        .args(["--format-version", "1"])
        .current_dir(folder)
        .output()
        .expect("cargo");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn every_member_is_in_the_image_of_the_sources() {
    let folder = tempfile::tempdir().expect("a folder");
    copy(&context(), folder.path());
    assert_resolves(folder.path());
}

#[test]
fn every_member_is_in_the_image_of_the_dependencies() {
    let docker = read("Dockerfile");
    let (first, _) = docker.split_once("COPY . .").expect("the second step");
    let copied = first
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .flat_map(|line| line.split_whitespace().rev().skip(1));
    let context = context();
    let copied: Vec<String> = copied.map(str::to_owned).collect();
    for file in &copied {
        assert!(context.contains(file), "{file} is kept from the builder");
    }
    let folder = tempfile::tempdir().expect("a folder");
    copy(&copied, folder.path());
    // The empty sources, as the step makes them.
    let (_, crates) = first.split_once("for crate in ").expect("the crates");
    let (crates, _) = crates.split_once("; do").expect("the crates' end");
    for name in crates.split_whitespace() {
        let source = folder.path().join(name).join("src");
        fs::create_dir_all(&source).expect("a folder");
        fs::write(source.join("lib.rs"), "").expect("a source");
    }
    fs::create_dir_all(folder.path().join("tests/it")).expect("a folder");
    fs::write(folder.path().join("tests/it/main.rs"), "").expect("a source");
    fs::write(folder.path().join("src/main.rs"), "fn main() {}").expect("a source");
    assert_resolves(folder.path());
}
