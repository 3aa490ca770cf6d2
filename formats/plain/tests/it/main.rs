//! Records into rows, by what is public.

mod csv;
mod judged;
mod primitive;
mod support;
