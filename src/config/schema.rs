//! The table of settings as a JSON Schema, for editors.
//!
//! What a schema cannot say (what a variable holds, what librdkafka or a
//! database takes) is left open: it refuses nothing that `plimsoll check` takes.
//!
//! Its form is one that Taplo, tried as VS Code has it, checks and completes by:
//! keywords stand beside no `$ref`, since older drafts pass over them there;
//! settings stand within `allOf`, not beside it; and no value has an `allOf`.

use super::spec::{
    Absent, COMMON, Check, Choice, Kind, REFUSED, ROOT, Rule, SINK_NAME, SOURCE, Setting, Table,
    Texts, Unit, Value as Default, When,
};
use serde_json::{Map, Value, json};

/// A string that holds `${VAR}` or `${file:PATH}`, and so may become anything;
/// `$${` stands for the characters.
const EXPANDED: &str = r"(^|[^$])\$\{";

/// A number of bytes, with or without a unit.
const SIZE: &str = r"^\s*[0-9]+\s*(KiB|MiB|GiB|kB|MB|GB|B)?\s*$";

/// A time of 1970 or later, with its zone.
const TIME: &str = concat!(
    r"^(19[7-9][0-9]|[2-9][0-9]{3})-?[0-9]{2}-?[0-9]{2}[Tt ]",
    r"[0-9:.,]+ ?([Zz]|[+-][0-9:]+)(\[.*\])?$"
);

/// The JSON Schema of the config, indented.
#[must_use]
pub fn schema() -> String {
    let mut text = format!("{:#}", document());
    text.push('\n');
    text
}

pub(super) fn document() -> Value {
    let mut definitions = Map::new();
    define(&ROOT, &mut definitions);
    let Some(Value::Object(mut document)) = definitions.remove(ROOT.name) else {
        unreachable!("the root was defined");
    };
    document.insert(
        "$schema".to_owned(),
        json!("https://json-schema.org/draft/2020-12/schema"),
    );
    document.insert("title".to_owned(), json!("plimsoll.toml"));
    document.insert("$defs".to_owned(), Value::Object(definitions));
    Value::Object(document)
}

/// A table and all that stand in it, under their names.
fn define(table: &'static Table, definitions: &mut Map<String, Value>) {
    if definitions.contains_key(table.name) {
        return;
    }
    definitions.insert(table.name.to_owned(), table_schema(table));
    for setting in table.settings() {
        match setting.kind {
            Kind::Table(inner)
            | Kind::Tables(inner)
            | Kind::Named(inner)
            | Kind::Backend(inner, _)
            | Kind::Columns(inner)
            | Kind::Start(inner) => define(inner, definitions),
            Kind::Text(_)
            | Kind::Parsed(_)
            | Kind::Boolean
            | Kind::Integer(..)
            | Kind::Size(_)
            | Kind::Choice(_)
            | Kind::Texts(_)
            | Kind::Literal
            | Kind::Properties => {}
        }
    }
}

fn table_schema(table: &'static Table) -> Value {
    let properties: Map<String, Value> = table
        .settings()
        .map(|setting| (setting.name.to_owned(), setting_schema(setting)))
        .collect();
    let mut required = Vec::new();
    let mut all_of = Vec::new();
    for setting in table.settings() {
        match setting.absent {
            Absent::Required { unless } => {
                let others = unless.iter().filter(|other| table.setting(other).is_some());
                let mut any = vec![json!({"required": [setting.name]})];
                any.extend(others.map(|other| json!({"required": [other]})));
                match any.len() {
                    1 => required.push(setting.name),
                    _ => all_of.push(json!({"anyOf": any})),
                }
            }
            Absent::Default(_) | Absent::Nothing(_) => {}
        }
    }
    let backends: Vec<Value> = table
        .settings()
        .filter(|setting| matches!(setting.kind, Kind::Backend(..)))
        .map(|setting| json!({"required": [setting.name]}))
        .collect();
    if !backends.is_empty() {
        all_of.push(json!({"oneOf": backends}));
    }
    all_of.extend(table.rules().map(|rule| rule_schema(table, rule)));
    let mut schema = json!({
        "type": "object",
        "description": table.doc,
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if all_of.is_empty() {
        return schema;
    }
    all_of.insert(0, schema);
    json!({"allOf": all_of})
}

fn setting_schema(setting: &'static Setting) -> Value {
    let mut schema = match setting.kind {
        Kind::Text([]) => json!({"type": "string", "pattern": r"\S"}),
        Kind::Text(checks) => text_schema(checks),
        Kind::Parsed(pattern) => or_expanded(json!({"pattern": pattern})),
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::Integer(bounds, _) => {
            json!({"type": "integer", "minimum": bounds.least, "maximum": bounds.most})
        }
        Kind::Size(bounds) => json!({
            "type": ["string", "integer"],
            "minimum": bounds.least,
            "maximum": bounds.most,
            "anyOf": [{"pattern": SIZE}, {"pattern": EXPANDED}],
        }),
        Kind::Choice(Choice { words, .. }) => or_expanded(json!({"enum": words})),
        Kind::Texts(Texts { checks, unique }) => json!({
            "type": "array",
            "minItems": 1,
            "uniqueItems": unique,
            "items": text_schema(checks),
        }),
        Kind::Start(inner) => json!({"anyOf": [
            or_expanded(json!({"anyOf": [{"enum": ["earliest", "latest"]}, {"pattern": TIME}]})),
            reference(inner),
        ]}),
        // These have their descriptions with them.
        Kind::Table(inner) | Kind::Backend(inner, _) => return reference(inner),
        Kind::Tables(inner) => {
            json!({"type": "array", "minItems": 1, "items": reference(inner)})
        }
        Kind::Named(inner) => named_schema(inner),
        Kind::Columns(inner) => json!({
            "type": "object",
            "additionalProperties": {"anyOf": [
                or_expanded(json!({"pattern": SOURCE})),
                reference(inner),
            ]},
        }),
        Kind::Literal => json!({"type": ["string", "number", "boolean"]}),
        Kind::Properties => properties_schema(),
    };
    describe(&mut schema, setting);
    schema
}

/// What a person reads beside it.
fn describe(schema: &mut Value, setting: &Setting) {
    let mut description = setting.doc.to_owned();
    if !setting.also.is_empty() {
        description.push_str(&format!(" Bounds: {}.", setting.also));
    }
    match setting.kind {
        Kind::Integer(_, Unit::Milliseconds) => description.push_str(" In milliseconds."),
        Kind::Integer(_, Unit::Seconds) => description.push_str(" In seconds."),
        _ => {}
    }
    match setting.absent {
        Absent::Default(default) => {
            schema["default"] = match default {
                Default::Text(text) => json!(text),
                Default::Boolean(is) => json!(is),
                Default::Integer(n) => json!(n),
                Default::Size(n) => json!(super::size::show_size(n)),
            };
        }
        Absent::Nothing(told) => {
            if told != "none" {
                description.push_str(&format!(" Left out: {told}."));
            }
        }
        Absent::Required { .. } => {}
    }
    if !description.is_empty() {
        schema["description"] = json!(description.trim_start());
    }
    if setting.secret {
        schema["writeOnly"] = json!(true);
    }
}

fn reference(table: &Table) -> Value {
    json!({"$ref": format!("#/$defs/{}", table.name)})
}

/// A string for which this holds, or one that only the environment completes.
fn or_expanded(mut constraint: Value) -> Value {
    constraint["type"] = json!("string");
    json!({"anyOf": [constraint, {"type": "string", "pattern": EXPANDED}]})
}

fn text_schema(checks: &[Check]) -> Value {
    let mut constraint = json!({});
    let mut not = Vec::new();
    for check in checks {
        match *check {
            Check::Longest(bytes) => constraint["maxLength"] = json!(bytes),
            Check::Matches(pattern, ..) => constraint["pattern"] = json!(pattern),
            Check::MatchesNot(pattern, ..) => not.push(json!({"pattern": pattern})),
        }
    }
    if !not.is_empty() {
        constraint["not"] = json!({"anyOf": not});
    }
    // What is only required not to match may not be blank, either.
    if constraint.get("pattern").is_none() {
        constraint["pattern"] = json!(r"\S");
    }
    or_expanded(constraint)
}

fn named_schema(inner: &Table) -> Value {
    let Check::Matches(pattern, ..) = SINK_NAME else {
        unreachable!("a name matches");
    };
    json!({
        "type": "object",
        "minProperties": 1,
        "patternProperties": {pattern: reference(inner)},
        "additionalProperties": false,
    })
}

/// librdkafka judges its properties itself; those that are often used are named,
/// so that an editor completes them.
fn properties_schema() -> Value {
    let refused: Vec<&str> = REFUSED.iter().flat_map(|r| r.names).copied().collect();
    // `security.protocol = 1` without quotes makes tables.
    let any = json!({"type": ["string", "integer", "boolean", "object"]});
    let value = json!({"type": ["string", "integer", "boolean"]});
    let mut properties: Map<String, Value> = COMMON
        .iter()
        .map(|name| ((*name).to_owned(), value.clone()))
        .collect();
    properties["partition.assignment.strategy"] =
        or_expanded(json!({"enum": ["cooperative-sticky"]}));
    json!({
        "type": "object",
        "propertyNames": {"not": {"enum": refused}},
        "properties": properties,
        "additionalProperties": any,
    })
}

fn rule_schema(table: &Table, rule: &Rule) -> Value {
    match *rule {
        Rule::Refused {
            settings,
            words,
            when,
            ..
        } => {
            let refused: Map<String, Value> = settings
                .iter()
                .map(|setting| {
                    let never = if words.is_empty() {
                        json!(false)
                    } else {
                        json!({"not": {"enum": words}})
                    };
                    ((*setting).to_owned(), never)
                })
                .collect();
            json!({"if": condition(table, when), "then": {"properties": refused}})
        }
        Rule::RefusedKeys {
            setting,
            keys,
            when,
            ..
        } => {
            let names = json!({"propertyNames": {"not": {"enum": keys}}});
            json!({"if": condition(table, when), "then": {"properties": {setting: names}}})
        }
        Rule::Needs(key, other) => json!({"dependentRequired": {key: [other]}}),
    }
}

fn condition(table: &Table, when: When) -> Value {
    match when {
        When::Has(other) => json!({"required": [other]}),
        When::Is(other, words) => {
            let mut says = json!({"properties": {other: {"enum": words}}});
            let is_default = table.setting(other).is_some_and(|setting| {
                matches!(setting.absent, Absent::Default(Default::Text(word)) if words.contains(&word))
            });
            if !is_default {
                says["required"] = json!([other]);
            }
            says
        }
        When::Lacks(others) => {
            let any: Vec<Value> = others
                .iter()
                .map(|other| json!({"required": [other]}))
                .collect();
            json!({"not": {"anyOf": any}})
        }
        When::On(other) => {
            json!({"properties": {other: {"const": true}}, "required": [other]})
        }
        When::Off(other) => {
            json!({"not": {"properties": {other: {"const": true}}, "required": [other]}})
        }
    }
}
