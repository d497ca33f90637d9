//! Each state and each letter of a connection's record, in as few packets as show it.

use sluice_tests::script::Script;

/// Packets, and the record: state, history, and packets/IP bytes/payload bytes of client and server.
const RULES: [(&str, &str, &str); 40] = [
    ("SYN without an answer", "c S 1000", "S0 S client 1/40/0 server 0/0/0"),
    ("a SYN sent again is one letter", "c S 1000; c S 1000", "S0 S client 2/80/0 server 0/0/0"),
    ("one with another number is another", "c S 1000; c S 2000", "S0 SS client 2/80/0 server 0/0/0"),
    ("established", HANDSHAKE, "S1 ShA client 2/80/0 server 1/40/0"),
    ("the final ACK is missing", "c S 1000; s S. 5000 ack 1001", "S1 Sh client 1/40/0 server 1/40/0"),
    (
        "closed by both",
        "HANDSHAKE; c F. 1001 ack 5001; s F. 5001 ack 1002; c . 1002 ack 5002",
        "SF ShAFf client 4/160/0 server 2/80/0",
    ),
    ("closed by the client", "HANDSHAKE; c F. 1001 ack 5001", "S2 ShAF client 3/120/0 server 1/40/0"),
    ("closed by the server", "HANDSHAKE; s F. 5001 ack 1001", "S3 ShAf client 2/80/0 server 2/80/0"),
    ("rejected", "c S 1000; s R. 0 ack 1001", "REJ Sr client 1/40/0 server 1/40/0"),
    ("aborted by the client", "HANDSHAKE; c R 1001", "RSTO ShAR client 3/120/0 server 1/40/0"),
    ("aborted by the server", "HANDSHAKE; s R 5001", "RSTR ShAr client 2/80/0 server 2/80/0"),
    (
        "aborted after the other side closed",
        "HANDSHAKE; s F. 5001 ack 1001; c R 1001",
        "RSTO ShAfR client 3/120/0 server 2/80/0",
    ),
    (
        "an RST behind both FINs changes nothing",
        "HANDSHAKE; c F. 1001 ack 5001; s F. 5001 ack 1002; c R 1002",
        "SF ShAFfR client 4/160/0 server 2/80/0",
    ),
    ("SYN, then RST", "c S 1000; c R 1001", "RSTOS0 SR client 2/80/0 server 0/0/0"),
    ("SYN-ACK, then RST", "s S. 5000 ack 1001; s R 5001", "RSTRH ^hr client 0/0/0 server 2/80/0"),
    ("SYN, then FIN", "c S 1000; c F. 1001 ack 0", "SH SF client 2/80/0 server 0/0/0"),
    ("SYN-ACK, then FIN", "s S. 5000 ack 1001; s F. 5001 ack 1001", "SHR ^hf client 0/0/0 server 2/80/0"),
    ("mid-stream", "c P. 1001:1011(10) ack 5001; s . 5001 ack 1011", "OTH Da client 1/50/10 server 1/40/0"),
    ("SYN-ACK alone", "s S. 5000 ack 1001", "OTH ^h client 0/0/0 server 1/40/0"),
    ("the SYN was missed", "s S. 5000 ack 1001; c . 1001 ack 5001", "S1 ^hA client 1/40/0 server 1/40/0"),
    ("data", "HANDSHAKE; c P. 1001:1011(10) ack 5001", "S1 ShAD client 3/130/10 server 1/40/0"),
    (
        "data of both",
        "HANDSHAKE; c P. 1001:1011(10) ack 5001; s P. 5001:5021(20) ack 1011",
        "S1 ShADd client 3/130/10 server 2/100/20",
    ),
    (
        "data sent again",
        "HANDSHAKE; c P. 1001:1011(10) ack 5001; c P. 1001:1011(10)",
        "S1 ShADT client 4/180/10 server 1/40/0",
    ),
    (
        "ten times",
        "HANDSHAKE; REPEAT 11 c P. 1001:1011(10) ack 5001",
        "S1 ShADTT client 13/630/10 server 1/40/0",
    ),
    (
        "nine times are no second letter",
        "HANDSHAKE; REPEAT 10 c P. 1001:1011(10) ack 5001",
        "S1 ShADT client 12/580/10 server 1/40/0",
    ),
    ("data that did not come by", "HANDSHAKE; s . 5001 ack 1011", "S1 ShAaG client 2/80/10-10 server 2/80/0"),
    (
        "data that came by behind its ACK are not missed",
        "HANDSHAKE; s . 5001 ack 1011; c P. 1001:1011(10) ack 5001",
        "S1 ShAaGD client 3/130/10 server 2/80/0",
    ),
    (
        "a hole, then its FIN",
        "HANDSHAKE; c F. 1011 ack 5001; s . 5001 ack 1012",
        "S2 ShAFaG client 3/120/10-10 server 2/80/0",
    ),
    (
        "the ACK of a FIN that came by late is for no byte",
        "HANDSHAKE; s . 5001 ack 1002; c F. 1001 ack 5001",
        "S2 ShAaGF client 3/120/0 server 2/80/0",
    ),
    (
        "what an ACK in an RST reveals is not believed",
        "HANDSHAKE; c P. 1011:1021(10) ack 5001; s R. 5001 ack 1021",
        "RSTR ShADr client 3/130/20 server 2/80/0",
    ),
    ("a window of zero", "HANDSHAKE; s . 5001 ack 1001 win 0", "S1 ShAaw client 2/80/0 server 2/80/0"),
    (
        "a wrong checksum, which is no packet",
        "HANDSHAKE; c P. 1001:1011(10) ack 5001 badsum",
        "S1 ShAC client 2/80/0 server 1/40/0",
    ),
    ("FIN and RST", "HANDSHAKE; c FR. 1001 ack 5001", "RSTO ShAI client 3/120/0 server 1/40/0"),
    ("SYN and FIN", "HANDSHAKE; c SF 1001", "S1 ShAQ client 3/120/0 server 1/40/0"),
    ("SYN and RST", "HANDSHAKE; s SR 5001", "RSTR ShAq client 2/80/0 server 2/80/0"),
    (
        "a forged RST leaves its letter and nothing else",
        "HANDSHAKE; s R 5101; s P. 5001:5011(10) ack 1001",
        "S1 ShArd client 2/80/0 server 3/130/10",
    ),
    (
        "a client that seems to give up, and does not",
        "c S 1000; c R 900; s S. 5000 ack 1001; c . 1001 ack 5001",
        "S1 SRhA client 3/120/0 server 1/40/0",
    ),
    (
        "a FIN sent again is one letter, one elsewhere another",
        "HANDSHAKE; c F. 1001 ack 5001; c F. 1001; c F. 1021",
        "S2 ShAFF client 5/200/20 server 1/40/0",
    ),
    (
        "what trails the end counts",
        "HANDSHAKE; c F. 1001 ack 5001; s F. 5001 ack 1002; c . 1002 ack 5002; s F. 5001 ack 1002",
        "SF ShAFf client 4/160/0 server 3/120/0",
    ),
    ("payload of a SYN", "c S 1000:1010(10); s S. 5000 ack 1011", "S1 Sh client 1/50/10 server 1/40/0"),
];

const HANDSHAKE: &str = "c S 1000; s S. 5000 ack 1001; c . 1001 ack 5001";

/// The record that a conversation leaves, packets a millisecond apart.
fn record(packets: &str) -> String {
    let packets = packets.replace("HANDSHAKE", HANDSHAKE);
    let mut lines = Vec::new();
    for packet in packets.split("; ") {
        let (count, packet) = packet.strip_prefix("REPEAT ").map_or((1, packet), |rest| {
            let (count, packet) = rest.split_once(' ').unwrap();
            (count.parse().unwrap(), packet)
        });
        lines.extend(std::iter::repeat_n(packet, count));
    }
    let lines = lines.into_iter().zip(0..).map(|(packet, time)| format!("{time}ms {packet}\n"));
    let script = format!("show records\nlevel state\n{}finish\n", lines.collect::<String>());
    let trace = Script::parse(&script).unwrap().run(1).unwrap();
    let records = trace.iter().filter_map(|line| line.split_once(" record "));
    records.map(|(_, record)| record).collect::<Vec<&str>>().join("; ")
}

#[test]
fn every_state_and_every_letter_is_as_the_table_says() {
    let mut report = String::new();
    for (what, packets, wanted) in RULES {
        let got = record(packets);
        if got != wanted {
            report += &format!("{what}: {got}, not {wanted}\n");
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

#[test]
fn the_table_has_all_states_and_letters() {
    let states = ["S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH"];
    let word = |record: &str, place| record.split(' ').nth(place).unwrap_or_default().to_owned();
    for state in states {
        assert!(RULES.iter().any(|(_, _, record)| word(record, 0) == state), "{state}");
    }
    for letter in "SHADFRCQITWG^".chars() {
        let has = |history: String| history.to_ascii_uppercase().contains(letter);
        assert!(RULES.iter().any(|(_, _, record)| has(word(record, 1))), "{letter}");
    }
}
