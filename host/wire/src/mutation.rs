//! Damaged frames by the hundred thousand: whatever the bytes are, what parses keeps its promises.

use crate::wrap::{self, ETHERNET, IPV4, IPV6, ethernet, geneve, gre, ipv4, ipv6, pppoe, udp, vlan, vxlan};
use crate::{
    Headers, IpAddress, LinkType, ParseError, Segment, TcpHeader, Transport, parse, transport_valid,
};

const FRAMES: u32 = 200_000;

const LINKS: [LinkType; 7] = [
    LinkType::Ethernet,
    LinkType::LinuxSll,
    LinkType::LinuxSll2,
    LinkType::RawIp,
    LinkType::Ipv4,
    LinkType::Ipv6,
    LinkType::BsdLoopback,
];

/// xorshift64 (Marsaglia 2003): deterministic, and good enough to choose bytes.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 16).unwrap() % bound.max(1)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }
}

/// Frames whose damaged copies reach every part of the parser.
fn seeds() -> Vec<Vec<u8>> {
    let v6 = (IpAddress([0x20; 16]), IpAddress([0x21; 16]));
    let syn_options = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7];
    let plain = Segment { options: &syn_options, payload: b"some payload", ..Segment::default() };
    let six = Segment { source: v6.0, destination: v6.1, ..plain };
    let mut seeds: Vec<Vec<u8>> = [
        plain,
        six,
        Segment { vlan: &[7, 5], ..plain },
        Segment { vlan: &[1, 2, 3, 4], ..six },
        Segment {
            options: &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1, 5, 10, 1, 2, 3, 4, 5, 6, 7, 8],
            ..plain
        },
    ]
    .iter()
    .map(|segment| {
        let mut frame = vec![0; 300];
        let len = segment.write_frame(&mut frame).unwrap();
        frame.truncate(len);
        frame
    })
    .collect();
    // An IPv6 frame with hop-by-hop, routing, fragment (atomic) and destination options headers.
    let chain =
        [43, 0, 1, 4, 0, 0, 0, 0, 44, 0, 4, 0, 0, 0, 0, 0, 60, 0, 0, 0, 1, 2, 3, 4, 6, 0, 1, 4, 0, 0, 0, 0];
    let mut extended = seeds[1].clone();
    extended[19] += 32;
    extended[20] = 0;
    extended.splice(54..54, chain);
    // MPLS with two labels in front of IPv4.
    let mut labelled = seeds[0].clone();
    labelled[12..14].copy_from_slice(&[0x88, 0x47]);
    labelled.splice(14..14, [0, 1, 0, 64, 0, 2, 1, 64]);
    // As many extension headers as are allowed, one byte away from too many.
    let mut crowded = seeds[1].clone();
    crowded[19] += 64;
    crowded[20] = 60;
    crowded.splice(54..54, [[60, 0, 1, 4, 0, 0, 0, 0]; 8].concat());
    crowded[54 + 56] = 6;
    // An IPv6 source address that is v4-mapped.
    let mut mapped = seeds[1].clone();
    mapped[22..38].copy_from_slice(&IpAddress::v4([192, 0, 2, 1]).0);
    seeds.extend([extended, labelled, crowded, mapped]);
    seeds.extend(tunnels());
    seeds
}

/// Each kind of tunnel, and one header more than there may be.
fn tunnels() -> Vec<Vec<u8>> {
    let (four, six) = (wrap::tcp(4), wrap::tcp(6));
    let bridged = ethernet(0x8100, &vlan(5, IPV4, &four));
    let mut deep = four.clone();
    for _ in 0..17 {
        deep = ipv4(4, &deep);
    }
    vec![
        ethernet(0x8864, &pppoe(7, 0x0021, &four)),
        ethernet(0x88a8, &vlan(7, 0x8864, &pppoe(7, 0x0057, &six))),
        ethernet(IPV4, &ipv4(4, &ipv6(4, &four))),
        ethernet(IPV6, &ipv6(4, &ipv4(41, &six))),
        ethernet(IPV4, &ipv4(47, &gre(0xb000, 5, IPV4, &four))),
        ethernet(IPV4, &ipv4(47, &gre(0x2000, 5, ETHERNET, &bridged))),
        ethernet(IPV4, &ipv4(17, &udp(4789, &vxlan(5, &bridged)))),
        ethernet(IPV6, &ipv6(17, &udp(6081, &geneve(5, 2, IPV6, &six)))),
        ethernet(IPV4, &ipv4(47, &gre(0x1000, 0, 0x88be, &[&[0x10; 8][..], &bridged].concat()))),
        ethernet(IPV4, &ipv4(47, &gre(0, 0, 0x880b, &[&[0xff, 3, 0, 0x21][..], &four].concat()))),
        ethernet(IPV4, &deep),
    ]
}

/// Puts the datagram of an Ethernet frame behind the header of another link type.
fn relink(frame: &[u8], link: LinkType, random: &mut Random) -> Vec<u8> {
    let (ethernet, datagram) = frame.split_at(14);
    let ethertype = &ethernet[12..];
    let family = if random.byte() & 1 == 0 { [2, 0, 0, 0] } else { [0, 0, 0, 30] };
    match link {
        LinkType::Ethernet => frame.to_vec(),
        LinkType::LinuxSll => [&[0; 14][..], ethertype, datagram].concat(),
        LinkType::LinuxSll2 => [ethertype, &[0; 18], datagram].concat(),
        LinkType::BsdLoopback => [&family[..], datagram].concat(),
        LinkType::RawIp | LinkType::Ipv4 | LinkType::Ipv6 => datagram.to_vec(),
    }
}

fn damage(frame: &mut Vec<u8>, random: &mut Random) {
    const TELLING: [u8; 12] = [0, 1, 4, 6, 8, 0x45, 0x4f, 0x60, 0x81, 0x86, 0xc2, 0xff];
    // Headers are in the first 120 bytes: that is where damage tells.
    for _ in 0..random.below(5) {
        let place = random.below(frame.len().min(120));
        let value = if random.byte() & 1 == 0 { random.byte() } else { TELLING[random.below(TELLING.len())] };
        if let Some(byte) = frame.get_mut(place) {
            *byte = value;
        }
    }
    match random.below(8) {
        0 => frame.truncate(random.below(frame.len())),
        1 => frame.extend((0..random.below(64)).map(|_| 0)),
        2 => {
            let place = random.below(frame.len());
            frame.insert(place, random.byte());
        }
        _ => {}
    }
}

fn check(headers: &Headers, frame: &[u8], wire_len: u32) {
    let captured = u64::try_from(frame.len()).unwrap();
    let offset = u64::from(headers.ip_offset);
    let (header_len, total_len) = (u64::from(headers.ip_header_len), u64::from(headers.ip_total_len));
    assert!(header_len >= 20 && header_len <= total_len);
    assert!(offset + header_len <= captured);
    assert!(offset + total_len <= captured.max(u64::from(wire_len)));
    assert_eq!(headers.fragment.is_some(), headers.transport == Transport::Fragment);
    if let Transport::Tcp(tcp) = &headers.transport {
        check_tcp(headers, tcp, frame);
    }
}

fn check_tcp(headers: &Headers, tcp: &TcpHeader, frame: &[u8]) {
    let captured = u64::try_from(frame.len()).unwrap();
    let payload = u64::from(tcp.payload_offset);
    assert_eq!(headers.protocol, 6);
    assert!((20..=60).contains(&tcp.header_len));
    assert_eq!(payload, u64::from(headers.transport_offset()) + u64::from(tcp.header_len));
    assert!(tcp.captured_len <= tcp.payload_len);
    assert!(payload + u64::from(tcp.captured_len) <= captured);
    assert_eq!(
        payload + u64::from(tcp.payload_len),
        u64::from(headers.ip_offset) + u64::from(headers.ip_total_len)
    );
    assert_eq!(u32::try_from(tcp.payload(frame).len()), Ok(tcp.captured_len));
    assert!(tcp.captured_len == tcp.payload_len || payload + u64::from(tcp.captured_len) == captured);
    assert!(tcp.options.window_scale.is_none_or(|shift| shift <= 14));
    assert!(tcp.options.sack_blocks <= 4);
}

#[test]
fn damaged_frames_never_panic_and_what_parses_stays_within_the_frame() {
    let mut random = Random(0x5eed_1234_abcd_0001);
    let seeds = seeds();
    let mut refused = [0u32; ParseError::COUNT];
    let (mut tcp, mut fragments, mut others) = (0u32, 0u32, 0u32);
    for _ in 0..FRAMES {
        let link = if random.byte() & 1 == 0 { LinkType::Ethernet } else { LINKS[random.below(LINKS.len())] };
        let mut frame = relink(&seeds[random.below(seeds.len())], link, &mut random);
        let wire_len = u32::try_from(frame.len()).unwrap();
        let wire_len = if random.below(16) == 0 { u32::MAX >> random.below(32) } else { wire_len };
        damage(&mut frame, &mut random);
        match parse(link, &frame, wire_len) {
            Ok(headers) => {
                check(&headers, &frame, wire_len);
                let _ = transport_valid(&headers, &frame);
                match headers.transport {
                    Transport::Tcp(_) => tcp += 1,
                    Transport::Fragment => fragments += 1,
                    Transport::Other => others += 1,
                }
            }
            Err(error) => refused[error.index()] += 1,
        }
    }
    // The damage is worth its time only while it reaches every outcome.
    assert!(tcp > FRAMES / 10 && fragments > 0 && others > 0, "{tcp} {fragments} {others}");
    for kind in ParseError::ALL {
        assert!(refused[kind.index()] > 0, "{}", kind.name());
    }
}

#[test]
fn bytes_without_any_sense_never_panic() {
    let mut random = Random(0x0123_4567_89ab_cdef);
    for _ in 0..FRAMES / 10 {
        let frame: Vec<u8> = (0..random.below(160)).map(|_| random.byte()).collect();
        for link in LINKS {
            let wire_len = u32::try_from(frame.len()).unwrap();
            if let Ok(headers) = parse(link, &frame, wire_len) {
                check(&headers, &frame, wire_len);
            }
        }
    }
}
