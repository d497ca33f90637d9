//! TCP options (RFC 9293 section 3.2).

use crate::seq::SeqNumber;

/// What a TCP header's options say.
///
/// An option that appears twice has its last value, as in Linux. Whether an option counts at all is not
/// decided here: hosts take the first three and fast open from segments with SYN only.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TcpOptions {
    /// Maximum segment size in bytes (RFC 9293 section 3.7.1).
    pub mss: Option<u16>,
    /// Window scale as a shift, at most 14; larger ones are read as 14 (RFC 7323 section 2.3).
    pub window_scale: Option<u8>,
    /// Whether the sender takes selective acknowledgements (RFC 2018).
    pub sack_permitted: bool,
    /// Timestamp value and echo reply (RFC 7323 section 3.2).
    pub timestamps: Option<(u32, u32)>,
    /// Whether a signature is there: MD5 (RFC 2385) or TCP-AO (RFC 5925).
    pub md5_or_ao: bool,
    /// Whether a fast open request or cookie is there (RFC 7413), its experimental form included.
    pub fast_open: bool,
    /// Blocks of selective acknowledgement, 0 to 4.
    pub sack_blocks: u8,
    /// Behind the last byte of the right-most block (RFC 2018 section 3), if there is one. Blocks are not kept: however
    /// many a sender tells, and however small they are, they cost a number.
    pub sack_edge: SeqNumber,
    /// Whether an option has a length that leaves the header, which ends parsing, or that its kind does not
    /// allow, which skips it. Hosts use the segment and the options before all the same.
    pub malformed: bool,
}

const END: u8 = 0;
const NO_OPERATION: u8 = 1;
const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;
const MD5: u8 = 19;
const AO: u8 = 29;
const FAST_OPEN: u8 = 34;
const EXPERIMENTAL: u8 = 254;

const WINDOW_SCALE_MAX: u8 = 14;

impl TcpOptions {
    /// No options.
    pub const NONE: Self = Self {
        mss: None,
        window_scale: None,
        sack_permitted: false,
        timestamps: None,
        md5_or_ao: false,
        fast_open: false,
        sack_blocks: 0,
        sack_edge: SeqNumber(0),
        malformed: false,
    };

    /// Reads the bytes between the fixed header and the payload.
    #[inline]
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        Self::usual(bytes).unwrap_or_else(|| Self::unusual(bytes))
    }

    /// No options, or nothing but the layout of RFC 7323 appendix A: what nearly every segment has.
    #[inline]
    pub(crate) fn usual(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::NONE);
        }
        match <[u8; 12]>::try_from(bytes) {
            Ok([NO_OPERATION, NO_OPERATION, TIMESTAMPS, 10, a, b, c, d, e, f, g, h]) => {
                let timestamps = Some((u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])));
                Some(Self { timestamps, ..Self::NONE })
            }
            _ => None,
        }
    }

    #[inline]
    fn unusual(bytes: &[u8]) -> Self {
        let mut options = Self::NONE;
        options.read(bytes);
        options
    }

    // Inlined like `take`: called, it would make the options go through memory, at 7 ns a segment.
    #[inline]
    fn read(&mut self, mut bytes: &[u8]) {
        while let [kind, after_kind @ ..] = bytes {
            match *kind {
                END => return,
                NO_OPERATION => bytes = after_kind,
                kind => {
                    let body_len = after_kind.first().and_then(|len| usize::from(*len).checked_sub(2));
                    let split = body_len.and_then(|len| after_kind.get(1..)?.split_at_checked(len));
                    let Some((body, after)) = split else {
                        self.malformed = true;
                        return;
                    };
                    self.take(kind, body);
                    bytes = after;
                }
            }
        }
    }

    /// Takes one option; `body` is what follows its length.
    #[inline]
    fn take(&mut self, kind: u8, body: &[u8]) {
        match (kind, body) {
            (MSS, [a, b]) => self.mss = Some(u16::from_be_bytes([*a, *b])),
            (WINDOW_SCALE, [shift]) => self.window_scale = Some((*shift).min(WINDOW_SCALE_MAX)),
            (SACK_PERMITTED, []) => self.sack_permitted = true,
            (SACK, [_, ..]) if body.len().is_multiple_of(8) => {
                // An option area of 40 bytes holds four blocks at most; bytes given by others may be longer.
                self.sack_blocks = u8::try_from(body.len() >> 3).unwrap_or(u8::MAX).min(4);
                self.sack_edge = right_most_edge(body);
            }
            (TIMESTAMPS, [a, b, c, d, e, f, g, h]) => {
                self.timestamps =
                    Some((u32::from_be_bytes([*a, *b, *c, *d]), u32::from_be_bytes([*e, *f, *g, *h])));
            }
            (MD5, _) if body.len() == 16 => self.md5_or_ao = true,
            (AO, [_, _, ..]) => self.md5_or_ao = true,
            (FAST_OPEN, _) if fast_open_cookie(body) => self.fast_open = true,
            // RFC 6994 section 3 shares this kind by a magic number; fast open's is 0xf989.
            (EXPERIMENTAL, [0xf9, 0x89, cookie @ ..]) if fast_open_cookie(cookie) => self.fast_open = true,
            (MSS | WINDOW_SCALE | SACK_PERMITTED | SACK | TIMESTAMPS | MD5 | AO | FAST_OPEN, _) => {
                self.malformed = true;
            }
            _ => {}
        }
    }
}

/// The right-most of the right edges of at most four blocks.
fn right_most_edge(blocks: &[u8]) -> SeqNumber {
    let edges = blocks.chunks_exact(8).take(4).filter_map(|block| <[u8; 4]>::try_from(&block[4..]).ok());
    let edges = edges.map(|edge| SeqNumber(u32::from_be_bytes(edge)));
    edges.reduce(|most, edge| if most.before(edge) { edge } else { most }).unwrap_or_default()
}

/// A request has no cookie, a cookie has 4 to 16 bytes, an even number (RFC 7413 section 4.1.1).
fn fast_open_cookie(cookie: &[u8]) -> bool {
    matches!(cookie.len(), 0 | 4 | 6 | 8 | 10 | 12 | 14 | 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_is_read() {
        let none = TcpOptions::default();
        let mut sack = vec![1, 1, 5, 34];
        sack.extend([7; 32]);
        let mut md5 = vec![19, 18];
        md5.extend([7; 16]);
        let table: Vec<(Vec<u8>, TcpOptions)> = vec![
            (vec![], none),
            (vec![0, 2, 4, 5], none),
            (vec![1, 1, 1, 0], none),
            (vec![2, 4, 5, 0xb4], TcpOptions { mss: Some(1460), ..none }),
            (vec![3, 3, 7, 1], TcpOptions { window_scale: Some(7), ..none }),
            (vec![3, 3, 15, 1], TcpOptions { window_scale: Some(14), ..none }),
            (vec![4, 2, 1, 1], TcpOptions { sack_permitted: true, ..none }),
            (vec![1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2], TcpOptions { timestamps: Some((1, 2)), ..none }),
            (vec![8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1], TcpOptions { timestamps: Some((1, 2)), ..none }),
            (sack, TcpOptions { sack_blocks: 4, sack_edge: SeqNumber(0x0707_0707), ..none }),
            (md5, TcpOptions { md5_or_ao: true, ..none }),
            (vec![29, 4, 1, 1], TcpOptions { md5_or_ao: true, ..none }),
            (vec![34, 2, 1, 1], TcpOptions { fast_open: true, ..none }),
            (vec![34, 6, 1, 2, 3, 4, 0, 0], TcpOptions { fast_open: true, ..none }),
            (vec![254, 4, 0xf9, 0x89], TcpOptions { fast_open: true, ..none }),
            (vec![254, 4, 0x12, 0x34], none),
            (vec![200, 6, 1, 2, 3, 4, 4, 2], TcpOptions { sack_permitted: true, ..none }),
        ];
        for (bytes, expected) in table {
            assert_eq!(TcpOptions::parse(&bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_syn_of_linux_is_read_whole() {
        let bytes = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7];
        let expected = TcpOptions {
            mss: Some(1460),
            window_scale: Some(7),
            sack_permitted: true,
            timestamps: Some((9, 0)),
            ..TcpOptions::default()
        };
        assert_eq!(TcpOptions::parse(&bytes), expected);
    }

    #[test]
    fn blocks_behind_the_timestamps_are_counted() {
        let bytes = [&[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1, 5, 10][..], &[3; 8]].concat();
        let options = TcpOptions::parse(&bytes);
        assert_eq!((options.timestamps, options.sack_blocks), (Some((1, 2)), 1));
    }

    #[test]
    fn the_right_most_edge_is_found_in_any_order_and_across_the_wrap() {
        let option = |edges: &[u32]| {
            let mut bytes = vec![5, u8::try_from(2 + edges.len() * 8).unwrap()];
            for edge in edges {
                bytes.extend([edge.wrapping_sub(1).to_be_bytes(), edge.to_be_bytes()].concat());
            }
            TcpOptions::parse(&bytes).sack_edge.0
        };
        assert_eq!(option(&[20, 30, 10]), 30);
        assert_eq!(option(&[u32::MAX - 5, 3, u32::MAX]), 3);
        assert_eq!(option(&[7]), 7);
        assert_eq!(option(&[1, 2, 3, 4, 5]), 4, "no header holds five");
    }

    #[test]
    fn a_lying_length_keeps_what_came_before_and_ends_parsing() {
        let mss = TcpOptions { mss: Some(1460), malformed: true, ..TcpOptions::default() };
        let table: [&[u8]; 5] = [
            &[2, 4, 5, 0xb4, 8, 0, 4, 2],
            &[2, 4, 5, 0xb4, 8, 1, 4, 2],
            &[2, 4, 5, 0xb4, 8, 10, 4, 2],
            &[2, 4, 5, 0xb4, 1, 1, 1, 8],
            &[2, 4, 5, 0xb4, 99, 255, 4, 2],
        ];
        for bytes in table {
            assert_eq!(TcpOptions::parse(bytes), mss, "{bytes:?}");
        }
    }

    #[test]
    fn a_length_that_the_kind_does_not_allow_skips_the_option() {
        let expected = TcpOptions { sack_permitted: true, malformed: true, ..TcpOptions::default() };
        let table: [&[u8]; 7] = [
            &[2, 3, 5, 4, 2],
            &[3, 4, 5, 0, 4, 2],
            &[5, 2, 4, 2],
            &[5, 6, 0, 0, 0, 0, 4, 2],
            &[8, 6, 0, 0, 0, 0, 4, 2],
            &[19, 4, 0, 0, 4, 2],
            &[34, 5, 0, 0, 0, 4, 2],
        ];
        for bytes in table {
            assert_eq!(TcpOptions::parse(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn the_last_of_two_values_counts() {
        assert_eq!(TcpOptions::parse(&[2, 4, 0, 1, 2, 4, 0, 2]).mss, Some(2));
    }
}
