//! What is let through, what is refused and where, and what matches.

use super::words::{CONSTANTS, KEYWORDS};
use super::*;

const ETHERNET: u32 = 1;
const RAW: u32 = 101;

/// 10.0.0.1:40000 to 192.0.2.7:80, SYN, over Ethernet.
const FRAME: &[u8] = &[
    2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, // Ethernet
    0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 192, 0, 2, 7, // IPv4
    0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0, // TCP
];

fn message(expression: &str) -> String {
    PacketFilter::parse(expression, ETHERNET).unwrap_err().to_string()
}

#[test]
fn packets_are_matched() {
    let table = [
        ("", true),
        ("tcp", true),
        ("udp", false),
        ("tcp port 80", true),
        ("src port 80", false),
        ("tcp and net 10.0.0.0/8 and (port 80 or port 443 or 8080)", true),
        ("net 10.0.0.0 mask 255.0.0.0", true),
        ("portrange 79-81 or 90-91", true),
        ("portrange 81-90", false),
        ("host 192.0.2.7 && !host 10.0.0.2", true),
        ("ether host 02:00:00:00:00:01", true),
        ("ether src 02-00-00-00-00-02", false),
        ("ether dst 0200.0000.0002", true),
        ("tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn", true),
        ("tcp[13] & 0x10 != 0", false),
        ("ip[2:2] = 40 and ip[8] = 64", true),
        ("ip proto 6", true),
        ("ip proto \\tcp", true),
        ("ip proto (\\udp or \\tcp)", true),
        ("ether proto \\arp", false),
        ("ip6 host 2001:db8::1 or ip6 net fe80::/10", false),
        ("host ::ffff:10.0.0.1", false),
        ("len <= 54", true),
        ("greater 55", false),
        ("len - 4 = 50", true),
        ("vlan 7 and tcp", false),
        ("ether broadcast or ether multicast", false),
        ("llc rr", false),
    ];
    for (expression, expected) in table {
        match PacketFilter::parse(expression, ETHERNET) {
            Ok(mut filter) => assert_eq!(filter.matches(ETHERNET, FRAME), expected, "{expression}"),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn names_are_refused_before_libpcap_sees_them() {
    let hosts = [
        "host example.com",
        "src example",
        "dst net loopback",
        "ether host router",
        "host 1.2.3.4 or backup",
        "host (1.2.3.4 or backup)",
        "net 1.2.3.4.5",
        "1.2.3.4.example",
        "1::2.example",
        "::1.example",
        "fe80::1example",
        "host 10.0.0.1-10.0.0.9",
        "host 0x",
        "ip proto xyzzy",
        "host fe80:1",
        "llc rr or rr",
        "type mgt ((mgt))",
        "(ip proto \\tcp) or x",
        "proto 6 and host icmpx",
    ];
    for expression in hosts {
        let error = PacketFilter::parse(expression, ETHERNET).unwrap_err();
        assert!(matches!(error.reason, FilterFault::Name { .. } | FilterFault::Minus { .. }), "{error}");
        assert!(error.column().is_some());
    }
    for expression in ["port http", "src port https", "portrange ftp-ssh", "port 80 or http", "portrange 1-x"]
    {
        let error = PacketFilter::parse(expression, ETHERNET).unwrap_err();
        assert!(matches!(error.reason, FilterFault::Service { .. }), "{error}");
    }
    for expression in
        ["host \\tcp", "(ip proto \\tcp) or \\udp", "\\tcp", "ip proto \\tcp.example", "proto \\"]
    {
        let error = PacketFilter::parse(expression, ETHERNET).unwrap_err();
        assert!(matches!(error.reason, FilterFault::Escape { .. }), "{error}");
    }
}

#[test]
fn the_text_points_at_the_place() {
    let table = [
        (
            "tcp and host example.com",
            "'example.com' is no word of a filter, and names are not looked up: use an address (column 14)\n  \
             tcp and host example.com\n               ^^^^^^^^^^^",
        ),
        (
            "port\thttp",
            "the service 'http' is not looked up: use the number of the port (column 6)\n  \
             port http\n       ^^^^",
        ),
        ("tcp ; udp", "';' has no place in a filter (column 5)\n  tcp ; udp\n      ^"),
        (
            "höst 1",
            "'h' is no word of a filter, and names are not looked up: use an address (column 1)\n  höst 1\n  ^",
        ),
        ("(tcp", "this parenthesis has no counterpart (column 1)\n  (tcp\n  ^"),
        ("tcp)", "this parenthesis has no counterpart (column 4)\n  tcp)\n     ^"),
        (
            "len-4 > 3",
            "'len-4' reads as one name: put spaces around the minus sign (column 1)\n  len-4 > 3\n  ^^^^^",
        ),
        (
            "gateway 10.0.0.1",
            "'gateway' needs the name of a host, and names are not looked up (column 1)\n  gateway 10.0.0.1\n  ^^^^^^^",
        ),
        (
            "tcp or ip broadcast",
            "'ip broadcast' depends on a netmask: use 'dst host' with the broadcast address (column 11)\n  \
             tcp or ip broadcast\n            ^^^^^^^^^",
        ),
    ];
    for (expression, expected) in table {
        assert_eq!(message(expression), expected);
    }
}

#[test]
fn what_libpcap_refuses_is_told_in_its_words() {
    let shown = message("tcp and and udp");
    assert!(shown.contains("syntax error") && shown.ends_with("\n  tcp and and udp"), "{shown}");
    assert!(message("port 70000").contains("70000"));
    let long = "tcp or ".repeat(1_000);
    assert_eq!(message(&long), "a filter of 7000 bytes is longer than the limit of 4096");
}

#[test]
fn a_filter_of_the_greatest_length_matches_too() {
    let ports: Vec<String> = (80..420).rev().map(|port| format!("port {port}")).collect();
    let expression = ports.join(" or ");
    assert!((4_000..=EXPRESSION_BYTES_MAX).contains(&expression.len()));
    let mut filter = PacketFilter::parse(&expression, ETHERNET).unwrap();
    assert!(filter.matches(ETHERNET, FRAME));
    assert!(!filter.matches(ETHERNET, &FRAME[..14]));
}

#[test]
fn libpcap_knows_every_word_of_the_list() {
    for word in KEYWORDS.split_ascii_whitespace().chain(CONSTANTS.split_ascii_whitespace()) {
        // To a word that it does not know libpcap says that there is no such port.
        let text = compile(&format!("port {word}"), ETHERNET).err().unwrap_or_default();
        assert!(!text.contains("unknown port"), "{word}: {text}");
    }
    let unknown = compile("port sluice-no-such-service", ETHERNET).err().unwrap_or_default();
    assert!(unknown.contains("unknown port"), "{unknown}");
}

/// Pieces that, put together, come near everything that libpcap's scanner tells apart.
const PIECES: &str = "host net port portrange proto protochain type subtype dir llc on src dst ether ip ip6 tcp \
    gateway vlan len and or not ( ) ( ) [ ] / - : . _ :: = < & \\tcp \\arp \\xq 1 2:2 80 0x1f 0x 1.2.3.4 10.0 \
    1.2.3.4.5 fe80::1 ::ffff:1.2.3.4 1:2:3:4:5:6 1:2:3:4:5:6:7:8 \
    0-1-2-3-4-5 aabb.ccdd.eeff aabbccddeeff 1-2 xq ffxq xq-yq \
    mgt rr em0 tcp-syn icmp-echo";

#[test]
fn libpcap_never_sees_a_name_in_what_is_let_through() {
    let pieces: Vec<&str> = PIECES.split_ascii_whitespace().collect();
    let mut state = 0x5eed_u64;
    let mut below = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % limit
    };
    let (mut compiled, mut passed) = (0, 0);
    for _ in 0..50_000 {
        let mut expression = String::new();
        for _ in 0..=below(6) {
            expression.push_str(pieces[below(pieces.len())]);
            if below(4) > 0 {
                expression.push(' ');
            }
        }
        if words::check(&expression).is_err() {
            continue;
        }
        passed += 1;
        match compile(&expression, ETHERNET) {
            Ok(_) => compiled += 1,
            Err(text) => {
                let looked_up = ["unknown host", "unknown network", "unknown port", "unknown ether host"];
                assert!(!looked_up.iter().any(|start| text.contains(start)), "{expression}: {text}");
            }
        }
    }
    assert!(compiled > 500 && passed > 5_000, "{compiled} of {passed}");
}

#[test]
fn each_link_type_has_its_own_program() {
    let mut filter = PacketFilter::parse("tcp port 80", ETHERNET).unwrap();
    assert!(filter.matches(RAW, &FRAME[14..]));
    assert!(filter.matches(ETHERNET, FRAME));
    assert!(!filter.matches(ETHERNET, &FRAME[14..]));
    assert_eq!(filter.refusals().count(), 0);
}

#[test]
fn a_link_type_that_the_expression_does_not_fit_never_matches() {
    let mut filter = PacketFilter::parse("ether host 02:00:00:00:00:01", ETHERNET).unwrap();
    assert!(filter.matches(ETHERNET, FRAME));
    for link in [RAW, u32::MAX, 0x7fff_ffff] {
        assert!(!filter.matches(link, &FRAME[14..]));
    }
    assert_eq!(filter.refusals().map(|(link, _)| link).collect::<Vec<_>>(), [RAW, u32::MAX, 0x7fff_ffff]);
    assert!(PacketFilter::parse("ether host 02:00:00:00:00:01", RAW).is_err());
}

#[test]
fn link_types_are_limited() {
    let mut filter = PacketFilter::parse("tcp", ETHERNET).unwrap();
    for link in 1_000..2_000 {
        assert!(!filter.matches(link, FRAME));
    }
    assert_eq!(filter.programs.len(), LINKS_MAX);
    assert!(filter.matches(ETHERNET, FRAME));
}

#[test]
fn packets_of_any_length_are_matched() {
    let mut filter = PacketFilter::parse("tcp port 80 or vlan or ip6 protochain 6", ETHERNET).unwrap();
    for length in 0..=FRAME.len() {
        filter.matches(ETHERNET, &FRAME[..length]);
    }
}

#[test]
fn a_filter_can_move_to_a_worker() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&PacketFilter::parse("tcp", ETHERNET).unwrap());
}
