//! Readiness in the style of epoll, for middleboxes that would rather read than hook.

use crate::bindings::sluice::middlebox::flow as raw;
use crate::kind::Direction;
use crate::{Error, Flow, FlowId};

/// The flows that are ready: those to which something happened in this burst of packets, and some of those that were
/// left unread in the last one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReadyFlows(Vec<u64>);

impl ReadyFlows {
    pub(crate) const fn from_numbers(numbers: Vec<u64>) -> Self {
        Self(numbers)
    }

    /// The flows, in the order in which something happened to them.
    pub fn iter(&self) -> impl Iterator<Item = ReadyFlow> {
        let (pairs, _) = self.0.as_chunks::<2>();
        pairs.iter().map(|[flow, flags]| ReadyFlow { flow: *flow, flags: *flags })
    }
}

/// A flow that is ready.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReadyFlow {
    flow: u64,
    flags: u64,
}

impl ReadyFlow {
    /// The flow.
    #[must_use]
    pub const fn id(&self) -> FlowId {
        FlowId::from_number(self.flow)
    }

    /// Whether bytes of a direction can be read. Until they are, the flow is listed again.
    #[must_use]
    pub const fn is_readable(&self, direction: Direction) -> bool {
        self.flags >> direction.index() & 1 != 0
    }

    /// Whether it began since the last call.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.flags >> 2 & 1 != 0
    }

    /// Whether it has ended: what is left of it can be read now, for the last time.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.flags >> 3 & 1 != 0
    }

    /// Makes the flow current, for the monitor that it is ready for.
    ///
    /// # Errors
    ///
    /// [`Error::NoFlow`] if the host does not follow it any more.
    pub fn select(&self) -> Result<Flow, Error> {
        let flow = self.id().select()?;
        // The number of the monitor is in the upper half.
        let monitor = u32::try_from(self.flags >> 32).unwrap_or(u32::MAX);
        raw::select_monitor(monitor).map_err(Error::from_number)?;
        Ok(flow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_say_what_is_ready() {
        let flows = ReadyFlows::from_numbers(vec![7, 0b0101 | 3 << 32, 9, 0b1010]);
        let flows: Vec<ReadyFlow> = flows.iter().collect();
        let readable =
            |flow: &ReadyFlow| [Direction::ToServer, Direction::ToClient].map(|of| flow.is_readable(of));
        assert_eq!(readable(&flows[0]), [true, false]);
        assert_eq!(readable(&flows[1]), [false, true]);
        assert_eq!(flows.iter().map(ReadyFlow::is_new).collect::<Vec<_>>(), [true, false]);
        assert_eq!(flows.iter().map(ReadyFlow::has_ended).collect::<Vec<_>>(), [false, true]);
        assert_eq!(flows.len(), 2);
    }
}
