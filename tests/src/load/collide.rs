//! Tuples that collide under hashes that anyone can compute.

use sluice_engine::flow::{Endpoint, FlowKey, FlowTable};
use sluice_engine::{Config, Nanos};
use sluice_wire::{Encapsulation, IpAddress, TcpFlags};

use super::Failure;
use super::rig::{Lap, Pair, Rig};
use crate::random::Random;

/// A hash of tuples that senders know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fold {
    /// None: random tuples.
    None,
    /// All words of the tuple, by exclusive or.
    Xor,
    /// CRC-32 (IEEE 802.3) of the tuple.
    Crc,
    /// The low 16 bits of FNV-1a of the tuple.
    Fnv,
    /// The low eight bits of our own hash, with the keys of another seed.
    OtherSeed,
}

impl Fold {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::None, Self::Xor, Self::Crc, Self::Fnv, Self::OtherSeed];

    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "random",
            Self::Xor => "exclusive or",
            Self::Crc => "CRC-32",
            Self::Fnv => "FNV-1a",
            Self::OtherSeed => "another seed",
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Collisions {
    /// The engine and its reader at the end.
    pub rig: Rig,
    /// All SYNs.
    pub lap: Lap,
    /// Of as many tuples as the table holds, the most that share a bucket if there are as many buckets; of a million
    /// random ones, eight to ten.
    pub chain: usize,
}

/// The seed under which the attacker has computed, of the same hash.
const OTHER_SEED: u64 = 0x5eed_0f0f_7e57_e2da;

/// Sends SYNs whose tuples collide under `fold`.
///
/// # Errors
///
/// [`Failure`] if the ledger does not add up.
pub fn collisions(
    fold: Fold,
    tuples: u64,
    config: Config,
    clock: fn() -> u64,
) -> Result<Collisions, Failure> {
    let mut rig = Rig::new(config, clock)?;
    let mut maker = Maker::new(fold);
    let held = config.limits.half_open.min(config.limits.flows);
    let mut chains = vec![0_u32; held.next_power_of_two()];
    let hasher = FlowTable::new(config.seed, 0);
    let mut now = Nanos(1_000_000_000);
    for number in 0..tuples {
        let pair = maker.next();
        if number < held as u64 {
            let hash = usize::try_from(hasher.hash(&key(&pair))).unwrap_or(0);
            let buckets = chains.len();
            if let Some(chain) = chains.get_mut(hash % buckets) {
                *chain += 1;
            }
        }
        now = now.after(1_000);
        rig.send(&pair.up(TcpFlags::SYN, 1, 0), now);
    }
    let lap = rig.lap();
    let longest = chains.into_iter().max().unwrap_or(0);
    rig.finish()?;
    Ok(Collisions { rig, lap, chain: usize::try_from(longest).unwrap_or(usize::MAX) })
}

fn key(pair: &Pair) -> FlowKey {
    let end = |(address, port)| Endpoint { address: IpAddress::v4(address), port };
    FlowKey::between(end(pair.client), end(pair.server), Encapsulation::NONE).0
}

/// Makes tuples.
struct Maker {
    fold: Fold,
    random: Random,
    other: FlowTable,
    crc: [u32; 256],
}

impl Maker {
    fn new(fold: Fold) -> Self {
        let mut crc = [0_u32; 256];
        for (byte, entry) in (0_u32..).zip(&mut crc) {
            *entry = (0..8).fold(byte, |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 });
        }
        Self { fold, random: Random::new(4), other: FlowTable::new(OTHER_SEED, 0), crc }
    }

    fn next(&mut self) -> Pair {
        let (client, server) = (self.word(), self.word());
        match self.fold {
            Fold::None => pair(client, server, self.word()),
            Fold::Xor => {
                let ports = self.word();
                let server = u32::from_be_bytes(client) ^ u32::from_be_bytes(ports) ^ 0x0a0b_0c0d;
                pair(client, server.to_be_bytes(), ports)
            }
            Fold::Crc => pair(client, server, self.ports_for_crc(client, server)),
            Fold::Fnv => ports_for_fnv(client, server, self.word()).unwrap_or_else(|| self.next()),
            Fold::OtherSeed => loop {
                let candidate = pair(client, server, self.word());
                if self.other.hash(&key(&candidate)) & 0xff == 0 {
                    return candidate;
                }
            },
        }
    }

    fn word(&mut self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.random.bits().to_be_bytes();
        [a, b, c, d]
    }

    /// The ports with which the CRC register of a tuple ends at a given value: run backwards from there.
    fn ports_for_crc(&self, client: [u8; 4], server: [u8; 4]) -> [u8; 4] {
        const END: u32 = 0x1234_5678;
        let forward = |crc: u32, byte: &u8| {
            let [low, ..] = crc.to_le_bytes();
            crc >> 8 ^ self.crc[usize::from(low ^ byte)]
        };
        let begin = client.iter().chain(&server).fold(u32::MAX, forward);
        let back = (0..4).fold(END, |crc, _| {
            // The high byte tells which entry was added.
            let entry = self.crc.iter().position(|entry| entry >> 24 == crc >> 24).unwrap_or(0);
            (crc ^ self.crc[entry]) << 8 | u32::try_from(entry).unwrap_or(0)
        });
        (begin ^ back).to_le_bytes()
    }
}

/// Ports for which the low 16 bits of FNV-1a of the tuple are those of a given value; the last two bytes are found, the
/// first two are given.
fn ports_for_fnv(client: [u8; 4], server: [u8; 4], ports: [u8; 4]) -> Option<Pair> {
    const PRIME: u16 = 0x0193;
    const END: u16 = 0x7e57;
    let step = |hash: u16, byte: &u8| (hash ^ u16::from(*byte)).wrapping_mul(PRIME);
    let begin = client.iter().chain(&server).chain(&ports[..2]).fold(0x9dc5, step);
    // The prime is odd, so a multiplication can be undone.
    let inverse = (0..4).fold(PRIME, |x, _| x.wrapping_mul(2_u16.wrapping_sub(PRIME.wrapping_mul(x))));
    let last = END.wrapping_mul(inverse);
    let found = (0..=u8::MAX).find(|third| step(begin, third) ^ last < 256)?;
    let fourth = u8::try_from(step(begin, &found) ^ last).ok()?;
    Some(pair(client, server, [ports[0], ports[1], found, fourth]))
}

const fn pair(client: [u8; 4], server: [u8; 4], [a, b, c, d]: [u8; 4]) -> Pair {
    Pair { client: (client, u16::from_be_bytes([a, b])), server: (server, u16::from_be_bytes([c, d])) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(pair: &Pair) -> Vec<u8> {
        let ports = [pair.client.1.to_be_bytes(), pair.server.1.to_be_bytes()].concat();
        [&pair.client.0[..], &pair.server.0[..], &ports].concat()
    }

    #[test]
    fn tuples_collide_under_the_hash_that_they_were_made_for() {
        let xor = |pair: &Pair| {
            let word = |word: &[u8]| u32::from_be_bytes(word.try_into().unwrap());
            bytes(pair).chunks(4).map(word).fold(0, |sum, word| sum ^ word)
        };
        let crc = |pair: &Pair| {
            bytes(pair).into_iter().fold(u32::MAX, |crc, byte| {
                (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
            })
        };
        let fnv = |pair: &Pair| {
            let step = |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
            bytes(pair).into_iter().fold(0x811c_9dc5, step) & 0xffff
        };
        let is_one = |fold, hash: &dyn Fn(&Pair) -> u32| {
            let mut maker = Maker::new(fold);
            let first = hash(&maker.next());
            (0..1_000).all(|_| hash(&maker.next()) == first)
        };
        assert!(is_one(Fold::Xor, &xor));
        assert!(is_one(Fold::Crc, &crc));
        assert!(is_one(Fold::Fnv, &fnv));
    }
}
