//! How much is tried.

/// Cases of a property in `make test` to which the environment variable `SLUICE_CASES` refers.
const USUAL: u64 = 10_000;

/// How many cases a property runs: `usual` in `make test`. Where `SLUICE_CASES` is set, as `make nightly` does, so many
/// if ten thousand are usual, and as much in proportion otherwise.
#[must_use]
pub fn cases(usual: u32) -> u32 {
    let wanted = std::env::var("SLUICE_CASES").ok().and_then(|number| number.parse::<u64>().ok());
    let Some(wanted) = wanted else { return usual };
    u32::try_from(u64::from(usual).saturating_mul(wanted) / USUAL).unwrap_or(u32::MAX).max(1)
}
