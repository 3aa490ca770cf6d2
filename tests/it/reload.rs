//! A config that changes under a service that runs.

use crate::harness::kafka::{Kafka, Message};
use crate::harness::postgres::Database;
use crate::harness::process::Process;
use crate::harness::{folder, servers, unique, wait};
use std::fs;
use std::path::PathBuf;

struct Scene {
    kafka: Kafka,
    database: Database,
    topics: [String; 2],
    folder: PathBuf,
}

impl Scene {
    fn new(test: &str) -> Self {
        let kafka = Kafka::shared();
        let topics = ["a", "b"].map(|name| unique(&format!("{test}_{name}")));
        for topic in &topics {
            kafka.create_topic(topic, 2);
        }
        let database = Database::shared(test);
        database.execute("CREATE TABLE {s}.a (id bigint); CREATE TABLE {s}.b (id bigint)");
        let folder = folder(test);
        let scene = Self {
            kafka,
            database,
            topics,
            folder,
        };
        fs::write(scene.secret(), servers::postgres()).expect("a secret");
        scene
    }

    /// Where the database is, as a secret that is mounted.
    fn secret(&self) -> PathBuf {
        self.folder.join("url")
    }

    fn sink(&self, place: usize, more: &str) -> String {
        let (name, topic) = (["a", "b"][place], &self.topics[place]);
        let (table, schema) = (self.database.table(name), self.database.state_schema());
        let secret = self.secret();
        format!(
            "[sinks.{name}]\ntopics = [\"{topic}\"]\ngroup_id = \"{topic}\"\n{more}\n\
             [sinks.{name}.batch]\nlinger_ms = 10\n[sinks.{name}.postgres]\nurl = \"${{file:{}}}\"\n\
             state_schema = \"{schema}\"\ntable = {table:?}\nmode = \"append\"\n",
            secret.display()
        )
    }

    fn config(&self, sinks: &[String]) -> String {
        format!(
            "[kafka]\nbootstrap_servers = \"{}\"\n[kafka.properties]\n\"session.timeout.ms\" = \
             \"6000\"\n[http]\nlisten = \"@HTTP@\"\n{}",
            servers::kafka(),
            sinks.concat()
        )
    }

    /// Writes the config of a process that runs anew.
    fn rewrite(&self, process: &Process, sinks: &[String]) {
        let text = self.config(sinks);
        let text = text.replace("@HTTP@", &process.http().to_string());
        fs::write(process.config(), text).expect("a config");
    }

    fn send(&self, place: usize, ids: std::ops::Range<i64>) {
        let message = |id: i64| {
            let partition = i32::try_from(id % 2).unwrap();
            Message::of(partition, &format!("{{\"id\":{id}}}"))
        };
        let all: Vec<Message> = ids.map(message).collect();
        self.kafka.producer().send_all(&self.topics[place], &all);
    }

    fn assert_exact(&self, place: usize, rows: i64) {
        self.database
            .wait_caught_up(&self.kafka, &self.topics[place]);
        let table = ["a", "b"][place];
        let all = self
            .database
            .number(&format!("SELECT count(*) FROM {{s}}.{table}"));
        let distinct = format!("SELECT count(DISTINCT id) FROM {{s}}.{table}");
        assert_eq!((all, self.database.number(&distinct)), (rows, rows));
    }

    fn epochs(&self, place: usize) -> i64 {
        let topic = &self.topics[place];
        let sql =
            format!("SELECT sum(epoch)::bigint FROM {{s}}_state.positions WHERE topic = '{topic}'");
        self.database.number(&sql)
    }
}

fn wait_log(process: &mut Process, words: &str) {
    wait::until(words, || {
        process.assert_running();
        match process.log() {
            log if log.contains(words) => Ok(()),
            log => Err(log),
        }
    });
}

#[test]
fn what_changed_begins_anew_and_a_fault_changes_nothing() {
    let scene = Scene::new("reload");
    let (a, b) = (scene.sink(0, ""), scene.sink(1, ""));
    scene.send(0, 0..100);
    scene.send(1, 0..100);
    let config = scene.config(&[a.clone(), b.clone()]);
    let mut process = Process::start_config(&config, &scene.folder);
    process.wait_ready();
    scene.assert_exact(0, 100);
    scene.assert_exact(1, 100);
    let of_b = scene.epochs(1);
    let good = |process: &Process| process.metric("plimsoll_config_last_reload_successful", &[]);
    assert!((good(&process) - 1.0).abs() < f64::EPSILON);

    // A fault: told, and nothing else.
    scene.rewrite(&process, &[a.clone(), scene.sink(1, "strat = \"latest\"")]);
    process.signal(libc::SIGHUP);
    wait_log(&mut process, "the config was not taken up");
    wait_log(&mut process, "strat");
    assert!(good(&process).abs() < f64::EPSILON);
    scene.send(0, 100..200);
    scene.assert_exact(0, 200);

    // One sink changes, with records on their way: it begins anew, the other one goes on.
    scene.send(0, 200..1_000);
    scene.rewrite(
        &process,
        &[scene.sink(0, "on_bad_record = \"dead_letter\""), b.clone()],
    );
    process.signal(libc::SIGHUP);
    wait_log(&mut process, "the config has changed: draining sink=\"a\"");
    let before = scene.epochs(0);
    scene.send(0, 1_000..1_100);
    scene.assert_exact(0, 1_100);
    wait::until("a is claimed anew", || match scene.epochs(0) {
        epochs if epochs > before || epochs >= 4 => Ok(()),
        epochs => Err(epochs),
    });
    assert_eq!(scene.epochs(1), of_b);
    assert!((good(&process) - 1.0).abs() < f64::EPSILON);

    // One goes, and comes back.
    scene.rewrite(&process, std::slice::from_ref(&a));
    process.signal(libc::SIGHUP);
    wait::until("b has left its group", || {
        match scene.kafka.group(&scene.topics[1]) {
            (_, 0) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    scene.send(1, 100..200);
    scene.rewrite(&process, &[a, b]);
    process.signal(libc::SIGHUP);
    scene.assert_exact(1, 200);
    process.assert_running();
    process.wait_ready();
    assert!(process.drain().success());
}

#[test]
fn a_secret_that_is_rotated_is_taken_up_by_itself() {
    let scene = Scene::new("reload_watch");
    let a = scene.sink(0, "");
    scene.send(0, 0..100);
    let mut process = Process::start_watching(&scene.config(&[a]), &scene.folder);
    process.wait_ready();
    scene.assert_exact(0, 100);
    let rotated = format!("{}?application_name=rotated", servers::postgres());
    // As Kubernetes does it: another file, and a rename.
    let next = scene.folder.join("url.next");
    fs::write(&next, rotated).expect("a secret");
    fs::rename(&next, scene.secret()).expect("renamed");
    wait_log(&mut process, "the config has changed: draining sink=\"a\"");
    assert!(
        !process.log().contains("application_name"),
        "no secret is told"
    );
    scene.send(0, 100..200);
    scene.assert_exact(0, 200);
    assert!(process.drain().success());
}
