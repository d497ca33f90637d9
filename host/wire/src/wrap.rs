//! Tunnels around datagrams, for tests: correct lengths and checksums.

use crate::checksum::ipv4_header_checksum;
use crate::{IpAddress, Segment, SeqNumber};

pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const IPV6: u16 = 0x86dd;
pub(crate) const ETHERNET: u16 = 0x6558;

fn len16(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).unwrap().to_be_bytes()
}

/// A TCP datagram with the payload "hello", of either version.
pub(crate) fn tcp(version: u8) -> Vec<u8> {
    let v6 = (IpAddress([0x20; 16]), IpAddress([0x21; 16]));
    let plain = Segment { seq: SeqNumber(7), payload: b"hello", ..Segment::default() };
    let segment = if version == 6 { Segment { source: v6.0, destination: v6.1, ..plain } } else { plain };
    let mut bytes = vec![0; 100];
    let len = segment.write_datagram(&mut bytes).unwrap();
    bytes.truncate(len);
    bytes
}

pub(crate) fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = [0x45, 0, 0, 0, 0, 1, 0, 0, 64, protocol, 0, 0, 203, 0, 113, 1, 203, 0, 113, 2];
    header[2..4].copy_from_slice(&u16::try_from(payload.len() + 20).unwrap().to_be_bytes());
    let checksum = ipv4_header_checksum(&header);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    [&header, payload].concat()
}

pub(crate) fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    [&[0x60, 0, 0, 0][..], &len16(payload), &[next, 64], &[0x2a; 16], &[0x2b; 16], payload].concat()
}

pub(crate) fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2][..], &ethertype.to_be_bytes(), payload].concat()
}

/// A VLAN tag, to be put behind the EtherType 0x8100.
pub(crate) fn vlan(id: u16, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&id.to_be_bytes()[..], &ethertype.to_be_bytes(), payload].concat()
}

pub(crate) fn pppoe(session: u16, protocol: u16, payload: &[u8]) -> Vec<u8> {
    let ppp = [&protocol.to_be_bytes()[..], payload].concat();
    [&[0x11, 0][..], &session.to_be_bytes(), &len16(&ppp), &ppp].concat()
}

/// GRE with what `flags` say: checksum 0x8000, key 0x2000, sequence number 0x1000.
pub(crate) fn gre(flags: u16, key: u32, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = [flags.to_be_bytes(), ethertype.to_be_bytes()].concat();
    if flags & 0x8000 != 0 {
        packet.extend([0; 4]);
    }
    if flags & 0x2000 != 0 {
        packet.extend(key.to_be_bytes());
    }
    if flags & 0x1000 != 0 {
        packet.extend([0, 0, 0, 9]);
    }
    packet.extend(payload);
    if flags & 0x8000 != 0 {
        let checksum = ipv4_header_checksum(&packet);
        packet[4..6].copy_from_slice(&checksum.to_be_bytes());
    }
    packet
}

/// UDP without a checksum.
pub(crate) fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len() + 8).unwrap();
    [&[0xc0, 0][..], &port.to_be_bytes(), &len.to_be_bytes(), &[0, 0], payload].concat()
}

pub(crate) fn vxlan(vni: u32, frame: &[u8]) -> Vec<u8> {
    [&[8, 0, 0, 0][..], &(vni << 8).to_be_bytes(), frame].concat()
}

/// Geneve with `options` words of options.
pub(crate) fn geneve(vni: u32, options: u8, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let header = [&[options, 0][..], &ethertype.to_be_bytes(), &(vni << 8).to_be_bytes()].concat();
    [header, vec![0; usize::from(options) * 4], payload.to_vec()].concat()
}
