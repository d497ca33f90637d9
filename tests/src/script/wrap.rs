//! What a script puts around a datagram.

use sluice_engine::Side;
use sluice_wire::checksum::ipv4_header_checksum;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_VLAN: u16 = 0x8100;
const ETHERTYPE_PPPOE: u16 = 0x8864;

const PROTOCOL_IPV4: u8 = 4;
const PROTOCOL_UDP: u8 = 17;
const PROTOCOL_GRE: u8 = 47;

/// A header around a datagram, with the identifier that tells networks apart.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wrapper {
    Vlan(u16),
    Pppoe(u16),
    IpInIp,
    Gre(u32),
    Vxlan(u32),
    Geneve(u32),
}

/// Bytes behind an EtherType.
pub(super) struct Wrapped {
    ethertype: u16,
    bytes: Vec<u8>,
}

impl Wrapped {
    /// An IPv4 datagram.
    pub(super) const fn datagram(bytes: Vec<u8>) -> Self {
        Self { ethertype: ETHERTYPE_IPV4, bytes }
    }

    /// Puts a header around; `sender` is who sends, also through the tunnel.
    pub(super) fn within(self, wrapper: Wrapper, sender: Side) -> Result<Self, &'static str> {
        let is_datagram = self.ethertype == ETHERTYPE_IPV4;
        let (ethertype, bytes) = match wrapper {
            Wrapper::Vlan(id) => {
                let tag = [id.to_be_bytes(), self.ethertype.to_be_bytes()].concat();
                (ETHERTYPE_VLAN, [tag, self.bytes].concat())
            }
            Wrapper::Pppoe(session) if is_datagram => {
                let ppp = [&[0, 0x21][..], &self.bytes].concat();
                let header = [&[0x11, 0][..], &session.to_be_bytes(), &length(ppp.len())?].concat();
                (ETHERTYPE_PPPOE, [header, ppp].concat())
            }
            Wrapper::IpInIp if is_datagram => (ETHERTYPE_IPV4, ipv4(PROTOCOL_IPV4, &self.bytes, sender)?),
            Wrapper::Pppoe(_) | Wrapper::IpInIp => return Err("only a datagram fits into this"),
            Wrapper::Gre(key) => {
                let header = [&[0x20, 0][..], &self.ethertype.to_be_bytes(), &key.to_be_bytes()].concat();
                (ETHERTYPE_IPV4, ipv4(PROTOCOL_GRE, &[header, self.bytes].concat(), sender)?)
            }
            Wrapper::Vxlan(network) => {
                let header = [&[8, 0, 0, 0][..], &(network << 8).to_be_bytes()].concat();
                (ETHERTYPE_IPV4, udp(4789, &[header, self.frame()].concat(), sender)?)
            }
            Wrapper::Geneve(network) => {
                let header = [&[0, 0, 0x65, 0x58][..], &(network << 8).to_be_bytes()].concat();
                (ETHERTYPE_IPV4, udp(6081, &[header, self.frame()].concat(), sender)?)
            }
        };
        Ok(Self { ethertype, bytes })
    }

    /// An Ethernet frame of it.
    pub(super) fn frame(self) -> Vec<u8> {
        [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1][..], &self.ethertype.to_be_bytes(), &self.bytes].concat()
    }
}

fn length(bytes: usize) -> Result<[u8; 2], &'static str> {
    u16::try_from(bytes).map(u16::to_be_bytes).map_err(|_| "too long")
}

/// A datagram between the ends of a tunnel.
fn ipv4(protocol: u8, payload: &[u8], sender: Side) -> Result<Vec<u8>, &'static str> {
    let (from, to) = match sender {
        Side::Client => (1, 2),
        Side::Server => (2, 1),
    };
    let mut header = [0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0, 203, 0, 113, from, 203, 0, 113, to];
    header[2..4].copy_from_slice(&length(payload.len() + 20)?);
    let checksum = ipv4_header_checksum(&header);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    Ok([&header, payload].concat())
}

/// UDP without a checksum, between the ends of a tunnel.
fn udp(port: u16, payload: &[u8], sender: Side) -> Result<Vec<u8>, &'static str> {
    let header = [&[0xc0, 0][..], &port.to_be_bytes(), &length(payload.len() + 8)?, &[0, 0]].concat();
    ipv4(PROTOCOL_UDP, &[header, payload.to_vec()].concat(), sender)
}
