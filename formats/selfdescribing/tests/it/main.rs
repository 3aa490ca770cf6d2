//! Bytes into cells, by what is public.

mod events;
mod faults;
mod fields;
mod oracle;
mod others;
mod support;
mod types;
