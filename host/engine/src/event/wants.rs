//! What a tenant wants of the streams of its monitors' future flows.

use super::Definitions;
use crate::flow::{Kib, Want};
use crate::reassembly::Level;
use crate::{Direction, Refusal};

impl Definitions {
    /// How much the monitor wants of a direction of its flows.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadId`] for an unknown monitor.
    pub fn set_level(&mut self, monitor: u32, direction: Direction, level: Level) -> Result<(), Refusal> {
        self.want_mut(monitor, direction)?.level = level;
        Ok(())
    }

    /// How many bytes of a direction are kept that the monitor has not read: whole KiB, rounded up.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadId`] for an unknown monitor, [`Refusal::BadArgument`] for 0.
    pub fn set_size(&mut self, monitor: u32, direction: Direction, bytes: u32) -> Result<(), Refusal> {
        let want = self.want_mut(monitor, direction)?;
        want.size = if bytes == 0 { return Err(Refusal::BadArgument) } else { Kib::of(bytes) };
        Ok(())
    }

    /// How many bytes of a direction are kept behind the monitor's position: whole KiB, rounded up.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadId`] for an unknown monitor.
    pub fn set_retain(&mut self, monitor: u32, direction: Direction, bytes: u32) -> Result<(), Refusal> {
        self.want_mut(monitor, direction)?.retain = Some(Kib::of(bytes));
        Ok(())
    }

    fn want_mut(&mut self, monitor: u32, direction: Direction) -> Result<&mut Want, Refusal> {
        let wants = self.wants_of(monitor).ok_or(Refusal::BadId)?;
        Ok(&mut wants[direction.index()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wants_are_those_of_one_direction_of_one_monitor() {
        let mut definitions = Definitions::new();
        let first = definitions.open_stream(None, Level::Full).unwrap();
        let second = definitions.open_stream(None, Level::Full).unwrap();
        definitions.set_level(second, Direction::ToClient, Level::Count).unwrap();
        definitions.set_size(second, Direction::ToServer, 5_000).unwrap();
        definitions.set_retain(second, Direction::ToServer, 0).unwrap();
        let usual = Want::of(Level::Full);
        assert_eq!(definitions.wants_of(first), Some(&mut [usual; 2]));
        let to_server = Want { size: Kib::of(5_000), retain: Some(Kib::NONE), ..usual };
        assert_eq!(
            definitions.wants_of(second),
            Some(&mut [to_server, Want { level: Level::Count, ..usual }])
        );
        assert_eq!(definitions.set_size(first, Direction::ToServer, 0), Err(Refusal::BadArgument));
        assert_eq!(definitions.set_level(2, Direction::ToServer, Level::Full), Err(Refusal::BadId));
    }
}
