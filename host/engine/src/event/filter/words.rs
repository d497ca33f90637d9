//! Filters in words of the field, for trees and reports.

use std::fmt::{self, Display, Formatter};

use sluice_wire::{IpAddress, TcpFlags};

use super::{End, NativeFilter};

/// Ranges, prefixes and pattern bytes that are written out; of more it is said how many there are.
const SHOWN: usize = 16;

/// Characters of an expression that are written out. tcpdump's manual has none above 150.
const EXPRESSION_SHOWN: usize = 200;

impl Display for NativeFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pcap(pcap) => {
                let shown: String = pcap.expression().chars().take(EXPRESSION_SHOWN).collect();
                let cut = if shown.len() < pcap.expression().len() { "..." } else { "" };
                write!(f, "pcap {shown:?}{cut}")
            }
            Self::TcpFlags { mask, value } => write!(f, "tcp flags {} of {}", Names(*value), Names(*mask)),
            Self::Ports { end, ports } => {
                let whose = match end {
                    End::Client => "client port in ",
                    End::Server => "server port in ",
                    End::Either => "port in ",
                };
                f.write_str(whose)?;
                list(f, ports.ranges().iter().copied(), |f, (first, last)| range(f, first, last))
            }
            Self::Prefixes { end, prefixes } => {
                let whose = match end {
                    End::Client => "client in ",
                    End::Server => "server in ",
                    End::Either => "host in ",
                };
                f.write_str(whose)?;
                list(f, prefixes.prefixes(), |f, (first, length): (IpAddress, u8)| {
                    write!(f, "{}/{length}", first.to_std())
                })
            }
            Self::Pattern { offset, bytes } => {
                let (shown, cut) = match bytes.get(..SHOWN * 2) {
                    Some(shown) if shown.len() < bytes.len() => (shown, "..."),
                    _ => (&**bytes, ""),
                };
                write!(f, "bytes at {offset} are \"{}\"{cut}", shown.escape_ascii())
            }
            Self::Length { min, max: u32::MAX } => write!(f, "length {min} or more"),
            Self::Length { min, max } => {
                f.write_str("length ")?;
                range(f, min, max)
            }
            Self::EveryBytes(n) => write!(f, "every {n} bytes"),
            Self::EveryPackets(n) => write!(f, "every {n}{} packet", ordinal(n.get())),
        }
    }
}

/// Flags by their names, `none` for none.
struct Names(TcpFlags);

impl Display for Names {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.bits() == 0 {
            return f.write_str("none");
        }
        // In the order of their bits.
        let names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"].into_iter().enumerate();
        let set = names.filter(|(bit, _)| self.0.bits() >> bit & 1 == 1);
        list(f, set, |f, (_, name)| f.write_str(name))
    }
}

/// `first-last`, or one number.
fn range<T: Display + PartialEq>(f: &mut Formatter<'_>, first: T, last: T) -> fmt::Result {
    if first == last { write!(f, "{first}") } else { write!(f, "{first}-{last}") }
}

/// Items with commas between them, and how many are left out.
fn list<T>(
    f: &mut Formatter<'_>,
    mut items: impl Iterator<Item = T>,
    write: impl Fn(&mut Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (position, item) in items.by_ref().take(SHOWN).enumerate() {
        if position > 0 {
            f.write_str(",")?;
        }
        write(f, item)?;
    }
    match items.count() {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}

/// What is put behind a number to count with it.
const fn ordinal(n: u32) -> &'static str {
    match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    }
}
