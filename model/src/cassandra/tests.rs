use super::*;
use crate::report::{comes_to_rest, search};

#[test]
fn every_property_holds() {
    for model in configurations() {
        let report = search(model, 2);
        assert!(report.holds(), "{}", report.faults());
    }
}

#[test]
fn without_further_faults_everything_comes_to_rest() {
    comes_to_rest(&bounds::any_order()).unwrap();
}

/// Leaves one of the protocol's rules out, and says which property that breaks.
fn breaks_without(rule: Without, mut model: CassandraModel) -> String {
    model.without = Some(rule);
    let report = search(model, 2);
    assert!(!report.cut_off, "{}", report.faults());
    report
        .broken
        .into_iter()
        .map(|(property, _)| property)
        .collect::<Vec<_>>()
        .join(", ")
}

#[test]
fn with_timestamps_from_a_clock_a_late_write_wins() {
    let broken = breaks_without(Without::OffsetTimestamps, bounds::any_order());
    assert!(broken.contains("invariant 2"), "{broken}");
}

#[test]
fn with_the_position_beside_the_rows_a_claim_skips_some() {
    let broken = breaks_without(Without::RowsFirst, bounds::power_cuts());
    assert!(broken.contains("invariant 1"), "{broken}");
}

#[test]
fn without_a_rewind_a_power_cut_loses_rows() {
    let broken = breaks_without(Without::Rewind, bounds::power_cuts());
    assert!(broken.contains("invariant 1"), "{broken}");
}

#[test]
fn without_a_new_generation_a_set_is_not_obeyed() {
    let broken = breaks_without(Without::NewGeneration, bounds::operator());
    assert!(broken.contains("invariant"), "{broken}");
}

#[test]
fn an_owner_that_only_repeats_what_failed_loses_rows_in_a_power_cut() {
    let broken = breaks_without(Without::RestartAfterOutage, bounds::power_cuts());
    assert!(broken.contains("invariant"), "{broken}");
}

#[test]
fn without_a_look_at_the_row_a_set_is_never_heard_of() {
    let broken = breaks_without(Without::Look, bounds::operator());
    assert!(broken.contains("invariant"), "{broken}");
}
