//! Inputs made of seeds, without looking at what they reach.

use super::Target;
use crate::Random;

/// Bytes of an input at most.
const INPUT_BYTES_MAX: usize = 64 << 10;

/// Changes of one input at most.
const CHANGES_MAX: usize = 12;

/// Numbers that are the first or last of something.
const EDGES: [u8; 8] = [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff, 0x10];

/// Makes inputs of seeds: damages bytes, and cuts, doubles, moves and joins pieces.
#[derive(Debug)]
pub struct Mutator {
    random: Random,
    seeds: Vec<Vec<u8>>,
}

impl Mutator {
    /// A mutator of these seeds; the same number gives the same inputs.
    #[must_use]
    pub fn new(number: u64, mut seeds: Vec<Vec<u8>>) -> Self {
        if seeds.is_empty() {
            seeds.push(Vec::new());
        }
        Self { random: Random::new(number), seeds }
    }

    /// The next input.
    pub fn input(&mut self) -> Vec<u8> {
        let mut input = self.seed().to_vec();
        // Few changes mostly: an input that is mostly a seed gets further.
        let most = self.random.below(CHANGES_MAX);
        for _ in 0..=self.random.below(most) {
            self.change(&mut input);
        }
        input.truncate(INPUT_BYTES_MAX);
        input
    }

    fn seed(&mut self) -> &[u8] {
        let place = self.random.below(self.seeds.len());
        self.seeds.get(place).map_or(&[], Vec::as_slice)
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.random.below(input.len());
        let magnitude = self.random.below(5);
        let len = 1 + self.random.below([1, 4, 16, 64, 1024][magnitude]);
        let end = at.saturating_add(len).min(input.len());
        match self.random.below(16) {
            0..=6 => self.damage(input, at, |random, byte| byte ^ 1 << random.below(8)),
            7 => self.damage(input, at, |random, _| random.byte()),
            8 => self.damage(input, at, |random, _| EDGES[random.below(EDGES.len())]),
            9 => self.damage(input, at, |random, byte| byte.wrapping_add(random.byte() & 15).wrapping_sub(7)),
            10 => drop(input.drain(at.min(end)..end)),
            11 => {
                let piece = input.get(at..end).unwrap_or(&[]).to_vec();
                let to = self.random.below(input.len() + 1);
                drop(input.splice(to..to, piece));
            }
            12 => {
                let piece = input.get(at..end).unwrap_or(&[]).to_vec();
                let to = self.random.below(input.len() + 1);
                let until = to.saturating_add(piece.len()).min(input.len());
                drop(input.splice(to..until, piece));
            }
            13 => {
                let random: Vec<u8> = (0..len.min(32)).map(|_| self.random.byte()).collect();
                drop(input.splice(at..at, random));
            }
            14 => input.truncate(at),
            _ => {
                let from = self.random.bits();
                let other = self.seed();
                let from = usize::try_from(from >> 33).unwrap_or(0) % (other.len() + 1);
                let tail = other.get(from..).unwrap_or(&[]).to_vec();
                input.truncate(at);
                input.extend(tail);
            }
        }
    }

    fn damage(&mut self, input: &mut [u8], at: usize, change: impl Fn(&mut Random, u8) -> u8) {
        if let Some(byte) = input.get_mut(at) {
            *byte = change(&mut self.random, *byte);
        }
    }
}

/// Gives so many inputs to a target.
///
/// # Errors
///
/// The first input for which something does not hold, in hexadecimal digits, and what.
pub fn campaign(target: Target, inputs: u64, mutator: &mut Mutator) -> Result<(), String> {
    for number in 0..inputs {
        let input = mutator.input();
        if let Err(problem) = target(&input) {
            let digits: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
            return Err(format!("input {number}: {problem}\n{digits}"));
        }
    }
    Ok(())
}
