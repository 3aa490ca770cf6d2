//! The files of `tests/data`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plimsoll_avro::Schema;
use serde_json::Value;
use std::collections::HashMap;
use std::path::PathBuf;

pub fn file(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    std::fs::read_to_string(folder.join(name)).expect(name)
}

pub fn lines(name: &str) -> Vec<Value> {
    file(name)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

pub fn base64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).expect("base64")
}

/// Bytes as a file has them: in base64, or as text where they are that.
fn bytes_of(json: &Value) -> Option<Vec<u8>> {
    let text = |form: &str| json.get(form)?.as_str();
    text("b64")
        .map(base64)
        .or_else(|| text("text").map(|text| text.as_bytes().to_vec()))
}

/// Schemas by their ids.
pub fn registry(name: &str) -> HashMap<i64, (String, Schema)> {
    let schemas: Vec<Value> = serde_json::from_str(&file(name)).expect("JSON");
    let mut found = HashMap::new();
    for entry in schemas {
        let text = entry["schema"].as_str().expect("a schema").to_owned();
        let schema = Schema::parse(&text, &[]).expect("a good schema");
        found.insert(entry["id"].as_i64().expect("an id"), (text, schema));
    }
    found
}

/// A Kafka record of Debezium's, taken out of its framing.
pub struct Event {
    pub table: String,
    pub offset: i64,
    pub key: Option<(i64, Vec<u8>)>,
    pub value: Option<(i64, Vec<u8>)>,
}

impl Event {
    /// Of a line, whose prefix or header names the schema.
    fn of(line: &Value, prefix: usize, content_id: impl Fn(i64) -> i64) -> Self {
        let side = |side: &str| {
            let bytes = bytes_of(&line[side])?;
            let (id, body) = match prefix {
                0 => {
                    let name = format!("apicurio.{side}.globalId");
                    let mut headers = line["headers"].as_array()?.iter();
                    let header = headers.find(|header| header[0] == name.as_str())?;
                    (bytes_of(&header[1])?, &bytes[..])
                }
                prefix => (bytes[1..prefix].to_vec(), &bytes[prefix..]),
            };
            let id = id.iter().fold(0, |id, byte| id << 8 | i64::from(*byte));
            Some((content_id(id), body.to_vec()))
        };
        let topic = line["topic"].as_str().expect("a topic");
        Self {
            table: topic.rsplit('.').next().expect("a name").to_owned(),
            offset: line["offset"].as_i64().expect("an offset"),
            key: side("key"),
            value: side("value"),
        }
    }
}

/// All of a file.
pub fn events(name: &str) -> Vec<Event> {
    let global: Vec<Value> =
        serde_json::from_str(&file("debezium/registry-global.json")).expect("JSON");
    let content = |id: i64| {
        let entry = global.iter().find(|entry| entry["globalId"] == id);
        entry.expect("a globalId")["contentId"]
            .as_i64()
            .expect("an id")
    };
    let lines = lines(&format!("debezium/{name}.ndjson"));
    let events = lines.iter().map(|line| match name {
        "pg-avro" => Event::of(line, 5, |id| id),
        "pg-avroapi" => Event::of(line, 9, content),
        "pg-avrohdr" => Event::of(line, 0, content),
        other => panic!("{other}"),
    });
    events.collect()
}

/// Rows of a table as Postgres' COPY wrote them: by the names of their columns, without
/// those that are NULL.
pub fn expected(table: &str) -> Vec<HashMap<String, String>> {
    let text = file(&format!("debezium/expected.{table}.csv"));
    let mut rows = csv(&text).into_iter();
    let names = rows.next().expect("a head");
    rows.map(|row| {
        let named = names.iter().cloned().zip(row);
        named.filter(|(_, value)| value != "\\N").collect()
    })
    .collect()
}

fn csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut value) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                value.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut value)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut value));
                rows.push(std::mem::take(&mut row));
            }
            c => value.push(c),
        }
    }
    rows
}
