//! Records whose dead letters are hard to keep: what a producer may send at the ends
//! of all bounds, and what may be said of it. Each sink keeps them all.

use super::Capabilities;
use plimsoll_sink_api::{DeadLetter, KeptDeadLetter};

/// A record and what was wrong with it.
#[derive(Debug, Clone)]
pub struct Odd {
    /// In words.
    pub what: &'static str,
    /// Its time.
    pub timestamp: Option<i64>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// What was wrong, in a word.
    pub condition: String,
    /// The database's code.
    pub code: Option<String>,
    /// The column.
    pub column: Option<String>,
    /// The whole text.
    pub text: String,
}

/// More than a request to Cassandra, or one of its mutations, may have.
const LARGE: usize = 20 << 20;

fn plain(what: &'static str) -> Odd {
    Odd {
        what,
        timestamp: Some(1_700_000_000_123),
        key: Some(b"key".to_vec()),
        value: Some(b"{\"n\":1}".to_vec()),
        headers: Vec::new(),
        condition: "condition".to_owned(),
        code: Some("22P02".to_owned()),
        column: Some("column".to_owned()),
        text: "text".to_owned(),
    }
}

/// Bytes that no text could be made of, and that do not compress to nothing.
fn bytes(length: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// All of them.
pub fn all() -> Vec<Odd> {
    let mut all = Vec::new();
    let mut add = |what, change: &dyn Fn(&mut Odd)| {
        let mut odd = plain(what);
        change(&mut odd);
        all.push(odd);
    };
    for time in [
        i64::MIN,
        i64::MIN + 1,
        -210_866_803_200_001,
        -1,
        0,
        9_224_318_016_000_000,
        i64::MAX,
    ] {
        add("a time at the ends of all", &|o| o.timestamp = Some(time));
    }
    add("no time", &|o| o.timestamp = None);
    add("nothing at all", &|o| (o.key, o.value) = (None, None));
    add("an empty key and value", &|o| {
        (o.key, o.value) = (Some(Vec::new()), Some(Vec::new()));
    });
    add("no key, an empty value", &|o| {
        (o.key, o.value) = (None, Some(Vec::new()));
    });
    add("a large key", &|o| o.key = Some(bytes(LARGE)));
    add("a large value", &|o| o.value = Some(bytes(LARGE)));
    add("all large", &|o| {
        (o.key, o.value) = (Some(bytes(LARGE)), Some(bytes(LARGE + 1)));
        o.headers = vec![("h".to_owned(), Some(bytes(LARGE / 4)))];
    });
    add("bytes that are no text", &|o| {
        (o.key, o.value) = (Some(vec![0, 0xff, b'\\', b'"']), Some(vec![0xfe, 0]));
    });
    add("headers of all kinds", &|o| {
        o.headers = [
            "",
            "NULL",
            "null",
            "a\0b",
            "\0",
            "\"",
            "\\",
            "{},",
            "\u{fffd}",
            "ü€\u{10ffff}",
            "\n\t",
        ]
        .into_iter()
        .flat_map(|name| {
            let values = [None, Some(Vec::new()), Some(vec![0, 0xff, b'"', b'\\'])];
            values.map(|value| (name.to_owned(), value))
        })
        .collect();
    });
    add("a header's name of 100 kB", &|o| {
        o.headers = vec![("n\u{e4}".repeat(50_000), None)];
    });
    add("thousands of headers", &|o| {
        o.headers = (0..20_000)
            .map(|i| (format!("h{i}"), (i % 3 > 0).then(|| vec![i as u8; i % 7])))
            .collect();
    });
    add("words with NUL", &|o| {
        o.condition = "a\0b".to_owned();
        o.code = Some("\0".to_owned());
        o.column = Some("c\0".to_owned());
        o.text = "it said \0 \"x\\\" \u{1f600}".to_owned();
    });
    add("words without end", &|o| {
        o.condition = "\u{e4}".repeat(50_000);
        o.column = Some("c".repeat(100_000));
        o.text = "t\u{20ac}".repeat(300_000);
    });
    add("no words", &|o| {
        (o.condition, o.text) = (String::new(), String::new());
        (o.code, o.column) = (None, None);
    });
    all
}

impl Odd {
    /// As the service hands it over.
    pub fn letter(&self, offset: i64) -> DeadLetter<'_> {
        let headers = self.headers.iter();
        DeadLetter {
            offset,
            timestamp: self.timestamp,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: headers
                .map(|(name, value)| (name.as_str().into(), value.as_deref()))
                .collect(),
            condition: self.condition.clone(),
            code: self.code.clone(),
            column: self.column.clone(),
            text: self.text.clone(),
        }
    }

    /// Compares a letter that was kept.
    #[track_caller]
    pub fn assert_kept(&self, kept: &KeptDeadLetter, capabilities: &Capabilities) {
        let (time, text) = (capabilities.letter_time, |t: &str| {
            capabilities.letter_text(t)
        });
        self.assert_kept_with(kept, time, text);
    }

    /// The same; `time` and `text`: what the database makes of those that it has no
    /// form for.
    #[track_caller]
    pub fn assert_kept_with(
        &self,
        kept: &KeptDeadLetter,
        time: impl Fn(i64) -> Option<i64>,
        text: impl Fn(&str) -> String,
    ) {
        let what = self.what;
        let payload = kept.payload.as_ref().expect("asked for");
        assert_eq!(kept.timestamp, self.timestamp.and_then(time), "{what}");
        // Not shown: they are large.
        assert!(payload.key == self.key, "{what}: the key");
        assert!(payload.value == self.value, "{what}: the value");
        let named = self.headers.iter().map(|(n, v)| (text(n), v.clone()));
        assert!(
            payload.headers == named.collect::<Vec<_>>(),
            "{what}: headers"
        );
        assert!(kept.condition == text(&self.condition), "{what}: condition");
        assert_eq!(kept.code, self.code.as_deref().map(&text), "{what}");
        assert!(
            kept.column == self.column.as_deref().map(&text),
            "{what}: column"
        );
        assert!(payload.text.reveal() == text(&self.text), "{what}: text");
        let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let size = (length(&self.key) + length(&self.value)) as u64;
        assert_eq!(kept.bytes, size, "{what}");
    }
}
