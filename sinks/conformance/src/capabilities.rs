//! What a database may do differently.

/// What a database may do differently, each with its reason. None is about
/// exactness: whatever stands here, no record is lost, doubled or changed. A
/// capability never skips a scenario: it says which of two results is asserted.
#[derive(Debug, Clone, Copy)]
pub struct Capabilities {
    /// Which tables there can be.
    pub tables: Tables,
    /// What becomes of a write that comes too late.
    pub late: Late,
    /// Where a claim begins.
    pub claims: Claims,
    /// What is left of rows that are only tried.
    pub trials: Trials,
    /// What a column makes of a value that is none of its type.
    pub typing: Typing,
    /// Which decimal numbers a column can hold.
    pub decimals: Decimals,
    /// What becomes of a text with a NUL in it.
    pub nul: Nul,
    /// Whether a table is made and changed while the service runs.
    pub changes: Changes,
    /// Whether there is a type for JSON.
    pub json: Json,
    /// What becomes of a value that was not sent, where no row has it.
    pub unsent: Unsent,
    /// What is kept of a dead letter's time: a letter has to be writable, whatever
    /// time its record claims.
    pub letter_time: fn(i64) -> Option<i64>,
}

/// Which tables there can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tables {
    /// Of every mode.
    All,
    /// Only upserts that keep what a record does not say. Without a transaction around
    /// rows and position only a key makes a replay harmless, and to replace a whole
    /// row, a delete would have to go below each write, which fills the table with
    /// tombstones. Others are refused before anything is written.
    MergingUpserts,
}

/// Whether a table is made and changed while the service runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changes {
    /// In one transaction with the fence.
    Fenced,
    /// Never: a change of the schema goes with no fence, and two at once can part a
    /// cluster.
    Refused,
}

/// What becomes of the write of an owner that was overtaken and does not know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// It is refused: the fence stands in the transaction.
    Refused,
    /// It is taken and changes nothing: it carries the timestamps of its offsets, as
    /// the new owner's writes of the same records do, and older ones than all that
    /// was written since an operator moved the position. Where there is no
    /// transaction, nothing could be refused together with its rows.
    Outweighed,
}

/// Where a claim begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claims {
    /// Where the position stands.
    AtThePosition,
    /// Before it, but never before the start or what an operator set: a database that
    /// may lose what it acknowledged last gets it again.
    BeforeIt,
}

/// What is left of rows that are only tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trials {
    /// Nothing: they are rolled back.
    TakenBack,
    /// What their commit writes too, with the same timestamps, where the database is
    /// asked; nothing, where only their encoding is.
    Kept,
}

/// What a column makes of a value that is none of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typing {
    /// The record is a bad one.
    Strict,
    /// It keeps the value as it was sent, and a truth value as 1 or 0: that is how
    /// SQLite's tables are, but for STRICT ones. No digit of a number is lost.
    Flexible,
}

/// Which decimal numbers a column can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decimals {
    /// All.
    EveryDigit,
    /// Those that integers or floats of 64 bits hold with every digit. Others are bad
    /// records, never rounded.
    SixtyFourBits,
}

/// What becomes of a text with a NUL in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nul {
    /// It is kept.
    Kept,
    /// The record is a bad one: Postgres has no text with a NUL. In a dead letter's
    /// words it is replaced, for the letter has to be writable.
    Refused,
}

/// Whether there is a type for JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Json {
    /// There is.
    Typed,
    /// There is none: JSON goes into text, where a string has no quotes.
    Text,
}

/// What becomes of a value that was not sent, where no row has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsent {
    /// The record is a bad one.
    Checked,
    /// It is null: without a transaction, whether there is a row could only be read
    /// before the write, which is another moment.
    Trusted,
}

impl Capabilities {
    /// All that a database with transactions and strict types does.
    pub const FULL: Self = Self {
        tables: Tables::All,
        late: Late::Refused,
        claims: Claims::AtThePosition,
        trials: Trials::TakenBack,
        typing: Typing::Strict,
        decimals: Decimals::EveryDigit,
        nul: Nul::Kept,
        changes: Changes::Fenced,
        json: Json::Typed,
        unsent: Unsent::Checked,
        letter_time: Some,
    };

    /// A text as a dead letter keeps it.
    #[must_use]
    pub fn letter_text(&self, text: &str) -> String {
        match self.nul {
            Nul::Kept => text.to_owned(),
            Nul::Refused => text.replace('\0', "\u{fffd}"),
        }
    }
}
