//! A client of schema registries: Confluent's interface, which Apicurio, Karapace,
//! Redpanda and others speak too, and Apicurio's own for its own ids.
//!
//! - [`Registry`] keeps every schema that it found as long as the process lives, and
//!   asks for one that is missing once at a time.
//! - What cannot be had is [`Unavailable`](plimsoll_record::Unavailable): a registry that
//!   is away, busy or refuses is waited for; an id that it does not know, or a URL that
//!   leads elsewhere, needs somebody to act.

mod answer;
mod document;
mod folder;
mod http;
mod kept;
mod place;
mod registry;
mod settings;

pub use kept::Size;
pub use registry::Registry;
pub use settings::{Login, Settings};

#[cfg(test)]
mod tests;
