//! Who writes to the source: several at once, in transactions of all sizes, some of which
//! are rolled back.

use super::tables::{TABLES, Table, typed};
use crate::harness::postgres::Database;
use crate::harness::random::Random;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Few keys: rows are changed, deleted and made anew again and again, and transactions
/// wait for each other.
const KEYS: u64 = 40;

/// Between two transactions of a writer: Debezium and its broker share two cores with all
/// others here.
const PAUSE: Duration = Duration::from_millis(15);

const WRITERS: u64 = 3;

/// Should the test fail, they end when this is dropped.
pub struct Writers {
    stop: Arc<AtomicBool>,
    counts: Arc<Counts>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Counts {
    committed: AtomicUsize,
    rolled_back: AtomicUsize,
}

impl Writers {
    /// Starts them; each ends by itself after so many transactions.
    pub fn start(source: &Database, seed: u64, most: usize) -> Self {
        let (stop, counts) = (Arc::<AtomicBool>::default(), Arc::<Counts>::default());
        let one = |writer| {
            let (source, stop, counts) = (source.again(), stop.clone(), counts.clone());
            let mut random = Random::new(seed ^ writer << 32);
            std::thread::spawn(move || {
                for _ in 0..most {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let count = match write(&source, &mut random) {
                        true => &counts.committed,
                        false => &counts.rolled_back,
                    };
                    count.fetch_add(1, Ordering::SeqCst);
                    std::thread::sleep(PAUSE);
                }
            })
        };
        let threads = (0..WRITERS).map(one).collect();
        Self {
            stop,
            counts,
            threads,
        }
    }

    /// Waits until they have ended.
    #[track_caller]
    pub fn join(mut self) -> String {
        for thread in std::mem::take(&mut self.threads) {
            thread.join().expect("the writer has not panicked");
        }
        let count = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        let Counts {
            committed,
            rolled_back,
        } = &*self.counts;
        let (committed, rolled_back) = (count(committed), count(rolled_back));
        format!("{committed} transactions, {rolled_back} rolled back")
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

/// One transaction; whether it was committed.
pub fn write(source: &Database, random: &mut Random) -> bool {
    let mut statements = vec!["BEGIN".to_owned()];
    // Nothing but the writers keeps keys apart in tables without one.
    let keyless: Vec<String> = TABLES
        .iter()
        .filter(|table| table.keyless)
        .map(|table| format!("{{s}}.{}", table.name))
        .collect();
    let count = match random.below(10) {
        0 => 60,
        _ => 1 + random.below(8),
    };
    let mut locked = false;
    for _ in 0..count {
        let table = random.of(&TABLES);
        if table.keyless && !locked {
            let lock = format!("LOCK {} IN SHARE ROW EXCLUSIVE MODE", keyless.join(", "));
            statements.push(lock);
            locked = true;
        }
        let statement = statement(table, random);
        match random.below(12) {
            // Of a part that is rolled back nothing is sent.
            0 => statements.push(format!("SAVEPOINT a; {statement}; ROLLBACK TO a")),
            _ => statements.push(statement),
        }
    }
    let rolled_back = random.below(12) == 0;
    statements.push(if rolled_back { "ROLLBACK" } else { "COMMIT" }.to_owned());
    match source.try_rows(&statements.join("; ")) {
        Ok(_) => !rolled_back,
        // Another transaction held what this one wanted, or was quicker to make a row.
        Err(error) => {
            let code = error.as_database_error().and_then(|error| error.code());
            let code = code.unwrap_or_default().into_owned();
            assert!(["40P01", "23505"].contains(&code.as_str()), "{error}");
            source.execute("ROLLBACK");
            false
        }
    }
}

/// A change of one table.
fn statement(table: &Table, random: &mut Random) -> String {
    let name = format!("{{s}}.{}", table.name);
    let key = key(table, random);
    let here = matches(table, &key);
    match random.below(10) {
        0..=3 => put(table, &name, &key, random),
        4..=6 => {
            let (column, value) = value(table, random);
            // Some at once.
            let rows = match random.below(6) {
                0 => {
                    let (number, rest) = (number(table), random.below(5));
                    format!("{number} % 5 = {rest} AND {number} < {KEYS}")
                }
                _ => here,
            };
            format!("UPDATE {name} SET {column} = {value} WHERE {rows}")
        }
        7 if changes_keys(table) => {
            let other = self::key(table, random);
            let columns = table.key;
            format!(
                "UPDATE {name} SET ({columns}) = ROW({}) WHERE {here} AND NOT EXISTS (SELECT FROM \
                 {name} WHERE {})",
                other.join(", "),
                matches(table, &other)
            )
        }
        8 => format!(
            "DELETE FROM {name} WHERE {here}; {}",
            put(table, &name, &key, random)
        ),
        _ => format!("DELETE FROM {name} WHERE {here}"),
    }
}

/// Where large values are not sent, none would reach the new key; where events have no
/// key, nothing tells the old one.
fn changes_keys(table: &Table) -> bool {
    !matches!(table.name, "documents" | "bare")
}

/// The column of a table's key that is a number.
fn number(table: &Table) -> &'static str {
    match table.name {
        "lines" => "line",
        "named" | "bare" => "a",
        _ => "id",
    }
}

/// The values of one key, in the order of its columns.
fn key(table: &Table, random: &mut Random) -> Vec<String> {
    let id = random.below(KEYS);
    match table.name {
        "lines" => vec![
            format!("'00000000-0000-0000-0000-00000000000{}'", random.below(4)),
            (id / 4).to_string(),
        ],
        "named" => vec![id.to_string(), format!("'b{}'", random.below(2))],
        _ => vec![id.to_string()],
    }
}

fn matches(table: &Table, key: &[String]) -> String {
    let columns = table.key.split(", ").zip(key);
    let equal: Vec<String> = columns.map(|(c, value)| format!("{c} = {value}")).collect();
    equal.join(" AND ")
}

/// Inserts a row, or replaces it.
fn put(table: &Table, name: &str, key: &[String], random: &mut Random) -> String {
    let (columns, values) = row(table, random);
    let (all, key_columns) = (format!("{}, {columns}", table.key), table.key);
    let all_values = format!("{}, {values}", key.join(", "));
    if table.keyless {
        let here = matches(table, key);
        return format!(
            "INSERT INTO {name} ({all}) SELECT {all_values} WHERE NOT EXISTS (SELECT FROM {name} \
             WHERE {here})"
        );
    }
    match random.below(2) {
        0 => format!("INSERT INTO {name} ({all}) VALUES ({all_values}) ON CONFLICT DO NOTHING"),
        _ => format!(
            "INSERT INTO {name} ({all}) VALUES ({all_values}) ON CONFLICT ({key_columns}) DO UPDATE \
             SET ({columns}) = ROW({values})"
        ),
    }
}

/// The columns beside the key, and a value for each.
fn row(table: &Table, random: &mut Random) -> (String, String) {
    match table.name {
        "orders" => {
            let (names, cents) = (["ann", "bob", "ä €"], random.below(1_000_000));
            let values = [
                format!("'{}'", random.of(&names)),
                format!("{}.{:02}", cents / 100, cents % 100),
                "clock_timestamp()".to_owned(),
                (*random.of(&["true", "false", "NULL"])).to_owned(),
                format!("'note {}'", random.below(1000)),
            ];
            (
                "customer, amount, at, paid, note".to_owned(),
                values.join(", "),
            )
        }
        "lines" => ("quantity".to_owned(), random.below(100).to_string()),
        "named" | "bare" => ("v".to_owned(), format!("'v{}'", random.below(1000))),
        "types" => {
            let names: Vec<&str> = super::tables::TYPED
                .iter()
                .map(|(name, ..)| *name)
                .collect();
            (names.join(", "), typed(random).join(", "))
        }
        _ => {
            let large = ["big", "raw", "doc", "tags", "nums"].map(|column| large(column, random));
            let values = format!("{}, {}", random.below(1000), large.join(", "));
            ("n, big, raw, doc, tags, nums".to_owned(), values)
        }
    }
}

/// A value that is stored outside of its row, mostly.
fn large(column: &str, random: &mut Random) -> String {
    let seed = random.below(1_000_000);
    let length = match random.below(5) {
        0 => return "NULL".to_owned(),
        1 => 1,
        _ => 80,
    };
    match column {
        "big" => format!("repeat(md5('{seed}'), {length})"),
        "raw" => format!("decode(repeat(md5('{seed}'), {}), 'hex')", 2 * length),
        "doc" => format!("jsonb_build_object('text', repeat(md5('{seed}'), {length}))"),
        "tags" => {
            format!("ARRAY(SELECT md5({seed}::text || i) FROM generate_series(1, {length}) i)")
        }
        "nums" => format!("ARRAY(SELECT {seed} + i FROM generate_series(1, 10 * {length}) i)"),
        other => panic!("{other} is not large"),
    }
}

/// One column beside the key, and a value for it.
fn value(table: &Table, random: &mut Random) -> (String, String) {
    match table.name {
        "orders" => match random.below(2) {
            0 => ("note".to_owned(), format!("'note {}'", random.below(1000))),
            _ => ("paid".to_owned(), "NOT paid".to_owned()),
        },
        "lines" => ("quantity".to_owned(), "quantity + 1".to_owned()),
        "named" | "bare" => ("v".to_owned(), format!("'v{}'", random.below(1000))),
        "types" => {
            let at = random.below(super::tables::TYPED.len() as u64) as usize;
            let name = super::tables::TYPED[at].0;
            (name.to_owned(), typed(random).swap_remove(at))
        }
        _ => match random.below(3) {
            0 => {
                let column = *random.of(&["big", "raw", "doc", "tags", "nums"]);
                (column.to_owned(), large(column, random))
            }
            _ => ("n".to_owned(), "coalesce(n, 0) + 1".to_owned()),
        },
    }
}
