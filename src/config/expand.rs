//! `${VAR}` and `${file:PATH}` in strings; `$${` stands for `${` itself.

use super::environment::Environment;
use std::io;

/// A string after expansion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expanded {
    /// The whole text.
    pub(super) value: String,
    /// What was expanded, as written: `${VAR}`. Not empty: the value may be a
    /// secret, and no message shows it.
    pub(super) from: Vec<String>,
}

/// Why a string cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unexpandable {
    /// What is wrong.
    pub(super) what: String,
    /// What to do about it.
    pub(super) hint: String,
}

/// Expands one string; the expanded text is not expanded again.
pub(super) fn expand(text: &str, env: &dyn Environment) -> Result<Expanded, Vec<Unexpandable>> {
    let mut value = String::with_capacity(text.len());
    let mut from = Vec::new();
    let mut wrong = Vec::new();
    let mut rest = text;
    while let Some(dollar) = rest.find("${") {
        let (before, after) = (&rest[..dollar], &rest[dollar + 2..]);
        if let Some(escaped) = before.strip_suffix('$') {
            value.push_str(escaped);
            value.push_str("${");
            rest = after;
            continue;
        }
        value.push_str(before);
        let Some(end) = after.find('}') else {
            wrong.push(Unexpandable {
                what: "a \"${\" has no \"}\"".to_owned(),
                hint: "write $${ for the characters ${ themselves".to_owned(),
            });
            rest = "";
            break;
        };
        let name = &after[..end];
        match look_up(name, env) {
            Ok(found) => {
                value.push_str(&found);
                from.push(format!("${{{name}}}"));
            }
            Err(fault) => wrong.push(fault),
        }
        rest = &after[end + 1..];
    }
    value.push_str(rest);
    if wrong.is_empty() {
        Ok(Expanded { value, from })
    } else {
        Err(wrong)
    }
}

fn look_up(name: &str, env: &dyn Environment) -> Result<String, Unexpandable> {
    if let Some(path) = name.strip_prefix("file:") {
        let mut text = env.file(path).map_err(|error| Unexpandable {
            what: format!("the file \"{path}\" cannot be read: {}", reason(&error)),
            hint: "the path stands between \"${file:\" and \"}\", and this process must be \
                   allowed to read it"
                .to_owned(),
        })?;
        // Editors and `echo` end a file with a newline that is no part of it.
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        return Ok(text);
    }
    if !is_name(name) {
        return Err(Unexpandable {
            what: format!("\"${{{name}}}\" is not the name of an environment variable"),
            hint: "write ${NAME} or ${file:/path}; write $${ for the characters ${ themselves"
                .to_owned(),
        });
    }
    env.var(name).ok_or_else(|| Unexpandable {
        what: format!("the environment variable {name} is not set"),
        hint: format!("set it: {name}=… plimsoll …"),
    })
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Without the number that `io::Error` puts behind the words of the system, so
/// that a message is the same on every system that has the words.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    }
}
