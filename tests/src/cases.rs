//! How much is tried.

/// How many cases a property runs: `usual` in `make test`, what the environment variable `SLUICE_CASES` says where that
/// is set, as `make nightly` does.
#[must_use]
pub fn cases(usual: u32) -> u32 {
    std::env::var("SLUICE_CASES").ok().and_then(|number| number.parse().ok()).unwrap_or(usual)
}
