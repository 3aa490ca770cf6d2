//! Types: their names for people, and which ones a replay could not repeat.

use scylla::cluster::metadata::{CollectionType, ColumnType, NativeType};

/// As CQL writes it.
pub(crate) fn name(typ: &ColumnType<'_>) -> String {
    let frozen = |is: bool, inner: String| match is {
        true => format!("frozen<{inner}>"),
        false => inner,
    };
    match typ {
        ColumnType::Native(native) => match native {
            NativeType::BigInt => "bigint".to_owned(),
            NativeType::SmallInt => "smallint".to_owned(),
            NativeType::TinyInt => "tinyint".to_owned(),
            other => format!("{other:?}").to_ascii_lowercase(),
        },
        ColumnType::Collection { frozen: is, typ } => {
            let inner = match typ {
                CollectionType::List(element) => format!("list<{}>", name(element)),
                CollectionType::Set(element) => format!("set<{}>", name(element)),
                CollectionType::Map(key, value) => format!("map<{}, {}>", name(key), name(value)),
                _ => "unknown".to_owned(),
            };
            frozen(*is, inner)
        }
        ColumnType::Vector { typ, dimensions } => format!("vector<{}, {dimensions}>", name(typ)),
        ColumnType::UserDefinedType {
            frozen: is,
            definition,
        } => frozen(*is, definition.name.to_string()),
        ColumnType::Tuple(types) => {
            let types: Vec<String> = types.iter().map(name).collect();
            format!("tuple<{}>", types.join(", "))
        }
        _ => "unknown".to_owned(),
    }
}

/// Why a column of a type cannot be written so that a replay changes nothing.
pub(crate) fn refused(typ: &ColumnType<'_>) -> Option<(&'static str, &'static str)> {
    match typ {
        ColumnType::Native(NativeType::Counter) => Some((
            "is a counter, and a replay would count twice",
            "write a row per event, and count when reading",
        )),
        // Its elements have keys that the server makes of its clock: of two
        // writes with one timestamp, both elements would stay.
        ColumnType::Collection {
            frozen: false,
            typ: CollectionType::List(_),
        } => Some((
            "is a list that is not frozen, and a replay would append to it",
            "make it a frozen<list<…>>, or a set",
        )),
        _ => None,
    }
}
