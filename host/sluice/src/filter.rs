//! Filters in the syntax of pcap-filter(7), compiled by libpcap.
//!
//! libpcap looks names of hosts, nets and services up while it compiles: a tenant's filter would make this machine
//! ask DNS. So [`words`] goes over an expression first and lets only numbers, addresses and words of the
//! language through.

mod words;

use std::fmt;

use pcap::{BpfProgram, Capture, Linktype};

/// Bytes that an expression may have; a list of 300 ports fits.
const EXPRESSION_BYTES_MAX: usize = 4_096;

/// Bytes up to which libpcap optimises the program of an expression.
///
/// The optimiser's time grows with the cube of it: 0.1 s for a list of ports of this length, 5 s for one four times
/// as long, which takes 1.4 s without it. Programs that are not optimised match the same packets and take longer to.
const OPTIMISED_BYTES_MAX: usize = 1_024;

/// Link types for which one filter is compiled.
///
/// A capture can name 65,536 of them, and a program takes up to 100 KiB. Real ones have a handful.
const LINKS_MAX: usize = 64;

/// A predicate on packets: one expression, compiled for each link type that occurs.
///
/// It can move to a worker but not be shared by two (a compiled program of libpcap is `Send`, not `Sync`): each
/// worker parses its own.
pub(crate) struct PacketFilter {
    expression: String,
    programs: Vec<(u32, Result<BpfProgram, String>)>,
}

impl PacketFilter {
    /// Compiles `expression` for packets of the LINKTYPE_ code `link`.
    ///
    /// The empty expression matches every packet.
    ///
    /// # Errors
    ///
    /// [`FilterError`] with the place in the expression where it is known.
    pub(crate) fn parse(expression: &str, link: u32) -> Result<Self, FilterError> {
        let fail = |place, reason| FilterError { expression: expression.to_owned(), place, reason };
        if expression.len() > EXPRESSION_BYTES_MAX {
            let bytes = expression.len();
            return Err(fail(None, FilterFault::TooLong { bytes, limit: EXPRESSION_BYTES_MAX }));
        }
        words::check(expression).map_err(|fault| fail(Some(fault.place), fault.reason))?;
        let program = compile(expression, link).map_err(|text| fail(None, FilterFault::Refused { text }))?;
        Ok(Self { expression: expression.to_owned(), programs: vec![(link, Ok(program))] })
    }

    /// Whether a packet of link type `link` that begins with its link header matches.
    ///
    /// `len`, `greater` and `less` see the number of `bytes`, that is the captured length: on a capture with a
    /// short snap length they differ from what tcpdump gives, which knows the length on the wire.
    ///
    /// The first packet of a link type compiles the expression for it. Where the expression makes no sense for
    /// a link type (`ether host` for raw IP) no packet of it matches; [`PacketFilter::refusals`] tells.
    pub(crate) fn matches(&mut self, link: u32, bytes: &[u8]) -> bool {
        if let Some((_, program)) = self.programs.iter().find(|(known, _)| *known == link) {
            return program.as_ref().is_ok_and(|program| program.filter(bytes));
        }
        if self.programs.len() >= LINKS_MAX {
            return false;
        }
        let program = compile(&self.expression, link);
        let matches = program.as_ref().is_ok_and(|program| program.filter(bytes));
        self.programs.push((link, program));
        matches
    }

    /// Link types met whose packets cannot match, with what libpcap says about it.
    pub(crate) fn refusals(&self) -> impl Iterator<Item = (u32, &str)> {
        self.programs
            .iter()
            .filter_map(|(link, program)| program.as_ref().err().map(|text| (*link, text.as_str())))
    }
}

impl fmt::Debug for PacketFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let links: Vec<u32> = self.programs.iter().map(|(link, _)| *link).collect();
        f.debug_struct("PacketFilter").field("expression", &self.expression).field("links", &links).finish()
    }
}

/// Why an expression is no filter. Its text shows the expression and points at the place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct FilterError {
    expression: String,
    place: Option<Place>,
    /// What is wrong.
    pub(crate) reason: FilterFault,
}

impl FilterError {
    /// Column of the word at fault, in characters from 1; unknown for what libpcap refused.
    pub(crate) fn column(&self) -> Option<usize> {
        let before = self.expression.get(..self.place?.start)?;
        before.chars().count().checked_add(1)
    }
}

/// A word of an expression, in bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Place {
    start: usize,
    length: usize,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        if let Some(column) = self.column() {
            write!(f, " (column {column})")?;
        }
        if matches!(self.reason, FilterFault::TooLong { .. }) {
            return Ok(());
        }
        // Tabs and line ends would move the caret away from the place.
        let shown: String = self.expression.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        write!(f, "\n  {shown}")?;
        let (Some(place), Some(column)) = (self.place, self.column()) else { return Ok(()) };
        let word = self.expression.get(place.start..).and_then(|rest| rest.get(..place.length));
        let carets = "^".repeat(word.map_or(1, |word| word.chars().count()).max(1));
        write!(f, "\n{carets:>width$}", width = column.saturating_add(1).saturating_add(carets.len()))
    }
}

impl std::error::Error for FilterError {}

/// What is wrong with an expression.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FilterFault {
    /// More bytes than are compiled.
    #[error("a filter of {bytes} bytes is longer than the limit of {limit}")]
    TooLong {
        /// Of the expression.
        bytes: usize,
        /// The most that is compiled.
        limit: usize,
    },
    /// A character that no expression has.
    #[error("'{}' has no place in a filter", .character.escape_default())]
    Character {
        /// The character.
        character: char,
    },
    /// A word that is neither of the language nor a number or address: libpcap would look it up as a host or net.
    #[error("'{name}' is no word of a filter, and names are not looked up: use an address")]
    Name {
        /// The word.
        name: String,
    },
    /// A word where a port belongs.
    #[error("the service '{name}' is not looked up: use the number of the port")]
    Service {
        /// The word.
        name: String,
    },
    /// A word written together with a minus sign, which makes it a name.
    #[error("'{name}' reads as one name: put spaces around the minus sign")]
    Minus {
        /// The word.
        name: String,
    },
    /// An escaped word that is not the name of a protocol after `proto`.
    #[error("'\\{name}' is only for names of protocols after 'proto'")]
    Escape {
        /// The word.
        name: String,
    },
    /// `gateway` takes names only.
    #[error("'gateway' needs the name of a host, and names are not looked up")]
    Gateway,
    /// `ip broadcast` depends on a netmask that a filter does not know.
    #[error("'ip broadcast' depends on a netmask: use 'dst host' with the broadcast address")]
    IpBroadcast,
    /// A parenthesis without its other half.
    #[error("this parenthesis has no counterpart")]
    Parenthesis,
    /// libpcap refuses the expression.
    #[error("{text}")]
    Refused {
        /// In its words.
        text: String,
    },
}

/// Compiles a checked expression for one link type; the error is libpcap's text.
fn compile(expression: &str, link: u32) -> Result<BpfProgram, String> {
    let compiled = data_link(link).map(Linktype).map_or(Err(pcap::Error::InvalidLinktype), |data_link| {
        Capture::dead(data_link)?.compile(expression, expression.len() <= OPTIMISED_BYTES_MAX)
    });
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other errors show themselves well")]
    compiled.map_err(|error| match error {
        pcap::Error::PcapError(text) => text,
        other => other.to_string(),
    })
}

/// libpcap's number for a link type in memory (DLT_), which differs from the one in files (LINKTYPE_) for a few old
/// types.
fn data_link(link: u32) -> Option<i32> {
    match link {
        // ATM_RFC1483, RAW, SLIP_BSDOS, PPP_BSDOS, ATM_CLIP as Linux numbers them.
        100 => Some(11),
        101 => Some(12),
        102 => Some(15),
        103 => Some(16),
        106 => Some(19),
        other => i32::try_from(other).ok(),
    }
}

#[cfg(test)]
mod tests;
