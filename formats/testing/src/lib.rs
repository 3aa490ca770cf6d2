//! What the tests of formats share: columns that want fields ([`want()`]), what was read
//! as the tests write it down ([`shown`]), a record by itself ([`one`]), a fuzzer's corpus ([`corpus`]), and a rate
//! beside that of serde_json ([`compare`]).

mod corpus;
mod one;
mod shown;
mod speed;
mod want;

pub use corpus::{changed, corpus};
pub use one::one;
pub use shown::{fault, shown};
pub use speed::{NAMES, Order, compare};
pub use want::{Want, paths, want, wanted, wanted_in};
