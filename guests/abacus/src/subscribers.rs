//! Who is charged: the operator's prefixes.

use core::net::IpAddr;
use core::str::FromStr;

use sluice::{Endpoints, Prefix, PrefixError, Side};

/// Whose traffic is charged; empty for every client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subscribers(Vec<Prefix>);

impl Subscribers {
    /// The ends of a flow that are charged for it: none, one, or both.
    pub(crate) fn of(&self, ends: &Endpoints) -> impl Iterator<Item = (Side, IpAddr)> {
        let ends = [(Side::Client, ends.client.ip()), (Side::Server, ends.server.ip())];
        ends.into_iter().filter(|(side, address)| self.include(*side, *address))
    }

    fn include(&self, side: Side, address: IpAddr) -> bool {
        self.0.is_empty() && side == Side::Client || self.0.iter().any(|prefix| prefix.contains(address))
    }

    /// A pcap-filter expression for the flows that match `filter` and have a subscriber: what the host leaves out costs
    /// nothing here.
    pub(crate) fn expression(&self, filter: &str) -> String {
        let networks: Vec<String> = self.0.iter().map(|prefix| format!("net {prefix}")).collect();
        match (filter.trim(), networks.join(" or ")) {
            (filter, networks) if networks.is_empty() => filter.to_owned(),
            ("", networks) => networks,
            (filter, networks) => format!("({filter}) and ({networks})"),
        }
    }
}

impl FromStr for Subscribers {
    type Err = PrefixError;

    /// Prefixes with commas or, where a comma means something else, plus signs between them.
    fn from_str(text: &str) -> Result<Self, PrefixError> {
        text.split([',', '+']).map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_end_in_a_prefix_is_a_subscriber() {
        for text in ["10.0.0.0/8,2001:db8::/32", "10.0.0.0/8+2001:db8::/32"] {
            let subscribers: Subscribers = text.parse().unwrap();
            for side in [Side::Client, Side::Server] {
                assert!(subscribers.include(side, "10.255.0.1".parse().unwrap()));
                assert!(subscribers.include(side, "2001:db8:1::".parse().unwrap()));
                assert!(!subscribers.include(side, "11.0.0.1".parse().unwrap()));
            }
        }
    }

    #[test]
    fn without_prefixes_every_client_is_one() {
        let address = "192.0.2.1".parse().unwrap();
        assert!(Subscribers::default().include(Side::Client, address));
        assert!(!Subscribers::default().include(Side::Server, address));
        assert!("".parse::<Subscribers>().is_err());
    }

    #[test]
    fn the_host_leaves_out_the_flows_of_others() {
        let subscribers: Subscribers = "10.0.0.0/8,2001:db8::1".parse().unwrap();
        assert_eq!(subscribers.expression(""), "net 10.0.0.0/8 or net 2001:db8::1/128");
        assert_eq!(
            subscribers.expression("port 80 or port 81"),
            "(port 80 or port 81) and (net 10.0.0.0/8 or net 2001:db8::1/128)"
        );
        assert_eq!(Subscribers::default().expression("port 80"), "port 80");
    }
}
