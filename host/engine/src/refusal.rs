//! Why a call of a guest is refused.

/// Why a call was refused; the numbers are those of `types.error` in the WIT.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[repr(u32)]
pub enum Refusal {
    /// No packet is current in this call.
    #[error("no packet is current in this call")]
    NoPacket = 1,
    /// No flow is current, or the flow named is not tracked any more.
    #[error("no flow is current, or the flow has ended")]
    NoFlow = 2,
    /// Not in this kind of call.
    #[error("not allowed in this call")]
    NotAllowed = 3,
    /// The operator did not grant it.
    #[error("the operator did not grant this capability")]
    NoCapability = 4,
    /// No event, monitor, handler or timer has this number.
    #[error("no event, monitor, handler or timer has this number")]
    BadId = 5,
    /// The event is never raised at this hook.
    #[error("the event is never raised at this hook")]
    BadHook = 6,
    /// Nothing is held at this offset.
    #[error("nothing is held at this offset")]
    NoData = 7,
    /// The monitor's level keeps no bytes.
    #[error("the monitor's level keeps no bytes")]
    NotBuffered = 8,
    /// A limit of the host is reached.
    #[error("a limit of the host is reached")]
    TooMany = 9,
    /// The argument is longer than the host takes.
    #[error("the argument is too long")]
    TooLong = 10,
    /// Not a filter expression.
    #[error("not a filter expression")]
    BadFilter = 11,
    /// Not one JSON object.
    #[error("not a JSON object")]
    BadJson = 12,
    /// The name is taken by another definition.
    #[error("the name is taken by another definition")]
    Exists = 13,
    /// The argument makes no sense.
    #[error("the argument makes no sense")]
    BadArgument = 14,
    /// This host was built without it.
    #[error("this host was built without it")]
    NotSupported = 15,
}

impl From<Refusal> for u32 {
    fn from(refusal: Refusal) -> Self {
        refusal.number()
    }
}

impl Refusal {
    /// The number as guests see it.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }
}
