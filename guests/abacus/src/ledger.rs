//! What each subscriber owes.

use core::net::IpAddr;
use core::str::FromStr;
use std::collections::BTreeMap;

const HEADINGS: [&str; 9] =
    ["SUBSCRIBER", "FLOWS", "UPLINK", "DOWNLINK", "FAKE", "REXMIT", "UNVERIFIABLE", "MISSED", "IGNORED"];

/// What happens with bytes that an operator may see either way.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Charge {
    #[default]
    Free,
    Charge,
}

/// Whether bytes of two doubtful kinds are charged.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tariff {
    pub(crate) unverifiable: Charge,
    pub(crate) missed: Charge,
}

/// One direction of a subscriber's traffic, in bytes of payload but for the last.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Volume {
    /// Each byte of a stream, once.
    pub(crate) delivered: u64,
    /// What fake retransmissions carried again.
    pub(crate) fake: u64,
    /// What genuine retransmissions carried again.
    pub(crate) repeated: u64,
    /// What retransmissions carried again that could not be compared.
    pub(crate) unverifiable: u64,
    /// What never passed here, though more behind it did or the receiver acknowledged it.
    pub(crate) missed: u64,
    /// Packets that the receiver would ignore.
    pub(crate) ignored_packets: u64,
}

impl Volume {
    fn charged(&self, tariff: Tariff) -> u64 {
        let unverifiable = if tariff.unverifiable == Charge::Charge { self.unverifiable } else { 0 };
        let missed = if tariff.missed == Charge::Charge { self.missed } else { 0 };
        self.delivered + self.fake + unverifiable + missed
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Account {
    pub(crate) flows: u64,
    pub(crate) uplink: Volume,
    pub(crate) downlink: Volume,
}

impl Account {
    fn row(&self, name: &str, tariff: Tariff) -> [String; 9] {
        let both = |of: fn(&Volume) -> u64| (of(&self.uplink) + of(&self.downlink)).to_string();
        [
            name.to_owned(),
            self.flows.to_string(),
            self.uplink.charged(tariff).to_string(),
            self.downlink.charged(tariff).to_string(),
            both(|volume| volume.fake),
            both(|volume| volume.repeated),
            both(|volume| volume.unverifiable),
            both(|volume| volume.missed),
            both(|volume| volume.ignored_packets),
        ]
    }
}

/// Accounts of as many subscribers as fit, and one of all others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) tariff: Tariff,
    subscribers_max: usize,
    accounts: BTreeMap<IpAddr, Account>,
    others: Option<Account>,
}

impl Ledger {
    pub(crate) fn new(tariff: Tariff, subscribers_max: usize) -> Self {
        Self { tariff, subscribers_max, ..Self::default() }
    }

    pub(crate) fn account(&mut self, subscriber: IpAddr) -> &mut Account {
        if self.accounts.len() < self.subscribers_max || self.accounts.contains_key(&subscriber) {
            self.accounts.entry(subscriber).or_default()
        } else {
            self.others.get_or_insert_default()
        }
    }

    /// The subscribers in the order of their addresses, under headings, and a line with the sums.
    pub(crate) fn table(&self) -> String {
        let mut rows = vec![HEADINGS.map(str::to_owned)];
        rows.extend(
            self.accounts.iter().map(|(address, account)| account.row(&address.to_string(), self.tariff)),
        );
        rows.extend(self.others.iter().map(|others| others.row("others", self.tariff)));
        let all = || self.accounts.values().chain(&self.others);
        let uplink: u64 = all().map(|account| account.uplink.charged(self.tariff)).sum();
        let downlink: u64 = all().map(|account| account.downlink.charged(self.tariff)).sum();
        let subscribers = self.accounts.len();
        sluice::table::aligned(&rows, |column| column > 0)
            + &format!(
                "charged: {uplink} bytes uplink, {downlink} bytes downlink, of {subscribers} subscribers\n"
            )
    }
}

impl FromStr for Charge {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "charge" => Ok(Self::Charge),
            "free" => Ok(Self::Free),
            _ => Err("charge or free"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOLUME: Volume = Volume {
        delivered: 1_000,
        fake: 200,
        repeated: 30,
        unverifiable: 4,
        missed: 50_000,
        ignored_packets: 6,
    };

    #[test]
    fn genuine_retransmissions_are_free_and_fakes_are_not() {
        assert_eq!(VOLUME.charged(Tariff::default()), 1_200);
        let tariff = |unverifiable, missed| Tariff { unverifiable, missed };
        assert_eq!(VOLUME.charged(tariff(Charge::Charge, Charge::Free)), 1_204);
        assert_eq!(VOLUME.charged(tariff(Charge::Free, Charge::Charge)), 51_200);
    }

    #[test]
    fn a_tariff_charges_or_it_does_not() {
        assert_eq!(("free".parse(), "charge".parse()), (Ok(Charge::Free), Ok(Charge::Charge)));
        assert!("maybe".parse::<Charge>().is_err());
    }

    #[test]
    fn subscribers_beyond_the_limit_share_one_row() {
        let mut ledger = Ledger::new(Tariff::default(), 2);
        for address in ["2001:db8::1", "10.0.0.10", "10.0.0.9", "10.0.0.8", "10.0.0.10"] {
            let account = ledger.account(address.parse().unwrap());
            account.flows += 1;
            account.uplink.delivered += 100;
            account.downlink = VOLUME;
        }
        assert_eq!(
            ledger.table(),
            "\
SUBSCRIBER   FLOWS  UPLINK  DOWNLINK  FAKE  REXMIT  UNVERIFIABLE  MISSED  IGNORED
10.0.0.10        2     200      1200   200      30             4   50000        6
2001:db8::1      1     100      1200   200      30             4   50000        6
others           2     200      1200   200      30             4   50000        6
charged: 500 bytes uplink, 3600 bytes downlink, of 2 subscribers
"
        );
    }
}
