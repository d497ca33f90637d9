//! TCP headers (RFC 9293 section 3.1).

use crate::error::ParseError;
use crate::flags::TcpFlags;
use crate::options::TcpOptions;
use crate::seq::SeqNumber;

/// A checked TCP header and where its payload is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TcpHeader {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Sequence number of the first payload byte, or of the SYN.
    pub seq: SeqNumber,
    /// The next sequence number that the sender expects; significant with ACK only.
    pub ack: SeqNumber,
    /// Control bits.
    pub flags: TcpFlags,
    /// Receive window as on the wire, not scaled.
    pub window: u16,
    /// Urgent pointer; significant with URG only.
    pub urgent: u16,
    /// Checksum as on the wire, not verified: see [`transport_valid`](crate::transport_valid).
    pub checksum: u16,
    /// Bytes of the header with its options, 20 to 60; all of them are captured.
    pub header_len: u8,
    /// Options.
    pub options: TcpOptions,
    /// Where the payload starts, in bytes from the start of the frame.
    pub payload_offset: u32,
    /// Bytes of payload by the lengths in the headers; a link layer's padding is not part of it.
    pub payload_len: u32,
    /// Bytes of payload that were captured: `payload_len`, or less when the snap length cut the frame.
    pub captured_len: u32,
}

impl TcpHeader {
    /// A header to be filled.
    pub(crate) const EMPTY: Self = Self {
        source_port: 0,
        destination_port: 0,
        seq: SeqNumber(0),
        ack: SeqNumber(0),
        flags: TcpFlags(0),
        window: 0,
        urgent: 0,
        checksum: 0,
        header_len: 0,
        options: TcpOptions::NONE,
        payload_offset: 0,
        payload_len: 0,
        captured_len: 0,
    };

    /// The captured payload. `frame` is what the header was parsed from; of another frame it is what lies in
    /// the same place, or nothing.
    #[inline]
    #[must_use]
    pub fn payload<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        let start = usize::try_from(self.payload_offset).unwrap_or(usize::MAX);
        let len = usize::try_from(self.captured_len).unwrap_or(usize::MAX);
        frame.get(start..).and_then(|rest| rest.get(..len)).unwrap_or_default()
    }

    /// Sequence numbers that the segment takes: its payload, and one each for SYN and FIN.
    #[inline]
    #[must_use]
    pub fn sequence_len(&self) -> u32 {
        let syn = u32::from(self.flags.contains(TcpFlags::SYN));
        let fin = u32::from(self.flags.contains(TcpFlags::FIN));
        self.payload_len.wrapping_add(syn).wrapping_add(fin)
    }
}

/// Parses the TCP header that `captured` starts with into `tcp`.
///
/// `captured` is what was captured of the IP payload, `segment_len` are the bytes that the IP header gives it,
/// never fewer; `offset` is where it starts in the frame.
#[inline]
pub(crate) fn parse(
    captured: &[u8],
    segment_len: u32,
    offset: u32,
    tcp: &mut TcpHeader,
) -> Result<(), ParseError> {
    if segment_len < 20 {
        return Err(ParseError::TcpHeaderLength);
    }
    let fixed: &[u8; 20] = captured.first_chunk().ok_or(ParseError::TcpHeaderTruncated)?;
    // The high nibble counts words of four bytes.
    let header_len = (fixed[12] & 0xf0) >> 2;
    if header_len < 20 || u32::from(header_len) > segment_len {
        return Err(ParseError::TcpHeaderLength);
    }
    let options = captured.get(20..usize::from(header_len)).ok_or(ParseError::TcpHeaderTruncated)?;
    let captured_len = u32::try_from(captured.len()).unwrap_or(u32::MAX).min(segment_len);
    *tcp = TcpHeader {
        source_port: u16::from_be_bytes([fixed[0], fixed[1]]),
        destination_port: u16::from_be_bytes([fixed[2], fixed[3]]),
        seq: SeqNumber(u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]])),
        ack: SeqNumber(u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]])),
        flags: TcpFlags(fixed[13]),
        window: u16::from_be_bytes([fixed[14], fixed[15]]),
        checksum: u16::from_be_bytes([fixed[16], fixed[17]]),
        urgent: u16::from_be_bytes([fixed[18], fixed[19]]),
        header_len,
        options: TcpOptions::parse(options),
        payload_offset: offset.saturating_add(u32::from(header_len)),
        payload_len: segment_len.saturating_sub(u32::from(header_len)),
        captured_len: captured_len.saturating_sub(u32::from(header_len)),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(captured: &[u8], segment_len: u32, offset: u32) -> Result<TcpHeader, ParseError> {
        let mut tcp = TcpHeader::EMPTY;
        super::parse(captured, segment_len, offset, &mut tcp).map(|()| tcp)
    }

    /// A header of `header_len` bytes that states it, with END options and no payload.
    fn segment(header_len: u8) -> Vec<u8> {
        let mut bytes =
            vec![0x00, 0x50, 0xc0, 0x00, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0x18, 0xff, 0xfe, 0xab, 0xcd, 0, 9];
        bytes[12] = header_len << 2;
        bytes.resize(usize::from(header_len).max(20), 0);
        bytes
    }

    #[test]
    fn a_plain_header_gives_its_fields() {
        let frame = [segment(24), b"hello".to_vec()].concat();
        let tcp = parse(&frame, 29, 0).unwrap();
        assert_eq!((tcp.source_port, tcp.destination_port), (80, 49_152));
        assert_eq!((tcp.seq, tcp.ack), (SeqNumber(0x0102_0304), SeqNumber(0x0506_0708)));
        assert_eq!(tcp.flags, TcpFlags::PSH | TcpFlags::ACK);
        assert_eq!((tcp.window, tcp.checksum, tcp.urgent), (0xfffe, 0xabcd, 9));
        assert_eq!((tcp.header_len, tcp.payload_offset, tcp.payload_len), (24, 24, 5));
        assert_eq!(tcp.payload(&frame), b"hello");
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for (header_len, segment_len, expected) in [
            (20, 20, Ok(0)),
            (60, 60, Ok(0)),
            (20, 1480, Ok(1460)),
            (16, 40, Err(ParseError::TcpHeaderLength)),
            (0, 40, Err(ParseError::TcpHeaderLength)),
            (24, 23, Err(ParseError::TcpHeaderLength)),
            (20, 19, Err(ParseError::TcpHeaderLength)),
            (20, 0, Err(ParseError::TcpHeaderLength)),
        ] {
            let tcp = parse(&segment(header_len), segment_len, 0);
            assert_eq!(tcp.map(|tcp| tcp.payload_len), expected, "{header_len} {segment_len}");
        }
    }

    #[test]
    fn every_cut_within_the_header_is_truncated() {
        for len in 0..32 {
            let cut = parse(&segment(32)[..len], 40, 0);
            assert_eq!(cut, Err(ParseError::TcpHeaderTruncated), "{len}");
        }
    }

    #[test]
    fn a_cut_payload_says_how_much_is_there() {
        let frame = [segment(20), b"hello".to_vec()].concat();
        let tcp = parse(&frame[..22], 25, 0).unwrap();
        assert_eq!((tcp.payload_len, tcp.captured_len), (5, 2));
        assert_eq!(tcp.payload(&frame), b"he");
        assert_eq!(tcp.payload(&[]), b"");
    }

    #[test]
    fn syn_and_fin_take_a_sequence_number_each() {
        for (flags, expected) in
            [(TcpFlags::ACK, 5), (TcpFlags::SYN, 6), (TcpFlags::FIN, 6), (TcpFlags(0x03), 7)]
        {
            let mut tcp = parse(&segment(20), 25, 0).unwrap();
            tcp.flags = flags;
            assert_eq!(tcp.sequence_len(), expected);
        }
    }
}
