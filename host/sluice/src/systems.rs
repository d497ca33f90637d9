//! `--overlap [PREFIX=]POLICY`: which hosts are which systems.

use std::net::IpAddr;

use clap::ValueEnum;
use sluice_engine::System;
use sluice_engine::limits::SYSTEM_PREFIXES;
use sluice_engine::reassembly::OverlapPolicy;

use crate::cli::OverlapMode;

/// A value of `--overlap`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Overlap {
    /// For all hosts that no prefix holds.
    All(OverlapMode),
    /// For the hosts of a network.
    Network(System),
}

impl Overlap {
    /// Reads `POLICY` or `PREFIX=POLICY`; a prefix is an address, perhaps with `/` and the number of its leading bits.
    ///
    /// # Errors
    ///
    /// What is wrong with it, for the user.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some((prefix, policy)) = text.split_once('=') else { return mode(text).map(Self::All) };
        let (address, bits) =
            prefix.split_once('/').map_or((prefix, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| format!("{address:?} is not an address"))?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(all), str::parse).map_err(|_| format!("{prefix:?} is not a prefix"))?;
        let system = System::new(address.into(), bits, mode(policy)?.policy());
        system.map(Self::Network).ok_or_else(|| format!("{prefix:?} has more bits than an address"))
    }
}

fn mode(name: &str) -> Result<OverlapMode, String> {
    OverlapMode::from_str(name, false).map_err(|_| {
        let known = OverlapPolicy::ALL.map(OverlapPolicy::name).join(", ");
        format!("{name:?} is no policy; there are {known}")
    })
}

/// The policy for hosts of no network, the last one given, and the networks.
///
/// # Errors
///
/// If there are more networks than the engine takes.
pub(crate) fn sort(values: &[Overlap]) -> Result<(OverlapMode, Vec<System>), String> {
    let (mut all, mut systems) = (OverlapMode::First, Vec::new());
    for value in values {
        match value {
            Overlap::All(mode) => all = *mode,
            Overlap::Network(system) => systems.push(*system),
        }
    }
    if systems.len() > SYSTEM_PREFIXES {
        return Err(format!("--overlap: {} prefixes, {SYSTEM_PREFIXES} are the most", systems.len()));
    }
    Ok((all, systems))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(address: &str, bits: u8, policy: OverlapPolicy) -> Overlap {
        let address: IpAddr = address.parse().unwrap();
        Overlap::Network(System::new(address.into(), bits, policy).unwrap())
    }

    #[test]
    fn a_policy_may_be_for_all_hosts_or_for_those_of_a_prefix() {
        assert_eq!(Overlap::parse("linux"), Ok(Overlap::All(OverlapMode::Linux)));
        assert_eq!(Overlap::parse("10.0.0.0/8=windows"), Ok(system("10.0.0.0", 8, OverlapPolicy::Windows)));
        assert_eq!(Overlap::parse("10.1.2.3=bsd"), Ok(system("10.1.2.3", 32, OverlapPolicy::Bsd)));
        assert_eq!(Overlap::parse("2001:db8::/32=last"), Ok(system("2001:db8::", 32, OverlapPolicy::Last)));
        for wrong in
            ["", "lonux", "10.0.0.0/8", "10.0.0.0/33=bsd", "10.0.0/8=bsd", "10.0.0.0/x=bsd", "::1/129=bsd"]
        {
            assert!(Overlap::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_last_policy_for_all_counts_and_every_prefix() {
        let values =
            ["linux", "10.0.0.0/8=bsd", "last", "10.0.0.0/8=first"].map(|text| Overlap::parse(text).unwrap());
        let (all, systems) = sort(&values).unwrap();
        assert_eq!((all, systems.len()), (OverlapMode::Last, 2));
        assert!(sort(&vec![system("10.0.0.0", 8, OverlapPolicy::Bsd); SYSTEM_PREFIXES + 1]).is_err());
    }
}
