//! Blocks of selective acknowledgement (RFC 2018 section 3).

use crate::seq::SeqNumber;
use crate::tcp::TcpHeader;

/// Blocks that fit into the 40 bytes of options.
const BLOCKS_MAX: usize = 4;

const END: u8 = 0;
const NO_OPERATION: u8 = 1;
const SACK: u8 = 5;

/// The blocks of one segment, in its order: the first may report a duplicate (RFC 2883).
///
/// Read only where somebody wants them; [`TcpOptions`](crate::TcpOptions) has what every segment is asked for. As
/// there, the last option counts if there are several, and one whose length is no multiple of a block's does not.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SackBlocks {
    blocks: [(SeqNumber, SeqNumber); BLOCKS_MAX],
    len: usize,
}

impl SackBlocks {
    /// The blocks of a segment; `frame` is what its header was parsed from. None of another frame.
    #[must_use]
    pub fn of(tcp: &TcpHeader, frame: &[u8]) -> Self {
        if tcp.options.sack_blocks == 0 {
            return Self::default();
        }
        let end = usize::try_from(tcp.payload_offset).unwrap_or(usize::MAX);
        let start = end.saturating_sub(usize::from(tcp.header_len)).saturating_add(20);
        frame.get(start..end).map(Self::parse).unwrap_or_default()
    }

    /// Reads the bytes between the fixed header and the payload.
    #[must_use]
    pub fn parse(mut options: &[u8]) -> Self {
        let mut found = Self::default();
        while let [kind, after_kind @ ..] = options {
            options = match *kind {
                END => break,
                NO_OPERATION => after_kind,
                kind => {
                    let body_len = after_kind.first().and_then(|len| usize::from(*len).checked_sub(2));
                    let split = body_len.and_then(|len| after_kind.get(1..)?.split_at_checked(len));
                    let Some((body, after)) = split else { break };
                    if kind == SACK && !body.is_empty() && body.len().is_multiple_of(8) {
                        found = Self::read(body);
                    }
                    after
                }
            };
        }
        found
    }

    fn read(body: &[u8]) -> Self {
        let mut found = Self::default();
        for (place, block) in found.blocks.iter_mut().zip(body.chunks_exact(8)) {
            if let Ok([a, b, c, d, e, f, g, h]) = <[u8; 8]>::try_from(block) {
                let number = |bytes| SeqNumber(u32::from_be_bytes(bytes));
                *place = (number([a, b, c, d]), number([e, f, g, h]));
            }
        }
        found.len = (body.len() >> 3).min(BLOCKS_MAX);
        found
    }

    /// The blocks: the first number of each and the one behind its last.
    #[must_use]
    pub fn as_slice(&self) -> &[(SeqNumber, SeqNumber)] {
        self.blocks.get(..self.len).unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::TcpOptions;

    #[test]
    fn blocks_come_in_the_order_of_the_segment() {
        let options = [1, 1, 5, 18, 0, 0, 0, 9, 0, 0, 0, 12, 255, 255, 255, 255, 0, 0, 0, 4];
        let blocks = SackBlocks::parse(&options);
        let expected = [(SeqNumber(9), SeqNumber(12)), (SeqNumber(u32::MAX), SeqNumber(4))];
        assert_eq!(blocks.as_slice(), expected);
    }

    #[test]
    fn any_bytes_have_as_many_blocks_as_the_options_say() {
        let mut state: u32 = 7;
        let mut random = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        let mut with_blocks = 0;
        for _ in 0..20_000 {
            let len = random(41) as usize;
            let mut bytes: Vec<u8> = (0..len).map(|_| u8::try_from(random(12)).unwrap()).collect();
            if random(2) == 0 && len >= 10 {
                bytes[..2].copy_from_slice(&[5, 2 + 8 * u8::try_from(random(5)).unwrap()]);
            }
            let blocks = SackBlocks::parse(&bytes);
            let options = TcpOptions::parse(&bytes);
            assert_eq!(blocks.as_slice().len(), usize::from(options.sack_blocks), "{bytes:?}");
            with_blocks += usize::from(options.sack_blocks > 0);
        }
        assert!(with_blocks > 1000, "{with_blocks}");
    }

    #[test]
    fn another_frame_has_none() {
        let mut tcp = TcpHeader::EMPTY;
        tcp.options.sack_blocks = 1;
        (tcp.header_len, tcp.payload_offset) = (32, 32);
        assert_eq!(SackBlocks::of(&tcp, &[0; 20]).as_slice(), []);
    }
}
