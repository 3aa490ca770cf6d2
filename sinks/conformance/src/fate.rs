//! What becomes of one value in a column of one type.

use super::world::{Process, World};
use super::{Harness, Kept, Record, Said, TableSpec, Type, Typing, column};

/// One table with a column of each type.
fn every_type() -> TableSpec {
    let mut columns = vec![column("id", Type::Int).key()];
    columns.extend(Type::ALL.iter().map(|typ| column(name(*typ), *typ)));
    TableSpec::merging(columns)
}

/// The column of a type.
pub(super) fn name(typ: Type) -> &'static str {
    match typ {
        Type::Int => "c_int",
        Type::Decimal => "c_decimal",
        Type::Float => "c_float",
        Type::Bool => "c_bool",
        Type::Text => "c_text",
        Type::Bytes => "c_bytes",
        Type::Json => "c_json",
        Type::Time => "c_time",
        Type::Date => "c_date",
        Type::Uuid => "c_uuid",
    }
}

/// What becomes of a value.
pub(super) enum Fate {
    /// It stands in the row.
    Kept(Kept),
    /// Its record is a bad one, with this word.
    Bad(&'static str),
}

pub(super) use Fate::{Bad, Kept as Stays};

/// Of a value that is none of its column's type.
pub(super) fn odd<H: Harness>(kept: Kept, condition: &'static str) -> Fate {
    match H::CAPABILITIES.typing {
        Typing::Flexible => Stays(kept),
        Typing::Strict => Bad(condition),
    }
}

/// A table, and a process that writes to it.
pub(super) struct Columns<H: Harness> {
    pub(super) world: World<H>,
    pub(super) process: Process<H>,
    next: i32,
}

impl<H: Harness> Columns<H> {
    pub(super) async fn new() -> Self {
        let world = World::<H>::merging(every_type()).await;
        Self {
            process: world.process(1).await,
            world,
            next: 0,
        }
    }

    fn id(&mut self) -> String {
        self.next += 1;
        self.next.to_string()
    }

    /// What stands in a column of a row.
    async fn found(&self, id: &str, typ: Type) -> Kept {
        let id = Kept::number(id);
        let at = 1 + Type::ALL.iter().position(|t| *t == typ).expect("a type");
        let rows = self.world.rows().await;
        let row = rows.into_iter().find(|row| row[0] == id);
        row.expect("the row").swap_remove(at)
    }

    /// Of a field of the value.
    pub(super) async fn check(&mut self, typ: Type, said: Said, fate: Fate) {
        let record = Record::put([]).and(name(typ), said);
        self.written(typ, record, fate).await;
    }

    /// Of another source, which the column is given for once. A partition of its own:
    /// the config is that of another process.
    pub(super) async fn check_from(&mut self, source: &str, typ: Type, record: Record, fate: Fate) {
        let at = 1 + Type::ALL.iter().position(|t| *t == typ).expect("a type");
        self.world.spec.columns[at].source = Some(source.parse().expect("a source"));
        self.process = self.world.process_of(1, self.next + 1).await;
        self.written(typ, record, fate).await;
        self.world.spec.columns[at].source = None;
    }

    async fn written(&mut self, typ: Type, record: Record, fate: Fate) {
        let id = self.id();
        let what = format!("{record:?} for {typ:?}");
        let record = record.and("id", Said::number(&id));
        match fate {
            Stays(kept) => {
                let done = self.process.commit(&[record]).await;
                done.unwrap_or_else(|e| panic!("{what}: {e}: {}", e.detail.text.reveal()));
                assert_eq!(self.found(&id, typ).await, kept, "{what}");
            }
            Bad(condition) => {
                let rows = self.world.rows().await.len();
                let error = self.process.refused(&record).await;
                assert_eq!(error.detail.condition, condition, "{what}");
                assert_eq!(error.detail.column.as_deref(), Some(name(typ)), "{what}");
                assert_eq!(self.world.rows().await.len(), rows, "{what}");
            }
        }
    }
}
