//! All backends against a search that is too simple to be wrong: random patterns in random texts, cut at random.

use super::{Backend, Found, Literals, Pattern, Patterns};
use crate::limits::MATCHES_MAX;

/// Xorshift (Marsaglia, 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as usize % end
    }

    fn bytes(&mut self, len: usize, alphabet: &[u8]) -> Vec<u8> {
        (0..len).map(|_| alphabet[self.below(alphabet.len())]).collect()
    }
}

/// Every occurrence of every pattern, by its end and then by its number.
fn naive(patterns: &[Pattern], text: &[u8]) -> Vec<(u64, u64)> {
    let mut found = Vec::new();
    for end in 1..=text.len() {
        for (pattern, number) in patterns.iter().zip(0..) {
            let Some(begin) = end.checked_sub(pattern.bytes.len()) else { continue };
            let there = &text[begin..end];
            let is_equal = there == pattern.bytes;
            if is_equal || pattern.ignore_case && there.eq_ignore_ascii_case(&pattern.bytes) {
                found.push((end as u64, number));
            }
        }
    }
    found
}

/// What a backend finds in a text that comes in pieces, each in a call of its own.
fn scanned(backend: &dyn Backend, pieces: &[&[u8]]) -> Vec<(u64, u64)> {
    let (mut all, mut offset) = (Vec::new(), 0);
    let mut carry = backend.begin();
    for piece in pieces {
        let mut found = Found::default();
        backend.scan(&mut carry, 0, piece, &mut found);
        assert_eq!(found.left_out(), 0);
        all.extend(found.matches().iter().map(|found| (offset + (found >> 32), found & 0xffff_ffff)));
        offset += piece.len() as u64;
    }
    all
}

fn cut<'a>(random: &mut Random, text: &'a [u8], most: usize) -> Vec<&'a [u8]> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at((1 + random.below(most)).min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

/// Patterns of at least `shortest` bytes, some of which begin alike, and a text in which many of them are.
fn scene(random: &mut Random, shortest: usize, alphabet: &[u8]) -> (Vec<Pattern>, Vec<u8>) {
    let mut patterns: Vec<Pattern> = Vec::new();
    for _ in 0..1 + random.below(20) {
        let len = shortest + random.below(14);
        let mut bytes = random.bytes(len, alphabet);
        if !patterns.is_empty() && random.below(3) == 0 {
            let other = &patterns[random.below(patterns.len())].bytes;
            let shared = random.below(other.len().min(bytes.len()) + 1);
            bytes[..shared].copy_from_slice(&other[..shared]);
        }
        patterns.push(Pattern { bytes, ignore_case: random.below(3) == 0, regex: false });
    }
    let len = random.below(200);
    let mut text = random.bytes(len, alphabet);
    for _ in 0..random.below(8) {
        let bytes = patterns[random.below(patterns.len())].bytes.clone();
        let whole = if random.below(4) == 0 { random.below(bytes.len()) } else { bytes.len() };
        let at = random.below(text.len() + 1);
        let bytes = bytes[..whole].iter().map(|byte| match random.below(4) {
            0 => byte.to_ascii_uppercase(),
            1 => byte.to_ascii_lowercase(),
            _ => *byte,
        });
        text.splice(at..at, bytes.collect::<Vec<u8>>());
    }
    (patterns, text)
}

#[test]
fn every_cut_of_a_text_gives_what_a_naive_search_finds() {
    let mut random = Random(0x5eed);
    let mut matches = 0;
    for case in 0..6_000 {
        let alphabet: &[u8] = match case % 3 {
            0 => b"ab",
            1 => b"abcXYZ\x00\x20",
            _ => b"0123456789abcdefABCDEF\x80\xff@`[{",
        };
        let (patterns, text) = scene(&mut random, 1 + case % 11, alphabet);
        let most = [1, 5, 30, 1_000][case / 3 % 4];
        let pieces = cut(&mut random, &text, most);
        let expected = naive(&patterns, &text);
        matches += expected.len();
        let compiled = Patterns::new(patterns.clone()).unwrap();
        let literals = Literals::new(&compiled).unwrap();
        assert_eq!(scanned(&literals, &pieces), expected, "case {case}: {patterns:?} in {pieces:?}");
        #[cfg(feature = "vectorscan")]
        if case % 10 == 0 {
            let expressions = super::Expressions::new(&compiled).unwrap();
            assert_eq!(scanned(&expressions, &pieces), expected, "case {case}: {patterns:?} in {pieces:?}");
        }
    }
    assert!(matches > 30_000, "{matches} matches prove little");
}

#[test]
fn a_sieve_leaves_out_no_match_of_a_thousand_patterns() {
    let mut random = Random(7);
    let alphabet: Vec<u8> = (0x30..0x70).collect();
    let mut patterns = Vec::new();
    for _ in 0..1_000 {
        let len = 8 + random.below(17);
        patterns.push(Pattern::literal(&random.bytes(len, &alphabet)));
    }
    let mut text = random.bytes(20_000, &alphabet);
    for _ in 0..400 {
        let bytes = &patterns[random.below(1_000)].bytes;
        let at = random.below(text.len() - bytes.len());
        text[at..at + bytes.len()].copy_from_slice(bytes);
    }
    let expected = naive(&patterns, &text);
    assert!(expected.len() > 200);
    let literals = Literals::new(&Patterns::new(patterns).unwrap()).unwrap();
    for most in [7, 40, 1_500] {
        let pieces = cut(&mut random, &text, most);
        assert_eq!(scanned(&literals, &pieces), expected, "pieces of up to {most} bytes");
    }
}

#[test]
fn of_too_many_matches_the_first_are_told_and_the_others_counted() {
    let both = vec![
        Pattern { bytes: b"a".to_vec(), ignore_case: true, regex: false },
        Pattern::literal(b"aa"),
        Pattern::literal(b"a"),
    ];
    let text = vec![b'a'; MATCHES_MAX];
    let literals = Literals::new(&Patterns::new(both.clone()).unwrap()).unwrap();
    let mut found = Found::default();
    literals.scan(&mut literals.begin(), 0, &text, &mut found);
    let expected = naive(&both, &text);
    let told = found.matches().iter().map(|found| (found >> 32, found & 0xffff_ffff));
    assert!(told.eq(expected[..MATCHES_MAX].iter().copied()));
    assert_eq!(found.left_out(), (expected.len() - MATCHES_MAX) as u64);
}
