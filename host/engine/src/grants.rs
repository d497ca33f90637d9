//! What the operator allows a tenant beyond looking.

/// Capabilities of a tenant; none by default.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Grants {
    /// Its verdict may drop packets.
    pub drop: bool,
    /// It may change packets.
    pub modify: bool,
    /// It may send segments in the name of either host, and reset connections.
    pub inject: bool,
}

impl Grants {
    /// It may look.
    pub const NONE: Self = Self { drop: false, modify: false, inject: false };
    /// It may do everything.
    pub const ALL: Self = Self { drop: true, modify: true, inject: true };
}
