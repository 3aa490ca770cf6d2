//! Pieces of a config, as a person would write them.

use plimsoll_sink_api::Source;

/// A key, in quotes where it needs them.
pub(crate) fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match !name.is_empty() && name.chars().all(bare) {
        true => name.to_owned(),
        false => quoted(name),
    }
}

/// A string that is no template: what would be expanded is escaped.
pub(crate) fn string(text: &str) -> String {
    quoted(&text.replace("${", "$${"))
}

/// A string as it stands, `${NAME}` and all.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// `columns = { id = "key", at = "timestamp" }`
pub(crate) fn columns<'s>(sources: impl IntoIterator<Item = (&'s str, &'s Source)>) -> String {
    let pair = |(name, source): (&str, &Source)| {
        format!("{} = {}", key(name), string(&source.to_string()))
    };
    let pairs: Vec<String> = sources.into_iter().map(pair).collect();
    format!("columns = {{ {} }}", pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let names = ["a", "a-b_1", "", "a b", "a\"b\\c", "tab\t", "größe", "${x}"];
        let path = |name: &str| plimsoll_sink_api::Path(vec![name.to_owned()]);
        let sources: Vec<(&str, Source)> = names.map(|n| (n, Source::Value(path(n)))).to_vec();
        let text = columns(sources.iter().map(|(name, source)| (*name, source)));
        let read: toml::Table = text.parse().expect(&text);
        let read = read["columns"].as_table().expect("a table");
        for (name, source) in &sources {
            let found = read[*name].as_str().expect("a string").replace("$${", "${");
            assert_eq!(found, source.to_string(), "{text}");
        }
    }
}
