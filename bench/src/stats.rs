//! Medians and spreads: the machine is noisy, so one run says little.

use serde::{Deserialize, Serialize};

/// What several runs gave.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Series {
    /// In the order of the runs.
    pub values: Vec<f64>,
    /// The middle one.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Series {
    /// Of one run or more.
    #[must_use]
    pub fn new(values: Vec<f64>) -> Self {
        Self {
            median: quantile(&values, 0.5),
            min: quantile(&values, 0.0),
            max: quantile(&values, 1.0),
            values,
        }
    }

    /// Both of one alternation, divided.
    #[must_use]
    pub fn ratio(&self, baseline: &Self) -> Self {
        let pairs = self.values.iter().zip(&baseline.values);
        Self::new(pairs.map(|(mine, baseline)| mine / baseline).collect())
    }
}

/// The value below which a share of all lies; between two, the mean by distance.
#[must_use]
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let at = share * last as f64;
    let (below, above) = (at.floor() as usize, at.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_sorted_values() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(quantile(&values, 0.0), 1.0);
        assert_eq!(quantile(&values, 0.5), 3.0);
        assert_eq!(quantile(&values, 0.875), 4.5);
        assert_eq!(quantile(&values, 1.0), 5.0);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn a_ratio_is_taken_within_each_alternation() {
        let (mine, baseline) = (Series::new(vec![2.0, 9.0]), Series::new(vec![1.0, 3.0]));
        assert_eq!(mine.ratio(&baseline).values, [2.0, 3.0]);
    }
}
