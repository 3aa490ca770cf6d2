//! The rules, and the words in which they refuse.

use super::*;
use crate::TableRule;

fn settings(mode: Mode) -> TableSettings {
    TableSettings::new("shop.{topic}", mode)
}

fn target<'c>(names: &[&'c str], uniques: &[(bool, &[&'c str])]) -> Target<'c> {
    let unique = |(primary, columns): &(bool, &[&'c str])| Unique {
        primary: *primary,
        columns: columns.to_vec(),
    };
    let column = |name: &&'c str| Candidate { name, closed: None };
    Target {
        name: "shop.orders",
        sql: "\"shop\".\"orders\"",
        columns: names.iter().map(column).collect(),
        uniques: uniques.iter().map(unique).collect(),
        partitioned_by: Vec::new(),
        folds_case: false,
    }
}

fn log() -> Target<'static> {
    const NAMES: [&str; 5] = [
        "extra",
        "kafka_offset",
        "kafka_topic",
        "kafka_partition",
        "event_data",
    ];
    target(&NAMES, &[(true, &NAMES[1..4])])
}

fn named(mode: Mode, name: &str, source: Source) -> TableSettings {
    TableSettings {
        columns: vec![(name.to_owned(), source.into())],
        ..settings(mode)
    }
}

fn keyed(columns: &[&str]) -> TableSettings {
    TableSettings {
        key_columns: columns.iter().map(|c| (*c).to_owned()).collect(),
        ..settings(Mode::Upsert)
    }
}

/// Of each column its place and source, marked where it is of the key.
fn mapped(target: &Target<'_>, settings: &TableSettings) -> Vec<String> {
    let mapping = target.map(settings).unwrap();
    let told = |column: &Mapped| {
        let marks = match (column.key, column.event) {
            (true, false) => " key",
            (false, true) => " event",
            (false, false) => "",
            (true, true) => " key event",
        };
        format!("{}={}{marks}", column.at, column.take)
    };
    mapping.columns.iter().map(told).collect()
}

fn refused(target: &Target<'_>, settings: &TableSettings) -> String {
    let error = target.map(settings).unwrap_err();
    assert_eq!(error.class, Class::Halt);
    error.to_string()
}

#[test]
fn columns_take_the_field_of_their_name_unless_the_config_says_otherwise() {
    let mut target = target(&["id", "Amount", "twice"], &[(true, &["id"])]);
    target.columns[2].closed = Some(Closed::Generated);
    let offset = |name| named(Mode::Upsert, name, Source::Offset);
    let found = mapped(&target, &offset("Amount"));
    assert_eq!(found, ["0=value.id key", "1=offset"]);
    target.folds_case = true;
    let found = mapped(&target, &offset("AMOUNT"));
    assert_eq!(found, ["0=value.id key", "1=offset"]);
}

#[test]
fn a_log_has_its_coordinates_its_event_and_what_the_config_adds() {
    let found = mapped(&log(), &settings(Mode::Log));
    let plain = ["2=topic", "3=partition", "1=offset", "4=value event"];
    assert_eq!(found, plain);
    let found = mapped(&log(), &named(Mode::Log, "extra", Source::Timestamp));
    assert_eq!(found[..4], plain);
    assert_eq!(found[4..], ["0=timestamp"]);
    let path = "value.payload".parse().unwrap();
    let found = mapped(&log(), &named(Mode::Log, "event_data", path));
    assert_eq!(found[3], "4=value.payload event");
}

/// The unique index of the key, and its columns in its order.
fn key_of(settings: &TableSettings, target: &Target<'_>) -> (usize, Vec<usize>) {
    let key = target.map(settings).unwrap().key.unwrap();
    (key.unique, key.columns)
}

#[test]
fn columns_take_the_fields_of_elements_where_those_are_rows() {
    let explode = Some(Path(vec!["items".to_owned()]));
    let exploded = |mode, columns: &[(&str, &str)]| TableSettings {
        explode: explode.clone(),
        columns: columns
            .iter()
            .map(|(name, source)| ((*name).to_owned(), source.parse().unwrap()))
            .collect(),
        ..settings(mode)
    };
    let items = target(&["id", "line", "sku"], &[(true, &["id", "line"])]);
    let named = [("id", "value.id"), ("line", "index")];
    let found = mapped(&items, &exploded(Mode::Upsert, &named));
    assert_eq!(found, ["0=value.id key", "1=index key", "2=item.sku"]);
    let snake = TableSettings {
        naming: crate::Naming::SnakeCase,
        ..exploded(Mode::Append, &named)
    };
    assert_eq!(mapped(&items, &snake)[2], "2=item.sku in any spelling");
    let names = [
        "kafka_topic",
        "kafka_partition",
        "kafka_offset",
        "kafka_index",
        "event_data",
    ];
    let log = target(&names, &[(true, &names[..4])]);
    let found = mapped(&log, &exploded(Mode::Log, &[]));
    let expected = [
        "0=topic",
        "1=partition",
        "2=offset",
        "3=index",
        "4=item event",
    ];
    assert_eq!(found, expected);
    assert_eq!(
        refused(&log, &exploded(Mode::Log, &[("kafka_index", "item.n")])),
        "column \"kafka_index\" of table \"shop.orders\" holds the record's coordinate and takes no \
         other source; hint: remove it from columns, or write kafka_index = \"index\""
    );
    // A record's coordinates alone do not tell its rows apart.
    let of_records = target(&names, &[(true, &names[..3])]);
    let said = refused(&of_records, &exploded(Mode::Log, &[]));
    assert!(
        said.contains(
            "no primary key over kafka_topic, kafka_partition, kafka_offset, kafka_index"
        ),
        "{said}"
    );
    // Without explode it is a column like any other.
    assert_eq!(mapped(&of_records, &settings(Mode::Log)).len(), 4);
}

#[test]
fn a_key_is_in_the_order_of_its_index() {
    let target = target(
        &["a", "b", "c"],
        &[(false, &["c"]), (true, &["b", "a"]), (false, &["b", "c"])],
    );
    assert_eq!(key_of(&settings(Mode::Upsert), &target), (1, vec![1, 0]));
    assert_eq!(key_of(&keyed(&["c", "b"]), &target), (2, vec![1, 2]));
    assert_eq!(key_of(&settings(Mode::Log), &log()), (0, vec![2, 0, 1]));
    assert_eq!(target.map(&settings(Mode::Append)).unwrap().key, None);
}

#[test]
fn names_that_do_not_fit_are_refused_with_the_nearest() {
    let mut target = target(&["id", "amount", "twice", "shared"], &[(true, &["id"])]);
    target.columns[2].closed = Some(Closed::Generated);
    target.columns[3].closed = Some(Closed::Static);
    let offset = |name| named(Mode::Append, name, Source::Offset);
    assert_eq!(
        refused(&target, &offset("amuont")),
        "column \"amuont\" is not in table \"shop.orders\"; hint: did you mean \"amount\"?"
    );
    assert_eq!(
        refused(&target, &offset("zzz")),
        "column \"zzz\" is not in table \"shop.orders\"; hint: it has \"id\", \"amount\", \"twice\", \
         \"shared\""
    );
    assert_eq!(
        refused(&target, &offset("ID")),
        "column \"ID\" is not in table \"shop.orders\"; hint: did you mean \"id\"?"
    );
    assert_eq!(
        refused(&target, &offset("twice")),
        "column \"twice\" of table \"shop.orders\" is generated and cannot be written; hint: leave \
         it out: the database fills it"
    );
    assert_eq!(
        refused(&target, &offset("shared")),
        "column \"shared\" of table \"shop.orders\" is static: records of many keys would write one \
         cell; hint: keep it in a table of its own, by the partition key"
    );
    target.columns.drain(..2);
    assert_eq!(
        refused(&target, &settings(Mode::Append)),
        "table \"shop.orders\" has no column that can be written"
    );
}

#[test]
fn a_table_without_the_key_that_its_mode_needs_is_refused() {
    let bare = target(&["id", "n"], &[]);
    assert_eq!(
        refused(&bare, &settings(Mode::Upsert)),
        "table \"shop.orders\" has no primary key, and mode = \"upsert\" needs a key; hint: add \
         one, or name the columns of a unique index as key_columns"
    );
    assert_eq!(
        refused(&bare, &keyed(&["id"])),
        "table \"shop.orders\" has no unique index over exactly (\"id\"); hint: CREATE UNIQUE INDEX \
         … ON \"shop\".\"orders\" (\"id\"); partial indexes and indexes over expressions do not count"
    );
    let mut made = target(&["id", "n"], &[(true, &["id"])]);
    made.columns[0].closed = Some(Closed::Generated);
    assert_eq!(
        refused(&made, &settings(Mode::Upsert)),
        "key column \"id\" of table \"shop.orders\" is generated and cannot be written; hint: name \
         the columns of another unique index as key_columns"
    );
}

#[test]
fn a_log_in_partitions_has_what_tells_them_apart_in_its_key_and_every_record_brings_it() {
    let names = [
        "kafka_topic",
        "kafka_partition",
        "kafka_offset",
        "at",
        "event_data",
    ];
    let mut divided = target(&names, &[(true, &names[..4])]);
    divided.partitioned_by = vec!["at"];
    let by_time = named(Mode::Log, "at", Source::Timestamp);
    assert_eq!(key_of(&by_time, &divided), (0, vec![0, 1, 2, 4]));
    assert_eq!(
        refused(&divided, &settings(Mode::Log)),
        "key column \"at\" of table \"shop.orders\" would get its default, and a record that is \
         written again another key than before: its row would be there twice; hint: let it take \
         what the record says: columns = { at = \"timestamp\" }, or a field"
    );
    // In a table that is whole, it would let a coordinate have two rows for no reason.
    let whole = target(&names, &[(true, &names[..4])]);
    assert!(refused(&whole, &by_time).contains("has no primary key over"));
    // One that tells its partitions apart by a coordinate has the key of every log.
    let mut by_offset = target(&names, &[(true, &names[..3])]);
    by_offset.partitioned_by = vec!["kafka_offset"];
    assert_eq!(key_of(&settings(Mode::Log), &by_offset), (0, vec![0, 1, 2]));
}

#[test]
fn a_table_that_is_not_a_log_is_refused_as_one() {
    let mut target = log();
    target.uniques.clear();
    assert_eq!(
        refused(&target, &settings(Mode::Log)),
        "table \"shop.orders\" has no primary key over kafka_topic, kafka_partition, kafka_offset; \
         hint: add it: it is what makes a replay harmless; or use mode = \"append\""
    );
    assert_eq!(
        refused(&log(), &named(Mode::Log, "kafka_offset", Source::Timestamp)),
        "column \"kafka_offset\" of table \"shop.orders\" holds the record's coordinate and takes no \
         other source; hint: remove it from columns, or write kafka_offset = \"offset\""
    );
    target.columns.pop();
    assert_eq!(
        refused(&target, &settings(Mode::Log)),
        "table \"shop.orders\" has no column \"event_data\", which a log table needs; hint: drop or \
         rename the table, and plimsoll makes one; or use mode = \"append\""
    );
}

#[test]
fn a_topic_goes_to_the_table_of_the_first_rule_that_takes_it() {
    let rule_of = |topics: &[&str], table: &str, mode| TableRule {
        topics: topics.iter().map(|t| (*t).to_owned()).collect(),
        settings: TableSettings {
            table: table.to_owned(),
            ..settings(mode)
        },
    };
    let named = [rule_of(&["a"], "t", Mode::Append)];
    assert_eq!(rule(&named, "a").unwrap().table, "t");
    assert_eq!(
        rule(&named, "b").unwrap_err().to_string(),
        "no table is configured for topic \"b\"; hint: name the topic in one of the sink's tables"
    );
    let rules = [
        rule_of(&["a"], "t", Mode::Append),
        rule_of(&["b", "c"], "one", Mode::Log),
        rule_of(&[], "raw_{topic}", Mode::Log),
    ];
    let topics = ["a", "b", "c", "d", "e"].map(str::to_owned);
    let tables = log_tables(&rules, &topics);
    let names = tables
        .iter()
        .map(|(settings, topic)| table_name(settings, topic, None).unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["one", "raw_d", "raw_e"]);
}

#[test]
fn a_table_that_is_not_there_is_told_with_the_nearest() {
    let missing =
        |mode, others: &[&str]| missing_table("orders", mode, others.to_vec()).to_string();
    assert_eq!(
        missing(Mode::Log, &["zzz", "order_"]),
        "table \"orders\" does not exist; hint: did you mean \"order_\"?"
    );
    assert_eq!(
        missing(Mode::Log, &["zzz"]),
        "table \"orders\" does not exist; hint: create it, or run `plimsoll migrate`, which makes the \
         log tables of topics that the config names"
    );
    assert_eq!(
        missing(Mode::Append, &[]),
        "table \"orders\" does not exist; hint: create it: `plimsoll check --sample 100` prints a \
         statement to start from; plimsoll itself makes log tables only"
    );
}
