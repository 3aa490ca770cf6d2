//! docs/MAPPING.md, through the whole service: each of its examples has the rows that it
//! tells, and verify sees the same.

use crate::harness::feed::Feed;
use crate::harness::kafka::{Kafka, Message};
use crate::harness::process::{Process, plimsoll, plimsoll_ok};
use crate::harness::{block_on, folder, servers, unique, wait};
use crate::several::{connect_sqlite, execute_sqlite};
use sqlx::{AssertSqlSafe, Row};
use std::path::Path;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/MAPPING.md");

/// When its records were sent: 2024-05-06T07:08:09Z.
const AT: i64 = 1_714_979_289_000;

/// An example: settings of a table, the table, values of records, rows.
struct Example {
    settings: String,
    create: String,
    values: Vec<String>,
    rows: Vec<String>,
    topic: String,
}

/// All of the page. Blocks of other languages are none of them.
fn examples() -> Vec<Example> {
    let docs = std::fs::read_to_string(DOCS).expect("the docs");
    let block = |part: &str, language: &str| {
        let (_, behind) = part.split_once(&format!("```{language}\n"))?;
        Some(behind.split("```").next()?.to_owned())
    };
    let lines = |block: String| block.lines().map(str::to_owned).collect();
    let sections = docs.split("\n## ").skip(1);
    let example = |part: &str| {
        Some(Example {
            settings: block(part, "toml")?,
            create: block(part, "sql")?,
            values: lines(block(part, "json")?),
            rows: lines(block(part, "text")?),
            topic: unique("mapping"),
        })
    };
    sections.filter_map(example).collect()
}

impl Example {
    /// The names of its tables.
    fn tables(&self) -> Vec<&str> {
        let behind = self.create.split("CREATE TABLE ").skip(1);
        let names = behind.map(|behind| behind.split(' ').next().expect("a name"));
        names.collect()
    }

    /// The setting that names them, where the example does not.
    fn table(&self) -> String {
        match self.settings.contains("\ntable = ") {
            true => String::new(),
            false => format!("table = \"{}\"\n", self.tables()[0]),
        }
    }

    /// The rows of all tables as the page writes them.
    fn found(&self, file: &Path) -> Vec<String> {
        let tables = self.tables();
        let of = |table: &&str| -> Vec<String> {
            let rows = rows(file, table);
            match tables.len() {
                1 => rows,
                _ => rows.iter().map(|row| format!("{table}: {row}")).collect(),
            }
        };
        tables.iter().flat_map(of).collect()
    }

    fn config(&self, number: usize, file: &str) -> String {
        let place = format!("sinks.docs{number}.sqlite");
        let settings = self
            .settings
            .replace("[columns]", &format!("[{place}.columns]"));
        format!(
            "[sinks.docs{number}]\ntopics = [\"{}\"]\n[{place}]\npath = \"{file}\"\n{}{settings}\n",
            self.topic,
            self.table()
        )
    }
}

/// The rows of a table as the page writes them.
fn rows(file: &Path, table: &str) -> Vec<String> {
    let mut connection = connect_sqlite(file);
    let mut all = |sql: String| -> Vec<String> {
        let query = sqlx::query(AssertSqlSafe(sql));
        let rows = block_on(query.fetch_all(&mut connection)).expect("rows");
        rows.iter().map(|row| row.get(0)).collect()
    };
    let names = all(format!("SELECT name FROM pragma_table_info('{table}')"));
    let cells = names
        .iter()
        .map(|name| format!("'{name} = ' || quote({name})"));
    let row = cells.collect::<Vec<_>>().join(" || ', ' || ");
    all(format!("SELECT {row} FROM {table} ORDER BY 1"))
}

#[test]
fn a_topic_goes_to_the_table_that_its_name_tells() {
    let (kafka, folder) = (Kafka::shared(), folder("captures"));
    let (shop, file) = (unique("captures"), folder.join("shop.db"));
    let mut connection = connect_sqlite(&file);
    let producer = kafka.producer();
    let topics = [
        ("sales.orders", "sales_orders"),
        ("stock.items", "stock_items"),
    ];
    for (topic, table) in topics {
        execute_sqlite(
            &mut connection,
            &format!("CREATE TABLE {table} (topic text)"),
        );
        let topic = format!("{shop}.{topic}");
        kafka.create_topic(&topic, 1);
        producer.send_all(
            &topic,
            &[Message::of(0, &format!("{{\"topic\": \"{topic}\"}}"))],
        );
    }
    // One that has no table halts, and the others go on.
    kafka.create_topic(&format!("{shop}.stock.lost"), 1);
    producer.send_all(&format!("{shop}.stock.lost"), &[Message::of(0, "{}")]);
    let config = format!(
        "[kafka]\nbootstrap_servers = \"{}\"\n[http]\nlisten = \"@HTTP@\"\n[sinks.shop]\n\
         topics_regex = '^{shop}\\.(?<area>\\w+)\\.(?<table>\\w+)$'\n[sinks.shop.sqlite]\npath = \
         \"{}\"\ntable = \"{{area}}_{{table}}\"\nmode = \"append\"\n",
        servers::kafka(),
        file.display()
    );
    let process = Process::start_config(&config, &folder);
    for (topic, table) in topics {
        wait::until(table, || match rows(&file, table) {
            found if found == [format!("topic = '{shop}.{topic}'")] => Ok(()),
            found => Err(found.join("\n")),
        });
    }
    wait::until("the third halts", || match process.report() {
        Some(report) if report.to_string().contains("stock_lost") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert!(process.drain().success());
}

#[test]
fn every_example_of_the_docs_has_the_rows_that_it_tells() {
    let examples = examples();
    assert!(examples.len() >= 8, "{}", examples.len());
    let (kafka, folder) = (Kafka::shared(), folder("mapping"));
    let producer = kafka.producer();
    let mut config = format!(
        "[kafka]\nbootstrap_servers = \"{}\"\n[http]\nlisten = \"@HTTP@\"\n",
        servers::kafka()
    );
    let file = |number: usize| folder.join(format!("docs{number}.db"));
    for (number, example) in examples.iter().enumerate() {
        // Records of that age would be deleted.
        kafka.create_topic_with(&example.topic, 1, &[("retention.ms", "-1")]);
        let message = |value: &String| Message {
            timestamp: Some(AT),
            ..Message::of(0, value)
        };
        let messages: Vec<Message> = example.values.iter().map(message).collect();
        producer.send_all(&example.topic, &messages);
        execute_sqlite(&mut connect_sqlite(&file(number)), &example.create);
        let path = file(number);
        config.push_str(&example.config(number, path.to_str().expect("a path")));
    }
    let mut process = Process::start_config(&config, &folder);
    process.wait_ready();
    for (number, example) in examples.iter().enumerate() {
        wait::until(&example.settings, || {
            let found = example.found(&file(number));
            match found == example.rows {
                true => Ok(()),
                false => Err(found.join("\n")),
            }
        });
    }
    let filtered = wait::until("the filter's records are counted", || {
        match process.metric("plimsoll_records_filtered_total", &[]) {
            0.0 => Err("none"),
            filtered => Ok(filtered),
        }
    });
    assert!((filtered - 2.0).abs() < 0.1, "{filtered}");
    let said = plimsoll_ok(&process.config(), &["verify"]);
    let tables = examples.iter().flat_map(Example::tables).count();
    assert_eq!(said.matches("): exact, ").count(), tables, "{said}");
    assert!(process.drain().success());
}

#[test]
fn one_record_is_explained_without_a_value_unless_that_is_asked_for() {
    let create = "CREATE TABLE {s}.t (id bigint PRIMARY KEY, paid_at timestamptz, region text)";
    let mut case = Feed::new("explain", create, "upsert", "");
    case.service.columns = "paid_at = { source = \"value.paid\", unit = \"ms\" }\nregion = { \
                            coalesce = [\"value.region\"], constant = \"eu\" }\n"
        .to_owned();
    case.service.of_postgres = "where = \"exists value.paid\"\n".to_owned();
    let record = |value: &str| Message::of(0, value).key("{\"id\":7}");
    let values = [
        "{\"id\":7,\"paid\":1700000000123,\"note\":\"hush\"}",
        "{\"id\":7}",
        "{\"id\":7,\"paid\":\"soon\"}",
    ];
    case.send(&values.map(record));
    case.send(&[Message::tombstone(0, "7")]);
    let said = |offset: u32, more: &[&str]| {
        let place = format!("{}:0:{offset}", case.topic);
        let line = [&["check", "--explain", &place], more].concat();
        let output = plimsoll(&case.service.config(), &line);
        let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        (
            output.status.success(),
            text.lines().map(words).collect::<Vec<_>>().join("\n"),
        )
    };
    let (good, told) = said(0, &[]);
    assert!(good, "{told}");
    for line in [
        "where exists value.paid: lets it through",
        "value.paid, in ms time → paid_at timestamp with time zone",
        "value.region or 'eu' text → region text",
        "database 1 row written and rolled back",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert!(!told.contains("2023") && !told.contains("hush"), "{told}");
    let (_, shown) = said(0, &["--show-values"]);
    assert!(
        shown.contains("time 2023-11-14T22:13:20.123Z → paid_at"),
        "{shown}"
    );
    let (good, told) = said(1, &[]);
    assert!(good && told.contains("rules it out"), "{told}");
    let (good, told) = said(2, &[]);
    assert!(!good && told.contains("invalid_epoch"), "{told}");
    let (good, told) = said(3, &[]);
    assert!(good && told.contains("deleted by its key"), "{told}");
    let (good, told) = said(9, &[]);
    assert!(!good && told.contains("has no record"), "{told}");
    assert_eq!(
        case.rows("SELECT id::text FROM {s}.t"),
        Vec::<String>::new()
    );
}
