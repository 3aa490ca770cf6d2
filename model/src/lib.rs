//! A model of the position protocol over the same decisions as the service.
mod faults;
pub mod postgres;
pub mod report;
mod topic;
