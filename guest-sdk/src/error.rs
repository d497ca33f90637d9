//! Why the host refused a call.

use thiserror::Error;

/// Why the host refused a call, or gave no bytes.
///
/// The host's error numbers are open: a number that this SDK does not know is [`Error::Other`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, Error)]
#[non_exhaustive]
pub enum Error {
    /// No packet is current: in `start`, `stop` and timers, and for events that a deadline raised.
    #[error("no packet is current")]
    NoPacket,
    /// No flow is current, or the flow that was selected has ended.
    #[error("no flow is current")]
    NoFlow,
    /// Not in this call: a filter changes nothing, and monitors and definitions belong to `start`.
    #[error("not allowed in this call")]
    NotAllowed,
    /// The operator did not grant the capability.
    #[error("capability not granted")]
    NoCapability,
    /// No event, monitor, handler or timer has this number.
    #[error("no such event, monitor, handler or timer")]
    BadId,
    /// The event is never raised at this hook.
    #[error("the event is never raised at this hook")]
    BadHook,
    /// The host holds nothing at this stream offset.
    #[error("nothing is held at this offset")]
    NoData,
    /// The monitor's level keeps no bytes.
    #[error("the monitor's level keeps no bytes")]
    NotBuffered,
    /// A limit of the host is reached.
    #[error("a limit of the host is reached")]
    TooMany,
    /// The argument is longer than the host takes.
    #[error("the argument is too long")]
    TooLong,
    /// Not a pcap-filter expression.
    #[error("not a filter expression")]
    BadFilter,
    /// Not one JSON object.
    #[error("not a JSON object")]
    BadJson,
    /// The name is taken by another definition.
    #[error("the name is taken")]
    Exists,
    /// The argument makes no sense, or lies outside of what it is about.
    #[error("the argument makes no sense")]
    BadArgument,
    /// This host was built without it.
    #[error("this host was built without it")]
    NotSupported,
    /// Bytes were dropped before this monitor read them; its position is behind them now, and the next
    /// [`peek`](crate::Flow::peek) goes on there.
    #[error("{bytes} bytes were dropped before they were read")]
    Missed {
        /// How many.
        bytes: u64,
    },
    /// A number that this SDK does not know.
    #[error("refused with number {0}")]
    Other(u32),
}

impl Error {
    /// The error with this number in the interface `types`.
    pub(crate) const fn from_number(number: u32) -> Self {
        match number {
            1 => Self::NoPacket,
            2 => Self::NoFlow,
            3 => Self::NotAllowed,
            4 => Self::NoCapability,
            5 => Self::BadId,
            6 => Self::BadHook,
            7 => Self::NoData,
            8 => Self::NotBuffered,
            9 => Self::TooMany,
            10 => Self::TooLong,
            11 => Self::BadFilter,
            12 => Self::BadJson,
            13 => Self::Exists,
            14 => Self::BadArgument,
            15 => Self::NotSupported,
            other => Self::Other(other),
        }
    }
}

impl From<Error> for String {
    /// Lets `start` use `?` on calls to the host.
    fn from(error: Error) -> Self {
        error.to_string()
    }
}
