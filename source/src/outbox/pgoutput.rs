//! Reads what the plugin `pgoutput` sends, version 1 of its protocol: the shapes of
//! relations and the rows that are inserted. All else that it may send is no event.

use bytes::{Buf, Bytes};

/// A table, as it was when the rows behind this were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relation {
    /// What rows call it.
    pub(crate) id: u32,
    pub(crate) schema: String,
    pub(crate) table: String,
    /// In the order of a row's values.
    pub(crate) columns: Vec<String>,
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    /// As the server writes it.
    Text(Bytes),
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Relation(Relation),
    Insert {
        relation: u32,
        values: Vec<Value>,
    },
    /// An update, a delete, a truncate, a type, an origin: no event of an outbox.
    Other,
}

/// The server sent what the protocol does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the database sent what is not pgoutput, version 1")]
pub(crate) struct Malformed;

/// Reads one message.
pub(crate) fn read(mut data: Bytes) -> Result<Change, Malformed> {
    match byte(&mut data)? {
        b'R' => relation(&mut data).map(Change::Relation),
        b'I' => insert(&mut data),
        // Names, not `_`: a message of another version would be lost in silence.
        b'U' | b'D' | b'T' | b'Y' | b'O' | b'B' | b'C' | b'M' => Ok(Change::Other),
        _ => Err(Malformed),
    }
}

fn byte(data: &mut Bytes) -> Result<u8, Malformed> {
    data.try_get_u8().map_err(|_| Malformed)
}

fn short(data: &mut Bytes) -> Result<u16, Malformed> {
    data.try_get_u16().map_err(|_| Malformed)
}

fn long(data: &mut Bytes) -> Result<u32, Malformed> {
    data.try_get_u32().map_err(|_| Malformed)
}

fn text(data: &mut Bytes) -> Result<String, Malformed> {
    let end = data.iter().position(|b| *b == 0).ok_or(Malformed)?;
    let text = data.split_to(end);
    data.advance(1);
    String::from_utf8(text.to_vec()).map_err(|_| Malformed)
}

fn relation(data: &mut Bytes) -> Result<Relation, Malformed> {
    let id = long(data)?;
    let (schema, table) = (text(data)?, text(data)?);
    let _identity = byte(data)?;
    let count = short(data)?;
    let columns = (0..count).map(|_| {
        let _flags = byte(data)?;
        let name = text(data)?;
        let (_type, _modifier) = (long(data)?, long(data)?);
        Ok(name)
    });
    let columns = columns.collect::<Result<_, _>>()?;
    Ok(Relation {
        id,
        schema,
        table,
        columns,
    })
}

fn insert(data: &mut Bytes) -> Result<Change, Malformed> {
    let relation = long(data)?;
    if byte(data)? != b'N' {
        return Err(Malformed);
    }
    let count = short(data)?;
    let mut values = Vec::with_capacity(count.into());
    for _ in 0..count {
        values.push(match byte(data)? {
            b'n' => Value::Null,
            b't' => {
                let length = usize::try_from(long(data)?).map_err(|_| Malformed)?;
                if data.len() < length {
                    return Err(Malformed);
                }
                Value::Text(data.split_to(length))
            }
            // 'u' stands in updates alone, 'b' where binary was asked for.
            _ => return Err(Malformed),
        });
    }
    Ok(Change::Insert { relation, values })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(in crate::outbox) fn relation_message(id: u32, columns: &[&str]) -> Bytes {
        let mut data = vec![b'R'];
        data.extend(id.to_be_bytes());
        data.extend(b"public\0outbox\0d");
        data.extend(u16::try_from(columns.len()).unwrap().to_be_bytes());
        for column in columns {
            data.push(0);
            data.extend(column.as_bytes());
            data.push(0);
            data.extend(25u32.to_be_bytes());
            data.extend(u32::MAX.to_be_bytes());
        }
        data.into()
    }

    pub(in crate::outbox) fn insert_message(id: u32, values: &[Option<&str>]) -> Bytes {
        let mut data = vec![b'I'];
        data.extend(id.to_be_bytes());
        data.push(b'N');
        data.extend(u16::try_from(values.len()).unwrap().to_be_bytes());
        for value in values {
            match value {
                None => data.push(b'n'),
                Some(text) => {
                    data.push(b't');
                    data.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
                    data.extend(text.as_bytes());
                }
            }
        }
        data.into()
    }

    #[test]
    fn a_relation_and_its_rows_are_read() {
        let relation = read(relation_message(7, &["id", "key"])).unwrap();
        let Change::Relation(relation) = relation else {
            panic!("{relation:?}");
        };
        assert_eq!(
            (relation.schema.as_str(), relation.table.as_str()),
            ("public", "outbox")
        );
        assert_eq!(relation.columns, ["id", "key"]);
        let values = vec![Value::Text("1".into()), Value::Null];
        let row = read(insert_message(7, &[Some("1"), None])).unwrap();
        assert_eq!(
            row,
            Change::Insert {
                relation: 7,
                values
            }
        );
    }

    #[test]
    fn what_the_protocol_does_not_have_is_told() {
        for wrong in [&b""[..], b"?", b"S", b"I\0\0\0\x01K", b"R\0\0\0\x01public"] {
            assert_eq!(
                read(Bytes::copy_from_slice(wrong)),
                Err(Malformed),
                "{wrong:?}"
            );
        }
        assert_eq!(read(Bytes::from_static(b"U whatever")), Ok(Change::Other));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(data: Vec<u8>) {
            let _ = read(data.into());
        }

        #[test]
        fn a_message_that_is_cut_off_is_refused(cut in 0usize..100) {
            let whole = insert_message(7, &[Some("value"), None, Some("")]);
            if cut < whole.len() {
                prop_assert_eq!(read(whole.slice(..cut)), Err(Malformed));
            }
        }
    }
}
