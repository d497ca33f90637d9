//! Who wants the bytes that are kept.

use smallvec::SmallVec;

/// What one tenant has not read of a stream and has to answer for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Claim {
    /// Number of the tenant.
    pub tenant: u16,
    /// Bytes that are counted for it.
    pub bytes: u64,
    /// Where what it wants begins.
    pub from: u64,
}

/// Claims of all tenants on a stream; few streams ever have one, most of those have one.
pub type Claims = SmallVec<[Claim; 1]>;
