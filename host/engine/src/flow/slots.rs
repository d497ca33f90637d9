//! What an embedding keeps with a flow.

use std::any::Any;

use smallvec::SmallVec;

use crate::Direction;

/// One value for each monitor and direction of a flow, of which the engine knows nothing but when it has to go: with
/// the flow's buffers, or with the tenant.
#[derive(Debug, Default)]
pub(crate) struct Slots(SmallVec<[Slot; 2]>);

#[derive(Debug)]
struct Slot {
    /// Place of the monitor's record with the flow.
    position: usize,
    direction: Direction,
    value: Box<dyn Any>,
}

impl Slots {
    /// The value of a monitor and a direction, to change.
    pub(crate) fn get_mut(&mut self, position: usize, direction: Direction) -> Option<&mut Box<dyn Any>> {
        let is_meant = |slot: &&mut Slot| slot.position == position && slot.direction == direction;
        self.0.iter_mut().find(is_meant).map(|slot| &mut slot.value)
    }

    /// Puts a value in where there is none.
    pub(crate) fn insert(&mut self, position: usize, direction: Direction, value: Box<dyn Any>) {
        self.0.push(Slot { position, direction, value });
    }

    /// Whether nothing is kept.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Drops the values of the monitors at these places.
    pub(crate) fn forget(&mut self, is_meant: impl Fn(usize) -> bool) {
        self.0.retain(|slot| !is_meant(slot.position));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_monitor_and_direction_has_its_own() {
        let mut slots = Slots::default();
        for (position, direction, value) in
            [(0, Direction::ToServer, 1u32), (1, Direction::ToServer, 2), (0, Direction::ToClient, 3)]
        {
            assert!(slots.get_mut(position, direction).is_none());
            slots.insert(position, direction, Box::new(value));
        }
        let mut value = |position, direction| {
            slots.get_mut(position, direction).and_then(|value| value.downcast_ref::<u32>().copied())
        };
        assert_eq!(value(0, Direction::ToServer), Some(1));
        assert_eq!(value(1, Direction::ToServer), Some(2));
        assert_eq!(value(0, Direction::ToClient), Some(3));
        assert_eq!(value(1, Direction::ToClient), None);
        slots.forget(|position| position == 0);
        assert!(slots.get_mut(0, Direction::ToServer).is_none());
        assert!(slots.get_mut(1, Direction::ToServer).is_some());
    }
}
