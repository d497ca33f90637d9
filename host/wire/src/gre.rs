//! Generic routing encapsulation (RFC 2784), with key and sequence number (RFC 2890); with mirrored frames in it
//! (ERSPAN, draft-foschiano-erspan); as PPTP has it (RFC 2637).

use crate::ChecksumStatus;
use crate::checksum::gre_valid;
use crate::error::ParseError;
use crate::packet::clip;
use crate::tunnel::{Carried, ETHERTYPE_ETHERNET, ETHERTYPE_PPP, Layer};

const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const ACKNOWLEDGMENT: u16 = 0x0080;
const VERSION: u16 = 0x0007;

const ETHERTYPE_ERSPAN: u16 = 0x88be;
const ETHERTYPE_ERSPAN_III: u16 = 0x22eb;

/// What was captured of a GRE packet, and how many bytes it has.
#[derive(Clone, Copy)]
struct Packet<'a> {
    bytes: &'a [u8],
    len: u32,
}

impl Packet<'_> {
    /// Four bytes, with the place behind them.
    fn word(self, place: u32) -> Result<([u8; 4], u32), ParseError> {
        let end = place.saturating_add(4);
        if end > self.len {
            return Err(ParseError::TunnelLength);
        }
        let start = usize::try_from(place).unwrap_or(usize::MAX);
        let word = self.bytes.get(start..).and_then(|rest| rest.first_chunk());
        word.map(|word| (*word, end)).ok_or(ParseError::TunnelTruncated)
    }
}

/// What a GRE packet carries. `bytes` are what was captured of it, `len` is how many it has.
///
/// `None` for what receivers drop: source routing (RFC 2784 section 2.3) and unknown versions.
pub(crate) fn parse(bytes: &[u8], len: u32) -> Result<Option<Carried>, ParseError> {
    let packet = Packet { bytes, len };
    let ([flags_high, flags_low, type_high, type_low], mut start) = packet.word(0)?;
    let flags = u16::from_be_bytes([flags_high, flags_low]);
    let ethertype = u16::from_be_bytes([type_high, type_low]);
    match flags & VERSION {
        0 if flags & ROUTING == 0 => {}
        1 if ethertype == ETHERTYPE_PPP && flags & KEY != 0 => return pptp(packet, flags),
        _ => return Ok(None),
    }
    let mut checksum = ChecksumStatus::Unverifiable;
    if flags & CHECKSUM != 0 {
        (_, start) = packet.word(start)?;
        checksum = gre_valid(clip(bytes, len), len);
    }
    let (mut layer, mut id) = (Layer::Gre, 0);
    if flags & KEY != 0 {
        let (key, behind) = packet.word(start)?;
        (layer, id, start) = (Layer::KeyedGre, u32::from_be_bytes(key), behind);
    }
    if flags & SEQUENCE != 0 {
        (_, start) = packet.word(start)?;
    }
    let carried = Carried { layer, id, ethertype, start, end: len, checksum };
    match ethertype {
        ETHERTYPE_ERSPAN => erspan(packet, flags, carried).map(Some),
        ETHERTYPE_ERSPAN_III => erspan_iii(packet, carried),
        _ => Ok(Some(carried)),
    }
}

/// A mirrored frame: type I has no header of its own, type II is told by GRE's sequence number.
///
/// The session is not part of the encapsulation: a switch may mirror each direction in a session of its own.
fn erspan(packet: Packet<'_>, flags: u16, carried: Carried) -> Result<Carried, ParseError> {
    let mut start = carried.start;
    if flags & SEQUENCE != 0 {
        (_, start) = packet.word(start)?;
        (_, start) = packet.word(start)?;
    }
    Ok(Carried { layer: Layer::Erspan, id: 0, ethertype: ETHERTYPE_ETHERNET, start, ..carried })
}

/// A mirrored frame behind a header of type III; `None` for other things than Ethernet frames.
fn erspan_iii(packet: Packet<'_>, carried: Carried) -> Result<Option<Carried>, ParseError> {
    let (_, start) = packet.word(carried.start)?;
    let (_, start) = packet.word(start)?;
    let ([_, _, kind, last], mut start) = packet.word(start)?;
    if kind & 0x7c != 0 {
        return Ok(None);
    }
    // The O bit: a platform's own header of eight bytes follows.
    if last & 1 != 0 {
        (_, start) = packet.word(start)?;
        (_, start) = packet.word(start)?;
    }
    Ok(Some(Carried { layer: Layer::Erspan, id: 0, ethertype: ETHERTYPE_ETHERNET, start, ..carried }))
}

/// PPP in version 1, with a length; `None` for an acknowledgment alone. Each direction has a call id of its own, so it
/// is not part of the encapsulation.
fn pptp(packet: Packet<'_>, flags: u16) -> Result<Option<Carried>, ParseError> {
    let ([len_high, len_low, ..], mut start) = packet.word(4)?;
    for flag in [SEQUENCE, ACKNOWLEDGMENT] {
        if flags & flag != 0 {
            (_, start) = packet.word(start)?;
        }
    }
    let end = start.saturating_add(u32::from(u16::from_be_bytes([len_high, len_low])));
    if end > packet.len {
        return Err(ParseError::TunnelLength);
    }
    let checksum = ChecksumStatus::Unverifiable;
    let carried = Carried { layer: Layer::Pptp, id: 0, ethertype: ETHERTYPE_PPP, start, end, checksum };
    Ok((end > start).then_some(carried))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wrap::{IPV4, gre};

    fn len(packet: &[u8]) -> u32 {
        u32::try_from(packet.len()).unwrap()
    }

    #[test]
    fn flags_say_which_fields_there_are() {
        let table = [
            (0x0000, Layer::Gre, 0, 4, ChecksumStatus::Unverifiable),
            (0x8000, Layer::Gre, 0, 8, ChecksumStatus::Valid),
            (0x2000, Layer::KeyedGre, 0xdead_beef, 8, ChecksumStatus::Unverifiable),
            (0x1000, Layer::Gre, 0, 8, ChecksumStatus::Unverifiable),
            (0x3000, Layer::KeyedGre, 0xdead_beef, 12, ChecksumStatus::Unverifiable),
            (0xb000, Layer::KeyedGre, 0xdead_beef, 16, ChecksumStatus::Valid),
            // Reserved bits do not count.
            (0x0bf8, Layer::Gre, 0, 4, ChecksumStatus::Unverifiable),
        ];
        for (flags, layer, id, start, checksum) in table {
            let packet = gre(flags, 0xdead_beef, IPV4, b"payload");
            let expected = Carried { layer, id, ethertype: IPV4, start, end: len(&packet), checksum };
            assert_eq!(parse(&packet, len(&packet)), Ok(Some(expected)), "{flags:04x}");
        }
    }

    #[test]
    fn what_receivers_drop_is_not_followed() {
        for flags in [0x4000, 0x0001, 0x3081, 0x0007, 0x0002] {
            assert_eq!(parse(&gre(flags, 0, IPV4, b"payload"), 64), Ok(None), "{flags:04x}");
        }
    }

    #[test]
    fn a_changed_bit_shows_in_the_checksum_and_a_cut_hides_it() {
        let packet = gre(0x8000, 0, IPV4, b"payload");
        let status = |packet: &[u8]| parse(packet, 15).unwrap().map(|carried| carried.checksum);
        for bit in 32..packet.len() * 8 {
            let mut changed = packet.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(status(&changed), Some(ChecksumStatus::Invalid), "{bit}");
        }
        assert_eq!(status(&packet[..14]), Some(ChecksumStatus::Unverifiable));
    }

    #[test]
    fn headers_cut_by_the_capture_and_headers_that_leave_the_datagram_differ() {
        let packet = gre(0xb000, 5, IPV4, b"");
        for cut in 0..16 {
            assert_eq!(parse(&packet[..cut], 16), Err(ParseError::TunnelTruncated), "{cut}");
            assert_eq!(parse(&packet, u32::try_from(cut).unwrap()), Err(ParseError::TunnelLength), "{cut}");
        }
    }

    #[test]
    fn mirrored_frames_are_found_behind_each_type_of_header() {
        let start = |flags, ethertype, header: &[u8]| {
            let packet = gre(flags, 0, ethertype, header);
            let carried = parse(&packet, len(&packet)).unwrap();
            carried.map(|carried| (carried.layer, carried.id, carried.ethertype, carried.start))
        };
        let found = |start| Some((Layer::Erspan, 0, ETHERTYPE_ETHERNET, start));
        assert_eq!(start(0, 0x88be, &[]), found(4));
        assert_eq!(start(0x1000, 0x88be, &[0x10; 8]), found(16));
        assert_eq!(start(0x1000, 0x22eb, &[0; 12]), found(20));
        let with_platform = [&[0; 11][..], &[1], &[0; 8]].concat();
        assert_eq!(start(0x1000, 0x22eb, &with_platform), found(28));
        // An IP packet without a frame.
        assert_eq!(start(0x1000, 0x22eb, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0]), None);
        let cut = gre(0x1000, 0, 0x88be, &[0x10; 7]);
        assert_eq!(parse(&cut, len(&cut)), Err(ParseError::TunnelLength));
    }

    #[test]
    fn version_1_carries_ppp_of_a_stated_length() {
        let packet = |flags: u16, stated: u8, rest: &[u8]| {
            [&flags.to_be_bytes()[..], &[0x88, 0x0b, 0, stated, 0, 9], rest].concat()
        };
        let ends = |packet: &[u8]| {
            parse(packet, len(packet)).map(|carried| carried.map(|carried| (carried.start, carried.end)))
        };
        assert_eq!(ends(&packet(0x3001, 5, b"seq.hello padding")), Ok(Some((12, 17))));
        assert_eq!(ends(&packet(0x3081, 5, b"seq.ack.hello")), Ok(Some((16, 21))));
        assert_eq!(ends(&packet(0x3081, 6, b"seq.ack.hello")), Err(ParseError::TunnelLength));
        assert_eq!(ends(&packet(0x2081, 0, b"ack.")), Ok(None));
        assert_eq!(ends(&packet(0x1001, 5, b"seq.hello")), Ok(None));
    }
}
