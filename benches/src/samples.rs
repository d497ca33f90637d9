//! Repeated measurements of one thing.

/// What the runs of one kind took, in any unit.
///
/// The best is what it takes when nothing else has the core; the median says how far the machine was from that.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds a run.
    pub fn push(&mut self, value: f64) {
        let place = self.0.partition_point(|other| *other <= value);
        self.0.insert(place, value);
    }

    /// Whether nothing was measured.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The least; 0 if nothing was measured.
    #[must_use]
    pub fn best(&self) -> f64 {
        self.0.first().copied().unwrap_or_default()
    }

    /// The one in the middle; 0 if nothing was measured.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Samples {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = if self.best() < 100.0 { 1 } else { 0 };
        write!(f, "{:.digits$} (median {:.digits$})", self.best(), self.median())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_is_the_least_and_the_median_lies_in_the_middle() {
        let mut samples = Samples::default();
        assert_eq!((samples.best(), samples.median()), (0.0, 0.0));
        for value in [500.0, 100.0, 300.0, 200.0, 400.0] {
            samples.push(value);
        }
        assert_eq!(samples.to_string(), "100 (median 300)");
    }
}
