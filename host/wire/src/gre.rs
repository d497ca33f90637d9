//! Generic routing encapsulation (RFC 2784), with key and sequence number (RFC 2890).

use crate::ChecksumStatus;
use crate::carried::Carried;
use crate::checksum::gre_valid;
use crate::error::ParseError;
use crate::packet::clip;
use crate::tunnel::Layer;

const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const VERSION: u16 = 0x0007;

/// What a GRE packet carries. `packet` is what was captured of it, `len` how many bytes it has.
///
/// `None` for what receivers drop: source routing (RFC 2784 section 2.3), and any version but 0; version 1 is
/// PPTP's and carries PPP.
pub(crate) fn parse(packet: &[u8], len: u32) -> Result<Option<Carried>, ParseError> {
    let word = |place: u32| -> Result<[u8; 4], ParseError> {
        let end = place.saturating_add(4);
        if end > len {
            return Err(ParseError::TunnelLength);
        }
        let start = usize::try_from(place).unwrap_or(usize::MAX);
        let word = packet.get(start..).and_then(|rest| rest.first_chunk());
        word.copied().ok_or(ParseError::TunnelTruncated)
    };
    let [flags_high, flags_low, type_high, type_low] = word(0)?;
    let flags = u16::from_be_bytes([flags_high, flags_low]);
    if flags & (ROUTING | VERSION) != 0 {
        return Ok(None);
    }
    let (mut start, mut checksum) = (4u32, ChecksumStatus::Unverifiable);
    if flags & CHECKSUM != 0 {
        word(start)?;
        checksum = gre_valid(clip(packet, len), len);
        start = start.saturating_add(4);
    }
    let (mut layer, mut id) = (Layer::Gre, 0);
    if flags & KEY != 0 {
        (layer, id) = (Layer::KeyedGre, u32::from_be_bytes(word(start)?));
        start = start.saturating_add(4);
    }
    if flags & SEQUENCE != 0 {
        word(start)?;
        start = start.saturating_add(4);
    }
    let ethertype = u16::from_be_bytes([type_high, type_low]);
    Ok(Some(Carried { layer, id, ethertype, start, end: len, checksum }))
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
        for flags in [0x4000, 0x0001, 0x3081, 0x0007] {
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
}
