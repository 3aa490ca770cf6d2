//! A table with every type of Postgres: what a change event of any format makes of it, by
//! what stood in the source. (formats/avro/tests/data/debezium)

use super::feed::Feed;
use super::folder;
use super::process::Process;

/// The rows of the source, as its COPY wrote them.
const SOURCE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/formats/avro/tests/data/debezium/expected.types.csv"
);

/// The table that the events come from, with texts for types of extensions.
const TYPES: &str = "CREATE TYPE {s}.mood AS ENUM ('sad', 'ok', 'happy'); CREATE TABLE {s}.t (
    id bigint PRIMARY KEY, c_bool boolean, c_i2 smallint, c_i4 integer, c_i8 bigint, c_f4 real,
    c_f8 double precision, c_num numeric, c_num122 numeric(12,2), c_num3810 numeric(38,10),
    c_num5m2 numeric(5,-2), c_dom numeric(12,2), c_money money, c_text text, c_vc varchar(20),
    c_ch char(5), c_citext text, c_bytea bytea, c_uuid uuid, c_json json, c_jsonb jsonb,
    c_xml xml, c_date date, c_time time, c_time3 time(3), c_timetz timetz, c_ts timestamp,
    c_ts3 timestamp(3), c_ts0 timestamp(0), c_tstz text, c_interval interval,
    c_bit bit(1), c_bit10 bit(10), c_varbit varbit(12), c_inet inet, c_cidr cidr, c_mac macaddr,
    c_mood {s}.mood, c_hstore text, c_ltree text, c_point point, c_range int4range,
    c_tstzrange tstzrange, c_tsv tsvector, c_ia integer[], c_ta text[], c_na numeric(10,2)[],
    c_ja jsonb[], c_da date[], c_tza timestamptz[], c_ua uuid[], c_ma {s}.mood[],
    c_nn integer NOT NULL, c_def text, \"{last}\" text)";

/// Makes it; the last column has another name in each format.
pub fn create(last: &str) -> String {
    TYPES.replace("{last}", last)
}

/// What the events have lost, or tell in another form.
const LOST: [&str; 12] = [
    // The dead letters.
    "id of 4",
    "id of 5",
    // A zero at the end of a decimal without a scale.
    "c_num of 2",
    // The zone; the moment is the same.
    "c_timetz of 2",
    "c_timetz of 3",
    // A text here, as Postgres does not read years before the first so.
    "c_tstz of 2",
    "c_tstz of 3",
    // Years and months have become hours.
    "c_interval of 2",
    "c_interval of 3",
    // JSON of it, in a column of text.
    "c_hstore of 2",
    // JSON within an array is a text.
    "c_ja of 2",
    // Null: the converter puts the column's default for it.
    "c_def of 3",
];

/// Runs the service until all events of the table are written, and compares it.
pub fn assert_those_of_the_source(case: &Feed) {
    let process = Process::start_ready(&case.service);
    case.wait();
    // Infinite dates; a year beyond those that are times here.
    let letters = case.rows("SELECT message FROM {s}_state.dead_letters");
    assert_eq!(
        case.bad(),
        ["infinite_time", "timestamp_out_of_range"],
        "{letters:?}"
    );
    let file = folder("source_types").join("types.csv");
    std::fs::copy(SOURCE, &file).expect("the source's rows");
    case.database.execute(&format!(
        "CREATE TABLE {{s}}.source (LIKE {{s}}.t); COPY {{s}}.source FROM '{}' WITH (FORMAT csv, \
         HEADER, NULL '\\N')",
        file.display()
    ));
    let columns = case.rows(
        "SELECT attname FROM pg_attribute WHERE attrelid = '{s}.t'::regclass AND attnum > 0 \
         ORDER BY attnum",
    );
    let mut other = Vec::new();
    for column in &columns {
        let sql = format!(
            "SELECT id::text FROM {{s}}.source s JOIN {{s}}.t t USING (id) WHERE \
             s.\"{column}\"::text IS DISTINCT FROM t.\"{column}\"::text ORDER BY id"
        );
        let sql = match column.as_str() {
            "id" => "SELECT id::text FROM {s}.source WHERE id NOT IN (SELECT id FROM {s}.t)",
            _ => &sql,
        };
        other.extend(case.rows(sql).into_iter().map(|id| (column.clone(), id)));
    }
    let other: Vec<String> = other.iter().map(|(c, id)| format!("{c} of {id}")).collect();
    assert_eq!(other, LOST);
    case.verify();
    assert!(process.drain().success());
}
