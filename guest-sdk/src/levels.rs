//! How much the host does and keeps of a stream for a monitor: of the current flow, or of all flows that begin.

use crate::bindings::sluice::middlebox::{monitor as raw_monitor, stream as raw};
use crate::kind::Direction;
use crate::monitor::StreamMonitor;
use crate::setup::SetupError;
use crate::{Error, Flow, Level};

impl Flow {
    /// How much the host does for this monitor in one direction of this flow, from the next pass on: the next packet,
    /// or the next hook of this one. A monitor that begins to read begins behind the furthest byte seen.
    ///
    /// # Errors
    ///
    /// [`Error::NoFlow`], [`Error::NotAllowed`] in a filter.
    pub fn set_level(&self, direction: Direction, level: Level) -> Result<(), Error> {
        raw::set_level(direction.raw(), level.raw()).map_err(Error::from_number)
    }

    /// How many bytes in order the host keeps that this monitor has not read: whole KiB, rounded up, and no more than
    /// the operator allows. Gives the size in force. Who leaves more unread loses the oldest: [`Error::Missed`].
    ///
    /// # Errors
    ///
    /// [`Error::BadArgument`] for 0, [`Error::NoFlow`], [`Error::NotAllowed`] in a filter.
    pub fn set_size(&self, direction: Direction, bytes: u32) -> Result<u32, Error> {
        raw::set_size(direction.raw(), bytes).map_err(Error::from_number)
    }

    /// How many bytes in order the host keeps behind this monitor's position from here on, for [`Flow::peek_at`] and to
    /// compare repetitions with: whole KiB, rounded up, and no more than the operator allows. Gives the number in
    /// force.
    ///
    /// # Errors
    ///
    /// [`Error::NoFlow`], [`Error::NotAllowed`] in a filter.
    pub fn set_retain(&self, direction: Direction, bytes: u32) -> Result<u32, Error> {
        raw::set_retain(direction.raw(), bytes).map_err(Error::from_number)
    }

    /// Which copy of a byte is read where several came before it was delivered: the operator's decision.
    ///
    /// # Errors
    ///
    /// [`Error::NoFlow`].
    pub fn overlap(&self, direction: Direction) -> Result<Overlap, Error> {
        raw::overlap(direction.raw()).map(Overlap::from_number).map_err(Error::from_number)
    }
}

impl<M: 'static> StreamMonitor<'_, M> {
    /// How much the host does for one direction of the monitor's flows, as they begin.
    ///
    /// # Errors
    ///
    /// [`SetupError::Stream`] if the host refuses it.
    pub fn set_level(&self, direction: Direction, level: Level) -> Result<(), SetupError> {
        raw_monitor::set_level(self.number, direction.raw(), level.raw()).map_err(refused)
    }

    /// As [`Flow::set_size`], for the monitor's flows as they begin.
    ///
    /// # Errors
    ///
    /// [`SetupError::Stream`] with [`Error::BadArgument`] for 0.
    pub fn set_size(&self, direction: Direction, bytes: u32) -> Result<(), SetupError> {
        raw_monitor::set_size(self.number, direction.raw(), bytes).map_err(refused)
    }

    /// As [`Flow::set_retain`], for the monitor's flows as they begin.
    ///
    /// # Errors
    ///
    /// [`SetupError::Stream`] if the host refuses it.
    pub fn set_retain(&self, direction: Direction, bytes: u32) -> Result<(), SetupError> {
        raw_monitor::set_retain(self.number, direction.raw(), bytes).map_err(refused)
    }
}

fn refused(number: u32) -> SetupError {
    SetupError::Stream { error: Error::from_number(number) }
}

/// Whose copy of a byte is read.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Overlap {
    /// The one that came first.
    First,
    /// The one that came last.
    Last,
    /// The one that Linux reads.
    Linux,
    /// The one that BSD reads.
    Bsd,
    /// The one that Windows reads.
    Windows,
    /// The one that Solaris reads.
    Solaris,
    /// A number that this SDK does not know.
    Other(u32),
}

impl Overlap {
    const fn from_number(number: u32) -> Self {
        match number {
            0 => Self::First,
            1 => Self::Last,
            2 => Self::Linux,
            3 => Self::Bsd,
            4 => Self::Windows,
            5 => Self::Solaris,
            other => Self::Other(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_numbered_as_in_the_wit() {
        assert_eq!(Overlap::from_number(2), Overlap::Linux);
        assert_eq!(Overlap::from_number(5), Overlap::Solaris);
        assert_eq!(Overlap::from_number(6), Overlap::Other(6));
    }
}
