//! Sets of ports and addresses: ranges that are sorted and apart, looked up by halving.

use sluice_wire::IpAddress;

use crate::Refusal;
use crate::limits::{FILTER_PORTS, FILTER_PREFIXES};

/// Numbers as ranges, first and last.
///
/// Invariant: ascending, and between two ranges lies at least one number; so equal sets are equal lists.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Ranges<T>(Box<[(T, T)]>);

impl<T: Copy + Ord> Ranges<T> {
    /// The union of `ranges`; `next` gives the number behind another one, `None` behind the last.
    fn union(mut ranges: Vec<(T, T)>, next: fn(T) -> Option<T>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some((_, end)) if next(*end).is_none_or(|next| first <= next) => *end = last.max(*end),
                _ => merged.push((first, last)),
            }
        }
        Self(merged.into())
    }

    #[inline]
    fn contains(&self, value: T) -> bool {
        let behind = self.0.partition_point(|(first, _)| *first <= value);
        let range = behind.checked_sub(1).and_then(|position| self.0.get(position));
        range.is_some_and(|(_, last)| value <= *last)
    }
}

/// A set of ports.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PortSet(Ranges<u16>);

impl PortSet {
    /// The union of ranges given by their first and last port, in any order.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadFilter`] for no range and for one that ends before it begins, [`Refusal::TooMany`] for more than
    /// [`FILTER_PORTS`].
    pub fn new(ranges: &[(u16, u16)]) -> Result<Self, Refusal> {
        if ranges.len() > FILTER_PORTS {
            return Err(Refusal::TooMany);
        }
        if ranges.is_empty() || ranges.iter().any(|(first, last)| first > last) {
            return Err(Refusal::BadFilter);
        }
        Ok(Self(Ranges::union(ranges.to_vec(), |port| port.checked_add(1))))
    }

    /// Whether the port is in it.
    #[inline]
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        self.0.contains(port)
    }

    /// Its ranges, first and last port: ascending, as few as there can be.
    #[must_use]
    pub fn ranges(&self) -> &[(u16, u16)] {
        &self.0.0
    }
}

/// A set of addresses of both versions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PrefixSet {
    v4: Ranges<u32>,
    /// None of them is IPv4-mapped to whoever asks: such an address is looked up in `v4`.
    v6: Ranges<u128>,
}

impl PrefixSet {
    /// The union of prefixes: an address and how many of its bits count, up to 32 for IPv4 and 128 for IPv6.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadFilter`] for no prefix, for one that is too long and for one with bits set behind its length,
    /// [`Refusal::TooMany`] for more than [`FILTER_PREFIXES`].
    pub fn new(prefixes: &[(IpAddress, u8)]) -> Result<Self, Refusal> {
        if prefixes.len() > FILTER_PREFIXES {
            return Err(Refusal::TooMany);
        }
        if prefixes.is_empty() {
            return Err(Refusal::BadFilter);
        }
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (address, length) in prefixes {
            // What the bits that do not count may be; a shift by the whole width leaves none of them.
            match address.to_v4().map(u32::from_be_bytes) {
                Some(first) if *length <= 32 => {
                    let rest = u32::MAX.checked_shr(u32::from(*length)).unwrap_or(0);
                    v4.push((first, first | rest));
                    is_first(first & rest == 0)?;
                }
                None if *length <= 128 => {
                    let first = u128::from_be_bytes(address.0);
                    let rest = u128::MAX.checked_shr(u32::from(*length)).unwrap_or(0);
                    v6.push((first, first | rest));
                    is_first(first & rest == 0)?;
                }
                _ => return Err(Refusal::BadFilter),
            }
        }
        Ok(Self {
            v4: Ranges::union(v4, |address| address.checked_add(1)),
            v6: Ranges::union(v6, |address| address.checked_add(1)),
        })
    }

    /// Whether the address is in it.
    #[inline]
    #[must_use]
    pub fn contains(&self, address: IpAddress) -> bool {
        match address.to_v4() {
            Some(address) => self.v4.contains(u32::from_be_bytes(address)),
            None => self.v6.contains(u128::from_be_bytes(address.0)),
        }
    }

    /// The fewest prefixes that make the set, IPv4 first, ascending.
    pub fn prefixes(&self) -> impl Iterator<Item = (IpAddress, u8)> {
        let v4 = self.v4.0.iter().flat_map(|(first, last)| Blocks::new((*first).into(), (*last).into(), 32));
        let v4 = v4.filter_map(|(first, length)| {
            Some((IpAddress::v4(u32::try_from(first).ok()?.to_be_bytes()), length))
        });
        let v6 = self.v6.0.iter().flat_map(|(first, last)| Blocks::new(*first, *last, 128));
        v4.chain(v6.map(|(first, length)| (IpAddress(first.to_be_bytes()), length)))
    }
}

/// Refuses a prefix whose address is not its first.
const fn is_first(is_first: bool) -> Result<(), Refusal> {
    if is_first { Ok(()) } else { Err(Refusal::BadFilter) }
}

/// A range of addresses cut into prefixes, as (first address, length).
#[derive(Debug)]
struct Blocks {
    /// First address that is left and the last one; `None` when nothing is left.
    left: Option<(u128, u128)>,
    /// Bits of an address.
    width: u8,
}

impl Blocks {
    const fn new(first: u128, last: u128, width: u8) -> Self {
        Self { left: Some((first, last)), width }
    }
}

impl Iterator for Blocks {
    type Item = (u128, u8);

    fn next(&mut self) -> Option<(u128, u8)> {
        let (first, last) = self.left?;
        // The shortest prefix that begins here and does not go beyond the end.
        let rest_of = |length: u8| u128::MAX.checked_shr((128 - u32::from(self.width)) + u32::from(length));
        let fits = |rest: u128| first & rest == 0 && first | rest <= last;
        let (length, rest) = (0..=self.width)
            .map(|length| (length, rest_of(length).unwrap_or(0)))
            .find(|(_, rest)| fits(*rest))?;
        let next = (first | rest).checked_add(1);
        self.left = next.filter(|next| *next <= last).map(|next| (next, last));
        Some((first, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that anyone can repeat (xorshift64, Marsaglia 2003).
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % bound
        }
    }

    fn address(text: &str) -> IpAddress {
        text.parse::<std::net::IpAddr>().unwrap().into()
    }

    fn prefix(text: &str) -> (IpAddress, u8) {
        let (first, length) = text.split_once('/').unwrap();
        (address(first), length.parse().unwrap())
    }

    fn set(prefixes: &[&str]) -> Result<PrefixSet, Refusal> {
        PrefixSet::new(&prefixes.iter().map(|text| prefix(text)).collect::<Vec<_>>())
    }

    #[test]
    fn port_sets_hold_what_one_of_their_ranges_holds() {
        let mut numbers = Numbers(1);
        for _ in 0..2_000 {
            // Narrow ranges near each other and at both ends, so that they touch, overlap and contain each other.
            let base = [0, 100, u16::MAX - 60][usize::try_from(numbers.below(3)).unwrap()];
            let ranges: Vec<(u16, u16)> = (0..=numbers.below(8))
                .map(|_| {
                    let first = base + u16::try_from(numbers.below(50)).unwrap();
                    (first, first + u16::try_from(numbers.below(11)).unwrap())
                })
                .collect();
            let set = PortSet::new(&ranges).unwrap();
            for port in 0..=u16::MAX {
                let is_near = !(200..u16::MAX - 100).contains(&port);
                if is_near {
                    let expected = ranges.iter().any(|(first, last)| (*first..=*last).contains(&port));
                    assert_eq!(set.contains(port), expected, "{port} in {ranges:?}");
                }
            }
            let are_apart =
                set.ranges().windows(2).all(|pair| u32::from(pair[0].1) + 1 < u32::from(pair[1].0));
            assert!(are_apart, "{:?} of {ranges:?}", set.ranges());
        }
    }

    #[test]
    fn prefix_sets_hold_what_one_of_their_prefixes_holds() {
        let mut numbers = Numbers(2);
        for _ in 0..500 {
            // Addresses of eight bits below a common start, each version's at its own place.
            let starts =
                [(address("192.0.2.0"), 24), (address("255.255.255.0"), 24), (address("2001:db8::"), 120)];
            let prefixes: Vec<(IpAddress, u8)> = (0..=numbers.below(6))
                .map(|_| {
                    let (mut first, least) = starts[usize::try_from(numbers.below(3)).unwrap()];
                    let bits = u8::try_from(numbers.below(9)).unwrap();
                    let low = u8::try_from(numbers.below(256)).unwrap();
                    first.0[15] = low & u8::MAX.checked_shl(8 - u32::from(bits)).unwrap_or(0);
                    (first, least + bits)
                })
                .collect();
            let set = PrefixSet::new(&prefixes).unwrap();
            let again = PrefixSet::new(&set.prefixes().collect::<Vec<_>>()).unwrap();
            assert_eq!(again, set, "its own prefixes make the set again");
            for (start, low) in
                starts.into_iter().flat_map(|(start, _)| (0..=u8::MAX).map(move |low| (start, low)))
            {
                let mut asked = start;
                asked.0[15] = low;
                let expected = prefixes.iter().any(|prefix| is_in(asked, *prefix));
                assert_eq!(set.contains(asked), expected, "{asked:?} in {prefixes:?}");
            }
        }
    }

    /// Bit by bit.
    fn is_in(asked: IpAddress, (first, length): (IpAddress, u8)) -> bool {
        let bit = |address: IpAddress, n: u8| address.0[usize::from(n / 8)] >> (7 - n % 8) & 1;
        let length = if first.is_v4() { 96 + length } else { length };
        asked.is_v4() == first.is_v4() && (0..length).all(|n| bit(asked, n) == bit(first, n))
    }

    #[test]
    fn each_version_has_prefixes_of_its_own() {
        let all_v4 = set(&["0.0.0.0/0"]).unwrap();
        assert!(all_v4.contains(address("255.255.255.255")) && all_v4.contains(address("0.0.0.0")));
        assert!(!all_v4.contains(address("::")) && !all_v4.contains(address("2001:db8::1")));
        let all_v6 = set(&["::/0"]).unwrap();
        assert!(all_v6.contains(address("::")) && all_v6.contains(address("ffff::")));
        assert!(!all_v6.contains(address("10.0.0.1")));
        let one = set(&["2001:db8::1/128"]).unwrap();
        assert!(one.contains(address("2001:db8::1")) && !one.contains(address("2001:db8::2")));
    }

    #[test]
    fn neighbours_become_one_prefix() {
        let halves = set(&["10.128.0.0/9", "10.0.0.0/9", "10.3.0.0/16"]).unwrap();
        assert_eq!(halves, set(&["10.0.0.0/8"]).unwrap());
        assert_eq!(halves.prefixes().collect::<Vec<_>>(), [prefix("10.0.0.0/8")]);
        let odd = set(&["10.0.0.1/32", "10.0.0.2/31", "::/1", "8000::/1"]).unwrap();
        let expected = ["10.0.0.1/32", "10.0.0.2/31", "::/0"].map(prefix);
        assert_eq!(odd.prefixes().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn sets_that_mean_nothing_are_refused() {
        assert_eq!(PortSet::new(&[]), Err(Refusal::BadFilter));
        assert_eq!(PortSet::new(&[(80, 79)]), Err(Refusal::BadFilter));
        assert_eq!(PortSet::new(&vec![(80, 80); FILTER_PORTS + 1]), Err(Refusal::TooMany));
        assert!(PortSet::new(&vec![(80, 80); FILTER_PORTS]).is_ok());
        assert_eq!(set(&[]), Err(Refusal::BadFilter));
        for bad in ["10.0.0.0/33", "10.0.0.1/8", "::/129", "2001:db8::1/127", "::ffff:0:0/96"] {
            assert_eq!(set(&[bad]), Err(Refusal::BadFilter), "{bad}");
        }
        assert_eq!(set(&vec!["10.0.0.0/8"; FILTER_PREFIXES + 1]), Err(Refusal::TooMany));
    }
}
