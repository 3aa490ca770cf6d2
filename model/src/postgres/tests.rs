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
    comes_to_rest(&bounds::ownership()).unwrap();
}

#[test]
fn without_a_look_at_the_row_an_idle_owner_stands_still() {
    let mut model = bounds::operator();
    model.looks = false;
    let report = search(model, 2);
    let broken: Vec<_> = report.broken.iter().map(|(name, _)| &**name).collect();
    assert_eq!(broken, ["invariant 5: at rest there is no lag"]);
}
