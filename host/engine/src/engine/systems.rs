//! Which hosts are which systems: overlap rules by the address of the receiver.

use sluice_wire::IpAddress;

use super::Engine;
use crate::limits::SYSTEM_PREFIXES;
use crate::reassembly::{OverlapPolicy, Rules};
use crate::{Direction, Refusal};

/// Hosts of one network, and which copy of a byte they read where several came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct System {
    network: u128,
    /// Leading bits that count, of 128: an IPv4 prefix is one of v4-mapped addresses.
    bits: u8,
    overlap: OverlapPolicy,
}

impl System {
    /// The hosts whose address begins with the first `prefix_len` bits of `address`; `None` if it has fewer.
    #[must_use]
    pub fn new(address: IpAddress, prefix_len: u8, overlap: OverlapPolicy) -> Option<Self> {
        let mapped = if address.is_v4() { 96 } else { 0 };
        let bits = prefix_len.checked_add(mapped).filter(|bits| *bits <= 128)?;
        Some(Self { network: u128::from_be_bytes(address.0) & mask(bits), bits, overlap })
    }

    fn holds(&self, address: IpAddress) -> bool {
        u128::from_be_bytes(address.0) & mask(self.bits) == self.network
    }
}

fn mask(bits: u8) -> u128 {
    u128::MAX.checked_shl(128_u32.saturating_sub(u32::from(bits))).unwrap_or(0)
}

impl Engine {
    /// Takes it that hosts of these networks are these systems, whatever `Config::overlap` says: the longest prefix
    /// that holds the receiver of a direction decides, of equal ones the last. It counts for flows that begin from now
    /// on.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooMany`] if there are more than [`SYSTEM_PREFIXES`]; nothing changes then.
    pub fn set_systems(&mut self, systems: &[System]) -> Result<(), Refusal> {
        if systems.len() > SYSTEM_PREFIXES {
            return Err(Refusal::TooMany);
        }
        self.systems = systems.iter().rev().copied().collect();
        self.systems.sort_by_key(|system| std::cmp::Reverse(system.bits));
        Ok(())
    }

    /// How a direction of the flow at `index` is read.
    pub(super) fn rules(&self, index: u32, direction: Direction) -> Rules {
        let rules = self.config.rules(direction);
        if self.systems.is_empty() {
            return rules;
        }
        let receiver = self.view.flows.get(index).map(|flow| flow.endpoint(direction.receiver()).address);
        let system = receiver.and_then(|receiver| self.systems.iter().find(|system| system.holds(receiver)));
        Rules { overlap: system.map_or(rules.overlap, |system| system.overlap), ..rules }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddress {
        IpAddress::v4([a, b, c, d])
    }

    #[test]
    fn a_prefix_holds_the_addresses_that_begin_with_it() {
        let holds = |network, len, address| {
            System::new(network, len, OverlapPolicy::Last).is_some_and(|system| system.holds(address))
        };
        let v6 = IpAddress([0x20; 16]);
        assert!(holds(v4(10, 9, 9, 9), 8, v4(10, 1, 2, 3)));
        assert!(!holds(v4(10, 0, 0, 0), 8, v4(11, 1, 2, 3)));
        assert!(holds(v4(10, 1, 2, 3), 32, v4(10, 1, 2, 3)));
        assert!(!holds(v4(10, 1, 2, 3), 32, v4(10, 1, 2, 2)));
        assert!(holds(v4(0, 0, 0, 0), 0, v4(255, 1, 2, 3)));
        assert!(!holds(v4(0, 0, 0, 0), 0, v6), "all of IPv4 is not all");
        assert!(holds(v6, 0, v4(1, 2, 3, 4)) && holds(v6, 128, v6));
        assert_eq!(System::new(v4(1, 2, 3, 4), 33, OverlapPolicy::Last), None);
        assert_eq!(System::new(v6, 129, OverlapPolicy::Last), None);
    }

    #[test]
    fn no_more_prefixes_are_taken_than_the_limit_says() {
        let mut engine = Engine::new(Config::default());
        let system = System::new(v4(10, 0, 0, 0), 8, OverlapPolicy::Last).unwrap();
        assert_eq!(engine.set_systems(&vec![system; SYSTEM_PREFIXES]), Ok(()));
        assert_eq!(engine.set_systems(&vec![system; SYSTEM_PREFIXES + 1]), Err(Refusal::TooMany));
    }
}
