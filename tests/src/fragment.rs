//! Datagrams cut into fragments.

use std::ops::Range;

use sluice_wire::checksum::ipv4_header_checksum;
use sluice_wire::{Fragment, Headers, parse};

use crate::Frame;

const IPV6_LEN: usize = 40;
const FRAGMENT_HEADER: u8 = 44;

/// The fragment with the bytes `range` of what is behind the IP header of `whole`. More follow if bytes are left.
///
/// `None` if `whole` is no IP datagram without extension headers, or has no such bytes.
#[must_use]
pub fn fragment(whole: &Frame, range: Range<usize>, id: u32) -> Option<Frame> {
    let headers = headers_of(whole)?;
    let payload = headers.ip_payload(&whole.bytes);
    let offset = u32::try_from(range.start).ok()?;
    let place = Fragment { offset, more: range.end < payload.len(), id };
    fragment_with(whole, place, payload.get(range)?)
}

/// A fragment at any place and with any data, with the link and IP header of `whole`.
///
/// `None` if `whole` is no IP datagram without extension headers, or no header can say it.
#[must_use]
pub fn fragment_with(whole: &Frame, place: Fragment, data: &[u8]) -> Option<Frame> {
    let headers = headers_of(whole)?;
    let ip = usize::from(headers.ip_offset);
    let header_len = usize::from(headers.ip_header_len);
    let mut bytes = whole.bytes.get(..ip.checked_add(header_len)?)?.to_vec();
    let offset = u16::try_from(place.offset).ok().filter(|offset| offset.is_multiple_of(8))?;
    let header = bytes.get_mut(ip..)?;
    if headers.source.is_v4() {
        let total_len = u16::try_from(header_len.checked_add(data.len())?).ok()?;
        header[2..4].copy_from_slice(&total_len.to_be_bytes());
        header[4..6].copy_from_slice(&u16::try_from(place.id).ok()?.to_be_bytes());
        let word = offset >> 3 | u16::from(place.more) << 13;
        header[6..8].copy_from_slice(&word.to_be_bytes());
        header[10..12].fill(0);
        let checksum = ipv4_header_checksum(header);
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
    } else if header_len == IPV6_LEN {
        let stated = u16::try_from(data.len().checked_add(8)?).ok()?;
        header[4..6].copy_from_slice(&stated.to_be_bytes());
        header[6] = FRAGMENT_HEADER;
        bytes.extend([headers.protocol, 0]);
        bytes.extend((offset | u16::from(place.more)).to_be_bytes());
        bytes.extend(place.id.to_be_bytes());
    } else {
        return None;
    }
    bytes.extend(data);
    let wire_len = u32::try_from(bytes.len()).ok()?;
    Some(Frame { bytes, wire_len, ..whole.clone() })
}

fn headers_of(whole: &Frame) -> Option<Headers> {
    parse(whole.link?, &whole.bytes, whole.wire_len).ok()
}
