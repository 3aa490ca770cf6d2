use super::*;
use crate::report::{comes_to_rest, search};

#[test]
fn every_property_holds() {
    for model in configurations() {
        let report = search(model, 2);
        println!("{report}");
        assert!(report.holds(), "{}", report.faults());
    }
}

#[test]
fn without_further_faults_everything_comes_to_rest() {
    for model in [bounds::ownership()] {
        let began = std::time::Instant::now();
        let n = comes_to_rest(&model).unwrap();
        println!("{n} {:?}", began.elapsed());
    }
}
