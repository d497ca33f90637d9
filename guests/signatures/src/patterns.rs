//! Patterns as they are written.

use std::fmt;

/// Bytes to be found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Pattern(pub(crate) Vec<u8>);

/// As [`parse`] reads it.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in &self.0 {
            match byte {
                b',' | b'\\' => write!(f, "\\{}", char::from(*byte))?,
                b' '..=b'~' => write!(f, "{}", char::from(*byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        Ok(())
    }
}

/// Words with commas between them. `\xHH` is any byte, `\,` a comma, `\\` a backslash.
pub(crate) fn parse(list: &str) -> Result<Vec<Pattern>, String> {
    let mut patterns = Vec::new();
    let mut pattern = Vec::new();
    let mut rest = list.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b',' => patterns.push(Pattern(std::mem::take(&mut pattern))),
            b'\\' => match rest.next() {
                Some(b'x') => {
                    let digits = [rest.next(), rest.next()].map(|digit| digit.map(char::from));
                    let [Some(high), Some(low)] = digits.map(|digit| digit?.to_digit(16)) else {
                        return Err(format!("patterns={list}: \\x needs two hexadecimal digits"));
                    };
                    pattern.extend(u8::try_from(high << 4 | low));
                }
                Some(byte @ (b',' | b'\\')) => pattern.push(byte),
                _ => {
                    return Err(format!(
                        "patterns={list}: a backslash stands before x, a comma or a backslash"
                    ));
                }
            },
            _ => pattern.push(byte),
        }
    }
    patterns.push(Pattern(pattern));
    if patterns.iter().any(|pattern| pattern.0.is_empty()) {
        return Err(format!("patterns={list}: one is empty"));
    }
    Ok(patterns)
}

/// Patterns of 8 to 24 bytes, each byte from 0x30 to 0x6f: letters, digits, some punctuation.
pub(crate) fn random(count: u32, seed: u64) -> Vec<Pattern> {
    // Xorshift (Marsaglia, 2003), which must not begin at zero.
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 32
    };
    let mut byte = move |count: u64| u8::try_from(next() % count).unwrap_or(0);
    (0..count).map(|_| Pattern((0..8 + byte(17)).map(|_| 0x30 + byte(0x40)).collect())).collect()
}

/// The patterns, to be handed to the host.
pub(crate) fn for_host(patterns: &[Pattern], ignore_case: bool) -> sluice::Patterns {
    let mut all = sluice::Patterns::new();
    for pattern in patterns {
        if ignore_case {
            all.literal_ignoring_case(&pattern.0)
        } else {
            all.literal(&pattern.0)
        };
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        let text = "GET /,a\\,b\\\\,\\x00\\xffz";
        let patterns = parse(text).unwrap();
        let bytes: Vec<&[u8]> = patterns.iter().map(|pattern| &*pattern.0).collect();
        assert_eq!(bytes, [&b"GET /"[..], b"a,b\\", b"\x00\xffz"]);
        let written: Vec<String> = patterns.iter().map(ToString::to_string).collect();
        assert_eq!(written.join(","), text);
        for wrong in ["", "a,,b", "a,", "\\x1", "\\xg0", "\\n", "a\\"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn random_patterns_are_the_same_every_time() {
        let patterns = random(1000, 7);
        assert_eq!(patterns, random(1000, 7));
        assert_ne!(patterns, random(1000, 8));
        assert!(patterns.iter().all(|pattern| (8..=24).contains(&pattern.0.len())));
        assert!(patterns.iter().flat_map(|pattern| &pattern.0).all(|byte| (0x30..0x70).contains(byte)));
    }
}
