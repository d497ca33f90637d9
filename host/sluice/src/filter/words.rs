//! The words of a filter: lets through what libpcap compiles without looking a name up.
//!
//! Words are cut as libpcap's scanner cuts them: the longest run wins, so `len-4` is one word (a name) and
//! `1.2.3.4.example` too. What libpcap reads as an identifier is refused unless it stands where libpcap
//! has a table of its own.

use std::net::Ipv6Addr;

use super::{FilterFault, Place};

/// A word that may not stay, and where it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Fault {
    pub(super) place: Place,
    pub(super) reason: FilterFault,
}

/// Words of the language as of libpcap 1.10. A word that the installed libpcap does not know would be a name to it; a
/// test asks it about each.
pub(super) const KEYWORDS: &str = "\
    dst src link ether ppp slip fddi tr wlan arp rarp ip sctp tcp udp icmp igmp igrp pim vrrp carp radio \
    ip6 icmp6 ah esp atalk aarp decnet lat sca moprc mopdl iso esis es-is isis is-is l1 l2 iih lsp snp \
    csnp psnp clnp stp ipx netbeui host net mask port portrange proto protochain type subtype direction \
    dir address1 addr1 address2 addr2 address3 addr3 address4 addr4 ra ta less greater byte broadcast \
    multicast and or not len length inbound outbound ifindex vlan mpls pppoed pppoes geneve lane llc \
    metac bcc oam oamf4 oamf4ec oamf4sc sc ilmic vpi vci connectmsg metaconnect on ifname rset ruleset \
    rnr rulenum srnr subrulenum reason action fisu lssu lsu msu hfisu hlssu hmsu sio opc dpc sls hsio \
    hopc hdpc hsls";

/// Names of numbers: offsets, types and flags.
pub(super) const CONSTANTS: &str = "\
    icmptype icmpcode icmp-echoreply icmp-unreach icmp-sourcequench icmp-redirect icmp-echo \
    icmp-routeradvert icmp-routersolicit icmp-timxceed icmp-paramprob icmp-tstamp icmp-tstampreply \
    icmp-ireq icmp-ireqreply icmp-maskreq icmp-maskreply icmp6type icmp6code icmp6-echo icmp6-echoreply \
    icmp6-multicastlistenerquery icmp6-multicastlistenerreportv1 icmp6-multicastlistenerdone \
    icmp6-routersolicit icmp6-routeradvert icmp6-neighborsolicit icmp6-neighboradvert icmp6-redirect \
    icmp6-routerrenum icmp6-nodeinformationquery icmp6-nodeinformationresponse \
    icmp6-ineighbordiscoverysolicit icmp6-ineighbordiscoveryadvert icmp6-multicastlistenerreportv2 \
    icmp6-homeagentdiscoveryrequest icmp6-homeagentdiscoveryreply icmp6-mobileprefixsolicit \
    icmp6-mobileprefixadvert icmp6-certpathsolicit icmp6-certpathadvert icmp6-multicastrouteradvert \
    icmp6-multicastroutersolicit icmp6-multicastrouterterm icmp6-destinationunreach icmp6-packettoobig \
    icmp6-timeexceeded icmp6-parameterproblem tcpflags tcp-fin tcp-syn tcp-rst tcp-push tcp-ack tcp-urg \
    tcp-ece tcp-cwr";

/// Names that may follow `proto`, escaped where they are words of the language too.
const PROTOCOLS: &str = "\
    icmp icmp6 igmp igrp pim ah esp carp vrrp udp tcp sctp ip ip6 arp rarp atalk aarp decnet iso stp ipx \
    netbeui lat sca moprc mopdl loopback clnp esis isis";

/// Characters of the language besides words and the backslash, which escapes one.
const SIGNS: &str = " \t\r\n()[]<>=!&|^+-*/%:";

/// What the words before say about a name at this place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Expected {
    /// A name would be that of a host or net.
    Host,
    /// A name would be that of a service.
    Port,
    /// A range of ports as `1000-2000`.
    PortRange,
    /// A protocol; libpcap has most in a table and the C library the others.
    Protocol,
    /// One name from a table of libpcap: `type mgt`, `llc rr`, `on em0`.
    Listed,
}

/// Goes over all words of `expression`.
pub(super) fn check(expression: &str) -> Result<(), Fault> {
    let mut checker =
        Checker { expression, at: 0, expected: Expected::Host, after_ip: false, open: Vec::new() };
    while checker.step()? {}
    match checker.open.last() {
        None => Ok(()),
        Some((start, _)) => {
            Err(Fault { place: Place { start: *start, length: 1 }, reason: FilterFault::Parenthesis })
        }
    }
}

struct Checker<'a> {
    expression: &'a str,
    at: usize,
    expected: Expected,
    after_ip: bool,
    /// Places of open parentheses and what was expected before each: libpcap takes it up again behind them.
    open: Vec<(usize, Expected)>,
}

impl Checker<'_> {
    /// Checks the next word or sign; false at the end.
    fn step(&mut self) -> Result<bool, Fault> {
        let rest = self.expression.get(self.at..).unwrap_or_default();
        let Some(first) = rest.chars().next() else { return Ok(false) };
        if let Some(length) = word(rest) {
            let text = rest.get(..length).unwrap_or_default();
            self.word(text)?;
            self.at = self.at.saturating_add(length);
            return Ok(true);
        }
        match first {
            '\\' => return self.escape(rest).map(|()| true),
            '(' => self.open.push((self.at, self.expected)),
            ')' => match self.open.pop() {
                Some((_, expected)) => self.expected = expected,
                None => return Err(self.fault(1, FilterFault::Parenthesis)),
            },
            _ if SIGNS.contains(first) => {}
            character => return Err(self.fault(character.len_utf8(), FilterFault::Character { character })),
        }
        if self.expected == Expected::Listed && !first.is_ascii_whitespace() {
            self.expected = Expected::Host;
        }
        self.at = self.at.saturating_add(1);
        Ok(true)
    }

    fn word(&mut self, text: &str) -> Result<(), Fault> {
        let after_ip = std::mem::replace(&mut self.after_ip, text == "ip");
        let before = self.expected;
        self.expected = expected_after(text, before);
        let reason = match text {
            "gateway" => FilterFault::Gateway,
            "broadcast" if after_ip => FilterFault::IpBroadcast,
            _ if is_in(KEYWORDS, text) || is_in(CONSTANTS, text) || is_number_or_address(text) => {
                return Ok(());
            }
            _ if before == Expected::Listed => return Ok(()),
            _ if before == Expected::PortRange && is_range(text) => return Ok(()),
            _ if before == Expected::Protocol && is_in(PROTOCOLS, text) => return Ok(()),
            name => self.name(name),
        };
        Err(self.fault(text.len(), reason))
    }

    /// Why a name cannot be here.
    fn name(&self, name: &str) -> FilterFault {
        let name = name.to_owned();
        let head = name.split('-').next().unwrap_or_default();
        match self.expected {
            Expected::Port | Expected::PortRange => FilterFault::Service { name },
            _ if head != name && (is_in(KEYWORDS, head) || is_number_or_address(head)) => {
                FilterFault::Minus { name }
            }
            Expected::Host | Expected::Protocol | Expected::Listed => FilterFault::Name { name },
        }
    }

    /// A backslash and the word behind it, `rest` starting with the former.
    fn escape(&mut self, rest: &str) -> Result<(), Fault> {
        let behind = rest.get(1..).unwrap_or_default();
        // libpcap's scanner ends an escaped word at a blank, a parenthesis or a line end only.
        let length = behind.find([' ', '\t', '\r', '\n', '(', ')']).unwrap_or(behind.len());
        let name = behind.get(..length).unwrap_or_default();
        if self.expected != Expected::Protocol || !is_in(PROTOCOLS, name) {
            let reason = FilterFault::Escape { name: name.to_owned() };
            return Err(self.fault(length.saturating_add(1), reason));
        }
        self.after_ip = false;
        self.at = self.at.saturating_add(length).saturating_add(1);
        Ok(())
    }

    fn fault(&self, length: usize, reason: FilterFault) -> Fault {
        Fault { place: Place { start: self.at, length }, reason }
    }
}

fn is_in(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|listed| listed == word)
}

/// What is expected behind `word`, where `before` was expected in its place.
fn expected_after(word: &str, before: Expected) -> Expected {
    match word {
        "port" => Expected::Port,
        "portrange" => Expected::PortRange,
        "proto" | "protochain" => Expected::Protocol,
        "type" | "subtype" | "direction" | "dir" | "llc" | "on" | "ifname" | "rset" | "ruleset"
        | "reason" | "action" => Expected::Listed,
        // One listed name, and no more.
        _ if before == Expected::Listed => Expected::Host,
        // libpcap carries what was before over to the other side: `port 80 or 443`.
        "and" | "or" | "not" => before,
        _ if is_in(KEYWORDS, word) => Expected::Host,
        _ => before,
    }
}

/// Bytes of the word or address at the start of `rest`, as libpcap's scanner takes it.
fn word(rest: &str) -> Option<usize> {
    let run = |with: &[u8]| {
        let in_word = |byte: u8| byte.is_ascii_alphanumeric() || with.contains(&byte);
        rest.bytes().position(|byte| !in_word(byte)).unwrap_or(rest.len())
    };
    // Addresses with colons are whole words only when they are whole addresses: `ip[2:2]` has none.
    let with_colons = run(b".-_:");
    let address = rest.get(..with_colons).is_some_and(|text| text.contains(':') && is_colon_address(text));
    if address {
        return Some(with_colons);
    }
    if !rest.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return None;
    }
    let word = rest.get(..run(b".-_"))?.trim_end_matches(['-', '_']);
    Some(word.len())
}

fn is_number_or_address(text: &str) -> bool {
    is_dotted_numbers(text) || is_colon_address(text) || is_mac(text)
}

/// One to four numbers with dots between them: a number, or as much of an IPv4 address as is given.
fn is_dotted_numbers(text: &str) -> bool {
    text.split('.').count() <= 4 && text.split('.').all(is_number)
}

fn is_number(text: &str) -> bool {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    match hex {
        Some(digits) => !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit()),
        None => !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit()),
    }
}

fn is_colon_address(text: &str) -> bool {
    text.parse::<Ipv6Addr>().is_ok() || is_mac(text)
}

/// Six bytes with `:`, `-` or `.` between them, three pairs with `.`, or twelve digits.
fn is_mac(text: &str) -> bool {
    let hex = |part: &str| part.bytes().all(|digit| digit.is_ascii_hexdigit());
    let bytes = |sign| {
        text.split(sign).count() == 6 && text.split(sign).all(|part| matches!(part.len(), 1 | 2) && hex(part))
    };
    let pairs = || text.split('.').count() == 3 && text.split('.').all(|part| part.len() == 4 && hex(part));
    bytes(':') || bytes('-') || bytes('.') || pairs() || (text.len() == 12 && hex(text))
}

/// Two numbers with a minus sign between them.
fn is_range(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit());
    text.split_once('-').is_some_and(|(low, high)| digits(low) && digits(high))
}
